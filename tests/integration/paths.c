/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Goal: every way bytes can leave gives the same bytes, and the server says which one it took and
 * why: each send policy, and each feature switched off as if the kernel had none.
 * Method: the same round trips, held against the counters, under every policy times every row.
 */
#include "tests/lib/bench.h"
#include "tests/lib/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROUNDS 24u

static const char *const policies[] = {"send=auto", "send=copy", "send=zc"};
static const char *const rows[] = {
    "",
    "clone",
    "report-usage",
    "sendmsg-zc-fixed",
    "zc",
    "fixed",
    "hugetlb",
    "clone,report-usage,sendmsg-zc-fixed,zc,fixed,hugetlb",
    "clone,hugetlb",
    "report-usage,sendmsg-zc-fixed",
};

static bool
has(const char *list, const char *word)
{
    const size_t n = strlen(word);
    for (const char *at = list; *at != '\0';) {
        const size_t len = strcspn(at, ",");
        if (len == n && strncmp(at, word, n) == 0)
            return true;
        at += len + (at[len] == ',');
    }
    return false;
}

/* Sizes on both sides of zc_min and of a slot border. */
static void
trips(struct pmemd_client *c, uint8_t *data, uint8_t *back)
{
    static const uint64_t lens[] = {64, 32767, 32768, 65536, 300000, 3u << 20};
    for (unsigned i = 0; i < ROUNDS; i++) {
        const uint64_t len = lens[i % TEST_COUNT(lens)];
        const uint64_t off = BENCH_SLOT_BYTES * (1 + i % 6) - (i % 3) * len / 2;
        bench_fill(data, len, i);
        assert_int_equal(pmemd_write(c, off, data, len, 0), 0);
        memset(back, 0, len);
        assert_int_equal(pmemd_read(c, off, back, len), 0);
        assert_memory_equal(back, data, len);
    }
}

/* Replies of several extents, in one slot and over borders, many at a time. */
static void
many_at_once(struct pmemd_client *c, uint8_t *data, uint8_t *back)
{
    enum { N = 16, PIECE = 40000, PIECES = 5 };
    struct pmemd_event done[N];
    bench_fill(data, BENCH_REGION_BYTES, 77);
    assert_int_equal(pmemd_write(c, 0, data, BENCH_REGION_BYTES, 0), 0);
    for (unsigned i = 0; i < N; i++) {
        struct pmemd_extent e[PIECES];
        const struct pmemd_iov v = {.data = back + (size_t)i * PIECES * PIECE,
                                    .len = (uint64_t)PIECES * PIECE};
        struct pmemd_req req;
        for (unsigned k = 0; k < PIECES; k++)
            e[k] = (struct pmemd_extent){.off = (i * 900001ull + k * 2700003ull) %
                                                (BENCH_REGION_BYTES - PIECE),
                                         .len = PIECE};
        pmemd_req_init(&req, sizeof req);
        req.verb = PMEMD_VERB_READ;
        req.extents = e;
        req.extent_count = PIECES;
        req.iov = &v;
        req.iov_count = 1;
        assert_int_equal(pmemd_submit(c, &req), 0);
    }
    (void)bench_reap(c, done, N);
    for (unsigned i = 0; i < N; i++) {
        assert_int_equal(done[i].err, 0);
        for (unsigned k = 0; k < PIECES; k++) {
            const uint64_t off =
                (i * 900001ull + k * 2700003ull) % (BENCH_REGION_BYTES - PIECE);
            assert_memory_equal(back + ((size_t)i * PIECES + k) * PIECE, data + off, PIECE);
        }
    }
}

