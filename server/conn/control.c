/* SPDX-License-Identifier: BSD-3-Clause */
/* HELLO, OPEN, STAT, LIST, and refusals: control messages in, protobuf replies out. */
#include "common/assert.h"
#include "common/err.h"
#include "common/log.h"
#include "server/conn/patience.h"
#include "server/conn/rx.h"
#include "server/conn/tx.h"

#include <stdio.h>
#include <string.h>

#define SOFTWARE "pmemd/" PMEMD_VERSION_TEXT

/* A reply and the message that carries it, in one block of env->controls. */
struct control {
    struct outmsg out;
    struct conn *conn;
    uint8_t bytes[WIRE_PREFIX_BYTES + WIRE_HEADER_MAX];
};
pmi_static_assert(sizeof(struct control) <= ENV_HEAD_BYTES);

static void
control_done(struct outmsg *m)
{
    struct control *k = pmi_containerof(m, struct control, out);
    struct conn *c = k->conn;
    pmi_assert(c->controls > 0);
    c->controls--;
    pool_put(&c->env->controls, k);
}

static struct control *
control_new(struct conn *c)
{
    if (c->controls >= CONN_CONTROLS_MAX)
        return NULL;
    struct control *k = pool_get(&c->env->controls);
    if (k == NULL)
        return NULL;
    memset(&k->out, 0, sizeof k->out);
    pmi_list_init(&k->out.link);
    k->out.done = control_done;
    k->out.head = k->bytes;
    k->conn = c;
    c->controls++;
    return k;
}

/* Send the reply whose header of `len` bytes (or an error) stands in k->bytes. */
static int
control_send(struct control *k, uint8_t verb, uint64_t tag, int len)
{
    struct conn *c = k->conn;
    if (len < 0) {
        control_done(&k->out);
        return len;
    }
    const struct wire_prefix p = {
        .verb = verb, .flags = WIRE_F_REPLY, .tag = tag, .header_len = (uint32_t)len};
    wire_prefix_write(k->bytes, &p, k->bytes + WIRE_PREFIX_BYTES);
    k->out.head_len = WIRE_PREFIX_BYTES + p.header_len;
    stat_add(&c->env->stats.controls, 1);
    tx_queue(c, &k->out);
    return 0;
}

static uint8_t *
body(struct control *k)
{
    return k->bytes + WIRE_PREFIX_BYTES;
}

int
control_refuse(struct conn *c, const struct wire_prefix *p, int err, const char *text)
{
    struct control *k = control_new(c);
    if (k == NULL)
        return PMEMD_E_BUSY;
    stat_add(&c->env->stats.refused, 1);
    if (p->verb >= WIRE_READ) { /* data verbs, built or not, answer with the fixed header */
        const struct hot_reply h = {.status = pmi_err_to_wire(err), .outcome = PMEMD_NOT_DONE};
        hot_reply_write(body(k), &h, NULL);
        return control_send(k, p->verb, p->tag, (int)hot_reply_bytes(0));
    }
    struct msg_refusal m = {.status = pmi_err_to_wire(err)};
    (void)snprintf(m.text, sizeof m.text, "%s", text);
    return control_send(k, p->verb, p->tag, msg_refusal_write(body(k), WIRE_HEADER_MAX, &m));
}

/* ---- HELLO and OPEN ---------------------------------------------------------------------- */

