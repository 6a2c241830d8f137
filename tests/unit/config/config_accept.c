/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Goal: what is right is taken: defaults, the file, options over the file, lists; and what is
 * printed gives the same configuration again.
 * Method: files and command lines, looked up in struct config; a round trip through
 * --print-config with every key away from its default.
 */
#include "tests/unit/config/desk.h"

#include "common/log.h"
#include "server/conn/path.h"
#include "server/os/ring.h"

#include <pmemd/pmemd.h>

#define DEMO "--region name=demo,medium=mem,size=256M"

static void
defaults(void **state)
{
    (void)state;
    struct desk *d = desk_up();
    assert_int_equal(desk_run(d, DEMO), OPTIONS_SERVE);
    assert_string_equal(d->err, "");
    assert_string_equal(d->out, "");
    const struct config *c = &d->cfg;
    assert_int_equal(c->listen.count, 1);
    assert_string_equal(c->listen.text[0], "127.0.0.1:7173");
    assert_int_equal(c->shards, 1);
    assert_int_equal(c->busy_poll_us, 0);
    assert_int_equal(c->stage_max, 65536);
    assert_int_equal(c->zc_min, 32768);
    assert_int_equal(c->send, PATH_AUTO);
    assert_int_equal(c->slow_ms, 1000);
    assert_int_equal(c->handshake_ms, 5000);
    assert_int_equal(c->stall_ms, 10000);
    assert_int_equal(c->credit_requests, 128);
    assert_int_equal(c->credit_bytes, 64 << 20);
    assert_int_equal(c->credit_extents, 4096);
    assert_int_equal(c->connections, 12000);
    assert_int_equal(c->requests, 16384);
    assert_int_equal(c->send_budget, 256 << 20);
    assert_int_equal(c->rcvbuf, 4 << 20);
    assert_false(c->insecure_no_auth);
    assert_int_equal(c->disable, 0);
    assert_int_equal(c->log_level, PMI_LOG_INFO);
    assert_int_equal(c->stop_ms, 30000);
    assert_int_equal(c->region_count, 1);
    assert_string_equal(c->regions[0].name, "demo");
    assert_string_equal(c->regions[0].medium, "mem");
    assert_int_equal(c->regions[0].size, 256 << 20);
    assert_int_equal(c->regions[0].class, PMEMD_CLASS_ANY);
    desk_down(d);
}

/* The words of the table stand in the order of the enums they are. */
static void
words_are_the_enums_of_their_users(void **state)
{
    (void)state;
    static const struct {
        const char *line;
        uint32_t send, log_level, disable;
    } rows[] = {
        {"--send auto --log-level error --disable clone", PATH_AUTO, PMI_LOG_ERROR,
         RING_NO_CLONE},
        {"--send copy --log-level warn --disable report-usage", PATH_FORCE_COPY, PMI_LOG_WARN,
         RING_NO_REPORT_USAGE},
        {"--send zc --log-level info --disable sendmsg-zc-fixed", PATH_FORCE_ZC, PMI_LOG_INFO,
         RING_NO_SENDMSG_ZC_FIXED},
        {"--log-level debug --disable zc --disable fixed", PATH_AUTO, PMI_LOG_DEBUG,
         RING_NO_ZC | RING_NO_FIXED},
        {"--disable hugetlb,zc", PATH_AUTO, PMI_LOG_INFO, CONFIG_NO_HUGETLB | RING_NO_ZC},
        {"--disable=", PATH_AUTO, PMI_LOG_INFO, 0},
    };
    struct desk *d = desk_up();
    char line[256];
    for (size_t i = 0; i < TEST_COUNT(rows); i++) {
        (void)snprintf(line, sizeof line, DEMO " %s", rows[i].line);
        assert_int_equal(desk_run(d, line), OPTIONS_SERVE);
        assert_int_equal(d->cfg.send, rows[i].send);
        assert_int_equal(d->cfg.log_level, rows[i].log_level);
        assert_int_equal(d->cfg.disable, rows[i].disable);
    }
    assert_int_equal(desk_run(d, "--region name=a,size=4K,class=volatile"), OPTIONS_SERVE);
    assert_int_equal(d->cfg.regions[0].class, PMEMD_CLASS_VOLATILE);
    desk_down(d);
}

