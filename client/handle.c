/* SPDX-License-Identifier: BSD-3-Clause */
/* Life of a handle, and the turn that moves everything on without blocking. */
#include "client/client.h"

#include "client/config.h"
#include "client/net.h"
#include "common/checked.h"
#include "common/clock.h"
#include "common/err.h"
#include "common/log.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <unistd.h>

/* ---- what the connection tells ----------------------------------------------------------- */

static void
push_link(struct pmemd_client *c, enum pmemd_what what, int err)
{
    const struct pmemd_event ev = {
        .what = what,
        .err = err,
        .durability = what == PMEMD_EV_CONNECTED ? c->conn.region.durability : 0,
    };
    events_push_link(&c->flow.events, &ev);
}

static void
on_ready(void *arg)
{
    struct pmemd_client *c = arg;
    const bool zc = (c->cfg.flags & PMEMD_CFG_ZC_OFF) == 0 && net_enable_zerocopy(c->conn.fd);
    c->flow.limits = c->conn.limits;
    c->flow.region_len = c->conn.region.size;
    c->flow.crc = c->conn.crc;
    c->flow.answered = false;
    send_reset(&c->sender, zc, (c->cfg.flags & PMEMD_CFG_ZC_ALWAYS) != 0);
    recv_reset(&c->receiver);
    push_link(c, PMEMD_EV_CONNECTED, 0);
}

/* The socket is ours now. While the kernel reads our callers' memory for it, it must stay. */
static void
on_lost(void *arg, int fd, int err)
{
    struct pmemd_client *c = arg;
    const uint64_t now = pmi_now_ns();
    uint8_t bit = 0;
    if (zc_collect(&c->sender.zc, fd, now, &c->sender.stats))
        flow_notified(&c->flow, c->sender.zc.first);
    if (zc_owed(&c->sender.zc) > 0)
        bit = graves_bury(&c->graves, fd, &c->sender.zc, now);
    else
        net_close(fd, flow_live(&c->flow) > 0);
    recv_reset(&c->receiver);
    flow_lost(&c->flow, bit);
    if (err != PMEMD_E_CANCELED)
        push_link(c, PMEMD_EV_LOST, err);
}

static void
on_refused(void *arg, int err)
{
    struct pmemd_client *c = arg;
    flow_give_up_all(&c->flow, err);
    push_link(c, PMEMD_EV_REFUSED, err);
}

static const struct conn_up up = {.ready = on_ready, .lost = on_lost, .refused = on_refused};

/* ---- open and free ----------------------------------------------------------------------- */

static int
make_session(const struct pmemd_config *cfg, uint8_t session[16])
{
    if (cfg->session[0] != 0 || cfg->session[1] != 0) {
        memcpy(session, cfg->session, 16);
        return 0;
    }
    const ssize_t n = getrandom(session, 16, 0);
    return n == 16 ? 0 : n < 0 ? -errno : -EIO;
}

static int
client_init(struct pmemd_client *c)
{
    struct conn_args args = {.uri = &c->uri, .cfg = &c->cfg, .up = &up, .up_arg = c};
    c->magic = CLIENT_MAGIC;
    c->token = fork_token();
    c->sender.zc_min = c->cfg.zc_min;
    c->epfd = epoll_create1(EPOLL_CLOEXEC);
    if (c->epfd < 0)
        return -errno;
    c->memory = aligned_alloc(64, CONN_STAGE_BYTES + MSG_ARENA_BYTES);
    if (c->memory == NULL)
        return -ENOMEM;
    int rc = make_session(&c->cfg, args.session);
    if (rc == 0)
        rc = control_init(&c->control, c->memory + CONN_STAGE_BYTES);
    if (rc == 0)
        rc = flow_init(&c->flow, c->cfg.inflight_max);
    if (rc < 0)
        return rc;
    c->receiver.stage = args.stage = c->memory;
    c->receiver.capacity = CONN_STAGE_BYTES;
    args.scratch = c->memory + CONN_STAGE_BYTES;
    args.epfd = c->epfd;
    conn_init(&c->conn, &args);
    return 0;
}

int
pmemd_open(const char *uri, const struct pmemd_config *cfg, struct pmemd_client **ret)
{
    struct pmemd_client *c = calloc(1, sizeof *c);
    if (c == NULL)
        return -ENOMEM;
    c->epfd = -1;
    char why[160];
    int rc = pmi_uri_parse(uri, &c->uri, why, sizeof why);
    if (rc < 0)
        pmi_log(PMI_LOG_ERROR, "client.uri", "why=\"%s\"", why);
    else
        rc = config_import(&c->cfg, cfg);
    if (rc == 0 && c->uri.scheme == PMI_URI_TLS)
        rc = PMEMD_E_UNSUPPORTED;
    if (rc == 0)
        rc = client_init(c);
    if (rc < 0) {
        client_free(c, false);
        return rc;
    }
    *ret = c;
    return 0;
}

void
client_free(struct pmemd_client *c, bool forked)
{
    pmi_assert(forked || c->graves.used == 0);
    conn_fini(&c->conn, forked);
    graves_fini(&c->graves);
    control_fini(&c->control);
    flow_fini(&c->flow);
    if (c->epfd >= 0)
        (void)close(c->epfd);
    free(c->memory);
    c->magic = 0;
    free(c);
}

void
client_stop(struct pmemd_client *c)
{
    c->aborted = true;
    conn_close(&c->conn);
    flow_give_up_all(&c->flow, PMEMD_E_CANCELED);
}

