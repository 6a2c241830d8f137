/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Goal: one event is one well-formed line, given to one sink at a time, and no event can flood.
 * Method: a sink that keeps the lines, a clock that stands still until told, and threads.
 */
#include "tests/lib/test.h"

#include "common/clock.h"
#include "common/log.h"
#include "tests/lib/death.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#define LINES_MAX 600
#define UTC "2026-11-23T02:53:10.123Z"
#define THREADS 4
#define LINES_PER_THREAD 500

struct sink {
    unsigned count;
    int level;                         /* of the last line */
    char lines[8][PMI_LOG_LINE_BYTES]; /* the last eight */
    int inside;                        /* plain on purpose: the log promises one at a time */
    unsigned overlaps;
};

static uint64_t now_ns;
static struct sink sink;

static uint64_t
fake_now(void *arg)
{
    (void)arg;
    return now_ns;
}

static uint64_t
fake_realtime(void *arg)
{
    (void)arg;
    return UINT64_C(1795402390123456789);
}

static void
keep(void *arg, int level, const char *line)
{
    struct sink *s = arg;
    s->overlaps += s->inside != 0;
    s->inside = 1;
    s->level = level;
    (void)snprintf(s->lines[s->count % 8], sizeof s->lines[0], "%s", line);
    s->count++;
    s->inside = 0;
}

static const char *
last(void)
{
    return sink.count == 0 ? "" : sink.lines[(sink.count - 1) % 8];
}

static int
set_up(void **state)
{
    (void)state;
    static const struct pmi_clock fake = {fake_now, fake_realtime, NULL};
    now_ns = 1000 * PMI_NS_PER_S;
    pmi_clock_set(&fake);
    memset(&sink, 0, sizeof sink);
    pmi_log_forked(); /* as new */
    pmi_log_set_sink(keep, &sink);
    return 0;
}

static int
tear_down(void **state)
{
    (void)state;
    pmi_log_forked();
    pmi_clock_set(NULL);
    return 0;
}

static void
line_has_its_parts(void **state)
{
    (void)state;
    pmi_log(PMI_LOG_INFO, "conn.open", "peer=%s port=%d", "127.0.0.1", 7173);
    assert_string_equal(last(), UTC " info conn.open peer=127.0.0.1 port=7173");
    assert_int_equal(sink.level, PMI_LOG_INFO);
    pmi_log(PMI_LOG_ERROR, "media.lost", NULL);
    assert_string_equal(last(), UTC " error media.lost");
    assert_int_equal(sink.level, PMI_LOG_ERROR);
    pmi_log(PMI_LOG_WARN, "media.slow", "ms=%d", 5);
    assert_string_equal(last(), UTC " warn media.slow ms=5");
}

static void
levels_filter(void **state)
{
    (void)state;
    pmi_log(PMI_LOG_DEBUG, "a.b", NULL);
    assert_int_equal(sink.count, 0);
    assert_false(pmi_log_enabled(PMI_LOG_DEBUG));
    assert_true(pmi_log_enabled(PMI_LOG_INFO));
    pmi_log_set_level(PMI_LOG_DEBUG);
    pmi_log(PMI_LOG_DEBUG, "a.b", NULL);
    assert_string_equal(last(), UTC " debug a.b");
    pmi_log_set_level(PMI_LOG_ERROR);
    pmi_log(PMI_LOG_WARN, "a.b", NULL);
    assert_int_equal(sink.count, 1);
    pmi_log(PMI_LOG_ERROR, "a.b", NULL);
    assert_int_equal(sink.count, 2);
}

static void
no_sink_means_silence(void **state)
{
    (void)state;
    pmi_log_set_sink(NULL, NULL);
    assert_false(pmi_log_enabled(PMI_LOG_ERROR));
    pmi_log(PMI_LOG_ERROR, "a.b", NULL);
    pmi_log_tick();
    assert_int_equal(sink.count, 0);
    pmi_log_set_sink(keep, &sink);
    assert_true(pmi_log_enabled(PMI_LOG_ERROR));
}

static void
level_names_round_trip(void **state)
{
    (void)state;
    static const char *const names[] = {"error", "warn", "info", "debug"};
    for (unsigned i = 0; i < TEST_COUNT(names); i++) {
        enum pmi_log_level level = PMI_LOG_ERROR;
        assert_string_equal(pmi_log_level_name((enum pmi_log_level)i), names[i]);
        assert_int_equal(pmi_log_level_parse(names[i], &level), 0);
        assert_int_equal(level, i);
    }
    enum pmi_log_level level = PMI_LOG_WARN;
    assert_int_equal(pmi_log_level_parse("loud", &level), -EINVAL);
    assert_int_equal(pmi_log_level_parse("", &level), -EINVAL);
    assert_int_equal(level, PMI_LOG_WARN);
}

