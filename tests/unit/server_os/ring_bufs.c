/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Goal: provided buffers reach the kernel, come back with their number, and can be put again.
 * Method: receive over a socket pair, one buffer at a time, more often than there are buffers.
 */
#include "bed.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define COUNT 4u
#define BYTES 512u
#define GROUP 7u

static struct ring_caps caps;
static uint8_t memory[COUNT * BYTES];

static struct got {
    int res;
    unsigned flags;
    unsigned count;
} got;

static void
on_recv(void *ctx, struct ring_tag tag, int res, unsigned flags)
{
    struct got *g = ctx;
    (void)tag;
    g->res = res;
    g->flags = flags;
    g->count++;
}

static void
receive(struct ring *r, int fd)
{
    struct io_uring_sqe *sqe = ring_sqe(r);
    io_uring_prep_recv(sqe, fd, NULL, BYTES, 0);
    sqe->flags |= IOSQE_BUFFER_SELECT;
    sqe->buf_group = GROUP;
    ring_tag_set(sqe, (struct ring_tag){BED_KIND, 0, 0});
    assert_int_equal(ring_submit_wait(r, UINT64_MAX), 0);
    assert_int_equal(ring_dispatch(r), 1);
}

static void
buffers_go_round(void **state)
{
    (void)state;
    struct ring r;
    struct ring_bufs *b = NULL;
    int fds[2];
    bed_ring(&r, &caps, 8, 8);
    r.on[BED_KIND] = on_recv;
    r.ctx = &got;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    assert_int_equal(ring_bufs_open(&r, GROUP, memory, COUNT, BYTES, &b), 0);

    assert_int_equal(write(fds[1], "x", 1), 1);
    receive(&r, fds[0]);
    assert_int_equal(got.res, -ENOBUFS); /* none was put yet */
    for (unsigned i = 0; i < COUNT; i++)
        ring_bufs_put(b, i);
    receive(&r, fds[0]);
    assert_int_equal(got.res, 1);
    ring_bufs_put(b, ring_bid(got.flags));
    for (unsigned i = 0; i < 5 * COUNT; i++) {
        char text[16];
        const int n = snprintf(text, sizeof text, "message %u", i);
        assert_int_equal(write(fds[1], text, (size_t)n), n);
        receive(&r, fds[0]);
        assert_int_equal(got.res, n);
        assert_true((got.flags & IORING_CQE_F_BUFFER) != 0);
        const unsigned bid = ring_bid(got.flags);
        assert_true(bid < COUNT);
        assert_memory_equal(memory + (size_t)bid * BYTES, text, (size_t)n);
        ring_bufs_put(b, bid);
    }
    ring_bufs_close(&r, b);
    ring_bufs_close(&r, NULL);
    (void)close(fds[0]);
    (void)close(fds[1]);
    ring_close(&r);
}

static void
counts_are_powers_of_two(void **state)
{
    (void)state;
    struct ring r;
    struct ring_bufs *b = NULL;
    bed_ring(&r, &caps, 8, 8);
    assert_int_equal(ring_bufs_open(&r, GROUP, memory, 0, BYTES, &b), -EINVAL);
    assert_int_equal(ring_bufs_open(&r, GROUP, memory, 3, BYTES, &b), -EINVAL);
    assert_int_equal(ring_bufs_open(&r, GROUP, memory, 1u << 16, BYTES, &b), -EINVAL);
    assert_int_equal(ring_bufs_open(&r, 1u << 16, memory, COUNT, BYTES, &b), -EINVAL);
    assert_null(b);
    ring_close(&r);
}

int
main(void)
{
    const int skipped = bed_probe(&caps);
    if (skipped != 0)
        return skipped;
    if (!caps.buf_ring) {
        (void)printf("skipped: this kernel has no provided-buffer rings\n");
        return TEST_SKIPPED;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(buffers_go_round),
        cmocka_unit_test(counts_are_powers_of_two),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
