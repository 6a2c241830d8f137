/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What this kernel's io_uring can do, found by trying on throw-away rings. No trial needs a
 * network, memory to speak of, or a right: sends go to a socket that was never connected, where
 * EPIPE means that the kernel understood the request and EINVAL that it did not.
 */
#include "common/assert.h"
#include "common/err.h"
#include "server/os/meminfo.h"
#include "server/os/ring.h"

#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <pmemd/errors.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define GIB (1ull << 30)
#define TRIAL_LEN_MAX (4 * GIB)
#define TRIAL_SLOTS 2u /* 0: one page; 1: lengths */

struct trial {
    struct io_uring u;
    struct io_uring twin; /* the target of cloning */
    uint8_t *page;        /* owned: mapped */
    size_t page_bytes;
};

/* ---- Why there is no ring ---------------------------------------------------------------- */

static bool
seccomp_filters(void)
{
    uint64_t mode;
    return meminfo_status("Seccomp", 10, &mode) && mode != 0;
}

static void
explain_refusal(int err, char *why, size_t len)
{
    static const char allow[] =
        "allow io_uring_setup, io_uring_enter and io_uring_register in its profile";
    uint64_t off = 0;
    const bool has_knob = meminfo_number("/proc/sys/kernel/io_uring_disabled", &off);
    if (err == -EPERM && off >= 2)
        (void)snprintf(why, len,
                       "io_uring is switched off for all (kernel.io_uring_disabled is %" PRIu64
                       "): sysctl -w kernel.io_uring_disabled=0",
                       off);
    else if (err == -EPERM && off == 1)
        (void)snprintf(why, len,
                       "io_uring is for privileged processes only (kernel.io_uring_disabled is "
                       "1): sysctl -w kernel.io_uring_disabled=0, or join the group that "
                       "kernel.io_uring_group names");
    else if (err != -ENOSYS || seccomp_filters())
        (void)snprintf(why, len,
                       "a seccomp filter or security module refuses io_uring (%s): %s",
                       pmi_err_text(err), allow);
    else
        (void)snprintf(why, len,
                       has_knob ? "something refuses io_uring (%s)"
                                : "this kernel was built without io_uring (%s)",
                       pmi_err_text(err));
}

void
ring_explain(int err, char *why, size_t why_len)
{
    uint64_t limit;
    if (err == PMEMD_E_NORING)
        err = -EPERM;
    if (err == -EPERM || err == -ENOSYS || err == -EACCES)
        explain_refusal(err, why, why_len);
    else if (err == -ENOMEM && meminfo_memlock_binds(&limit))
        (void)snprintf(
            why, why_len,
            "an io_uring does not fit the locked-memory limit of %" PRIu64
            " bytes, which all processes of this user share: raise RLIMIT_MEMLOCK or "
            "grant CAP_IPC_LOCK",
            limit);
    else if (err == -EMFILE || err == -ENFILE)
        (void)snprintf(why, why_len,
                       "no file descriptor is left for an io_uring: raise RLIMIT_NOFILE");
    else
        (void)snprintf(why, why_len, "io_uring cannot be set up: %s", pmi_err_text(err));
}

/* ---- Trials ------------------------------------------------------------------------------ */

static struct io_uring_sqe *
next_sqe(struct io_uring *u)
{
    struct io_uring_sqe *sqe = io_uring_get_sqe(u);
    if (sqe == NULL)
        pmi_assert_fail(__FILE__, __LINE__, __func__, "a trial ring is never full");
    memset(sqe, 0, sizeof *sqe);
    return sqe;
}

/* Submit the one prepared entry and wait for its completion. */
static int
run(struct io_uring *u, unsigned *ret_flags)
{
    struct io_uring_cqe *cqe = NULL;
    int rc;
    do
        rc = io_uring_submit_and_wait(u, 1);
    while (rc == -EINTR);
    if (rc >= 0)
        rc = io_uring_peek_cqe(u, &cqe);
    if (rc < 0 || cqe == NULL)
        return rc < 0 ? rc : -EIO;
    const int res = cqe->res;
    *ret_flags = cqe->flags;
    io_uring_cqe_seen(u, cqe);
    return res;
}

