/* SPDX-License-Identifier: BSD-3-Clause */
/* Store blocks in a region and read them back, some at a time, under libev. One callback gets
 * every event; the cookie of a request says which of the lanes it belongs to. */
#include <ev.h>
#include <pmemd/loop_ev.h>
#include <stdio.h>
#include <string.h>

#define BLOCKS 256u
#define BYTES 4096u
#define LANES 8u

struct lane {
    unsigned block;   /* the one it is busy with */
    int stored;       /* it is being read back */
    char data[BYTES]; /* the library's from submit to RELEASED */
};

struct job {
    struct pmemd_client *client;
    struct pmemd_ev *binding;
    unsigned started, compared;
    int err;
    struct lane lanes[LANES];
};

static int
submit(struct job *j, unsigned at)
{
    struct lane *l = &j->lanes[at];
    const struct pmemd_extent where = {.off = (uint64_t)l->block * BYTES, .len = BYTES};
    const struct pmemd_iov memory = {.data = l->data, .len = BYTES};
    struct pmemd_req req;
    pmemd_req_init(&req, sizeof req);
    req.verb = l->stored ? PMEMD_VERB_READ : PMEMD_VERB_WRITE;
    req.extents = &where;
    req.iov = &memory;
    req.extent_count = req.iov_count = 1;
    req.cookie = at;
    memset(l->data, l->stored ? 0 : (int)(l->block % 251 + 1), BYTES);
    return pmemd_submit(j->client, &req);
}

/* The lane's memory is ours again: compare and go on. */
static int
next(struct job *j, unsigned at)
{
    struct lane *l = &j->lanes[at];
    l->stored = !l->stored;
    if (!l->stored) { /* it has been read back */
        const char want = (char)(l->block % 251 + 1);
        if (l->data[0] != want || memcmp(l->data, l->data + 1, BYTES - 1) != 0)
            return PMEMD_E_CRC;
        j->compared++;
        if (j->started == BLOCKS)
            return 0;
        l->block = j->started++;
    }
    return submit(j, at);
}

static void
on_event(void *arg, struct pmemd_ev *b, const struct pmemd_event *event)
{
    struct job *j = arg;
    int err = 0;
    if (event->what == PMEMD_EV_DONE || event->what == PMEMD_EV_REFUSED)
        err = event->err;
    else if (event->what == PMEMD_EV_RELEASED)
        err = next(j, (unsigned)event->cookie);
    if (err != 0)
        j->err = err;
    if (j->err != 0 || j->compared == BLOCKS) {
        pmemd_ev_detach(b); /* nothing is left in the loop: ev_run() returns */
        j->binding = NULL;
    }
}

int
main(int argc, char **argv)
{
    static struct job j;
    struct pmemd_config cfg;
    pmemd_config_init(&cfg, sizeof cfg);
    cfg.timeout_ns = 10000000000; /* a server that is away is waited for so long */
    j.err = pmemd_open(argc > 1 ? argv[1] : "pmemd://127.0.0.1/demo", &cfg, &j.client);
    if (j.err == 0)
        j.err = pmemd_ev_attach(EV_DEFAULT, j.client, on_event, &j, &j.binding);
    while (j.err == 0 && j.started < LANES) {
        j.lanes[j.started].block = j.started;
        j.err = submit(&j, j.started);
        j.started++;
    }
    if (j.err == 0)
        ev_run(EV_DEFAULT, 0);
    if (j.err == 0)
        printf("%u blocks stored, read back and compared\n", j.compared);
    else
        printf("%s\n%s\n", pmemd_strerror(j.err), j.client ? pmemd_detail(j.client) : "");
    pmemd_ev_detach(j.binding); /* NULL is allowed */
    pmemd_close(j.client);
    return j.err != 0;
}
