// SPDX-License-Identifier: BSD-3-Clause
/*
 * put: a file or stream goes into a region. WRITEs are acknowledged as received and kept in
 * flight by the pump; a FLUSH now and then, and one at the end, makes them durable. What is
 * durable is noted in the progress record, so a put of a named file can be resumed.
 */
#include "tools/lib/exit.h"
#include "tools/lib/link.h"
#include "tools/lib/text.h"
#include "tools/pmemctl/progress.h"
#include "tools/pmemctl/pump.h"
#include "tools/pmemctl/report.h"
#include "tools/pmemctl/resume.h"
#include "tools/pmemctl/source.h"
#include "tools/pmemctl/stop.h"
#include "tools/pmemctl/transfer.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct put {
    const struct ctl_opts *o;
    struct pmemd_client *client;
    struct source source;
    struct pump pump;
    struct progress progress;
    uint64_t room;  /* bytes from the offset to the region's end */
    uint64_t start; /* bytes an earlier run has stored */
    uint64_t start_ns;
    struct pump_slot *filling;
    bool ended;    /* nothing more is read */
    bool too_long; /* the stream goes on past the region's end */
    int source_err;

    char *record; /* owned; NULL: this source is not resumed */
    struct resume_key key;
    uint64_t kept_pos, kept_ns; /* the record's prefix, and when it was kept */
    int keep_err;
};

/* Bytes that may still be read. */
static uint64_t
ahead(const struct put *t)
{
    const uint64_t limit = t->source.total < t->room ? t->source.total : t->room;
    return limit - t->pump.next - (t->filling != NULL ? t->filling->len : 0);
}

static int
submit_filled(struct put *t)
{
    struct pump_slot *const slot = t->filling;
    t->filling = NULL;
    if (slot == NULL)
        return 0;
    if (slot->len == 0) {
        pump_release(slot);
        return 0;
    }
    return pump_submit(&t->pump, slot, PMEMD_VERB_WRITE);
}

/* A stream has filled the region up; it must end here. */
static int
expect_end(struct put *t)
{
    const int more = source_has_more(&t->source);
    if (more < 0)
        return more;
    t->too_long = more > 0;
    t->ended = true;
    return 0;
}

/* One read into the slot being filled; submits it when full. */
static int
fill_once(struct put *t)
{
    struct pump_slot *const slot = t->filling;
    const uint64_t left = ahead(t);
    size_t want = PUMP_PIECE_BYTES - slot->len;
    if (want > left)
        want = (size_t)left;
    const uint64_t pos = t->pump.next + slot->len;
    const long got = source_read(&t->source, pos, slot->data + slot->len, want);
    if (got < 0)
        return (int)got;
    if (got == 0 && t->source.total != SOURCE_TOTAL_UNKNOWN)
        return -ESTALE; /* the file became shorter */
    slot->len += (size_t)got;
    const bool full = slot->len == PUMP_PIECE_BYTES || ahead(t) == 0;
    /* A stream that has filled the region up may still go on: expect_end() finds out. */
    t->ended = got == 0 || (ahead(t) == 0 && t->source.total != SOURCE_TOTAL_UNKNOWN);
    return t->ended || full ? submit_filled(t) : 0;
}

static bool
is_stream(const struct put *t)
{
    return t->source.total == SOURCE_TOTAL_UNKNOWN;
}

/* Read what can be read without waiting. `readable` is about streams: one read each. */
static void
fill(struct put *t, bool readable)
{
    int rc = 0;
    while (rc == 0 && !t->ended && t->pump.err == 0) {
        if (t->filling == NULL)
            t->filling = pump_reserve(&t->pump);
        if (is_stream(t) && !readable)
            break;
        if (ahead(t) == 0) {
            t->ended = !is_stream(t); /* an empty file, or a resumed one that was complete */
            rc = is_stream(t) ? expect_end(t) : 0;
            break;
        }
        if (t->filling == NULL)
            break;
        rc = fill_once(t);
        readable = false;
    }
    if (rc < 0 && t->pump.err == 0)
        t->source_err = rc;
}

