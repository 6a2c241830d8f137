/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Goal: the medium says truly what memory it got, every byte of it is there before open returns,
 * and what cannot be had is refused with a sentence instead of a signal.
 * Method: open, map at chosen addresses, and look at the mappings with smaps and mincore.
 */
#include "common/log.h"
#include "server/media/medium.h"
#include "server/os/meminfo.h"
#include "tests/lib/test.h"

#include <errno.h>
#include <pmemd/errors.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define MIB (1ull << 20)
#define LEN (16 * MIB)

static struct log {
    unsigned steps;
    char last[PMI_LOG_LINE_BYTES];
} heard;

static void
hear(void *arg, int level, const char *line)
{
    struct log *l = arg;
    (void)level;
    if (strstr(line, " medium.step_down ") != NULL)
        l->steps++;
    (void)snprintf(l->last, sizeof l->last, "%s", line);
}

/* 2 MiB aligned address space with a margin on both sides; never given back. */
static uint8_t *
space(uint64_t len)
{
    void *p = mmap(NULL, len + 4 * MIB, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
                   -1, 0);
    assert_ptr_not_equal(p, MAP_FAILED);
    return (uint8_t *)p + 2 * MIB - (uintptr_t)p % (2 * MIB);
}

static struct medium *
open_mem(uint64_t len, bool no_hugetlb)
{
    const struct medium_config cfg = {
        .name = "demo", .medium = "mem", .len = len, .no_hugetlb = no_hugetlb};
    struct medium *m = NULL;
    char why[512] = "";
    heard = (struct log){0};
    if (medium_open(&cfg, &m, why, sizeof why) != 0)
        fail_msg("%s", why);
    return m;
}

static void
map_all(struct medium *m, uint8_t *at)
{
    for (uint64_t off = 0; off < m->len; off += 4 * MIB) /* moved in pieces, as a region does */
        assert_int_equal(m->ops->map(m, at + off, off, 4 * MIB), 0);
}

static void
is_what_it_says(const struct medium *m, const uint8_t *at)
{
    unsigned char *resident = calloc(m->len / 4096, 1);
    assert_non_null(resident);
    assert_int_equal(mincore((void *)(uintptr_t)at, m->len, resident), 0);
    for (uint64_t i = 0; i < m->len / 4096; i++)
        assert_int_equal(resident[i] & 1, 1);
    free(resident);
    const uint64_t huge = meminfo_huge_mapped(at, m->len);
    if (m->page_size == 4096)
        assert_true(huge < m->len);
    else
        assert_int_equal(huge, m->len);
    assert_int_equal(m->page_size == 4096, strstr(m->memory_kind, "2M") == NULL);
}

static void
hugetlb_comes_first(void **state)
{
    (void)state;
    if (meminfo_pool().left < LEN / (2 * MIB)) {
        (void)printf("no free huge pages on this host\n");
        skip();
    }
    struct medium *m = open_mem(LEN, false);
    uint8_t *at = space(LEN);
    assert_string_equal(m->memory_kind, "hugetlb-2M");
    assert_int_equal(heard.steps, 0);
    const uint64_t left = meminfo_pool().left;
    map_all(m, at);
    assert_int_equal(meminfo_pool().left, left); /* they were ours at open */
    is_what_it_says(m, at);
    m->ops->close(m);
    assert_int_equal(munmap(at, LEN), 0);
}

static void
each_step_down_is_logged(void **state)
{
    (void)state;
    struct medium *m = open_mem(LEN, true);
    uint8_t *at = space(LEN);
    assert_string_not_equal(m->memory_kind, "hugetlb-2M");
    assert_true(heard.steps >= 1);
    assert_non_null(strstr(heard.last, "reason=\""));
    map_all(m, at);
    is_what_it_says(m, at);
    m->ops->close(m);
    assert_int_equal(munmap(at, LEN), 0);
}

static void
memory_is_zero_and_outlives_close(void **state)
{
    (void)state;
    struct medium *m = open_mem(LEN, true);
    uint8_t *at = space(LEN);
    map_all(m, at);
    for (uint64_t i = 0; i < LEN; i += 4096)
        assert_int_equal(at[i], 0);
    memset(at, 0x5a, LEN);
    m->ops->close(m);
    assert_int_equal(at[LEN - 1], 0x5a);
    assert_int_equal(munmap(at, LEN), 0);
}

static void
closing_early_gives_back_the_rest(void **state)
{
    (void)state;
    const uint64_t before = meminfo_room().bytes;
    for (unsigned i = 0; i < 8; i++) {
        struct medium *m = open_mem(4 * LEN, true);
        uint8_t *at = space(4 * LEN);
        if (i % 2 == 1)
            assert_int_equal(m->ops->map(m, at, 0, 4 * MIB), 0);
        m->ops->close(m);
        assert_int_equal(munmap(at, 4 * LEN), 0);
    }
    const uint64_t after = meminfo_room().bytes; /* others run as well: half is a leak */
    assert_true(after > before || before - after < 16 * LEN);
}

