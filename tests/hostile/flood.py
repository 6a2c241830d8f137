#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Goal: nothing a peer does in quantity grows the server, starves others, or stays behind.
Method: floods of requests, control messages and connections, at and past every limit; the server's
memory and descriptors are compared, and a bystander is served all the while.
"""
import os
import socket
import time

from abuse import (
    FLUSH, HELLO, LIST, MIB, OPEN, READ, SLOW, STAT, WRITE, ZERO, Arena, Closed, field, finish,
    hot_header, listen, message, raise_files, read_some, reset, status)

BIG = 16 * MIB
SERVED_S = 1.0 + 1.0 * SLOW  # slow_ms, and what a busy host may add
GROWTH_KB = 48 << 10  # what the server's memory may grow under a flood: tables are touched once


def descriptors(arena):
    return len(os.listdir("/proc/%d/fd" % arena.server.process.pid))


def memory_kb(arena):
    with open("/proc/%d/status" % arena.server.process.pid, encoding="ascii") as f:
        return next(int(line.split()[1]) for line in f if line.startswith("VmRSS"))


def held(arena):
    """A connection that holds the first 16 MiB: whatever overlaps them waits."""
    p = arena.server.ready()
    p.send(message(WRITE, 5, hot_header([(0, BIG)]), payload_len=BIG))
    time.sleep(0.1)
    return p


# ---- Credits (P7) -------------------------------------------------------------------------------


def at_the_limit(arena, count, extents, length):
    """As much in flight as was granted: all of it is served."""
    holder = held(arena)
    with arena.server.ready() as p:
        header = hot_header([(i * length, length) for i in range(extents)])
        tags = {p.post(READ, header) for _ in range(count)}
        holder.close()
        got = 0
        while tags:
            r = p.reply()
            assert r.status == 0, status(r.status)
            tags.remove(r.tag)
            got += len(r.payload)
        assert got == count * extents * length
        return "%d OK" % count


def past_the_limit(arena, count, extents, length):
    """One more: CREDIT, and closed, after the others were served."""
    holder = held(arena)
    with arena.server.ready() as p:
        header = hot_header([(i * length, length) for i in range(extents)])
        for _ in range(count + 1):
            p.post(READ, header)
        time.sleep(0.2)
        holder.close()
        return listen(p, ", ".join(["CREDIT"] + ["OK"] * count + ["closed"]),
                      ", ".join(["CREDIT"] + ["OK"] * count + ["reset"])).replace(
                          "OK, " * count, "OK x %d, " % count)


def one_is_always_allowed(arena):
    """P7.3: a request within the limits of one, on a server whose grant is smaller."""
    with arena.server.ready() as p:
        assert p.call(READ, hot_header([(i, 1) for i in range(1024)])).status == 0
        return "OK"


def many_small(arena):
    """Twenty rounds of the deepest pipeline of the smallest requests."""
    with arena.server.ready() as p:
        for _ in range(20):
            for i in range(128):
                p.post((READ, ZERO, FLUSH, WRITE)[i % 4],
                       hot_header([] if i % 4 == 2 else [(i, 1)]), b"x" if i % 4 == 3 else b"")
            for _ in range(128):
                assert p.reply().status == 0
        return "2,560 OK"


# ---- Control messages ---------------------------------------------------------------------------


def flood_unread(arena, data, seconds=1.0):
    """The same message over and over, no reply is read."""
    before = memory_kb(arena)
    p = arena.server.ready()
    p.sock.settimeout(0.05)
    sent, until = 0, time.monotonic() + seconds
    block = data * max(1, 65536 // len(data))
    while time.monotonic() < until:
        try:
            sent += p.sock.send(block)
        except (TimeoutError, socket.timeout):
            arena.check_bystander()
        except ConnectionError:
            break
    grown = memory_kb(arena) - before
    p.close()
    assert grown < GROWTH_KB, "the server grew by %d KiB" % grown
    return "took %.1f MiB; grew by %d KiB" % (sent / MIB, max(grown, 0))


def slowest_beat(arena, seconds):
    """The longest the bystander had to wait meanwhile."""
    worst, until = 0.0, time.monotonic() + seconds
    while time.monotonic() < until:
        began = time.monotonic()
        arena.check_bystander()
        worst = max(worst, time.monotonic() - began)
        time.sleep(0.02)
    return worst


def many_unread(arena):
    """Sixty-four connections that flood and read nothing: every header block of the shard is
    used, and the bystander is still served."""
    before = memory_kb(arena)
    peers = [arena.server.ready() for _ in range(64)]
    read = message(READ, 9, hot_header([(i * 65536, 65536) for i in range(5)]))
    for p in peers:
        p.sock.setblocking(False)
        try:
            p.sock.send((message(STAT, 1, field(1, 1)) * 50 + read * 60) * 2)
        except BlockingIOError:
            pass
    worst = slowest_beat(arena, 1.0)
    grown = memory_kb(arena) - before
    for p in peers:
        p.close()
    assert grown < GROWTH_KB + (96 << 10), "the server grew by %d KiB" % grown
    assert worst < SERVED_S, "the bystander waited %.2f s" % worst
    return "bystander served after %.2f s; grew by %d KiB" % (worst, max(grown, 0))


def half_messages(arena, data):
    """More connections than there are staging buffers stop in the middle of a message."""
    peers = [arena.server.ready() for _ in range(80)]
    for p in peers:
        p.send(data)
    worst = slowest_beat(arena, 1.0)
    with arena.server.ready() as p:
        began = time.monotonic()
        assert p.call(READ, hot_header([(0, 64)])).status == 0
        worst = max(worst, time.monotonic() - began)
    for p in peers:
        p.close()
    assert worst < SERVED_S, "the bystander waited %.2f s" % worst
    return "bystander served after %.2f s" % worst


def starved_then_served(arena):
    """While others use every header block, a request that needs one waits, and is served as soon
    as some of them are gone; so are those that stay."""
    hogs = [arena.server.ready() for _ in range(20)]
    holder = held(arena)
    for p in hogs:
        for _ in range(100):
            p.post(READ, hot_header([(i * 4096, 4096) for i in range(5)]))
    time.sleep(0.3)
    one = arena.bystander
    tag = one.post(READ, hot_header([(BIG + i * 4096, 4096) for i in range(5)]))
    time.sleep(0.2)
    for h in hogs[:10]:
        reset(h.sock)
    r = one.reply()
    assert (r.tag, r.status) == (tag, 0), (r.tag, status(r.status))
    holder.close()
    for h in hogs[10:]:
        for _ in range(100):
            assert h.reply().status == 0
        h.close()
    assert arena.counters()["pauses"] > 0, "nobody had to wait: this proves nothing"
    return "OK to all who stayed"


# ---- Connections --------------------------------------------------------------------------------


def silent_crowd(arena, count):
    """Connections that say nothing: closed after handshake_ms, and they cost next to nothing."""
    count = min(count, raise_files(count + 200) - 100)
    before = memory_kb(arena)
    fds = descriptors(arena)
    crowd = []
    for _ in range(count):
        crowd.append(socket.create_connection(("127.0.0.1", arena.server.port)))
    began = time.monotonic()
    while arena.counters()["conns_open"] < count + 1:
        assert time.monotonic() - began < 5 * SLOW, "not all are accepted"
    each = (memory_kb(arena) - before) / count
    arena.check_bystander()
    with arena.server.ready() as p:  # a newcomer is served too
        assert p.call(FLUSH, hot_header()).status == 0
    for s in crowd:
        s.settimeout(20 * SLOW)
        assert read_some(s, 1) == b"", "bytes for somebody who said nothing"
        s.close()
    arena.settle()
    assert descriptors(arena) == fds, "descriptors %d, were %d" % (descriptors(arena), fds)
    assert each < 16, "%.1f KiB each" % each
    return "%d closed after the handshake time; %.1f KiB each" % (count, max(each, 0))


def silent_crowd_leaves(arena, count):
    """The same, but they go all at once, half of them with a reset."""
    count = min(count, raise_files(count + 200) - 100)
    crowd = [socket.create_connection(("127.0.0.1", arena.server.port)) for _ in range(count)]
    for i, s in enumerate(crowd):
        (reset if i % 2 else socket.socket.close)(s)
    return "%d came and went" % count


def churn(arena, count, unix):
    """Connect, HELLO, OPEN, READ, close."""
    fds = descriptors(arena)
    before = arena.counters()
    for i in range(count):
        with arena.server.ready(unix) as p:
            p.post(READ, hot_header([(i * 4096, 4096)]))
            if i % 2 == 0:
                assert p.reply().status == 0
            if i % 16 == 15:
                reset(p.sock)
    after = arena.settle()
    assert descriptors(arena) == fds, "descriptors %d, were %d" % (descriptors(arena), fds)
    taken = after["conns_accepted"] - before["conns_accepted"]
    assert taken == count, taken
    return "%d accepted, none left" % taken


def out_of_descriptors(arena):
    """More connections than the server may have files: it goes on with those it has, and takes
    new ones when there is room again."""
    crowd = []
    for _ in range(100):
        s = socket.create_connection(("127.0.0.1", arena.server.port))
        crowd.append(s)
    time.sleep(0.5)
    for _ in range(5):
        arena.check_bystander()
        time.sleep(0.1)
    open_now = arena.counters()["conns_open"]
    assert open_now < 60, open_now
    for s in crowd:
        s.close()
    arena.settle()
    with arena.server.ready() as p:
        assert p.call(FLUSH, hot_header()).status == 0
    assert "accept.failed" in arena.server.said(), "it did not say why"
    return "%d served at a time; recovered" % open_now


def over_the_limit(arena):
    """The config's `connections`: the next one is turned away, and taken when one has left."""
    kept = [arena.server.ready() for _ in range(15)]
    for _ in range(20):
        with arena.server.peer() as p:
            try:
                p.hello()
                raise AssertionError("a connection too many was served")
            except Closed:
                pass
    arena.check_bystander()
    for p in kept:
        assert p.call(FLUSH, hot_header()).status == 0
        p.close()
    arena.settle()
    arena.server.ready().close()
    return "20 turned away, then served again"


