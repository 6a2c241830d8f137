/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A page that the kernel zeroes in every child holds the number of the process. Comparing it
 * costs a load, and unlike a pthread_atfork() handler it also works for a bare clone().
 */
#include "client/fork.h"

#include "common/log.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <sys/mman.h>
#include <unistd.h>

static _Atomic uint32_t *page; /* NULL = none could be had; never unmapped */
static _Atomic uint32_t last;  /* the highest number given, inherited by children */
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void
page_make(void)
{
    /* A lock that another thread held at the fork would stay locked in the child's log. */
    (void)pthread_atfork(NULL, NULL, pmi_log_forked);
    const size_t bytes = (size_t)sysconf(_SC_PAGESIZE);
    void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED)
        return;
    if (madvise(p, bytes, MADV_WIPEONFORK) < 0) {
        (void)munmap(p, bytes);
        return;
    }
    page = p;
}

uint32_t
fork_token(void)
{
    if (pthread_once(&once, page_make) != 0 || page == NULL)
        return 0;
    uint32_t token = atomic_load(page);
    if (token == 0) {
        const uint32_t mine = atomic_fetch_add(&last, 1) + 1;
        if (atomic_compare_exchange_strong(page, &token, mine))
            token = mine;
    }
    return token;
}

bool
fork_happened(uint32_t token)
{
    return token != 0 && atomic_load_explicit(page, memory_order_relaxed) != token;
}
