/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Faults on demand: the n-th thing that can fail, fails. There is no list of fault points in the
 * code under test; a test arms the 1st, the 2nd, ... until a run meets none any more.
 *
 * A call (memory, descriptors, sockets, threads, io_uring set-up) returns an error it can return,
 * and is not made. An operation of a ring ends with a result the kernel can give, having done
 * nothing (or less than was asked): its submission entry is replaced on the way down, and its
 * completion on the way up.
 *
 * The program is linked with the library test_fault, which wraps all of them.
 */
#ifndef PMI_TEST_FAULT_H
#define PMI_TEST_FAULT_H

#include <stdbool.h>
#include <stdint.h>

enum fault_kind {
    FAULT_CALL,       /* with its first likely error */
    FAULT_CALL_OTHER, /* with its second, if it has one */
    FAULT_ECANCELED,
    FAULT_EAGAIN,
    FAULT_EINTR,
    FAULT_ENOBUFS,
    FAULT_ENOMEM,
    FAULT_EIO,
    FAULT_ECONNRESET,
    FAULT_EPIPE,
    FAULT_EOPNOTSUPP, /* of a zero-copy send */
    FAULT_EMFILE,     /* of an accept */
    FAULT_ECONNABORTED,
    FAULT_SHORT, /* a few bytes are sent or received instead of all */
    FAULT_KIND_N
};

enum fault_who {
    FAULT_MINE,   /* calls of the thread that arms */
    FAULT_OTHERS, /* of any other thread */
};

#define FAULT_POINTS_MAX 2000u /* a run with more of them does not end */

/* From now on the `nth` fault point (0 = the first) of that kind fails, once. */
void fault_arm(enum fault_kind kind, unsigned nth, enum fault_who who);

/* True if it has failed. */
bool fault_disarm(void);

/* What failed: the name of a call or operation; "" if nothing did. */
const char *fault_what(void);
const char *fault_kind_name(enum fault_kind kind);

/* Bytes that wrapped calls have mapped and not unmapped. */
int64_t fault_mapped(void);

#endif
