/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Control messages, from and to protobuf. Reading: protobuf-c builds its tree in the caller's
 * scratch memory, then each message is checked and copied out as a whole. Writing: a message is
 * packed in parts (protobuf joins them), so that repeated fields need no memory.
 */
#include "proto/msg.h"

#include "common/arena.h"
#include "common/assert.h"
#include "common/checked.h"
#include "common/cursor.h"
#include "proto/text.h"

#include "pmemd/v1/pmemd.pb-c.h"

#include <pmemd/errors.h>
#include <stdalign.h>
#include <string.h>

/*
 * What protobuf-c allocates, with the length it asked for. It gives a string as a `char *` and
 * forgets how long it was on the wire; a NUL inside would then cut it unseen.
 */
struct block {
    size_t len;
    alignas(PMI_ARENA_ALIGN) char bytes[];
};

static void *
block_alloc(void *arena, size_t n)
{
    uint64_t total;
    if (!pmi_add_ok(n, sizeof(struct block), &total))
        return NULL;
    struct block *b = pmi_arena_alloc(arena, total);
    if (b == NULL)
        return NULL;
    b->len = n;
    return b->bytes;
}

/* The message in scratch memory, or NULL if it is malformed or does not fit there. */
static void *
unpack(const ProtobufCMessageDescriptor *type, const void *in, size_t len, void *scratch)
{
    static const uint8_t none[1];
    if (len > WIRE_HEADER_MAX)
        return NULL;
    struct pmi_arena arena;
    pmi_arena_init(&arena, scratch, MSG_ARENA_BYTES);
    ProtobufCAllocator from_arena = {
        .alloc = block_alloc, .free = pmi_arena_pb_free, .allocator_data = &arena};
    return protobuf_c_message_unpack(type, &from_arena, len, len == 0 ? none : in);
}

/* Pieces that messages share, from the wire: get_x() is false if they break a rule. */

static bool
get_text(char *dst, size_t cap, const char *s)
{
    memset(dst, 0, cap);
    if (s == protobuf_c_empty_string)
        return true;
    const void *block = s - offsetof(struct block, bytes);
    const size_t len = ((const struct block *)block)->len - 1; /* less protobuf-c's own NUL */
    if (len >= cap || !text_ok(s, len))
        return false;
    memcpy(dst, s, len);
    return true;
}

static bool
get_status(uint16_t *dst, uint32_t status)
{
    *dst = (uint16_t)status;
    return status <= UINT16_MAX; /* a cut one could become 0, which is OK */
}

static bool
get_id(uint8_t dst[static 16], const ProtobufCBinaryData *id)
{
    if (id->len != 16)
        return false;
    memcpy(dst, id->data, 16);
    return true;
}

static bool
limits_ok(const struct msg_limits *l)
{
    if (l->extents_max == 0 || l->io_max == 0 || l->zero_max == 0)
        return false;
    if (l->credit_requests == 0 || l->credit_bytes == 0 || l->credit_extents == 0)
        return false;
    return l->extents_max <= WIRE_EXTENTS_MAX && l->io_max <= WIRE_PAYLOAD_MAX &&
           l->zero_max <= WIRE_ZERO_MAX;
}

static bool
get_limits(struct msg_limits *dst, const Pmemd__V1__Limits *pb)
{
    if (pb == NULL)
        return false;
    *dst = (struct msg_limits){
        .extents_max = pb->extents_max,
        .io_max = pb->io_max,
        .zero_max = pb->zero_max,
        .stage_max = pb->stage_max,
        .credit_requests = pb->credit_requests,
        .credit_bytes = pb->credit_bytes,
        .credit_extents = pb->credit_extents,
    };
    return limits_ok(dst);
}