static int
hello(struct conn *c, const struct wire_prefix *p, const uint8_t *header)
{
    struct msg_hello m;
    if (msg_hello_read(header, p->header_len, c->env->scratch, &m) < 0)
        return PMEMD_E_PROTO;
    if (c->state != CONN_HELLO)
        return control_refuse(c, p, PMEMD_E_STATE, "HELLO comes once");
    struct control *k = control_new(c);
    if (k == NULL)
        return PMEMD_E_BUSY;
    struct msg_hello_reply r = {
        .version = WIRE_VERSION,
        .features = m.features & MSG_FEATURE_CRC,
        .limits = c->env->limits->wire,
        .software = SOFTWARE,
    };
    const bool shared = m.version_min <= WIRE_VERSION && WIRE_VERSION <= m.version_max;
    if (!shared) {
        r.status = pmi_err_to_wire(PMEMD_E_VERSION);
        (void)snprintf(r.text, sizeof r.text,
                       "this server speaks version %u, the client %u to %u", WIRE_VERSION,
                       m.version_min, m.version_max);
    }
    const int rc =
        control_send(k, p->verb, p->tag, msg_hello_reply_write(body(k), WIRE_HEADER_MAX, &r));
    if (rc < 0)
        return rc;
    memcpy(c->t.session, m.session, sizeof c->t.session);
    c->t.features = r.features;
    conn_step(c, shared ? CE_HELLO : CE_FINISH);
    return 0;
}

static void
describe(const struct conn *c, const struct region *rg, struct msg_region *ret)
{
    *ret = (struct msg_region){
        .durability = rg->medium->durability,
        .shard = rg->shard,
        .size = rg->len,
        .page_size = rg->medium->page_size,
        .fixed_buffers = rg->fixed_count,
        .connections = __atomic_load_n(&rg->connections, __ATOMIC_RELAXED),
        .lsn = rg->lsn,
        .epoch = rg->epoch,
        .bytes_zc = __atomic_load_n(&rg->paths.zc, __ATOMIC_RELAXED),
        .bytes_copied = __atomic_load_n(&rg->paths.copied, __ATOMIC_RELAXED),
        .bytes_staged = __atomic_load_n(&rg->paths.staged, __ATOMIC_RELAXED),
        .bytes_unknown = __atomic_load_n(&rg->paths.unknown, __ATOMIC_RELAXED),
        .bytes_direct = __atomic_load_n(&rg->paths.direct, __ATOMIC_RELAXED),
    };
    memcpy(ret->history, rg->history, sizeof ret->history);
    (void)snprintf(ret->name, sizeof ret->name, "%s", rg->name);
    (void)snprintf(ret->medium, sizeof ret->medium, "%s", rg->medium->name);
    (void)snprintf(ret->memory_kind, sizeof ret->memory_kind, "%s", rg->medium->memory_kind);
    if (c->home != NULL)
        (void)snprintf(ret->why_copied, sizeof ret->why_copied, "%s", path_why_text(&c->path));
}

static int
open_refused(struct conn *c, const struct wire_prefix *p, int err, const char *text)
{
    struct control *k = control_new(c);
    if (k == NULL)
        return PMEMD_E_BUSY;
    struct msg_open_reply r = {.status = pmi_err_to_wire(err)};
    (void)snprintf(r.text, sizeof r.text, "%s", text);
    stat_add(&c->env->stats.refused, 1);
    return control_send(k, p->verb, p->tag, msg_open_reply_write(body(k), WIRE_HEADER_MAX, &r));
}

static int
open_region(struct conn *c, const struct wire_prefix *p, const uint8_t *header)
{
    struct msg_open m;
    char text[MSG_TEXT_MAX];
    if (msg_open_read(header, p->header_len, c->env->scratch, &m) < 0)
        return PMEMD_E_PROTO;
    if (c->state != CONN_OPEN)
        return control_refuse(c, p, PMEMD_E_STATE, "OPEN comes after HELLO, and once");
    const struct conn_world *w = c->world;
    uint32_t i = 0;
    while (i < w->region_count && strcmp(w->regions[i]->name, m.region) != 0)
        i++;
    if (i == w->region_count) {
        char name[WIRE_NAME_MAX * 4];
        pmi_log_escape(name, sizeof name, m.region, strlen(m.region));
        (void)snprintf(text, sizeof text, "no region '%.128s'; LIST names those there are",
                       name);
        return open_refused(c, p, PMEMD_E_NOREGION, text);
    }
    if (w->regions[i]->medium->durability < m.class_min) {
        (void)snprintf(text, sizeof text, "region '%s' is of class %u, the client requires %u",
                       w->regions[i]->name, w->regions[i]->medium->durability, m.class_min);
        return open_refused(c, p, PMEMD_E_CLASS, text);
    }
    c->t.region = i;
    c->t.crc = m.crc;
    c->t.tag = p->tag;
    conn_step(c, CE_MOVE);
    return 0;
}

