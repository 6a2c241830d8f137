/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Goal: addresses are read as users write them, and everything else is refused with a sentence.
 * Method: one table of each.
 */
#include "server/os/sock.h"
#include "tests/lib/test.h"

#include <netinet/in.h>
#include <pmemd/errors.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>

static void
good_ones_are_read(void **state)
{
    static const struct {
        const char *text;
        int family;
        unsigned port;
        bool loopback;
    } good[] = {
        {"127.0.0.1:7173", AF_INET, 7173, true},
        {"127.0.0.1", AF_INET, 7173, true},
        {"127.255.0.9:0", AF_INET, 0, true},
        {"0.0.0.0:65535", AF_INET, 65535, false},
        {"192.0.2.7:80", AF_INET, 80, false},
        {"[::1]:7174", AF_INET6, 7174, true},
        {"[::1]", AF_INET6, 7173, true},
        {"[::]:1", AF_INET6, 1, false},
        {"[2001:db8::1]:99", AF_INET6, 99, false},
        {"[::ffff:127.0.0.1]:5", AF_INET6, 5, true},
        {"[::ffff:192.0.2.1]:5", AF_INET6, 5, false},
        {"unix:/run/x.sock", AF_UNIX, 0, true},
        {"/run/x.sock", AF_UNIX, 0, true},
    };
    (void)state;
    for (size_t i = 0; i < TEST_COUNT(good); i++) {
        struct sock_addr a;
        char why[256] = "";
        if (sock_addr_parse(good[i].text, &a, why, sizeof why) != 0)
            fail_msg("%s: %s", good[i].text, why);
        assert_int_equal(a.ss.ss_family, good[i].family);
        assert_int_equal(a.is_loopback, good[i].loopback);
        assert_int_equal(a.is_unix, good[i].family == AF_UNIX);
        struct sockaddr_in6 in6; /* the port is at the same place in both */
        memcpy(&in6, &a.ss, sizeof in6);
        if (!a.is_unix)
            assert_int_equal(ntohs(in6.sin6_port), good[i].port);
    }
}

static void
unix_paths_fit_exactly_or_not_at_all(void **state)
{
    char text[200] = "unix:/", why[256];
    struct sock_addr a;
    (void)state;
    const size_t most = sizeof((struct sockaddr_un *)NULL)->sun_path - 1;
    memset(text + 6, 'x', most - 1);
    assert_int_equal(sock_addr_parse(text, &a, why, sizeof why), 0);
    assert_int_equal(a.len, offsetof(struct sockaddr_un, sun_path) + most + 1);
    text[5 + most] = 'x';
    assert_int_equal(sock_addr_parse(text, &a, why, sizeof why), PMEMD_E_ARG);
}

static void
bad_ones_are_refused(void **state)
{
    static const char *const bad[] = {
        "",
        "localhost:7173",
        "127.0.0.1:",
        "127.0.0.1:65536",
        "127.0.0.1:-1",
        "127.0.0.1:7x",
        "1.2.3:80",
        "::1",
        "::1:7173",
        "[::1",
        "[::1]7173",
        "[127.0.0.1]:1",
        "[fe80::1%eth0]:1",
        "unix:",
        "unix:x.sock",
        "127.0.0.1:99999999999999999999",
        ":7173",
        "127.0.0.1:1:2",
        "[::1]:",
    };
    (void)state;
    for (size_t i = 0; i < TEST_COUNT(bad); i++) {
        struct sock_addr a;
        char why[256] = "";
        memset(&a, 0x5a, sizeof a);
        const struct sock_addr before = a;
        if (sock_addr_parse(bad[i], &a, why, sizeof why) != PMEMD_E_ARG)
            fail_msg("'%s' was accepted", bad[i]);
        assert_true(strlen(why) > 20);
        assert_memory_equal(&a, &before, sizeof a); /* untouched */
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_ones_are_read),
        cmocka_unit_test(unix_paths_fit_exactly_or_not_at_all),
        cmocka_unit_test(bad_ones_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