static bool
get_region(struct msg_region *dst, const Pmemd__V1__RegionInfo *pb)
{
    if (pb == NULL)
        return false;
    *dst = (struct msg_region){
        .durability = pb->class_,
        .shard = pb->shard,
        .size = pb->size,
        .page_size = pb->page_size,
        .fixed_buffers = pb->fixed_buffers,
        .connections = pb->connections,
        .lsn = pb->lsn,
        .epoch = pb->epoch,
        .bytes_zc = pb->bytes_zc,
        .bytes_copied = pb->bytes_copied,
        .bytes_staged = pb->bytes_staged,
        .bytes_unknown = pb->bytes_unknown,
        .bytes_direct = pb->bytes_direct,
    };
    if (pb->history.len != 0 && !get_id(dst->history, &pb->history))
        return false;
    return get_text(dst->name, sizeof dst->name, pb->name) &&
           get_text(dst->medium, sizeof dst->medium, pb->medium) &&
           get_text(dst->memory_kind, sizeof dst->memory_kind, pb->memory_kind) &&
           get_text(dst->why_copied, sizeof dst->why_copied, pb->why_copied);
}

static bool
get_counter(struct msg_counter *dst, const Pmemd__V1__Counter *pb)
{
    dst->value = pb->value;
    return get_text(dst->name, sizeof dst->name, pb->name) &&
           get_text(dst->unit, sizeof dst->unit, pb->unit);
}

/* The same, to the wire. */

/* What may be written at `out`: never more than a reader takes. */
static struct pmi_out
room(void *out, size_t cap)
{
    return pmi_out_of(out, pmi_min(cap, WIRE_HEADER_MAX));
}

/* Append a message, or a part of one. */
static void
put(struct pmi_out *o, const ProtobufCMessage *part)
{
    uint8_t *at = pmi_reserve(o, protobuf_c_message_get_packed_size(part));
    if (at != NULL)
        protobuf_c_message_pack(part, at);
}

static int
finish(const struct pmi_out *o)
{
    return o->bad ? PMEMD_E_TOOBIG : (int)pmi_out_len(o);
}

/* A message that needs no parts. */
static int
pack(void *out, size_t cap, const ProtobufCMessage *whole)
{
    struct pmi_out o = room(out, cap);
    put(&o, whole);
    return finish(&o);
}

/* A name is never cut: another region could have the shorter one. */
static bool
name_ok(const char *name, size_t cap)
{
    const size_t len = strnlen(name, cap);
    return len < cap && text_ok(name, len);
}

/* Fill *pb from *own, a copy that the caller keeps until *pb is packed. */
static int
fill_region(Pmemd__V1__RegionInfo *pb, struct msg_region *own)
{
    if (!name_ok(own->name, sizeof own->name))
        return PMEMD_E_ARG;
    text_mend(own->medium, sizeof own->medium);
    text_mend(own->memory_kind, sizeof own->memory_kind);
    text_mend(own->why_copied, sizeof own->why_copied);
    pmemd__v1__region_info__init(pb);
    pb->name = own->name;
    pb->size = own->size;
    pb->class_ = own->durability;
    pb->medium = own->medium;
    pb->memory_kind = own->memory_kind;
    pb->page_size = own->page_size;
    pb->fixed_buffers = own->fixed_buffers;
    pb->shard = own->shard;
    pb->connections = own->connections;
    pb->lsn = own->lsn;
    pb->epoch = own->epoch;
    pb->history = (ProtobufCBinaryData){.len = sizeof own->history, .data = own->history};
    pb->bytes_zc = own->bytes_zc;
    pb->bytes_copied = own->bytes_copied;
    pb->bytes_staged = own->bytes_staged;
    pb->bytes_unknown = own->bytes_unknown;
    pb->bytes_direct = own->bytes_direct;
    pb->why_copied = own->why_copied;
    return 0;
}

static void
put_counter(struct pmi_out *o, const struct msg_counter *counter)
{
    struct msg_counter own = *counter;
    text_mend(own.name, sizeof own.name);
    text_mend(own.unit, sizeof own.unit);
    Pmemd__V1__Counter pb;
    pmemd__v1__counter__init(&pb);
    pb.name = own.name;
    pb.unit = own.unit;
    pb.value = own.value;
    Pmemd__V1__Counter *one[] = {&pb};
    Pmemd__V1__StatReply part;
    pmemd__v1__stat_reply__init(&part);
    part.n_counters = 1;
    part.counters = one;
    put(o, &part.base);
}

