// SPDX-License-Identifier: BSD-3-Clause
/* The command line: see opts.h. */
#include "tools/pmemctl/opts.h"

#include "tools/lib/args.h"
#include "tools/lib/exit.h"

#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define TIMEOUT_NS_DEFAULT (10 * TOOL_NS_PER_S)

const char ctl_help[] =
    "usage: pmemctl [--json] VERB URI ...\n"
    "\n"
    "  list URI         the regions a server offers\n"
    "  stat URI         what a region is, and how its bytes travel\n"
    "  put URI FILE     store a file in a region [--offset N] [--resume]\n"
    "  get URI FILE     fetch from a region into a file [--offset N] [--length N] [--resume]\n"
    "  flush URI        make everything acknowledged so far durable\n"
    "\n"
    "  --offset N       start at byte N of the region (default 0)\n"
    "  --length N       fetch N bytes (default: to the end of the region)\n"
    "  --resume         go on where an interrupted put or get of the same file stopped\n"
    "  --checkpoint N   keep a progress record every N bytes (default 64M, once a second)\n"
    "  --progress       show progress even when standard error is not a terminal\n"
    "  --timeout SECS   how long to look for a server that is not there (default 10)\n"
    "  --json           one JSON object on standard output\n"
    "  --help           this text\n"
    "  --version        the version\n"
    "\n"
    "FILE '-' is standard input or output. N takes K, M, G or T (powers of 1024).\n"
    "URI: pmemd://host[:7173]/region or pmemd+unix:///path/to.sock?region=NAME.\n"
    "Exit codes: 0 ok, 1 failed, 2 usage, 3 this host cannot, 4 refused, 5 data differs.\n";

/* Options a verb may refuse, as bits. */
enum {
    TAKES_OFFSET = 1,
    TAKES_LENGTH = 2,
    TAKES_TRANSFER = 4, /* resume, progress, checkpoint */
    TAKES_LATER = 8,    /* options of verbs to come: such a verb is refused by its name */
};

struct verb_row {
    const char *name;
    enum ctl_verb verb; /* CTL_NONE: promised, not built yet */
    int operands;
    unsigned takes;
};

static const struct verb_row verbs[] = {
    {"list", CTL_LIST, 1, 0},
    {"stat", CTL_STAT, 1, 0},
    {"put", CTL_PUT, 2, TAKES_OFFSET | TAKES_TRANSFER},
    {"get", CTL_GET, 2, TAKES_OFFSET | TAKES_LENGTH | TAKES_TRANSFER},
    {"flush", CTL_FLUSH, 1, 0},
    {"create", CTL_NONE, 0, 0},
    {"resize", CTL_NONE, 0, 0},
    {"delete", CTL_NONE, 0, 0},
    {"ask", CTL_NONE, 0, 0},
    {"promote", CTL_NONE, 0, 0},
    {"demote", CTL_NONE, 0, 0},
    {"verify", CTL_NONE, 0, 0},
    {"replica", CTL_NONE, 0, 0},
    {"top", CTL_NONE, 0, 0},
    {"check", CTL_NONE, 0, 0},
};

enum {
    KEY_OFFSET = 1,
    KEY_LENGTH,
    KEY_RESUME,
    KEY_CHECKPOINT,
    KEY_PROGRESS,
    KEY_TIMEOUT,
    KEY_JSON,
    KEY_HELP,
    KEY_VERSION,
    KEY_LATER,
    KEY_N
};

static const struct option names[] = {
    {"offset", required_argument, NULL, KEY_OFFSET},
    {"length", required_argument, NULL, KEY_LENGTH},
    {"resume", no_argument, NULL, KEY_RESUME},
    {"checkpoint", required_argument, NULL, KEY_CHECKPOINT},
    {"progress", no_argument, NULL, KEY_PROGRESS},
    {"timeout", required_argument, NULL, KEY_TIMEOUT},
    {"json", no_argument, NULL, KEY_JSON},
    {"help", no_argument, NULL, KEY_HELP},
    {"version", no_argument, NULL, KEY_VERSION},
    {"size", required_argument, NULL, KEY_LATER},
    {"medium", required_argument, NULL, KEY_LATER},
    {"force", no_argument, NULL, KEY_LATER},
    {NULL, 0, NULL, 0},
};

/* What an option needs of its verb. */
static const unsigned key_takes[KEY_N] = {
    [KEY_OFFSET] = TAKES_OFFSET,     [KEY_LENGTH] = TAKES_LENGTH,
    [KEY_RESUME] = TAKES_TRANSFER,   [KEY_CHECKPOINT] = TAKES_TRANSFER,
    [KEY_PROGRESS] = TAKES_TRANSFER, [KEY_LATER] = TAKES_LATER,
};

struct why {
    char *text;
    size_t bytes;
};

