// SPDX-License-Identifier: BSD-3-Clause
/*
 * get: a range of a region goes into a file or stream. READs are kept in flight by the pump;
 * what came is stored at its place (file) or in order (stream). For a named file the progress
 * record says which prefix of FILE.part is durable, so a get can be resumed.
 */
#include "tools/lib/exit.h"
#include "tools/lib/link.h"
#include "tools/lib/text.h"
#include "tools/pmemctl/progress.h"
#include "tools/pmemctl/pump.h"
#include "tools/pmemctl/report.h"
#include "tools/pmemctl/resume.h"
#include "tools/pmemctl/sink.h"
#include "tools/pmemctl/stop.h"
#include "tools/pmemctl/transfer.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct get {
    const struct ctl_opts *o;
    struct pmemd_client *client;
    struct sink sink;
    struct pump pump;
    struct progress progress;
    uint64_t total;
    uint64_t start; /* bytes an earlier run has fetched */
    uint64_t start_ns, ns, sync_ns;
    uint64_t out_pos; /* stream: the next byte it gets */
    struct tool_path path_before;
    int sink_err;

    char *record; /* owned; NULL: this sink is not resumed */
    struct resume_key key;
    uint64_t kept_pos, kept_ns;
    int keep_err;
};

/* What the server says it has sent; zeroes if it does not say. */
static struct tool_path
server_path(struct pmemd_client *c)
{
    struct pmemd_info info;
    if (pmemd_stat(c, &info, sizeof info) < 0)
        return (struct tool_path){0};
    return (struct tool_path){info.bytes_zc, info.bytes_copied, info.bytes_unknown, 0};
}

static void
ask(struct get *t)
{
    while (t->pump.next < t->total && t->pump.err == 0) {
        struct pump_slot *const slot = pump_reserve(&t->pump);
        if (slot == NULL)
            return;
        const uint64_t left = t->total - t->pump.next;
        slot->len = left < PUMP_PIECE_BYTES ? (size_t)left : PUMP_PIECE_BYTES;
        if (pump_submit(&t->pump, slot, PMEMD_VERB_READ) < 0)
            return;
    }
}

/* Store one piece; true when all of it is. */
static bool
store_piece(struct get *t, const struct pump_slot *slot)
{
    const size_t skip = t->sink.stream ? (size_t)(t->out_pos - slot->pos) : 0;
    const long n = sink_put(&t->sink, slot->pos + skip, slot->data + skip, slot->len - skip);
    if (n < 0) {
        t->sink_err = (int)n;
        return false;
    }
    t->out_pos += (uint64_t)n;
    return skip + (size_t)n == slot->len;
}

/* Store what has come, as far as the sink takes it. True: it is to be watched for POLLOUT. */
static bool
store(struct get *t)
{
    while (t->sink_err == 0) {
        struct pump_slot *const slot = pump_read_at(&t->pump);
        if (slot == NULL)
            return false;
        /* In a stream the piece holding the next byte must come first. */
        if (t->sink.stream && (t->out_pos < slot->pos || t->out_pos - slot->pos >= slot->len))
            return false;
        if (store_piece(t, slot))
            pump_release(slot);
        else if (t->sink.waits)
            return t->sink_err == 0;
    }
    return false;
}

/* Make what is stored durable, and note it. */
static void
keep_record(struct get *t)
{
    const uint64_t prefix = pump_prefix(&t->pump);
    if (t->record == NULL || t->keep_err < 0 || prefix <= t->kept_pos)
        return;
    int rc = sink_sync(&t->sink);
    if (rc == 0)
        rc = resume_save(t->record, &t->key, prefix);
    if (rc < 0) {
        progress_clear(&t->progress);
        tool_say("%s: %s: an interrupted get will start over", t->record, strerror(-rc));
        t->keep_err = rc;
    }
    t->kept_pos = prefix;
    t->kept_ns = tool_now_ns();
}

