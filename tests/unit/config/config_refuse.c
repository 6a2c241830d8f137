/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Goal: what is wrong, unknown or not built is refused with a sentence that says what and where,
 * and with the right exit code; nothing is accepted in silence.
 * Method: one row per refusal: a file, a command line, the code, a part of the sentence.
 */
#include "tests/unit/config/desk.h"

#define DEMO "--region name=demo,medium=mem,size=256M"
#define FILE_DEMO "[region demo]\nsize = 256M\n"

struct row {
    const char *file, *line;
    int code;
    const char *said;
};

static void
try_rows(const struct row *rows, size_t count)
{
    struct desk *d = desk_up();
    for (size_t i = 0; i < count; i++) {
        if (rows[i].file != NULL)
            (void)desk_try(d, rows[i].file, rows[i].line);
        else
            (void)desk_run(d, rows[i].line);
        if (d->code != rows[i].code)
            print_message("row %zu: %s: %s\n", i, rows[i].line, d->err);
        assert_int_equal(d->code, rows[i].code);
        desk_said(d, rows[i].said);
    }
    desk_down(d);
}

static void
command_lines(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {NULL, "doctor", 4, "pmemd: 'doctor' is not built into this version\n"},
        {NULL, "--log-level info doctor --json", 4, "'doctor' is not built into this version"},
        {NULL, "serve " DEMO, 4, "'serve' is not built"},
        {NULL, "", 2, "no region: add a section [region NAME]"},
        {NULL, "--shards 2", 2, "no region"},
        {NULL, "--shrads 2", 2, "unknown option '--shrads'; the nearest known is '--shards'"},
        {NULL, "--lisen=1", 2, "unknown option '--lisen'; the nearest known is '--listen'"},
        {NULL, "--check-confg", 2, "the nearest known is '--check-config'"},
        {NULL, "--busy_pol_us 1", 2, "the nearest known is '--busy-poll-us'"},
        {NULL, "--", 2, "unknown option '--'"},
        {NULL, "-x", 2, "unknown option '-x'"},
        {NULL, "-", 2, "unknown option '-'"},
        {NULL, "--name demo", 2, "unknown option '--name'"}, /* a region's key is no option */
        {NULL, DEMO " --shards", 2, "--shards needs a value"},
        {NULL, "--config", 2, "--config needs a value"},
        {NULL, "--config a --config b", 2, "--config is given twice"},
        {NULL, "--config /nonexistent/x.conf", 2, "/nonexistent/x.conf: "},
        {NULL, "--config /tmp", 2, "/tmp: "},
        {NULL, "--check-config=yes " DEMO, 2, "--check-config takes no value"},
        {NULL, DEMO " --shards 1 --shards 2", 2, "shards is given twice"},
        {NULL, DEMO " --insecure-no-auth=perhaps", 2,
         "insecure_no_auth = perhaps is neither yes nor no"},
    };
    try_rows(rows, TEST_COUNT(rows));
}

static void
values(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {NULL, DEMO " --shards x", 2, "shards = x is not a whole number"},
        {NULL, DEMO " --shards -1", 2, "shards = -1 is not a whole number"},
        {NULL, DEMO " --shards 65", 2, "shards = 65 is not within 0..64 threads"},
        {NULL, DEMO " --shards 99999999999999999999999", 2, "is not within 0..64"},
        {NULL, DEMO " --shards=", 2, "shards has no value"},
        {NULL, DEMO " --busy-poll-us 1001", 2, "busy_poll_us = 1001 is not within 0..1000 us"},
        {NULL, DEMO " --stage-max 2K", 2, "stage_max = 2K is not within 4K..128K"},
        {NULL, DEMO " --stage-max 129K", 2, "stage_max = 129K is not within 4K..128K"},
        {NULL, DEMO " --stage-max 65K", 2,
         "is not a multiple of 4K; the nearest are 64K and 68K"},
        {NULL, DEMO " --stage-max 1.5K", 2, "stage_max = 1.5K is not a size"},
        {NULL, DEMO " --zc-min 17M", 2, "zc_min = 17M is not within 0..16M"},
        {NULL, DEMO " --credit-requests 0", 2, "is not within 1..4096 requests"},
        {NULL, DEMO " --credit-requests 4097", 2, "is not within 1..4096 requests"},
        {NULL, DEMO " --credit-bytes 16M", 2, "credit_bytes = 16M is not within 17M..1T"},
        {NULL, DEMO " --requests 100", 2, "requests = 100 is less than credit_requests = 128"},
        {NULL, DEMO " --send fast", 2, "send = fast is none of auto, copy, zc"},
        {NULL, DEMO " --log-level loud", 2, "is none of error, warn, info, debug"},
        {NULL, DEMO " --disable zc,magic", 2,
         "disable: 'magic' is none of clone, report-usage, sendmsg-zc-fixed, zc, fixed, "
         "hugetlb"},
        {NULL, DEMO " --disable z", 2, "disable: 'z' is none of"},
    };
    try_rows(rows, TEST_COUNT(rows));
}

