// SPDX-License-Identifier: BSD-3-Clause
/* list, stat, flush: see show.h. */
#include "tools/pmemctl/show.h"

#include "tools/lib/exit.h"
#include "tools/lib/link.h"
#include "tools/lib/text.h"
#include "tools/pmemctl/report.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define COUNTERS_MAX 1024u
#define REGIONS_MAX 4096u

static json_t *
whole(uint64_t n)
{
    return json_integer((json_int_t)n);
}

json_t *
show_info_json(const struct pmemd_info *info)
{
    return json_pack(
        "{s:s, s:o, s:s, s:s, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:b, s:o, s:o, s:o, s:o, s:o, "
        "s:s}",
        "name", info->name, "size", whole(info->len), "medium", info->medium, "class",
        tool_class_name(info->durability), "memory_kind", info->memory_kind, "page_size",
        whole(info->page_size), "fixed_buffers", whole(info->fixed_buffers), "shard",
        whole(info->shard), "connections", whole(info->connections), "lsn", whole(info->lsn),
        "epoch", whole(info->epoch), "crc", (info->flags & PMEMD_INFO_CRC) != 0, "bytes_zc",
        whole(info->bytes_zc), "bytes_copied", whole(info->bytes_copied), "bytes_staged",
        whole(info->bytes_staged), "bytes_unknown", whole(info->bytes_unknown), "bytes_direct",
        whole(info->bytes_direct), "why_copied", info->why_copied);
}

void
show_info_text(FILE *f, const struct pmemd_info *info)
{
    (void)fprintf(f, "region         %s\n", info->name);
    (void)fprintf(f, "size           %" PRIu64 " bytes\n", info->len);
    (void)fprintf(f, "medium         %s, class %s\n", info->medium,
                  tool_class_name(info->durability));
    (void)fprintf(f, "memory         %s, pages of %" PRIu64 " bytes\n", info->memory_kind,
                  info->page_size);
    if (info->fixed_buffers > 0)
        (void)fprintf(f, "fixed buffers  %" PRIu64 "\n", info->fixed_buffers);
    else
        (void)fprintf(f, "fixed buffers  none: plain operations\n");
    (void)fprintf(f, "shard          %" PRIu32 "\n", info->shard);
    (void)fprintf(f, "connections    %" PRIu64 "\n", info->connections);
    (void)fprintf(f, "position       lsn %" PRIu64 ", epoch %" PRIu64 "\n", info->lsn,
                  info->epoch);
    (void)fprintf(f, "checksums      %s\n", (info->flags & PMEMD_INFO_CRC) != 0 ? "on" : "off");
    (void)fprintf(f,
                  "bytes          zero-copy %" PRIu64 ", copied %" PRIu64 ", in place %" PRIu64
                  ", staged %" PRIu64 ", unknown %" PRIu64 "\n",
                  info->bytes_zc, info->bytes_copied, info->bytes_direct, info->bytes_staged,
                  info->bytes_unknown);
    if (info->why_copied[0] != '\0')
        (void)fprintf(f, "why copied     %s\n", info->why_copied);
}

/* One STAT or LIST into `data`; *ret_bytes says how much of it was filled. */
static int
ask(struct pmemd_client *c, const struct ctl_opts *o, enum pmemd_verb verb, void *data,
    size_t bytes, size_t *ret_bytes)
{
    const struct pmemd_iov iov = {data, bytes};
    struct pmemd_event ev;
    struct pmemd_req req;
    pmemd_req_init(&req, sizeof req);
    req.verb = (uint32_t)verb;
    req.flags = verb == PMEMD_VERB_STAT ? PMEMD_REQ_COUNTERS : 0;
    req.iov = &iov;
    req.iov_count = 1;
    req.timeout_ns = o->timeout_ns + TOOL_ANSWER_NS;
    const int rc = pmemd_call(c, &req, &ev, sizeof ev);
    if (rc == 0)
        *ret_bytes = ev.bytes < bytes ? (size_t)ev.bytes : bytes;
    return rc;
}

static json_t *
counters_json(const struct pmemd_counter *counters, size_t count)
{
    json_t *const object = json_object();
    for (size_t i = 0; i < count; i++)
        if (json_object_set_new(object, counters[i].name, whole(counters[i].value)) < 0) {
            json_decref(object);
            return NULL;
        }
    return object;
}

static int
print_stat(const struct ctl_opts *o, const struct pmemd_info *info,
           const struct pmemd_counter *counters, size_t count)
{
    if (o->json) {
        json_t *const object = show_info_json(info);
        json_t *const inner = counters_json(counters, count);
        if (object == NULL || json_object_set_new(object, "counters", inner) < 0) {
            json_decref(object);
            return report_dump(NULL);
        }
        return report_dump(object);
    }
    show_info_text(stdout, info);
    for (size_t i = 0; i < count; i++)
        printf("  %-40s %" PRIu64 " %s\n", counters[i].name, counters[i].value,
               counters[i].unit);
    return fflush(stdout) == EOF ? TOOL_FAILED : TOOL_OK;
}

