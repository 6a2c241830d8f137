/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * How a connection's reply payload leaves: the controller that picks zero-copy or copying sends
 * by size and by what the kernel reports, and can say why. Pure: no I/O, no clock of its own.
 *
 * A new TCP connection probes: zero-copy out of plain addresses (never fixed: on a path that
 * copies, a fixed huge-folio send stalls the receiver's window). PATH_PROBE_GOOD notifications
 * without the copied flag promote it; PATH_PROBE_BAD with it demote it to copying (in a row, once
 * promoted), and it probes again after 1 s, doubling to 60 s, when every earlier notification has
 * come. Late notifications demote too. A minute of zero-copy makes the next wait 1 s again.
 */
#ifndef SERVER_CONN_PATH_H
#define SERVER_CONN_PATH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum path_mode { PATH_COPY, PATH_PROBE, PATH_ZC };
enum path_policy { PATH_AUTO, PATH_FORCE_COPY, PATH_FORCE_ZC };
enum path_why {
    PATH_WHY_NONE,       /* zero-copy is in use */
    PATH_WHY_UNIX,       /* Unix sockets have no zero-copy send */
    PATH_WHY_KERNEL,     /* the kernel has no SEND_ZC */
    PATH_WHY_CONFIG,     /* switched off */
    PATH_WHY_COPIED,     /* the kernel reported that it copied (loopback, veth, ...) */
    PATH_WHY_LATE,       /* notifications came too late */
    PATH_WHY_UNREPORTED, /* loopback peer and a kernel without usage reports */
    PATH_WHY_PROBING,    /* not decided yet */
};

#define PATH_PROBE_GOOD 4u
#define PATH_PROBE_BAD 2u
#define PATH_RETRY_MIN_NS 1000000000ull
#define PATH_RETRY_MAX_NS 60000000000ull
#define PATH_LATE_NS 2000000000ull

struct path_config {
    enum path_policy policy;
    bool is_tcp, is_loopback, has_zc, has_report;
    uint32_t zc_min; /* smallest payload sent zero-copy, bytes */
};

struct path {
    enum path_mode mode;
    enum path_why why;
    struct path_config cfg;
    uint32_t good, bad;      /* reports in this probe; once promoted, bad: copied in a row */
    uint32_t sends_out;      /* sends we said yes to, whose report is awaited */
    uint64_t retry_at_ns;    /* demoted: probe again then; UINT64_MAX = never */
    uint64_t retry_ns;       /* how long the next demotion lasts */
    uint64_t promoted_at_ns; /* when zero-copy began */
};

void path_init(struct path *p, const struct path_config *cfg, uint64_t now_ns);

/* Send this payload zero-copy? Each yes must be followed by exactly one path_report(). While
 * probing, few are in flight at a time; a demoted path starts to probe here when it is time. */
bool path_pick(struct path *p, uint64_t payload_len, uint64_t now_ns);

/* Fixed buffers may be used: only when promoted, never while probing, and not on the word of a
 * kernel without usage reports, which cannot tell that it copies (unless forced). */
bool path_may_fix(const struct path *p);

/* A notification came (or the send failed: failed = true, counts as nothing). `late_ns` is how
 * long the kernel held the bytes. Returns true when the mode changed: log it. */
bool path_report(struct path *p, bool failed, bool copied, uint64_t late_ns, uint64_t now_ns);

const char *path_why_text(const struct path *p); /* "" while zero-copy is in use */
const char *path_mode_name(enum path_mode m);

#endif