/* What must be said about the path. */
static void
check_story(const struct bench *b, const struct pmemd_info *info, const char *policy,
            const char *row, bool tcp)
{
    const uint64_t zc = bench_stat(b, "bytes_zc") + bench_stat(b, "bytes_unknown");
    const bool copies = strcmp(policy, "send=copy") == 0 || has(row, "zc") || !tcp;
    if (copies) {
        assert_int_equal(zc, 0);
        assert_true(info->why_copied[0] != '\0');
    }
    if (has(row, "report-usage") && strcmp(policy, "send=zc") == 0 && !copies)
        assert_true(bench_stat(b, "bytes_unknown") > 0); /* and never called zero-copy */
    if (has(row, "report-usage"))
        assert_int_equal(bench_stat(b, "bytes_zc"), 0);
    if (has(row, "fixed"))
        assert_int_equal(info->fixed_buffers, 0);
    if (has(row, "hugetlb"))
        assert_string_not_equal(info->memory_kind, "hugetlb-2M");
    assert_int_equal(bench_stat(b, "bytes_out"), bench_stat(b, "bytes_copied") +
                                                     bench_stat(b, "bytes_zc") +
                                                     bench_stat(b, "bytes_unknown"));
}

static void
one(const char *policy, const char *row, bool unix_socket, uint32_t flags)
{
    char disable[80];
    const char *options[] = {policy, NULL, NULL};
    const struct bench_setup setup = {
        .options = options, .small_slots = true, .unix_socket = unix_socket};
    struct pmemd_config cfg = bench_config();
    struct pmemd_info info;
    uint8_t *const data = malloc(BENCH_REGION_BYTES);
    uint8_t *const back = malloc(BENCH_REGION_BYTES);
    assert_non_null(data);
    assert_non_null(back);
    (void)snprintf(disable, sizeof disable, "disable=%s", row);
    if (row[0] != '\0')
        options[1] = disable;
    cfg.flags = flags;
    struct bench *const b = bench_up(&setup);
    struct pmemd_client *const c = bench_client(b, "demo", &cfg);
    trips(c, data, back);
    many_at_once(c, data, back);
    assert_int_equal(pmemd_stat(c, &info, sizeof info), 0);
    bench_expect(b, "pins", 0);
    check_story(b, &info, policy, row, !unix_socket);
    print_message("%-10s %-45s %-10s %s: zc %5.1f copied %5.1f unknown %5.1f MB  %s\n", policy,
                  row, info.memory_kind, unix_socket ? "unix" : "tcp ",
                  (double)bench_stat(b, "bytes_zc") / 1e6,
                  (double)bench_stat(b, "bytes_copied") / 1e6,
                  (double)bench_stat(b, "bytes_unknown") / 1e6, info.why_copied);
    pmemd_close(c);
    bench_expect(b, "conns_open", 0);
    bench_down(b);
    free(data);
    free(back);
}

static void
every_policy_and_row(void **state)
{
    (void)state;
    for (size_t p = 0; p < TEST_COUNT(policies); p++)
        for (size_t r = 0; r < TEST_COUNT(rows); r++)
            one(policies[p], rows[r], false, PMEMD_CFG_CRC_OFF);
}

static void
every_policy_with_checksums(void **state)
{
    (void)state;
    for (size_t p = 0; p < TEST_COUNT(policies); p++)
        one(policies[p], "", false, PMEMD_CFG_CRC_ON);
}

static void
unix_sockets_copy(void **state)
{
    (void)state;
    for (size_t p = 0; p < TEST_COUNT(policies); p++)
        one(policies[p], "", true, 0);
}

/* The client's own zero-copy sends, kept on though this path copies. */
static void
client_zero_copy(void **state)
{
    (void)state;
    one("send=copy", "", false, PMEMD_CFG_ZC_ALWAYS | PMEMD_CFG_CRC_OFF);
    one("send=zc", "", false, PMEMD_CFG_ZC_ALWAYS | PMEMD_CFG_CRC_ON);
    one("send=auto", "", false, PMEMD_CFG_ZC_OFF);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_policy_and_row),
        cmocka_unit_test(every_policy_with_checksums),
        cmocka_unit_test(unix_sockets_copy),
        cmocka_unit_test(client_zero_copy),
    };
    bench_need();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