static void
control_characters_do_not_pass(void **state)
{
    (void)state;
    pmi_log(PMI_LOG_INFO, "a.b", "x=%s", "1\n2\r3\x1b[0m\x7f");
    assert_string_equal(last(), UTC " info a.b x=1?2?3?[0m?");
}

static void
long_line_is_cut(void **state)
{
    (void)state;
    char filler[PMI_LOG_LINE_BYTES * 2];
    memset(filler, 'x', sizeof filler - 1);
    filler[sizeof filler - 1] = '\0';
    pmi_log(PMI_LOG_INFO, "a.b", "x=%s", filler);
    assert_int_equal(strlen(last()), PMI_LOG_LINE_BYTES - 1);
    assert_string_equal(last() + PMI_LOG_LINE_BYTES - 5, "x...");
    const size_t prefix = strlen(UTC " info a.b x=");
    filler[PMI_LOG_LINE_BYTES - 1 - prefix] = '\0'; /* fits to the byte */
    pmi_log(PMI_LOG_INFO, "a.b", "x=%s", filler);
    assert_int_equal(strlen(last()), PMI_LOG_LINE_BYTES - 1);
    assert_string_equal(last() + PMI_LOG_LINE_BYTES - 5, "xxxx");
    pmi_log(PMI_LOG_INFO, "a.b", "x=%sy", filler); /* one byte too many */
    assert_int_equal(strlen(last()), PMI_LOG_LINE_BYTES - 1);
    assert_string_equal(last() + PMI_LOG_LINE_BYTES - 5, "x...");
}

static void
flood_is_limited_by_event(void **state)
{
    (void)state;
    for (unsigned i = 0; i < PMI_LOG_RATE_DEFAULT + 30; i++)
        pmi_log(PMI_LOG_INFO, "peer.bad", "i=%u", i);
    assert_int_equal(sink.count, PMI_LOG_RATE_DEFAULT);
    pmi_log(PMI_LOG_INFO, "peer.good", NULL); /* another event has its own limit */
    assert_int_equal(sink.count, PMI_LOG_RATE_DEFAULT + 1);
    now_ns += PMI_NS_PER_S - 1;
    pmi_log(PMI_LOG_INFO, "peer.bad", "i=%u", 1000U);
    assert_int_equal(sink.count, PMI_LOG_RATE_DEFAULT + 1);
    now_ns += 1;
    pmi_log(PMI_LOG_INFO, "peer.bad", "i=%u", 1001U);
    assert_string_equal(last(), UTC " info peer.bad suppressed=31 i=1001");
    pmi_log(PMI_LOG_INFO, "peer.bad", "i=%u", 1002U);
    assert_string_equal(last(), UTC " info peer.bad i=1002");
}

static void
tick_reports_events_gone_quiet(void **state)
{
    (void)state;
    pmi_log_set_rate(2);
    for (unsigned i = 0; i < 5; i++)
        pmi_log(PMI_LOG_INFO, "peer.bad", NULL);
    pmi_log_tick(); /* its second is not over */
    assert_int_equal(sink.count, 2);
    now_ns += PMI_NS_PER_S;
    pmi_log_tick();
    assert_int_equal(sink.count, 3);
    assert_string_equal(last(), UTC " warn log.suppressed event=peer.bad count=3");
    pmi_log_tick();
    assert_int_equal(sink.count, 3);
}

static void
limit_can_be_lifted(void **state)
{
    (void)state;
    pmi_log_set_rate(0);
    for (unsigned i = 0; i < LINES_MAX; i++)
        pmi_log(PMI_LOG_INFO, "peer.bad", NULL);
    assert_int_equal(sink.count, LINES_MAX);
}

static void
more_names_than_the_table_holds(void **state)
{
    (void)state;
    static char names[LINES_MAX][16];
    for (unsigned i = 0; i < LINES_MAX; i++) {
        (void)snprintf(names[i], sizeof names[i], "event.%u", i);
        pmi_log(PMI_LOG_INFO, names[i], NULL);
    }
    assert_int_equal(sink.count, LINES_MAX); /* some share a limit, none is lost this soon */
}

static void
names_do_not_share_while_there_is_room(void **state)
{
    (void)state;
    static char names[60][16];
    pmi_log_set_rate(1);
    for (unsigned i = 0; i < TEST_COUNT(names); i++) {
        (void)snprintf(names[i], sizeof names[i], "event.%u", i);
        pmi_log(PMI_LOG_INFO, names[i], NULL);
    }
    assert_int_equal(sink.count, TEST_COUNT(names));
}

