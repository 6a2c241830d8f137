/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Goal: errors.def is usable as it stands, and every number has a text, a status and a verdict.
 * Method: expand the table here again and compare; then the kernel's errors, then nonsense.
 */
#include "tests/lib/test.h"

#include "common/err.h"

#include <pmemd/errors.h>

#include <errno.h>
#include <limits.h>
#include <string.h>

struct row {
    int err;
    unsigned wire;
    int retryable;
    const char *name, *text;
};

static const struct row rows[] = {
#define PMEMD_ERROR(name, number, wire, retryable, text)                                       \
    {-(number), wire, retryable, "PMEMD_E_" #name, text},
#include <pmemd/errors.def>
#undef PMEMD_ERROR
};

static void
every_row_is_found(void **state)
{
    (void)state;
    for (size_t i = 0; i < TEST_COUNT(rows); i++) {
        assert_string_equal(pmi_err_text(rows[i].err), rows[i].text);
        assert_string_equal(pmi_err_name(rows[i].err), rows[i].name);
        assert_int_equal(pmi_err_to_wire(rows[i].err), rows[i].wire);
        assert_int_equal(pmi_err_from_wire((uint16_t)rows[i].wire), rows[i].err);
        assert_int_equal(pmi_err_retryable(rows[i].err), rows[i].retryable);
    }
}

static void
numbers_statuses_and_texts_are_unique(void **state)
{
    (void)state;
    for (size_t i = 0; i < TEST_COUNT(rows); i++) {
        const size_t len = strlen(rows[i].text);
        assert_true(rows[i].err < -100000);
        assert_true(len > 0);
        assert_true(rows[i].text[len - 1] != '.');
        for (size_t j = 0; j < i; j++) {
            assert_int_not_equal(rows[i].err, rows[j].err);
            assert_int_not_equal(rows[i].wire, rows[j].wire);
            assert_string_not_equal(rows[i].text, rows[j].text);
        }
    }
}

static void
success_is_zero_everywhere(void **state)
{
    (void)state;
    assert_string_equal(pmi_err_text(0), "success");
    assert_string_equal(pmi_err_name(0), "OK");
    assert_int_equal(pmi_err_to_wire(0), 0);
    assert_int_equal(pmi_err_from_wire(0), 0);
    assert_false(pmi_err_retryable(0));
}

static void
kernel_errors_have_texts(void **state)
{
    (void)state;
    assert_string_equal(pmi_err_text(-ENOENT), "No such file or directory");
    assert_string_equal(pmi_err_name(-ENOENT), "ENOENT");
    assert_string_equal(pmi_err_text(-4095), "unknown error");
    assert_null(pmi_err_name(-4095));
}

static void
kernel_errors_with_a_twin_keep_their_meaning(void **state)
{
    (void)state;
    assert_int_equal(pmi_err_to_wire(-EINVAL), pmi_err_to_wire(PMEMD_E_ARG));
    assert_int_equal(pmi_err_to_wire(-ENOMEM), pmi_err_to_wire(PMEMD_E_BUSY));
    assert_int_equal(pmi_err_to_wire(-ETIMEDOUT), pmi_err_to_wire(PMEMD_E_TIMEOUT));
    assert_int_equal(pmi_err_to_wire(-ECONNRESET), pmi_err_to_wire(PMEMD_E_LOST));
    assert_int_equal(pmi_err_to_wire(-EACCES), pmi_err_to_wire(PMEMD_E_RIGHTS));
    assert_true(pmi_err_retryable(-ENOMEM));
    assert_true(pmi_err_retryable(-ECONNREFUSED));
    assert_true(pmi_err_retryable(-EINTR));
    assert_false(pmi_err_retryable(-EINVAL));
    assert_false(pmi_err_retryable(-EIO));
}

static void
no_failure_becomes_success_on_the_wire(void **state)
{
    (void)state;
    for (int err = -1; err >= -5000; err--) {
        const uint16_t wire = pmi_err_to_wire(err);
        assert_int_not_equal(wire, 0);
        assert_true(pmi_err_from_wire(wire) < -100000);
    }
    assert_int_not_equal(pmi_err_to_wire(-100000), 0);
    assert_int_not_equal(pmi_err_to_wire(-999999), 0);
    assert_int_not_equal(pmi_err_to_wire(INT_MIN), 0);
    assert_int_not_equal(pmi_err_to_wire(INT_MAX), 0);
}

static void
nonsense_is_answered(void **state)
{
    (void)state;
    static const int odd[] = {1, EINVAL, -100000, -999999, INT_MAX, INT_MIN};
    for (size_t i = 0; i < TEST_COUNT(odd); i++) {
        assert_string_equal(pmi_err_text(odd[i]), "unknown error");
        assert_null(pmi_err_name(odd[i]));
        assert_false(pmi_err_retryable(odd[i]));
    }
}

static void
unknown_status_is_a_protocol_error(void **state)
{
    (void)state;
    unsigned known = 0;
    for (unsigned wire = 1; wire <= UINT16_MAX; wire++) {
        const int err = pmi_err_from_wire((uint16_t)wire);
        assert_true(err < 0);
        if (pmi_err_to_wire(err) == wire)
            known++;
        else
            assert_int_equal(err, PMEMD_E_PROTO);
    }
    assert_int_equal(known, TEST_COUNT(rows));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_row_is_found),
        cmocka_unit_test(numbers_statuses_and_texts_are_unique),
        cmocka_unit_test(success_is_zero_everywhere),
        cmocka_unit_test(kernel_errors_have_texts),
        cmocka_unit_test(kernel_errors_with_a_twin_keep_their_meaning),
        cmocka_unit_test(no_failure_becomes_success_on_the_wire),
        cmocka_unit_test(nonsense_is_answered),
        cmocka_unit_test(unknown_status_is_a_protocol_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