static void
keep_record(struct put *t)
{
    if (t->record == NULL || t->pump.durable_pos <= t->kept_pos)
        return;
    const int rc = resume_save(t->record, &t->key, t->pump.durable_pos);
    if (rc < 0 && t->keep_err == 0 && t->o->resume) {
        progress_clear(&t->progress);
        tool_say("%s: %s: an interrupted put will start over", t->record, strerror(-rc));
    }
    t->keep_err = rc;
    t->kept_pos = t->pump.durable_pos;
    t->kept_ns = tool_now_ns();
}

/* A record is worth a FLUSH now. */
static bool
record_due(const struct put *t)
{
    if (t->record == NULL || t->keep_err < 0 || t->pump.flush_flying)
        return false;
    const uint64_t step = t->o->checkpoint > 0 ? t->o->checkpoint : TRANSFER_CHECKPOINT_BYTES;
    if (pump_prefix(&t->pump) - t->kept_pos < step)
        return false;
    return t->o->checkpoint > 0 || tool_now_ns() - t->kept_ns >= TRANSFER_CHECKPOINT_NS;
}

static int
turn(struct put *t, bool *readable)
{
    const bool watch =
        readable != NULL && is_stream(t) && !t->ended && (t->filling != NULL || ahead(t) == 0);
    const int rc = pump_turn(&t->pump, watch ? t->source.fd : -1, POLLIN, readable);
    keep_record(t);
    return rc;
}

/* Until everything is submitted and acknowledged, or something stops us. */
static int
move_bytes(struct put *t)
{
    bool readable = false;
    for (;;) {
        if (!ctl_stopping())
            fill(t, readable);
        if (t->source_err < 0 || t->pump.err < 0 || ctl_stopping())
            return 0;
        if (t->ended && pump_flying(&t->pump) == 0)
            return 0;
        if (record_due(t) && pump_flush(&t->pump) < 0)
            return 0;
        const int rc = turn(t, &readable);
        if (rc < 0)
            return rc;
        progress_step(&t->progress, pump_prefix(&t->pump));
    }
}

/* Wait for what is in flight, then make it durable: also after an interruption, so that the
 * record says as much as possible. */
static int
settle(struct put *t)
{
    if (t->filling != NULL)
        pump_release(t->filling);
    t->filling = NULL;
    int rc = 0;
    while (rc == 0 && pump_flying(&t->pump) > 0)
        rc = turn(t, NULL);
    if (rc < 0 || t->pump.err < 0)
        return rc;
    rc = pump_flush(&t->pump);
    while (rc == 0 && t->pump.flush_flying)
        rc = turn(t, NULL);
    return rc;
}

static void
say_how_far(const struct put *t)
{
    const uint64_t safe = t->pump.durable_pos;
    if (safe == 0)
        return;
    if (t->record == NULL || t->keep_err < 0)
        tool_say("%" PRIu64 " bytes are stored and durable", safe);
    else
        tool_say("%" PRIu64 " of %" PRIu64 " bytes are stored and durable; repeat with "
                 "--resume to go on there",
                 safe, t->source.total);
}

/* The exit code, and the sentence for it if there is one to say. */
static int
conclude(struct put *t, int rc)
{
    progress_clear(&t->progress);
    const int err = t->pump.err < 0 ? t->pump.err : rc;
    int code = TOOL_FAILED;
    if (err < 0)
        code = (int)tool_fail(t->o->uri, err, t->client);
    else if (t->source_err == -ESTALE)
        tool_say("%s: became shorter while it was read", t->o->file);
    else if (t->source_err < 0)
        tool_say("%s: %s", t->o->file, strerror(-t->source_err));
    else if (t->too_long) {
        tool_say("standard input has more than the %" PRIu64 " bytes from offset %" PRIu64
                 " to the region's end; so many are stored and durable, no more was read",
                 t->room, t->o->offset);
        return TOOL_REFUSED;
    } else if (!t->ended || ctl_stopping()) {
        /* A stop that came after the last byte changes nothing. */
        if (t->ended && t->pump.durable_pos == t->pump.next)
            return TOOL_OK;
        tool_say("interrupted");
    } else {
        return TOOL_OK;
    }
    say_how_far(t);
    return code;
}

