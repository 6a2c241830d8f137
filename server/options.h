/* SPDX-License-Identifier: BSD-3-Clause */
/* The command line of pmemd. */
#ifndef SERVER_OPTIONS_H
#define SERVER_OPTIONS_H

#include "server/config.h"

#define OPTIONS_SERVE (-1)

/*
 * Do what the command line asks for: OPTIONS_SERVE with *cfg complete when that is to serve;
 * else everything is done (help, version, --check-config, --print-config: on `out`) or wrong (a
 * sentence on `err`), and the exit code is returned.
 */
int options_run(int argc, char *const argv[], struct config *cfg, FILE *out, FILE *err)
    __attribute__((warn_unused_result));

#endif
