/* SPDX-License-Identifier: BSD-3-Clause */
/* The server of the integration tests: see bench.h. */
#include "tests/lib/bench.h"

#include "common/clock.h"
#include "common/log.h"
#include "server/os/ring.h"
#include "server/os/sock.h"
#include "server/server.h"
#include "server/shard.h"
#include "tests/lib/test.h"

#include <dirent.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define SHARDS_MAX 64u
#define LOG_BYTES (256u << 10)
#define START_S 60
#define POLL_US 2000u

struct bench {
    struct bench_setup setup;
    struct config cfg;
    struct bench_world before;
    pthread_t thread;
    pthread_mutex_t lock; /* guards the next four */
    pthread_cond_t news;
    bool ready, ended;
    size_t log_len;
    char log[LOG_BYTES];
    int code;
    unsigned signals;
    char dir[64]; /* of the Unix socket; empty for TCP */
    char address[128];
    char uri[256];
    const struct stats *stats[SHARDS_MAX];
    unsigned shard_count;
};

static struct bench *now; /* the one that is up */

/* ---- Wrapped ----------------------------------------------------------------------------- */

/* NOLINTBEGIN(bugprone-reserved-identifier): the linker's names */
int __real_ring_probe(struct ring_caps *ret, char *why, size_t why_len);
int __wrap_ring_probe(struct ring_caps *ret, char *why, size_t why_len);
int __real_sock_listen(const struct sock_addr *a, int backlog, uint32_t rcvbuf, char *why,
                       size_t why_len);
int __wrap_sock_listen(const struct sock_addr *a, int backlog, uint32_t rcvbuf, char *why,
                       size_t why_len);
int __real_shard_new(const struct shard_config *cfg, struct shard **ret);
int __wrap_shard_new(const struct shard_config *cfg, struct shard **ret);
void __real_shard_free(struct shard *s);
void __wrap_shard_free(struct shard *s);

int
__wrap_ring_probe(struct ring_caps *ret, char *why, size_t why_len)
{
    const int rc = __real_ring_probe(ret, why, why_len);
    if (rc == 0 && now != NULL && now->setup.small_slots)
        ret->fixed_max = REGION_ARENA_BYTES + BENCH_SLOT_BYTES;
    return rc;
}

int
__wrap_sock_listen(const struct sock_addr *a, int backlog, uint32_t rcvbuf, char *why,
                   size_t why_len)
{
    const int fd = __real_sock_listen(a, backlog, rcvbuf, why, why_len);
    struct sockaddr_in at = {0};
    socklen_t len = sizeof at;
    /* Not getsockname(): a test may have it fail. */
    if (fd >= 0 && now != NULL && !a->is_unix && syscall(SYS_getsockname, fd, &at, &len) == 0)
        (void)snprintf(now->address, sizeof now->address, "127.0.0.1:%u", ntohs(at.sin_port));
    return fd;
}

int
__wrap_shard_new(const struct shard_config *cfg, struct shard **ret)
{
    const int rc = __real_shard_new(cfg, ret);
    if (rc == 0 && now != NULL && now->shard_count < SHARDS_MAX)
        now->stats[now->shard_count++] = shard_stats(*ret);
    return rc;
}

/* We have read its counters; a signal is no edge that a sanitizer knows of. */
void
__wrap_shard_free(struct shard *s)
{
    if (now != NULL)
        (void)__atomic_load_n(&now->signals, __ATOMIC_ACQUIRE);
    __real_shard_free(s);
}
/* NOLINTEND(bugprone-reserved-identifier) */

/* ---- What the process holds -------------------------------------------------------------- */

static unsigned
entries_of(const char *path)
{
    unsigned n = 0;
    DIR *const dir = opendir(path);
    if (dir == NULL)
        return 0;
    while (readdir(dir) != NULL)
        n++;
    (void)closedir(dir);
    return n;
}

static uint64_t
special_bytes(void)
{
    char line[512];
    uint64_t sum = 0;
    FILE *const f = fopen("/proc/self/maps", "re");
    if (f == NULL)
        return 0;
    while (fgets(line, sizeof line, f) != NULL) {
        uint64_t from = 0;
        uint64_t to = 0;
        const bool special =
            strstr(line, "/memfd:") != NULL || strstr(line, "[io_uring]") != NULL;
        if (special && sscanf(line, "%" SCNx64 "-%" SCNx64, &from, &to) == 2)
            sum += to - from;
    }
    (void)fclose(f);
    return sum;
}

