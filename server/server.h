/* SPDX-License-Identifier: BSD-3-Clause */
/* The daemon after its configuration is settled. */
#ifndef SERVER_SERVER_H
#define SERVER_SERVER_H

#include "server/config.h"

enum server_exit {
    SERVER_OK = 0,
    SERVER_FAILED = 1,
    SERVER_USAGE = 2,       /* options or configuration are wrong */
    SERVER_HOST_CANNOT = 3, /* this host lacks something; the sentence says how to get it */
    SERVER_REFUSED = 4,     /* not built into this version, or less durable than required */
};

/* Opens regions, starts the shards, serves until SIGTERM or SIGINT. Returns an exit code. */
int server_run(const struct config *cfg);

#endif
