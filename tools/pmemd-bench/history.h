/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The judge of the torn test: it is told when writes and reads begin and end and what the reads
 * saw, and says what no linearizable region could have shown. Pure logic, no I/O.
 *
 * The region is cut into blocks. A write is 1..4 extents of whole blocks; later extents of a
 * request overlay earlier ones (P3.6). Each extent carries one stamp. Everything is driven by
 * one thread, so one counter of moments orders all begins and ends: A is *before* B when A
 * ended before B began. That is never claimed falsely, because a begin is counted before the
 * request is submitted, and an end after its completion was reaped.
 *
 * A write is *known* from the moment it is acknowledged, or one of its blocks was seen by a
 * read that ended: from then on every read that begins finds it or something newer.
 *
 * Counted as torn:
 *   T1  a block shows bytes of more than one write;
 *   T2  a block shows what nobody has put there;
 *   T3  one extent of a read is not as of one moment: it shows write A in block i and write B
 *       in block j, though A's extent covers j too, and B is before A, or B's extent covers i
 *       as well (then on i A came last, on j B did: no order of the two allows both).
 * Counted as stale, per block, R being the read and A the write it shows:
 *   S1  A is before some write that was known when R began;
 *   S2  the same writer submitted a later write of that block, known when R began (requests of
 *       one connection take effect in the order they are sent where they overlap, P3.7).
 * These are necessary conditions of linearizability, checked on every byte read; not all
 * sufficient ones.
 *
 * A connection that breaks may leave its unfinished writes half done until they are repeated:
 * the contract allows that. Torn reads that overlap such a time on such a block are counted as
 * excused; S2 is not applied to a writer once its connection broke.
 */
#ifndef BENCH_HISTORY_H
#define BENCH_HISTORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HISTORY_BLOCKS_MAX 64u
#define HISTORY_CONNS_MAX 64u
#define HISTORY_QD_MAX 64u
#define HISTORY_EXTENTS_MAX 4u
#define HISTORY_SPAN_MAX 4u /* blocks per extent */
#define HISTORY_TEXT_BYTES 192u

struct history;

struct history_extent {
    unsigned first, count; /* blocks */
};

/* A read in flight; owned by the caller, filled by history_read_begin(). */
struct history_read {
    uint64_t begin;
    unsigned extent_count;
    struct history_extent extents[HISTORY_EXTENTS_MAX];
    uint64_t floor[HISTORY_BLOCKS_MAX]; /* as of begin, of the blocks it reads */
};

/* What a read saw in one block. */
struct history_seen {
    uint64_t bits;  /* the stamp of the block's first word */
    bool mixed;     /* another word has another stamp: */
    uint64_t other; /* ... this one, */
    size_t at;      /* ... at this byte of the block */
};

struct history_result {
    uint64_t torn, stale, excused;
};

/* blocks 1..HISTORY_BLOCKS_MAX, writers 1..HISTORY_CONNS_MAX. NULL: no memory. */
struct history *history_new(unsigned blocks, unsigned writers)
    __attribute__((warn_unused_result));
void history_free(struct history *h);

/*
 * A write is about to be submitted. Returns its sequence number, 1 and up, which with `writer`
 * and the extent's number makes the stamp; 0 when a very old write of this writer is still in
 * flight: submit nothing now.
 */
uint64_t history_write_begin(struct history *h, unsigned writer,
                             const struct history_extent *extents, unsigned count);

/* It ended; `acked` false when it may or may not have happened. */
void history_write_end(struct history *h, unsigned writer, uint64_t seq, bool acked);

/* The writer's connection broke: what it has in flight may be half done until it ends. */
void history_writer_lost(struct history *h, unsigned writer);

/* A read is about to be submitted. */
void history_read_begin(struct history *h, struct history_read *r,
                        const struct history_extent *extents, unsigned count);

/* It ended well: what it saw, block by block in the order of its extents. */
void history_read_end(struct history *h, const struct history_read *r,
                      const struct history_seen *seen);

/* The verdict; once, at the end, because what excuses a read may be learnt after it. */
struct history_result history_judge(struct history *h);

/* Finding number `at` as a sentence; false when there are not so many (at most the first 64
 * are kept). After history_judge(). */
bool history_finding(const struct history *h, unsigned at, char dst[static HISTORY_TEXT_BYTES]);

/* The blocks of some extents, as bits. */
uint64_t history_mask(const struct history_extent *extents, unsigned count);

#endif
