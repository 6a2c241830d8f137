/* SPDX-License-Identifier: BSD-3-Clause */
/* The wrapped calls, and what happens to submission entries and completions: see fault.h. */
#include "tests/lib/fault.h"

#include "server/os/ring.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/types.h>

#define SHORT_BYTES 7u
#define HELD_MAX 8u
#define HELD_IOVS 128u

static struct {
    pthread_t by;
    enum fault_who who;
    enum fault_kind kind;
    int left; /* points to pass before the one that fails */
    bool armed, fired;
    char what[40];
} state;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* guards state and held */
static int64_t mapped;

/* An operation whose entry was replaced; its completion is still to come. */
static struct held {
    const struct ring *ring; /* NULL: free */
    uint64_t user_data;
    int res;
    struct msghdr mh; /* of a short send */
    struct iovec iov[HELD_IOVS];
} held[HELD_MAX];

static const char *const names[FAULT_KIND_N] = {
    [FAULT_CALL] = "a call",
    [FAULT_CALL_OTHER] = "a call, other error",
    [FAULT_ECANCELED] = "ECANCELED",
    [FAULT_EAGAIN] = "EAGAIN",
    [FAULT_EINTR] = "EINTR",
    [FAULT_ENOBUFS] = "ENOBUFS",
    [FAULT_ENOMEM] = "ENOMEM",
    [FAULT_EIO] = "EIO",
    [FAULT_ECONNRESET] = "ECONNRESET",
    [FAULT_EPIPE] = "EPIPE",
    [FAULT_EOPNOTSUPP] = "EOPNOTSUPP",
    [FAULT_EMFILE] = "EMFILE",
    [FAULT_ECONNABORTED] = "ECONNABORTED",
    [FAULT_SHORT] = "short",
};

static const int errnos[FAULT_KIND_N] = {
    [FAULT_ECANCELED] = ECANCELED,
    [FAULT_EAGAIN] = EAGAIN,
    [FAULT_EINTR] = EINTR,
    [FAULT_ENOBUFS] = ENOBUFS,
    [FAULT_ENOMEM] = ENOMEM,
    [FAULT_EIO] = EIO,
    [FAULT_ECONNRESET] = ECONNRESET,
    [FAULT_EPIPE] = EPIPE,
    [FAULT_EOPNOTSUPP] = EOPNOTSUPP,
    [FAULT_EMFILE] = EMFILE,
    [FAULT_ECONNABORTED] = ECONNABORTED,
};

/* ---- Arming ------------------------------------------------------------------------------ */

void
fault_arm(enum fault_kind kind, unsigned nth, enum fault_who who)
{
    (void)pthread_mutex_lock(&lock);
    state.by = pthread_self();
    state.who = who;
    state.kind = kind;
    state.left = (int)nth;
    state.fired = false;
    state.what[0] = '\0';
    __atomic_store_n(&state.armed, true, __ATOMIC_RELEASE);
    (void)pthread_mutex_unlock(&lock);
}

bool
fault_disarm(void)
{
    (void)pthread_mutex_lock(&lock);
    __atomic_store_n(&state.armed, false, __ATOMIC_RELEASE);
    const bool fired = state.fired;
    (void)pthread_mutex_unlock(&lock);
    return fired;
}

const char *
fault_what(void)
{
    return state.what;
}

const char *
fault_kind_name(enum fault_kind kind)
{
    return names[kind];
}

int64_t
fault_mapped(void)
{
    return __atomic_load_n(&mapped, __ATOMIC_RELAXED);
}

/* A fault point is passed; true if it is the one. The lock is held. */
static bool
is_due(const char *what)
{
    if (state.fired ||
        (pthread_equal(state.by, pthread_self()) != 0) != (state.who == FAULT_MINE))
        return false;
    if (state.left-- > 0)
        return false;
    state.fired = true;
    (void)snprintf(state.what, sizeof state.what, "%s", what);
    return true;
}

static bool
is_armed(void)
{
    return __atomic_load_n(&state.armed, __ATOMIC_ACQUIRE);
}

