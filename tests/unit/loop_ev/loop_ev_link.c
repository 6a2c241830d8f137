/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Goal: under the loop alone a client reconnects and repeats what was lost, tells a refusal once,
 * and waits for a server that is away without spinning; in a forked child it is silent.
 * Method: a server that drops its connection by script, ports where nobody listens, and fork().
 */
#include "tests/unit/loop_ev/desk.h"

#include <sys/wait.h>
#include <unistd.h>

static void
link__comes_back(void **state)
{
    (void)state;
    static struct desk d;
    desk_up(&d, FAKE_TCP, desk_script_drop_once);
    desk_connect(&d);
    desk_read(&d, 1, 0); /* dropped with the connection, then sent again */
    desk_run(&d, 4);
    (void)desk_idle(&d, 20);
    assert_int_equal(d.count, 4);
    assert_int_equal(d.got[0].what, PMEMD_EV_LOST);
    assert_int_equal(d.got[1].what, PMEMD_EV_CONNECTED);
    assert_int_equal(d.got[2].what, PMEMD_EV_DONE);
    assert_int_equal(d.got[2].err, 0);
    assert_int_equal(d.got[3].what, PMEMD_EV_RELEASED);
    desk_down(&d);
}

static void *
script_refuse(void *fake)
{
    struct fake *f = fake;
    f->open.status = 9; /* NOREGION */
    fake_accept(f);
    fake_greet(f);
    return NULL;
}

static void
link__refused_is_the_end(void **state)
{
    (void)state;
    static struct desk d;
    desk_up(&d, FAKE_UNIX, script_refuse);
    desk_read(&d, 1, 0);
    desk_attach(&d);
    desk_run(&d, 3);
    assert_true(desk_idle(&d, 200) <= 3);
    assert_int_equal(d.count, 3);
    assert_int_equal(desk_seen(&d, PMEMD_EV_REFUSED, UINT64_MAX), 1);
    assert_int_equal(desk_seen(&d, PMEMD_EV_DONE, 1), 1);
    assert_int_equal(desk_seen(&d, PMEMD_EV_RELEASED, 1), 1);
    desk_down(&d);
}

/* Attempts are paced by the client, each costs a few turns. */
static void
link__nobody_listens(void **state)
{
    (void)state;
    struct ev_loop *loop = ev_loop_new(EVFLAG_AUTO);
    static struct desk d;
    d.loop = loop;
    d.count = 0;
    assert_int_equal(pmemd_open("pmemd://127.0.0.1:1/demo", NULL, &d.c), 0);
    desk_attach(&d);
    assert_true(desk_idle(&d, 500) <= 100);
    assert_int_equal(d.count, 0);
    pmemd_ev_detach(d.b);
    pmemd_close(d.c);
    ev_run(loop, 0);
    ev_loop_destroy(loop);
}

/* Exit code 0 if all is as the contract says. */
static int
in_child(struct desk *d)
{
    struct pmemd_ev *b = NULL;
    ev_loop_fork(d->loop);
    if (desk_idle(d, 200) > 5 || d->count != 0)
        return 1;
    if (pmemd_ev_attach(d->loop, d->c, desk_note, d, &b) != PMEMD_E_FORKED || b != NULL)
        return 2;
    pmemd_ev_detach(d->b);
    pmemd_forked(d->c);
    return ev_run(d->loop, 0) ? 3 : 0;
}

/* The descriptor is shared, and becomes readable in the child when the parent gets an answer. */
static void
fork__the_child_is_silent(void **state)
{
    (void)state;
    static struct desk d;
    int status = -1;
    desk_up(&d, FAKE_UNIX, NULL);
    desk_connect(&d);
    const pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0)
        _exit(in_child(&d));
    for (unsigned i = 0; i < 20; i++) {
        desk_read(&d, i, 0);
        (void)desk_idle(&d, 10);
    }
    desk_run(&d, 40);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    desk_read(&d, 99, 0); /* what the child did has not hurt the parent */
    desk_run(&d, 42);
    desk_down(&d);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(link__comes_back),
        cmocka_unit_test(link__refused_is_the_end),
        cmocka_unit_test(link__nobody_listens),
        cmocka_unit_test(fork__the_child_is_silent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
