// SPDX-License-Identifier: BSD-3-Clause
/* What a finished transfer says: see report.h. */
#include "tools/pmemctl/report.h"

#include "tools/lib/exit.h"

#include <inttypes.h>
#include <string.h>

static json_t *
whole(uint64_t n)
{
    return json_integer((json_int_t)n);
}

json_t *
report_json(const struct report *r)
{
    const uint64_t moved = r->bytes - r->resumed_from;
    json_t *const path = json_pack("{s:o, s:o, s:o}", "zc", whole(r->path.zc), "copied",
                                   whole(r->path.copied), "unknown", whole(r->path.unknown));
    json_t *const object =
        json_pack("{s:s, s:s, s:s, s:o, s:o, s:f, s:f, s:o, s:o}", "verb", r->verb, "uri",
                  r->uri, "file", r->file, "bytes", whole(r->bytes), "offset", whole(r->offset),
                  "secs", (double)r->ns / 1e9, "gbps", tool_gbps(moved, r->ns), "resumed_from",
                  whole(r->resumed_from), "path", path);
    if (object == NULL)
        return NULL;
    int rc = 0;
    if (r->flushed) {
        rc = json_object_set_new(object, "level", json_string(tool_level_name(r->level)));
        rc |= json_object_set_new(object, "class", json_string(tool_class_name(r->durability)));
    } else {
        rc = json_object_set_new(object, "sync_secs", json_real((double)r->sync_ns / 1e9));
    }
    if (rc == 0)
        return object;
    json_decref(object);
    return NULL;
}

const char *
report_text(char dst[static REPORT_TEXT_BYTES], const struct report *r)
{
    char before[64] = "";
    if (r->resumed_from > 0)
        (void)snprintf(before, sizeof before, ", %" PRIu64 " of them in an earlier run,",
                       r->resumed_from);
    (void)snprintf(dst, REPORT_TEXT_BYTES,
                   "%s %" PRIu64 " bytes at offset %" PRIu64 "%s in %.2f s (%.2f GB/s)",
                   strcmp(r->verb, "put") == 0 ? "stored" : "fetched", r->bytes, r->offset,
                   before, (double)r->ns / 1e9, tool_gbps(r->bytes - r->resumed_from, r->ns));
    return dst;
}

int
report_dump(json_t *object)
{
    if (object == NULL) {
        tool_say("out of memory");
        return TOOL_FAILED;
    }
    int rc = json_dumpf(object, stdout, JSON_COMPACT | JSON_REAL_PRECISION(6));
    json_decref(object);
    if (putchar('\n') == EOF || fflush(stdout) == EOF)
        rc = -1;
    if (rc == 0)
        return TOOL_OK;
    tool_say("standard output cannot be written");
    return TOOL_FAILED;
}

int
report_print(const struct report *r, bool json, FILE *words)
{
    if (json)
        return report_dump(report_json(r));
    char text[REPORT_TEXT_BYTES];
    if (r->flushed)
        (void)fprintf(words, "%s: %s\n", tool_level_name(r->level),
                      tool_class_name(r->durability));
    (void)fprintf(words, "%s\n", report_text(text, r));
    return fflush(words) == EOF ? TOOL_FAILED : TOOL_OK;
}