static void
a_file(void **state)
{
    (void)state;
    static const char text[] = "\xef\xbb\xbf# a comment\r\n"
                               "; another\r\n"
                               "[server]   ; the server\r\n"
                               "  listen = 127.0.0.1:1, [::1]:2   ; two\r\n"
                               "\tlisten: /run/pmemd.sock\r\n"
                               "shards=3\r\n"
                               "insecure_no_auth = on\r\n"
                               "\r\n"
                               "[region  a]\r\n"
                               "size = 1G\r\n"
                               "[server]\r\n"
                               "stop_ms = 0\r\n"
                               "[region b]\r\n"
                               "size = 4096"; /* no newline at the end */
    struct desk *d = desk_up();
    assert_int_equal(desk_try(d, text, "--config %F"), OPTIONS_SERVE);
    assert_int_equal(d->cfg.listen.count, 3);
    assert_string_equal(d->cfg.listen.text[0], "127.0.0.1:1");
    assert_string_equal(d->cfg.listen.text[1], "[::1]:2");
    assert_string_equal(d->cfg.listen.text[2], "/run/pmemd.sock");
    assert_int_equal(d->cfg.shards, 3);
    assert_true(d->cfg.insecure_no_auth);
    assert_int_equal(d->cfg.stop_ms, 0);
    assert_int_equal(d->cfg.region_count, 2);
    assert_string_equal(d->cfg.regions[0].name, "a");
    assert_true(d->cfg.regions[0].size == 1ull << 30);
    assert_int_equal(d->cfg.regions[1].size, 4096);
    desk_down(d);
}

static void
options_win_over_the_file(void **state)
{
    (void)state;
    static const char text[] = "[server]\nlisten = 127.0.0.1:1\nshards = 3\ndisable = zc\n"
                               "[region a]\nsize = 1G\nclass = volatile\n";
    struct desk *d = desk_up();
    assert_int_equal(desk_try(d, text,
                              "--shards=5 --listen 127.0.0.1:2 --region name=a,size=2G "
                              "--disable fixed --config %F --listen [::1]:3 "
                              "--region name=b,size=4K"),
                     OPTIONS_SERVE);
    assert_int_equal(d->cfg.shards, 5);
    assert_int_equal(d->cfg.listen.count, 2); /* the options' list replaces the file's */
    assert_string_equal(d->cfg.listen.text[0], "127.0.0.1:2");
    assert_string_equal(d->cfg.listen.text[1], "[::1]:3");
    assert_int_equal(d->cfg.disable, CONFIG_NO_FIXED);
    assert_int_equal(d->cfg.region_count, 2);
    assert_true(d->cfg.regions[0].size == 2ull << 30);
    assert_int_equal(d->cfg.regions[0].class, PMEMD_CLASS_VOLATILE); /* kept */
    assert_string_equal(d->cfg.regions[1].name, "b");
    assert_int_equal(desk_run(d, "--config %F --disable="), OPTIONS_SERVE);
    assert_int_equal(d->cfg.disable, 0);
    desk_down(d);
}

static void
not_loopback_when_meant(void **state)
{
    (void)state;
    struct desk *d = desk_up();
    assert_int_equal(desk_run(d, DEMO " --listen 0.0.0.0 --insecure-no-auth"), OPTIONS_SERVE);
    assert_int_equal(
        desk_run(d, DEMO " --listen 127.1.2.3 --listen [::1] --listen unix:/run/x"),
        OPTIONS_SERVE);
    desk_down(d);
}

static void
shards_follow_cpus_and_regions(void **state)
{
    (void)state;
    static const struct {
        unsigned cpus, regions, shards;
    } rows[] = {{1, 1, 1}, {8, 1, 1}, {2, 5, 2}, {8, 5, 5}, {64, 40, 16}, {0, 1, 1}};
    struct desk *d = desk_up();
    for (size_t i = 0; i < TEST_COUNT(rows); i++) {
        char why[CONFIG_WHY_BYTES], value[64];
        config_init(&d->cfg);
        for (unsigned r = 0; r < rows[i].regions; r++) {
            (void)snprintf(value, sizeof value, "name=r%u,size=4K", r);
            assert_int_equal(config_option_region(&d->cfg, value, why, sizeof why), 0);
        }
        assert_int_equal(config_finish(&d->cfg, rows[i].cpus, why, sizeof why), 0);
        assert_int_equal(d->cfg.shards, rows[i].shards);
    }
    desk_down(d);
}

static void
check_config_only_checks(void **state)
{
    (void)state;
    struct desk *d = desk_up();
    assert_int_equal(desk_run(d, "--check-config " DEMO), 0);
    assert_string_equal(d->out, "config ok: 1 region, 1 address, 1 shard\n");
    assert_int_equal(desk_run(d, "--region name=b,size=4K " DEMO
                                 " --listen 127.0.0.1,[::1] --check-config --shards 7"),
                     0);
    assert_string_equal(d->out, "config ok: 2 regions, 2 addresses, 7 shards\n");
    assert_string_equal(d->err, "");
    desk_down(d);
}