static bool
record_due(const struct get *t)
{
    const uint64_t step = t->o->checkpoint > 0 ? t->o->checkpoint : TRANSFER_CHECKPOINT_BYTES;
    if (pump_prefix(&t->pump) - t->kept_pos < step)
        return false;
    return t->o->checkpoint > 0 || tool_now_ns() - t->kept_ns >= TRANSFER_CHECKPOINT_NS;
}

static int
turn(struct get *t, bool watch)
{
    bool ready = false;
    const int rc = pump_turn(&t->pump, watch ? t->sink.fd : -1, POLLOUT, &ready);
    progress_step(&t->progress, pump_prefix(&t->pump));
    return rc;
}

/* Until all is stored, or something stops us. */
static int
move_bytes(struct get *t)
{
    for (;;) {
        const bool watch = store(t);
        if (t->sink_err < 0 || t->pump.err < 0 || ctl_stopping())
            return 0;
        if (pump_prefix(&t->pump) == t->total)
            return 0;
        if (record_due(t))
            keep_record(t);
        ask(t);
        const int rc = turn(t, watch);
        if (rc < 0)
            return rc;
    }
}

/* Wait for what is in flight and store what came, so that the record says as much as possible.
 * A stream's reader may be gone: nothing more is written to it. */
static int
settle(struct get *t)
{
    int rc = 0;
    while (rc == 0 && pump_flying(&t->pump) > 0)
        rc = turn(t, false);
    if (!t->sink.stream)
        (void)store(t);
    return rc;
}

/* FILE.part becomes FILE. */
static int
commit(struct get *t)
{
    t->ns = tool_now_ns() - t->start_ns;
    int rc = sink_sync(&t->sink);
    if (rc == 0)
        rc = sink_commit(&t->sink);
    t->sync_ns = tool_now_ns() - t->start_ns - t->ns;
    if (rc < 0) {
        tool_say("%s: %s", t->o->file, strerror(-rc));
        return TOOL_FAILED;
    }
    if (t->record != NULL)
        (void)unlink(t->record);
    return TOOL_OK;
}

/* The exit code, and the sentence for it if there is one to say. */
static int
conclude(struct get *t, int rc)
{
    progress_clear(&t->progress);
    if (pump_prefix(&t->pump) == t->total && t->sink_err == 0)
        return commit(t);
    keep_record(t);
    const int err = t->pump.err < 0 ? t->pump.err : rc;
    int code = TOOL_FAILED;
    if (err < 0)
        code = (int)tool_fail(t->o->uri, err, t->client);
    else if (t->sink_err < 0)
        tool_say("%s: %s", t->sink.part != NULL ? t->sink.part : t->o->file,
                 strerror(-t->sink_err));
    else
        tool_say("interrupted");
    if (t->record != NULL && t->keep_err == 0 && t->kept_pos > 0)
        tool_say("%" PRIu64 " of %" PRIu64 " bytes are kept in %s; repeat with --resume to go "
                 "on there",
                 t->kept_pos, t->total, t->sink.part);
    return code;
}

static int
finish(struct get *t)
{
    struct report r = {
        .verb = "get",
        .uri = t->o->uri,
        .file = t->o->file,
        .bytes = t->total,
        .offset = t->o->offset,
        .resumed_from = t->start,
        .ns = t->ns,
        .sync_ns = t->sync_ns,
        .path = tool_path_since(t->path_before, server_path(t->client)),
    };
    /* Standard output may carry the bytes themselves. */
    return report_print(&r, t->o->json, strcmp(t->o->file, "-") == 0 ? stderr : stdout);
}

static int
check_range(struct get *t, const struct pmemd_info *info)
{
    const uint64_t offset = t->o->offset;
    if (offset > info->len) {
        tool_say("offset %" PRIu64 " is past the region's %" PRIu64 " bytes", offset,
                 info->len);
        return TOOL_REFUSED;
    }
    const uint64_t room = info->len - offset;
    t->total = t->o->length == UINT64_MAX ? room : t->o->length;
    if (t->total > room) {
        tool_say("from offset %" PRIu64 " the region holds only %" PRIu64
                 " bytes, not %" PRIu64,
                 offset, room, t->total);
        return TOOL_REFUSED;
    }
    return TOOL_OK;
}

