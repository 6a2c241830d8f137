/* SPDX-License-Identifier: BSD-3-Clause */
/* The prefix codec. Every message of both ends passes here, so it neither loops nor allocates.
 */
#include "proto/wire.h"

#include "common/assert.h"
#include "common/crc32c.h"
#include "common/cursor.h"

#include <pmemd/errors.h>

/* Where the fields of P2 are. */
enum {
    AT_MAGIC = 0,
    AT_VERSION = 4,
    AT_VERB = 5,
    AT_FLAGS = 6,
    AT_TAG = 8,
    AT_HEADER_LEN = 16,
    AT_PAYLOAD_LEN = 20,
    AT_RESERVED = 24,
    AT_CRC = 28,
};
pmi_static_assert(AT_CRC + sizeof(uint32_t) == WIRE_PREFIX_BYTES);

#define MAGIC 0x31444d50u /* "PMD1" in wire order */

/* P2: over the prefix up to the CRC itself, then the header. */
static uint32_t
message_crc(const uint8_t *prefix, const void *header, size_t header_len)
{
    return pmi_crc32c(pmi_crc32c(0, prefix, AT_CRC), header, header_len);
}

int
wire_prefix_read(const uint8_t in[WIRE_PREFIX_BYTES], struct wire_prefix *ret)
{
    struct pmi_cur cur = pmi_cur_of(in, WIRE_PREFIX_BYTES);
    const uint8_t *h = pmi_take(&cur, WIRE_PREFIX_BYTES);
    pmi_assert(h != NULL);
    if (pmi_load_u32(h + AT_MAGIC) != MAGIC || h[AT_VERSION] != WIRE_VERSION)
        return PMEMD_E_PROTO; /* P2.1 */
    if (pmi_load_u32(h + AT_RESERVED) != 0)
        return PMEMD_E_PROTO;
    ret->verb = h[AT_VERB];
    ret->flags = pmi_load_u16(h + AT_FLAGS);
    ret->tag = pmi_load_u64(h + AT_TAG);
    ret->header_len = pmi_load_u32(h + AT_HEADER_LEN);
    ret->payload_len = pmi_load_u32(h + AT_PAYLOAD_LEN);
    if (ret->header_len > WIRE_HEADER_MAX || ret->payload_len > WIRE_PAYLOAD_MAX)
        return PMEMD_E_TOOBIG; /* P2.2 */
    return 0;
}

bool
wire_crc_ok(const uint8_t in[WIRE_PREFIX_BYTES], const void *header, size_t header_len)
{
    return pmi_load_u32(in + AT_CRC) == message_crc(in, header, header_len);
}

void
wire_prefix_write(uint8_t out[WIRE_PREFIX_BYTES], const struct wire_prefix *p,
                  const void *header)
{
    pmi_assert(p->header_len <= WIRE_HEADER_MAX);
    pmi_assert(p->payload_len <= WIRE_PAYLOAD_MAX);
    pmi_store_u32(out + AT_MAGIC, MAGIC);
    out[AT_VERSION] = WIRE_VERSION;
    out[AT_VERB] = p->verb;
    pmi_store_u16(out + AT_FLAGS, p->flags);
    pmi_store_u64(out + AT_TAG, p->tag);
    pmi_store_u32(out + AT_HEADER_LEN, p->header_len);
    pmi_store_u32(out + AT_PAYLOAD_LEN, p->payload_len);
    pmi_store_u32(out + AT_RESERVED, 0);
    pmi_store_u32(out + AT_CRC, message_crc(out, header, p->header_len));
}

const char *
wire_verb_name(unsigned verb)
{
    /* P4, the reserved verbs included: they are refused by this name. */
    static const char *const names[] = {
        [WIRE_HELLO] = "hello", [WIRE_OPEN] = "open",   [WIRE_STAT] = "stat",
        [WIRE_LIST] = "list",   [5] = "create",         [6] = "resize",
        [7] = "delete",         [8] = "seal",           [9] = "map",
        [WIRE_READ] = "read",   [WIRE_WRITE] = "write", [WIRE_ZERO] = "zero",
        [WIRE_FLUSH] = "flush", [20] = "commit",        [21] = "cas",
        [22] = "fetch_add",     [23] = "wait",          [24] = "query",
    };
    if (verb >= sizeof names / sizeof names[0] || names[verb] == NULL)
        return "unknown";
    return names[verb];
}

bool
wire_verb_is_hot(unsigned verb)
{
    return verb >= WIRE_READ && verb <= WIRE_FLUSH;
}
