/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Goal: the manual and the table tell the same.
 * Method: each key of config.def has its paragraph in pmemd.conf.5.scd, with range and default;
 * each paragraph is about a key; the example there is a good file; each option is in pmemd.8.scd.
 * PMEMD_SOURCE_DIR says where the manuals are, else they are looked for below this folder.
 */
#include "tests/unit/config/desk.h"

#include "common/size.h"
#include "server/config_key.h"

#include <inttypes.h>

static char conf[65536], daemon_page[65536];

static void
load(const char *name, char *text, size_t len)
{
    char path[4096];
    /* NOLINTNEXTLINE(concurrency-mt-unsafe): there is one thread */
    const char *dir = getenv("PMEMD_SOURCE_DIR");
    (void)snprintf(path, sizeof path, "%s/docs/man/%s", dir != NULL ? dir : ".", name);
    FILE *f = fopen(path, "r");
    if (f == NULL) {
        fail_msg("%s cannot be read", path);
        return;
    }
    const size_t n = fread(text, 1, len - 1, f);
    assert_true(n > 0 && n < len - 1);
    text[n] = '\0';
    (void)fclose(f);
}

static int
set_up(void **state)
{
    (void)state;
    load("pmemd.conf.5.scd", conf, sizeof conf);
    load("pmemd.8.scd", daemon_page, sizeof daemon_page);
    return 0;
}

/* The paragraph that begins with "*key* = ", with its lines joined; fails if there is none. */
static void
paragraph(const struct config_key *k, char *out, size_t len)
{
    char head[64];
    (void)snprintf(head, sizeof head, "\n*%s* = ", k->name);
    const char *at = strstr(conf, head);
    if (at == NULL) {
        fail_msg("no paragraph about %s", k->name);
        return;
    }
    const char *end = strstr(at, "\n\n");
    assert_non_null(end);
    assert_true((size_t)(end - at) < len);
    size_t n = 0;
    for (const char *p = at + 1; p < end; p++)
        if (*p != '\t')
            out[n++] = *p == '\n' ? ' ' : *p;
    out[n] = '\0';
    if (strstr(end, head) != NULL)
        fail_msg("two paragraphs about %s", k->name);
}

static void
says(const struct config_key *k, const char *text, const char *part)
{
    if (strstr(text, part) == NULL)
        fail_msg("the paragraph about %s lacks \"%s\"", k->name, part);
}

static void
every_key_has_its_paragraph(void **state)
{
    (void)state;
    for (unsigned i = 0; i < CONFIG_KEY_N; i++) {
        const struct config_key *k = config_key_at(i);
        char text[2048], part[128], lo[PMI_SIZE_TEXT_BYTES], hi[PMI_SIZE_TEXT_BYTES];
        paragraph(k, text, sizeof text);
        (void)snprintf(part, sizeof part, "Default *%s*.", k->def);
        if (k->def[0] != '\0')
            says(k, text, part);
        part[0] = '\0';
        if (k->type == CONFIG_TYPE_SIZE && i != CONFIG_REGION_journal)
            (void)snprintf(part, sizeof part, " %s to %s", pmi_size_format(lo, k->min),
                           pmi_size_format(hi, k->max));
        else if (k->type == CONFIG_TYPE_COUNT || k->type == CONFIG_TYPE_DURATION)
            (void)snprintf(part, sizeof part, " %" PRIu64 " to %" PRIu64, k->min, k->max);
        says(k, text, part);
        for (const char *w = k->words; *w != '\0';
             w += strcspn(w, "|") + (strchr(w, '|') != NULL)) {
            (void)snprintf(part, sizeof part, "*%.*s*", (int)strcspn(w, "|"), w);
            says(k, text, part);
        }
    }
}

static void
every_paragraph_is_about_a_key(void **state)
{
    (void)state;
    unsigned found = 0;
    for (const char *at = conf; (at = strstr(at, "\n*")) != NULL; at++) {
        char name[64];
        const size_t n = strcspn(at + 2, "*");
        if (n >= sizeof name || strncmp(at + 2 + n, "* = ", 4) != 0)
            continue;
        memcpy(name, at + 2, n);
        name[n] = '\0';
        if (config_key_find(CONFIG_SECTION_SERVER, name) == CONFIG_KEY_N &&
            config_key_find(CONFIG_SECTION_REGION, name) == CONFIG_KEY_N)
            fail_msg("the manual knows %s, the table does not", name);
        found++;
    }
    assert_int_equal(found, CONFIG_KEY_N);
}

static void
the_example_is_a_good_file(void **state)
{
    (void)state;
    struct desk *d = desk_up();
    const char *from = strstr(conf, "# EXAMPLE");
    assert_non_null(from);
    from = strstr(from, "```\n");
    assert_non_null(from);
    const char *to = strstr(from + 4, "```");
    assert_non_null(to);
    desk_file(d, from + 4, (size_t)(to - from - 4));
    assert_int_equal(desk_run(d, "--config %F --check-config"), 0);
    assert_string_equal(d->out, "config ok: 2 regions, 2 addresses, 2 shards\n");
    desk_down(d);
}

static void
the_options_are_told(void **state)
{
    (void)state;
    static const char *const options[] = {"config",       "region",          "listen",
                                          "check-config", "print-config",    "help",
                                          "version",      "insecure-no-auth"};
    char head[64];
    for (size_t i = 0; i < TEST_COUNT(options); i++) {
        (void)snprintf(head, sizeof head, "*--%s*", options[i]);
        if (strstr(daemon_page, head) == NULL)
            fail_msg("pmemd.8.scd lacks --%s", options[i]);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_key_has_its_paragraph),
        cmocka_unit_test(every_paragraph_is_about_a_key),
        cmocka_unit_test(the_example_is_a_good_file),
        cmocka_unit_test(the_options_are_told),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
