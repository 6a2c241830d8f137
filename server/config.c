/* SPDX-License-Identifier: BSD-3-Clause */
/* The table, who may set what, and the checks that look at more than one key. */
#include "server/config.h"

#include "common/assert.h"
#include "common/checked.h"
#include "common/log.h"
#include "common/uri.h"
#include "server/config_key.h"
#include "server/os/ring.h"
#include "server/os/sock.h"

#include <errno.h>
#include <pmemd/pmemd.h>
#include <string.h>

#define SHARDS_AUTO_MAX 16u
#define STRUCT_SERVER struct config
#define STRUCT_REGION struct config_region

static const struct config_key keys[] = {
// clang-format off
#define CONFIG(section_, key, type_, unit_, min_, max_, step_, def_, reload, words_, text_)    \
    {.name = #key, .unit = (unit_), .def = (def_), .words = (words_), .text = (text_),         \
     .section = CONFIG_SECTION_##section_, .type = CONFIG_TYPE_##type_,                        \
     .reloadable = (reload) != 0, .min = (min_), .max = (max_), .step = (step_),               \
     .offset = offsetof(STRUCT_##section_, key)},
#include "server/config.def"
#undef CONFIG
    // clang-format on
};

pmi_static_assert(sizeof keys / sizeof keys[0] == CONFIG_KEY_N);
pmi_static_assert((int)CONFIG_NO_CLONE == (int)RING_NO_CLONE);
pmi_static_assert((int)CONFIG_NO_FIXED == (int)RING_NO_FIXED);

const struct config_key *
config_key_at(unsigned i)
{
    pmi_assert(i < CONFIG_KEY_N);
    return &keys[i];
}

unsigned
config_key_find(enum config_section section, const char *name)
{
    unsigned i = 0;
    while (i < CONFIG_KEY_N && (keys[i].section != section || strcmp(keys[i].name, name) != 0))
        i++;
    return i;
}

static int
unknown_key(enum config_section section, const char *key, char *why, size_t why_len)
{
    struct config_nearest n = {.word = key};
    for (unsigned i = 0; i < CONFIG_KEY_N; i++) {
        if (keys[i].section == section)
            config_nearest_see(&n, keys[i].name);
    }
    return config_say(PMEMD_E_ARG, why, why_len,
                      "unknown key '%.64s' of %s; the nearest known key is '%s'", key,
                      section == CONFIG_SECTION_SERVER ? "[server]" : "a region", n.best);
}

static int
set_key(unsigned i, void *base, uint8_t *set_by, const char *value, enum config_source source,
        char *why, size_t why_len)
{
    const bool again = set_by[i] == source;
    pmi_assert(set_by[i] <= source); /* defaults, file, options: in this order */
    if (again && !config_key_is_list(&keys[i]))
        return config_say(PMEMD_E_ARG, why, why_len, "%s is given twice", keys[i].name);
    set_by[i] = (uint8_t)source;
    return config_value_set(&keys[i], base, value, again, why, why_len);
}

int
config_set_server(struct config *c, const char *key, const char *value,
                  enum config_source source, char *why, size_t why_len)
{
    const unsigned i = config_key_find(CONFIG_SECTION_SERVER, key);
    if (i == CONFIG_KEY_N)
        return unknown_key(CONFIG_SECTION_SERVER, key, why, why_len);
    return set_key(i, c, c->set_by, value, source, why, why_len);
}

int
config_set_region(struct config_region *rg, const char *key, const char *value,
                  enum config_source source, char *why, size_t why_len)
{
    const unsigned i = config_key_find(CONFIG_SECTION_REGION, key);
    char what[CONFIG_WHY_BYTES];
    pmi_assert(rg != NULL);
    if (i == CONFIG_KEY_N)
        return unknown_key(CONFIG_SECTION_REGION, key, why, why_len);
    if (i == CONFIG_REGION_journal)
        return config_say(PMEMD_E_UNSUPPORTED, why, why_len,
                          "region '%s': journal is not built into this version", rg->name);
    const int rc = set_key(i, rg, rg->set_by, value, source, what, sizeof what);
    if (rc != 0)
        return config_say(rc, why, why_len, "region '%s': %s", rg->name, what);
    if (i == CONFIG_REGION_medium && strcmp(rg->medium, "mem") != 0)
        return config_say(
            PMEMD_E_UNSUPPORTED, why, why_len,
            "region '%s': medium '%s' is not built into this version, which has mem", rg->name,
            rg->medium);
    return 0;
}

static struct config_region *
region_find(struct config *c, const char *name)
{
    for (unsigned i = 0; i < c->region_count; i++) {
        if (strcmp(c->regions[i].name, name) == 0)
            return &c->regions[i];
    }
    return NULL;
}

static void
set_defaults(enum config_section section, void *base)
{
    char why[CONFIG_WHY_BYTES];
    for (unsigned i = 0; i < CONFIG_KEY_N; i++) {
        if (keys[i].section != section || keys[i].def[0] == '\0')
            continue;
        const int rc = config_value_set(&keys[i], base, keys[i].def, false, why, sizeof why);
        pmi_assert(rc == 0); /* our own table */
    }
}

int
config_region_begin(struct config *c, const char *name, enum config_source source,
                    struct config_region **ret, char *why, size_t why_len)
{
    if (!pmi_region_name_ok(name))
        return config_say(
            PMEMD_E_ARG, why, why_len,
            "'%.128s' is not a region's name: it has 1 to 128 of A-Z a-z 0-9 . _ - "
            "and begins with a letter or a digit",
            name);
    struct config_region *rg = region_find(c, name);
    if (rg != NULL && rg->begun_by == source)
        return config_say(PMEMD_E_ARG, why, why_len, "region '%s' is given twice", name);
    if (rg == NULL && c->region_count == CONFIG_REGIONS_MAX)
        return config_say(PMEMD_E_ARG, why, why_len, "more than %u regions",
                          CONFIG_REGIONS_MAX);
    if (rg == NULL) {
        rg = &c->regions[c->region_count++];
        *rg = (struct config_region){0};
        set_defaults(CONFIG_SECTION_REGION, rg);
        memcpy(rg->name, name, strlen(name) + 1);
    }
    rg->begun_by = source;
    rg->set_by[CONFIG_REGION_name] = (uint8_t)source;
    *ret = rg;
    return 0;
}

void
config_init(struct config *c)
{
    *c = (struct config){0};
    set_defaults(CONFIG_SECTION_SERVER, c);
}

int
config_option(struct config *c, const char *key, const char *value, char *why, size_t why_len)
{
    return config_set_server(c, key, value, CONFIG_FROM_OPTION, why, why_len);
}

/* The value of `name=` in "name=demo,size=1G". */
static bool
option_region_name(const char *value, char *out, size_t len)
{
    for (const char *at = value; *at != '\0';) {
        const size_t n = strcspn(at, ",");
        if (strncmp(at, "name=", 5) == 0) {
            (void)config_say(0, out, len, "%.*s", (int)pmi_min(n - 5, len), at + 5);
            return true;
        }
        at += n + (at[n] == ',');
    }
    return false;
}

int
config_option_region(struct config *c, const char *value, char *why, size_t why_len)
{
    struct config_region *rg = NULL;
    char name[PMI_REGION_NAME_BYTES + 1]; /* one more, so that one too long is seen */
    char item[2 * CONFIG_WHY_BYTES + 1];
    bool named = false;
    if (!option_region_name(value, name, sizeof name))
        return config_say(PMEMD_E_ARG, why, why_len,
                          "--region %.100s: name is missing, as in "
                          "--region name=demo,medium=mem,size=256M",
                          value);
    int rc = config_region_begin(c, name, CONFIG_FROM_OPTION, &rg, why, why_len);
    for (const char *at = value; rc == 0 && *at != '\0';) {
        const size_t n = strcspn(at, ",");
        if (n >= sizeof item)
            return config_say(PMEMD_E_ARG, why, why_len, "--region: a value is too long");
        memcpy(item, at, n);
        item[n] = '\0';
        at += n + (at[n] == ',');
        char *equals = strchr(item, '=');
        if (equals == NULL)
            return config_say(PMEMD_E_ARG, why, why_len, "--region: '%.64s' is not KEY=VALUE",
                              item);
        *equals = '\0';
        if (strcmp(item, "name") != 0)
            rc = config_set_region(rg, item, equals + 1, CONFIG_FROM_OPTION, why, why_len);
        else if (named)
            return config_say(PMEMD_E_ARG, why, why_len, "region '%s': name is given twice",
                              name);
        else
            named = true;
    }
    return rc;
}

static int
check_region(const struct config_region *rg, char *why, size_t why_len)
{
    if (rg->set_by[CONFIG_REGION_size] == CONFIG_FROM_DEFAULT)
        return config_say(PMEMD_E_ARG, why, why_len,
                          "region '%s' has no size, like size = 256M", rg->name);
    if (rg->path[0] != '\0')
        return config_say(PMEMD_E_ARG, why, why_len,
                          "region '%s': medium mem has no path; leave it out", rg->name);
    if (rg->class > PMEMD_CLASS_VOLATILE)
        return config_say(PMEMD_E_CLASS, why, why_len,
                          "region '%s' is required to be %s, but medium mem is only volatile",
                          rg->name, pmi_uri_class_name((enum pmi_uri_class)rg->class));
    return 0;
}

static int
check_listen(const struct config *c, unsigned i, char *why, size_t why_len)
{
    struct sock_addr a, other;
    const char *text = c->listen.text[i];
    int rc = sock_addr_parse(text, &a, why, why_len);
    for (unsigned j = 0; rc == 0 && j < i; j++) {
        rc = sock_addr_parse(c->listen.text[j], &other, why, why_len);
        if (rc == 0 && a.len == other.len && memcmp(&a.ss, &other.ss, a.len) == 0)
            rc = config_say(PMEMD_E_ARG, why, why_len, "listen: %s is given twice", text);
    }
    if (rc != 0 || a.is_loopback || c->insecure_no_auth)
        return rc;
    return config_say(
        PMEMD_E_ARG, why, why_len,
        "%s is not a loopback address, and this version authenticates nobody: "
        "whoever reaches it could read and change every region. Listen on 127.0.0.1, "
        "[::1] or a Unix socket, or say --insecure-no-auth if you mean it",
        text);
}

int
config_finish(struct config *c, unsigned cpus, char *why, size_t why_len)
{
    int rc = 0;
    if (c->region_count == 0)
        return config_say(PMEMD_E_ARG, why, why_len,
                          "no region: add a section [region NAME] with a size to the file, or "
                          "--region name=NAME,medium=mem,size=256M");
    if (c->listen.count == 0)
        return config_say(PMEMD_E_ARG, why, why_len, "listen has no address");
    for (unsigned i = 0; rc == 0 && i < c->region_count; i++)
        rc = check_region(&c->regions[i], why, why_len);
    for (unsigned i = 0; rc == 0 && i < c->listen.count; i++)
        rc = check_listen(c, i, why, why_len);
    if (rc != 0)
        return rc;
    if (c->requests < c->credit_requests)
        return config_say(
            PMEMD_E_ARG, why, why_len,
            "requests = %u is less than credit_requests = %u: a shard must hold what "
            "one connection is granted",
            c->requests, c->credit_requests);
    if (c->shards == 0)
        c->shards =
            pmi_max_u32(1, pmi_min_u32(SHARDS_AUTO_MAX, pmi_min_u32(cpus, c->region_count)));
    return 0;
}

void
config_log(const struct config *c)
{
    static const char *const from[] = {"default", "file", "option"};
    char value[CONFIG_VALUE_BYTES], safe[CONFIG_VALUE_BYTES];
    if (!pmi_log_enabled(PMI_LOG_DEBUG))
        return;
    pmi_log_set_rate(0); /* a line per key, and there are many */
    for (unsigned i = 0; i < CONFIG_KEY_N; i++) {
        if (keys[i].section != CONFIG_SECTION_SERVER)
            continue;
        (void)config_value_format(&keys[i], c, value);
        pmi_log(PMI_LOG_DEBUG, "config.server", "key=%s value=%s from=%s", keys[i].name,
                pmi_log_escape(safe, sizeof safe, value, strlen(value)), from[c->set_by[i]]);
    }
    for (unsigned i = 0; i < c->region_count; i++) {
        const struct config_region *rg = &c->regions[i];
        pmi_log(PMI_LOG_DEBUG, "config.region", "name=%s medium=%s bytes=%llu class=%s",
                rg->name, rg->medium, (unsigned long long)rg->size,
                pmi_uri_class_name((enum pmi_uri_class)rg->class));
    }
    pmi_log_set_rate(PMI_LOG_RATE_DEFAULT);
}
