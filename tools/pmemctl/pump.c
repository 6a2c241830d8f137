// SPDX-License-Identifier: BSD-3-Clause
/* The pipeline below put and get: see pump.h. */
#include "tools/pmemctl/pump.h"

#include "tools/lib/exit.h"
#include "tools/lib/memory.h"
#include "tools/lib/text.h"
#include "tools/pmemctl/stop.h"

#include <errno.h>
#include <poll.h>
#include <string.h>

#define COOKIE_FLUSH UINT64_C(0xf1054) /* slots have their index */
#define EVENTS_MAX 32

int
pump_init(struct pump *p, struct pmemd_client *c, uint64_t region_off, uint64_t start,
          uint64_t stall_ns)
{
    *p = (struct pump){
        .client = c,
        .region_off = region_off,
        .next = start,
        .durable_pos = start,
        .stall_ns = stall_ns,
        .heard_ns = tool_now_ns(),
    };
    p->memory = tool_memory_new(PUMP_DEPTH * PUMP_PIECE_BYTES);
    if (p->memory == NULL)
        return -ENOMEM;
    for (unsigned i = 0; i < PUMP_DEPTH; i++)
        p->slots[i].data = p->memory + i * PUMP_PIECE_BYTES;
    return 0;
}

void
pump_fini(struct pump *p)
{
    tool_memory_free(p->memory, PUMP_DEPTH * PUMP_PIECE_BYTES);
    p->memory = NULL;
}

struct pump_slot *
pump_reserve(struct pump *p)
{
    for (unsigned i = 0; i < PUMP_DEPTH; i++) {
        struct pump_slot *const s = &p->slots[i];
        if (s->flying || s->held || s->reserved || s->failed)
            continue;
        s->reserved = true;
        s->len = 0;
        s->pos = UINT64_MAX; /* not part of the transfer yet */
        return s;
    }
    return NULL;
}

void
pump_release(struct pump_slot *slot)
{
    slot->reserved = false;
}

static int
keep_error(struct pump *p, int err)
{
    if (p->err == 0 && err < 0)
        p->err = err;
    return err;
}

int
pump_submit(struct pump *p, struct pump_slot *slot, enum pmemd_verb verb)
{
    const struct pmemd_extent extent = {p->region_off + p->next, slot->len};
    const struct pmemd_iov iov = {slot->data, slot->len};
    struct pmemd_req req;
    pmemd_req_init(&req, sizeof req);
    req.verb = (uint32_t)verb;
    req.extents = &extent;
    req.extent_count = 1;
    req.iov = &iov;
    req.iov_count = 1;
    req.cookie = (uint64_t)(slot - p->slots);
    const int rc = pmemd_submit(p->client, &req);
    if (rc < 0)
        return keep_error(p, rc);
    if (pump_flying(p) == 0)
        p->heard_ns = tool_now_ns(); /* the silence so far was ours */
    slot->pos = p->next;
    slot->flying = true;
    slot->held = true;
    slot->reserved = verb == PMEMD_VERB_READ;
    p->next += slot->len;
    return 0;
}

struct pump_slot *
pump_read_at(struct pump *p)
{
    struct pump_slot *first = NULL;
    for (unsigned i = 0; i < PUMP_DEPTH; i++) {
        struct pump_slot *const s = &p->slots[i];
        if (s->pos == UINT64_MAX || !s->reserved || s->flying || s->held || s->failed)
            continue;
        if (first == NULL || s->pos < first->pos)
            first = s;
    }
    return first;
}

uint64_t
pump_prefix(const struct pump *p)
{
    uint64_t prefix = p->next;
    for (unsigned i = 0; i < PUMP_DEPTH; i++) {
        const struct pump_slot *const s = &p->slots[i];
        if ((s->flying || s->reserved || s->failed) && s->pos < prefix)
            prefix = s->pos;
    }
    return prefix;
}

