/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * libpmemd: durable memory over the network, for C programs.
 *
 * A client is one region on one server, one session, used by one thread at a time; it keeps its
 * own connection and reconnects by itself. Requests are submitted and their completions reaped
 * as records; there is no loop and no thread inside. Nothing here blocks except the functions
 * under "Blocking calls".
 *
 * Rules that hold everywhere
 *   Results    0 or a count, or a negative error: a negated errno or a PMEMD_E_* (errors.h). A
 *              call that fails had no effect and brings no event.
 *   Sizes      bytes; offsets are bytes from the start of the region.
 *   Structs    those with a `size` member are filled by their *_init function first, which is
 *              how older programs keep working with newer libraries.
 *   Strings    UTF-8, NUL-terminated, borrowed for the call unless it says otherwise.
 *   Threads    a client belongs to one thread at a time; handing it over needs a happens-before
 *              edge (a mutex, a join). Different clients are independent.
 *   Signals    the library never raises SIGPIPE, installs no handler and prints nothing; see
 *              pmemd_set_log().
 *   fork       a client belongs to the process that opened it. In a child every call but
 *              pmemd_forked() returns PMEMD_E_FORKED.
 */
#ifndef PMEMD_H
#define PMEMD_H

#include <pmemd/errors.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define PMEMD_API __attribute__((visibility("default")))
#define PMEMD_CHECK __attribute__((warn_unused_result))
#else
#define PMEMD_API
#define PMEMD_CHECK
#endif

struct pmemd_client;

/* ---- Words that travel in the structs below ---------------------------------------------- */

/* What a request does. Verbs of the protocol that are not listed here are not built yet;
 * submitting any other number is refused with PMEMD_E_VERB. */
enum pmemd_verb {
    PMEMD_VERB_STAT = 3,  /* fills iov[0] with one struct pmemd_info, or counters, see flags */
    PMEMD_VERB_LIST = 4,  /* fills iov[0] with struct pmemd_info records, one per region in name
                           * order, as many as fit; the next one is `size` bytes further */
    PMEMD_VERB_READ = 16, /* extents -> iov: each extent as of one moment */
    PMEMD_VERB_WRITE = 17, /* iov -> extents: not atomic over a crash or a lost connection */
    PMEMD_VERB_ZERO = 18,  /* extents become zero bytes; no iov */
    PMEMD_VERB_FLUSH = 19  /* every write acked on any connection before this was submitted */
};

/* How far a request must have come before it is acknowledged. */
enum pmemd_level {
    PMEMD_LEVEL_RECEIVED = 0,  /* visible to every reader of the region */
    PMEMD_LEVEL_DURABLE = 1,   /* survives what the region's class promises */
    PMEMD_LEVEL_REPLICATED = 2 /* refused with PMEMD_E_LEVEL: replication is not built yet */
};

/* What "durable" means for a region. A higher number keeps every promise of a lower one. */
enum pmemd_class {
    PMEMD_CLASS_ANY = 0,          /* in a config: no requirement */
    PMEMD_CLASS_VOLATILE = 1,     /* gone when the server process ends */
    PMEMD_CLASS_RESTART_SAFE = 2, /* survives a restart of the server process */
    PMEMD_CLASS_POWER_SAFE = 3    /* survives a loss of power */
};

/* How a request ended, apart from why. */
enum pmemd_outcome {
    PMEMD_OK = 0,
    PMEMD_NOT_DONE = 1, /* surely no effect */
    PMEMD_UNKNOWN = 2   /* it may have happened, in part for WRITE and ZERO: repeat it */
};

/* Event kinds; the numbers are stable, unknown ones are to be ignored. */
enum pmemd_what {
    PMEMD_EV_DONE = 1,      /* a request ended; exactly one per accepted submit */
    PMEMD_EV_RELEASED = 2,  /* its iov memory is the caller's again; exactly one, never first */
    PMEMD_EV_CONNECTED = 3, /* the region is open (first time or again) */
    PMEMD_EV_LOST = 4,      /* the connection broke; `err` says why; reconnecting goes on */
    PMEMD_EV_REFUSED = 5    /* the server refused for good (`err`): no reconnect follows */
};

/* Flags of struct pmemd_req. */
#define PMEMD_REQ_COUNTERS 0x1u /* STAT: fill iov[0] with struct pmemd_counter records */

/* Flags of struct pmemd_config. */
#define PMEMD_CFG_CRC_ON 0x1u /* checksum payloads always */
#define PMEMD_CFG_CRC_OFF                                                                      \
    0x2u /* never for READ and WRITE; both clear: where bytes leave the host */
