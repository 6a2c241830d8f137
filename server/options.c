/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Two walks over the command line: the first finds --config and what to do, the second applies
 * the options that set keys, so that they win over the file wherever they stand.
 */
#include "server/options.h"

#include "common/assert.h"
#include "server/config_key.h"
#include "server/server.h"

#include <pmemd/errors.h>
#include <sched.h>
#include <string.h>
#include <unistd.h>

enum option {
    OPTION_CONFIG,
    OPTION_REGION,
    OPTION_CHECK,
    OPTION_PRINT,
    OPTION_HELP,
    OPTION_VERSION,
    OPTION_KEY, /* a key of the server */
};

static const struct option_row {
    const char *name, *value, *text;
} rows[] = {
    [OPTION_CONFIG] = {"config", " FILE",
                       "read FILE first, see pmemd.conf(5); options override it"},
    [OPTION_REGION] = {"region", " name=NAME,medium=mem,size=SIZE[,KEY=VALUE]...",
                       "serve a region, or change one of the file; may be repeated"},
    [OPTION_CHECK] = {"check-config", "", "check the configuration, and do not serve"},
    [OPTION_PRINT] = {"print-config", "",
                      "print the effective configuration as a file, and do "
                      "not serve"},
    [OPTION_HELP] = {"help", "", "print this"},
    [OPTION_VERSION] = {"version", "", "print the version"},
};

#define ROWS_N (sizeof rows / sizeof rows[0])
#define NAME_BYTES 64u

struct walk {
    int argc, next;
    char *const *argv;
    enum option option;   /* what the last step found */
    char key[NAME_BYTES]; /* OPTION_KEY: its name */
    const char *value;    /* borrowed from argv; NULL if it takes none */
    char *why;
    size_t why_len;
};

struct wishes {
    const char *config_path;
    bool check, print, help, version;
};

static int
unknown_option(const struct walk *w, const char *word)
{
    char name[NAME_BYTES], known[CONFIG_KEY_N][NAME_BYTES];
    (void)config_say(0, name, sizeof name, "%.*s", (int)strcspn(word + 2, "="), word + 2);
    struct config_nearest n = {.word = name};
    for (size_t i = 0; i < ROWS_N; i++)
        config_nearest_see(&n, rows[i].name);
    for (unsigned i = 0; i < CONFIG_KEY_N; i++) {
        (void)config_say(0, known[i], NAME_BYTES, "%s", config_key_at(i)->name);
        for (char *p = known[i]; *p != '\0'; p++)
            *p = *p == '_' ? '-' : *p;
        if (config_key_at(i)->section == CONFIG_SECTION_SERVER)
            config_nearest_see(&n, known[i]);
    }
    return config_say(PMEMD_E_ARG, w->why, w->why_len,
                      "unknown option '--%s'; the nearest known is '--%s'", name, n.best);
}

/* Which option is `word` ("--name" or "--name=value")? Sets w->option and, for a key, w->key.
 * `ret_takes` tells whether it takes a value. */
static bool
find_option(struct walk *w, const char *word, bool *ret_takes)
{
    const size_t n = strcspn(word + 2, "=");
    if (n >= sizeof w->key)
        return false;
    memcpy(w->key, word + 2, n);
    w->key[n] = '\0';
    for (size_t i = 0; i < ROWS_N; i++) {
        if (strcmp(rows[i].name, w->key) != 0)
            continue;
        w->option = (enum option)i;
        *ret_takes = rows[i].value[0] != '\0';
        return true;
    }
    for (char *p = w->key; *p != '\0'; p++)
        *p = *p == '-' ? '_' : *p;
    const unsigned key = config_key_find(CONFIG_SECTION_SERVER, w->key);
    w->option = OPTION_KEY;
    *ret_takes = key < CONFIG_KEY_N && config_key_at(key)->type != CONFIG_TYPE_BOOL;
    return key < CONFIG_KEY_N;
}

static int
take_value(struct walk *w, const char *word, bool takes)
{
    const char *equals = strchr(word, '=');
    w->value = equals != NULL ? equals + 1 : NULL;
    if (takes && w->value == NULL) {
        if (w->next >= w->argc)
            return config_say(PMEMD_E_ARG, w->why, w->why_len, "%s needs a value", word);
        w->value = w->argv[w->next++];
    }
    if (!takes && w->value != NULL && w->option != OPTION_KEY)
        return config_say(PMEMD_E_ARG, w->why, w->why_len, "--%s takes no value",
                          rows[w->option].name);
    if (!takes && w->value == NULL)
        w->value = "yes"; /* of a key: the plain option switches it on */
    return 0;
}

/* 1: w tells about one more option; 0: that was all; or an error. */
static int
step(struct walk *w)
{
    bool takes = false;
    if (w->next >= w->argc)
        return 0;
    const char *word = w->argv[w->next++];
    if (strcmp(word, "-h") == 0)
        word = "--help";
    if (strcmp(word, "-V") == 0)
        word = "--version";
    if (word[0] != '-')
        return config_say(PMEMD_E_UNSUPPORTED, w->why, w->why_len,
                          "'%.64s' is not built into this version", word);
    if (word[1] != '-')
        return config_say(PMEMD_E_ARG, w->why, w->why_len,
                          "unknown option '%.64s'; see pmemd --help", word);
    if (!find_option(w, word, &takes))
        return unknown_option(w, word);
    const int rc = take_value(w, word, takes);
    return rc != 0 ? rc : 1;
}

