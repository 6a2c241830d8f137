/* SPDX-License-Identifier: BSD-3-Clause */
/* Old sockets and their last notifications. A reset one is always "ready" for epoll, so these
 * are polled by the clock; mostly the kernel lets go within the reset itself. */
#include "client/graves.h"

#include "client/net.h"
#include "common/assert.h"
#include "common/checked.h"
#include "common/clock.h"

#include <unistd.h>

#define WAIT_MIN_NS (PMI_NS_PER_MS / 2)
#define WAIT_MAX_NS (50 * PMI_NS_PER_MS)

pmi_static_assert(GRAVES_MAX <= 8); /* bits of a byte */

uint8_t
graves_bury(struct graves *g, int fd, const struct zc *z, uint64_t now_ns)
{
    pmi_assert(graves_room(g));
    unsigned i = 0;
    while ((g->used & 1u << i) != 0)
        i++;
    net_reset(fd);
    g->used = (uint8_t)(g->used | 1u << i);
    g->at[i] = (struct grave){.fd = fd, .due_ns = now_ns, .wait_ns = WAIT_MIN_NS, .zc = *z};
    return (uint8_t)(1u << i);
}

uint8_t
graves_poll(struct graves *g, uint64_t now_ns, struct zc_stats *stats)
{
    uint8_t empty = 0;
    for (unsigned i = 0; i < GRAVES_MAX; i++) {
        struct grave *at = &g->at[i];
        if ((g->used & 1u << i) == 0 || now_ns < at->due_ns)
            continue;
        (void)zc_collect(&at->zc, at->fd, now_ns, stats);
        if (zc_owed(&at->zc) > 0) {
            at->due_ns = pmi_deadline_ns(now_ns, at->wait_ns);
            at->wait_ns = pmi_min_u64(at->wait_ns * 2, WAIT_MAX_NS);
            continue;
        }
        (void)close(at->fd);
        empty = (uint8_t)(empty | 1u << i);
    }
    g->used = (uint8_t)(g->used & ~empty);
    return empty;
}

uint64_t
graves_due_ns(const struct graves *g)
{
    uint64_t due = UINT64_MAX;
    for (unsigned i = 0; i < GRAVES_MAX; i++) {
        if ((g->used & 1u << i) != 0)
            due = pmi_min_u64(due, g->at[i].due_ns);
    }
    return due;
}

void
graves_fini(struct graves *g)
{
    for (unsigned i = 0; i < GRAVES_MAX; i++) {
        if ((g->used & 1u << i) != 0)
            (void)close(g->at[i].fd);
    }
    g->used = 0;
}