#define PMEMD_CFG_ZC_OFF 0x4u /* never MSG_ZEROCOPY */
#define PMEMD_CFG_ZC_ALWAYS                                                                    \
    0x8u /* keep MSG_ZEROCOPY even where the kernel copies (for tests) */

/* ---- Structs ----------------------------------------------------------------------------- */

struct pmemd_extent {
    uint64_t off, len; /* bytes from the region's start; len >= 1 */
};

struct pmemd_iov {
    void *data; /* the caller's memory; WRITE only reads it */
    uint64_t len;
};

struct pmemd_config {
    uint32_t size;               /* set by pmemd_config_init() */
    uint32_t flags;              /* PMEMD_CFG_* */
    uint32_t inflight_max;       /* requests queued or in flight: 1..4096, default 128 */
    uint32_t class_min;          /* enum pmemd_class; a region below it is refused */
    uint64_t connect_timeout_ns; /* per attempt, >= 1; default 5 s */
    uint64_t timeout_ns;         /* deadline of requests that name none; 0 = none (default) */
    uint64_t reconnect_ns; /* how long to keep reconnecting; default UINT64_MAX: for ever */
    uint64_t busy_poll_ns; /* spin this long in pmemd_wait() before sleeping; default 0 */
    uint64_t session[2];   /* 0,0 (default): make one; set to resume after a restart */
    uint64_t zc_min;       /* smallest WRITE payload for MSG_ZEROCOPY; default 32 KiB */
};

struct pmemd_req {
    uint32_t size;         /* set by pmemd_req_init() */
    uint32_t verb;         /* enum pmemd_verb */
    uint32_t flags;        /* PMEMD_REQ_* */
    uint32_t level;        /* enum pmemd_level; default RECEIVED */
    uint32_t extent_count; /* 1..extents_max of the server for READ, WRITE, ZERO; else 0 */
    uint32_t iov_count;    /* sum of iov bytes == sum of extent bytes for READ and WRITE */
    uint64_t timeout_ns;   /* relative; 0 = the config's */
    uint64_t seq;          /* reserved for exactly-once verbs; 0 */
    uint64_t cookie;       /* yours; comes back in the events */
    const struct pmemd_extent *extents; /* copied by submit */
    const struct pmemd_iov *iov; /* array copied; the bytes are borrowed until RELEASED */
    uint8_t trace[16];           /* carried to the server's logs; all zero = none */
};

struct pmemd_event {
    uint32_t size;       /* bytes filled by the library */
    uint32_t what;       /* enum pmemd_what */
    uint32_t outcome;    /* enum pmemd_outcome (DONE) */
    uint32_t level;      /* enum pmemd_level achieved (DONE) */
    uint32_t durability; /* enum pmemd_class of the region (DONE, CONNECTED) */
    int32_t err;         /* 0 or why not */
    uint64_t cookie;     /* of the request (DONE, RELEASED) */
    uint64_t bytes;      /* payload bytes moved (DONE) */
    uint64_t lsn, epoch; /* as of the ack (DONE) */
};

struct pmemd_info {
    uint32_t size;          /* bytes filled by the library */
    uint32_t durability;    /* enum pmemd_class */
    uint32_t shard;         /* which server thread owns the region */
    uint32_t flags;         /* PMEMD_INFO_* */
    uint64_t len;           /* bytes of the region */
    uint64_t page_size;     /* of the memory behind it */
    uint64_t fixed_buffers; /* registered with the kernel; 0 = plain operations */
    uint64_t connections;   /* that have the region open */
    uint64_t io_max, extents_max, zero_max; /* limits per request */
    uint64_t lsn, epoch;
    uint64_t bytes_zc;     /* sent by the server without any copy */
    uint64_t bytes_copied; /* sent by the server with the kernel's one copy */
    uint64_t bytes_direct; /* received straight into the region: the kernel's one copy */
    uint64_t
        bytes_staged; /* copied once more by the server (small payloads, waiting writers) */
    uint64_t bytes_unknown; /* sent zero-copy, the kernel did not say whether it copied */
    char name[129];
    char medium[16];      /* "mem" */
    char memory_kind[32]; /* "hugetlb-2M", "thp", "4K" */
    char why_copied[152]; /* a sentence; empty while zero-copy is in use */
};
#define PMEMD_INFO_CRC 0x1u /* this connection checksums payloads */

struct pmemd_counter {
    char name[48]; /* stable, dotted */
    char unit[16]; /* "bytes", "requests", "ns", ... */
    uint64_t value;
};

/* ---- Library ----------------------------------------------------------------------------- */

/* The library's version, "MAJOR.MINOR.PATCH". Static storage. Any thread. */
PMEMD_API const char *pmemd_version(void);