static int
put_list_region(struct pmi_out *o, const struct msg_region *region)
{
    struct msg_region own = *region;
    Pmemd__V1__RegionInfo pb;
    const int rc = fill_region(&pb, &own);
    if (rc < 0)
        return rc;
    Pmemd__V1__RegionInfo *one[] = {&pb};
    Pmemd__V1__ListReply part;
    pmemd__v1__list_reply__init(&part);
    part.n_regions = 1;
    part.regions = one;
    put(o, &part.base);
    return 0;
}

int
msg_hello_write(void *out, size_t cap, const struct msg_hello *m)
{
    struct msg_hello own = *m;
    text_mend(own.software, sizeof own.software);
    Pmemd__V1__HelloRequest pb;
    pmemd__v1__hello_request__init(&pb);
    pb.version_min = own.version_min;
    pb.version_max = own.version_max;
    pb.features = own.features;
    pb.session = (ProtobufCBinaryData){.len = sizeof own.session, .data = own.session};
    pb.software = own.software;
    return pack(out, cap, &pb.base);
}

int
msg_hello_read(const void *in, size_t len, void *scratch, struct msg_hello *ret)
{
    const Pmemd__V1__HelloRequest *pb =
        unpack(&pmemd__v1__hello_request__descriptor, in, len, scratch);
    if (pb == NULL)
        return PMEMD_E_PROTO;
    struct msg_hello m = {
        .version_min = pb->version_min,
        .version_max = pb->version_max,
        .features = pb->features,
    };
    if (!get_id(m.session, &pb->session) ||
        !get_text(m.software, sizeof m.software, pb->software))
        return PMEMD_E_PROTO;
    *ret = m;
    return 0;
}

int
msg_hello_reply_write(void *out, size_t cap, const struct msg_hello_reply *m)
{
    struct msg_hello_reply own = *m;
    text_mend(own.text, sizeof own.text);
    text_mend(own.software, sizeof own.software);
    Pmemd__V1__Limits limits;
    pmemd__v1__limits__init(&limits);
    limits.extents_max = own.limits.extents_max;
    limits.io_max = own.limits.io_max;
    limits.zero_max = own.limits.zero_max;
    limits.stage_max = own.limits.stage_max;
    limits.credit_requests = own.limits.credit_requests;
    limits.credit_bytes = own.limits.credit_bytes;
    limits.credit_extents = own.limits.credit_extents;
    Pmemd__V1__HelloReply pb;
    pmemd__v1__hello_reply__init(&pb);
    pb.status = own.status;
    pb.text = own.text;
    pb.version = own.version;
    pb.features = own.features;
    pb.software = own.software;
    if (own.status == 0) {
        if (!limits_ok(&own.limits))
            return PMEMD_E_ARG;
        pb.limits = &limits;
    }
    return pack(out, cap, &pb.base);
}

int
msg_hello_reply_read(const void *in, size_t len, void *scratch, struct msg_hello_reply *ret)
{
    const Pmemd__V1__HelloReply *pb =
        unpack(&pmemd__v1__hello_reply__descriptor, in, len, scratch);
    if (pb == NULL)
        return PMEMD_E_PROTO;
    struct msg_hello_reply m = {.version = pb->version, .features = pb->features};
    if (!get_status(&m.status, pb->status) || !get_text(m.text, sizeof m.text, pb->text) ||
        !get_text(m.software, sizeof m.software, pb->software))
        return PMEMD_E_PROTO;
    if (m.status == 0 && !get_limits(&m.limits, pb->limits))
        return PMEMD_E_PROTO;
    *ret = m;
    return 0;
}

int
msg_open_write(void *out, size_t cap, const struct msg_open *m)
{
    struct msg_open own = *m;
    if (!name_ok(own.region, sizeof own.region))
        return PMEMD_E_ARG;
    Pmemd__V1__OpenRequest pb;
    pmemd__v1__open_request__init(&pb);
    pb.region = own.region;
    pb.class_min = own.class_min;
    pb.crc = own.crc;
    return pack(out, cap, &pb.base);
}

