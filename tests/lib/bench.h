/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A real server in the test's own process: server_run() in a thread, on 127.0.0.1 with a port of
 * the kernel's choice or on a Unix socket, with small regions. One bench at a time. Works as root
 * and as anybody, with and without huge pages and sanitizers.
 *
 * The program is linked with the library test_bench, which wraps ring_probe() (for small slots),
 * sock_listen() (to learn the port), shard_new() and shard_free() (to read the counters).
 */
#ifndef PMI_TEST_BENCH_H
#define PMI_TEST_BENCH_H

#include "server/config.h"

#include <pmemd/pmemd.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BENCH_MIB (1ull << 20)
#define BENCH_REGION_BYTES (16 * BENCH_MIB) /* of the region "demo" that is there by default */
#define BENCH_SLOT_BYTES (2 * BENCH_MIB)    /* data per slot with bench_small_slots */
#define BENCH_PATIENCE_NS (30ull * 1000000000) /* a test that waits longer hangs */

struct bench_setup {
    const char *const *options; /* "send=zc", "shards=2", ...; NULL ends them. NULL: none */
    const char *const *regions; /* as pmemd --region takes them. NULL: demo */
    const char *listen;         /* the address of an earlier bench, or NULL: a new one */
    bool unix_socket;
    bool small_slots; /* BENCH_SLOT_BYTES of data per fixed buffer */
};

struct bench;

/* Skip the test program (exit 77, with the reason) where io_uring is not to be had. */
void bench_need(void);

/* Start and wait until it serves. Fails the test if it does not. NULL: all defaults. */
struct bench *bench_up(const struct bench_setup *setup);

/* The same, but a server that ends instead gives its exit code, and *ret is not set. */
int bench_try(const struct bench_setup *setup, struct bench **ret);

/* One SIGTERM. */
void bench_signal(struct bench *b);

/* Wait for the server's end; its exit code. Frees the bench. */
int bench_join(struct bench *b);

/* Stop, which must succeed, and leave no descriptor, ring or memory file behind that was not
 * there at bench_up(). Clients are closed before. */
void bench_down(struct bench *b);

const char *bench_address(const struct bench *b);           /* for setup.listen */
const char *bench_uri(struct bench *b, const char *region); /* valid until the next call */

/* A connected client whose first event was taken. `cfg` NULL: bench_config(). */
struct pmemd_client *bench_client(struct bench *b, const char *region,
                                  const struct pmemd_config *cfg);
/* Defaults, but with a deadline for everything. */
struct pmemd_config bench_config(void);

/* A counter of server/store/stats.def, summed over the shards. */
uint64_t bench_stat(const struct bench *b, const char *name);
/* Wait until it has that value; fails the test if it does not get there. */
void bench_expect(const struct bench *b, const char *name, uint64_t value);
/* Zero-copy sends the kernel has not let go of. */
uint64_t bench_pins(const struct bench *b);

/* Did the server log a line that contains this text? */
bool bench_logged(const struct bench *b, const char *text);
unsigned bench_shard_count(const struct bench *b);

/* What a process holds that a leak would show in. */
struct bench_world {
    unsigned fds;
    uint64_t special_bytes; /* of mapped memory files and rings */
    unsigned shard_threads;
};
struct bench_world bench_world(void);
/* Wait until the process holds no more than `before`; false, and says what, if it stays so. */
bool bench_world_is(const struct bench_world *before);

/* Bytes that tell their place and `seed`. */
void bench_fill(void *data, size_t len, uint64_t seed);

/* Drive `c` until `count` DONE events came (they are stored in `done`) and all are RELEASED;
 * fails the test when that takes too long. Returns link events seen meanwhile. */
unsigned bench_reap(struct pmemd_client *c, struct pmemd_event *done, unsigned count);

#endif
