/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Goal: what the probe finds can be relied on, and switching off takes along what depends.
 * Method: use one thing it found, and walk the switches.
 */
#include "bed.h"

#include <errno.h>
#include <sys/mman.h>

static struct ring_caps caps;

static void
lengths_up_to_fixed_max_are_taken_and_no_more(void **state)
{
    (void)state;
    if (!caps.fixed)
        skip();
    assert_true(caps.fixed_max >= 1ull << 30);
    assert_int_equal(caps.fixed_max % (2ull << 20), 0);
    if (caps.fixed_max != 1ull << 30)
        skip(); /* a kernel that takes more */
    const size_t len = (1ull << 30) + 4096;
    void *at = mmap(NULL, len, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    assert_ptr_not_equal(at, MAP_FAILED);
    struct io_uring u;
    const struct iovec iov = {.iov_base = at, .iov_len = len};
    assert_int_equal(io_uring_queue_init(1, &u, 0), 0);
    assert_int_equal(io_uring_register_buffers(&u, &iov, 1), -EFAULT);
    io_uring_queue_exit(&u);
    assert_int_equal(munmap(at, len), 0);
}

static void
parts_imply_what_they_are_made_of(void **state)
{
    (void)state;
    assert_true(!caps.report_usage || caps.send_zc);
    assert_true(!caps.sendmsg_zc_fixed || (caps.send_zc && caps.fixed));
    assert_true(!caps.clone || caps.fixed);
}

static void
switches_take_along_what_depends(void **state)
{
    (void)state;
    const struct ring_caps all = {true, true, true, true, true, true, true, true, 1u << 30};
    struct ring_caps c = all;
    ring_caps_disable(&c, RING_NO_FIXED);
    assert_false(c.fixed || c.clone || c.sendmsg_zc_fixed);
    assert_true(c.send_zc && c.report_usage);
    c = all;
    ring_caps_disable(&c, RING_NO_ZC);
    assert_false(c.send_zc || c.report_usage || c.sendmsg_zc_fixed);
    assert_true(c.fixed && c.clone);
    c = all;
    ring_caps_disable(&c, RING_NO_CLONE | RING_NO_REPORT_USAGE | RING_NO_SENDMSG_ZC_FIXED);
    assert_false(c.clone || c.report_usage || c.sendmsg_zc_fixed);
    assert_true(c.fixed && c.send_zc);
    c = all;
    ring_caps_disable(&c, 0);
    assert_memory_equal(&c, &all, sizeof c);
}

static void
rings_open_with_and_without_deferred_work(void **state)
{
    (void)state;
    struct ring r;
    struct ring_caps old = caps;
    bed_ring(&r, &caps, 8, 8);
    ring_close(&r);
    ring_close(&r); /* tolerates a closed one */
    old.defer_taskrun = false;
    bed_ring(&r, &old, 8, 8);
    assert_int_equal(ring_submit_wait(&r, 0), 0);
    ring_close(&r);
}

int
main(void)
{
    const int skipped = bed_probe(&caps);
    if (skipped != 0)
        return skipped;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lengths_up_to_fixed_max_are_taken_and_no_more),
        cmocka_unit_test(parts_imply_what_they_are_made_of),
        cmocka_unit_test(switches_take_along_what_depends),
        cmocka_unit_test(rings_open_with_and_without_deferred_work),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