static int
finish(struct put *t)
{
    struct report r = {
        .verb = "put",
        .uri = t->o->uri,
        .file = t->o->file,
        .bytes = t->pump.next,
        .offset = t->o->offset,
        .resumed_from = t->start,
        .ns = tool_now_ns() - t->start_ns,
        .flushed = true,
        .level = t->pump.level,
        .durability = t->pump.durability,
    };
    pmemd_sent(t->client, &r.path.zc, &r.path.copied, &r.path.unknown);
    if (t->record != NULL)
        (void)unlink(t->record);
    return report_print(&r, t->o->json, stdout);
}

/* Does it fit? Says no before any byte moves. */
static int
check_room(struct put *t, const struct pmemd_info *info)
{
    if (t->o->offset > info->len) {
        tool_say("offset %" PRIu64 " is past the region's %" PRIu64 " bytes", t->o->offset,
                 info->len);
        return TOOL_REFUSED;
    }
    t->room = info->len - t->o->offset;
    if (t->source.total != SOURCE_TOTAL_UNKNOWN && t->source.total > t->room) {
        tool_say("%s has %" PRIu64 " bytes, but from offset %" PRIu64
                 " the region holds only %" PRIu64,
                 t->o->file, t->source.total, t->o->offset, t->room);
        return TOOL_REFUSED;
    }
    return TOOL_OK;
}

/* Where to start, from the record. Returns TOOL_OK or an exit code. */
static int
find_start(struct put *t)
{
    if (!t->source.named)
        return TOOL_OK;
    t->key = (struct resume_key){
        .verb = "put",
        .uri = t->o->uri,
        .offset = t->o->offset,
        .length = t->source.total,
        .file_size = t->source.total,
        .file_mtime_ns = resume_mtime_ns(&t->source.st),
    };
    t->record = resume_path(t->o->file, RESUME_SUFFIX);
    if (t->record == NULL) {
        tool_say("out of memory");
        return TOOL_FAILED;
    }
    if (!t->o->resume) {
        (void)unlink(t->record);
        return TOOL_OK;
    }
    char why[512] = "";
    uint64_t done = 0;
    int rc = resume_load(t->record, &t->key, &done, why, sizeof why);
    if (rc == 0) {
        rc = resume_compare(t->client, t->source.fd, t->o->offset, done);
        if (rc < 0 && rc != -ESTALE)
            return (int)tool_fail(t->o->uri, rc, t->client);
        if (rc < 0)
            (void)snprintf(why, sizeof why, "the region no longer holds what was stored");
    }
    if (rc < 0)
        tool_say("starting over: %s", why);
    else
        t->start = done;
    return TOOL_OK;
}

static int
run(struct put *t)
{
    int code = find_start(t);
    if (code != TOOL_OK)
        return code;
    int rc = pump_init(&t->pump, t->client, t->o->offset, t->start,
                       t->o->timeout_ns + TOOL_ANSWER_NS);
    if (rc < 0)
        return (int)tool_fail("the transfer's buffers", rc, NULL);
    progress_init(&t->progress, t->o->progress, t->start, t->source.total);
    t->start_ns = tool_now_ns();
    t->kept_pos = t->start;
    t->kept_ns = t->start_ns;
    rc = move_bytes(t);
    if (rc == 0)
        rc = settle(t);
    code = conclude(t, rc);
    if (rc < 0 || t->pump.err < 0)
        pmemd_abort(t->client); /* do not wait in pmemd_close() for what has failed */
    return code == TOOL_OK ? finish(t) : code;
}

int
ctl_put(const struct ctl_opts *o)
{
    struct put t = {.o = o};
    int rc = source_open(o->file, &t.source);
    if (rc < 0) {
        tool_say("%s: %s", o->file, strerror(-rc));
        return TOOL_FAILED;
    }
    struct pmemd_config cfg;
    struct pmemd_info info;
    tool_config(&cfg, o->timeout_ns);
    rc = tool_open(o->uri, &cfg, &info, &t.client);
    if (rc == TOOL_OK)
        rc = check_room(&t, &info);
    if (rc == TOOL_OK)
        rc = run(&t);
    pmemd_close(t.client);
    pump_fini(&t.pump);
    free(t.record);
    source_close(&t.source);
    return rc;
}
