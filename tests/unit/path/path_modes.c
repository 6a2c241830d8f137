/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Goal: zero-copy is used where the kernel says that it is one, left where it is not, tried again
 * now and then, and the reason is always at hand.
 * Method: every transition by hand, on a clock of our own; a random run that checks the promises
 * of the header (a probe is small, a report belongs to its probe).
 */
#include "tests/lib/test.h"

#include "server/conn/path.h"

#include <string.h>

#define KIB 1024ull
#define S 1000000000ull

static const struct path_config usual = {
    .policy = PATH_AUTO,
    .is_tcp = true,
    .has_zc = true,
    .has_report = true,
    .zc_min = 32 * KIB,
};

static void
assert_says(const struct path *p, enum path_mode mode, const char *text)
{
    assert_int_equal(p->mode, mode);
    assert_string_equal(path_why_text(p), text);
}

/* One send that the kernel reports about at once. Returns whether the mode changed. */
static bool
send_one(struct path *p, bool copied, uint64_t now_ns)
{
    assert_true(path_pick(p, 1024 * KIB, now_ns));
    return path_report(p, false, copied, 1000, now_ns);
}

static void
promoted(struct path *p, const struct path_config *cfg, uint64_t now_ns)
{
    path_init(p, cfg, now_ns);
    for (unsigned i = 0; i < PATH_PROBE_GOOD; i++)
        assert_int_equal(send_one(p, false, now_ns), i == PATH_PROBE_GOOD - 1);
    assert_says(p, PATH_ZC, "");
}

static void
what_cannot_be_zero_copy_never_probes(void **state)
{
    (void)state;
    static const struct {
        enum path_policy policy;
        bool is_tcp, is_loopback, has_zc, has_report;
        const char *text;
    } rows[] = {
        {PATH_AUTO, false, true, true, true, "Unix sockets have no zero-copy send"},
        {PATH_FORCE_ZC, false, true, true, true, "Unix sockets have no zero-copy send"},
        {PATH_AUTO, true, false, false, false, "this kernel has no zero-copy send"},
        {PATH_FORCE_ZC, true, false, false, false, "this kernel has no zero-copy send"},
        {PATH_FORCE_COPY, true, false, true, true, "switched off in the configuration"},
        {PATH_AUTO, true, true, true, false,
         "a loopback peer, and this kernel does not report copies"},
    };
    for (size_t i = 0; i < TEST_COUNT(rows); i++) {
        const struct path_config cfg = {rows[i].policy, rows[i].is_tcp,     rows[i].is_loopback,
                                        rows[i].has_zc, rows[i].has_report, 0};
        struct path p;
        path_init(&p, &cfg, 5);
        assert_says(&p, PATH_COPY, rows[i].text);
        assert_false(path_pick(&p, UINT64_MAX, 5));
        assert_false(path_pick(&p, UINT64_MAX, UINT64_MAX));
        assert_false(path_may_fix(&p));
        assert_int_equal(p.mode, PATH_COPY);
    }
}

static void
a_probe_is_small_unfixed_and_promotes(void **state)
{
    (void)state;
    struct path p;
    path_init(&p, &usual, 0);
    assert_says(&p, PATH_PROBE, "not decided yet");
    assert_false(path_may_fix(&p));
    assert_false(path_pick(&p, 32 * KIB - 1, 0));
    for (unsigned i = 0; i < PATH_PROBE_GOOD; i++)
        assert_true(path_pick(&p, 32 * KIB, 0));
    assert_false(path_pick(&p, 32 * KIB, 0)); /* enough in flight */
    for (unsigned i = 0; i < PATH_PROBE_GOOD; i++) {
        assert_false(path_may_fix(&p));
        assert_int_equal(path_report(&p, false, false, 10, 0), i == PATH_PROBE_GOOD - 1);
    }
    assert_says(&p, PATH_ZC, "");
    assert_true(path_may_fix(&p));
    for (unsigned i = 0; i < 1000; i++)
        assert_true(path_pick(&p, 32 * KIB, 0));
    assert_false(path_pick(&p, 32 * KIB - 1, 0)); /* small ones are cheaper copied */
}