/* Does the kernel take this kind of zero-copy send? */
static bool
try_send(struct trial *t, int fd, bool sendmsg, unsigned zc_flags)
{
    struct iovec iov = {.iov_base = t->page, .iov_len = 64};
    const struct msghdr mh = {.msg_iov = &iov, .msg_iovlen = 1};
    struct io_uring_sqe *sqe = next_sqe(&t->u);
    unsigned flags = 0;
    if (sendmsg)
        io_uring_prep_sendmsg_zc(sqe, fd, &mh, MSG_NOSIGNAL);
    else
        io_uring_prep_send_zc(sqe, fd, t->page, 64, MSG_NOSIGNAL, 0);
    sqe->ioprio = (uint16_t)zc_flags;
    const int res = run(&t->u, &flags);
    if (flags & IORING_CQE_F_MORE)
        (void)run(&t->u, &flags); /* the notification comes after an error too */
    return res == -EPIPE || res == -ENOTCONN;
}

static void
try_sends(struct trial *t, struct ring_caps *caps)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return;
    caps->send_zc = try_send(t, fd, false, 0) && try_send(t, fd, true, 0);
    caps->report_usage = caps->send_zc && try_send(t, fd, true, IORING_SEND_ZC_REPORT_USAGE);
    caps->sendmsg_zc_fixed =
        caps->send_zc && caps->fixed && try_send(t, fd, true, IORING_RECVSEND_FIXED_BUF);
    (void)close(fd);
}

/* A listener whose backlog holds a connection already: the accept ends at once. */
static bool
try_accept(struct trial *t)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    socklen_t len = sizeof at.sun_family; /* the kernel picks an abstract name */
    bool ok = false;
    unsigned flags = 0;
    const int srv = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const int cli = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (srv < 0 || cli < 0 || bind(srv, (struct sockaddr *)&at, len) != 0)
        goto out;
    len = sizeof at;
    if (getsockname(srv, (struct sockaddr *)&at, &len) != 0 || listen(srv, 1) != 0 ||
        connect(cli, (struct sockaddr *)&at, len) != 0)
        goto out;
    io_uring_prep_multishot_accept(next_sqe(&t->u), srv, NULL, NULL, SOCK_CLOEXEC);
    const int res = run(&t->u, &flags);
    ok = res >= 0 && (flags & IORING_CQE_F_MORE) != 0;
    if (res >= 0)
        (void)close(res);
out:
    if (srv >= 0)
        (void)close(srv);
    if (cli >= 0)
        (void)close(cli);
    return ok;
}

