/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * libpmemd-ev: a client in a libev loop, with a callback for each event.
 *
 * Attach a client to a loop, and the loop drives it: requests submitted anywhere in the loop's
 * thread leave before the loop sleeps next, deadlines and reconnects need no help, and every
 * event of the client comes once, in order, to one callback. Any number of clients can be in
 * one loop. There is no thread and no global state inside.
 *
 *   Threads    a binding is used by the thread that runs its loop, which is then its client's
 *              thread too.
 *   Loops      a binding keeps ev_run() running, as one active watcher does; ev_unref() and
 *              ev_ref() change that. Each turn of the loop looks at each binding once, which
 *              takes about a tenth of a microsecond.
 *   Timers     are rounded up to what the loop can do (libev's epoll backend: a millisecond);
 *              a deadline is seen that much late, and never waited for by spinning.
 *   fork       in a child a binding falls silent; detach it there, then pmemd_forked().
 *
 * Link with -lpmemd-ev -lpmemd -lev. Programs that include this header need not include ev.h.
 */
#ifndef PMEMD_LOOP_EV_H
#define PMEMD_LOOP_EV_H

#include <pmemd/pmemd.h>

#ifdef __cplusplus
extern "C" {
#endif

struct ev_loop; /* libev's: EV_DEFAULT, or what ev_loop_new() returned */
struct pmemd_ev;

/*
 * Let `loop` drive `c` and call `fn` for each of its events, those included that are waiting to
 * be reaped now. Does no I/O and calls nothing back: that begins with the loop's next turn.
 * A client has one binding at a time, and is not closed while it has one. The binding stays
 * when the client is refused for good; it is silent then.
 *
 * loop     borrowed until pmemd_ev_detach()
 * c        borrowed until pmemd_ev_detach(); a client aborted or refused is allowed
 * fn       gets `arg`, the binding, and an event that is borrowed for the call
 * *ret     set on success only; the caller owns it until pmemd_ev_detach()
 * Errors   PMEMD_E_ARG     a NULL among loop, c, fn and ret
 *          PMEMD_E_FORKED  the client belongs to the parent process
 *          -ENOMEM
 *
 * In the callback every call on the client is allowed: submit, cancel, abort, the blocking ones
 * (the loop stands still meanwhile), and so is pmemd_ev_detach() of this or another binding,
 * pmemd_close() once detached, and running the loop from within. What the callback submits
 * leaves when the events at hand have been delivered, so that many requests leave together.
 * Whoever reaps by himself takes those events away from the callback.
 */
PMEMD_API PMEMD_CHECK int pmemd_ev_attach(struct ev_loop *loop, struct pmemd_client *c,
                                          void (*fn)(void *arg, struct pmemd_ev *b,
                                                     const struct pmemd_event *event),
                                          void *arg, struct pmemd_ev **ret);

/*
 * Part a client from its loop and free the binding; no callback of it begins after this, also
 * when called by one. The client stays as it is, its requests in flight, and can be driven
 * otherwise, attached again, or closed. Never blocks. NULL is allowed.
 *
 * Events are reaped a few at a time, so a callback that detaches may leave some undelivered.
 * They are dropped, as pmemd_close() drops events; who goes on with the client takes them with
 * pmemd_ev_take() first.
 */
PMEMD_API void pmemd_ev_detach(struct pmemd_ev *b);

/*
 * In a callback: take events that were reaped together with the one at hand and would be
 * delivered next, oldest first. They will not be delivered. At any other time there are none.
 *
 * events   room for `max` records, `stride` bytes apart, as in pmemd_reap()
 * Returns  how many were filled, or PMEMD_E_ARG
 */
PMEMD_API PMEMD_CHECK int pmemd_ev_take(struct pmemd_ev *b, struct pmemd_event *events,
                                        size_t stride, unsigned max);

/* The client of a binding, borrowed. */
PMEMD_API struct pmemd_client *pmemd_ev_client(const struct pmemd_ev *b);

#ifdef __cplusplus
}
#endif
#endif