int
msg_open_read(const void *in, size_t len, void *scratch, struct msg_open *ret)
{
    const Pmemd__V1__OpenRequest *pb =
        unpack(&pmemd__v1__open_request__descriptor, in, len, scratch);
    if (pb == NULL)
        return PMEMD_E_PROTO;
    struct msg_open m = {.class_min = pb->class_min, .crc = pb->crc != 0};
    if (!get_text(m.region, sizeof m.region, pb->region))
        return PMEMD_E_PROTO;
    *ret = m;
    return 0;
}

int
msg_open_reply_write(void *out, size_t cap, const struct msg_open_reply *m)
{
    struct msg_open_reply own = *m;
    text_mend(own.text, sizeof own.text);
    Pmemd__V1__RegionInfo region;
    Pmemd__V1__OpenReply pb;
    pmemd__v1__open_reply__init(&pb);
    pb.status = own.status;
    pb.text = own.text;
    if (own.status == 0) {
        const int rc = fill_region(&region, &own.region);
        if (rc < 0)
            return rc;
        pb.region = &region;
    }
    return pack(out, cap, &pb.base);
}

int
msg_open_reply_read(const void *in, size_t len, void *scratch, struct msg_open_reply *ret)
{
    const Pmemd__V1__OpenReply *pb =
        unpack(&pmemd__v1__open_reply__descriptor, in, len, scratch);
    if (pb == NULL)
        return PMEMD_E_PROTO;
    struct msg_open_reply m = {0};
    if (!get_status(&m.status, pb->status) || !get_text(m.text, sizeof m.text, pb->text))
        return PMEMD_E_PROTO;
    if (m.status == 0 && !get_region(&m.region, pb->region))
        return PMEMD_E_PROTO;
    *ret = m;
    return 0;
}

int
msg_stat_write(void *out, size_t cap, const struct msg_stat *m)
{
    Pmemd__V1__StatRequest pb;
    pmemd__v1__stat_request__init(&pb);
    pb.counters = m->counters;
    return pack(out, cap, &pb.base);
}

int
msg_stat_read(const void *in, size_t len, void *scratch, struct msg_stat *ret)
{
    const Pmemd__V1__StatRequest *pb =
        unpack(&pmemd__v1__stat_request__descriptor, in, len, scratch);
    if (pb == NULL)
        return PMEMD_E_PROTO;
    *ret = (struct msg_stat){.counters = pb->counters != 0};
    return 0;
}

int
msg_stat_reply_write(void *out, size_t cap, const struct msg_stat_reply *m)
{
    struct msg_stat_reply own = *m;
    text_mend(own.text, sizeof own.text);
    Pmemd__V1__RegionInfo region;
    Pmemd__V1__StatReply pb;
    pmemd__v1__stat_reply__init(&pb);
    pb.status = own.status;
    pb.text = own.text;
    if (own.status == 0) {
        if (own.counter_count > MSG_COUNTERS_MAX)
            return PMEMD_E_TOOBIG;
        const int rc = fill_region(&region, &own.region);
        if (rc < 0)
            return rc;
        pb.region = &region;
    }
    struct pmi_out o = room(out, cap);
    put(&o, &pb.base);
    for (unsigned i = 0; own.status == 0 && i < own.counter_count; i++)
        put_counter(&o, &own.counters[i]);
    return finish(&o);
}

int
msg_stat_reply_read(const void *in, size_t len, void *scratch, struct msg_stat_reply *ret)
{
    const Pmemd__V1__StatReply *pb =
        unpack(&pmemd__v1__stat_reply__descriptor, in, len, scratch);
    if (pb == NULL)
        return PMEMD_E_PROTO;
    struct msg_stat_reply m = {.counters = ret->counters};
    if (!get_status(&m.status, pb->status) || !get_text(m.text, sizeof m.text, pb->text))
        return PMEMD_E_PROTO;
    if (m.status == 0) {
        if (!get_region(&m.region, pb->region) || pb->n_counters > ret->counter_count)
            return PMEMD_E_PROTO;
        m.counter_count = (unsigned)pb->n_counters;
    }
    struct msg_counter tried; /* all of them, before the first is stored */
    for (unsigned i = 0; i < m.counter_count; i++) {
        if (!get_counter(&tried, pb->counters[i]))
            return PMEMD_E_PROTO;
    }
    for (unsigned i = 0; i < m.counter_count; i++) {
        const bool same = get_counter(&m.counters[i], pb->counters[i]);
        pmi_assert(same);
    }
    *ret = m;
    return 0;
}

