/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The URI parser. The text is first cut at its separators, then each part is unescaped and
 * checked by its own function. Sentences name the part and the rule, never the part's content:
 * whoever mistypes a URI with a password in it should not find it in a log.
 */
#include "common/uri.h"

#include "common/assert.h"
#include "common/checked.h"
#include "common/log.h"

#include <pmemd/errors.h>

#include <arpa/inet.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define DNS_NAME_MAX 253
#define ZONE_MAX 15      /* an interface name */
#define KEY_SHOWN_MAX 48 /* of an unknown query key */

struct part {
    const char *at; /* borrowed from the text */
    size_t len;
};

struct parse {
    struct pmi_uri uri;
    char *why;
    size_t why_bytes;
    bool have_class, have_region;
};

static const struct {
    const char *name;
    enum pmi_uri_scheme scheme;
} schemes[] = {
    {"pmemd", PMI_URI_TCP},
    {"pmemds", PMI_URI_TLS},
    {"pmemd+unix", PMI_URI_UNIX},
};

static const char *const class_names[] = {
    [PMI_URI_CLASS_ANY] = "any",
    [PMI_URI_CLASS_VOLATILE] = "volatile",
    [PMI_URI_CLASS_RESTART_SAFE] = "restart-safe",
    [PMI_URI_CLASS_POWER_SAFE] = "power-safe",
};

static int refuse(struct parse *ps, const char *fmt, ...)
    __attribute__((format(printf, 2, 3), warn_unused_result));

/* Say why, and return the error. */
static int
refuse(struct parse *ps, const char *fmt, ...)
{
    if (ps->why_bytes > 0) {
        va_list ap;
        va_start(ap, fmt);
        (void)vsnprintf(ps->why, ps->why_bytes, fmt, ap);
        va_end(ap);
    }
    return PMEMD_E_ARG;
}

