/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What liburing 2.3 does not declare yet. Numbers are the kernel's ABI; whether the running
 * kernel knows them is found by trying (ring_probe). Newer headers declare some as enumerators,
 * for which #ifndef is blind: a macro of the same value does no harm after them.
 */
#ifndef SERVER_OS_RING_COMPAT_H
#define SERVER_OS_RING_COMPAT_H

#include <liburing.h>
#include <stdint.h>

/* Zero-copy sends: the notification says whether bytes were copied (6.2). */
#ifndef IORING_SEND_ZC_REPORT_USAGE
#define IORING_SEND_ZC_REPORT_USAGE (1U << 3) /* in sqe->ioprio */
#endif
#ifndef IORING_NOTIF_USAGE_ZC_COPIED
#define IORING_NOTIF_USAGE_ZC_COPIED (1U << 31) /* in the notification's res */
#endif

/* 6.0; for SENDMSG_ZC 6.15. */
#ifndef IORING_RECVSEND_FIXED_BUF
#define IORING_RECVSEND_FIXED_BUF (1U << 2)
#endif

/* 5.19 and 6.0 */
#ifndef IORING_ACCEPT_MULTISHOT
#define IORING_ACCEPT_MULTISHOT (1U << 0)
#endif
#ifndef IORING_RECV_MULTISHOT
#define IORING_RECV_MULTISHOT (1U << 1)
#endif

/* Set-up flags of 5.18 (SUBMIT_ALL), 5.19 (COOP_TASKRUN), 6.0 and 6.1. */
#ifndef IORING_SETUP_SUBMIT_ALL
#define IORING_SETUP_SUBMIT_ALL (1U << 7)
#endif
#ifndef IORING_SETUP_COOP_TASKRUN
#define IORING_SETUP_COOP_TASKRUN (1U << 8)
#endif
#ifndef IORING_SETUP_SINGLE_ISSUER
#define IORING_SETUP_SINGLE_ISSUER (1U << 12)
#endif
#ifndef IORING_SETUP_DEFER_TASKRUN
#define IORING_SETUP_DEFER_TASKRUN (1U << 13)
#endif

/* Clone another ring's fixed buffers (6.12); into chosen slots of a filled table (6.13). */
#ifndef IORING_REGISTER_CLONE_BUFFERS
#define IORING_REGISTER_CLONE_BUFFERS 30
#endif
#ifndef IORING_REGISTER_DST_REPLACE
#define IORING_REGISTER_DST_REPLACE (1U << 1)
#endif

struct ring_clone_buffers { /* struct io_uring_clone_buffers */
    uint32_t src_fd;
    uint32_t flags;
    uint32_t src_off;
    uint32_t dst_off;
    uint32_t nr;
    uint32_t pad[3];
};
_Static_assert(sizeof(struct ring_clone_buffers) == 32, "kernel ABI");

/* Slots in one ring's table of fixed buffers. */
#ifndef IORING_MAX_REG_BUFFERS
#define IORING_MAX_REG_BUFFERS (1U << 14)
#endif

#endif
