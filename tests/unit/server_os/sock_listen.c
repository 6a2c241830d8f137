/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Goal: accepted sockets have every option without a call of their own; a dead server's socket
 * file is replaced, a live one's never; refusals name the address and the reason.
 * Method: real listeners on loopback and in a scratch folder.
 */
#include "server/os/sock.h"
#include "tests/lib/test.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[64];

static struct sock_addr
address(const char *text)
{
    struct sock_addr a;
    char why[256];
    assert_int_equal(sock_addr_parse(text, &a, why, sizeof why), 0);
    return a;
}

static struct sock_addr
in_folder(const char *name)
{
    char path[128];
    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    return address(path);
}

static int
listen_ok(const struct sock_addr *a, uint32_t rcvbuf)
{
    char why[256] = "";
    const int fd = sock_listen(a, 16, rcvbuf, why, sizeof why);
    if (fd < 0)
        fail_msg("%s", why);
    return fd;
}

/* A connection to a listener, both ends. */
static void
connect_to(int listener, int *ret_client, int *ret_server)
{
    char name[SOCK_NAME_BYTES];
    sock_local_name(listener, name, sizeof name);
    const struct sock_addr a = address(name);
    const int cli = socket(a.ss.ss_family, SOCK_STREAM, 0);
    assert_true(cli >= 0);
    assert_int_equal(connect(cli, (const void *)&a.ss, a.len), 0);
    *ret_client = cli;
    *ret_server = accept(listener, NULL, NULL);
    assert_true(*ret_server >= 0);
}

static int
option(int fd, int level, int name)
{
    int v = 0;
    socklen_t n = sizeof v;
    assert_int_equal(getsockopt(fd, level, name, &v, &n), 0);
    return v;
}