static void
copied_reports_demote_a_probe(void **state)
{
    (void)state;
    struct path p;
    path_init(&p, &usual, 0);
    assert_false(send_one(&p, true, 0));
    assert_false(send_one(&p, false, 0)); /* mixed: two of them decide all the same */
    assert_true(send_one(&p, true, 0));
    assert_says(&p, PATH_COPY, "the kernel reported that it copied");
    assert_false(path_pick(&p, 1024 * KIB, PATH_RETRY_MIN_NS - 1));
}

static void
a_failed_probe_counts_as_nothing(void **state)
{
    (void)state;
    struct path p;
    path_init(&p, &usual, 0);
    for (unsigned i = 0; i < 100; i++) {
        assert_true(path_pick(&p, 1024 * KIB, 0));
        assert_false(path_report(&p, true, true, 10 * S, 0));
    }
    assert_int_equal(p.mode, PATH_PROBE);
    assert_false(send_one(&p, true, 0));
    assert_true(send_one(&p, true, 0));
}

static void
probes_again_after_waits_that_double(void **state)
{
    (void)state;
    struct path p;
    uint64_t now_ns = 7 * S;
    static const uint64_t waits_s[] = {1, 2, 4, 8, 16, 32, 60, 60, 60};
    path_init(&p, &usual, now_ns);
    for (size_t i = 0; i < TEST_COUNT(waits_s); i++) {
        assert_false(send_one(&p, true, now_ns));
        assert_true(send_one(&p, true, now_ns));
        assert_false(path_pick(&p, 1024 * KIB, now_ns + waits_s[i] * S - 1));
        now_ns += waits_s[i] * S;
        assert_false(path_pick(&p, 4 * KIB, now_ns)); /* a small one starts no probe */
        assert_int_equal(p.mode, PATH_COPY);
        assert_true(path_pick(&p, 1024 * KIB, now_ns));
        assert_says(&p, PATH_PROBE, "not decided yet");
        assert_false(path_report(&p, true, false, 0, now_ns));
    }
}

static void
waits_for_old_reports_before_it_probes_again(void **state)
{
    (void)state;
    struct path p;
    promoted(&p, &usual, 0);
    for (unsigned i = 0; i < 5; i++)
        assert_true(path_pick(&p, 1024 * KIB, 0));
    assert_false(path_report(&p, false, true, 10, 0));
    assert_true(path_report(&p, false, true, 10, 0));
    assert_false(path_pick(&p, 1024 * KIB, 2 * S));
    for (unsigned i = 0; i < 3; i++) { /* about sends of before: they say nothing new */
        assert_false(path_pick(&p, 1024 * KIB, 2 * S));
        assert_false(path_report(&p, false, i % 2 == 0, 10, 2 * S));
    }
    assert_true(path_pick(&p, 1024 * KIB, 2 * S));
    assert_int_equal(p.mode, PATH_PROBE);
}

static void
late_notifications_demote(void **state)
{
    (void)state;
    struct path p;
    promoted(&p, &usual, 0);
    assert_true(path_pick(&p, 1024 * KIB, 0));
    assert_false(path_report(&p, false, false, PATH_LATE_NS, 0));
    assert_true(path_pick(&p, 1024 * KIB, 0));
    assert_true(path_report(&p, false, false, PATH_LATE_NS + 1, 0));
    assert_says(&p, PATH_COPY, "the kernel held the bytes for too long");
    assert_true(path_pick(&p, 1024 * KIB, S)); /* probes again, and is late again */
    assert_true(path_report(&p, false, false, PATH_LATE_NS + 1, 4 * S));
    assert_false(path_pick(&p, 1024 * KIB, 6 * S - 1));
    assert_true(path_pick(&p, 1024 * KIB, 6 * S));
}

static void
a_single_copy_does_not_demote_a_promoted_path(void **state)
{
    (void)state;
    struct path p;
    promoted(&p, &usual, 0);
    for (unsigned i = 0; i < 20; i++)
        assert_false(send_one(&p, i % 2 == 0, 0));
    assert_int_equal(p.mode, PATH_ZC);
    assert_false(send_one(&p, true, 0));
    assert_true(send_one(&p, true, 0));
    assert_says(&p, PATH_COPY, "the kernel reported that it copied");
}