static bool
is_alnum(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

static bool
is_name_char(char c)
{
    return is_alnum(c) || c == '.' || c == '_' || c == '-';
}

static bool
all_name_chars(const char *s)
{
    while (is_name_char(*s))
        s++;
    return *s == '\0';
}

static bool
part_is(struct part p, const char *word)
{
    return p.len == strlen(word) && memcmp(p.at, word, p.len) == 0;
}

/* Cut *rest at the first `sep`: return what is before, leave what is after (empty if none). */
static struct part
cut(struct part *rest, char sep, bool *ret_found)
{
    const char *hit = rest->len == 0 ? NULL : memchr(rest->at, sep, rest->len);
    *ret_found = hit != NULL;
    if (hit == NULL) {
        const struct part all = *rest;
        *rest = (struct part){.at = all.at + all.len, .len = 0};
        return all;
    }
    const struct part before = {.at = rest->at, .len = (size_t)(hit - rest->at)};
    *rest = (struct part){.at = hit + 1, .len = rest->len - before.len - 1};
    return before;
}

static int
hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

/* Resolve %HH into dst, terminated. `what` names the part in sentences. */
static int
unescape(struct parse *ps, struct part in, const char *what, char *dst, size_t dst_bytes)
{
    size_t n = 0;
    for (size_t i = 0; i < in.len; i++) {
        int c = (unsigned char)in.at[i];
        if (c == '%') {
            if (in.len - i < 3 || hex_digit(in.at[i + 1]) < 0 || hex_digit(in.at[i + 2]) < 0)
                return refuse(ps, "in the %s, '%%' must be followed by two hex digits", what);
            c = hex_digit(in.at[i + 1]) * 16 + hex_digit(in.at[i + 2]);
            i += 2;
        }
        if (c < 0x20 || c == 0x7f)
            return refuse(ps, "the %s holds a control character", what);
        if (n + 1 >= dst_bytes)
            return refuse(ps, "the %s is longer than %zu bytes", what, dst_bytes - 1);
        dst[n++] = (char)c;
    }
    dst[n] = '\0';
    return 0;
}

static int
parse_port(struct parse *ps, struct part p, unsigned host, uint16_t *ret)
{
    uint32_t port = 0;
    for (size_t i = 0; i < p.len; i++) {
        if (p.at[i] < '0' || p.at[i] > '9' || port > UINT16_MAX)
            port = UINT16_MAX + 1; /* stays out of range */
        else
            port = port * 10 + (uint32_t)(p.at[i] - '0');
    }
    if (port == 0 || port > UINT16_MAX)
        return refuse(ps, "the port of host %u is not a number from 1 to 65535", host);
    *ret = (uint16_t)port;
    return 0;
}

/* An address in brackets, perhaps with a zone: "fe80::1%eth0" once unescaped. */
static int
check_ipv6(struct parse *ps, const char *name, unsigned host)
{
    char address[INET6_ADDRSTRLEN];
    struct in6_addr unused;
    const size_t len = strcspn(name, "%");
    const char *zone = name[len] == '%' ? name + len + 1 : NULL;
    if (zone != NULL && (*zone == '\0' || strlen(zone) > ZONE_MAX || !all_name_chars(zone)))
        return refuse(ps, "the zone of host %u is not an interface name", host);
    if (len >= sizeof address)
        return refuse(ps, "host %u is not an IPv6 address", host);
    memcpy(address, name, len);
    address[len] = '\0';
    if (inet_pton(AF_INET6, address, &unused) != 1)
        return refuse(ps, "host %u is not an IPv6 address", host);
    return 0;
}

static int
check_name(struct parse *ps, const char *name, unsigned host)
{
    if (name[0] == '\0')
        return refuse(ps, "host %u has no name", host);
    if (!all_name_chars(name) || !(is_alnum(name[0]) || name[0] == '_'))
        return refuse(ps, "host %u is neither a DNS name nor an IPv4 address", host);
    if (strlen(name) > DNS_NAME_MAX)
        return refuse(ps, "the name of host %u is longer than %d bytes", host, DNS_NAME_MAX);
    return 0;
}

/* One of host, host:port, [address], [address]:port. */
static int
parse_host(struct parse *ps, struct part p)
{
    if (ps->uri.host_count == PMI_URI_HOSTS_MAX)
        return refuse(ps, "there are more than %d hosts", PMI_URI_HOSTS_MAX);
    struct pmi_uri_host *h = &ps->uri.hosts[ps->uri.host_count];
    const unsigned number = ps->uri.host_count + 1;
    struct part name;
    bool has_port, closed = true;
    h->ipv6 = p.len > 0 && p.at[0] == '[';
    if (h->ipv6) {
        p = (struct part){.at = p.at + 1, .len = p.len - 1};
        name = cut(&p, ']', &closed);
        if (!closed || (p.len > 0 && p.at[0] != ':'))
            return refuse(ps, "the brackets of host %u do not close before its port", number);
        has_port = p.len > 0;
        if (has_port)
            p = (struct part){.at = p.at + 1, .len = p.len - 1};
    } else {
        name = cut(&p, ':', &has_port);
        if (p.len > 0 && memchr(p.at, ':', p.len) != NULL)
            return refuse(ps, "host %u has two colons; IPv6 stands in brackets", number);
    }
    int rc = unescape(ps, name, "host", h->name, sizeof h->name);
    if (rc == 0)
        rc = h->ipv6 ? check_ipv6(ps, h->name, number) : check_name(ps, h->name, number);
    h->port = PMI_URI_PORT_DEFAULT;
    if (rc == 0 && has_port)
        rc = parse_port(ps, p, number, &h->port);
    if (rc == 0)
        ps->uri.host_count++;
    return rc;
}

static int
parse_hosts(struct parse *ps, struct part rest)
{
    if (rest.len > 0 && memchr(rest.at, '@', rest.len) != NULL)
        return refuse(ps, "a URI carries no user or password (the part before '@')");
    bool more = true;
    while (more) {
        const struct part host = cut(&rest, ',', &more);
        const int rc = parse_host(ps, host);
        if (rc < 0)
            return rc;
    }
    pmi_assert(ps->uri.host_count > 0);
    return 0;
}

static int
parse_region(struct parse *ps, struct part p)
{
    int rc = unescape(ps, p, "region name", ps->uri.region, sizeof ps->uri.region);
    if (rc < 0)
        return rc;
    if (ps->uri.region[0] != '\0' && !pmi_region_name_ok(ps->uri.region))
        return refuse(ps, "a region name is letters, digits, '.', '_' and '-', and starts with "
                          "a letter or digit");
    return 0;
}

static int
parse_socket_path(struct parse *ps, struct part p)
{
    int rc = unescape(ps, p, "socket path", ps->uri.path, sizeof ps->uri.path);
    if (rc < 0)
        return rc;
    const size_t len = strlen(ps->uri.path);
    if (ps->uri.path[0] != '/' || ps->uri.path[len - 1] == '/')
        return refuse(ps, "pmemd+unix:// is followed by the absolute path of a socket");
    return 0;
}

static int
parse_class(struct parse *ps, struct part value)
{
    for (size_t i = PMI_URI_CLASS_VOLATILE; i <= PMI_URI_CLASS_POWER_SAFE; i++) {
        if (part_is(value, class_names[i])) {
            ps->uri.class_min = (enum pmi_uri_class)i;
            return 0;
        }
    }
    return refuse(ps, "class is one of volatile, restart-safe and power-safe");
}

/* One key=value. */
static int
parse_option(struct parse *ps, struct part value)
{
    bool has_value;
    const struct part key = cut(&value, '=', &has_value);
    const bool is_class = part_is(key, "class");
    const bool is_region = part_is(key, "region");
    if (!is_class && !is_region) {
        char shown[KEY_SHOWN_MAX];
        return refuse(ps, "the query key '%s' is unknown",
                      pmi_log_escape(shown, sizeof shown, key.at, key.len));
    }
    const char *name = is_class ? "class" : "region";
    bool *have = is_class ? &ps->have_class : &ps->have_region;
    if (*have)
        return refuse(ps, "the query key '%s' is given twice", name);
    *have = true;
    if (!has_value || value.len == 0)
        return refuse(ps, "the query key '%s' has no value", name);
    if (is_class) {
        char text[sizeof "restart-safe" + 8];
        const int rc = unescape(ps, value, "class", text, sizeof text);
        return rc < 0 ? rc : parse_class(ps, (struct part){.at = text, .len = strlen(text)});
    }
    if (ps->uri.scheme != PMI_URI_UNIX)
        return refuse(ps, "the region stands in the path; the query key 'region' is for "
                          "pmemd+unix://");
    return parse_region(ps, value);
}

static int
parse_query(struct parse *ps, struct part rest)
{
    bool more = true;
    while (more) {
        const struct part option = cut(&rest, '&', &more);
        const int rc = parse_option(ps, option);
        if (rc < 0)
            return rc;
    }
    return 0;
}

/* What is between the scheme's "://" and the query. */
static int
parse_place(struct parse *ps, struct part p)
{
    if (ps->uri.scheme == PMI_URI_UNIX) {
        if (p.len == 0 || p.at[0] != '/')
            return refuse(ps, "pmemd+unix:// is followed by the absolute path of a socket");
        return parse_socket_path(ps, p);
    }
    bool has_path;
    const struct part hosts = cut(&p, '/', &has_path);
    const int rc = parse_hosts(ps, hosts);
    return rc < 0 ? rc : parse_region(ps, p);
}

static int
parse_scheme(struct parse *ps, struct part *rest)
{
    bool found;
    const struct part scheme = cut(rest, ':', &found);
    if (found && rest->len >= 2 && memcmp(rest->at, "//", 2) == 0) {
        *rest = (struct part){.at = rest->at + 2, .len = rest->len - 2};
        for (size_t i = 0; i < sizeof schemes / sizeof schemes[0]; i++) {
            if (scheme.len == strlen(schemes[i].name) &&
                strncasecmp(scheme.at, schemes[i].name, scheme.len) == 0) {
                ps->uri.scheme = schemes[i].scheme;
                return 0;
            }
        }
    }
    return refuse(ps, "a URI starts with pmemd://, pmemds:// or pmemd+unix://");
}

static int
parse_text(struct parse *ps, const char *text)
{
    const size_t len = text == NULL ? 0 : strnlen(text, PMI_URI_TEXT_MAX + 1);
    if (len == 0)
        return refuse(ps, "the URI is empty");
    if (len > PMI_URI_TEXT_MAX)
        return refuse(ps, "the URI is longer than %d bytes", PMI_URI_TEXT_MAX);
    for (size_t i = 0; i < len; i++) {
        const unsigned char c = (unsigned char)text[i];
        if (c <= 0x20 || c >= 0x7f)
            return refuse(ps, "byte %zu of the URI must be written as %%HH", i + 1);
    }
    struct part rest = {.at = text, .len = len};
    int rc = parse_scheme(ps, &rest);
    if (rc < 0)
        return rc;
    if (memchr(rest.at, '#', rest.len) != NULL)
        return refuse(ps, "a URI has no fragment; '#' is written as %%23");
    bool has_query;
    const struct part place = cut(&rest, '?', &has_query);
    rc = parse_place(ps, place);
    if (rc == 0 && has_query)
        rc = parse_query(ps, rest);
    return rc;
}

int
pmi_uri_parse(const char *text, struct pmi_uri *ret, char *why, size_t why_bytes)
{
    pmi_assert(ret != NULL);
    pmi_assert(why != NULL || why_bytes == 0);
    struct parse ps = {.why = why, .why_bytes = why_bytes};
    const int rc = parse_text(&ps, text);
    if (rc == 0)
        *ret = ps.uri;
    return rc;
}

bool
pmi_region_name_ok(const char *name)
{
    const size_t len = strnlen(name, PMI_REGION_NAME_BYTES);
    return len > 0 && len < PMI_REGION_NAME_BYTES && is_alnum(name[0]) && all_name_chars(name);
}

const char *
pmi_uri_class_name(enum pmi_uri_class c)
{
    pmi_assert(c <= PMI_URI_CLASS_POWER_SAFE);
    return class_names[c];
}