static void
accepted_sockets_inherit(void **state)
{
    (void)state;
    const struct sock_addr a = address("127.0.0.1:0");
    const int fd = listen_ok(&a, 128 << 10);
    char cc[16] = "", mine[16] = "", name[SOCK_NAME_BYTES];
    socklen_t n = sizeof cc;
    int cli, srv;
    connect_to(fd, &cli, &srv);
    assert_int_equal(option(srv, IPPROTO_TCP, TCP_NODELAY), 1);
    assert_int_equal(option(srv, SOL_SOCKET, SO_RCVBUF),
                     2 * (128 << 10)); /* as kernels count */
    assert_int_equal(getsockopt(srv, IPPROTO_TCP, TCP_CONGESTION, cc, &n), 0);
    n = sizeof mine;
    assert_int_equal(getsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, mine, &n), 0);
    assert_string_equal(cc, mine);
    assert_true((fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
    assert_int_equal(fcntl(fd, F_GETFL) & O_NONBLOCK, 0);
    assert_true(sock_is_tcp(srv));
    assert_true(sock_peer_is_loopback(srv));
    sock_peer_name(srv, name, sizeof name);
    assert_int_equal(strncmp(name, "127.0.0.1:", 10), 0);
    (void)close(cli);
    (void)close(srv);
    (void)close(fd);
}

/* Where the fixed size would be clamped, the kernel's own tuning is better: it is left alone. */
static void
an_unreachable_receive_buffer_is_not_set(void **state)
{
    (void)state;
    const struct sock_addr a = address("127.0.0.1:0");
    const int plain = socket(AF_INET, SOCK_STREAM, 0), fd = listen_ok(&a, 1u << 29);
    const int got = option(fd, SOL_SOCKET, SO_RCVBUF);
    assert_true(got == 1 << 30 || got == option(plain, SOL_SOCKET, SO_RCVBUF));
    (void)close(plain);
    (void)close(fd);
}

static void
ipv6_works_or_says_why(void **state)
{
    (void)state;
    const struct sock_addr a = address("[::1]:0");
    char why[256] = "", name[SOCK_NAME_BYTES];
    const int fd = sock_listen(&a, 16, 0, why, sizeof why);
    if (fd < 0) {
        assert_non_null(strstr(why, "[::1]:0"));
        skip();
    }
    int cli, srv;
    connect_to(fd, &cli, &srv);
    sock_peer_name(srv, name, sizeof name);
    assert_int_equal(strncmp(name, "[::1]:", 6), 0);
    assert_true(sock_peer_is_loopback(srv));
    (void)close(cli);
    (void)close(srv);
    (void)close(fd);
}

static void
a_busy_port_is_named(void **state)
{
    (void)state;
    const struct sock_addr any = address("127.0.0.1:0");
    const int fd = listen_ok(&any, 0);
    char name[SOCK_NAME_BYTES], why[256] = "";
    sock_local_name(fd, name, sizeof name);
    const struct sock_addr same = address(name);
    assert_int_equal(sock_listen(&same, 16, 0, why, sizeof why), -EADDRINUSE);
    assert_non_null(strstr(why, name));
    assert_non_null(strstr(why, "another process"));
    const struct sock_addr foreign = address("192.0.2.1:7173");
    assert_int_equal(sock_listen(&foreign, 16, 0, why, sizeof why), -EADDRNOTAVAIL);
    assert_non_null(strstr(why, "192.0.2.1:7173"));
    (void)close(fd);
}

static void
a_dead_socket_file_is_replaced(void **state)
{
    (void)state;
    const struct sock_addr a = in_folder("dead.sock");
    (void)close(listen_ok(&a, 0)); /* the file stays */
    const int fd = listen_ok(&a, 0);
    int cli, srv;
    char name[SOCK_NAME_BYTES];
    connect_to(fd, &cli, &srv);
    sock_peer_name(srv, name, sizeof name);
    assert_string_equal(name, "unix");
    assert_false(sock_is_tcp(srv));
    assert_true(sock_peer_is_loopback(srv));
    (void)close(cli);
    (void)close(srv);
    (void)close(fd);
    sock_unlink(&a);
}

static void
a_live_socket_or_a_file_is_not(void **state)
{
    (void)state;
    char why[256] = "", path[128];
    struct stat st;
    const struct sock_addr live = in_folder("live.sock"), file = in_folder("file");
    const int fd = listen_ok(&live, 0);
    assert_int_equal(sock_listen(&live, 16, 0, why, sizeof why), -EADDRINUSE);
    (void)close(fd);
    sock_unlink(&live);

    (void)snprintf(path, sizeof path, "%s/file", folder);
    (void)close(open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
    assert_int_equal(sock_listen(&file, 16, 0, why, sizeof why), -EADDRINUSE);
    assert_int_equal(stat(path, &st), 0);
    assert_true(S_ISREG(st.st_mode));
    sock_unlink(&file);

    const struct sock_addr nowhere = in_folder("no/such/folder.sock");
    assert_int_equal(sock_listen(&nowhere, 16, 0, why, sizeof why), -ENOENT);
    assert_non_null(strstr(why, "folder"));
}

static void
the_send_budget_is_raised_or_refused(void **state)
{
    (void)state;
    const int fd = socket(AF_INET, SOCK_STREAM, 0);
    const int before = option(fd, SOL_SOCKET, SO_SNDBUF);
    const int rc = sock_budget_raise(fd, 64u << 20);
    assert_int_equal(rc == 0, sock_budget_allowed());
    if (rc == 0)
        assert_int_equal(option(fd, SOL_SOCKET, SO_SNDBUF), 128 << 20);
    else
        assert_int_equal(option(fd, SOL_SOCKET, SO_SNDBUF), before);
    assert_int_equal(sock_budget_raise(-1, 1), -EBADF);
    (void)close(fd);
}

static void
names_of_what_is_gone_are_harmless(void **state)
{
    (void)state;
    char name[SOCK_NAME_BYTES] = "";
    sock_peer_name(-1, name, sizeof name);
    assert_string_equal(name, "?");
    assert_false(sock_is_tcp(-1));
    assert_false(sock_peer_is_loopback(-1));
}

int
main(void)
{
    (void)snprintf(folder, sizeof folder, "/tmp/pmemd-sock-XXXXXX");
    if (mkdtemp(folder) == NULL) {
        (void)printf("skipped: no scratch folder in /tmp\n");
        return TEST_SKIPPED;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(accepted_sockets_inherit),
        cmocka_unit_test(an_unreachable_receive_buffer_is_not_set),
        cmocka_unit_test(ipv6_works_or_says_why),
        cmocka_unit_test(a_busy_port_is_named),
        cmocka_unit_test(a_dead_socket_file_is_replaced),
        cmocka_unit_test(a_live_socket_or_a_file_is_not),
        cmocka_unit_test(the_send_budget_is_raised_or_refused),
        cmocka_unit_test(names_of_what_is_gone_are_harmless),
    };
    const int rc = cmocka_run_group_tests(tests, NULL, NULL);
    (void)rmdir(folder);
    return rc;
}
