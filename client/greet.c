/* SPDX-License-Identifier: BSD-3-Clause */
/* The two messages that come before any request (P1.3, P4). */
#include "client/greet.h"

#include "common/assert.h"
#include "common/err.h"
#include "common/log.h"
#include "proto/hot.h"
#include "proto/wire.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

/* Tags of the handshake; no others are in flight then. */
#define TAG_HELLO 1u
#define TAG_OPEN 2u

static void
seal(struct conn *c, uint8_t verb, uint64_t tag, int header_len)
{
    pmi_assert(header_len > 0); /* tx holds the largest that our own limits allow */
    const struct wire_prefix p = {.verb = verb, .tag = tag, .header_len = (uint32_t)header_len};
    wire_prefix_write(c->tx, &p, c->tx + WIRE_PREFIX_BYTES);
    c->tx_len = WIRE_PREFIX_BYTES + (uint32_t)header_len;
    c->tx_at = c->rx_len = 0;
}

void
greet_make_hello(struct conn *c)
{
    struct msg_hello m = {.version_min = WIRE_VERSION, .version_max = WIRE_VERSION};
    m.features = MSG_FEATURE_CRC;
    memcpy(m.session, c->session, sizeof m.session);
    memcpy(m.software, "libpmemd/" PMI_VERSION, sizeof "libpmemd/" PMI_VERSION);
    seal(c, WIRE_HELLO, TAG_HELLO,
         msg_hello_write(c->tx + WIRE_PREFIX_BYTES, sizeof c->tx - WIRE_PREFIX_BYTES, &m));
}

void
greet_make_open(struct conn *c)
{
    struct msg_open m = {.crc = c->crc};
    m.class_min = c->cfg->class_min;
    if (m.class_min < (uint32_t)c->uri->class_min)
        m.class_min = (uint32_t)c->uri->class_min;
    memcpy(m.region, c->uri->region, sizeof m.region);
    seal(c, WIRE_OPEN, TAG_OPEN,
         msg_open_write(c->tx + WIRE_PREFIX_BYTES, sizeof c->tx - WIRE_PREFIX_BYTES, &m));
}

static int
send_rest(struct conn *c)
{
    while (c->tx_at < c->tx_len) {
        const ssize_t n = send(c->fd, c->tx + c->tx_at, c->tx_len - c->tx_at, MSG_NOSIGNAL);
        if (n < 0)
            return errno == EAGAIN ? -EINPROGRESS : -errno;
        c->tx_at += (uint32_t)n;
    }
    return 0;
}

/* Bytes of the whole message that starts the stage; 0 = not known yet. */
static int
whole_len(const struct conn *c, uint32_t *ret)
{
    struct wire_prefix p;
    *ret = 0;
    if (c->rx_len < WIRE_PREFIX_BYTES)
        return 0;
    if (wire_prefix_read(c->stage, &p) < 0 || p.payload_len != 0)
        return PMEMD_E_PROTO;
    *ret = WIRE_PREFIX_BYTES + p.header_len;
    return 0;
}

/* One message and not a byte more: the server sends nothing that was not asked for. */
static int
receive_rest(struct conn *c)
{
    for (;;) {
        uint32_t whole;
        const int rc = whole_len(c, &whole);
        if (rc < 0)
            return rc;
        if (whole != 0 && c->rx_len == whole)
            return 1;
        const uint32_t want = whole != 0 ? whole : WIRE_PREFIX_BYTES;
        const ssize_t n = recv(c->fd, c->stage + c->rx_len, want - c->rx_len, 0);
        if (n == 0)
            return PMEMD_E_LOST;
        if (n < 0)
            return errno == EAGAIN ? -EINPROGRESS : -errno;
        c->rx_len += (uint32_t)n;
    }
}

int
greet_move(struct conn *c)
{
    const int rc = send_rest(c);
    if (rc < 0 && rc != -EINPROGRESS)
        return rc;
    conn_watch_out(c, rc == -EINPROGRESS);
    return rc < 0 ? rc : receive_rest(c);
}

