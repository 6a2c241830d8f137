/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Goal: through the owner's table every byte of every slot is reachable by fixed-buffer I/O, an
 * arena with its slot's data in one operation, nothing across a border; with and without clone.
 * Method: WRITE_FIXED and READ_FIXED between the region and a memory file, at slot borders, on a
 * ring of another thread than the one that opened the region.
 */
#include "bed.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define SLOTS 3ull
#define FIRST 5u /* of the owner's table */
#define KIND 1u

static struct ring_caps caps; /* of this kernel, with small slots */

static void
on_done(void *ctx, struct ring_tag tag, int res, unsigned flags)
{
    (void)tag;
    (void)flags;
    *(int *)ctx = res;
}

struct shard { /* one thread's view */
    struct region *rg;
    struct ring ring;
    int file; /* scratch, as large as a slot */
    int res;
    const char *failed; /* what, or NULL: cmocka's asserts are for the main thread */
};

#define CHECK(s, cond)                                                                         \
    do {                                                                                       \
        if (!(cond) && (s)->failed == NULL)                                                    \
            (s)->failed = #cond;                                                               \
    } while (0)

static int
transfer(struct shard *s, bool write, void *at, unsigned len, uint32_t slot)
{
    struct io_uring_sqe *sqe = ring_sqe(&s->ring);
    const int index = (int)(s->rg->fixed_first + slot);
    if (write)
        io_uring_prep_write_fixed(sqe, s->file, at, len, 0, index);
    else
        io_uring_prep_read_fixed(sqe, s->file, at, len, 0, index);
    ring_tag_set(sqe, (struct ring_tag){KIND, 0, 0});
    s->res = INT32_MIN;
    CHECK(s, ring_submit_wait(&s->ring, UINT64_MAX) == 0);
    CHECK(s, ring_dispatch(&s->ring) == 1);
    return s->res;
}

/* From the last bytes of each slot's data, and from the arena into the data, out and back. */
static void
walk_borders(struct shard *s)
{
    struct region *rg = s->rg;
    const unsigned len = 8192;
    uint8_t *want = malloc(len);
    CHECK(s, want != NULL);
    for (uint32_t slot = 0; want != NULL && slot < rg->slot_count; slot++) {
        uint8_t *begin = rg->base + slot * rg->slot_bytes;
        uint8_t *end = begin + rg->slot_bytes;
        uint8_t *const at[] = {begin + REGION_ARENA_BYTES, end - len,
                               begin + REGION_ARENA_BYTES - len / 2};
        for (size_t i = 0; i < TEST_COUNT(at); i++) {
            memset(want, (int)(0x20 + 16 * slot + i), len);
            memcpy(at[i], want, len);
            CHECK(s, transfer(s, true, at[i], len, slot) == (int)len);
            memset(at[i], 0, len);
            CHECK(s, transfer(s, false, at[i], len, slot) == (int)len);
            CHECK(s, memcmp(at[i], want, len) == 0);
        }
        CHECK(s, transfer(s, true, end - len, len + 1, slot) == -EFAULT); /* across */
        CHECK(s, transfer(s, true, end - len, len, slot + 1) == -EFAULT); /* next slot's */
    }
    CHECK(s, transfer(s, true, rg->base, len, rg->slot_count) == -EFAULT); /* empty */
    free(want);
}

static void *
own(void *arg)
{
    struct shard *s = arg;
    const struct ring_config cfg = {.entries = 8,
                                    .cq_entries = 32,
                                    .batch_max = 8,
                                    .fixed_slots = FIRST + (unsigned)SLOTS + 1};
    const int opened = ring_open(&s->ring, &caps, &cfg);
    CHECK(s, opened == 0);
    if (opened != 0)
        return NULL;
    s->ring.on[KIND] = on_done;
    s->ring.ctx = &s->res;
    for (unsigned round = 0; round < 2 && s->failed == NULL; round++) { /* attach, and again */
        CHECK(s, region_attach(s->rg, &s->ring, &caps, FIRST) == 0);
        CHECK(s, s->rg->fixed_first == FIRST);
        CHECK(s, s->rg->fixed_count == SLOTS);
        if (s->failed == NULL)
            walk_borders(s);
        region_detach(s->rg, &s->ring);
        CHECK(s, s->rg->fixed_first == REGION_NOT_FIXED);
        s->rg->fixed_first = FIRST;
        CHECK(s, transfer(s, true, s->rg->base, 4096, 0) == -EFAULT); /* it is empty now */
        s->rg->fixed_first = REGION_NOT_FIXED;
    }
    ring_close(&s->ring);
    return NULL;
}

