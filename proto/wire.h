/* SPDX-License-Identifier: BSD-3-Clause */
/* The 32-byte prefix of every message (P2): decode, encode, check. */
#ifndef PMI_PROTO_WIRE_H
#define PMI_PROTO_WIRE_H

#include "proto/limits.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum wire_verb {
    WIRE_HELLO = 1,
    WIRE_OPEN = 2,
    WIRE_STAT = 3,
    WIRE_LIST = 4,
    WIRE_READ = 16,
    WIRE_WRITE = 17,
    WIRE_ZERO = 18,
    WIRE_FLUSH = 19,
};

#define WIRE_F_REPLY 0x1u

struct wire_prefix {
    uint8_t verb;   /* not checked against enum wire_verb: unknown verbs get a reply */
    uint16_t flags; /* WIRE_F_*; not checked either: unknown flags get a reply (P2.4) */
    uint64_t tag;
    uint32_t header_len;
    uint32_t payload_len;
};

/*
 * Decode the 32 bytes at `in`. PMEMD_E_PROTO: magic, version or reserved field wrong, the
 * stream is lost. PMEMD_E_TOOBIG: a length past its limit; *ret is set, so that a reply can
 * name the tag (the CRC was not checked: its header is not there to be summed). The CRC of an
 * accepted prefix is wire_crc_ok()'s to check, when the header has arrived.
 */
int wire_prefix_read(const uint8_t in[WIRE_PREFIX_BYTES], struct wire_prefix *ret)
    __attribute__((warn_unused_result));

/* Is the CRC in the prefix at `in` that of prefix and header? */
bool wire_crc_ok(const uint8_t in[WIRE_PREFIX_BYTES], const void *header, size_t header_len)
    __attribute__((warn_unused_result));

/* Encode *p, within its limits, in front of a finished header (p->header_len bytes at `header`,
 * which may be NULL if there are none), CRC included. */
void wire_prefix_write(uint8_t out[WIRE_PREFIX_BYTES], const struct wire_prefix *p,
                       const void *header);

/* The verb's name for logs and errors ("read", "commit", ...), also of the reserved ones;
 * "unknown" else. */
const char *wire_verb_name(unsigned verb);

/* Is this verb carried by the fixed header of P3, in this version? */
bool wire_verb_is_hot(unsigned verb);

#endif