static int
first_walk(struct walk *w, struct wishes *wish)
{
    int rc;
    while ((rc = step(w)) == 1) {
        switch (w->option) {
        case OPTION_CONFIG:
            if (wish->config_path != NULL)
                return config_say(PMEMD_E_ARG, w->why, w->why_len, "--config is given twice");
            wish->config_path = w->value;
            break;
        case OPTION_CHECK:
            wish->check = true;
            break;
        case OPTION_PRINT:
            wish->print = true;
            break;
        case OPTION_HELP:
            wish->help = true;
            return 0;
        case OPTION_VERSION:
            wish->version = true;
            return 0;
        case OPTION_REGION:
        case OPTION_KEY:
            break;
        }
    }
    return rc;
}

static int
second_walk(struct walk *w, struct config *cfg)
{
    int rc;
    while ((rc = step(w)) == 1) {
        if (w->option == OPTION_KEY)
            rc = config_option(cfg, w->key, w->value, w->why, w->why_len);
        else if (w->option == OPTION_REGION)
            rc = config_option_region(cfg, w->value, w->why, w->why_len);
        else
            rc = 0;
        if (rc != 0)
            return rc;
    }
    return rc;
}

static unsigned
cpus_usable(void)
{
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0)
        return (unsigned)CPU_COUNT(&set);
    const long n = sysconf(_SC_NPROCESSORS_ONLN); /* more CPUs than the set can name */
    return n > 0 ? (unsigned)n : 1;
}

static void
print_help(FILE *out)
{
    (void)fprintf(out, "Usage: pmemd --config FILE [OPTION]...\n"
                       "       pmemd --region name=NAME,medium=mem,size=SIZE [OPTION]...\n"
                       "Serve regions of memory over the network.\n\n");
    for (size_t i = 0; i < ROWS_N; i++) {
        char option[NAME_BYTES + 64];
        (void)config_say(0, option, sizeof option, "--%s%s", rows[i].name, rows[i].value);
        config_help_option(out, option, rows[i].text);
    }
    (void)fprintf(out, "\nEach key of the [server] section is an option too:\n\n");
    config_help(out);
    (void)fprintf(out,
                  "\nSizes are bytes; K, M, G and T are powers of 1024.\n"
                  "Exit codes: 0 ok, 1 failed, 2 usage or configuration, 3 this host cannot,\n"
                  "4 refused: not built into this version, or less durable than required.\n");
}

static void
print_checked(const struct config *cfg, FILE *out)
{
    (void)fprintf(out, "config ok: %u region%s, %u address%s, %u shard%s\n", cfg->region_count,
                  cfg->region_count == 1 ? "" : "s", cfg->listen.count,
                  cfg->listen.count == 1 ? "" : "es", cfg->shards, cfg->shards == 1 ? "" : "s");
}

static int
fail(FILE *err, int rc, const char *why)
{
    const bool refused = rc == PMEMD_E_UNSUPPORTED || rc == PMEMD_E_CLASS;
    (void)fprintf(err, "pmemd: %s\n", why);
    return refused ? SERVER_REFUSED : SERVER_USAGE;
}

/* The exit code once something was written to `out`. */
static int
done(FILE *out, FILE *err)
{
    if (fflush(out) == 0 && ferror(out) == 0)
        return SERVER_OK;
    (void)fprintf(err, "pmemd: cannot write the output\n");
    return SERVER_FAILED;
}

static int
settle(const struct wishes *wish, struct walk *w, struct config *cfg)
{
    int rc = 0;
    config_init(cfg);
    if (wish->config_path != NULL)
        rc = config_read_file(cfg, wish->config_path, w->why, w->why_len);
    if (rc == 0)
        rc = second_walk(w, cfg);
    if (rc == 0)
        rc = config_finish(cfg, cpus_usable(), w->why, w->why_len);
    return rc;
}

int
options_run(int argc, char *const argv[], struct config *cfg, FILE *out, FILE *err)
{
    struct wishes wish = {0};
    char why[CONFIG_WHY_BYTES] = "";
    struct walk w = {.argc = argc, .argv = argv, .next = 1, .why = why, .why_len = sizeof why};
    int rc = first_walk(&w, &wish);
    if (rc != 0)
        return fail(err, rc, why);
    if (wish.help) {
        print_help(out);
        return done(out, err);
    }
    if (wish.version) {
        (void)fprintf(out, "pmemd %s\n", PMEMD_VERSION_TEXT);
        return done(out, err);
    }
    w.next = 1;
    rc = settle(&wish, &w, cfg);
    if (rc != 0)
        return fail(err, rc, why);
    if (!wish.print && !wish.check)
        return OPTIONS_SERVE;
    if (wish.print)
        config_print(cfg, out);
    else
        print_checked(cfg, out);
    return done(out, err);
}