def main():
    with Arena("--handshake-ms", "2500") as arena:
        row = arena.row
        row("128 requests in flight", at_the_limit, 128, 1, 4096)
        row("129 requests in flight", past_the_limit, 128, 1, 4096)
        row("4,096 extents in flight", at_the_limit, 4, 1024, 16)
        row("4,097 extents and more in flight", past_the_limit, 4, 1024, 16)
        row("64 MiB in flight", at_the_limit, 4, 1, BIG)
        row("64 MiB and more in flight", past_the_limit, 4, 1, BIG)
        row("the deepest pipeline of small requests", many_small)
        row("STAT without reading", flood_unread, message(STAT, 1, field(1, 1)))
        row("LIST without reading", flood_unread, message(LIST, 1))
        row("FLUSH without reading", flood_unread, message(FLUSH, 1, hot_header()))
        row("refusals without reading", flood_unread, message(77, 1, hot_header()))
        row("small READs without reading", flood_unread, message(READ, 1, hot_header([(0, 64)])))
        row("64 flooders at once", many_unread)
        row("80 half prefixes", half_messages, message(READ, 1, hot_header([(0, 64)]))[:20])
        row("80 half small payloads", half_messages,
            message(WRITE, 1, hot_header([(0, 4096)]), b"x" * 2000, payload_len=4096))
        row("80 halves of large payloads", half_messages,
            message(WRITE, 1, hot_header([(MIB, MIB)]), b"x" * 2000, payload_len=MIB))
        row("HELLOs without reading", flood_unread, message(HELLO, 1, field(1, 1) + field(2, 1) +
                                                            field(4, b"\0" * 16)))
        row("2,000 silent connections", silent_crowd, 2000)
        row("2,000 come and go at once", silent_crowd_leaves, 2000)
        row("2,000 connections one after the other", churn, 2000, False)
        row("500 over the Unix socket", churn, 500, True)
    with Arena("--slow-ms", "3000", "--stall-ms", "60000") as arena:  # time enough for this host
        arena.row("every header block used", starved_then_served)
    with Arena("--credit-requests", "1", "--credit-extents", "1024") as arena:
        arena.row("one request at a time is granted", one_is_always_allowed)
        arena.row("two requests then", past_the_limit, 1, 1, 4096)
    with Arena("--handshake-ms", "60000", files=64) as arena:
        arena.row("more connections than files", out_of_descriptors)
        arena.row("again", out_of_descriptors)
    with Arena("--connections", "16") as arena:
        arena.row("more connections than configured", over_the_limit)


main()
finish()
