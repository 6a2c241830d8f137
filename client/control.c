/* SPDX-License-Identifier: BSD-3-Clause */
/* STAT and LIST. */
#include "client/control.h"

#include "common/checked.h"
#include "common/err.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

pmi_static_assert(sizeof(((struct pmemd_info *)NULL)->name) == WIRE_NAME_MAX + 1);
pmi_static_assert(sizeof(((struct pmemd_info *)NULL)->medium) ==
                  sizeof(((struct msg_region *)NULL)->medium));
pmi_static_assert(sizeof(((struct pmemd_info *)NULL)->memory_kind) ==
                  sizeof(((struct msg_region *)NULL)->memory_kind));
pmi_static_assert(sizeof(((struct pmemd_info *)NULL)->why_copied) ==
                  sizeof(((struct msg_region *)NULL)->why_copied));
pmi_static_assert(sizeof(((struct pmemd_counter *)NULL)->name) ==
                  sizeof(((struct msg_counter *)NULL)->name));
pmi_static_assert(sizeof(((struct pmemd_counter *)NULL)->unit) ==
                  sizeof(((struct msg_counter *)NULL)->unit));

int
control_init(struct control *k, void *arena)
{
    *k = (struct control){.arena = arena};
    k->regions = calloc(CONTROL_PAGE_REGIONS, sizeof *k->regions);
    k->counters = calloc(CONTROL_COUNTERS_MAX, sizeof *k->counters);
    if (k->regions == NULL || k->counters == NULL) {
        control_fini(k);
        return -ENOMEM;
    }
    return 0;
}

void
control_fini(struct control *k)
{
    free(k->regions);
    free(k->counters);
    *k = (struct control){0};
}

uint32_t
control_encode(const struct request *r, void *out, size_t cap)
{
    int n;
    if (r->verb == PMEMD_VERB_STAT) {
        const struct msg_stat m = {.counters = (r->flags & PMEMD_REQ_COUNTERS) != 0};
        n = msg_stat_write(out, cap, &m);
    } else {
        struct msg_list m = {.max = CONTROL_PAGE_REGIONS};
        memcpy(m.after, r->list_after, sizeof m.after);
        n = msg_list_write(out, cap, &m);
    }
    pmi_assert(n >= 0);
    return (uint32_t)n;
}

void
control_info(const struct msg_region *m, const struct flow *f, struct pmemd_info *ret)
{
    *ret = (struct pmemd_info){
        .size = sizeof *ret,
        .durability = m->durability,
        .shard = m->shard,
        .flags = f->crc ? PMEMD_INFO_CRC : 0,
        .len = m->size,
        .page_size = m->page_size,
        .fixed_buffers = m->fixed_buffers,
        .connections = m->connections,
        .io_max = f->limits.io_max,
        .extents_max = f->limits.extents_max,
        .zero_max = f->limits.zero_max,
        .lsn = m->lsn,
        .epoch = m->epoch,
        .bytes_zc = m->bytes_zc,
        .bytes_copied = m->bytes_copied,
        .bytes_staged = m->bytes_staged,
        .bytes_unknown = m->bytes_unknown,
        .bytes_direct = m->bytes_direct,
    };
    memcpy(ret->name, m->name, sizeof ret->name);
    memcpy(ret->medium, m->medium, sizeof ret->medium);
    memcpy(ret->memory_kind, m->memory_kind, sizeof ret->memory_kind);
    memcpy(ret->why_copied, m->why_copied, sizeof ret->why_copied);
}

/* Where the next record goes, and what room is left there. The bytes had so far are in the
 * request's result. */
static char *
room(const struct request *r, uint64_t *ret_left)
{
    const uint64_t used = r->result.bytes;
    pmi_assert(r->span.iov_count == 1);
    pmi_assert(used <= r->span.iov[0].len);
    *ret_left = r->span.iov[0].len - used;
    return (char *)r->span.iov[0].data + used;
}

static void
refused(struct flow *f, uint32_t status, const char text[static MSG_TEXT_MAX],
        struct flow_result *ret)
{
    ret->err = pmi_err_from_wire((uint16_t)status);
    ret->outcome = PMEMD_NOT_DONE;
    memcpy(f->said, text, sizeof f->said);
}

static void
put_counters(const struct request *r, const struct msg_stat_reply *m, struct flow_result *ret)
{
    uint64_t left;
    char *at = room(r, &left);
    for (unsigned i = 0; i < m->counter_count; i++) {
        struct pmemd_counter out = {.value = m->counters[i].value};
        if (left - ret->bytes < sizeof out)
            return;
        memcpy(out.name, m->counters[i].name, sizeof out.name);
        memcpy(out.unit, m->counters[i].unit, sizeof out.unit);
        memcpy(at + ret->bytes, &out, sizeof out);
        ret->bytes += sizeof out;
    }
}

static void
put_info(const struct request *r, const struct flow *f, const struct msg_region *m,
         struct flow_result *ret)
{
    struct pmemd_info info;
    uint64_t left;
    char *at = room(r, &left);
    control_info(m, f, &info);
    info.size = (uint32_t)pmi_min_u64(left, sizeof info);
    memcpy(at, &info, info.size);
    ret->bytes = info.size;
    ret->durability = m->durability;
    ret->lsn = m->lsn;
    ret->epoch = m->epoch;
}

static int
stat_decode(struct control *k, struct flow *f, const struct request *r, const void *header,
            size_t len, struct flow_result *ret)
{
    struct msg_stat_reply m = {.counters = k->counters, .counter_count = CONTROL_COUNTERS_MAX};
    const int rc = msg_stat_reply_read(header, len, k->arena, &m);
    if (rc < 0)
        return rc;
    if (m.status != 0)
        refused(f, m.status, m.text, ret);
    else if ((r->flags & PMEMD_REQ_COUNTERS) != 0)
        put_counters(r, &m, ret);
    else
        put_info(r, f, &m.region, ret);
    return 0;
}

static int
list_decode(struct control *k, struct flow *f, struct request *r, const void *header,
            size_t len, struct flow_result *ret)
{
    struct msg_list_reply m = {.regions = k->regions, .region_count = CONTROL_PAGE_REGIONS};
    const int rc = msg_list_reply_read(header, len, k->arena, &m);
    if (rc < 0)
        return rc;
    if (m.status != 0) {
        refused(f, m.status, m.text, ret);
        return 0;
    }
    uint64_t left;
    char *at = room(r, &left);
    for (unsigned i = 0; i < m.region_count; i++) {
        struct pmemd_info info;
        if (left - ret->bytes < sizeof info)
            return 0; /* the caller's memory is full */
        control_info(&m.regions[i], f, &info);
        memcpy(at + ret->bytes, &info, sizeof info);
        ret->bytes += sizeof info;
    }
    if (!m.more)
        return 0;
    /* Names must rise, or the pages would never end (P4.4). */
    if (m.region_count == 0 || strcmp(m.regions[m.region_count - 1].name, r->list_after) <= 0)
        return PMEMD_E_PROTO;
    memcpy(r->list_after, m.regions[m.region_count - 1].name, sizeof r->list_after);
    return 1;
}

int
control_decode(struct control *k, struct flow *f, struct request *r, const void *header,
               size_t len, struct flow_result *ret)
{
    *ret = (struct flow_result){.outcome = PMEMD_OK};
    return r->verb == PMEMD_VERB_STAT ? stat_decode(k, f, r, header, len, ret)
                                      : list_decode(k, f, r, header, len, ret);
}