static void
equal_names_share_wherever_they_are(void **state)
{
    (void)state;
    static const char one[] = "a.b", other[] = "a.b";
    pmi_log_set_rate(1);
    pmi_log(PMI_LOG_INFO, one, NULL);
    pmi_log(PMI_LOG_INFO, other, NULL);
    assert_int_equal(sink.count, 1);
}

static void
sink_that_logs(void *arg, int level, const char *line)
{
    keep(arg, level, line);
    pmi_log(PMI_LOG_ERROR, "from.inside", NULL); /* dropped, not a deadlock */
    pmi_log_tick();
}

static void
sink_that_leaves(void *arg, int level, const char *line)
{
    keep(arg, level, line);
    pmi_log_set_sink(NULL, NULL);
}

static void
sink_may_call_back(void **state)
{
    (void)state;
    pmi_log_set_sink(sink_that_logs, &sink);
    pmi_log(PMI_LOG_INFO, "a.b", NULL);
    assert_int_equal(sink.count, 1);
    pmi_log_set_sink(sink_that_leaves, &sink);
    pmi_log(PMI_LOG_INFO, "a.b", NULL);
    pmi_log(PMI_LOG_INFO, "a.b", NULL);
    assert_int_equal(sink.count, 2);
}

static void *
shout(void *arg)
{
    const int *id = arg;
    for (unsigned i = 0; i < LINES_PER_THREAD; i++)
        pmi_log(PMI_LOG_INFO, "thread.line", "id=%d i=%u", *id, i);
    return NULL;
}

static void
threads_take_turns(void **state)
{
    (void)state;
    pthread_t threads[THREADS];
    int ids[THREADS];
    pmi_log_set_rate(0);
    for (int i = 0; i < THREADS; i++) {
        ids[i] = i;
        assert_int_equal(pthread_create(&threads[i], NULL, shout, &ids[i]), 0);
    }
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    assert_int_equal(sink.count, THREADS * LINES_PER_THREAD);
    assert_int_equal(sink.overlaps, 0);
}

static void
log_to_stderr(void *arg)
{
    (void)arg;
    pmi_log_set_sink(pmi_log_stderr, NULL);
    pmi_log(PMI_LOG_INFO, "a.b", "x=%d", 1);
    pmi_log(PMI_LOG_INFO, "a.b", "x=%d", 2);
}

static void
stderr_sink_ends_its_lines(void **state)
{
    (void)state;
    char text[DEATH_TEXT_BYTES];
    assert_false(death_aborts(log_to_stderr, NULL, text));
    assert_string_equal(text, UTC " info a.b x=1\n" UTC " info a.b x=2\n");
}

static void
fork_inside_sink(void *arg)
{
    (void)arg;
    pmi_log_forked();
    pmi_log(PMI_LOG_ERROR, "a.b", NULL); /* no sink: nothing */
    log_to_stderr(NULL);
}

static void
sink_that_forks(void *arg, int level, const char *line)
{
    char *text = arg;
    (void)level;
    (void)line;
    (void)death_aborts(fork_inside_sink, NULL, text);
}

static void
child_of_a_fork_starts_anew(void **state)
{
    (void)state;
    static char text[DEATH_TEXT_BYTES];
    pmi_log_set_sink(sink_that_forks, text); /* the lock is held at that moment */
    pmi_log(PMI_LOG_INFO, "a.b", NULL);
    assert_string_equal(text, UTC " info a.b x=1\n" UTC " info a.b x=2\n");
}

#define LOG_TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        LOG_TEST(line_has_its_parts),
        LOG_TEST(levels_filter),
        LOG_TEST(no_sink_means_silence),
        LOG_TEST(level_names_round_trip),
        LOG_TEST(control_characters_do_not_pass),
        LOG_TEST(long_line_is_cut),
        LOG_TEST(flood_is_limited_by_event),
        LOG_TEST(tick_reports_events_gone_quiet),
        LOG_TEST(limit_can_be_lifted),
        LOG_TEST(more_names_than_the_table_holds),
        LOG_TEST(names_do_not_share_while_there_is_room),
        LOG_TEST(equal_names_share_wherever_they_are),
        LOG_TEST(sink_may_call_back),
        LOG_TEST(threads_take_turns),
        LOG_TEST(stderr_sink_ends_its_lines),
        LOG_TEST(child_of_a_fork_starts_anew),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
