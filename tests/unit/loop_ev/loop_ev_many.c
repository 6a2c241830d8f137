/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Goal: 64 clients in one loop, each with requests in flight, get every event of theirs once and
 * the right bytes from a real server, and all of them idle cost the loop nothing.
 * Method: the daemon in a child on a Unix socket; each client writes and reads back its own part
 * of the region in rounds, driven by its callback alone.
 */
#include "tests/lib/test.h"

#include <ev.h>
#include <pmemd/loop_ev.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define CLIENTS 64u
#define DEPTH 4u   /* requests in flight for each client */
#define ROUNDS 50u /* of a write and a read, for each of those */
#define BYTES 4096u
#define GUARD_S 60.

struct lane {
    struct user *user;
    unsigned step; /* even: a WRITE is in flight; odd: a READ */
    bool done;     /* DONE has come, RELEASED has not */
    char out[BYTES], in[BYTES];
};

struct user {
    struct pmemd_client *c;
    struct pmemd_ev *b;
    unsigned number, connected, events;
    struct lane lanes[DEPTH];
};

static struct user users[CLIENTS];
static unsigned lanes_left;
static char dir[64];
static pid_t daemon_pid;

static void
lane_submit(struct lane *l)
{
    const unsigned at = (unsigned)(l - l->user->lanes);
    const bool is_write = l->step % 2 == 0;
    const struct pmemd_extent e = {.off = (uint64_t)(l->user->number * DEPTH + at) * BYTES,
                                   .len = BYTES};
    const struct pmemd_iov v = {.data = is_write ? l->out : l->in, .len = BYTES};
    struct pmemd_req r;
    pmemd_req_init(&r, sizeof r);
    r.verb = is_write ? PMEMD_VERB_WRITE : PMEMD_VERB_READ;
    r.extents = &e;
    r.iov = &v;
    r.extent_count = r.iov_count = 1;
    r.cookie = at;
    if (is_write)
        memset(l->out, (int)(l->user->number + l->step + at), BYTES);
    assert_int_equal(pmemd_submit(l->user->c, &r), 0);
}

static void
on_event(void *arg, struct pmemd_ev *b, const struct pmemd_event *ev)
{
    struct user *u = arg;
    assert_ptr_equal(pmemd_ev_client(b), u->c);
    u->events++;
    if (ev->what == PMEMD_EV_CONNECTED) {
        u->connected++;
        return;
    }
    assert_true(ev->what == PMEMD_EV_DONE || ev->what == PMEMD_EV_RELEASED);
    assert_true(ev->cookie < DEPTH);
    struct lane *l = &u->lanes[ev->cookie];
    assert_int_equal(ev->err, 0);
    assert_int_equal(l->done, ev->what == PMEMD_EV_RELEASED);
    l->done = !l->done;
    if (l->done)
        return;
    if (l->step % 2 == 1)
        assert_memory_equal(l->in, l->out, BYTES);
    if (++l->step < 2 * ROUNDS)
        lane_submit(l);
    else
        lanes_left--;
}

static void
user_open(struct user *u, struct ev_loop *loop, const char *uri)
{
    assert_int_equal(pmemd_open(uri, NULL, &u->c), 0);
    assert_int_equal(pmemd_ev_attach(loop, u->c, on_event, u, &u->b), 0);
    for (unsigned i = 0; i < DEPTH; i++) {
        u->lanes[i].user = u;
        lane_submit(&u->lanes[i]);
    }
}

static void
on_guard(struct ev_loop *loop, ev_timer *w, int revents)
{
    (void)loop;
    (void)w;
    (void)revents;
    fail_msg("%u of the lanes are not through", lanes_left);
}

static void
on_end(struct ev_loop *loop, ev_timer *w, int revents)
{
    (void)w;
    (void)revents;
    ev_break(loop, EVBREAK_ALL);
}

static unsigned
idle_turns(struct ev_loop *loop, double seconds)
{
    ev_timer end;
    ev_timer_init(&end, on_end, seconds, 0.);
    ev_timer_start(loop, &end);
    const unsigned before = ev_iteration(loop);
    ev_run(loop, 0);
    return ev_iteration(loop) - before;
}

static void
many__handles_in_one_loop(void **state)
{
    (void)state;
    struct ev_loop *loop = ev_loop_new(EVFLAG_AUTO);
    ev_timer guard;
    char uri[128];
    (void)snprintf(uri, sizeof uri, "pmemd+unix://%s/s?region=demo", dir);
    lanes_left = CLIENTS * DEPTH;
    for (unsigned i = 0; i < CLIENTS; i++) {
        users[i].number = i;
        user_open(&users[i], loop, uri);
    }
    ev_timer_init(&guard, on_guard, GUARD_S, 0.);
    ev_timer_start(loop, &guard);
    while (lanes_left > 0)
        ev_run(loop, EVRUN_ONCE);
    ev_timer_stop(loop, &guard);
    assert_true(idle_turns(loop, 0.5) <= 5);
    for (unsigned i = 0; i < CLIENTS; i++) {
        assert_int_equal(users[i].connected, 1);
        assert_int_equal(users[i].events, 1 + DEPTH * ROUNDS * 2 * 2);
        pmemd_ev_detach(users[i].b);
        pmemd_close(users[i].c);
    }
    assert_false(ev_run(loop, 0));
    ev_loop_destroy(loop);
}

/* ---- the daemon -------------------------------------------------------------------------- */

static _Noreturn void
daemon_exec(void)
{
    const char *bin = getenv("PMEMD_BIN_DIR");
    char path[512];
    char listen[128];
    char region[] = "name=demo,medium=mem,size=8M";
    (void)snprintf(path, sizeof path, "%s/pmemd", bin != NULL ? bin : ".");
    (void)snprintf(listen, sizeof listen, "unix:%s/s", dir);
    (void)execl(path, "pmemd", "--listen", listen, "--region", region, (char *)NULL);
    _exit(127);
}

/* 0, or the exit code of a daemon that cannot. */
static int
daemon_start(void)
{
    char socket_path[80];
    int status = 0;
    (void)snprintf(dir, sizeof dir, "/tmp/pmemd-ev-XXXXXX");
    if (mkdtemp(dir) == NULL)
        return 1;
    (void)snprintf(socket_path, sizeof socket_path, "%s/s", dir);
    daemon_pid = fork();
    if (daemon_pid == 0)
        daemon_exec();
    for (unsigned i = 0; daemon_pid > 0 && i < 200; i++) {
        if (access(socket_path, F_OK) == 0)
            return 0;
        if (waitpid(daemon_pid, &status, WNOHANG) == daemon_pid) {
            daemon_pid = 0;
            return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
        }
        (void)poll(NULL, 0, 50);
    }
    return 1;
}

static void
daemon_stop(void)
{
    char socket_path[80];
    (void)snprintf(socket_path, sizeof socket_path, "%s/s", dir);
    if (daemon_pid > 0) {
        (void)kill(daemon_pid, SIGTERM);
        (void)waitpid(daemon_pid, NULL, 0);
    }
    (void)unlink(socket_path);
    (void)rmdir(dir);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(many__handles_in_one_loop)};
    int rc = daemon_start();
    if (rc == 3) {
        puts("skipped: this host cannot run pmemd");
        rc = TEST_SKIPPED;
    } else if (rc == 0) {
        rc = cmocka_run_group_tests(tests, NULL, NULL);
    } else {
        printf("the daemon ended with %d\n", rc);
    }
    daemon_stop();
    return rc;
}