static void
a_flapping_path_waits_longer_until_it_did_well_for_a_minute(void **state)
{
    (void)state;
    struct path p;
    uint64_t now_ns = 0;
    promoted(&p, &usual, now_ns);
    for (unsigned i = 0; i < 3; i++) { /* waits of 1, 2, 4 s */
        assert_false(send_one(&p, true, now_ns));
        assert_true(send_one(&p, true, now_ns));
        assert_true(p.retry_at_ns == now_ns + (S << i));
        now_ns = p.retry_at_ns;
        for (unsigned k = 0; k < PATH_PROBE_GOOD; k++)
            (void)send_one(&p, false, now_ns);
        assert_int_equal(p.mode, PATH_ZC);
    }
    now_ns += PATH_RETRY_MAX_NS;
    assert_false(send_one(&p, true, now_ns));
    assert_true(send_one(&p, true, now_ns));
    assert_true(p.retry_at_ns == now_ns + PATH_RETRY_MIN_NS);
}

static void
forced_zero_copy_stays(void **state)
{
    (void)state;
    struct path p;
    struct path_config cfg = usual;
    cfg.policy = PATH_FORCE_ZC;
    cfg.is_loopback = true;
    cfg.has_report = false;
    path_init(&p, &cfg, 0);
    assert_says(&p, PATH_ZC, "");
    assert_true(path_may_fix(&p));
    for (unsigned i = 0; i < 10; i++) {
        assert_true(path_pick(&p, 1024 * KIB, 0));
        assert_false(path_report(&p, false, true, 10 * PATH_LATE_NS, 0));
    }
    assert_false(path_pick(&p, 1, 0)); /* zc_min holds all the same */
    assert_says(&p, PATH_ZC, "");
}

/* Without reports "not copied" means nothing: zero-copy, but never out of fixed buffers. */
static void
without_reports_nothing_is_fixed(void **state)
{
    (void)state;
    struct path p;
    struct path_config cfg = usual;
    cfg.has_report = false;
    promoted(&p, &cfg, 0);
    assert_false(path_may_fix(&p));
    assert_true(path_pick(&p, 1024 * KIB, 0));
}

static void
modes_have_names(void **state)
{
    (void)state;
    assert_string_equal(path_mode_name(PATH_COPY), "copy");
    assert_string_equal(path_mode_name(PATH_PROBE), "probe");
    assert_string_equal(path_mode_name(PATH_ZC), "zero-copy");
}

static void
random_reports_keep_the_promises(void **state)
{
    (void)state;
    struct path p;
    uint64_t seed = 42, now_ns = 0, out = 0;
    path_init(&p, &usual, now_ns);
    for (unsigned i = 0; i < 200000; i++) {
        seed = seed * 6364136223846793005ull + 1442695040888963407ull;
        const uint64_t dice = seed >> 33;
        now_ns += dice % 50000000;
        if (dice % 3 != 0 || out == 0) {
            out += path_pick(&p, 1024 * KIB, now_ns);
        } else {
            const enum path_mode before = p.mode;
            const bool changed = path_report(&p, dice % 7 == 0, dice % 5 == 0,
                                             dice % 101 == 0 ? 3 * S : 1000, now_ns);
            assert_int_equal(changed, before != p.mode);
            out--;
        }
        assert_int_equal(p.sends_out, out);
        assert_true(p.mode != PATH_PROBE || out <= PATH_PROBE_GOOD);
        assert_int_equal(p.mode == PATH_ZC, path_may_fix(&p));
        assert_int_equal(p.mode == PATH_ZC, path_why_text(&p)[0] == '\0');
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_cannot_be_zero_copy_never_probes),
        cmocka_unit_test(a_probe_is_small_unfixed_and_promotes),
        cmocka_unit_test(copied_reports_demote_a_probe),
        cmocka_unit_test(a_failed_probe_counts_as_nothing),
        cmocka_unit_test(probes_again_after_waits_that_double),
        cmocka_unit_test(waits_for_old_reports_before_it_probes_again),
        cmocka_unit_test(late_notifications_demote),
        cmocka_unit_test(a_single_copy_does_not_demote_a_promoted_path),
        cmocka_unit_test(a_flapping_path_waits_longer_until_it_did_well_for_a_minute),
        cmocka_unit_test(forced_zero_copy_stays),
        cmocka_unit_test(without_reports_nothing_is_fixed),
        cmocka_unit_test(modes_have_names),
        cmocka_unit_test(random_reports_keep_the_promises),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
