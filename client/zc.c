/* SPDX-License-Identifier: BSD-3-Clause */
/* Zero-copy sends: their notifications, and the controller. */
#include "client/zc.h"

#include "common/assert.h"
#include "common/checked.h"
#include "common/clock.h"

/* linux/errqueue.h wants struct timespec. */
#include <time.h>

#include <linux/errqueue.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#define PAUSE_MIN_NS PMI_NS_PER_S
#define PAUSE_MAX_NS (60 * PMI_NS_PER_S)

pmi_static_assert((ZC_SENDS_MAX & (ZC_SENDS_MAX - 1)) == 0);

void
zc_init(struct zc *z, bool usable, bool always)
{
    *z = (struct zc){.mode = !usable  ? ZC_OFF
                             : always ? ZC_ON
                                      : ZC_PROBE,
                     .always = always,
                     .pause_ns = PAUSE_MIN_NS};
}

bool
zc_wanted(struct zc *z, uint64_t now_ns)
{
    if (z->mode == ZC_PAUSED && now_ns >= z->resume_ns) {
        z->mode = ZC_PROBE;
        z->copied_run = 0;
    }
    switch (z->mode) {
    case ZC_ON:
        return zc_owed(z) < ZC_SENDS_MAX;
    case ZC_PROBE:
        return zc_owed(z) < ZC_PROBES;
    case ZC_OFF:
    case ZC_PAUSED:
        break;
    }
    return false;
}

uint32_t
zc_count(struct zc *z, uint32_t payload_bytes, struct zc_stats *stats)
{
    pmi_assert(zc_owed(z) < ZC_SENDS_MAX);
    const uint32_t number = z->next++;
    z->bytes[number % ZC_SENDS_MAX] = payload_bytes;
    z->notified[number % ZC_SENDS_MAX] = false;
    stats->bytes_unknown += payload_bytes;
    return number;
}

/* What one report tells about the path. */
static void
judge(struct zc *z, bool copied, uint64_t now_ns)
{
    if (z->always || z->mode == ZC_PAUSED)
        return;
    if (!copied) {
        z->copied_run = 0;
        z->mode = ZC_ON;
        z->pause_ns = PAUSE_MIN_NS;
        return;
    }
    if (++z->copied_run < ZC_PROBES)
        return;
    z->mode = ZC_PAUSED;
    z->resume_ns = pmi_deadline_ns(now_ns, z->pause_ns);
    z->pause_ns = pmi_min_u64(z->pause_ns * 2, PAUSE_MAX_NS);
}

void
zc_notice(struct zc *z, uint32_t lo, uint32_t hi, bool copied, uint64_t now_ns,
          struct zc_stats *stats)
{
    /* The kernel's own count; a range outside what was sent would be about another socket. */
    pmi_assert(lo - z->first < zc_owed(z));
    pmi_assert(hi - lo < zc_owed(z) - (lo - z->first));
    for (uint32_t n = lo; n - lo <= hi - lo; n++) {
        const uint32_t at = n % ZC_SENDS_MAX;
        if (z->notified[at])
            continue;
        z->notified[at] = true;
        stats->bytes_unknown -= z->bytes[at];
        if (copied)
            stats->bytes_copied += z->bytes[at];
        else
            stats->bytes_zc += z->bytes[at];
        judge(z, copied, now_ns);
    }
    while (z->first != z->next && z->notified[z->first % ZC_SENDS_MAX])
        z->first++;
}

/* The zero-copy report in a message's control data, or NULL. */
static const struct sock_extended_err *
report_of(struct msghdr *m)
{
    for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c != NULL; c = CMSG_NXTHDR(m, c)) {
        const bool v4 = c->cmsg_level == SOL_IP && c->cmsg_type == IP_RECVERR;
        const bool v6 = c->cmsg_level == SOL_IPV6 && c->cmsg_type == IPV6_RECVERR;
        const struct sock_extended_err *e = (const void *)CMSG_DATA(c);
        if ((v4 || v6) && e->ee_origin == SO_EE_ORIGIN_ZEROCOPY && e->ee_errno == 0)
            return e;
    }
    return NULL;
}

bool
zc_collect(struct zc *z, int fd, uint64_t now_ns, struct zc_stats *stats)
{
    const uint32_t before = z->first;
    while (zc_owed(z) > 0) {
        union {
            char bytes[128];
            struct cmsghdr align;
        } control;
        struct msghdr m = {.msg_control = &control, .msg_controllen = sizeof control};
        if (recvmsg(fd, &m, MSG_ERRQUEUE | MSG_DONTWAIT) < 0)
            break;
        const struct sock_extended_err *e = report_of(&m);
        if (e != NULL)
            zc_notice(z, e->ee_info, e->ee_data, (e->ee_code & SO_EE_CODE_ZEROCOPY_COPIED) != 0,
                      now_ns, stats);
    }
    return z->first != before;
}
