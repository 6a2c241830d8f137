/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Goal: a turn is one io_uring_enter, tags come back as they went, and no entry is lost, also
 * when the queue is full, the kernel takes only a part, or it says "later".
 * Method: NOPs and timeouts on a live ring; both calls are wrapped, counted and made to fail.
 */
#include "bed.h"

#include "common/clock.h"
#include "tests/lib/death.h"

#include <errno.h>
#include <string.h>

/* NOLINTBEGIN(bugprone-reserved-identifier): the linker's names */
int __real_io_uring_enter(unsigned fd, unsigned count, unsigned wait, unsigned flags,
                          sigset_t *sig);
int __real_io_uring_enter2(unsigned fd, unsigned count, unsigned wait, unsigned flags,
                           sigset_t *sig, size_t len);
int __wrap_io_uring_enter(unsigned fd, unsigned count, unsigned wait, unsigned flags,
                          sigset_t *sig);
int __wrap_io_uring_enter2(unsigned fd, unsigned count, unsigned wait, unsigned flags,
                           sigset_t *sig, size_t len);

static unsigned calls;     /* of either */
static int fail_next;      /* answer of the next call, instead of making it */
static unsigned take_most; /* entries the next call passes on; 0: all */

static bool
intercept(unsigned *count, int *ret)
{
    calls++;
    if (take_most != 0 && *count > take_most)
        *count = take_most;
    take_most = 0;
    *ret = fail_next;
    fail_next = 0;
    return *ret != 0;
}

int
__wrap_io_uring_enter(unsigned fd, unsigned count, unsigned wait, unsigned flags, sigset_t *sig)
{
    int rc;
    return intercept(&count, &rc) ? rc : __real_io_uring_enter(fd, count, wait, flags, sig);
}

int
__wrap_io_uring_enter2(unsigned fd, unsigned count, unsigned wait, unsigned flags,
                       sigset_t *sig, size_t len)
{
    int rc;
    return intercept(&count, &rc) ? rc
                                  : __real_io_uring_enter2(fd, count, wait, flags, sig, len);
}
/* NOLINTEND(bugprone-reserved-identifier) */

#define ENTRIES 8u

static struct ring_caps caps;
static struct ring ring;

static struct seen {
    unsigned count;
    uint64_t slots; /* sum */
    struct ring_tag last;
    int res;
    unsigned respawn; /* entries the handler still makes itself */
} seen;

static void
nop(struct ring_tag tag)
{
    struct io_uring_sqe *sqe = ring_sqe(&ring);
    io_uring_prep_nop(sqe);
    ring_tag_set(sqe, tag);
}

static void
on_done(void *ctx, struct ring_tag tag, int res, unsigned flags)
{
    struct seen *s = ctx;
    (void)flags;
    s->count++;
    s->slots += tag.slot;
    s->last = tag;
    s->res = res;
    if (s->respawn > 0) {
        s->respawn--;
        nop(tag);
    }
}

static int
up(void **state)
{
    (void)state;
    seen = (struct seen){0};
    bed_ring(&ring, &caps, ENTRIES, 4);
    ring.on[BED_KIND] = on_done;
    ring.ctx = &seen;
    calls = 0;
    return 0;
}

static int
down(void **state)
{
    (void)state;
    ring_close(&ring);
    return 0;
}

static void
tags_come_back_as_they_went(void **state)
{
    static const struct ring_tag tags[] = {
        {BED_KIND, 0, 0},
        {BED_KIND, (1u << 24) - 1, UINT32_MAX},
        {BED_KIND, 0x123456, 0x89abcdef},
    };
    (void)state;
    for (size_t i = 0; i < TEST_COUNT(tags); i++) {
        nop(tags[i]);
        assert_int_equal(ring_submit_wait(&ring, UINT64_MAX), 0);
        assert_int_equal(ring_dispatch(&ring), 1);
        assert_int_equal(seen.last.kind, tags[i].kind);
        assert_int_equal(seen.last.gen, tags[i].gen);
        assert_int_equal(seen.last.slot, tags[i].slot);
        assert_int_equal(seen.res, 0);
    }
}

static void
a_turn_is_one_call(void **state)
{
    static const uint64_t waits[] = {0, 1000, UINT64_MAX};
    (void)state;
    for (size_t i = 0; i < TEST_COUNT(waits); i++) {
        calls = 0;
        const uint64_t before = ring.enters;
        for (uint32_t n = 0; n < 4; n++)
            nop((struct ring_tag){BED_KIND, 1, n});
        assert_int_equal(ring_submit_wait(&ring, waits[i]), 0);
        assert_int_equal(calls, 1);
        assert_int_equal(ring.enters - before, 1);
        assert_true(ring_ready(&ring));
        assert_int_equal(ring_dispatch(&ring), 4);
        assert_false(ring_ready(&ring));
        assert_int_equal(calls, 1);
    }
    assert_int_equal(seen.slots, 3 * 6);
}

static void
waiting_ends_in_time(void **state)
{
    (void)state;
    const uint64_t start = pmi_now_ns();
    assert_int_equal(ring_submit_wait(&ring, 3 * PMI_NS_PER_MS), 0);
    assert_int_equal(calls, 1);
    assert_true(pmi_now_ns() - start >= 3 * PMI_NS_PER_MS);
    assert_int_equal(ring_submit_wait(&ring, 0), 0);
    assert_int_equal(calls, 2);
    assert_int_equal(ring_dispatch(&ring), 0);
}

