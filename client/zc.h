/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * MSG_ZEROCOPY on one socket: which sends are still owed a notification, and whether it pays.
 * The kernel numbers the successful sends that carry the flag from 0 and reports ranges of
 * those numbers on the error queue, with a bit when it had to copy after all. Where it copies,
 * plain sends are cheaper: the controller stops, and looks again now and then.
 */
#ifndef PMI_CLIENT_ZC_H
#define PMI_CLIENT_ZC_H

#include <stdbool.h>
#include <stdint.h>

#define ZC_SENDS_MAX 512u /* sends without a notification; a power of two */
#define ZC_PROBES 4u      /* notifications that settle what a path does */

/* Payload bytes of WRITEs by how they left. */
struct zc_stats {
    uint64_t bytes_zc, bytes_copied, bytes_unknown;
};

enum zc_mode {
    ZC_OFF,    /* the socket or the config says no */
    ZC_PROBE,  /* finding out: at most ZC_PROBES sends are out */
    ZC_ON,     /* it pays */
    ZC_PAUSED, /* the kernel copies; look again at resume_ns */
};

struct zc {
    enum zc_mode mode;
    bool always;         /* for tests: ZC_ON whatever the kernel says */
    uint32_t next;       /* number of the next send with the flag */
    uint32_t first;      /* the oldest send without a notification */
    uint32_t copied_run; /* notifications in a row that said "copied" */
    uint64_t resume_ns, pause_ns;
    uint32_t bytes[ZC_SENDS_MAX]; /* payload of each send, by number */
    bool notified[ZC_SENDS_MAX];
};

void zc_init(struct zc *z, bool usable, bool always);

/* Sends that are owed a notification. */
static inline uint32_t
zc_owed(const struct zc *z)
{
    return z->next - z->first;
}

/* Should a large payload try it now? */
__attribute__((warn_unused_result)) bool zc_wanted(struct zc *z, uint64_t now_ns);

/* A send with the flag succeeded; returns its number. */
uint32_t zc_count(struct zc *z, uint32_t payload_bytes, struct zc_stats *stats);

/*
 * Take what the socket's error queue has. Returns true if z->first moved.
 */
bool zc_collect(struct zc *z, int fd, uint64_t now_ns, struct zc_stats *stats);

/* For zc_collect() and tests: sends lo..hi were reported. */
void zc_notice(struct zc *z, uint32_t lo, uint32_t hi, bool copied, uint64_t now_ns,
               struct zc_stats *stats);

#endif