int
control_opened(struct conn *c)
{
    struct control *k = control_new(c);
    if (k == NULL)
        return PMEMD_E_BUSY;
    struct msg_open_reply r = {0};
    describe(c, c->home->rg, &r.region);
    return control_send(k, WIRE_OPEN, c->t.tag,
                        msg_open_reply_write(body(k), WIRE_HEADER_MAX, &r));
}

/* ---- STAT and LIST ----------------------------------------------------------------------- */

static unsigned
counters(const struct conn_world *w, struct msg_counter *ret)
{
    const unsigned n = stats_count();
    for (unsigned i = 0; i < n; i++) {
        const struct stat_desc *d = stats_desc(i);
        (void)snprintf(ret[i].name, sizeof ret[i].name, "%s", d->name);
        (void)snprintf(ret[i].unit, sizeof ret[i].unit, "%s", d->unit);
        ret[i].value = 0;
        for (uint32_t s = 0; s < w->shard_count; s++)
            ret[i].value += stats_read(w->all_stats[s], i);
    }
    return n;
}

static int
stat_region(struct conn *c, const struct wire_prefix *p, const uint8_t *header)
{
    struct msg_stat m;
    struct msg_counter list[STATS_MAX];
    if (msg_stat_read(header, p->header_len, c->env->scratch, &m) < 0)
        return PMEMD_E_PROTO;
    if (c->home == NULL)
        return control_refuse(c, p, PMEMD_E_STATE, "STAT speaks of an open region");
    struct control *k = control_new(c);
    if (k == NULL)
        return PMEMD_E_BUSY;
    struct msg_stat_reply r = {.counters = list};
    describe(c, c->home->rg, &r.region);
    if (m.counters)
        r.counter_count = counters(c->world, list);
    return control_send(k, p->verb, p->tag, msg_stat_reply_write(body(k), WIRE_HEADER_MAX, &r));
}

/* Regions a LIST reply holds: each is well under 512 bytes packed. */
#define LIST_PAGE 48u

static int
list_regions(struct conn *c, const struct wire_prefix *p, const uint8_t *header)
{
    struct msg_list m;
    struct msg_region page[LIST_PAGE];
    if (msg_list_read(header, p->header_len, c->env->scratch, &m) < 0)
        return PMEMD_E_PROTO;
    struct control *k = control_new(c);
    if (k == NULL)
        return PMEMD_E_BUSY;
    const unsigned max = m.max == 0 || m.max > LIST_PAGE ? LIST_PAGE : m.max;
    struct msg_list_reply r = {.regions = page};
    for (uint32_t i = 0; i < c->world->region_count; i++) { /* sorted by name */
        const struct region *rg = c->world->regions[i];
        if (strcmp(rg->name, m.after) <= 0)
            continue;
        if (r.region_count == max) {
            r.more = true;
            break;
        }
        describe(c, rg, &page[r.region_count++]);
    }
    return control_send(k, p->verb, p->tag, msg_list_reply_write(body(k), WIRE_HEADER_MAX, &r));
}

int
control_message(struct conn *c, const struct wire_prefix *p, const uint8_t *header)
{
    char text[MSG_TEXT_MAX];
    if (c->state == CONN_HELLO && p->verb != WIRE_HELLO)
        return control_refuse(c, p, PMEMD_E_STATE, "HELLO comes first");
    switch (p->verb) {
    case WIRE_HELLO:
        return hello(c, p, header);
    case WIRE_OPEN:
        return open_region(c, p, header);
    case WIRE_STAT:
        return stat_region(c, p, header);
    case WIRE_LIST:
        return list_regions(c, p, header);
    default:
        (void)snprintf(text, sizeof text, "verb %u (%s) is not built into this version",
                       p->verb, wire_verb_name(p->verb));
        return control_refuse(c, p, PMEMD_E_VERB, text);
    }
}
