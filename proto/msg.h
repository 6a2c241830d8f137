/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Handshake and control messages (P4) as plain structs of our own. msg.c is the only file that
 * knows protobuf-c. Decoding uses a bounded arena: MSG_ARENA_BYTES of scratch memory per call,
 * exhaustion is PMEMD_E_PROTO.
 *
 * Strings are UTF-8 and NUL-terminated. Read, they are copied whole: one that is too long for
 * its field, holds a NUL or is not UTF-8 is PMEMD_E_PROTO. Written, a region's name must be
 * right, and every other text is mended: cut to its field at the end of a character, bytes that
 * are not UTF-8 become '?'.
 */
#ifndef PMI_PROTO_MSG_H
#define PMI_PROTO_MSG_H

#include "proto/limits.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MSG_ARENA_BYTES (256u << 10)
#define MSG_TEXT_MAX 256u
#define MSG_LIST_MAX 64u      /* regions that fit one LIST reply, however long their texts */
#define MSG_COUNTERS_MAX 384u /* counters that fit one STAT reply, likewise */

#define MSG_FEATURE_CRC 0x1ull /* READ and WRITE may carry checksums */

/* Each but stage_max is at least 1, and those that limits.h knows do not exceed it there. */
struct msg_limits {
    uint32_t extents_max, credit_requests, credit_extents;
    uint64_t io_max, zero_max, stage_max, credit_bytes;
};

struct msg_hello {
    uint32_t version_min, version_max;
    uint64_t features;
    uint8_t session[16];
    char software[65];
};

/* Replies: `status` is the wire status, 0 = OK. With any other one the text says more, and what
 * is marked "OK only" is neither sent nor read: it reads as zero. */
struct msg_hello_reply {
    uint16_t status;
    uint32_t version;
    uint64_t features;
    struct msg_limits limits; /* OK only, and then always there */
    char text[MSG_TEXT_MAX];
    char software[65];
};

struct msg_open {
    char region[WIRE_NAME_MAX + 1];
    uint32_t class_min;
    bool crc;
};

struct msg_region {
    char name[WIRE_NAME_MAX + 1];
    char medium[16];
    char memory_kind[32];
    char why_copied[152];
    uint32_t durability, shard;
    uint64_t size, page_size, fixed_buffers, connections, lsn, epoch;
    uint64_t bytes_zc, bytes_copied, bytes_staged, bytes_unknown, bytes_direct;
    uint8_t history[16]; /* zeros: not told */
};

struct msg_open_reply {
    uint16_t status;
    char text[MSG_TEXT_MAX];
    struct msg_region region; /* OK only, and then always there */
};

struct msg_counter {
    char name[48];
    char unit[16];
    uint64_t value;
};

struct msg_stat {
    bool counters;
};

struct msg_stat_reply {
    uint16_t status;
    char text[MSG_TEXT_MAX];
    struct msg_region region;     /* OK only, and then always there */
    struct msg_counter *counters; /* OK only; caller's array: capacity in, count out */
    unsigned counter_count;
};

struct msg_list {
    char after[WIRE_NAME_MAX + 1];
    uint32_t max;
};

struct msg_list_reply {
    uint16_t status;
    char text[MSG_TEXT_MAX];
    struct msg_region *regions; /* OK only; caller's array: capacity in, count out */
    unsigned region_count;
    bool more; /* OK only */
};

struct msg_refusal {
    uint16_t status; /* never 0 */
    char text[MSG_TEXT_MAX];
};

/*
 * Each pair: `msg_X_write` packs into out[cap] and returns the bytes used (0 is possible),
 * PMEMD_E_TOOBIG if they are more than cap, WIRE_HEADER_MAX or the counts above, or PMEMD_E_ARG
 * for a name, limits or a refusal's status that no reader would take: what was written can be
 * read. *m is not changed.
 *
 * `msg_X_read` unpacks `len` bytes, PMEMD_E_PROTO when malformed, past a limit, or past the
 * caller's array. Unknown fields are ignored (P2.5). *ret and the caller's array are set on
 * success only; the two that have an array take its address and capacity from *ret. `scratch`
 * is MSG_ARENA_BYTES, nothing of it is needed afterwards.
 */
#define MSG_CHECK __attribute__((warn_unused_result))
MSG_CHECK int msg_hello_write(void *out, size_t cap, const struct msg_hello *m);
MSG_CHECK int msg_hello_read(const void *in, size_t len, void *scratch, struct msg_hello *ret);
MSG_CHECK int msg_hello_reply_write(void *out, size_t cap, const struct msg_hello_reply *m);
MSG_CHECK int msg_hello_reply_read(const void *in, size_t len, void *scratch,
                                   struct msg_hello_reply *ret);
MSG_CHECK int msg_open_write(void *out, size_t cap, const struct msg_open *m);
MSG_CHECK int msg_open_read(const void *in, size_t len, void *scratch, struct msg_open *ret);
MSG_CHECK int msg_open_reply_write(void *out, size_t cap, const struct msg_open_reply *m);
MSG_CHECK int msg_open_reply_read(const void *in, size_t len, void *scratch,
                                  struct msg_open_reply *ret);
MSG_CHECK int msg_stat_write(void *out, size_t cap, const struct msg_stat *m);
MSG_CHECK int msg_stat_read(const void *in, size_t len, void *scratch, struct msg_stat *ret);
MSG_CHECK int msg_stat_reply_write(void *out, size_t cap, const struct msg_stat_reply *m);
MSG_CHECK int msg_stat_reply_read(const void *in, size_t len, void *scratch,
                                  struct msg_stat_reply *ret);
MSG_CHECK int msg_list_write(void *out, size_t cap, const struct msg_list *m);
MSG_CHECK int msg_list_read(const void *in, size_t len, void *scratch, struct msg_list *ret);
MSG_CHECK int msg_list_reply_write(void *out, size_t cap, const struct msg_list_reply *m);
MSG_CHECK int msg_list_reply_read(const void *in, size_t len, void *scratch,
                                  struct msg_list_reply *ret);
MSG_CHECK int msg_refusal_write(void *out, size_t cap, const struct msg_refusal *m);
MSG_CHECK int msg_refusal_read(const void *in, size_t len, void *scratch,
                               struct msg_refusal *ret);
#undef MSG_CHECK

#endif