/* Those of shards. The kernel's own workers come and go as they like. */
static unsigned
shard_threads(void)
{
    unsigned n = 0;
    DIR *const dir = opendir("/proc/self/task");
    for (const struct dirent *e; dir != NULL && (e = readdir(dir)) != NULL;) {
        char path[300];
        char name[32] = "";
        (void)snprintf(path, sizeof path, "/proc/self/task/%s/comm", e->d_name);
        FILE *const f = e->d_name[0] != '.' ? fopen(path, "re") : NULL;
        if (f == NULL)
            continue;
        n += fgets(name, sizeof name, f) != NULL && strncmp(name, "pmemd/", 6) == 0;
        (void)fclose(f);
    }
    if (dir != NULL)
        (void)closedir(dir);
    return n;
}

struct bench_world
bench_world(void)
{
    return (struct bench_world){
        .fds = entries_of("/proc/self/fd"),
        .special_bytes = special_bytes(),
        .shard_threads = shard_threads(),
    };
}

bool
bench_world_is(const struct bench_world *before)
{
    struct bench_world w = {0};
    for (unsigned i = 0; i < 1000; i++) {
        w = bench_world();
        if (w.fds <= before->fds && w.special_bytes <= before->special_bytes &&
            w.shard_threads <= before->shard_threads)
            return true;
        (void)usleep(POLL_US);
    }
    print_message("left behind: fds %u (was %u), special bytes %" PRIu64 " (was %" PRIu64
                  "), shard threads %u (was %u)\n",
                  w.fds, before->fds, w.special_bytes, before->special_bytes, w.shard_threads,
                  before->shard_threads);
    return false;
}

/* ---- Start ------------------------------------------------------------------------------- */

void
bench_need(void)
{
    struct ring_caps caps;
    char why[CONFIG_WHY_BYTES];
    if (__real_ring_probe(&caps, why, sizeof why) == 0)
        return;
    (void)puts(why);
    exit(TEST_SKIPPED);
}

/* The server's lines are kept for bench_logged(), and shown when a test fails. */
static void
on_line(void *arg, int level, const char *line)
{
    struct bench *const b = arg;
    const size_t len = strlen(line);
    (void)level;
    (void)pthread_mutex_lock(&b->lock);
    if (b->log_len + len + 2 <= sizeof b->log) {
        memcpy(b->log + b->log_len, line, len);
        b->log_len += len;
        b->log[b->log_len++] = '\n';
        b->log[b->log_len] = '\0';
    }
    if (strstr(line, " server.ready ") != NULL) {
        b->ready = true;
        (void)pthread_cond_broadcast(&b->news);
    }
    (void)pthread_mutex_unlock(&b->lock);
}

static void
set(struct bench *b, const char *key, const char *value)
{
    char why[CONFIG_WHY_BYTES];
    if (config_option(&b->cfg, key, value, why, sizeof why) != 0)
        fail_msg("%s", why);
}

/* Small tables, so that starting costs little. */
static void
configure(struct bench *b)
{
    static const char *const demo[] = {"name=demo,medium=mem,size=16M", NULL};
    const char *const *regions = b->setup.regions != NULL ? b->setup.regions : demo;
    char why[CONFIG_WHY_BYTES];
    bool connections = false;
    bool requests = false;
    config_init(&b->cfg);
    set(b, "listen", b->address);
    for (const char *const *at = b->setup.options; at != NULL && *at != NULL; at++) {
        char key[64];
        const size_t n = strcspn(*at, "=");
        assert_true(n < sizeof key && (*at)[n] == '=');
        memcpy(key, *at, n);
        key[n] = '\0';
        connections |= strcmp(key, "connections") == 0;
        requests |= strcmp(key, "requests") == 0;
        set(b, key, *at + n + 1);
    }
    if (!connections)
        set(b, "connections", "64");
    if (!requests)
        set(b, "requests", "1024");
    for (; *regions != NULL; regions++)
        if (config_option_region(&b->cfg, *regions, why, sizeof why) != 0)
            fail_msg("%s", why);
    if (config_finish(&b->cfg, 2, why, sizeof why) != 0)
        fail_msg("%s", why);
}

