// SPDX-License-Identifier: BSD-3-Clause
/*
 * Goal: put and get move every byte, refuse before they harm, and can be resumed.
 * Method: the verbs themselves on a libpmemd made of memory, each run in a process of its own
 * (a stop signal is for good), with the fake's state shared so that a second run finds what the
 * first one left.
 */
#include "tests/lib/test.h"
#include "tests/unit/tools_c/fake.h"
#include "tools/pmemctl/stop.h"
#include "tools/pmemctl/transfer.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define MIB ((size_t)1 << 20)
#define BYTES (10 * MIB + 12345)

static char folder[] = "/tmp/pmemd-putget-XXXXXX";
static char file[64], copy[64], part[64], file_record[64], copy_record[64];
static unsigned char *shared; /* the region, seen by children too */
static struct fake *seen;     /* what the last child's fake saw */
static unsigned char *content;

static int
make_all(void **state)
{
    (void)state;
    if (mkdtemp(folder) == NULL)
        return -1;
    (void)snprintf(file, sizeof file, "%s/file", folder);
    (void)snprintf(copy, sizeof copy, "%s/copy", folder);
    (void)snprintf(part, sizeof part, "%s/copy.part", folder);
    (void)snprintf(file_record, sizeof file_record, "%s/file.pmemctl-resume", folder);
    (void)snprintf(copy_record, sizeof copy_record, "%s/copy.pmemctl-resume", folder);
    shared = mmap(NULL, FAKE_BYTES + sizeof *seen, PROT_READ | PROT_WRITE,
                  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    content = malloc(FAKE_BYTES);
    if (shared == MAP_FAILED || content == NULL)
        return -1;
    seen = (struct fake *)(void *)(shared + FAKE_BYTES);
    for (size_t i = 0; i < FAKE_BYTES; i++)
        content[i] = (unsigned char)(i * 31 >> 3 ^ i);
    return 0;
}

static int
remove_all(void **state)
{
    (void)state;
    const char *const names[] = {file, copy, part, file_record, copy_record};
    for (size_t i = 0; i < TEST_COUNT(names); i++)
        (void)unlink(names[i]);
    free(content);
    return rmdir(folder); /* fails if anything else was left */
}

static void
make_file(const char *name, size_t bytes)
{
    FILE *const f = fopen(name, "w");
    assert_non_null(f);
    assert_int_equal(fwrite(content, 1, bytes, f), bytes);
    assert_int_equal(fclose(f), 0);
}

static int
set_up(void **state)
{
    (void)state;
    (void)unlink(copy);
    (void)unlink(part);
    (void)unlink(file_record);
    (void)unlink(copy_record);
    memset(shared, 0, FAKE_BYTES);
    make_file(file, BYTES);
    return 0;
}

static bool
exists(const char *name)
{
    return access(name, F_OK) == 0;
}

/* Run a verb in a child with this fake; in_fd becomes its standard input if not -1. */
static int
run(int (*verb)(const struct ctl_opts *), struct ctl_opts o, struct fake f, int in_fd)
{
    o.uri = "pmemd://fake/region";
    o.timeout_ns = 1000000000;
    (void)fflush(NULL);
    const pid_t pid = fork();
    if (pid == 0) {
        fake_reset();
        f.region = shared;
        if (f.len == 0)
            f.len = FAKE_BYTES;
        fake = f;
        if (in_fd >= 0)
            (void)dup2(in_fd, STDIN_FILENO);
        int rc = ctl_stop_init();
        if (rc == 0)
            rc = verb(&o);
        *seen = fake;
        (void)fflush(NULL);
        _exit(rc);
    }
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(seen->unstable + seen->early + seen->clients, 0);
    return WEXITSTATUS(status);
}

static void
file_holds(const char *name, const unsigned char *bytes, size_t len)
{
    FILE *const f = fopen(name, "r");
    assert_non_null(f);
    unsigned char *const got = malloc(len + 1);
    assert_int_equal(fread(got, 1, len + 1, f), len);
    assert_memory_equal(got, bytes, len);
    free(got);
    (void)fclose(f);
}

static void
a_file_goes_in_and_comes_out(void **state)
{
    const struct fake late = {.release_lag = 5};
    (void)state;
    assert_int_equal(run(ctl_put, (struct ctl_opts){.file = file, .offset = 4097}, late, -1),
                     0);
    assert_memory_equal(shared + 4097, content, BYTES);
    assert_int_equal(shared[4096] | shared[4097 + BYTES], 0);
    assert_int_equal(seen->flushes, 1);
    assert_in_range(seen->in_flight_max, 4, 9);
    assert_false(exists(file_record));
    const struct ctl_opts get = {.file = copy, .offset = 4097, .length = BYTES};
    assert_int_equal(run(ctl_get, get, late, -1), 0);
    file_holds(copy, content, BYTES);
    assert_false(exists(part) || exists(copy_record));
}

static void
an_empty_file_is_no_problem(void **state)
{
    (void)state;
    make_file(file, 0);
    assert_int_equal(run(ctl_put, (struct ctl_opts){.file = file, .offset = FAKE_BYTES},
                         (struct fake){0}, -1),
                     0);
    assert_int_equal(seen->flushes, 1);
    assert_int_equal(
        run(ctl_get,
            (struct ctl_opts){.file = copy, .offset = FAKE_BYTES, .length = UINT64_MAX},
            (struct fake){0}, -1),
        0);
    file_holds(copy, content, 0);
}

static void
what_does_not_fit_is_refused_first(void **state)
{
    const struct fake small = {.len = BYTES - 1};
    (void)state;
    assert_int_equal(run(ctl_put, (struct ctl_opts){.file = file}, small, -1), 4);
    assert_int_equal(seen->writes, 0);
    assert_int_equal(
        run(ctl_put, (struct ctl_opts){.file = file, .offset = FAKE_BYTES}, small, -1), 4);
    assert_int_equal(run(ctl_get, (struct ctl_opts){.file = copy, .length = BYTES}, small, -1),
                     4);
    assert_false(exists(copy) || exists(part));
    assert_int_equal(run(ctl_put, (struct ctl_opts){.file = folder}, small, -1), 1);
    assert_int_equal(run(ctl_get, (struct ctl_opts){.file = folder, .length = 1}, small, -1),
                     1);
    assert_int_equal(run(ctl_put, (struct ctl_opts){.file = copy}, small, -1), 1);
}

/* Feed a child's standard input through a pipe. */
static int
put_stream(size_t bytes, struct fake f)
{
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    (void)fflush(NULL);
    const pid_t feeder = fork();
    if (feeder == 0) {
        (void)signal(SIGPIPE, SIG_IGN);
        (void)close(ends[0]);
        for (size_t at = 0; at < bytes;) {
            const size_t left = bytes - at;
            const ssize_t n = write(ends[1], content + at, left < 7777 ? left : 7777);
            if (n <= 0)
                _exit(0);
            at += (size_t)n;
        }
        _exit(0);
    }
    (void)close(ends[1]);
    const int rc = run(ctl_put, (struct ctl_opts){.file = "-", .offset = 512}, f, ends[0]);
    (void)close(ends[0]);
    assert_int_equal(waitpid(feeder, NULL, 0), feeder);
    return rc;
}

static void
a_stream_goes_in(void **state)
{
    (void)state;
    assert_int_equal(put_stream(BYTES, (struct fake){.release_lag = 3}), 0);
    assert_memory_equal(shared + 512, content, BYTES);
    assert_int_equal(put_stream(0, (struct fake){0}), 0);
}

static void
a_stream_may_fill_the_region_but_not_overrun_it(void **state)
{
    (void)state;
    assert_int_equal(put_stream(BYTES, (struct fake){.len = BYTES + 512}), 0);
    assert_memory_equal(shared + 512, content, BYTES);
    memset(shared, 0, FAKE_BYTES);
    assert_int_equal(put_stream(BYTES, (struct fake){.len = BYTES + 511}), 4);
    assert_memory_equal(shared + 512, content, BYTES - 1); /* what fits is kept ... */
    assert_int_equal(seen->flushes, 1);                    /* ... and durable */
    assert_int_equal(put_stream(1, (struct fake){.len = 512}), 4);
}

static void
an_interrupted_put_is_resumed(void **state)
{
    const struct ctl_opts o = {.file = file, .resume = true};
    (void)state;
    assert_int_equal(run(ctl_put, o, (struct fake){.stop_at = 2}, -1), 1);
    assert_true(exists(file_record));
    const unsigned first = seen->writes;
    assert_in_range(first, 2, 10);
    assert_int_equal(run(ctl_put, o, (struct fake){0}, -1), 0);
    assert_int_equal(first + seen->writes, 11);
    assert_memory_equal(shared, content, BYTES);
    assert_false(exists(file_record));
}

static void
a_restarted_server_makes_it_start_over(void **state)
{
    const struct ctl_opts o = {.file = file, .resume = true};
    (void)state;
    assert_int_equal(run(ctl_put, o, (struct fake){.stop_at = 2}, -1), 1);
    memset(shared, 0, FAKE_BYTES); /* volatile */
    assert_int_equal(run(ctl_put, o, (struct fake){0}, -1), 0);
    assert_int_equal(seen->writes, 11);
    assert_memory_equal(shared, content, BYTES);
}

static void
a_changed_file_makes_it_start_over(void **state)
{
    const struct ctl_opts o = {.file = file, .resume = true};
    (void)state;
    assert_int_equal(run(ctl_put, o, (struct fake){.stop_at = 2}, -1), 1);
    make_file(file, BYTES);
    const struct timespec times[2] = {{.tv_sec = 1}, {.tv_sec = 1}};
    assert_int_equal(utimensat(AT_FDCWD, file, times, 0), 0);
    assert_int_equal(run(ctl_put, o, (struct fake){0}, -1), 0);
    assert_int_equal(seen->writes, 11);
}

static void
a_failed_put_keeps_what_was_flushed(void **state)
{
    struct ctl_opts o = {.file = file, .resume = true, .checkpoint = MIB};
    struct fake f = {.fail_from = 8, .fail_err = PMEMD_E_LOST};
    (void)state;
    assert_int_equal(run(ctl_put, o, f, -1), 1);
    assert_true(exists(file_record) && seen->flushes > 0);
    assert_int_equal(run(ctl_put, o, (struct fake){0}, -1), 0);
    assert_in_range(seen->writes, 4, 10);
    assert_memory_equal(shared, content, BYTES);
    f.fail_err = PMEMD_E_RIGHTS;
    assert_int_equal(run(ctl_put, (struct ctl_opts){.file = file}, f, -1), 4);
    f.fail_err = PMEMD_E_CRC;
    assert_int_equal(run(ctl_put, (struct ctl_opts){.file = file}, f, -1), 5);
}

static void
an_interrupted_get_is_resumed(void **state)
{
    const struct ctl_opts o = {.file = copy, .length = BYTES, .resume = true};
    (void)state;
    memcpy(shared, content, FAKE_BYTES);
    assert_int_equal(run(ctl_get, o, (struct fake){.stop_at = 2}, -1), 1);
    assert_true(exists(part) && exists(copy_record) && !exists(copy));
    assert_int_equal(run(ctl_get, o, (struct fake){0}, -1), 0);
    assert_in_range(seen->reads, 1 + 3, 64 + 7); /* samples, and what was missing */
    assert_true(seen->bytes_read < BYTES - 4 * MIB);
    file_holds(copy, content, BYTES);
    assert_false(exists(part) || exists(copy_record));
}

static void
a_changed_region_makes_get_start_over(void **state)
{
    const struct ctl_opts o = {.file = copy, .length = BYTES, .resume = true};
    (void)state;
    memcpy(shared, content, FAKE_BYTES);
    assert_int_equal(run(ctl_get, o, (struct fake){.stop_at = 2}, -1), 1);
    memset(shared, 'n', FAKE_BYTES);
    assert_int_equal(run(ctl_get, o, (struct fake){0}, -1), 0);
    file_holds(copy, shared, BYTES);
}

static void
a_failed_get_leaves_no_file(void **state)
{
    (void)state;
    memcpy(shared, content, FAKE_BYTES);
    assert_int_equal(run(ctl_get, (struct ctl_opts){.file = copy, .length = BYTES},
                         (struct fake){.fail_from = 4, .fail_err = PMEMD_E_LOST}, -1),
                     1);
    assert_false(exists(copy));
    assert_true(exists(part));
    make_file(copy, 5); /* an older file stays as it was */
    assert_int_equal(run(ctl_get, (struct ctl_opts){.file = copy, .length = BYTES},
                         (struct fake){.fail_from = 1, .fail_err = PMEMD_E_LOST}, -1),
                     1);
    file_holds(copy, content, 5);
}

static void
a_full_disk_is_an_error(void **state)
{
    (void)state;
    assert_int_equal(run(ctl_get, (struct ctl_opts){.file = "/dev/full", .length = BYTES},
                         (struct fake){0}, -1),
                     1);
    assert_int_equal(run(ctl_get, (struct ctl_opts){.file = "/dev/null", .length = BYTES},
                         (struct fake){0}, -1),
                     0);
}

#define TEST(f) cmocka_unit_test_setup(f, set_up)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_file_goes_in_and_comes_out),
        TEST(an_empty_file_is_no_problem),
        TEST(what_does_not_fit_is_refused_first),
        TEST(a_stream_goes_in),
        TEST(a_stream_may_fill_the_region_but_not_overrun_it),
        TEST(an_interrupted_put_is_resumed),
        TEST(a_restarted_server_makes_it_start_over),
        TEST(a_changed_file_makes_it_start_over),
        TEST(a_failed_put_keeps_what_was_flushed),
        TEST(an_interrupted_get_is_resumed),
        TEST(a_changed_region_makes_get_start_over),
        TEST(a_failed_get_leaves_no_file),
        TEST(a_full_disk_is_an_error),
    };
    return cmocka_run_group_tests(tests, make_all, remove_all);
}
