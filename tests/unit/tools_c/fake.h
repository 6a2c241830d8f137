/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * libpmemd made of memory, for tests of the tools: the public functions, one region, no server.
 * It can be told to break each promise the tools rely on or check.
 */
#ifndef FAKE_H
#define FAKE_H

#include <pmemd/pmemd.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FAKE_BYTES ((size_t)16 << 20)

struct fake {
    unsigned char *region; /* FAKE_BYTES */
    uint64_t len;          /* of the region as clients see it; at most FAKE_BYTES */
    unsigned release_lag;  /* reaps between DONE and RELEASED */

    /* Broken promises; 0 = kept. */
    unsigned tear_every; /* this many-th WRITE lands half of its bytes now, half a reap later */
    unsigned skew_every; /* ... its first half of blocks now, the rest a reap later */
    unsigned stale_every; /* this many-th READ is answered from an old copy */
    unsigned place_every; /* ... from 4 KiB further on */
    unsigned fail_from;   /* the n-th data request and all after it fail ... */
    int fail_err;         /* ... with this */
    unsigned mute_from;   /* the n-th data request and all after it are never answered */
    unsigned lose_every;  /* every n-th data request is preceded by LOST and CONNECTED */
    int open_err, connect_err;
    uint64_t tick_ns; /* of the clock below; 0 = 10 us */
    unsigned stop_at; /* raise SIGTERM at the n-th data request */

    /* What was seen. */
    unsigned reads, writes, flushes;
    uint64_t bytes_read, bytes_written;
    unsigned unstable; /* buffers that changed between submit and RELEASED */
    unsigned early;    /* buffers submitted again before RELEASED */
    unsigned clients;  /* open ones */
    unsigned in_flight_max;
};

extern struct fake fake;

/* Fresh state: zeroed region, all promises kept. */
void fake_reset(void);

/* With ld --wrap=tool_now_ns: a clock that goes on by tick_ns per look at it, so that how
 * much a run does depends on nothing else. */
uint64_t __wrap_tool_now_ns(void); /* NOLINT(bugprone-reserved-identifier): ld names it */

#endif
