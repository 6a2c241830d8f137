/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Goal: no two owners of a cell, cells are low in their own slot's arena, and a cell given back
 * twice, or to the wrong slot, is caught.
 * Method: take all, give back in another order, take again.
 */
#include "bed.h"

#include "tests/lib/death.h"

#include <stdlib.h>
#include <string.h>

static int
up(void **state)
{
    const struct ring_caps caps = bed_caps(2);
    struct region *rg = bed_region(&caps, 4 * MIB);
    *state = rg;
    return 0;
}

static int
down(void **state)
{
    region_close(*state);
    return 0;
}

/* All cells of a slot, each marked with its number; then none is left. */
static void
take_all(struct region *rg, uint32_t slot, uint8_t *cells[static REGION_CELLS])
{
    for (uint32_t i = 0; i < REGION_CELLS; i++) {
        cells[i] = region_cell_get(rg, slot);
        assert_non_null(cells[i]);
        memset(cells[i], (int)(i * 7 + slot), REGION_CELL_BYTES);
    }
    assert_null(region_cell_get(rg, slot));
}

static void
cells_are_unique(void **state)
{
    struct region *rg = *state;
    uint8_t *cells[2][REGION_CELLS];
    uint8_t want[REGION_CELL_BYTES];
    if (rg->arenas->page_size < rg->medium->page_size)
        skip();
    for (uint32_t slot = 0; slot < 2; slot++)
        take_all(rg, slot, cells[slot]);
    for (uint32_t slot = 0; slot < 2; slot++)
        for (uint32_t i = 0; i < REGION_CELLS; i++) {
            memset(want, (int)(i * 7 + slot), sizeof want);
            assert_memory_equal(cells[slot][i], want, sizeof want);
            const uint8_t *arena = rg->base + slot * rg->slot_bytes;
            assert_true(cells[slot][i] >= arena);
            assert_true(cells[slot][i] < arena + (size_t)REGION_CELLS * REGION_CELL_BYTES);
            assert_int_equal((uintptr_t)cells[slot][i] % REGION_CELL_BYTES, 0);
        }
    for (uint32_t slot = 0; slot < 2; slot++)
        for (uint32_t i = 0; i < REGION_CELLS; i++)
            region_cell_put(rg, slot, cells[slot][i * 5 % REGION_CELLS]);
    take_all(rg, 0, cells[0]);
}

static void
the_lowest_come_first(void **state)
{
    struct region *rg = *state;
    uint8_t *a = region_cell_get(rg, 1), *b = region_cell_get(rg, 1);
    if (a == NULL)
        skip();
    assert_ptr_equal(a, rg->base + rg->slot_bytes);
    assert_ptr_equal(b, a + REGION_CELL_BYTES);
    region_cell_put(rg, 1, a);
    assert_ptr_equal(region_cell_get(rg, 1), a); /* the hot one again */
}

struct abuse {
    struct region *rg;
    uint32_t slot;
    void *cell;
};

static void
put(void *arg)
{
    const struct abuse *a = arg;
    region_cell_put(a->rg, a->slot, a->cell);
}

static void
wrong_puts_die(void **state)
{
    struct region *rg = *state;
    char text[DEATH_TEXT_BYTES];
    uint8_t *cell = region_cell_get(rg, 0);
    if (cell == NULL)
        skip();
    struct abuse bad[] = {
        {rg, 0, cell + 1},                                        /* not the start of one */
        {rg, 1, cell},                                            /* another slot's */
        {rg, 0, cell + REGION_CELL_BYTES},                        /* not taken */
        {rg, 0, cell + (size_t)REGION_CELLS * REGION_CELL_BYTES}, /* beyond the last */
        {rg, 2, cell},                                            /* no such slot */
    };
    for (size_t i = 0; i < TEST_COUNT(bad); i++)
        assert_true(death_aborts(put, &bad[i], text));
    region_cell_put(rg, 0, cell);
    struct abuse twice = {rg, 0, cell};
    assert_true(death_aborts(put, &twice, text));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, up, down)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(cells_are_unique),
        TEST(the_lowest_come_first),
        TEST(wrong_puts_die),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