/* Completions that come later, through deferred work, are reaped by a call that does not wait. */
static void
not_waiting_still_reaps(void **state)
{
    (void)state;
    struct __kernel_timespec ts = {.tv_nsec = 1000000};
    struct io_uring_sqe *sqe = ring_sqe(&ring);
    io_uring_prep_timeout(sqe, &ts, 0, 0);
    ring_tag_set(sqe, (struct ring_tag){BED_KIND, 1, 1});
    const uint64_t until = pmi_now_ns() + 10 * PMI_NS_PER_S;
    while (seen.count == 0 && pmi_now_ns() < until) {
        assert_int_equal(ring_submit_wait(&ring, 0), 0);
        (void)ring_dispatch(&ring);
    }
    assert_int_equal(seen.count, 1);
    assert_int_equal(seen.res, -ETIME);
}

static void
a_batch_is_bounded_and_the_rest_is_kept(void **state)
{
    (void)state;
    for (uint32_t n = 0; n < 7; n++)
        nop((struct ring_tag){BED_KIND, 1, n});
    assert_int_equal(ring_submit_wait(&ring, 0), 0);
    assert_int_equal(ring_dispatch(&ring), 4);
    assert_true(ring_ready(&ring));
    assert_int_equal(ring_submit_wait(&ring, UINT64_MAX), 0); /* does not wait for an eighth */
    assert_int_equal(ring_dispatch(&ring), 3);
    assert_int_equal(seen.slots, 21);
}

static void
a_full_queue_is_submitted_by_itself(void **state)
{
    (void)state;
    for (uint32_t n = 0; n < 5 * ENTRIES; n++) /* more than the completion queue holds, too */
        nop((struct ring_tag){BED_KIND, 1, n});
    for (unsigned turns = 0; seen.count < 5 * ENTRIES && turns < 100; turns++) {
        assert_int_equal(ring_submit_wait(&ring, 0), 0);
        (void)ring_dispatch(&ring);
    }
    assert_int_equal(seen.count, 5 * ENTRIES);
    assert_int_equal(seen.slots, 5 * ENTRIES * (5 * ENTRIES - 1) / 2);
}

static void
handlers_may_take_entries(void **state)
{
    (void)state;
    seen.respawn = 100;
    for (uint32_t n = 0; n < 4; n++)
        nop((struct ring_tag){BED_KIND, 1, n});
    for (unsigned turns = 0; seen.count < 104 && turns < 200; turns++) {
        assert_int_equal(ring_submit_wait(&ring, UINT64_MAX), 0);
        (void)ring_dispatch(&ring);
    }
    assert_int_equal(seen.count, 104);
}

static void
what_was_not_taken_goes_next_time(void **state)
{
    static const int later[] = {-EAGAIN, -EBUSY, -EINTR, -ETIME};
    (void)state;
    for (size_t i = 0; i < TEST_COUNT(later); i++) {
        nop((struct ring_tag){BED_KIND, 1, 1});
        fail_next = later[i];
        assert_int_equal(ring_submit_wait(&ring, 0), 0);
        assert_false(ring_ready(&ring));
    }
    take_most = 3;
    assert_int_equal(ring_submit_wait(&ring, 0), 0);
    assert_int_equal(ring_dispatch(&ring), 3);
    assert_int_equal(ring_submit_wait(&ring, UINT64_MAX), 0);
    assert_int_equal(ring_dispatch(&ring), 1);
    assert_int_equal(seen.slots, 4);
}

static void
other_errors_are_told(void **state)
{
    (void)state;
    fail_next = -EBADR;
    assert_int_equal(ring_submit_wait(&ring, 0), -EBADR);
    assert_int_equal(ring_submit_wait(&ring, 0), 0);
}

static void
reserving_keeps_a_chain_whole(void **state)
{
    (void)state;
    for (uint32_t n = 0; n < ENTRIES - 1; n++)
        nop((struct ring_tag){BED_KIND, 1, 0});
    ring_reserve(&ring, 2);
    assert_int_equal(calls, 1);
    nop((struct ring_tag){BED_KIND, 1, 0});
    nop((struct ring_tag){BED_KIND, 1, 0});
    assert_int_equal(calls, 1);
}

static void
set_tag(void *arg)
{
    const struct ring_tag *tag = arg;
    struct io_uring_sqe sqe;
    ring_tag_set(&sqe, *tag);
}

static void
dispatch(void *arg)
{
    (void)ring_dispatch(arg);
}

static void
tags_that_fit_nobody_die(void **state)
{
    struct ring_tag no_kind = {RING_KINDS_MAX, 0, 0}, too_wide = {BED_KIND, 1u << 24, 0};
    char text[DEATH_TEXT_BYTES];
    (void)state;
    assert_true(death_aborts(set_tag, &no_kind, text));
    assert_true(death_aborts(set_tag, &too_wide, text));
    nop((struct ring_tag){BED_KIND, 0, 0});
    assert_int_equal(ring_submit_wait(&ring, UINT64_MAX), 0);
    ring.on[BED_KIND] = NULL;
    assert_true(death_aborts(dispatch, &ring, text));
    assert_non_null(strstr(text, "r->on[tag.kind] != NULL"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, up, down)

int
main(void)
{
    const int skipped = bed_probe(&caps);
    if (skipped != 0)
        return skipped;
    const struct CMUnitTest tests[] = {
        TEST(tags_come_back_as_they_went),
        TEST(a_turn_is_one_call),
        TEST(waiting_ends_in_time),
        TEST(not_waiting_still_reaps),
        TEST(a_batch_is_bounded_and_the_rest_is_kept),
        TEST(a_full_queue_is_submitted_by_itself),
        TEST(handlers_may_take_entries),
        TEST(what_was_not_taken_goes_next_time),
        TEST(other_errors_are_told),
        TEST(reserving_keeps_a_chain_whole),
        TEST(tags_that_fit_nobody_die),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
