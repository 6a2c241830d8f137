// SPDX-License-Identifier: BSD-3-Clause
/*
 * Goal: pmemctl's final line and its JSON keys.
 * Method: reports made by hand. A key may be added here, never taken away.
 */
#include "tests/lib/test.h"
#include "tools/pmemctl/report.h"
#include "tools/pmemctl/show.h"

#include <string.h>

static void
has_keys(const json_t *object, const char *const *keys, size_t count)
{
    for (size_t i = 0; i < count; i++)
        assert_non_null(json_object_get(object, keys[i]));
    assert_int_equal(json_object_size(object), count);
}

static void
the_final_line(void **state)
{
    char text[REPORT_TEXT_BYTES];
    struct report r = {.verb = "put", .bytes = 268435456, .ns = 210000000};
    (void)state;
    assert_string_equal(report_text(text, &r),
                        "stored 268435456 bytes at offset 0 in 0.21 s (1.28 GB/s)");
    r.verb = "get";
    r.offset = 4096;
    r.resumed_from = 134217728;
    assert_string_equal(
        report_text(text, &r),
        "fetched 268435456 bytes at offset 4096, 134217728 of them in an earlier "
        "run, in 0.21 s (0.64 GB/s)");
}

static void
transfer_keys(void **state)
{
    static const char *const put[] = {"verb", "uri",  "file",         "bytes", "offset", "secs",
                                      "gbps", "path", "resumed_from", "level", "class"};
    static const char *const get[] = {"verb", "uri",  "file", "bytes",        "offset",
                                      "secs", "gbps", "path", "resumed_from", "sync_secs"};
    static const char *const path[] = {"zc", "copied", "unknown"};
    struct report r = {
        .verb = "put", .uri = "u", .file = "f", .flushed = true, .level = 1, .durability = 1};
    (void)state;
    json_t *object = report_json(&r);
    has_keys(object, put, TEST_COUNT(put));
    has_keys(json_object_get(object, "path"), path, TEST_COUNT(path));
    assert_string_equal(json_string_value(json_object_get(object, "level")), "durable");
    assert_string_equal(json_string_value(json_object_get(object, "class")), "volatile");
    json_decref(object);
    r.verb = "get";
    r.flushed = false;
    object = report_json(&r);
    has_keys(object, get, TEST_COUNT(get));
    json_decref(object);
}

static void
region_keys(void **state)
{
    static const char *const keys[] = {
        "name",         "size",          "medium",    "class",        "memory_kind",
        "page_size",    "fixed_buffers", "shard",     "connections",  "lsn",
        "epoch",        "crc",           "bytes_zc",  "bytes_copied", "bytes_staged",
        "bytes_direct", "bytes_unknown", "why_copied"};
    struct pmemd_info info;
    (void)state;
    memset(&info, 0, sizeof info);
    info.flags = PMEMD_INFO_CRC;
    info.len = 4096;
    (void)strcpy(info.name, "demo");
    json_t *const object = show_info_json(&info);
    has_keys(object, keys, TEST_COUNT(keys));
    assert_true(json_is_true(json_object_get(object, "crc")));
    assert_int_equal(json_integer_value(json_object_get(object, "size")), 4096);
    json_decref(object);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_final_line),
        cmocka_unit_test(transfer_keys),
        cmocka_unit_test(region_keys),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
