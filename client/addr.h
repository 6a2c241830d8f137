/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The addresses behind a URI, one after the other, in rounds. Numeric hosts at once; names
 * through a lookup that the C library does beside us, so that nothing here blocks.
 */
#ifndef PMI_CLIENT_ADDR_H
#define PMI_CLIENT_ADDR_H

#include "common/uri.h"

#include <netdb.h>
#include <stdbool.h>
#include <sys/socket.h>

/* What the C library writes to while a lookup runs; outlives its owner if need be. */
struct addr_lookup;

struct addr_walk {
    const struct pmi_uri *uri;  /* borrowed for life */
    uint32_t host;              /* index of the present one */
    struct addrinfo *found;     /* owned: addresses of the present host */
    struct addrinfo *next;      /* in `found`: the next to try */
    struct addr_lookup *lookup; /* owned: of the present host, still running */
    bool unix_given;
    char why[128]; /* why the last lookup failed */
};

void addr_init(struct addr_walk *w, const struct pmi_uri *uri);

/* Waits for a running lookup that cannot be called off. `forked`: leave it to the parent. */
void addr_fini(struct addr_walk *w, bool forked);

/* Start a new round at the first host. */
void addr_rewind(struct addr_walk *w);

/* Skip what is left of the present host. */
void addr_skip_host(struct addr_walk *w);

/*
 * The next address of the round.
 * Returns 1 with *ret, *ret_len set; 0 = the round is over; -EINPROGRESS = a lookup runs, ask
 * again in some milliseconds; PMEMD_E_RESOLVE = a host's name was not found (`why`), ask again
 * for the next host.
 */
__attribute__((warn_unused_result)) int
addr_next(struct addr_walk *w, struct sockaddr_storage *ret, socklen_t *ret_len);

#endif
