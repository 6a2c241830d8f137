/* SPDX-License-Identifier: BSD-3-Clause */
/* Which process opened a client, told without a system call per look. */
#ifndef PMI_CLIENT_FORK_H
#define PMI_CLIENT_FORK_H

#include <stdbool.h>
#include <stdint.h>

/* Number of this process among its ancestors as far as they use the library; 0 = the host
 * cannot say (then no fork is noticed). */
uint32_t fork_token(void);

/* True in a child of the process that got `token`. */
__attribute__((warn_unused_result)) bool fork_happened(uint32_t token);

#endif
