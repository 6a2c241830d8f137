/* SPDX-License-Identifier: BSD-3-Clause */
/* The verbs that ask and tell: list, stat, flush. Each returns the exit code. */
#ifndef CTL_SHOW_H
#define CTL_SHOW_H

#include "tools/pmemctl/opts.h"

#include <jansson.h>
#include <pmemd/pmemd.h>
#include <stdio.h>

int ctl_list(const struct ctl_opts *o) __attribute__((warn_unused_result));
int ctl_stat(const struct ctl_opts *o) __attribute__((warn_unused_result));
int ctl_flush(const struct ctl_opts *o) __attribute__((warn_unused_result));

/* A region as an object; the caller owns it. NULL: no memory. */
json_t *show_info_json(const struct pmemd_info *info) __attribute__((warn_unused_result));

/* The same in words, a line per fact. */
void show_info_text(FILE *f, const struct pmemd_info *info);

#endif
