/* SPDX-License-Identifier: BSD-3-Clause */
/* The calls that block. Nothing else in the library does. */
#include "client/client.h"

#include "common/checked.h"
#include "common/clock.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>

/* Sleep until the descriptor is ready, the client's own timer is due, or `until_ns`. */
static int
sleep_until(struct pmemd_client *c, uint64_t now, uint64_t until_ns)
{
    const uint64_t left = until_ns > now ? until_ns - now : 0;
    const uint64_t ns = pmi_min_u64(pmemd_wait_max_ns(c), left);
    const struct timespec ts = {.tv_sec = (time_t)(ns / PMI_NS_PER_S),
                                .tv_nsec = (long)(ns % PMI_NS_PER_S)};
    struct epoll_event ev;
    if (ns == 0)
        return 0;
    const int rc = epoll_pwait2(c->epfd, &ev, 1, ns == UINT64_MAX ? NULL : &ts, NULL);
    return rc < 0 ? -errno : 0;
}

/* One of the conditions that blocking calls wait for. */
typedef bool wait_test(const struct pmemd_client *c, const void *arg);

/*
 * Drive until `test` holds or the time is over.
 * 0 = it holds, PMEMD_E_TIMEOUT, PMEMD_E_STATE (nothing can come any more), or -EINTR.
 */
static int
drive(struct pmemd_client *c, wait_test *test, const void *arg, uint64_t until_ns)
{
    uint64_t spin_end = 0;
    for (;;) {
        client_turn(c, true);
        if (test(c, arg))
            return 0;
        if (client_is_over(c))
            return PMEMD_E_STATE;
        const uint64_t now = pmi_now_ns();
        if (now >= until_ns)
            return PMEMD_E_TIMEOUT;
        if (c->cfg.busy_poll_ns > 0 && client_ready(c)) {
            if (spin_end == 0)
                spin_end = pmi_deadline_ns(now, c->cfg.busy_poll_ns);
            if (now < spin_end)
                continue;
        }
        const int rc = sleep_until(c, now, until_ns);
        if (rc == -EINTR)
            return rc;
        pmi_assert(rc == 0); /* the descriptor is ours */
        spin_end = 0;
    }
}

static uint64_t
until(uint64_t timeout_ns)
{
    return timeout_ns == UINT64_MAX ? UINT64_MAX : pmi_deadline_ns(pmi_now_ns(), timeout_ns);
}

static bool
enough_events(const struct pmemd_client *c, const void *arg)
{
    const unsigned *min_events = arg;
    return events_waiting(&c->flow.events) >= *min_events;
}

int
pmemd_wait(struct pmemd_client *c, unsigned min_events, uint64_t timeout_ns)
{
    if (client_forked(c))
        return PMEMD_E_FORKED;
    if (events_waiting(&c->flow.events) >= min_events) {
        client_turn(c, false); /* what was submitted still leaves */
        return (int)events_waiting(&c->flow.events);
    }
    const int rc = drive(c, enough_events, &min_events, until(timeout_ns));
    return rc == -EINTR ? rc : (int)events_waiting(&c->flow.events);
}

static bool
is_connected(const struct pmemd_client *c, const void *arg)
{
    (void)arg;
    return client_ready(c) || c->conn.state == CONN_REFUSED || c->aborted;
}

int
pmemd_connect(struct pmemd_client *c, uint64_t timeout_ns)
{
    if (client_forked(c))
        return PMEMD_E_FORKED;
    const uint64_t until_ns = until(timeout_ns);
    int rc;
    do
        rc = drive(c, is_connected, NULL, until_ns);
    while (rc == -EINTR);
    if (c->conn.state == CONN_REFUSED)
        return c->conn.refused_err;
    return rc == 0 && c->aborted ? PMEMD_E_STATE : rc;
}

static bool
is_released(const struct pmemd_client *c, const void *arg)
{
    (void)c;
    const struct sync_wait *w = arg;
    return w->released;
}

