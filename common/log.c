/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The log. One lock covers the sink, the rate table and the line being made: lines are rare,
 * and a sink that sees one line at a time can be simple. Whether anybody listens is an atomic,
 * so that a line nobody wants costs one load.
 */
#include "common/log.h"

#include "common/assert.h"
#include "common/clock.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#define EVENTS_MAX 256 /* a power of two; names beyond it share a limit */
#define PROBES_MAX 8
#define LISTEN_NONE (-1)

struct event_rate {
    const char *name; /* borrowed for ever; NULL: free */
    uint64_t since_ns;
    uint64_t suppressed;
    unsigned lines; /* since since_ns */
};

struct line {
    char text[PMI_LOG_LINE_BYTES];
    size_t len; /* without the NUL */
    bool cut;
};

static const char *const level_names[] = {
    [PMI_LOG_ERROR] = "error",
    [PMI_LOG_WARN] = "warn",
    [PMI_LOG_INFO] = "info",
    [PMI_LOG_DEBUG] = "debug",
};

static struct {
    pthread_mutex_t lock;
    void (*fn)(void *arg, int level, const char *line);
    void *arg; /* borrowed until the next set */
    int level_max;
    unsigned rate;
    struct event_rate events[EVENTS_MAX];
} self = {
    .lock = PTHREAD_MUTEX_INITIALIZER,
    .level_max = PMI_LOG_INFO,
    .rate = PMI_LOG_RATE_DEFAULT,
};

static atomic_int listen_max = LISTEN_NONE; /* level_max if there is a sink */
static _Thread_local bool in_sink;          /* this thread holds the lock, and runs fn */

static void
lock(void)
{
    if (in_sink)
        return;
    const int rc = pthread_mutex_lock(&self.lock);
    pmi_assert(rc == 0);
}

static void
unlock(void)
{
    if (in_sink)
        return;
    const int rc = pthread_mutex_unlock(&self.lock);
    pmi_assert(rc == 0);
}

static void
listen_update(void)
{
    atomic_store_explicit(&listen_max, self.fn != NULL ? self.level_max : LISTEN_NONE,
                          memory_order_relaxed);
}

static void line_vadd(struct line *l, const char *fmt, va_list ap)
    __attribute__((format(printf, 2, 0)));