static void
addresses(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {NULL, DEMO " --listen localhost", 2, "'localhost' is no address to listen on"},
        {NULL, DEMO " --listen 127.0.0.1:99999", 2, "a port is a number"},
        {NULL, DEMO " --listen=", 2, "listen has no value"},
        {NULL, DEMO " --listen ,", 2, "listen has no address"},
        {NULL, DEMO " --listen 127.0.0.1 --listen 127.0.0.1:7173", 2,
         "listen: 127.0.0.1:7173 is given twice"},
        {NULL, DEMO " --listen 0.0.0.0:7173", 2,
         "0.0.0.0:7173 is not a loopback address, and this version authenticates nobody"},
        {NULL, DEMO " --listen 127.0.0.1 --listen [::]:1", 2,
         "[::]:1 is not a loopback address"},
        {NULL, DEMO " --listen 192.168.0.1", 2, "--insecure-no-auth if you mean it"},
        {"[server]\ninsecure_no_auth = yes\nlisten = 10.0.0.1\n" FILE_DEMO,
         "--config %F --insecure-no-auth=no", 2, "10.0.0.1 is not a loopback address"},
        {NULL,
         DEMO
         " --listen 127.0.0.1:1,127.0.0.1:2,127.0.0.1:3,127.0.0.1:4,127.0.0.1:5,127.0.0.1:6,"
         "127.0.0.1:7,127.0.0.1:8,127.0.0.1:9,127.0.0.1:10,127.0.0.1:11,127.0.0.1:12,"
         "127.0.0.1:13,127.0.0.1:14,127.0.0.1:15,127.0.0.1:16,127.0.0.1:17",
         2, "listen: more than 16 addresses"},
    };
    try_rows(rows, TEST_COUNT(rows));
}

static void
regions(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {NULL, "--region size=1M", 2, "--region size=1M: name is missing"},
        {NULL, "--region name=,size=1M", 2, "'' is not a region's name"},
        {NULL, "--region name=-a,size=1M", 2, "'-a' is not a region's name"},
        {NULL, "--region name=a/b,size=1M", 2, "'a/b' is not a region's name"},
        {NULL, "--region name=a,size=1M,name=b", 2, "region 'a': name is given twice"},
        {NULL, "--region name=a,size=1M,size=2M", 2, "region 'a': size is given twice"},
        {NULL, "--region name=a,size=1M --region name=a,size=1M", 2,
         "region 'a' is given twice"},
        {NULL, "--region name=a", 2, "region 'a' has no size"},
        {NULL, "--region name=a,size", 2, "'size' is not KEY=VALUE"},
        {NULL, "--region name=a,,size=1M", 2, "'' is not KEY=VALUE"},
        {NULL, "--region name=a,size=0", 2, "region 'a': size = 0 is not within 4K..64T"},
        {NULL, "--region name=a,size=big", 2, "region 'a': size = big is not a size"},
        {NULL, "--region name=a,size=99999999999T", 2, "is not within 4K..64T"},
        {NULL, "--region name=a,size=1000000", 2,
         "size = 1000000 is not a multiple of 4K; the nearest are 976K and 980K"},
        {NULL, "--region name=a,siez=1M", 2,
         "unknown key 'siez' of a region; the nearest known key is 'size'"},
        {NULL, "--region name=a,size=1M,medium=disk", 4,
         "medium 'disk' is not built into this version"},
        {NULL, "--region name=a,size=1M,medium=devdax", 4, "medium 'devdax' is not built"},
        {NULL, "--region name=a,size=1M,medium=floppy", 4, "medium 'floppy' is not built"},
        {NULL, "--region name=a,size=1M,journal=64M", 4,
         "region 'a': journal is not built into this version"},
        {NULL, "--region name=a,size=1M,path=/tmp/x", 2, "region 'a': medium mem has no path"},
        {NULL, "--region name=a,size=1M,class=power-safe", 4,
         "region 'a' is required to be power-safe, but medium mem is only volatile"},
        {NULL, "--region name=a,size=1M,class=restart-safe", 4, "required to be restart-safe"},
        {NULL, "--region name=a,size=1M,class=solid", 2,
         "class = solid is none of any, volatile, restart-safe, power-safe"},
    };
    try_rows(rows, TEST_COUNT(rows));
}

