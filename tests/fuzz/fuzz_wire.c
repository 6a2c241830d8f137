/* SPDX-License-Identifier: BSD-3-Clause */
/* Prefix, then header. What is accepted must be what writing it again gives, its CRC apart. */
#include "common/assert.h"
#include "proto/wire.h"

#include <string.h>

#define AT_CRC (WIRE_PREFIX_BYTES - 4)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct wire_prefix p;
    if (size < WIRE_PREFIX_BYTES || wire_prefix_read(data, &p) != 0)
        return 0;
    const uint8_t *header = data + WIRE_PREFIX_BYTES;
    const size_t header_len = size - WIRE_PREFIX_BYTES;
    const bool crc_ok = wire_crc_ok(data, header, header_len);
    if (p.header_len > header_len)
        return 0;
    uint8_t again[WIRE_PREFIX_BYTES];
    wire_prefix_write(again, &p, header);
    pmi_assert(memcmp(again, data, AT_CRC) == 0);
    pmi_assert(wire_crc_ok(again, header, p.header_len));
    if (p.header_len == header_len)
        pmi_assert(crc_ok == (memcmp(again + AT_CRC, data + AT_CRC, 4) == 0));
    pmi_assert(wire_verb_name(p.verb) != NULL);
    return 0;
}
