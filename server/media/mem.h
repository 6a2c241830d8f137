/* SPDX-License-Identifier: BSD-3-Clause */
/* The medium "mem": memory of this host, the best kind that is to be had. For medium.c. */
#ifndef SERVER_MEDIA_MEM_H
#define SERVER_MEDIA_MEM_H

#include "server/media/medium.h"

int mem_open(const struct medium_config *cfg, struct medium **ret, char *why, size_t why_len)
    __attribute__((warn_unused_result));

#endif