/* The text of a PMEMD_E_* or negated errno. Static or thread-local storage, valid until this
 * thread's next call. Never NULL. Any thread. */
PMEMD_API const char *pmemd_strerror(int err);

/*
 * Where the library's log lines go. The default is nowhere. `fn` may be called from any thread
 * that is inside a library call, must not call back into the library, and gets a line without
 * newline that is valid during the call only. level: 0 error, 1 warning, 2 info, 3 debug.
 * Set it before other threads use the library; NULL turns logging off.
 */
PMEMD_API void pmemd_set_log(void (*fn)(void *arg, int level, const char *line), void *arg);

/* Fill *cfg with every default. `size` is sizeof *cfg as the caller compiled it; a size this
 * library does not know (smaller than the first release's) leaves cfg->size 0, which
 * pmemd_open() refuses with PMEMD_E_ARG. */
PMEMD_API void pmemd_config_init(struct pmemd_config *cfg, size_t size);

/* The same for a request. */
PMEMD_API void pmemd_req_init(struct pmemd_req *req, size_t size);

/* ---- Life of a client -------------------------------------------------------------------- */

/*
 * Make a client for the region that `uri` names (docs: pmemd-uri). Does no I/O and never blocks;
 * connecting starts with the first call that drives the client. The first event is CONNECTED, or
 * REFUSED when name, class or rights do not fit.
 *
 * A URI without a region makes a client that can only LIST.
 *
 * cfg      borrowed for the call; NULL means every default.
 * *ret     set on success only; the caller owns it until pmemd_close() or pmemd_forked().
 * Errors   PMEMD_E_ARG          malformed uri, or a cfg field outside its range
 *          PMEMD_E_NEWER        cfg is larger than this library knows and not zero there
 *          PMEMD_E_UNSUPPORTED  pmemds:// (TLS) is not built into this version
 *          -ENOMEM, -EMFILE, -ENFILE   nothing was opened
 */
PMEMD_API PMEMD_CHECK int pmemd_open(const char *uri, const struct pmemd_config *cfg,
                                     struct pmemd_client **ret);

/*
 * End a client: waits (blocking, bounded by each request's deadline or connect_timeout_ns,
 * whichever is longer) until what is in flight has ended, aborts the rest, waits until the
 * kernel holds none of the caller's buffers, then frees the client. Events not reaped are lost,
 * buffers are the caller's again. NULL is allowed.
 */
PMEMD_API void pmemd_close(struct pmemd_client *c);

/*
 * Give up every request now: each still gets DONE (NOT_DONE if its bytes never left, else
 * UNKNOWN) with PMEMD_E_CANCELED, and RELEASED. The connection is dropped, not drained. The
 * client stays usable only for pmemd_reap() and pmemd_close(). Never blocks.
 */
PMEMD_API void pmemd_abort(struct pmemd_client *c);

/* In a forked child: free the child's copy without touching the parent's connection. */
PMEMD_API void pmemd_forked(struct pmemd_client *c);

/* The last error of this client in a sentence (with host names and reasons where known). Valid
 * until the next call on the client. Never NULL. */
PMEMD_API const char *pmemd_detail(const struct pmemd_client *c);

/* ---- Requests ---------------------------------------------------------------------------- */

/*
 * Queue a request. Never blocks; works before CONNECTED and while reconnecting. A request that
 * has not reached the server is sent again after a reconnect, and so is a READ, ZERO, FLUSH or
 * WRITE whose reply was lost (the same bytes to the same place), until its deadline.
 * Requests larger than the server's limits are cut by the library; an extent is then as of one
 * moment, or written, piece by piece.
 *
 * Errors   PMEMD_E_ARG     counts or lengths that do not fit together, NULL pointers, len 0
 *          PMEMD_E_VERB    verb not built into this version
 *          PMEMD_E_FLAG    unknown flag, or one this verb does not take
 *          PMEMD_E_LEVEL   unknown level, or REPLICATED
 *          PMEMD_E_RANGE   an extent past the region's end (only once connected; before that the
 *                          DONE event carries it)
 *          PMEMD_E_NEWER   req is larger than this library knows and not zero there
 *          PMEMD_E_STATE   after pmemd_abort(), or REFUSED, or a data verb without a region
 *          -EAGAIN         inflight_max requests are queued or in flight: reap first
 *          -ENOMEM
 */
PMEMD_API PMEMD_CHECK int pmemd_submit(struct pmemd_client *c, const struct pmemd_req *req);

/*
 * Stop waiting for every request with this cookie: each ends with PMEMD_E_CANCELED, NOT_DONE if
 * it never left, else UNKNOWN. Undoes nothing; RELEASED follows when the kernel has let go.
 * Returns how many were found.
 */