int
pmemd_call(struct pmemd_client *c, const struct pmemd_req *req, struct pmemd_event *ret,
           size_t ret_size)
{
    struct sync_wait w = {0};
    if (client_forked(c))
        return PMEMD_E_FORKED;
    int rc = client_submit(c, req, &w);
    if (rc < 0)
        return rc;
    do
        rc = drive(c, is_released, &w, UINT64_MAX); /* its own deadline ends it */
    while (rc == -EINTR);
    pmi_assert(rc == 0);
    pmi_assert(w.done);
    if (ret != NULL && ret_size >= sizeof(uint32_t)) {
        w.event.size = (uint32_t)pmi_min(ret_size, sizeof w.event);
        memset(ret, 0, ret_size);
        memcpy(ret, &w.event, w.event.size);
    }
    return w.event.err;
}

static int
call_data(struct pmemd_client *c, uint32_t verb, const struct pmemd_extent *extent,
          const struct pmemd_iov *iov, uint32_t level)
{
    struct pmemd_req req;
    pmemd_req_init(&req, sizeof req);
    req.verb = verb;
    req.level = level;
    req.extents = extent;
    req.extent_count = extent != NULL;
    req.iov = iov;
    req.iov_count = iov != NULL;
    return pmemd_call(c, &req, NULL, 0);
}

int
pmemd_read(struct pmemd_client *c, uint64_t off, void *data, size_t len)
{
    const struct pmemd_extent extent = {.off = off, .len = len};
    const struct pmemd_iov iov = {.data = data, .len = len};
    return call_data(c, PMEMD_VERB_READ, &extent, &iov, 0);
}

int
pmemd_write(struct pmemd_client *c, uint64_t off, const void *data, size_t len, uint32_t level)
{
    const struct pmemd_extent extent = {.off = off, .len = len};
    /* The iov of a WRITE is only read; its type serves both directions. */
    struct pmemd_iov iov = {.len = len};
    memcpy(&iov.data, &data, sizeof iov.data);
    return call_data(c, PMEMD_VERB_WRITE, &extent, &iov, level);
}

int
pmemd_zero(struct pmemd_client *c, uint64_t off, uint64_t len, uint32_t level)
{
    const struct pmemd_extent extent = {.off = off, .len = len};
    return call_data(c, PMEMD_VERB_ZERO, &extent, NULL, level);
}

int
pmemd_flush(struct pmemd_client *c)
{
    return call_data(c, PMEMD_VERB_FLUSH, NULL, NULL, 0);
}

int
pmemd_stat(struct pmemd_client *c, struct pmemd_info *ret, size_t size)
{
    struct pmemd_info info = {0};
    const struct pmemd_iov iov = {.data = &info, .len = sizeof info};
    if (ret == NULL || size < sizeof(uint32_t))
        return PMEMD_E_ARG;
    const int rc = call_data(c, PMEMD_VERB_STAT, NULL, &iov, 0);
    if (rc < 0)
        return rc;
    info.size = (uint32_t)pmi_min(size, sizeof info);
    memset(ret, 0, size);
    memcpy(ret, &info, info.size);
    return 0;
}

/* ---- close ------------------------------------------------------------------------------- */

static bool
no_request(const struct pmemd_client *c, const void *arg)
{
    (void)arg;
    return flow_live(&c->flow) == 0;
}

static bool
no_grave(const struct pmemd_client *c, const void *arg)
{
    (void)arg;
    return flow_live(&c->flow) == 0 && c->graves.used == 0;
}

/* The latest deadline of a live request, at least connect_timeout_ns from now. */
static uint64_t
patience(const struct pmemd_client *c)
{
    uint64_t end = until(c->cfg.connect_timeout_ns);
    for (uint32_t i = 0; i < c->flow.heap_count; i++)
        end = pmi_max_u64(end, c->flow.heap[i]->deadline_ns);
    return end;
}

void
pmemd_close(struct pmemd_client *c)
{
    if (c == NULL || client_forked(c))
        return;
    int rc = 0;
    const uint64_t end = patience(c);
    if (flow_live(&c->flow) > 0 && !c->aborted) {
        do
            rc = drive(c, no_request, NULL, end);
        while (rc == -EINTR);
    }
    client_stop(c);
    do
        rc = drive(c, no_grave, NULL, UINT64_MAX); /* the kernel reads their memory */
    while (rc == -EINTR);
    pmi_assert(rc == 0);
    client_free(c, false);
}
