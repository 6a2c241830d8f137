/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Goal: the leaves do their sums right: sized structs, cuts, deadlines, the event ring.
 * Method: each alone, against the plainest way to say the same.
 */
#include "client/config.h"
#include "client/cut.h"
#include "client/events.h"
#include "client/heap.h"
#include "common/crc32c.h"
#include "tests/lib/test.h"

#include <stdlib.h>
#include <string.h>

static void
config__sizes(void **state)
{
    (void)state;
    struct {
        struct pmemd_config cfg;
        uint64_t future[3];
    } newer;
    struct pmemd_config got = {0};
    memset(&newer, 0xee, sizeof newer);
    pmemd_config_init(&newer.cfg, sizeof newer);
    assert_int_equal(newer.cfg.size, sizeof newer);
    assert_int_equal(newer.future[2], 0);
    assert_int_equal(config_import(&got, &newer.cfg), 0);
    assert_int_equal(got.size, sizeof got);
    assert_int_equal(got.inflight_max, 128);
    assert_int_equal(got.reconnect_ns, UINT64_MAX);
    assert_int_equal(got.zc_min, 32 << 10);
    newer.future[1] = 1; /* asks for something that this library does not know */
    assert_int_equal(config_import(&got, &newer.cfg), PMEMD_E_NEWER);
    pmemd_config_init(&newer.cfg, 8); /* smaller than any release's */
    assert_int_equal(newer.cfg.size, 0);
    assert_int_equal(config_import(&got, &newer.cfg), PMEMD_E_ARG);
    assert_int_equal(config_import(&got, NULL), 0);
}

static void
config__ranges(void **state)
{
    (void)state;
    struct pmemd_config good;
    struct pmemd_config got;
    pmemd_config_init(&good, sizeof good);
    struct pmemd_config c = good;
    c.inflight_max = 4097;
    assert_int_equal(config_import(&got, &c), PMEMD_E_ARG);
    c = good;
    c.class_min = 4;
    assert_int_equal(config_import(&got, &c), PMEMD_E_ARG);
    c = good;
    c.flags = PMEMD_CFG_CRC_ON | PMEMD_CFG_CRC_OFF;
    assert_int_equal(config_import(&got, &c), PMEMD_E_ARG);
    c.flags = PMEMD_CFG_ZC_OFF | PMEMD_CFG_ZC_ALWAYS;
    assert_int_equal(config_import(&got, &c), PMEMD_E_ARG);
    c.flags = 0x10;
    assert_int_equal(config_import(&got, &c), PMEMD_E_ARG);
    c = good;
    c.connect_timeout_ns = 0;
    assert_int_equal(config_import(&got, &c), PMEMD_E_ARG);
    c = good;
    c.inflight_max = 4096;
    assert_int_equal(config_import(&got, &c), 0);
}

static void
req__sizes(void **state)
{
    (void)state;
    struct {
        struct pmemd_req req;
        uint64_t future;
    } newer;
    struct pmemd_req tmp;
    const struct pmemd_req *got = NULL;
    pmemd_req_init(&newer.req, sizeof newer);
    newer.req.cookie = 5;
    assert_int_equal(config_import_req(&newer.req, &tmp, &got), 0);
    assert_ptr_equal(got, &tmp);
    assert_int_equal(got->cookie, 5);
    newer.future = 1;
    assert_int_equal(config_import_req(&newer.req, &tmp, &got), PMEMD_E_NEWER);
    pmemd_req_init(&newer.req, sizeof newer.req);
    assert_int_equal(config_import_req(&newer.req, &tmp, &got), 0);
    assert_ptr_equal(got, &newer.req); /* as it is: nothing is copied */
    pmemd_req_init(&newer.req, sizeof newer.req - 1);
    assert_int_equal(newer.req.size, 0);
}