int
ctl_stat(const struct ctl_opts *o)
{
    struct pmemd_config cfg;
    struct pmemd_client *c = NULL;
    struct pmemd_info info;
    size_t bytes = 0;
    tool_config(&cfg, o->timeout_ns);
    int rc = tool_open(o->uri, &cfg, &info, &c);
    if (rc != TOOL_OK)
        return rc;
    struct pmemd_counter *const counters = calloc(COUNTERS_MAX, sizeof *counters);
    int err = counters == NULL ? -ENOMEM : pmemd_stat(c, &info, sizeof info);
    if (err == 0)
        err = ask(c, o, PMEMD_VERB_STAT, counters, COUNTERS_MAX * sizeof *counters, &bytes);
    rc = err < 0 ? (int)tool_fail(o->uri, err, c)
                 : print_stat(o, &info, counters, bytes / sizeof *counters);
    pmemd_close(c);
    free(counters);
    return rc;
}

static int
print_list(const struct ctl_opts *o, const struct pmemd_info *regions, size_t count)
{
    if (o->json) {
        json_t *const list = json_array();
        for (size_t i = 0; i < count; i++)
            if (json_array_append_new(list, show_info_json(&regions[i])) < 0) {
                json_decref(list);
                return report_dump(NULL);
            }
        return report_dump(json_pack("{s:o}", "regions", list));
    }
    if (count > 0)
        printf("%-24s %16s  %-8s %-13s %-12s %5s %11s\n", "NAME", "SIZE", "MEDIUM", "CLASS",
               "MEMORY", "SHARD", "CONNECTIONS");
    for (size_t i = 0; i < count; i++)
        printf("%-24s %16" PRIu64 "  %-8s %-13s %-12s %5" PRIu32 " %11" PRIu64 "\n",
               regions[i].name, regions[i].len, regions[i].medium,
               tool_class_name(regions[i].durability), regions[i].memory_kind, regions[i].shard,
               regions[i].connections);
    return fflush(stdout) == EOF ? TOOL_FAILED : TOOL_OK;
}

int
ctl_list(const struct ctl_opts *o)
{
    struct pmemd_config cfg;
    struct pmemd_client *c = NULL;
    size_t bytes = 0;
    tool_config(&cfg, o->timeout_ns);
    int rc = tool_open(o->uri, &cfg, NULL, &c);
    if (rc != TOOL_OK)
        return rc;
    struct pmemd_info *const regions = calloc(REGIONS_MAX, sizeof *regions);
    const int err = regions == NULL ? -ENOMEM
                                    : ask(c, o, PMEMD_VERB_LIST, regions,
                                          REGIONS_MAX * sizeof *regions, &bytes);
    rc = err < 0 ? (int)tool_fail(o->uri, err, c)
                 : print_list(o, regions, bytes / sizeof *regions);
    pmemd_close(c);
    free(regions);
    return rc;
}

int
ctl_flush(const struct ctl_opts *o)
{
    struct pmemd_config cfg;
    struct pmemd_client *c = NULL;
    struct pmemd_info info;
    struct pmemd_event ev;
    struct pmemd_req req;
    tool_config(&cfg, o->timeout_ns);
    int rc = tool_open(o->uri, &cfg, &info, &c);
    if (rc != TOOL_OK)
        return rc;
    pmemd_req_init(&req, sizeof req);
    req.verb = PMEMD_VERB_FLUSH;
    req.level = PMEMD_LEVEL_DURABLE;
    req.timeout_ns = o->timeout_ns + TOOL_ANSWER_NS;
    const uint64_t start_ns = tool_now_ns();
    const int err = pmemd_call(c, &req, &ev, sizeof ev);
    const double secs = (double)(tool_now_ns() - start_ns) / 1e9;
    if (err < 0)
        rc = (int)tool_fail(o->uri, err, c);
    else if (o->json)
        rc = report_dump(json_pack("{s:s, s:s, s:s, s:s, s:o, s:o, s:f}", "verb", "flush",
                                   "uri", o->uri, "level", tool_level_name(ev.level), "class",
                                   tool_class_name(ev.durability), "lsn", whole(ev.lsn),
                                   "epoch", whole(ev.epoch), "secs", secs));
    else
        printf("%s: %s\n", tool_level_name(ev.level), tool_class_name(ev.durability));
    pmemd_close(c);
    return rc;
}
