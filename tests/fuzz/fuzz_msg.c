/* SPDX-License-Identifier: BSD-3-Clause */
/* A byte says which message, then the message. What was read can be written, and reading that
 * and writing it once more gives the same bytes. */
#include "common/assert.h"
#include "proto/msg.h"

#include <string.h>

static _Alignas(16) uint8_t scratch[MSG_ARENA_BYTES];
static uint8_t out[2][WIRE_HEADER_MAX];
static struct msg_counter counters[MSG_COUNTERS_MAX];
static struct msg_region regions[MSG_LIST_MAX];

/* What a struct must hold before it is read into. */
#define NOTHING(m) (void)(m)
#define COUNTERS(m) ((m)->counters = counters, (m)->counter_count = MSG_COUNTERS_MAX)
#define REGIONS(m) ((m)->regions = regions, (m)->region_count = MSG_LIST_MAX)

#define TARGET(kind, prepare)                                                                  \
    static void try_##kind(const uint8_t *data, size_t size)                                   \
    {                                                                                          \
        struct msg_##kind m = {0};                                                             \
        prepare(&m);                                                                           \
        if (msg_##kind##_read(data, size, scratch, &m) != 0)                                   \
            return;                                                                            \
        const int n = msg_##kind##_write(out[0], sizeof out[0], &m);                           \
        pmi_assert(n >= 0);                                                                    \
        prepare(&m);                                                                           \
        const int rc = msg_##kind##_read(out[0], (size_t)n, scratch, &m);                      \
        pmi_assert(rc == 0);                                                                   \
        const int again = msg_##kind##_write(out[1], sizeof out[1], &m);                       \
        pmi_assert(again == n);                                                                \
        pmi_assert(memcmp(out[0], out[1], (size_t)n) == 0);                                    \
    }                                                                                          \
    struct kind##_ends_with_a_semicolon
TARGET(hello, NOTHING);
TARGET(hello_reply, NOTHING);
TARGET(open, NOTHING);
TARGET(open_reply, NOTHING);
TARGET(stat, NOTHING);
TARGET(stat_reply, COUNTERS);
TARGET(list, NOTHING);
TARGET(list_reply, REGIONS);
TARGET(refusal, NOTHING);

static void (*const targets[])(const uint8_t *data, size_t size) = {
    try_hello,      try_hello_reply, try_open,       try_open_reply, try_stat,
    try_stat_reply, try_list,        try_list_reply, try_refusal,
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > 0)
        targets[data[0] % (sizeof targets / sizeof targets[0])](data + 1, size - 1);
    return 0;
}
