/* SPDX-License-Identifier: BSD-3-Clause */
/* Addresses in rounds. */
#include "client/addr.h"

#include "common/assert.h"

#include <errno.h>
#include <pmemd/errors.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

struct addr_lookup {
    struct gaicb cb;
    struct addrinfo hints;
    char port[8];
    char name[PMI_URI_HOST_BYTES];
};

static const struct addrinfo hints_common = {
    .ai_family = AF_UNSPEC,
    .ai_socktype = SOCK_STREAM,
    .ai_protocol = IPPROTO_TCP,
};

void
addr_init(struct addr_walk *w, const struct pmi_uri *uri)
{
    *w = (struct addr_walk){.uri = uri};
}

/* Call off a running lookup. Only a thread of the C library that is in the middle of it makes
 * us wait, because it will still write to our memory. */
static void
lookup_end(struct addr_walk *w)
{
    struct addr_lookup *l = w->lookup;
    if (l == NULL)
        return;
    w->lookup = NULL;
    struct gaicb *const list[1] = {&l->cb};
    if (gai_cancel(&l->cb) == EAI_NOTCANCELED) {
        while (gai_error(&l->cb) == EAI_INPROGRESS)
            (void)gai_suspend((const struct gaicb *const *)list, 1, NULL);
    }
    if (gai_error(&l->cb) == 0 && l->cb.ar_result != NULL)
        freeaddrinfo(l->cb.ar_result);
    free(l);
}

static void
forget_host(struct addr_walk *w)
{
    if (w->found != NULL)
        freeaddrinfo(w->found);
    w->found = w->next = NULL;
}

void
addr_fini(struct addr_walk *w, bool forked)
{
    if (!forked)
        lookup_end(w); /* in a child its thread does not exist: the memory is left alone */
    forget_host(w);
    *w = (struct addr_walk){0};
}

void
addr_rewind(struct addr_walk *w)
{
    lookup_end(w);
    forget_host(w);
    w->host = 0;
    w->unix_given = false;
}

void
addr_skip_host(struct addr_walk *w)
{
    forget_host(w);
    w->host++;
}

static int
next_unix(struct addr_walk *w, struct sockaddr_storage *ret, socklen_t *ret_len)
{
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    if (w->unix_given)
        return 0;
    w->unix_given = true;
    pmi_static_assert(sizeof un.sun_path >= PMI_URI_PATH_BYTES);
    memcpy(un.sun_path, w->uri->path, sizeof w->uri->path);
    memset(ret, 0, sizeof *ret);
    memcpy(ret, &un, sizeof un);
    *ret_len = sizeof un;
    return 1;
}

static int
not_found(struct addr_walk *w, const char *name, int gai)
{
    (void)snprintf(w->why, sizeof w->why, "%.80s: %s", name,
                   gai == EAI_SYSTEM ? "the resolver failed" : gai_strerror(gai));
    addr_skip_host(w);
    return PMEMD_E_RESOLVE;
}

/* Numeric at once (1 = found); else start a lookup. */
static int
lookup_start(struct addr_walk *w)
{
    const struct pmi_uri_host *h = &w->uri->hosts[w->host];
    struct addrinfo hints = hints_common;
    char port[8];
    (void)snprintf(port, sizeof port, "%u", (unsigned)h->port);
    hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV;
    int gai = getaddrinfo(h->name, port, &hints, &w->found);
    if (gai == 0) {
        w->next = w->found;
        return 1;
    }
    w->found = NULL;
    if (gai != EAI_NONAME || h->ipv6)
        return not_found(w, h->name, gai);
    struct addr_lookup *l = calloc(1, sizeof *l);
    if (l == NULL)
        return not_found(w, h->name, EAI_MEMORY);
    l->hints = hints_common;
    l->hints.ai_flags = AI_NUMERICSERV;
    memcpy(l->port, port, sizeof l->port);
    memcpy(l->name, h->name, sizeof l->name);
    l->cb = (struct gaicb){.ar_name = l->name, .ar_service = l->port, .ar_request = &l->hints};
    struct gaicb *list[1] = {&l->cb};
    gai = getaddrinfo_a(GAI_NOWAIT, list, 1, NULL);
    if (gai != 0) {
        free(l);
        return not_found(w, h->name, gai);
    }
    w->lookup = l;
    return -EINPROGRESS;
}

static int
lookup_poll(struct addr_walk *w)
{
    struct addr_lookup *l = w->lookup;
    const int gai = gai_error(&l->cb);
    if (gai == EAI_INPROGRESS)
        return -EINPROGRESS;
    w->lookup = NULL;
    w->found = w->next = gai == 0 ? l->cb.ar_result : NULL;
    const int rc = w->found != NULL ? 1 : not_found(w, l->name, gai != 0 ? gai : EAI_NONAME);
    free(l);
    return rc;
}

int
addr_next(struct addr_walk *w, struct sockaddr_storage *ret, socklen_t *ret_len)
{
    if (w->uri->scheme == PMI_URI_UNIX)
        return next_unix(w, ret, ret_len);
    while (w->next == NULL) {
        if (w->found != NULL)
            addr_skip_host(w);
        if (w->host >= w->uri->host_count)
            return 0;
        const int rc = w->lookup != NULL ? lookup_poll(w) : lookup_start(w);
        if (rc < 0)
            return rc;
    }
    const struct addrinfo *a = w->next;
    pmi_assert(a->ai_addrlen <= sizeof *ret);
    memcpy(ret, a->ai_addr, a->ai_addrlen);
    *ret_len = a->ai_addrlen;
    w->next = a->ai_next;
    return 1;
}