void
pmemd_abort(struct pmemd_client *c)
{
    if (!client_forked(c))
        client_stop(c);
}

void
pmemd_forked(struct pmemd_client *c)
{
    if (c == NULL)
        return;
    pmi_alive(c, CLIENT_MAGIC);
    client_free(c, true);
}

/* ---- the turn ---------------------------------------------------------------------------- */

/* 0, or why the connection is over. */
static int
move_link(struct pmemd_client *c, bool receive, uint64_t now)
{
    const int fd = c->conn.fd;
    int rc = 0;
    if (!c->sender.idle || c->sender.blocked)
        rc = send_turn(&c->sender, &c->flow, fd, now);
    if (zc_owed(&c->sender.zc) > 0 && zc_collect(&c->sender.zc, fd, now, &c->sender.stats))
        flow_notified(&c->flow, c->sender.zc.first);
    if (!receive && rc == 0)
        return 0;
    /* Also after a failed send: what the peer said before it went away still counts. */
    const int got = recv_turn(&c->receiver, &c->flow, &c->control, fd);
    if (rc < 0 || got < 0)
        return rc < 0 ? rc : got;
    /* Replies gave credits back. */
    if (!pmi_list_empty(&c->flow.retry) || !pmi_list_empty(&c->flow.queue))
        rc = send_turn(&c->sender, &c->flow, fd, now);
    return rc;
}

void
client_turn(struct pmemd_client *c, bool receive)
{
    const uint64_t now = pmi_now_ns();
    if (flow_deadline_ns(&c->flow) <= now) {
        flow_expire(&c->flow, now);
        c->sender.idle = false;
    }
    /* A connection can become a grave; without room for one there must be none. */
    if (!client_ready(c) && !c->aborted && graves_room(&c->graves))
        conn_poll(&c->conn, now);
    if (client_ready(c)) {
        const int rc = move_link(c, receive, now);
        if (rc < 0)
            conn_lost(&c->conn, rc, c->flow.answered);
        else
            conn_watch_out(&c->conn, c->sender.blocked);
    }
    if (c->graves.used != 0) {
        const uint8_t empty = graves_poll(&c->graves, now, &c->sender.stats);
        if (empty != 0)
            flow_graves_empty(&c->flow, empty);
    }
}

bool
client_is_over(const struct pmemd_client *c)
{
    const bool ended = c->aborted || c->conn.state == CONN_REFUSED;
    return ended && flow_live(&c->flow) == 0 && c->graves.used == 0;
}

/* ---- for loops --------------------------------------------------------------------------- */

int
pmemd_fd(const struct pmemd_client *c)
{
    return client_forked(c) ? PMEMD_E_FORKED : c->epfd;
}

uint64_t
pmemd_wait_max_ns(const struct pmemd_client *c)
{
    if (client_forked(c))
        return UINT64_MAX;
    if (events_waiting(&c->flow.events) > 0 || (client_ready(c) && !c->sender.idle))
        return 0;
    uint64_t due = pmi_min_u64(flow_deadline_ns(&c->flow), graves_due_ns(&c->graves));
    if (!c->aborted && graves_room(&c->graves))
        due = pmi_min_u64(due, conn_due_ns(&c->conn));
    if (due == UINT64_MAX)
        return UINT64_MAX;
    const uint64_t now = pmi_now_ns();
    return due > now ? due - now : 0;
}

int
pmemd_ready(struct pmemd_client *c)
{
    if (client_forked(c))
        return PMEMD_E_FORKED;
    client_turn(c, true);
    return (int)events_waiting(&c->flow.events);
}

int
pmemd_reap(struct pmemd_client *c, struct pmemd_event *events, size_t stride, unsigned max)
{
    if (client_forked(c))
        return PMEMD_E_FORKED;
    if (events == NULL && max > 0)
        return PMEMD_E_ARG;
    /* While there is something to hand out, looking for more can wait. */
    client_turn(c, events_waiting(&c->flow.events) == 0);
    return events_take(&c->flow.events, events, stride, max);
}

/* ---- what is known ----------------------------------------------------------------------- */

const char *
pmemd_detail(const struct pmemd_client *c)
{
    if (client_forked(c))
        return pmi_err_text(PMEMD_E_FORKED);
    if (!client_ready(c) && c->conn.detail[0] != '\0')
        return c->conn.detail;
    return c->flow.detail[0] != '\0' ? c->flow.detail : "no error so far";
}

int
pmemd_info(const struct pmemd_client *c, struct pmemd_info *ret, size_t size)
{
    struct pmemd_info info;
    if (client_forked(c))
        return PMEMD_E_FORKED;
    if (ret == NULL || size < sizeof(uint32_t))
        return PMEMD_E_ARG;
    if (!c->conn.known)
        return PMEMD_E_STATE;
    control_info(&c->conn.region, &c->flow, &info);
    info.size = (uint32_t)pmi_min(size, sizeof info);
    memset(ret, 0, size);
    memcpy(ret, &info, info.size);
    return 0;
}

void
pmemd_sent(const struct pmemd_client *c, uint64_t *ret_zc, uint64_t *ret_copied,
           uint64_t *ret_unknown)
{
    pmi_alive(c, CLIENT_MAGIC);
    if (ret_zc != NULL)
        *ret_zc = c->sender.stats.bytes_zc;
    if (ret_copied != NULL)
        *ret_copied = c->sender.stats.bytes_copied;
    if (ret_unknown != NULL)
        *ret_unknown = c->sender.stats.bytes_unknown;
}