int
msg_list_write(void *out, size_t cap, const struct msg_list *m)
{
    struct msg_list own = *m;
    if (!name_ok(own.after, sizeof own.after))
        return PMEMD_E_ARG;
    Pmemd__V1__ListRequest pb;
    pmemd__v1__list_request__init(&pb);
    pb.after = own.after;
    pb.max = own.max;
    return pack(out, cap, &pb.base);
}

int
msg_list_read(const void *in, size_t len, void *scratch, struct msg_list *ret)
{
    const Pmemd__V1__ListRequest *pb =
        unpack(&pmemd__v1__list_request__descriptor, in, len, scratch);
    if (pb == NULL)
        return PMEMD_E_PROTO;
    struct msg_list m = {.max = pb->max};
    if (!get_text(m.after, sizeof m.after, pb->after))
        return PMEMD_E_PROTO;
    *ret = m;
    return 0;
}

int
msg_list_reply_write(void *out, size_t cap, const struct msg_list_reply *m)
{
    struct msg_list_reply own = *m;
    text_mend(own.text, sizeof own.text);
    Pmemd__V1__ListReply first;
    pmemd__v1__list_reply__init(&first);
    first.status = own.status;
    first.text = own.text;
    struct pmi_out o = room(out, cap);
    put(&o, &first.base);
    if (own.status != 0)
        return finish(&o);
    if (own.region_count > MSG_LIST_MAX)
        return PMEMD_E_TOOBIG;
    for (unsigned i = 0; i < own.region_count; i++) {
        const int rc = put_list_region(&o, &own.regions[i]);
        if (rc < 0)
            return rc;
    }
    Pmemd__V1__ListReply last;
    pmemd__v1__list_reply__init(&last);
    last.more = own.more;
    put(&o, &last.base);
    return finish(&o);
}

int
msg_list_reply_read(const void *in, size_t len, void *scratch, struct msg_list_reply *ret)
{
    const Pmemd__V1__ListReply *pb =
        unpack(&pmemd__v1__list_reply__descriptor, in, len, scratch);
    if (pb == NULL)
        return PMEMD_E_PROTO;
    struct msg_list_reply m = {.regions = ret->regions};
    if (!get_status(&m.status, pb->status) || !get_text(m.text, sizeof m.text, pb->text))
        return PMEMD_E_PROTO;
    if (m.status == 0) {
        if (pb->n_regions > ret->region_count)
            return PMEMD_E_PROTO;
        m.region_count = (unsigned)pb->n_regions;
        m.more = pb->more != 0;
    }
    struct msg_region tried; /* all of them, before the first is stored */
    for (unsigned i = 0; i < m.region_count; i++) {
        if (!get_region(&tried, pb->regions[i]))
            return PMEMD_E_PROTO;
    }
    for (unsigned i = 0; i < m.region_count; i++) {
        const bool same = get_region(&m.regions[i], pb->regions[i]);
        pmi_assert(same);
    }
    *ret = m;
    return 0;
}

int
msg_refusal_write(void *out, size_t cap, const struct msg_refusal *m)
{
    struct msg_refusal own = *m;
    if (own.status == 0)
        return PMEMD_E_ARG;
    text_mend(own.text, sizeof own.text);
    Pmemd__V1__Refusal pb;
    pmemd__v1__refusal__init(&pb);
    pb.status = own.status;
    pb.text = own.text;
    return pack(out, cap, &pb.base);
}

int
msg_refusal_read(const void *in, size_t len, void *scratch, struct msg_refusal *ret)
{
    const Pmemd__V1__Refusal *pb = unpack(&pmemd__v1__refusal__descriptor, in, len, scratch);
    if (pb == NULL)
        return PMEMD_E_PROTO;
    struct msg_refusal m = {0};
    if (!get_status(&m.status, pb->status) || !get_text(m.text, sizeof m.text, pb->text))
        return PMEMD_E_PROTO;
    if (m.status == 0)
        return PMEMD_E_PROTO;
    *ret = m;
    return 0;
}
