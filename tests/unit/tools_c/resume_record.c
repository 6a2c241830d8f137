// SPDX-License-Identifier: BSD-3-Clause
/*
 * Goal: a progress record is believed only when it is about the very same transfer.
 * Method: records saved, then loaded with one thing changed at a time; damaged ones; samples of
 * file and region that differ.
 */
#include "tests/lib/test.h"
#include "tests/unit/tools_c/fake.h"
#include "tools/pmemctl/resume.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char folder[] = "/tmp/pmemd-resume-XXXXXX";
static char path[sizeof folder + 16];
static char why[256];

static const struct resume_key key = {
    .verb = "put",
    .uri = "pmemd://h/r",
    .offset = 4096,
    .length = 1 << 20,
    .file_size = 1 << 20,
    .file_mtime_ns = 1234567890123456789,
};

static int
make_folder(void **state)
{
    (void)state;
    if (mkdtemp(folder) == NULL)
        return -1;
    (void)snprintf(path, sizeof path, "%s/record", folder);
    return 0;
}

static int
remove_folder(void **state)
{
    (void)state;
    (void)unlink(path);
    return rmdir(folder); /* fails if anything else was left */
}

static int
load(const struct resume_key *k, uint64_t *ret)
{
    why[0] = '\0';
    return resume_load(path, k, ret, why, sizeof why);
}

static void
what_was_saved_is_loaded(void **state)
{
    uint64_t done = 0;
    (void)state;
    assert_int_equal(resume_save(path, &key, 65536), 0);
    assert_int_equal(load(&key, &done), 0);
    assert_int_equal(done, 65536);
    assert_int_equal(resume_save(path, &key, 1 << 20), 0);
    assert_int_equal(load(&key, &done), 0);
    assert_int_equal(done, 1 << 20);
}

static void
another_transfer_is_not(void **state)
{
    struct resume_key k[6];
    (void)state;
    for (size_t i = 0; i < TEST_COUNT(k); i++)
        k[i] = key;
    k[0].verb = "get";
    k[1].uri = "pmemd://h/s";
    k[2].offset++;
    k[3].length--;
    k[4].file_size++;
    k[5].file_mtime_ns++;
    assert_int_equal(resume_save(path, &key, 65536), 0);
    for (size_t i = 0; i < TEST_COUNT(k); i++) {
        uint64_t done = 77;
        assert_int_equal(load(&k[i], &done), -ESTALE);
        assert_int_equal(done, 77);
        assert_true(why[0] != '\0');
    }
}

static void
damage_is_noticed(void **state)
{
    static const char *const texts[] = {
        "", "{", "[]", "{\"pmemctl_resume\": 1}", "{\"pmemctl_resume\": \"x\"}", "\xff\xfe",
    };
    uint64_t done = 77;
    (void)state;
    for (size_t i = 0; i < TEST_COUNT(texts); i++) {
        FILE *const f = fopen(path, "w");
        assert_non_null(f);
        (void)fputs(texts[i], f);
        (void)fclose(f);
        assert_int_equal(load(&key, &done), -ESTALE);
        assert_true(why[0] != '\0');
    }
    assert_int_equal(resume_save(path, &key, key.length + 1), 0);
    assert_int_equal(load(&key, &done), -ESTALE);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(load(&key, &done), -ENOENT);
    assert_true(why[0] != '\0');
    assert_int_equal(done, 77);
    assert_int_equal(resume_save("/nowhere/at/all", &key, 1), -ENOENT);
}

static void
samples_tell_whether_it_is_the_same_region(void **state)
{
    enum { BYTES = 1 << 20 };
    struct pmemd_client *c = NULL;
    (void)state;
    fake_reset();
    assert_int_equal(pmemd_open("fake", NULL, &c), 0);
    FILE *const f = tmpfile();
    assert_non_null(f);
    for (int i = 0; i < BYTES; i++) {
        (void)putc(i * 7 % 251, f);
        fake.region[4096 + i] = (unsigned char)(i * 7 % 251);
    }
    assert_int_equal(fflush(f), 0);
    const int fd = fileno(f);
    assert_int_equal(resume_compare(c, fd, 4096, BYTES), 0);
    assert_int_equal(resume_compare(c, fd, 4096, 12345), 0);
    assert_int_equal(resume_compare(c, fd, 4096, 0), 0);
    assert_int_equal(resume_compare(c, fd, 8192, BYTES), -ESTALE);
    assert_int_equal(resume_compare(c, fd, 4096, BYTES * 2), -ESTALE); /* a short file */
    memset(fake.region, 0, FAKE_BYTES);                                /* restarted */
    assert_int_equal(resume_compare(c, fd, 4096, BYTES), -ESTALE);
    (void)fclose(f);
    pmemd_close(c);
}

static void
one_block_of_bytes_among_zeroes_is_a_sample(void **state)
{
    enum { BYTES = 8 << 20 };
    struct pmemd_client *c = NULL;
    (void)state;
    fake_reset();
    assert_int_equal(pmemd_open("fake", NULL, &c), 0);
    FILE *const f = tmpfile();
    assert_non_null(f);
    assert_int_equal(ftruncate(fileno(f), BYTES), 0);
    assert_int_equal(resume_compare(c, fileno(f), 0, BYTES), 0); /* all zeroes, both */
    assert_int_equal(pwrite(fileno(f), "x", 1, 5000001), 1);
    assert_int_equal(resume_compare(c, fileno(f), 0, BYTES), -ESTALE);
    fake.region[5000001] = 'x';
    assert_int_equal(resume_compare(c, fileno(f), 0, BYTES), 0);
    (void)fclose(f);
    pmemd_close(c);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_saved_is_loaded),
        cmocka_unit_test(another_transfer_is_not),
        cmocka_unit_test(damage_is_noticed),
        cmocka_unit_test(samples_tell_whether_it_is_the_same_region),
        cmocka_unit_test(one_block_of_bytes_among_zeroes_is_a_sample),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
