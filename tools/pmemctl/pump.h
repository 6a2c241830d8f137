/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The pipeline below put and get: a ring of page-aligned buffers, one piece of the transfer in
 * each, several in flight. A buffer is free again only when its request is DONE *and* RELEASED
 * (and, for get, when its bytes were taken): until then the library or the kernel reads it.
 *
 * Positions count bytes from the start of the transfer. Single-threaded; it has no loop of its
 * own beyond one turn.
 */
#ifndef CTL_PUMP_H
#define CTL_PUMP_H

#include <pmemd/pmemd.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PUMP_PIECE_BYTES ((size_t)1 << 20)
#define PUMP_DEPTH 8u

struct pump_slot {
    char *data;    /* PUMP_PIECE_BYTES, owned by the pump */
    uint64_t pos;  /* of the piece */
    size_t len;    /* of the piece */
    bool flying;   /* submitted, DONE not seen */
    bool held;     /* submitted, RELEASED not seen */
    bool reserved; /* the caller fills it, or has not yet taken what was read */
    bool failed;   /* its bytes did not move: out of use, and the prefix ends before it */
};

struct pump {
    struct pmemd_client *client; /* borrowed */
    struct pump_slot slots[PUMP_DEPTH];
    char *memory;
    uint64_t region_off; /* of position 0 */
    uint64_t next;       /* position after the last piece submitted */
    uint64_t heard_ns;   /* when the last event came */
    uint64_t stall_ns;   /* give up when a request is in flight and nothing comes for so long */
    int err;             /* the first request's that failed; 0 = none */

    bool flush_flying;
    uint64_t flush_pos;         /* what the FLUSH in flight covers */
    uint64_t durable_pos;       /* every byte before this is durable */
    uint32_t level, durability; /* that the last FLUSH reached */
};

/* `start` is the first position to move. Returns 0 or -ENOMEM. */
int pump_init(struct pump *p, struct pmemd_client *c, uint64_t region_off, uint64_t start,
              uint64_t stall_ns) __attribute__((warn_unused_result));

/* After pmemd_close(): before it the kernel may still use the buffers. Tolerates zeroes. */
void pump_fini(struct pump *p);

/* A free buffer, now reserved for the caller; NULL when all are in use. */
struct pump_slot *pump_reserve(struct pump *p);

/* The caller has no more use of what it reserved. */
void pump_release(struct pump_slot *slot);

/*
 * Submit slot->len bytes as the next piece. A WRITE ends the reservation; a READ's slot comes
 * back reserved, through pump_read_at(). Returns 0 or an error, which is also kept in p->err.
 */
int pump_submit(struct pump *p, struct pump_slot *slot, enum pmemd_verb verb)
    __attribute__((warn_unused_result));

/* The slot whose bytes were read and not taken yet, with the lowest position; NULL if none. */
struct pump_slot *pump_read_at(struct pump *p);

/* Every byte before this position was moved: acknowledged (put), or acknowledged and taken. */
uint64_t pump_prefix(const struct pump *p);

/* Submit a FLUSH that covers pump_prefix(). One at a time. Returns 0 or an error (as above). */
int pump_flush(struct pump *p) __attribute__((warn_unused_result));

/* Requests not DONE yet, the FLUSH included. */
unsigned pump_flying(const struct pump *p);

/*
 * Sleep until something happens, then take events. `extra_fd` (-1: none) is watched for
 * `extra_events` too, and *extra_ready tells if it was that; may be NULL with -1. Returns 0, or
 * an error of ours; those of requests are in p->err.
 */
int pump_turn(struct pump *p, int extra_fd, short extra_events, bool *extra_ready)
    __attribute__((warn_unused_result));

#endif