static void
choose_address(struct bench *b)
{
    const char *const tmp = getenv("TMPDIR");
    if (b->setup.listen != NULL) {
        (void)snprintf(b->address, sizeof b->address, "%s", b->setup.listen);
    } else if (!b->setup.unix_socket) {
        (void)snprintf(b->address, sizeof b->address, "127.0.0.1:0");
    } else {
        (void)snprintf(b->dir, sizeof b->dir, "%.40s/pmemd-bench-XXXXXX",
                       tmp != NULL && strlen(tmp) <= 40 ? tmp : "/tmp");
        assert_non_null(mkdtemp(b->dir));
        (void)snprintf(b->address, sizeof b->address, "%s/s", b->dir);
    }
}

static void *
serve(void *arg)
{
    struct bench *const b = arg;
    b->code = server_run(&b->cfg);
    (void)pthread_mutex_lock(&b->lock);
    b->ended = true;
    (void)pthread_cond_broadcast(&b->news);
    (void)pthread_mutex_unlock(&b->lock);
    return NULL;
}

/* True once it serves, false if it has ended. */
static bool
wait_ready(struct bench *b)
{
    struct timespec until;
    int rc = 0;
    (void)clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += START_S;
    (void)pthread_mutex_lock(&b->lock);
    while (!b->ready && !b->ended && rc == 0)
        rc = pthread_cond_timedwait(&b->news, &b->lock, &until);
    const bool ready = b->ready;
    (void)pthread_mutex_unlock(&b->lock);
    if (rc != 0)
        fail_msg("the server neither starts nor ends");
    return ready;
}

static struct bench *
start(const struct bench_setup *setup)
{
    static const struct bench_setup plain;
    sigset_t stop;
    struct bench *const b = calloc(1, sizeof *b);
    assert_non_null(b);
    if (now != NULL)
        fail_msg("the server of a test that failed is still there");
    b->setup = setup != NULL ? *setup : plain;
    b->before = bench_world();
    (void)pthread_mutex_init(&b->lock, NULL);
    (void)pthread_cond_init(&b->news, NULL);
    choose_address(b);
    configure(b);
    (void)sigemptyset(&stop);
    (void)sigaddset(&stop, SIGTERM);
    (void)sigaddset(&stop, SIGINT);
    (void)pthread_sigmask(SIG_BLOCK, &stop, NULL);
    pmi_log_set_rate(0);
    pmi_log_set_sink(on_line, b);
    now = b;
    assert_int_equal(pthread_create(&b->thread, NULL, serve, b), 0);
    return b;
}

int
bench_try(const struct bench_setup *setup, struct bench **ret)
{
    struct bench *const b = start(setup);
    if (!wait_ready(b))
        return bench_join(b);
    *ret = b;
    return 0;
}

struct bench *
bench_up(const struct bench_setup *setup)
{
    struct bench *const b = start(setup);
    if (!wait_ready(b))
        fail_msg("the server ended with %d:\n%s", b->code, b->log);
    return b;
}

/* ---- End --------------------------------------------------------------------------------- */

void
bench_signal(struct bench *b)
{
    (void)__atomic_add_fetch(&b->signals, 1, __ATOMIC_RELEASE);
    assert_int_equal(pthread_kill(b->thread, SIGTERM), 0);
}

int
bench_join(struct bench *b)
{
    assert_int_equal(pthread_join(b->thread, NULL), 0);
    const int code = b->code;
    pmi_log_set_sink(NULL, NULL);
    now = NULL;
    if (b->dir[0] != '\0') {
        (void)unlink(b->address);
        assert_int_equal(rmdir(b->dir), 0);
    }
    (void)pthread_cond_destroy(&b->news);
    (void)pthread_mutex_destroy(&b->lock);
    free(b);
    return code;
}

void
bench_down(struct bench *b)
{
    const struct bench_world before = b->before;
    bench_signal(b);
    assert_int_equal(bench_join(b), 0);
    assert_true(bench_world_is(&before));
}

/* ---- Clients ----------------------------------------------------------------------------- */

const char *
bench_address(const struct bench *b)
{
    return b->address;
}