/* The error this call ends with; 0: make it. */
static int
call_fails(const char *what, int first, int other)
{
    int err = 0;
    if (!is_armed())
        return 0;
    (void)pthread_mutex_lock(&lock);
    if (state.kind == FAULT_CALL || (state.kind == FAULT_CALL_OTHER && other != 0)) {
        if (is_due(what))
            err = state.kind == FAULT_CALL ? first : other;
    }
    (void)pthread_mutex_unlock(&lock);
    return err;
}

/* ---- Calls ------------------------------------------------------------------------------- */

/* NOLINTBEGIN(bugprone-reserved-identifier,bugprone-macro-parentheses): the linker's names */

/* A call that says how it failed in errno. */
#define WRAP(type, name, params, args, failed, first, other)                                   \
    type __real_##name params;                                                                 \
    type __wrap_##name params;                                                                 \
    type __wrap_##name params                                                                  \
    {                                                                                          \
        const int err = call_fails(#name, first, other);                                       \
        if (err == 0)                                                                          \
            return __real_##name args;                                                         \
        errno = err;                                                                           \
        return failed;                                                                         \
    }

/* A call that returns a negated errno. */
#define WRAP_NEGATED(name, params, args, first, other)                                         \
    int __real_##name params;                                                                  \
    int __wrap_##name params;                                                                  \
    int __wrap_##name params                                                                   \
    {                                                                                          \
        const int err = call_fails(#name, first, other);                                       \
        return err == 0 ? __real_##name args : -err;                                           \
    }

/* clang-format off */
WRAP(void *, malloc, (size_t n), (n), NULL, ENOMEM, 0)
WRAP(void *, calloc, (size_t n, size_t m), (n, m), NULL, ENOMEM, 0)
WRAP(void *, realloc, (void *p, size_t n), (p, n), NULL, ENOMEM, 0)
WRAP(void *, aligned_alloc, (size_t a, size_t n), (a, n), NULL, ENOMEM, 0)
WRAP(int, madvise, (void *p, size_t n, int advice), (p, n, advice), -1, ENOMEM, EINVAL)
WRAP(int, mprotect, (void *p, size_t n, int prot), (p, n, prot), -1, ENOMEM, 0)
WRAP(int, memfd_create, (const char *s, unsigned flags), (s, flags), -1, EMFILE, ENOSYS)
WRAP(int, ftruncate, (int fd, off_t n), (fd, n), -1, ENOSPC, 0)
WRAP(int, fallocate, (int fd, int mode, off_t at, off_t n), (fd, mode, at, n), -1, ENOSPC, ENOMEM)
WRAP(FILE *, fopen, (const char *path, const char *mode), (path, mode), NULL, EMFILE, ENOENT)
WRAP(ssize_t, getrandom, (void *p, size_t n, unsigned flags), (p, n, flags), -1, ENOSYS, 0)
WRAP(int, eventfd, (unsigned n, int flags), (n, flags), -1, EMFILE, ENOMEM)
WRAP(int, socket, (int d, int t, int p), (d, t, p), -1, EMFILE, ENOBUFS)
WRAP(int, setsockopt, (int fd, int l, int o, const void *p, socklen_t n), (fd, l, o, p, n), -1,
     ENOBUFS, ENOPROTOOPT)
WRAP(int, getsockopt, (int fd, int l, int o, void *p, socklen_t *n), (fd, l, o, p, n), -1,
     ENOBUFS, 0)
WRAP(int, bind, (int fd, const struct sockaddr *a, socklen_t n), (fd, a, n), -1, EADDRINUSE, EACCES)
WRAP(int, listen, (int fd, int n), (fd, n), -1, EADDRINUSE, 0)
WRAP(int, connect, (int fd, const struct sockaddr *a, socklen_t n), (fd, a, n), -1, ECONNREFUSED,
     EAGAIN)
WRAP(int, getsockname, (int fd, struct sockaddr *a, socklen_t *n), (fd, a, n), -1, ENOBUFS, 0)
WRAP(int, getpeername, (int fd, struct sockaddr *a, socklen_t *n), (fd, a, n), -1, ENOTCONN, 0)
WRAP(int, epoll_create1, (int flags), (flags), -1, EMFILE, ENOMEM)
WRAP(ssize_t, send, (int fd, const void *p, size_t n, int f), (fd, p, n, f), -1, ECONNRESET, EAGAIN)
WRAP(ssize_t, recv, (int fd, void *p, size_t n, int f), (fd, p, n, f), -1, ECONNRESET, EAGAIN)
WRAP(ssize_t, sendmsg, (int fd, const struct msghdr *m, int f), (fd, m, f), -1, EPIPE, EINTR)

WRAP_NEGATED(io_uring_queue_init, (unsigned n, struct io_uring *u, unsigned flags), (n, u, flags),
             ENOMEM, EPERM)
WRAP_NEGATED(io_uring_queue_init_params,
             (unsigned n, struct io_uring *u, struct io_uring_params *p), (n, u, p), ENOMEM, EINVAL)
WRAP_NEGATED(io_uring_register_buffers,
             (struct io_uring *u, const struct iovec *v, unsigned n), (u, v, n), ENOMEM, EFAULT)
WRAP_NEGATED(io_uring_register_buffers_sparse, (struct io_uring *u, unsigned n), (u, n), ENOMEM,
             EINVAL)
WRAP_NEGATED(io_uring_register_buffers_update_tag,
             (struct io_uring *u, unsigned off, const struct iovec *v, const __u64 *t, unsigned n),
             (u, off, v, t, n), ENOMEM, EINVAL)
WRAP_NEGATED(io_uring_register, (unsigned fd, unsigned op, const void *arg, unsigned n),
             (fd, op, arg, n), EINVAL, EBUSY)
WRAP_NEGATED(io_uring_register_buf_ring,
             (struct io_uring *u, struct io_uring_buf_reg *r, unsigned f),
             (u, r, f), ENOMEM, EINVAL)
WRAP_NEGATED(io_uring_register_ring_fd, (struct io_uring *u), (u), EINVAL, ENOMEM)
/* clang-format on */

struct io_uring_probe *__real_io_uring_get_probe_ring(struct io_uring *u);
struct io_uring_probe *__wrap_io_uring_get_probe_ring(struct io_uring *u);

struct io_uring_probe *
__wrap_io_uring_get_probe_ring(struct io_uring *u)
{
    return call_fails("io_uring_get_probe_ring", EPERM, 0) != 0
               ? NULL
               : __real_io_uring_get_probe_ring(u);
}

int __real_pthread_create(pthread_t *t, const pthread_attr_t *a, void *(*fn)(void *),
                          void *arg);
int __wrap_pthread_create(pthread_t *t, const pthread_attr_t *a, void *(*fn)(void *),
                          void *arg);

int
__wrap_pthread_create(pthread_t *t, const pthread_attr_t *a, void *(*fn)(void *), void *arg)
{
    const int err = call_fails("pthread_create", EAGAIN, 0);
    return err != 0 ? err : __real_pthread_create(t, a, fn, arg);
}

/* Only what is new can be refused; a change of something registered is promised to work. */
int __real_epoll_ctl(int epfd, int op, int fd, struct epoll_event *ev);
int __wrap_epoll_ctl(int epfd, int op, int fd, struct epoll_event *ev);

int
__wrap_epoll_ctl(int epfd, int op, int fd, struct epoll_event *ev)
{
    const int err = op == EPOLL_CTL_ADD ? call_fails("epoll_ctl", ENOMEM, ENOSPC) : 0;
    if (err == 0)
        return __real_epoll_ctl(epfd, op, fd, ev);
    errno = err;
    return -1;
}

/* EAGAIN would be a lie to an edge: the socket stays ready, so it only costs a turn. */
ssize_t __real_recvmsg(int fd, struct msghdr *m, int flags);
ssize_t __wrap_recvmsg(int fd, struct msghdr *m, int flags);

ssize_t
__wrap_recvmsg(int fd, struct msghdr *m, int flags)
{
    const int err = (flags & MSG_ERRQUEUE) == 0 ? call_fails("recvmsg", ECONNRESET, EINTR) : 0;
    if (err == 0)
        return __real_recvmsg(fd, m, flags);
    errno = err;
    return -1;
}

/* ---- Mappings, counted ------------------------------------------------------------------- */

void *__real_mmap(void *at, size_t n, int prot, int flags, int fd, off_t off);
void *__wrap_mmap(void *at, size_t n, int prot, int flags, int fd, off_t off);
int __real_munmap(void *at, size_t n);
int __wrap_munmap(void *at, size_t n);
void *__real_mremap(void *from, size_t n, size_t to_n, int flags, ...);
void *__wrap_mremap(void *from, size_t n, size_t to_n, int flags, ...);

/* MAP_FIXED takes the place of what is counted already. */
void *
__wrap_mmap(void *at, size_t n, int prot, int flags, int fd, off_t off)
{
    const int err = call_fails("mmap", ENOMEM, EAGAIN);
    if (err != 0) {
        errno = err;
        return MAP_FAILED;
    }
    void *const got = __real_mmap(at, n, prot, flags, fd, off);
    if (got != MAP_FAILED && (flags & MAP_FIXED) == 0)
        (void)__atomic_add_fetch(&mapped, (int64_t)n, __ATOMIC_RELAXED);
    return got;
}

int
__wrap_munmap(void *at, size_t n)
{
    const int rc = __real_munmap(at, n);
    if (rc == 0)
        (void)__atomic_sub_fetch(&mapped, (int64_t)n, __ATOMIC_RELAXED);
    return rc;
}

/* The server's only use: counted memory moves into a counted reservation. */
void *
__wrap_mremap(void *from, size_t n, size_t to_n, int flags, ...)
{
    va_list ap;
    va_start(ap, flags);
    void *const to = va_arg(ap, void *);
    va_end(ap);
    const int err = call_fails("mremap", ENOMEM, 0);
    if (err != 0) {
        errno = err;
        return MAP_FAILED;
    }
    void *const got = __real_mremap(from, n, to_n, flags, to);
    if (got != MAP_FAILED && (flags & MREMAP_FIXED) != 0)
        (void)__atomic_sub_fetch(&mapped, (int64_t)n, __ATOMIC_RELAXED);
    return got;
}

/* ---- Operations -------------------------------------------------------------------------- */

int __real_ring_submit_wait(struct ring *r, uint64_t wait_ns);
int __wrap_ring_submit_wait(struct ring *r, uint64_t wait_ns);
unsigned __real_ring_dispatch(struct ring *r);
unsigned __wrap_ring_dispatch(struct ring *r);

/* The name of an operation that the kernel may end in this way; NULL: it would not. */
static const char *
applies(enum fault_kind kind, const struct io_uring_sqe *sqe)
{
    const bool zc = sqe->opcode == IORING_OP_SENDMSG_ZC;
    const bool sends = zc || sqe->opcode == IORING_OP_SENDMSG;
    const bool accepts = sqe->opcode == IORING_OP_ACCEPT;
    const bool recvs = sqe->opcode == IORING_OP_RECV;
    const bool selects = (sqe->flags & IOSQE_BUFFER_SELECT) != 0;
    bool yes = false;
    switch (kind) {
    case FAULT_ECANCELED:
    case FAULT_EIO:
    case FAULT_ECONNRESET:
        yes = sends || recvs;
        break;
    case FAULT_SHORT:
        yes = sends || recvs;
        break;
    case FAULT_EAGAIN:
        yes = sends || recvs || sqe->opcode == IORING_OP_READ;
        break;
    case FAULT_EINTR:
    case FAULT_ENOMEM:
        yes = sends || recvs || accepts;
        break;
    case FAULT_ENOBUFS:
        yes = sends || accepts || (recvs && selects);
        break;
    case FAULT_EPIPE:
        yes = sends;
        break;
    case FAULT_EOPNOTSUPP:
        yes = zc;
        break;
    case FAULT_EMFILE:
    case FAULT_ECONNABORTED:
        yes = accepts;
        break;
    case FAULT_CALL:
    case FAULT_CALL_OTHER:
    case FAULT_KIND_N:
        break;
    }
    if (!yes)
        return NULL;
    return zc ? "sendmsg_zc" : sends ? "sendmsg" : accepts ? "accept" : recvs ? "recv" : "read";
}

static struct held *
hold(const struct ring *r)
{
    unsigned i = 0;
    while (i + 1 < HELD_MAX && held[i].ring != NULL)
        i++;
    held[i].ring = r;
    return &held[i];
}

/* Let the kernel take a few bytes only. */
static void
shorten(const struct ring *r, struct io_uring_sqe *sqe)
{
    if (sqe->opcode == IORING_OP_RECV) {
        sqe->len = sqe->len < SHORT_BYTES ? sqe->len : SHORT_BYTES;
        sqe->msg_flags &= ~(unsigned)MSG_WAITALL;
        return;
    }
    struct held *const h = hold(r); /* the copy lives until the next fault: long enough */
    const struct msghdr *const from = (const struct msghdr *)(uintptr_t)sqe->addr;
    size_t left = SHORT_BYTES;
    h->mh = *from;
    h->mh.msg_iov = h->iov;
    h->mh.msg_iovlen = 0;
    for (size_t i = 0; i < from->msg_iovlen && left > 0 && i < HELD_IOVS; i++) {
        h->iov[i] = from->msg_iov[i];
        if (h->iov[i].iov_len > left)
            h->iov[i].iov_len = left;
        left -= h->iov[i].iov_len;
        h->mh.msg_iovlen++;
    }
    sqe->addr = (uint64_t)(uintptr_t)&h->mh;
    h->ring = NULL;
}

/* The entry does nothing now, and its completion will say `res`. */
static void
defuse(const struct ring *r, struct io_uring_sqe *sqe, int res)
{
    struct held *const h = hold(r);
    const uint64_t user_data = sqe->user_data;
    h->user_data = user_data;
    h->res = res;
    memset(sqe, 0, sizeof *sqe);
    sqe->opcode = IORING_OP_NOP;
    sqe->fd = -1;
    sqe->user_data = user_data;
}

int
__wrap_ring_submit_wait(struct ring *r, uint64_t wait_ns)
{
    if (is_armed()) {
        const struct io_uring_sq *const sq = &r->uring.sq;
        (void)pthread_mutex_lock(&lock);
        for (unsigned at = sq->sqe_head; at != sq->sqe_tail; at++) {
            struct io_uring_sqe *const sqe = &sq->sqes[at & sq->ring_mask];
            const char *const name = applies(state.kind, sqe);
            if (name == NULL || !is_due(name))
                continue;
            if (state.kind == FAULT_SHORT)
                shorten(r, sqe);
            else
                defuse(r, sqe, -errnos[state.kind]);
        }
        (void)pthread_mutex_unlock(&lock);
    }
    return __real_ring_submit_wait(r, wait_ns);
}

unsigned
__wrap_ring_dispatch(struct ring *r)
{
    struct io_uring_cqe *cqe;
    unsigned head;
    (void)pthread_mutex_lock(&lock);
    for (unsigned i = 0; i < HELD_MAX; i++) {
        if (held[i].ring != r)
            continue;
        io_uring_for_each_cqe(&r->uring, head, cqe) {
            if (cqe->user_data != held[i].user_data)
                continue;
            cqe->res = held[i].res;
            held[i].ring = NULL;
            break;
        }
    }
    (void)pthread_mutex_unlock(&lock);
    return __real_ring_dispatch(r);
}
/* NOLINTEND(bugprone-reserved-identifier,bugprone-macro-parentheses) */