/* The last slot is full, so that both of its ends are borders. */
static void
walk(bool no_hugetlb)
{
    const struct region_config cfg = {
        .name = "fixed", .medium = "mem", .len = SLOTS * 2 * MIB, .no_hugetlb = no_hugetlb};
    struct shard s = {.file = memfd_create("scratch", MFD_CLOEXEC)};
    char why[512] = "";
    pthread_t thread;
    if (region_open(&cfg, &caps, &s.rg, why, sizeof why) != 0)
        fail_msg("%s", why);
    if (s.rg->why_not_fixed[0] != '\0')
        fail_msg("%s", s.rg->why_not_fixed);
    assert_int_equal(s.rg->fixed_count, caps.clone ? SLOTS : 0);
    assert_true(s.file >= 0);
    assert_int_equal(pthread_create(&thread, NULL, own, &s), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    if (s.failed != NULL)
        fail_msg("%s (last result %d, %s)", s.failed, s.res, s.rg->why_not_fixed);
    region_close(s.rg);
    (void)close(s.file);
}

static void
by_cloning(void **state)
{
    (void)state;
    if (!caps.clone)
        skip();
    walk(false);
    walk(true);
}

static void
by_registering_in_place(void **state)
{
    (void)state;
    const bool clone = caps.clone;
    caps.clone = false;
    walk(false);
    walk(true);
    caps.clone = clone;
}

/* Arenas of small pages would spoil the huge ones behind them: the data is registered alone. */
static void
small_arenas_stay_outside(void **state)
{
    (void)state;
    const struct ring_config cfg = {
        .entries = 8, .cq_entries = 32, .batch_max = 8, .fixed_slots = SLOTS};
    const bool clone = caps.clone;
    caps.clone = false; /* so that attaching registers */
    struct shard s = {.rg = bed_region(&caps, SLOTS * 2 * MIB)};
    if (s.rg->medium->page_size == 4096)
        (void)printf("no huge pages on this host\n");
    else
        s.rg->arenas->page_size = 4096; /* say so */
    const bool apart = s.rg->arenas->page_size < s.rg->medium->page_size;
    s.file = memfd_create("scratch", MFD_CLOEXEC);
    assert_int_equal(ring_open(&s.ring, &caps, &cfg), 0);
    s.ring.on[KIND] = on_done;
    s.ring.ctx = &s.res;
    assert_int_equal(region_attach(s.rg, &s.ring, &caps, 0), 0);
    assert_int_equal(s.rg->fixed_count, SLOTS);
    uint8_t *data = region_slice(s.rg, 2 * MIB, 1).data;
    assert_int_equal(transfer(&s, true, data, 4096, 1), 4096);
    assert_int_equal(transfer(&s, true, data - 4096, 4096, 1), apart ? -EFAULT : 4096);
    assert_null(s.failed);
    ring_close(&s.ring);
    region_close(s.rg);
    (void)close(s.file);
    caps.clone = clone;
}

/* Where there is no room in the table, plain operations go on, and the reason is kept. */
static void
a_refusal_is_kept(void **state)
{
    (void)state;
    const struct ring_config small = {
        .entries = 8, .cq_entries = 32, .batch_max = 8, .fixed_slots = 1};
    const bool clone = caps.clone;
    caps.clone = false;
    struct region *rg = bed_region(&caps, SLOTS * 2 * MIB);
    struct ring ring = {0};
    assert_int_equal(ring_open(&ring, &caps, &small), 0);
    assert_int_equal(region_attach(rg, &ring, &caps, FIRST), 0);
    assert_int_equal(rg->fixed_count, 0);
    assert_int_equal(rg->fixed_first, REGION_NOT_FIXED);
    assert_true(strlen(rg->why_not_fixed) > 10);
    assert_int_equal(region_attach(rg, &ring, &caps, FIRST), 0); /* stays so */
    region_detach(rg, &ring);
    ring_close(&ring);
    region_close(rg);
    caps.clone = clone;
}

int
main(void)
{
    char why[512] = "";
    if (ring_probe(&caps, why, sizeof why) != 0) {
        (void)printf("skipped: %s\n", why);
        return TEST_SKIPPED;
    }
    caps.fixed_max = REGION_ARENA_BYTES + 2 * MIB;
    const struct region_config cfg = {.name = "try", .medium = "mem", .len = SLOTS * 2 * MIB};
    struct ring_caps all = caps;
    struct region *rg = NULL;
    all.clone = true; /* so that it is registered at open */
    if (region_open(&cfg, &all, &rg, why, sizeof why) != 0 || rg->why_not_fixed[0] != '\0') {
        (void)printf("skipped: %s\n", rg == NULL ? why : rg->why_not_fixed);
        region_close(rg);
        return TEST_SKIPPED;
    }
    region_close(rg);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(by_cloning),
        cmocka_unit_test(by_registering_in_place),
        cmocka_unit_test(small_arenas_stay_outside),
        cmocka_unit_test(a_refusal_is_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
