/* SPDX-License-Identifier: BSD-3-Clause */
/* Replies and their ops: results, repeats after checksum errors, late ones. */
#include "client/complete.h"

#include "common/err.h"

#include <string.h>

/* Was this READ asked to come with checksums? */
static bool
wants_crcs(const struct flow *f, const struct op *op)
{
    return f->crc && op->verb == PMEMD_VERB_READ;
}

int
complete_check(const struct flow *f, struct op *op, const struct hot_reply *reply,
               uint32_t payload_len)
{
    const bool ok = reply->status == 0;
    const uint64_t payload = ok && op->verb == PMEMD_VERB_READ ? op->part : 0;
    if (payload_len != payload)
        return PMEMD_E_PROTO;
    if (reply->crc_count != (ok && wants_crcs(f, op) ? op->crc_count : 0))
        return PMEMD_E_PROTO;
    /* Nobody can have carried out what has not left yet. */
    if (ok && op->sent < flow_op_total(op))
        return PMEMD_E_PROTO;
    for (uint32_t i = 0; i < reply->crc_count; i++)
        op->crcs[i] = hot_crc_at(reply->crcs, i);
    return 0;
}

/* Does the memory of the op sum to what op->crcs says? */
static bool
sums_agree(const struct op *op, uint32_t *crcs)
{
    const struct cut_part part = {
        .bytes = op->part, .extents = op->extents, .pieces = op->crc_count};
    cut_crcs(&op->req->span, &op->at, &part, crcs);
    return memcmp(crcs, op->crcs, op->crc_count * sizeof *crcs) == 0;
}

static void
end(struct flow *f, struct op *op, const struct flow_result *res)
{
    op->replied = true;
    flow_op_end(f, op, res);
    flow_settle(f, op);
}

/* A checksum did not fit, at either side. Once more, then it is an error. */
static void
crc_failed(struct flow *f, struct op *op, struct flow_result *res)
{
    if (!op->crc_again && op->sent == flow_op_total(op)) {
        op->crc_again = true;
        flow_op_retry(f, op);
        return;
    }
    res->err = PMEMD_E_CRC;
    end(f, op, res);
}

/* The server says that a WRITE's bytes do not fit their checksums (P5.2). */
static void
write_crc_refused(struct flow *f, struct op *op, struct flow_result *res, uint32_t *crcs)
{
    if (op->crc_known && !sums_agree(op, crcs)) {
        res->err = PMEMD_E_UNSTABLE;
        end(f, op, res);
        return;
    }
    crc_failed(f, op, res);
}

static struct flow_result
result_of(const struct op *op, const struct hot_reply *reply)
{
    return (struct flow_result){
        .err = reply->status == 0 ? 0 : pmi_err_from_wire(reply->status),
        .outcome = reply->outcome,
        .level = reply->level,
        .durability = reply->durability,
        .bytes = reply->status == 0 ? op->part : 0,
        .lsn = reply->lsn,
        .epoch = reply->epoch,
    };
}

int
complete_hot(struct flow *f, struct op *op, const struct hot_reply *reply, uint32_t *crcs)
{
    if (op->ended) { /* its request timed out or was given up */
        op->replied = true;
        flow_settle(f, op);
        return 0;
    }
    struct flow_result res = result_of(op, reply);
    if (res.err == PMEMD_E_CLOSING)
        return PMEMD_E_CLOSING; /* the op is sent again elsewhere, or later */
    if (res.err == PMEMD_E_PROTO && reply->status != pmi_err_to_wire(PMEMD_E_PROTO))
        return PMEMD_E_PROTO; /* a status nobody knows (P6) */
    if (res.err == 0 && wants_crcs(f, op) && !sums_agree(op, crcs)) {
        res.outcome = PMEMD_NOT_DONE;
        res.bytes = 0;
        crc_failed(f, op, &res);
        return 0;
    }
    if (res.err == PMEMD_E_CRC && op->verb == PMEMD_VERB_WRITE) {
        write_crc_refused(f, op, &res, crcs);
        return 0;
    }
    if (res.err == 0 && op->part < op->todo)
        flow_op_more(f, op, &res);
    else
        end(f, op, &res);
    return 0;
}

int
complete_control(struct flow *f, struct control *k, struct op *op, const void *header,
                 size_t len)
{
    if (op->sent < flow_op_total(op))
        return PMEMD_E_PROTO;
    if (op->ended) {
        op->replied = true;
        flow_settle(f, op);
        return 0;
    }
    struct flow_result res;
    const int rc = control_decode(k, f, op->req, header, len, &res);
    if (rc < 0)
        return rc;
    if (res.err == PMEMD_E_CLOSING)
        return PMEMD_E_CLOSING;
    if (rc == 1)
        flow_op_page(f, op, &res);
    else
        end(f, op, &res);
    return 0;
}