static void
events__strides(void **state)
{
    (void)state;
    struct events e;
    struct {
        struct pmemd_event ev;
        uint64_t future;
    } out[3];
    assert_int_equal(events_init(&e, 4), 0);
    for (unsigned i = 0; i < 2; i++) {
        const struct pmemd_event ev = {.what = PMEMD_EV_DONE, .cookie = i, .epoch = 9};
        if (i == 0)
            assert_true(events_promise(&e));
        events_push(&e, &ev);
    }
    memset(out, 0xee, sizeof out);
    /* Larger than the library's: what it does not know is zero. */
    assert_int_equal(events_take(&e, out, sizeof out[0], 1), 1);
    assert_int_equal(out[0].ev.size, sizeof out[0].ev);
    assert_int_equal(out[0].ev.epoch, 9);
    assert_int_equal(out[0].future, 0);
    assert_int_equal(out[1].ev.size, 0xeeeeeeee);
    /* Smaller than any release's, or one that would misalign the next record. */
    assert_int_equal(events_take(&e, out, 48, 1), PMEMD_E_ARG);
    assert_int_equal(events_take(&e, out, 60, 1), PMEMD_E_ARG);
    assert_int_equal(events_take(&e, out, 1 << 20, 1), PMEMD_E_ARG);
    assert_int_equal(events_take(&e, out, sizeof out[0], 3), 1);
    assert_int_equal(out[0].ev.cookie, 1);
    assert_int_equal(events_take(&e, out, sizeof out[0], 3), 0);
    events_fini(&e);
}

static void
events__never_overflow(void **state)
{
    (void)state;
    struct events e;
    struct pmemd_event out[8];
    unsigned live = 0;
    uint64_t in = 0;
    uint64_t at = 0;
    assert_int_equal(events_init(&e, 10), 0);
    srand(5);
    for (unsigned i = 0; i < 20000; i++) {
        const int dice = rand() % 8;
        const struct pmemd_event ev = {.what = PMEMD_EV_DONE, .cookie = in};
        const struct pmemd_event link = {.what = PMEMD_EV_LOST};
        if (dice < 4 && events_promise(&e))
            live++;
        if (dice == 4)
            events_push_link(&e, &link);
        if (dice >= 4 && live > 0) {
            live--;
            events_push(&e, &ev);
            in++;
            events_waive(&e);
        }
        if (dice != 7)
            continue;
        const int n = events_take(&e, out, sizeof out[0], 8);
        for (int k = 0; k < n; k++) {
            if (out[k].what == PMEMD_EV_DONE)
                assert_int_equal(out[k].cookie, at++);
        }
    }
    assert_true(in > 1000);
    events_fini(&e);
}

enum { CUT_EXTENTS = 12, CUT_IOVS = 9, CUT_BYTES = 4000 };

static void
random_span(struct pmemd_extent *extents, struct pmemd_iov *iov, uint8_t *memory)
{
    uint64_t left = CUT_BYTES;
    for (unsigned i = 0; i < CUT_EXTENTS; i++) {
        const uint64_t len = i == CUT_EXTENTS - 1 ? left : 1 + (uint64_t)rand() % 300;
        extents[i] = (struct pmemd_extent){.off = 100000u * i + 7, .len = len};
        left -= len;
    }
    left = CUT_BYTES;
    for (unsigned i = 0; i < CUT_IOVS; i++) {
        const uint64_t len = i == CUT_IOVS - 1 ? left : (uint64_t)rand() % 400;
        iov[i] = (struct pmemd_iov){.data = memory + CUT_BYTES - left, .len = len};
        left -= len;
    }
}

/* The memory of a part is the next `part->bytes` at `at` and nothing else. */
static void
check_iov(const struct cut_span *s, const struct cut_pos *pos, const struct cut_part *part,
          const uint8_t *at)
{
    struct iovec v[CUT_IOVS];
    uint64_t covered;
    uint64_t sum = 0;
    const unsigned n = cut_iov(s, pos, part->bytes, v, CUT_IOVS, &covered);
    assert_int_equal(covered, part->bytes);
    for (unsigned i = 0; i < n; i++) {
        assert_ptr_equal(v[i].iov_base, at + sum);
        sum += v[i].iov_len;
    }
    assert_int_equal(sum, part->bytes);
}

/* Walks the extents byte by byte: the plainest way to say what a part holds. */
static void
check_extents(const struct cut_span *s, const struct cut_pos *pos, const struct cut_part *part,
              struct cut_pos *plain)
{
    struct pmemd_extent got[CUT_EXTENTS];
    cut_extents(s, pos, part, got);
    for (unsigned i = 0; i < part->extents; i++) {
        for (uint64_t b = 0; b < got[i].len; b++) {
            const struct pmemd_extent *e = &s->extents[plain->extent];
            assert_int_equal(got[i].off + b, e->off + plain->extent_off);
            if (++plain->extent_off == e->len) {
                plain->extent++;
                plain->extent_off = 0;
            }
        }
    }
}