static int
check_reply(const struct conn *c, uint8_t verb, uint64_t tag, const uint8_t **ret_header,
            uint32_t *ret_len)
{
    struct wire_prefix p;
    if (wire_prefix_read(c->stage, &p) < 0)
        return PMEMD_E_PROTO;
    const uint8_t *header = c->stage + WIRE_PREFIX_BYTES;
    if (!wire_crc_ok(c->stage, header, p.header_len))
        return PMEMD_E_PROTO;
    if (p.verb != verb || p.tag != tag || p.flags != WIRE_F_REPLY)
        return PMEMD_E_PROTO;
    *ret_header = header;
    *ret_len = p.header_len;
    return 0;
}

/* What no request could live with. */
static bool
limits_ok(const struct msg_limits *l)
{
    return l->extents_max > 0 && l->io_max > 0 && l->zero_max > 0 && l->credit_requests > 0;
}

static void
limits_clamp(struct msg_limits *l)
{
    if (l->extents_max > WIRE_EXTENTS_MAX)
        l->extents_max = WIRE_EXTENTS_MAX;
    if (l->io_max > WIRE_PAYLOAD_MAX)
        l->io_max = WIRE_PAYLOAD_MAX;
    if (l->zero_max > WIRE_ZERO_MAX)
        l->zero_max = WIRE_ZERO_MAX;
}

/* Checksums as the config says; by default where bytes leave the host. */
static int
choose_crc(struct conn *c)
{
    const bool can = (c->features & MSG_FEATURE_CRC) != 0;
    if ((c->cfg->flags & PMEMD_CFG_CRC_ON) != 0) {
        c->crc = true;
        return can ? 0 : PMEMD_E_UNSUPPORTED;
    }
    c->crc = can && !c->local && (c->cfg->flags & PMEMD_CFG_CRC_OFF) == 0;
    return 0;
}

int
greet_take_hello(struct conn *c, const char **ret_text)
{
    struct msg_hello_reply m;
    const uint8_t *header;
    uint32_t len;
    *ret_text = "the reply to HELLO breaks the protocol";
    if (check_reply(c, WIRE_HELLO, TAG_HELLO, &header, &len) < 0 ||
        msg_hello_reply_read(header, len, c->scratch, &m) < 0)
        return PMEMD_E_PROTO;
    if (m.status != 0) {
        memcpy(c->said, m.text, sizeof c->said);
        *ret_text = c->said;
        return pmi_err_from_wire((uint16_t)m.status);
    }
    if (m.version != WIRE_VERSION) {
        *ret_text = "the server chose a protocol version that was not offered";
        return PMEMD_E_VERSION;
    }
    if (!limits_ok(&m.limits)) {
        *ret_text = "the server grants a limit of zero";
        return PMEMD_E_PROTO;
    }
    limits_clamp(&m.limits);
    c->limits = m.limits;
    c->features = m.features;
    *ret_text = "checksums are required, but the server has none";
    return choose_crc(c);
}

/* Another history means that the region's memory started empty since we last saw it: what was
 * acknowledged as volatile is gone. */
static void
note_history(struct conn *c, const struct msg_region *r)
{
    char name[64];
    if (c->history_known && memcmp(c->region.history, r->history, sizeof r->history) != 0)
        pmi_log(PMI_LOG_WARN, "region.new_history", "region=%s peer=%s",
                pmi_log_escape(name, sizeof name, r->name, strlen(r->name)), c->peer);
    c->history_known = true;
}

int
greet_take_open(struct conn *c, const char **ret_text)
{
    struct msg_open_reply m;
    const uint8_t *header;
    uint32_t len;
    *ret_text = "the reply to OPEN breaks the protocol";
    if (check_reply(c, WIRE_OPEN, TAG_OPEN, &header, &len) < 0 ||
        msg_open_reply_read(header, len, c->scratch, &m) < 0)
        return PMEMD_E_PROTO;
    if (m.status != 0) {
        memcpy(c->said, m.text, sizeof c->said);
        *ret_text = c->said;
        return pmi_err_from_wire((uint16_t)m.status);
    }
    if (m.region.size == 0)
        return PMEMD_E_PROTO;
    note_history(c, &m.region);
    c->region = m.region;
    *ret_text = "";
    return 0;
}