PMEMD_API int pmemd_cancel(struct pmemd_client *c, uint64_t cookie);

/*
 * Move the client's work on without blocking and take finished events.
 *
 * events   room for `max` records, `stride` bytes apart (sizeof(struct pmemd_event) as the
 *          caller compiled it)
 * Returns  how many were filled (0: none ready), or PMEMD_E_ARG / PMEMD_E_FORKED
 */
PMEMD_API PMEMD_CHECK int pmemd_reap(struct pmemd_client *c, struct pmemd_event *events,
                                     size_t stride, unsigned max);

/* ---- Any loop may drive it --------------------------------------------------------------- */

/* A descriptor, constant for the client's life, that is readable when pmemd_ready() has work.
 * Owned by the client: watch it (level-triggered), never read, write or close it. */
PMEMD_API int pmemd_fd(const struct pmemd_client *c);

/* How long the loop may sleep at most, in ns, before it must call pmemd_ready() even when the
 * descriptor stays quiet; UINT64_MAX = no limit. Changes with each call on the client. */
PMEMD_API uint64_t pmemd_wait_max_ns(const struct pmemd_client *c);

/* Do what can be done now without blocking. Returns the number of events ready to be reaped, or
 * PMEMD_E_FORKED. */
PMEMD_API int pmemd_ready(struct pmemd_client *c);

/* ---- Blocking calls ---------------------------------------------------------------------- */

/*
 * Drive the client until `min_events` events can be reaped or the time is over (UINT64_MAX =
 * no limit, 0 = do not block).
 * Returns  events ready (may be fewer than asked when the time is over), or PMEMD_E_FORKED;
 *          -EINTR when a signal handler ran.
 */
PMEMD_API int pmemd_wait(struct pmemd_client *c, unsigned min_events, uint64_t timeout_ns);

/*
 * One request from submit to RELEASED. *ret (may be NULL) gets its DONE event, ret_size is
 * sizeof *ret. Events of other requests stay queued. `req->cookie` is not used.
 * Returns 0, or the event's error: those of pmemd_submit(), PMEMD_E_TIMEOUT, PMEMD_E_LOST (when
 * reconnect_ns is over), PMEMD_E_CLASS, PMEMD_E_NOREGION, PMEMD_E_RIGHTS, PMEMD_E_CRC, ...
 */
PMEMD_API PMEMD_CHECK int pmemd_call(struct pmemd_client *c, const struct pmemd_req *req,
                                     struct pmemd_event *ret, size_t ret_size);

/* Read `len` bytes at `off` into `data`. Errors: those of pmemd_call(). */
PMEMD_API PMEMD_CHECK int pmemd_read(struct pmemd_client *c, uint64_t off, void *data,
                                     size_t len);

/* Store `len` bytes at `off`, acknowledged at `level`. Errors: those of pmemd_call(). */
PMEMD_API PMEMD_CHECK int pmemd_write(struct pmemd_client *c, uint64_t off, const void *data,
                                      size_t len, uint32_t level);

/* Make `len` bytes at `off` zero, acknowledged at `level`. Errors: those of pmemd_call(). */
PMEMD_API PMEMD_CHECK int pmemd_zero(struct pmemd_client *c, uint64_t off, uint64_t len,
                                     uint32_t level);

/* Make everything acknowledged on any connection so far durable, as the region's class says. */
PMEMD_API PMEMD_CHECK int pmemd_flush(struct pmemd_client *c);

/* What the server knows of the region, plus this client's view of how bytes travel. `size` is
 * sizeof *ret. Errors: those of pmemd_call(). */
PMEMD_API PMEMD_CHECK int pmemd_stat(struct pmemd_client *c, struct pmemd_info *ret,
                                     size_t size);

/* Block until the region is open. Returns 0, or why the server refused, or PMEMD_E_TIMEOUT. */
PMEMD_API PMEMD_CHECK int pmemd_connect(struct pmemd_client *c, uint64_t timeout_ns);

/* What HELLO and OPEN told, without I/O; PMEMD_E_STATE before the first CONNECTED. */
PMEMD_API PMEMD_CHECK int pmemd_info(const struct pmemd_client *c, struct pmemd_info *ret,
                                     size_t size);

/* How this client's own WRITE payload left: bytes zero-copy, copied, unknown. Any may be NULL. */
PMEMD_API void pmemd_sent(const struct pmemd_client *c, uint64_t *ret_zc, uint64_t *ret_copied,
                          uint64_t *ret_unknown);

#ifdef __cplusplus
}
#endif
#endif
