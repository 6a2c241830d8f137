/* SPDX-License-Identifier: BSD-3-Clause */
/* The frame: one descriptor per 2 MiB of a region, the same for every medium. */
#ifndef SERVER_STORE_FRAME_H
#define SERVER_STORE_FRAME_H

#include <stdint.h>

#define FRAME_SHIFT 21u
#define FRAME_BYTES (1ull << FRAME_SHIFT)

struct frame {
    uint64_t lsn;           /* newest record that touched it; 0 before there is a journal */
    uint64_t copy_until_ns; /* a writer waited here: serve by copy until then */
    uint32_t pins;          /* zero-copy sends the kernel may still read from it */
    uint32_t state;         /* reserved for dirty state; 0 */
};

#endif