const char *
bench_uri(struct bench *b, const char *region)
{
    if (b->address[0] == '/')
        (void)snprintf(b->uri, sizeof b->uri, "pmemd+unix://%s?region=%s", b->address, region);
    else
        (void)snprintf(b->uri, sizeof b->uri, "pmemd://%s/%s", b->address, region);
    return b->uri;
}

struct pmemd_config
bench_config(void)
{
    struct pmemd_config cfg;
    pmemd_config_init(&cfg, sizeof cfg);
    cfg.timeout_ns = BENCH_PATIENCE_NS;
    cfg.reconnect_ns = BENCH_PATIENCE_NS;
    return cfg;
}

struct pmemd_client *
bench_client(struct bench *b, const char *region, const struct pmemd_config *cfg)
{
    const struct pmemd_config defaults = bench_config();
    struct pmemd_client *c = NULL;
    assert_int_equal(pmemd_open(bench_uri(b, region), cfg != NULL ? cfg : &defaults, &c), 0);
    const int rc = pmemd_connect(c, BENCH_PATIENCE_NS);
    if (rc != 0)
        fail_msg("%s: %s (%s)", b->uri, pmemd_strerror(rc), pmemd_detail(c));
    struct pmemd_event connected;
    assert_int_equal(pmemd_reap(c, &connected, sizeof connected, 1), 1);
    assert_int_equal(connected.what, PMEMD_EV_CONNECTED);
    return c;
}

/* ---- Looking inside ---------------------------------------------------------------------- */

uint64_t
bench_stat(const struct bench *b, const char *name)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < stats_count(); i++) {
        if (strcmp(stats_desc(i)->name, name) != 0)
            continue;
        for (unsigned s = 0; s < b->shard_count; s++)
            sum += stats_read(b->stats[s], i);
        return sum;
    }
    fail_msg("no counter '%s'", name);
    return 0;
}

void
bench_expect(const struct bench *b, const char *name, uint64_t value)
{
    uint64_t seen = 0;
    for (unsigned i = 0; i < 5000; i++) {
        seen = bench_stat(b, name);
        if (seen == value)
            return;
        (void)usleep(POLL_US);
    }
    fail_msg("%s stays %" PRIu64 ", not %" PRIu64, name, seen, value);
}

uint64_t
bench_pins(const struct bench *b)
{
    return bench_stat(b, "pins");
}

bool
bench_logged(const struct bench *b, const char *text)
{
    struct bench *const mine = (struct bench *)(uintptr_t)b;
    (void)pthread_mutex_lock(&mine->lock);
    const bool found = strstr(b->log, text) != NULL;
    (void)pthread_mutex_unlock(&mine->lock);
    return found;
}

unsigned
bench_shard_count(const struct bench *b)
{
    return b->shard_count;
}

/* ---- Driving ----------------------------------------------------------------------------- */

void
bench_fill(void *data, size_t len, uint64_t seed)
{
    uint8_t *const at = data;
    uint64_t x = seed * UINT64_C(0x9e3779b97f4a7c15) + 1;
    for (size_t i = 0; i < len; i++) {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        at[i] = (uint8_t)(x >> 32);
    }
}

unsigned
bench_reap(struct pmemd_client *c, struct pmemd_event *done, unsigned count)
{
    const uint64_t until = pmi_deadline_ns(pmi_now_ns(), BENCH_PATIENCE_NS);
    unsigned dones = 0;
    unsigned releases = 0;
    unsigned links = 0;
    while (dones < count || releases < count) {
        struct pmemd_event ev[32];
        if (pmi_now_ns() > until)
            fail_msg("%u of %u done, %u released: %s", dones, count, releases, pmemd_detail(c));
        (void)pmemd_wait(c, 1, 100 * PMI_NS_PER_MS);
        const int n = pmemd_reap(c, ev, sizeof ev[0], (unsigned)TEST_COUNT(ev));
        assert_true(n >= 0);
        for (int i = 0; i < n; i++) {
            if (ev[i].what == PMEMD_EV_DONE) {
                assert_true(dones < count);
                done[dones++] = ev[i];
            } else if (ev[i].what == PMEMD_EV_RELEASED) {
                releases++;
            } else {
                links++;
            }
        }
    }
    return links;
}