static int __attribute__((format(printf, 3, 4)))
refuse(struct why why, enum tool_exit code, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    (void)vsnprintf(why.text, why.bytes, format, args);
    va_end(args);
    return (int)code;
}

static int
take_option(struct ctl_opts *o, int key, const char *text)
{
    switch (key) {
    case KEY_OFFSET:
        return tool_parse_size(text, &o->offset);
    case KEY_LENGTH: {
        const int rc = tool_parse_size(text, &o->length);
        return rc == 0 && (o->length == 0 || o->length == UINT64_MAX) ? -ERANGE : rc;
    }
    case KEY_CHECKPOINT: {
        const int rc = tool_parse_size(text, &o->checkpoint);
        return rc == 0 && o->checkpoint == 0 ? -ERANGE : rc;
    }
    case KEY_TIMEOUT:
        return tool_parse_secs(text, &o->timeout_ns);
    case KEY_RESUME:
        o->resume = true;
        return 0;
    case KEY_PROGRESS:
        o->progress = true;
        return 0;
    case KEY_JSON:
        o->json = true;
        return 0;
    case KEY_HELP:
        o->verb = CTL_HELP;
        return 0;
    case KEY_VERSION:
        o->verb = CTL_VERSION;
        return 0;
    case KEY_LATER:
        return 0;
    default:
        return -EINVAL;
    }
}

/* All options; *given gets a bit per row of `names` seen. */
static int
take_options(int argc, char **argv, struct ctl_opts *o, unsigned *given, struct why why)
{
    optind = 0; /* start anew: a test parses many command lines */
    opterr = 0;
    int at = 0;
    for (int key; (key = getopt_long(argc, argv, "", names, &at)) != -1;) {
        if (key == '?')
            return refuse(why, TOOL_USAGE, "'%s' is not an option, or lacks its value",
                          argv[optind - 1]);
        if (o->verb == CTL_HELP || o->verb == CTL_VERSION)
            continue;
        const int rc = take_option(o, key, optarg);
        if (rc < 0)
            return refuse(why, TOOL_USAGE, "--%s %s: %s", names[at].name, optarg,
                          rc == -ERANGE ? "outside its range" : "not a value it can have");
        *given |= 1u << at;
    }
    return 0;
}

static const struct verb_row *
find_verb(const char *name)
{
    for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++)
        if (strcmp(verbs[i].name, name) == 0)
            return &verbs[i];
    return NULL;
}

/* The first option that the verb does not take, or NULL. */
static const char *
stray_option(const struct verb_row *row, unsigned given)
{
    for (size_t i = 0; names[i].name != NULL; i++) {
        const unsigned needs = key_takes[names[i].val];
        if ((given & 1u << i) != 0 && needs != 0 && (row->takes & needs) == 0)
            return names[i].name;
    }
    return NULL;
}

/* The verb and its operands, argv[0..argc-1]. */
static int
take_verb(int argc, char **argv, unsigned given, struct ctl_opts *o, struct why why)
{
    if (argc == 0)
        return refuse(why, TOOL_USAGE, "a verb is missing; 'pmemctl --help' lists them");
    const struct verb_row *const row = find_verb(argv[0]);
    if (row == NULL)
        return refuse(why, TOOL_USAGE, "'%s' is not a verb; 'pmemctl --help' lists them",
                      argv[0]);
    if (row->verb == CTL_NONE)
        return refuse(why, TOOL_REFUSED, "'%s' is not built into this version", row->name);
    if (argc - 1 != row->operands)
        return refuse(why, TOOL_USAGE, "'%s' takes %s", row->name,
                      row->operands == 1 ? "one operand, the URI"
                                         : "two operands, the URI and a file");
    const char *const stray = stray_option(row, given);
    if (stray != NULL)
        return refuse(why, TOOL_USAGE, "'%s' does not take --%s", row->name, stray);
    o->verb = row->verb;
    o->uri = argv[1];
    o->file = row->operands > 1 ? argv[2] : NULL;
    const bool stream = o->file != NULL && strcmp(o->file, "-") == 0;
    if (stream && o->resume)
        return refuse(why, TOOL_USAGE, "a standard stream cannot be resumed");
    if (stream && o->json && o->verb == CTL_GET)
        return refuse(why, TOOL_USAGE,
                      "standard output carries the bytes: --json needs a named file");
    return 0;
}

int
ctl_opts_parse(int argc, char **argv, struct ctl_opts *ret, char *why, size_t why_bytes)
{
    struct ctl_opts o = {.length = UINT64_MAX, .timeout_ns = TIMEOUT_NS_DEFAULT};
    const struct why w = {why, why_bytes};
    unsigned given = 0;
    int rc = take_options(argc, argv, &o, &given, w);
    if (rc == 0 && o.verb == CTL_NONE)
        rc = take_verb(argc - optind, argv + optind, given, &o, w);
    if (rc == 0)
        *ret = o;
    return rc;
}