int
pump_flush(struct pump *p)
{
    struct pmemd_req req;
    pmemd_req_init(&req, sizeof req);
    req.verb = PMEMD_VERB_FLUSH;
    req.level = PMEMD_LEVEL_DURABLE;
    req.cookie = COOKIE_FLUSH;
    const int rc = pmemd_submit(p->client, &req);
    if (rc < 0)
        return keep_error(p, rc);
    if (pump_flying(p) == 0)
        p->heard_ns = tool_now_ns();
    p->flush_flying = true;
    p->flush_pos = pump_prefix(p);
    return 0;
}

unsigned
pump_flying(const struct pump *p)
{
    unsigned count = p->flush_flying ? 1 : 0;
    for (unsigned i = 0; i < PUMP_DEPTH; i++)
        count += p->slots[i].flying ? 1 : 0;
    return count;
}

static void
on_flush_done(struct pump *p, const struct pmemd_event *ev)
{
    p->flush_flying = false;
    if (keep_error(p, ev->err) < 0)
        return;
    p->durable_pos = p->flush_pos;
    p->level = ev->level;
    p->durability = ev->durability;
}

static void
on_event(struct pump *p, const struct pmemd_event *ev)
{
    const bool done = ev->what == PMEMD_EV_DONE;
    if (ev->what == PMEMD_EV_LOST)
        tool_say("the connection was lost (%s), trying again", pmemd_strerror(ev->err));
    if (ev->what == PMEMD_EV_REFUSED)
        (void)keep_error(p, ev->err < 0 ? ev->err : PMEMD_E_STATE);
    if (!done && ev->what != PMEMD_EV_RELEASED)
        return;
    if (ev->cookie == COOKIE_FLUSH) {
        if (done)
            on_flush_done(p, ev);
        return;
    }
    if (ev->cookie >= PUMP_DEPTH)
        return;
    struct pump_slot *const s = &p->slots[ev->cookie];
    if (!done) {
        s->held = false;
        return;
    }
    s->flying = false;
    s->failed = keep_error(p, ev->err) < 0;
}

/* Returns how many events came, or an error. */
static int
take_events(struct pump *p)
{
    struct pmemd_event events[EVENTS_MAX];
    int total = 0;
    for (int n = EVENTS_MAX; n == EVENTS_MAX;) {
        n = pmemd_reap(p->client, events, sizeof events[0], EVENTS_MAX);
        if (n < 0)
            return n;
        for (int i = 0; i < n; i++)
            on_event(p, &events[i]);
        total += n;
    }
    if (total > 0)
        p->heard_ns = tool_now_ns();
    return total;
}

/* The time until the silence is too long; UINT64_MAX when nothing is awaited. */
static uint64_t
patience_ns(const struct pump *p)
{
    if (pump_flying(p) == 0)
        return UINT64_MAX;
    const uint64_t quiet = tool_now_ns() - p->heard_ns;
    return quiet < p->stall_ns ? p->stall_ns - quiet : 0;
}

int
pump_turn(struct pump *p, int extra_fd, short extra_events, bool *extra_ready)
{
    const int seen = take_events(p);
    if (seen < 0)
        return seen;
    const uint64_t patience = patience_ns(p);
    if (patience == 0)
        return keep_error(p, PMEMD_E_TIMEOUT);
    uint64_t wait_ns = pmemd_wait_max_ns(p->client);
    if (wait_ns > patience)
        wait_ns = patience;
    if (seen > 0)
        wait_ns = 0; /* there is something to act on: only look */
    struct pollfd fds[2] = {
        {.fd = pmemd_fd(p->client), .events = POLLIN},
        {.fd = extra_fd, .events = extra_events},
    };
    const int rc = ctl_poll(fds, 2, wait_ns);
    if (rc < 0)
        return rc;
    if (extra_ready != NULL)
        *extra_ready = fds[1].revents != 0;
    const int more = take_events(p);
    return more < 0 ? more : 0;
}