static void
files(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"[server]\nshrads = 2\n", "--config %F", 2,
         ":2: unknown key 'shrads' of [server]; the nearest known key is 'shards'"},
        {"\n[sever]\n", "--config %F", 2,
         ":2: unknown section [sever]; the nearest known is [server]"},
        {"[regoin a]\n", "--config %F", 2,
         ":1: unknown section [regoin a]; the nearest known is [region NAME]"},
        {"[region]\n", "--config %F", 2, ":1: unknown section [region]"},
        {"[server x]\n", "--config %F", 2, ":1: unknown section [server x]"},
        {"[region a b]\n", "--config %F", 2,
         ":1: a section header is [server] or [region NAME]"},
        {"[server\n", "--config %F", 2, ":1: a section header is"},
        {"[server] x\n", "--config %F", 2, ":1: a section header is"},
        {"[]\n", "--config %F", 2, ":1: unknown section []"},
        {"shards = 1\n", "--config %F", 2, ":1: a key before the first section"},
        {"[server]\n\n# c\nnonsense\n", "--config %F", 2,
         ":4: neither a [section], a comment nor"},
        {"[server]\nnonsense ; a=b\n", "--config %F", 2, ":2: neither a [section]"},
        {"[server]\n= 5\n", "--config %F", 2, ":2: unknown key ''"},
        {"[server]\nshards = 1\nshards = 2\n", "--config %F", 2, ":3: shards is given twice"},
        {"[server]\nshards = 1 # one\n", "--config %F", 2,
         ":2: shards = 1 # one is not a whole"},
        {"[server]\nshards =\n", "--config %F", 2, ":2: shards has no value"},
        {"[server]\nlisten = nowhere\n", "--config %F", 2, ":2: 'nowhere' is no address"},
        {"[server]\nshards = 1\n  stage_max = 1\n", "--config %F", 2,
         ":3: stage_max = 1 is not"},
        {"[region a]\nsize = 1M\n[region a]\n", "--config %F", 2,
         ":3: region 'a' is given twice"},
        {"[region a]\nname = b\n", "--config %F", 2,
         ":2: a region's name stands in its header"},
        {"[region a]\nsize = 1K\n", "--config %F", 2,
         ":2: region 'a': size = 1K is not within"},
        {"[region a]\nmedium = disk\n", "--config %F", 4,
         ":2: region 'a': medium 'disk' is not"},
        {"[region a]\njournal = x\n", "--config %F", 4, ":2: region 'a': journal is not built"},
        {"[region a]\nshards = 1\n", "--config %F", 2, ":2: unknown key 'shards' of a region"},
        {"[region a]\n", "--config %F", 2,
         "region 'a' has no size"}, /* a section without keys */
        {"[server]\n\tsend = \x01zc\n", "--config %F", 2, ":2: a control character (0x01)"},
        {"", "--config %F", 2, "no region"},
    };
    try_rows(rows, TEST_COUNT(rows));
}

