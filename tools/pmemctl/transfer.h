/* SPDX-License-Identifier: BSD-3-Clause */
/* The two verbs that move bytes. Each returns the exit code and has said what went wrong. */
#ifndef CTL_TRANSFER_H
#define CTL_TRANSFER_H

#include "tools/pmemctl/opts.h"

/* A record is due when so many bytes more are safe ... */
#define TRANSFER_CHECKPOINT_BYTES (UINT64_C(64) << 20)
/* ... and, unless --checkpoint was given, so much time has passed: making bytes safe costs. */
#define TRANSFER_CHECKPOINT_NS UINT64_C(1000000000)

int ctl_put(const struct ctl_opts *o) __attribute__((warn_unused_result));
int ctl_get(const struct ctl_opts *o) __attribute__((warn_unused_result));

#endif
