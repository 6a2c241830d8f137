/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The names users type, parsed alike by the library and every tool:
 *
 *   pmemd://host[:7173][,host2[:port]...]/region?class=power-safe      pmemds:// with TLS
 *   pmemd+unix:///path/to.sock?region=NAME&class=restart-safe
 *
 * IPv6 stands in brackets; %HH is understood in host, region, path and query values. A URI
 * carries no secrets: a user part is refused. Without a region it is a control connection.
 */
#ifndef PMI_URI_H
#define PMI_URI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PMI_URI_PORT_DEFAULT 7173
#define PMI_URI_HOSTS_MAX 8
#define PMI_URI_HOST_BYTES 256    /* a DNS name is at most 253; NUL included */
#define PMI_URI_PATH_BYTES 108    /* what sockaddr_un holds, NUL included */
#define PMI_URI_TEXT_MAX 4096     /* longest URI, without its NUL */
#define PMI_REGION_NAME_BYTES 129 /* 1..128 characters and NUL */

enum pmi_uri_scheme {
    PMI_URI_TCP,
    PMI_URI_TLS,
    PMI_URI_UNIX,
};

/* The least durability class asked for, in rising order. */
enum pmi_uri_class {
    PMI_URI_CLASS_ANY,
    PMI_URI_CLASS_VOLATILE,
    PMI_URI_CLASS_RESTART_SAFE,
    PMI_URI_CLASS_POWER_SAFE,
};

struct pmi_uri_host {
    char name[PMI_URI_HOST_BYTES]; /* DNS name or address, without brackets */
    uint16_t port;                 /* 1..65535; its own or PMI_URI_PORT_DEFAULT */
    bool ipv6;                     /* was in brackets; may end in %zone */
};

struct pmi_uri {
    enum pmi_uri_scheme scheme;
    enum pmi_uri_class class_min;
    uint32_t host_count; /* 1..PMI_URI_HOSTS_MAX; 0 for PMI_URI_UNIX */
    struct pmi_uri_host hosts[PMI_URI_HOSTS_MAX];
    char path[PMI_URI_PATH_BYTES];      /* absolute; empty unless PMI_URI_UNIX */
    char region[PMI_REGION_NAME_BYTES]; /* empty: control connection */
};

/*
 * Parse `text`. Does no I/O and allocates nothing.
 *
 * ret      set on success only
 * why      gets one sentence on failure, terminated and cut to why_bytes; NULL with 0 for none.
 *          It names what is wrong, but repeats no value that could be a secret
 * Errors   PMEMD_E_ARG  text is NULL or not such a URI
 */
__attribute__((warn_unused_result)) int pmi_uri_parse(const char *text, struct pmi_uri *ret,
                                                      char *why, size_t why_bytes);

/* True if name matches [A-Za-z0-9][A-Za-z0-9._-]{0,127}. */
__attribute__((warn_unused_result)) bool pmi_region_name_ok(const char *name);

/* "volatile", "restart-safe", "power-safe"; "any" for PMI_URI_CLASS_ANY. */
__attribute__((warn_unused_result)) const char *pmi_uri_class_name(enum pmi_uri_class c);

#endif
