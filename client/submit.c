/* SPDX-License-Identifier: BSD-3-Clause */
/* Requests in: judged as far as they can be without the server, then queued. */
#include "client/client.h"

#include "client/config.h"
#include "common/checked.h"
#include "common/clock.h"
#include "common/err.h"

#include <errno.h>
#include <stdio.h>

/* Beyond any use, and small enough that sizes computed from it cannot wrap. */
#define ARRAY_MAX (1u << 20)

/* What a verb takes. */
struct verb_rule {
    bool known, extents, iov, level;
    uint32_t flags;
};

static const struct verb_rule rules[] = {
    [PMEMD_VERB_STAT] = {.known = true, .iov = true, .flags = PMEMD_REQ_COUNTERS},
    [PMEMD_VERB_LIST] = {.known = true, .iov = true},
    [PMEMD_VERB_READ] = {.known = true, .extents = true, .iov = true},
    [PMEMD_VERB_WRITE] = {.known = true, .extents = true, .iov = true, .level = true},
    [PMEMD_VERB_ZERO] = {.known = true, .extents = true, .level = true},
    [PMEMD_VERB_FLUSH] = {.known = true, .level = true},
};

/* Sum of the extents; false for an empty one, or a sum or end that wraps. */
static bool
extents_sum(const struct pmemd_req *r, uint64_t *ret)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < r->extent_count; i++) {
        const struct pmemd_extent *e = &r->extents[i];
        uint64_t end;
        if (e->len == 0 || !pmi_add_ok(sum, e->len, &sum) || !pmi_add_ok(e->off, e->len, &end))
            return false;
    }
    *ret = sum;
    return true;
}

static bool
iov_sum(const struct pmemd_req *r, uint64_t *ret)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < r->iov_count; i++) {
        const struct pmemd_iov *v = &r->iov[i];
        if ((v->data == NULL && v->len > 0) || !pmi_add_ok(sum, v->len, &sum))
            return false;
    }
    *ret = sum;
    return true;
}

/* Counts and lengths that fit together. */
static bool
shape_ok(const struct verb_rule *rule, const struct pmemd_req *r)
{
    uint64_t extents;
    uint64_t iov;
    if ((r->extent_count > 0) != rule->extents || (r->iov_count > 0) != rule->iov)
        return false;
    if (r->extent_count > ARRAY_MAX || r->iov_count > ARRAY_MAX || r->seq != 0)
        return false;
    if ((rule->extents && r->extents == NULL) || (rule->iov && r->iov == NULL))
        return false;
    if (!extents_sum(r, &extents) || !iov_sum(r, &iov))
        return false;
    if (!rule->iov)
        return true;
    if (rule->extents)
        return extents == iov;
    return r->iov_count == 1 && iov >= sizeof(uint64_t); /* records go to iov[0] */
}

static int
judge(const struct verb_rule *rule, const struct pmemd_req *r)
{
    if ((r->flags & ~rule->flags) != 0)
        return PMEMD_E_FLAG;
    if (r->level >= PMEMD_LEVEL_REPLICATED || (r->level != 0 && !rule->level))
        return PMEMD_E_LEVEL;
    return shape_ok(rule, r) ? 0 : PMEMD_E_ARG;
}

static bool
range_ok(const struct pmemd_client *c, const struct pmemd_req *r)
{
    if (!client_ready(c))
        return true; /* its length may be another one when it is open again */
    for (uint32_t i = 0; i < r->extent_count; i++) {
        if (!pmi_range_ok(r->extents[i].off, r->extents[i].len, c->flow.region_len))
            return false;
    }
    return true;
}

static int
admit(const struct pmemd_client *c, const struct pmemd_req *r)
{
    if (r->verb >= sizeof rules / sizeof rules[0] || !rules[r->verb].known)
        return PMEMD_E_VERB;
    const int rc = judge(&rules[r->verb], r);
    if (rc < 0)
        return rc;
    if (c->aborted || c->conn.state == CONN_REFUSED || c->conn.state == CONN_CLOSED)
        return PMEMD_E_STATE;
    if (r->verb != PMEMD_VERB_LIST && c->uri.region[0] == '\0')
        return PMEMD_E_STATE;
    return range_ok(c, r) ? 0 : PMEMD_E_RANGE;
}

int
client_submit(struct pmemd_client *c, const struct pmemd_req *req, struct sync_wait *sync)
{
    struct pmemd_req tmp;
    const struct pmemd_req *r = NULL;
    int rc = config_import_req(req, &tmp, &r);
    if (rc == 0)
        rc = admit(c, r);
    if (rc == 0) {
        const uint64_t timeout = r->timeout_ns != 0 ? r->timeout_ns : c->cfg.timeout_ns;
        const uint64_t deadline =
            timeout != 0 ? pmi_deadline_ns(pmi_now_ns(), timeout) : UINT64_MAX;
        rc = flow_add(&c->flow, r, deadline, sync);
        c->sender.idle = false;
        return rc;
    }
    (void)snprintf(c->flow.detail, sizeof c->flow.detail, "%s not submitted: %s",
                   wire_verb_name(r != NULL ? r->verb : 0), pmi_err_text(rc));
    return rc;
}

int
pmemd_submit(struct pmemd_client *c, const struct pmemd_req *req)
{
    if (client_forked(c))
        return PMEMD_E_FORKED;
    return client_submit(c, req, NULL);
}

int
pmemd_cancel(struct pmemd_client *c, uint64_t cookie)
{
    if (client_forked(c))
        return PMEMD_E_FORKED;
    c->sender.idle = false; /* credits may have come free */
    return (int)flow_cancel(&c->flow, cookie);
}