/* What an earlier run has left, if it is still good; else why not, in *why. */
static int
load_start(struct get *t, char *why, size_t why_bytes)
{
    uint64_t done = 0;
    int rc = resume_load(t->record, &t->key, &done, why, why_bytes);
    if (rc < 0)
        return rc;
    struct stat st;
    if (fstat(t->sink.fd, &st) < 0 || (uint64_t)st.st_size < done) {
        (void)snprintf(why, why_bytes, "%s is shorter than the record says", t->sink.part);
        return -ESTALE;
    }
    rc = resume_compare(t->client, t->sink.fd, t->o->offset, done);
    if (rc == -ESTALE)
        (void)snprintf(why, why_bytes, "the region has changed since");
    if (rc == 0)
        t->start = done;
    return rc;
}

/* Where to start. Returns TOOL_OK or an exit code. */
static int
find_start(struct get *t)
{
    if (t->sink.part != NULL) {
        t->key = (struct resume_key){
            .verb = "get", .uri = t->o->uri, .offset = t->o->offset, .length = t->total};
        t->record = resume_path(t->sink.file, RESUME_SUFFIX);
        if (t->record == NULL) {
            tool_say("out of memory");
            return TOOL_FAILED;
        }
    }
    if (t->o->resume && t->record != NULL) {
        char why[512] = "";
        const int rc = load_start(t, why, sizeof why);
        if (rc == 0)
            return TOOL_OK;
        if (why[0] == '\0')
            return (int)tool_fail(t->o->uri, rc, t->client);
        tool_say("starting over: %s", why);
    }
    if (t->record != NULL)
        (void)unlink(t->record);
    const int rc = sink_restart(&t->sink, t->total);
    if (rc == 0)
        return TOOL_OK;
    tool_say("%s: no room for %" PRIu64 " bytes: %s", t->o->file, t->total, strerror(-rc));
    if (t->sink.part != NULL)
        (void)unlink(t->sink.part);
    return TOOL_FAILED;
}

static int
run(struct get *t)
{
    int code = find_start(t);
    if (code != TOOL_OK)
        return code;
    int rc = pump_init(&t->pump, t->client, t->o->offset, t->start,
                       t->o->timeout_ns + TOOL_ANSWER_NS);
    if (rc < 0)
        return (int)tool_fail("the transfer's buffers", rc, NULL);
    t->path_before = server_path(t->client);
    progress_init(&t->progress, t->o->progress, t->start, t->total);
    t->start_ns = tool_now_ns();
    t->out_pos = t->start;
    t->kept_pos = t->start;
    t->kept_ns = t->start_ns;
    rc = move_bytes(t);
    if (rc == 0)
        rc = settle(t);
    code = conclude(t, rc);
    if (code == TOOL_OK)
        return finish(t);
    pmemd_abort(t->client); /* do not wait in pmemd_close() for what has failed */
    return code;
}

int
ctl_get(const struct ctl_opts *o)
{
    struct get t = {.o = o, .sink = {.fd = -1}};
    struct pmemd_config cfg;
    struct pmemd_info info;
    tool_config(&cfg, o->timeout_ns);
    int rc = tool_open(o->uri, &cfg, &info, &t.client);
    if (rc == TOOL_OK)
        rc = check_range(&t, &info);
    if (rc == TOOL_OK) {
        const int err = sink_open(o->file, &t.sink);
        if (err < 0) {
            tool_say("%s: %s", o->file,
                     err == -EWOULDBLOCK ? "another pmemctl is fetching it" : strerror(-err));
            rc = TOOL_FAILED;
        }
    }
    if (rc == TOOL_OK)
        rc = run(&t);
    pmemd_close(t.client);
    pump_fini(&t.pump);
    free(t.record);
    sink_close(&t.sink);
    return rc;
}