static void line_add(struct line *l, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

static void
line_vadd(struct line *l, const char *fmt, va_list ap)
{
    pmi_assert(l->len < sizeof l->text);
    const size_t room = sizeof l->text - l->len;
    const int n = vsnprintf(l->text + l->len, room, fmt, ap);
    if (n < 0) /* an encoding error of %ls: keep what there is */
        l->text[l->len] = '\0';
    else if ((size_t)n < room)
        l->len += (size_t)n;
    else {
        l->len = sizeof l->text - 1;
        l->cut = true;
    }
}

static void
line_add(struct line *l, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    line_vadd(l, fmt, ap);
    va_end(ap);
}

static void
line_begin(struct line *l, enum pmi_log_level level, const char *event)
{
    char utc[PMI_CLOCK_UTC_BYTES];
    pmi_clock_utc(pmi_realtime_ns(), utc);
    l->len = 0;
    l->cut = false;
    line_add(l, "%s %s %s", utc, level_names[level], event);
}

/* Hand the line to the sink. The lock is held. */
static void
line_send(struct line *l, enum pmi_log_level level)
{
    static const char dots[] = "...";
    if (l->cut)
        memcpy(l->text + sizeof l->text - sizeof dots, dots, sizeof dots);
    for (size_t i = 0; i < l->len; i++) {
        const unsigned char c = (unsigned char)l->text[i];
        if (c < 0x20 || c == 0x7f)
            l->text[i] = '?'; /* one event is one line, whatever the arguments held */
    }
    pmi_assert(self.fn != NULL);
    pmi_assert(!in_sink);
    in_sink = true;
    self.fn(self.arg, (int)level, l->text);
    in_sink = false;
}

/* The entry of an event name; it may be shared if the table is crowded. */
static struct event_rate *
rate_of(const char *event)
{
    uint32_t h = UINT32_C(2166136261); /* FNV-1a */
    for (const char *p = event; *p != '\0'; p++)
        h = (h ^ (unsigned char)*p) * UINT32_C(16777619);
    for (uint32_t i = 0; i < PROBES_MAX; i++) {
        struct event_rate *e = &self.events[(h + i) % EVENTS_MAX];
        if (e->name == NULL)
            e->name = event;
        if (e->name == event || strcmp(e->name, event) == 0)
            return e;
    }
    return &self.events[h % EVENTS_MAX];
}

static bool
rate_admits(struct event_rate *e)
{
    const uint64_t now = pmi_now_ns();
    if (e->lines == 0 || now - e->since_ns >= PMI_NS_PER_S) {
        e->since_ns = now;
        e->lines = 0;
    }
    if (self.rate != 0 && e->lines >= self.rate) {
        e->suppressed++;
        return false;
    }
    e->lines++;
    return true;
}

void
pmi_log(enum pmi_log_level level, const char *event, const char *fmt, ...)
{
    pmi_assert(level <= PMI_LOG_DEBUG);
    if (in_sink || !pmi_log_enabled(level))
        return;
    lock();
    struct event_rate *rate = rate_of(event);
    if (self.fn != NULL && rate_admits(rate)) {
        struct line l;
        line_begin(&l, level, event);
        if (rate->suppressed > 0) /* first, so that it is never what is cut */
            line_add(&l, " suppressed=%" PRIu64, rate->suppressed);
        rate->suppressed = 0;
        if (fmt != NULL) {
            va_list ap;
            va_start(ap, fmt);
            line_add(&l, " ");
            line_vadd(&l, fmt, ap);
            va_end(ap);
        }
        line_send(&l, level);
    }
    unlock();
}

bool
pmi_log_enabled(enum pmi_log_level level)
{
    return (int)level <= atomic_load_explicit(&listen_max, memory_order_relaxed);
}

void
pmi_log_set_sink(void (*fn)(void *arg, int level, const char *line), void *arg)
{
    lock();
    self.fn = fn;
    self.arg = arg;
    listen_update();
    unlock();
}

void
pmi_log_set_level(enum pmi_log_level max)
{
    pmi_assert(max <= PMI_LOG_DEBUG);
    lock();
    self.level_max = (int)max;
    listen_update();
    unlock();
}

void
pmi_log_set_rate(unsigned lines_per_s)
{
    lock();
    self.rate = lines_per_s;
    unlock();
}

void
pmi_log_tick(void)
{
    if (in_sink || !pmi_log_enabled(PMI_LOG_WARN))
        return;
    lock();
    const uint64_t now = pmi_now_ns();
    for (size_t i = 0; i < EVENTS_MAX && self.fn != NULL; i++) {
        struct event_rate *e = &self.events[i];
        if (e->suppressed == 0 || now - e->since_ns < PMI_NS_PER_S)
            continue;
        struct line l;
        line_begin(&l, PMI_LOG_WARN, "log.suppressed");
        line_add(&l, " event=%s count=%" PRIu64, e->name, e->suppressed);
        e->suppressed = 0;
        line_send(&l, PMI_LOG_WARN);
    }
    unlock();
}

void
pmi_log_forked(void)
{
    const pthread_mutex_t fresh = PTHREAD_MUTEX_INITIALIZER;
    self.lock = fresh;
    self.fn = NULL;
    self.arg = NULL;
    self.level_max = PMI_LOG_INFO;
    self.rate = PMI_LOG_RATE_DEFAULT;
    memset(self.events, 0, sizeof self.events);
    in_sink = false;
    listen_update();
}

void
pmi_log_stderr(void *arg, int level, const char *line)
{
    (void)arg;
    (void)level;
    const struct iovec iov[2] = {
        {.iov_base = (void *)(uintptr_t)line, .iov_len = strlen(line)},
        {.iov_base = (void *)(uintptr_t) "\n", .iov_len = 1},
    };
    const ssize_t n = writev(STDERR_FILENO, iov, 2);
    (void)n; /* a log that cannot be written has nowhere to say so */
}

const char *
pmi_log_level_name(enum pmi_log_level level)
{
    pmi_assert(level <= PMI_LOG_DEBUG);
    return level_names[level];
}

int
pmi_log_level_parse(const char *name, enum pmi_log_level *ret)
{
    for (size_t i = 0; i < sizeof level_names / sizeof level_names[0]; i++) {
        if (strcmp(name, level_names[i]) == 0) {
            *ret = (enum pmi_log_level)i;
            return 0;
        }
    }
    return -EINVAL;
}

/* Characters that stand for themselves in a value. */
static bool
is_plain(unsigned char c)
{
    return c > 0x20 && c < 0x7f && c != '=' && c != '"' && c != '\\';
}

const char *
pmi_log_escape(char *dst, size_t n, const void *src, size_t len)
{
    static const char digits[] = "0123456789abcdef";
    const unsigned char *in = src;
    pmi_assert(in != NULL || len == 0);
    if (n == 0)
        return dst;
    size_t at = 0, fits = 0; /* fits: where the dots still have room */
    for (size_t i = 0; i < len; i++) {
        const size_t width = is_plain(in[i]) ? 1 : 4;
        if (at + 3 < n)
            fits = at;
        if (width >= n - at) {
            const size_t dots = n - 1 - fits < 3 ? n - 1 - fits : 3;
            memset(dst + fits, '.', dots);
            dst[fits + dots] = '\0';
            return dst;
        }
        if (width == 1) {
            dst[at] = (char)in[i];
        } else {
            dst[at] = '\\';
            dst[at + 1] = 'x';
            dst[at + 2] = digits[in[i] >> 4];
            dst[at + 3] = digits[in[i] & 15];
        }
        at += width;
    }
    dst[at] = '\0';
    return dst;
}