/* Print, feed back, print again: the same text and the same values. */
static void
round_trip(struct desk *d, const char *line)
{
    static char printed[sizeof d->out];
    assert_int_equal(desk_run(d, line), 0);
    memcpy(printed, d->out, sizeof printed);
    const struct config first = d->cfg;
    assert_int_equal(desk_try(d, printed, "--config %F --print-config"), 0);
    assert_string_equal(d->out, printed);
    assert_string_equal(d->err, "");
    struct config second = d->cfg;
    memcpy(second.set_by, first.set_by, sizeof first.set_by); /* who said it may differ */
    for (unsigned i = 0; i < first.region_count; i++) {
        second.regions[i].begun_by = first.regions[i].begun_by;
        memcpy(second.regions[i].set_by, first.regions[i].set_by, sizeof first.set_by);
    }
    assert_memory_equal(&second, &first, offsetof(struct config, regions));
    for (unsigned i = 0; i < first.region_count; i++) {
        assert_string_equal(second.regions[i].name, first.regions[i].name);
        assert_string_equal(second.regions[i].medium, first.regions[i].medium);
        assert_true(second.regions[i].size == first.regions[i].size);
        assert_int_equal(second.regions[i].class, first.regions[i].class);
    }
}

static void
print_config_can_be_fed_back(void **state)
{
    (void)state;
    struct desk *d = desk_up();
    round_trip(d, "--print-config " DEMO);
    assert_non_null(strstr(d->out, "[region demo]\nmedium = mem\nsize = 256M\n"));
    round_trip(d, "--print-config --region name=a,size=8T,class=volatile "
                  "--region name=Z.y_x-1,size=1000001536 --listen 0.0.0.0:1 --listen [::1] "
                  "--listen unix:/run/p.sock --shards 9 --busy-poll-us 1000 --stage-max 4K "
                  "--zc-min 12345 --send zc --slow-ms 1 --handshake-ms 2 --stall-ms 3 "
                  "--credit-requests 4 --credit-bytes 20M --credit-extents 2000 "
                  "--connections 5 --requests 1024 --send-budget 1M --rcvbuf 64K "
                  "--insecure-no-auth --disable clone,hugetlb --log-level error --stop-ms 0");
    assert_non_null(strstr(d->out, "\nzc_min = 12345\n"));
    assert_non_null(strstr(d->out, "\ndisable = clone,hugetlb\n"));
    desk_down(d);
}

static void
help_and_version(void **state)
{
    (void)state;
    struct desk *d = desk_up();
    assert_int_equal(desk_run(d, "--version"), 0);
    assert_memory_equal(d->out, "pmemd ", 6);
    assert_int_equal(desk_run(d, "-V"), 0);
    assert_int_equal(desk_run(d, "--shards nonsense --help doctor"), 0);
    assert_int_equal(desk_run(d, "-h"), 0);
#define CONFIG(section, key, type, unit, min, max, step, def, reload, words, text)             \
    if (CONFIG_##section##_##key < CONFIG_REGION_name) {                                       \
        char option[64] = "--" #key;                                                           \
        for (char *p = option; *p != '\0'; p++)                                                \
            *p = *p == '_' ? '-' : *p;                                                         \
        assert_non_null(strstr(d->out, option));                                               \
    }
#include "server/config.def"
#undef CONFIG
    for (const char *line = d->out; *line != '\0'; line += strcspn(line, "\n") + 1)
        assert_true(strcspn(line, "\n") <= 79);
    desk_down(d);
}

static char logged[16384];

static void
catch_line(void *arg, int level, const char *line)
{
    (void)arg;
    assert_int_equal(level, PMI_LOG_DEBUG);
    const size_t at = strlen(logged);
    (void)snprintf(logged + at, sizeof logged - at, "%s\n", line);
}

static void
the_effective_configuration_is_logged(void **state)
{
    (void)state;
    struct desk *d = desk_up();
    assert_int_equal(desk_run(d, DEMO " --shards 2"), OPTIONS_SERVE);
    pmi_log_set_sink(catch_line, NULL);
    config_log(&d->cfg);
    assert_string_equal(logged, "");
    pmi_log_set_level(PMI_LOG_DEBUG);
    config_log(&d->cfg);
    assert_non_null(strstr(logged, "config.server key=shards value=2 from=option"));
    assert_non_null(strstr(logged, "config.server key=rcvbuf value=4M from=default"));
    assert_non_null(strstr(logged, "config.region name=demo medium=mem bytes=268435456"));
    pmi_log_set_sink(NULL, NULL);
    desk_down(d);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults),
        cmocka_unit_test(words_are_the_enums_of_their_users),
        cmocka_unit_test(a_file),
        cmocka_unit_test(options_win_over_the_file),
        cmocka_unit_test(not_loopback_when_meant),
        cmocka_unit_test(shards_follow_cpus_and_regions),
        cmocka_unit_test(check_config_only_checks),
        cmocka_unit_test(print_config_can_be_fed_back),
        cmocka_unit_test(help_and_version),
        cmocka_unit_test(the_effective_configuration_is_logged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
