/* SPDX-License-Identifier: BSD-3-Clause */
/* Getting a client that is connected, within a bounded time. */
#ifndef TOOL_LINK_H
#define TOOL_LINK_H

#include <pmemd/pmemd.h>

/* What a server that is reached may take for one answer, on top of --timeout. */
#define TOOL_ANSWER_NS (UINT64_C(60) * UINT64_C(1000000000))

/* Every default, but with attempts and reconnecting bounded by timeout_ns. */
void tool_config(struct pmemd_config *ret, uint64_t timeout_ns);

/*
 * Open `uri` and, if it is to have a region, wait for it. Says on stderr what failed.
 *
 * info     NULL: a control connection will do, nothing is waited for; else filled
 * *ret     owned by the caller, set on success only
 * Returns TOOL_OK or the exit code.
 */
int tool_open(const char *uri, const struct pmemd_config *cfg, struct pmemd_info *info,
              struct pmemd_client **ret) __attribute__((warn_unused_result));

#endif