static void
cut__matches_the_plain_way(void **state)
{
    (void)state;
    static uint8_t memory[CUT_BYTES];
    struct pmemd_extent extents[CUT_EXTENTS];
    struct pmemd_iov iov[CUT_IOVS];
    const struct cut_span s = {
        .extents = extents, .extent_count = CUT_EXTENTS, .iov = iov, .iov_count = CUT_IOVS};
    srand(7);
    for (unsigned round = 0; round < 500; round++) {
        struct cut_pos at = {0};
        struct cut_pos plain = {0};
        random_span(extents, iov, memory);
        for (uint64_t done = 0; done < CUT_BYTES;) {
            const uint64_t most = 1 + (uint64_t)rand() % 1500;
            const struct cut_part part = cut_measure(&s, &at, most, 1 + (uint32_t)rand() % 4);
            assert_in_range(part.bytes, 1, most);
            check_iov(&s, &at, &part, memory + done);
            check_extents(&s, &at, &part, &plain);
            cut_advance(&s, &at, part.bytes);
            done += part.bytes;
        }
    }
}

static void
cut__checksums_by_piece(void **state)
{
    (void)state;
    const uint64_t mib = 1 << 20;
    uint8_t *memory = malloc(4 * mib);
    for (uint64_t i = 0; i < 4 * mib; i++)
        memory[i] = (uint8_t)(i * 3 + i / 777);
    /* A part that starts inside the first extent: pieces count from where the part starts. */
    const struct pmemd_extent extents[2] = {{.off = 0, .len = 3 * mib},
                                            {.off = 9 * mib, .len = 5}};
    const struct pmemd_iov iov[2] = {{.data = memory, .len = mib + 17},
                                     {.data = memory + mib + 17, .len = 3 * mib}};
    const struct cut_span s = {
        .extents = extents, .extent_count = 2, .iov = iov, .iov_count = 2};
    struct cut_pos at = {0};
    uint32_t crcs[4] = {0};
    cut_advance(&s, &at, 100);
    const struct cut_part part = cut_measure(&s, &at, UINT64_MAX, 2);
    assert_int_equal(part.pieces, 4);
    cut_crcs(&s, &at, &part, crcs);
    assert_int_equal(crcs[0], pmi_crc32c(0, memory + 100, mib));
    assert_int_equal(crcs[1], pmi_crc32c(0, memory + 100 + mib, mib));
    assert_int_equal(crcs[2], pmi_crc32c(0, memory + 100 + 2 * mib, mib - 100));
    assert_int_equal(crcs[3], pmi_crc32c(0, memory + 3 * mib, 5));
    free(memory);
}

static void
heap__earliest_first(void **state)
{
    (void)state;
    enum { N = 200 };
    struct flow f;
    struct request *r = calloc(N, sizeof *r);
    assert_int_equal(flow_init(&f, N), 0);
    srand(3);
    for (unsigned round = 0; round < 50; round++) {
        for (unsigned i = 0; i < N; i++) {
            r[i].heap_at = DEADLINE_NONE;
            r[i].deadline_ns = (uint64_t)rand() % 100;
            heap_add(&f, &r[i]);
        }
        for (unsigned i = 0; i < N; i += 3) {
            heap_del(&f, &r[i]);
            heap_del(&f, &r[i]); /* harmless */
        }
        uint64_t last = 0;
        unsigned n = 0;
        for (; f.heap_count > 0; n++) {
            assert_true(f.heap[0]->deadline_ns >= last);
            last = f.heap[0]->deadline_ns;
            heap_del(&f, f.heap[0]);
        }
        assert_int_equal(n, N - (N + 2) / 3);
    }
    flow_fini(&f);
    free(r);
}

static void
library__says_who_it_is(void **state)
{
    (void)state;
    assert_string_equal(pmemd_version(), PMI_VERSION);
    assert_non_null(pmemd_strerror(PMEMD_E_STALE));
    assert_non_null(pmemd_strerror(-2));
    assert_non_null(pmemd_strerror(-999999));
    assert_non_null(pmemd_strerror(12345));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(config__sizes),
        cmocka_unit_test(config__ranges),
        cmocka_unit_test(req__sizes),
        cmocka_unit_test(events__strides),
        cmocka_unit_test(events__never_overflow),
        cmocka_unit_test(cut__matches_the_plain_way),
        cmocka_unit_test(cut__checksums_by_piece),
        cmocka_unit_test(heap__earliest_first),
        cmocka_unit_test(library__says_who_it_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