static void
what_it_promises_is_so_at_once(void **state)
{
    (void)state;
    struct medium *m = open_mem(2 * MIB, true);
    assert_string_equal(m->name, "mem");
    assert_int_equal(m->durability, PMEMD_CLASS_VOLATILE);
    assert_true(m->pinnable);
    assert_false(m->flush_lines);
    assert_int_equal(m->ops->make_durable(m, 0, 4096, NULL, NULL), 1);
    m->ops->close(m);
}

static void
too_much_is_a_sentence(void **state)
{
    (void)state;
    static const uint64_t sizes[] = {1ull << 40, 1ull << 45, 1ull << 50};
    for (size_t i = 0; i < TEST_COUNT(sizes); i++) {
        const struct medium_config cfg = {.name = "vast", .medium = "mem", .len = sizes[i]};
        struct medium *m = NULL;
        char why[512] = "";
        if (meminfo_room().bytes > sizes[i])
            skip();
        assert_int_equal(medium_open(&cfg, &m, why, sizeof why), -ENOMEM);
        assert_null(m);
        assert_non_null(strstr(why, "vast"));
        assert_non_null(strstr(why, "available"));
        assert_non_null(strstr(why, "vm.nr_hugepages"));
    }
}

static void
others_are_refused_by_name(void **state)
{
    (void)state;
    static const struct {
        struct medium_config cfg;
        int rc;
        const char *word;
    } bad[] = {
        {{"x", "disk", NULL, LEN, false, false}, PMEMD_E_UNSUPPORTED, "'disk'"},
        {{"x", "devdax", NULL, LEN, false, false}, PMEMD_E_UNSUPPORTED, "'devdax'"},
        {{"x", "fsdax", NULL, LEN, false, false}, PMEMD_E_UNSUPPORTED, "'fsdax'"},
        {{"x", "floppy", NULL, LEN, false, false}, PMEMD_E_ARG, "'floppy'"},
        {{"x", "mem", "/dev/shm/x", LEN, false, false}, PMEMD_E_UNSUPPORTED, "path"},
        {{"x", "mem", NULL, 0, false, false}, PMEMD_E_ARG, "2M"},
        {{"x", "mem", NULL, LEN + 4096, false, false}, PMEMD_E_ARG, "2M"},
    };
    for (size_t i = 0; i < TEST_COUNT(bad); i++) {
        struct medium *m = NULL;
        char why[512] = "";
        assert_int_equal(medium_open(&bad[i].cfg, &m, why, sizeof why), bad[i].rc);
        assert_null(m);
        assert_non_null(strstr(why, bad[i].word));
    }
}

static void
scratch_is_there_and_zero(void **state)
{
    (void)state;
    static const uint64_t sizes[] = {1, 4096, MIB - 1, MIB, 3 * MIB, 8 * MIB + 1};
    for (size_t i = 0; i < TEST_COUNT(sizes); i++) {
        void *at = NULL;
        bool huge = true;
        unsigned char resident = 0;
        assert_int_equal(medium_scratch(sizes[i], &at, &huge), 0);
        uint8_t *last = (uint8_t *)at + sizes[i] - 1;
        assert_int_equal(mincore(last - (uintptr_t)last % 4096, 4096, &resident), 0);
        assert_int_equal(resident & 1, 1);
        assert_int_equal(*last, 0);
        assert_true(!huge || (uintptr_t)at % (2 * MIB) == 0);
        assert_true(!huge || sizes[i] >= MIB);
        *last = 1;
        medium_scratch_free(at, sizes[i]);
    }
    void *at = NULL;
    bool huge;
    medium_scratch_free(NULL, 4096);
    assert_int_equal(medium_scratch(0, &at, &huge), -EINVAL);
    if (meminfo_room().bytes < 1ull << 50)
        assert_int_equal(medium_scratch(1ull << 50, &at, &huge), -ENOMEM);
    assert_null(at);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hugetlb_comes_first),
        cmocka_unit_test(each_step_down_is_logged),
        cmocka_unit_test(memory_is_zero_and_outlives_close),
        cmocka_unit_test(closing_early_gives_back_the_rest),
        cmocka_unit_test(what_it_promises_is_so_at_once),
        cmocka_unit_test(too_much_is_a_sentence),
        cmocka_unit_test(others_are_refused_by_name),
        cmocka_unit_test(scratch_is_there_and_zero),
    };
    pmi_log_set_sink(hear, &heard);
    pmi_log_set_rate(0);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
