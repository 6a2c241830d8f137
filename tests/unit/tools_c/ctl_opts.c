// SPDX-License-Identifier: BSD-3-Clause
/*
 * Goal: pmemctl's command line: every verb, what is refused by name, what is a usage error.
 * Method: whole command lines through the parser; each refusal must come with a sentence.
 */
#include "tests/lib/test.h"
#include "tools/pmemctl/opts.h"

#include <string.h>

#define ARGS_MAX 16

static char why[256];

/* Parse a command line given as one text, split at blanks. */
static int
parse(const char *line, struct ctl_opts *ret)
{
    static char copy[512];
    static char name[] = "pmemctl";
    char *argv[ARGS_MAX] = {name};
    int argc = 1;
    why[0] = '\0';
    (void)strncpy(copy, line, sizeof copy - 1);
    for (char *at = strtok(copy, " "); at != NULL; at = strtok(NULL, " "))
        argv[argc++] = at;
    return ctl_opts_parse(argc, argv, ret, why, sizeof why);
}

static void
verbs_are_known(void **state)
{
    struct ctl_opts o;
    (void)state;
    assert_int_equal(parse("list u", &o), 0);
    assert_int_equal(o.verb, CTL_LIST);
    assert_int_equal(parse("--json stat u", &o), 0);
    assert_int_equal(o.verb, CTL_STAT);
    assert_true(o.json);
    assert_int_equal(parse("put u f --offset 4K --resume --progress", &o), 0);
    assert_int_equal(o.verb, CTL_PUT);
    assert_int_equal(o.offset, 4096);
    assert_true(o.resume && o.progress);
    assert_string_equal(o.uri, "u");
    assert_string_equal(o.file, "f");
    assert_int_equal(o.timeout_ns, UINT64_C(10000000000));
    assert_int_equal(parse("get u - --length 1M --timeout 0.5 --checkpoint 2M", &o), 0);
    assert_int_equal(o.verb, CTL_GET);
    assert_int_equal(o.length, 1 << 20);
    assert_int_equal(o.timeout_ns, 500000000);
    assert_int_equal(o.checkpoint, 2 << 20);
    assert_int_equal(parse("flush u", &o), 0);
    assert_int_equal(o.verb, CTL_FLUSH);
    assert_int_equal(parse("--help", &o), 0);
    assert_int_equal(o.verb, CTL_HELP);
    assert_int_equal(parse("put --version", &o), 0);
    assert_int_equal(o.verb, CTL_VERSION);
}

static void
verbs_to_come_are_refused_by_name(void **state)
{
    static const char *const names[] = {"create", "resize", "delete",  "ask", "promote",
                                        "demote", "verify", "replica", "top", "check"};
    struct ctl_opts o;
    (void)state;
    for (size_t i = 0; i < TEST_COUNT(names); i++) {
        char expected[128];
        (void)strcpy(expected, "'");
        (void)strcat(expected, names[i]);
        (void)strcat(expected, "' is not built into this version");
        assert_int_equal(parse(names[i], &o), 4);
        assert_string_equal(why, expected);
    }
    assert_int_equal(parse("--json create u --size 1G --medium mem", &o), 4);
    assert_int_equal(parse("promote u --force", &o), 4);
    assert_int_equal(parse("replica add u host", &o), 4);
}

static void
nonsense_is_a_usage_error(void **state)
{
    static const char *const lines[] = {
        "",
        "frobnicate u",
        "list",
        "list u v",
        "put u",
        "put u f g",
        "list u --offset 1",
        "put u f --length 4",
        "put u f --offset",
        "put u f --offset x",
        "put u f --offset 99999999999999999999",
        "get u f --length 0",
        "get u f --checkpoint 0",
        "stat u --resume",
        "put u - --resume",
        "get u - --resume",
        "get u - --json",
        "put u f --timeout 0",
        "put u f --frob",
        "put u f -x",
        "put u f --size 1G",
        "flush u --force",
    };
    (void)state;
    for (size_t i = 0; i < TEST_COUNT(lines); i++) {
        struct ctl_opts o = {.offset = 77};
        assert_int_equal(parse(lines[i], &o), 2);
        assert_int_equal(o.offset, 77);
        assert_true(why[0] != '\0');
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(verbs_are_known),
        cmocka_unit_test(verbs_to_come_are_refused_by_name),
        cmocka_unit_test(nonsense_is_a_usage_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