static void
more_regions_than_there_may_be(void **state)
{
    (void)state;
    struct desk *d = desk_up();
    char text[4096] = "";
    size_t at = 0;
    for (unsigned i = 0; i < CONFIG_REGIONS_MAX; i++) {
        (void)snprintf(text + at, sizeof text - at, "[region r%u]\nsize = 4K\n", i);
        at += strlen(text + at);
    }
    assert_int_equal(desk_try(d, text, "--config %F"), OPTIONS_SERVE);
    assert_int_equal(d->cfg.region_count, CONFIG_REGIONS_MAX);
    assert_int_equal(desk_run(d, "--config %F " DEMO), 2);
    desk_said(d, "more than 64 regions");
    (void)snprintf(text + at, sizeof text - at, "[region one-more]\n");
    assert_int_equal(desk_try(d, text, "--config %F"), 2);
    desk_said(d, ":129: more than 64 regions");
    desk_down(d);
}

/* What inih would cut without a word: long section names, long lines, files without end. */
static void
long_things(void **state)
{
    (void)state;
    struct desk *d = desk_up();
    char text[1024], name[131];
    memset(name, 'n', sizeof name);
    name[128] = '\0';
    (void)snprintf(text, sizeof text, "[region %s]\nsize = 4K\n", name);
    assert_int_equal(desk_try(d, text, "--config %F"), OPTIONS_SERVE);
    assert_string_equal(d->cfg.regions[0].name, name);
    name[128] = 'n';
    name[129] = '\0';
    (void)snprintf(text, sizeof text, "[region %s]\nsize = 4K\n", name);
    assert_int_equal(desk_try(d, text, "--config %F"), 2);
    desk_said(d, ":1: 'nnnn");
    (void)snprintf(text, sizeof text, "--region name=%s,size=4K", name);
    assert_int_equal(desk_run(d, text), 2);
    desk_said(d, "' is not a region's name");

    memset(text, 'x', 400);
    memcpy(text, "[server]\n#", 10);
    text[400] = '\0';
    assert_int_equal(desk_try(d, text, "--config %F"), 2);
    desk_said(d, ":2: the line is longer than 198 bytes");

    char *big = calloc(1, CONFIG_FILE_MAX + 1);
    assert_non_null(big);
    memset(big, '\n', CONFIG_FILE_MAX + 1);
    desk_file(d, big, CONFIG_FILE_MAX + 1);
    assert_int_equal(desk_run(d, "--config %F"), 2);
    desk_said(d, ": larger than 1048576 bytes");
    desk_file(d, big, CONFIG_FILE_MAX);
    assert_int_equal(desk_run(d, "--config %F " DEMO), OPTIONS_SERVE);
    free(big);
    desk_down(d);
}

static void
a_control_character_in_an_option(void **state)
{
    (void)state;
    struct desk *d = desk_up();
    assert_int_equal(desk_run(d, DEMO " --listen /run/a\x1b[31m.sock"), 2);
    desk_said(d, "listen: the value has a control character");
    desk_down(d);
}

static void
output_that_cannot_be_written_is_a_failure(void **state)
{
    (void)state;
    struct config cfg;
    char *argv[] = {(char[]){"pmemd"}, (char[]){"--version"}, NULL};
    FILE *full = fopen("/dev/full", "w");
    FILE *err = fopen("/dev/null", "w");
    assert_non_null(full);
    assert_non_null(err);
    assert_int_equal(options_run(2, argv, &cfg, full, err), SERVER_FAILED);
    (void)fclose(full);
    (void)fclose(err);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(command_lines),
        cmocka_unit_test(values),
        cmocka_unit_test(addresses),
        cmocka_unit_test(regions),
        cmocka_unit_test(files),
        cmocka_unit_test(more_regions_than_there_may_be),
        cmocka_unit_test(long_things),
        cmocka_unit_test(a_control_character_in_an_option),
        cmocka_unit_test(output_that_cannot_be_written_is_a_failure),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