static bool
try_buf_ring(struct trial *t)
{
    void *at =
        mmap(NULL, t->page_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (at == MAP_FAILED)
        return false;
    struct io_uring_buf_reg reg = {.ring_addr = (uint64_t)(uintptr_t)at, .ring_entries = 8};
    const bool ok = io_uring_register_buf_ring(&t->u, &reg, 0) == 0;
    if (ok)
        (void)io_uring_unregister_buf_ring(&t->u, 0);
    (void)munmap(at, t->page_bytes);
    return ok;
}

/* Into slot 1 of a sparse table: without DST_REPLACE the kernel would say EBUSY. */
static bool
try_clone(struct trial *t)
{
    const struct ring_clone_buffers arg = {
        .src_fd = (uint32_t)t->u.ring_fd,
        .flags = IORING_REGISTER_DST_REPLACE,
        .dst_off = 1,
        .nr = 1,
    };
    if (io_uring_register_buffers_sparse(&t->twin, TRIAL_SLOTS) != 0)
        return false;
    return io_uring_register((unsigned)t->twin.ring_fd, IORING_REGISTER_CLONE_BUFFERS, &arg,
                             1) == 0;
}

/*
 * May one fixed buffer be this long? Only the first page of the range can be touched, so the
 * kernel refuses with EFAULT either way. But it looks at the length before it looks at memory:
 * if it went on to fault that page in, the length was fine. Costs a page and some page tables.
 */
static bool
try_length(struct trial *t, uint64_t len)
{
    unsigned char resident = 0;
    uint8_t *at =
        mmap(NULL, len, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (at == MAP_FAILED)
        return false;
    if (mprotect(at, t->page_bytes, PROT_READ | PROT_WRITE) == 0) {
        const struct iovec iov = {.iov_base = at, .iov_len = len};
        (void)io_uring_register_buffers_update_tag(&t->u, 1, &iov, NULL, 1);
        if (mincore(at, t->page_bytes, &resident) != 0)
            resident = 0;
    }
    (void)munmap(at, len);
    return (resident & 1) != 0;
}

/* Every kernel so far takes 1 GiB. More is believed only if the trial works for 1 GiB too. */
static uint64_t
try_lengths(struct trial *t)
{
    uint64_t len = GIB;
    while (len < TRIAL_LEN_MAX && try_length(t, len) && try_length(t, 2 * len))
        len *= 2;
    return len;
}

static void
try_fixed(struct trial *t, struct ring_caps *caps)
{
    const struct iovec iov = {.iov_base = t->page, .iov_len = t->page_bytes};
    caps->fixed_max = GIB;
    if (io_uring_register_buffers_sparse(&t->u, TRIAL_SLOTS) != 0)
        return;
    const int rc = io_uring_register_buffers_update_tag(&t->u, 0, &iov, NULL, 1);
    /* Where the locked-memory limit is used up, the region finds that out and says so. */
    caps->fixed = rc == 1 || rc == -ENOMEM;
    caps->clone = rc == 1 && try_clone(t);
    caps->fixed_max = try_lengths(t);
}

static bool
try_defer(void)
{
    struct io_uring u;
    if (io_uring_queue_init(2, &u, IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN) !=
        0)
        return false;
    io_uring_queue_exit(&u);
    return true;
}

/* ---- Public ------------------------------------------------------------------------------ */

/* Set up both rings, and see that entering and registering are allowed as well. */
static int
trial_open(struct trial *t)
{
    unsigned flags;
    memset(t, 0, sizeof *t);
    t->page_bytes = (size_t)sysconf(_SC_PAGESIZE);
    t->page =
        mmap(NULL, t->page_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (t->page == MAP_FAILED) {
        t->page = NULL;
        return -ENOMEM;
    }
    int rc = io_uring_queue_init(4, &t->u, 0);
    if (rc < 0)
        return rc;
    rc = io_uring_queue_init(2, &t->twin, 0);
    if (rc < 0)
        return rc;
    io_uring_prep_nop(next_sqe(&t->u));
    rc = run(&t->u, &flags);
    if (rc < 0)
        return rc;
    struct io_uring_probe *known = io_uring_get_probe_ring(&t->u);
    if (known == NULL)
        return -EPERM; /* not even asking is allowed: io_uring_register is filtered */
    io_uring_free_probe(known);
    return 0;
}

static void
trial_close(struct trial *t)
{
    if (t->twin.sq.ring_ptr != NULL)
        io_uring_queue_exit(&t->twin);
    if (t->u.sq.ring_ptr != NULL)
        io_uring_queue_exit(&t->u);
    if (t->page != NULL)
        (void)munmap(t->page, t->page_bytes);
}

int
ring_probe(struct ring_caps *ret, char *why, size_t why_len)
{
    struct trial t;
    struct ring_caps caps = {0};
    int rc = trial_open(&t);
    if (rc < 0) {
        ring_explain(rc, why, why_len);
        rc = PMEMD_E_NORING;
    } else {
        caps.defer_taskrun = try_defer();
        caps.buf_ring = try_buf_ring(&t);
        try_fixed(&t, &caps);
        try_sends(&t, &caps);
        caps.accept_multishot = try_accept(&t); /* leaves an accept behind: last */
        *ret = caps;
    }
    trial_close(&t);
    return rc;
}

void
ring_caps_disable(struct ring_caps *caps, unsigned bits)
{
    if (bits & RING_NO_FIXED)
        caps->fixed = false;
    if (bits & (RING_NO_CLONE | RING_NO_FIXED))
        caps->clone = false;
    if (bits & RING_NO_ZC)
        caps->send_zc = false;
    if (bits & (RING_NO_REPORT_USAGE | RING_NO_ZC))
        caps->report_usage = false;
    if (bits & (RING_NO_SENDMSG_ZC_FIXED | RING_NO_ZC | RING_NO_FIXED))
        caps->sendmsg_zc_fixed = false;
}
