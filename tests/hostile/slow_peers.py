#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Goal: nobody waits for a peer that does not read, or does not send, longer than the operator said.
Method: slow_ms is half a second (three where nobody should have to wait so long) and stall_ms
four; peers hold extents in every way there is while a victim waits for them; what is measured is
how long the victim waited, and what became of the peer.
"""
import threading
import time

from abuse import (
    FLUSH, HELLO, MIB, OPEN, READ, SLOW, WRITE, Arena, Closed, counters, field, finish, heard,
    hot_header, message, read_some, status)

SLOW_S = 0.5
PATIENT_S = 3.0 * SLOW  # slow_ms of a server that should not need it
AT_ONCE_S = 0.1
STALL_S = 2.0
BIG = 16 * MIB
MARGIN_S = 1.0 * SLOW  # what a busy host may add


def gone(peer):
    """The server has dropped this peer: "closed" or "reset". Whatever was on its way is read."""
    peer.sock.settimeout(5.0 * SLOW)
    try:
        while peer.sock.recv(MIB):
            pass
        return "closed"
    except ConnectionError:
        return "reset"


def waited(victim, tag, began):
    """Seconds until the victim's reply; it must be OK."""
    r = victim.reply()
    took = time.monotonic() - began
    assert r.tag == tag and r.status == 0, (r.tag, status(r.status))
    return took


def write_against(arena, reads, limit_s, extents=1, unix=False):
    """`reads` READs of 16 MiB that nobody reads, then a WRITE on the same bytes."""
    with arena.server.ready(unix) as slow, arena.server.ready() as victim:
        each = BIG // extents
        for _ in range(reads):
            slow.post(READ, hot_header([(i * each, each) for i in range(extents)]))
        time.sleep(0.2)
        began = time.monotonic()
        tag = victim.post(WRITE, hot_header([(BIG - 4096, 4096)]), b"v" * 4096)
        took = waited(victim, tag, began)
        assert took < limit_s + MARGIN_S, "the writer waited %.2f s" % took
        assert victim.read(BIG - 4096, 4096) == b"v" * 4096
        return "writer served after %.2f s" % took


def late_grant(arena, limit_s):
    """The victim queues behind a reader that is itself still queued."""
    with arena.server.ready() as first, arena.server.ready() as slow, \
            arena.server.ready() as victim:
        first.send(message(WRITE, 5, hot_header([(0, BIG)]), payload_len=BIG))
        time.sleep(0.1)
        slow.post(READ, hot_header([(0, BIG)]))
        time.sleep(0.1)
        tag = victim.post(WRITE, hot_header([(0, 4096)]), b"v" * 4096)
        time.sleep(0.1)
        began = time.monotonic()
        first.send(b"f" * BIG)
        assert first.reply().status == 0
        took = waited(victim, tag, began)
        assert took < limit_s + MARGIN_S, "the writer waited %.2f s" % took
        return "writer served after %.2f s" % took


def granted_inside_take(arena):
    """A WRITE whose arrival makes an unread reader let go, which lets another WRITE run, which
    makes room for the first one: all within the moment in which it asks for its extents."""
    with arena.server.ready() as first, arena.server.ready() as slow, \
            arena.server.ready() as one, arena.server.ready() as two:
        first.send(message(WRITE, 5, hot_header([(0, MIB)]), payload_len=MIB))
        slow.post(READ, hot_header([(2 * BIG, BIG)]))  # in the kernel, and stays there
        time.sleep(0.1)
        slow.post(READ, hot_header([(0, 8192)]))  # queued behind `first`
        time.sleep(0.1)
        one.post(WRITE, hot_header([(0, 4096), (MIB, 4096)]), b"1" * 8192)  # behind `slow`
        time.sleep(0.1)
        first.send(b"f" * MIB)
        assert first.reply().status == 0
        began = time.monotonic()
        tag = two.post(WRITE, hot_header([(4096, 4096), (MIB, 4096)]), b"2" * 8192)
        took = waited(two, tag, began)
        assert one.reply().status == 0
        assert two.read(0, 8192) == b"1" * 4096 + b"2" * 4096
        assert took < AT_ONCE_S + MARGIN_S, "the writer waited %.2f s" % took
        return "both writers served after %.2f s" % took


def reader_is_intact(arena):
    """A reader whose reply was copied aside still gets the bytes as of one moment."""
    with arena.server.ready() as slow, arena.server.ready() as victim:
        victim.write(0, b"1" * BIG)
        slow.post(READ, hot_header([(0, BIG)]))
        time.sleep(0.2)
        victim.write(0, b"2" * BIG)
        r = slow.reply()
        assert r.status == 0 and r.payload == b"1" * BIG, "the reply is not as of one moment"
        assert slow.read(0, BIG) == b"2" * BIG
        return "old bytes, whole; then new ones"


def zc_bytes_do_not_change(arena):
    """Zero-copy: the kernel holds the region's own bytes. Either its reader gets them as they were
    or it is dropped on the way; a byte of the WRITE must never be seen."""
    with arena.server.ready() as slow, arena.server.ready() as victim:
        victim.write(0, b"1" * BIG)
        for _ in range(2):
            slow.post(READ, hot_header([(0, BIG)]))
        time.sleep(0.2)
        began = time.monotonic()
        tag = victim.post(WRITE, hot_header([(0, BIG)]), b"2" * BIG)
        took = waited(victim, tag, began)
        assert took < SLOW_S + MARGIN_S, "the writer waited %.2f s" % took
        got = read_some(slow.sock, 32 + 64)
        got = read_some(slow.sock, BIG)
        assert got.count(b"1") == len(got), "%d bytes are not of one moment" % (
            len(got) - got.count(b"1"))
        return "writer served after %.2f s; reader has %d MiB of old bytes" % (
            took, len(got) // MIB)


def stalled_write(arena, started=100):
    """A WRITE in place stops in the middle; a READ waits for it."""
    with arena.server.ready() as stalled, arena.server.ready() as victim:
        victim.write(0, b"o" * 4096)
        data = message(WRITE, 5, hot_header([(0, BIG)]), b"n" * started, payload_len=BIG)
        stalled.send(data)
        time.sleep(0.2)
        began = time.monotonic()
        tag = victim.post(READ, hot_header([(0, 4096)]))
        took = waited(victim, tag, began)
        assert SLOW_S - 0.1 < took < SLOW_S + MARGIN_S, "the reader waited %.2f s" % took
        return "reader served after %.2f s; writer %s" % (took, gone(stalled))


def stalled_write_granted_late(arena):
    """The same, when the WRITE gets its extents after the READ has queued behind it."""
    with arena.server.ready() as first, arena.server.ready() as stalled, \
            arena.server.ready() as victim:
        first.send(message(WRITE, 5, hot_header([(0, BIG)]), payload_len=BIG))
        time.sleep(0.1)
        stalled.send(message(WRITE, 6, hot_header([(0, BIG)]), payload_len=BIG))
        time.sleep(0.1)
        tag = victim.post(READ, hot_header([(0, 4096)]))
        time.sleep(0.1)
        began = time.monotonic()
        first.send(b"f" * BIG)
        assert first.reply().status == 0
        took = waited(victim, tag, began)
        assert took < SLOW_S + MARGIN_S, "the reader waited %.2f s" % took
        return "reader served after %.2f s; writer %s" % (took, gone(stalled))


def slow_but_moving(arena):
    """A WRITE in place that keeps moving is not reset, however many wait; all are served."""
    with arena.server.ready() as moving, arena.server.ready() as victim:
        body = b"m" * MIB
        moving.send(message(WRITE, 5, hot_header([(0, MIB)]), payload_len=MIB))
        tag = victim.post(READ, hot_header([(0, 4096)]))
        for at in range(0, MIB, MIB // 8):
            moving.send(body[at : at + MIB // 8])
            time.sleep(SLOW_S / 3)
        assert moving.reply().status == 0
        r = victim.reply()
        assert r.tag == tag and r.payload == b"m" * 4096
        return "OK to both"


def drip(send, step_s, stop):
    """Call send() again and again, until told to stop or the other end has gone."""
    try:
        while not stop.wait(step_s):
            send()
    except (Closed, OSError):
        pass


def dripping_write(arena):
    """A WRITE in place of 20 KiB a second while a reader waits: too little to be waited for."""
    stop = threading.Event()
    with arena.server.ready() as slow, arena.server.ready() as victim:
        slow.send(message(WRITE, 5, hot_header([(0, BIG)]), payload_len=BIG))
        dripper = threading.Thread(target=drip, args=(lambda: slow.send(b"d" * 1024), 0.05, stop))
        dripper.start()
        try:
            time.sleep(0.2)
            began = time.monotonic()
            tag = victim.post(READ, hot_header([(0, 4096)]))
            took = waited(victim, tag, began)
        finally:
            stop.set()
            dripper.join()
        assert took < 3 * SLOW_S + MARGIN_S, "the reader waited %.2f s" % took
        return "reader served after %.2f s" % took


def sipping_reader(arena, limit_s):
    """A READ whose reply is taken at 20 KiB a second while a writer waits."""
    stop = threading.Event()
    with arena.server.ready() as slow, arena.server.ready() as victim:
        for _ in range(2):
            slow.post(READ, hot_header([(0, BIG)]))
        time.sleep(0.1)
        sipper = threading.Thread(target=drip, args=(lambda: slow.sock.recv(1024), 0.05, stop))
        sipper.start()
        try:
            began = time.monotonic()
            tag = victim.post(WRITE, hot_header([(0, BIG)]), b"s" * BIG)
            took = waited(victim, tag, began)
        finally:
            stop.set()
            sipper.join()
        assert took < limit_s + MARGIN_S, "the writer waited %.2f s" % took
        return "writer served after %.2f s" % took


def dripping_alone(arena):
    """A byte now and then, and nobody waits: it is not kept for ever."""
    stop = threading.Event()
    with arena.server.ready() as slow:
        data = iter(message(WRITE, 5, hot_header([(0, 4096)]), b"x" * 4096))
        began = time.monotonic()
        drip(lambda: slow.send(bytes([next(data)])), 0.1, stop)
        took = time.monotonic() - began
        assert took < 2 * STALL_S + 2 * MARGIN_S, "it was kept for %.1f s" % took
        return "%s after %.1f s" % (gone(slow), took)


def many_wait(arena):
    """Writers and readers queue behind a stalled WRITE: all of them are served, in order."""
    with arena.server.ready() as stalled:
        stalled.send(message(WRITE, 5, hot_header([(0, BIG)]), payload_len=BIG))
        time.sleep(0.1)
        began = time.monotonic()
        queue = [arena.server.ready() for _ in range(10)]
        for i, p in enumerate(queue):
            if i % 2 == 0:
                p.post(WRITE, hot_header([(0, 64)]), bytes([i]) * 64)
            else:
                p.post(READ, hot_header([(0, 64)]))
            time.sleep(0.01)
        for i, p in enumerate(queue):
            r = p.reply()
            assert r.status == 0, status(r.status)
            assert i % 2 == 0 or r.payload == bytes([i - 1]) * 64, "out of order at %d" % i
            p.close()
        took = time.monotonic() - began
        assert took < SLOW_S + MARGIN_S, "they waited %.2f s" % took
        return "10 served in order after %.2f s" % took


def deadline_while_waiting(arena):
    """A request's own deadline ends its wait with TIMEOUT, NOT_DONE."""
    with arena.server.ready() as stalled, arena.server.ready() as victim:
        stalled.send(message(WRITE, 5, hot_header([(0, BIG)]), payload_len=BIG))
        time.sleep(0.1)
        began = time.monotonic()
        victim.post(WRITE, hot_header([(0, 64)], timeout_us=100000), b"x" * 64)
        r = victim.reply()
        took = time.monotonic() - began
        assert (status(r.status), r.outcome) == ("TIMEOUT", 1), (status(r.status), r.outcome)
        assert 0.09 < took < 0.1 + MARGIN_S, took
        stalled.send(b"s" * BIG)
        assert stalled.reply().status == 0
        assert victim.read(0, 64) == b"s" * 64
        return "TIMEOUT, NOT_DONE after %.2f s" % took


def waiter_gave_up(arena):
    """Whoever waited for a stalled WRITE has gone: nobody waits, so it has until stall_ms."""
    with arena.server.ready() as stalled:
        stalled.send(message(WRITE, 5, hot_header([(0, BIG)]), payload_len=BIG))
        time.sleep(0.1)
        with arena.server.ready() as victim:
            victim.post(WRITE, hot_header([(0, 64)], timeout_us=50000), b"x" * 64)
            assert status(victim.reply().status) == "TIMEOUT"
        time.sleep(SLOW_S * 2)
        stalled.send(b"s" * BIG)
        assert stalled.reply().status == 0
        return "the waiter TIMEOUT, the other OK"


def no_aside_left(arena):
    """More unread replies than the bounded pool holds: the writer is served all the same."""
    slow = [arena.server.ready() for _ in range(8)]
    with arena.server.ready() as victim:
        for p in slow:
            p.post(READ, hot_header([(0, BIG)]))
        time.sleep(0.3)
        began = time.monotonic()
        tag = victim.post(WRITE, hot_header([(0, 4096)]), b"v" * 4096)
        took = waited(victim, tag, began)
        assert took < SLOW_S + MARGIN_S, "the writer waited %.2f s" % took
        for p in slow:
            p.close()
        return "writer served after %.2f s" % took


def nobody_waits(arena, data, what):
    """Silence in the middle of a message, though nobody waits: closed after stall_ms."""
    with arena.server.ready() as p:
        p.send(data)
        began = time.monotonic()
        end = gone(p)
        took = time.monotonic() - began
        assert STALL_S - 0.5 < took < STALL_S + 1 + MARGIN_S, "after %.2f s" % took
        return "%s %s after %.1f s" % (what, end, took)


def unread_reply(arena):
    """The same for a reply that is not read."""
    with arena.server.ready() as p:
        p.post(READ, hot_header([(0, BIG)]))
        p.post(READ, hot_header([(0, BIG)]))
        began = time.monotonic()
        while counters(arena.bystander)["conns_open"] > 1:
            time.sleep(0.1)
            arena.check_bystander()
            assert time.monotonic() - began < STALL_S + 1 + MARGIN_S, "it is still there"
        return "dropped after %.1f s" % (time.monotonic() - began)


def idle_is_fine(arena):
    """A connection that owes nothing may be silent for ever."""
    with arena.server.ready() as p:
        time.sleep(STALL_S + 1)
        assert p.call(FLUSH, hot_header()).status == 0
        return "OK after %.0f s of silence" % (STALL_S + 1)


def late_handshake(said):
    def fn(arena):
        with arena.server.peer() as p:
            p.send(said)
            began = time.monotonic()
            end = heard(p, 9)
            took = time.monotonic() - began
            assert end[-1] in ("closed", "reset"), end
            assert 1.0 < took < 2.0 + MARGIN_S, "after %.2f s" % took
            return "%s after %.1f s" % (", ".join(end), took)

    return fn


def session_comes_back(arena):
    """A second connection of a session whose first one is landing a WRITE: no late byte lands."""
    session = b"same-session-16B"
    old = arena.server.ready(session=session)
    old.send(message(WRITE, 5, hot_header([(0, BIG)]), b"o" * MIB, payload_len=BIG))
    time.sleep(0.1)
    new = arena.server.peer()
    assert new.hello(session=session).status == 0
    began = time.monotonic()
    assert new.open("demo").status == 0
    took = time.monotonic() - began
    assert took < SLOW_S, "OPEN waited %.2f s for the old connection" % took
    new.write(0, b"n" * BIG)
    try:
        old.send(b"o" * (BIG - MIB))
    except Closed:
        pass
    end = gone(old)
    time.sleep(0.2)
    assert new.read(0, BIG) == b"n" * BIG, "late bytes landed"
    old.close()
    new.close()
    return "old one %s, new one OK after %.2f s" % (end, took)


def session_with_unread_reply(arena):
    """The same while the old connection does not read: the new one must not wait for it."""
    session = b"same-session-16C"
    old = arena.server.ready(session=session)
    for _ in range(3):
        old.post(READ, hot_header([(0, BIG)]))
    time.sleep(0.2)
    new = arena.server.peer()
    assert new.hello(session=session).status == 0
    began = time.monotonic()
    assert new.open("demo").status == 0
    took = time.monotonic() - began
    new.write(0, b"n" * 4096)
    old.close()
    new.close()
    assert took < SLOW_S + MARGIN_S, "OPEN waited %.2f s" % took
    return "new one OK after %.2f s" % took


def a_chain_of_sessions(arena):
    """Thirty connections of one session, each while the one before is landing a WRITE."""
    session = b"same-session-16D"
    peers = []
    for i in range(30):
        p = arena.server.peer()
        assert p.hello(session=session).status == 0
        assert p.open("demo").status == 0
        p.send(message(WRITE, 5, hot_header([(0, MIB)]), bytes([i]) * 1000, payload_len=MIB))
        peers.append(p)
    peers[-1].send(b"z" * (MIB - 1000))
    assert peers[-1].reply().status == 0
    ends = {gone(p) for p in peers[:-1]}
    assert peers[-1].read(2000, 10) == b"z" * 10
    for p in peers:
        p.close()
    return "the last one lives; the others: " + ", ".join(sorted(ends))


def burst_of_a_session(arena, landing):
    """Eight connections of one session say OPEN in the same moment, forty times over. The last
    one heard lives or is closed by another; none hangs, and no late byte lands."""
    session = b"same-session-16E"
    served = 0
    for _ in range(40):
        peers = [arena.server.peer() for _ in range(8)]
        for p in peers:
            assert p.hello(session=session).status == 0
        if landing:
            assert peers[0].open("demo").status == 0
            peers[0].send(message(WRITE, 5, hot_header([(0, MIB)]), b"l" * 100000,
                                  payload_len=MIB))
        for p in peers[1 if landing else 0 :]:
            p.post(OPEN, field(1, "demo"))
        for p in peers[1:]:
            try:
                served += p.reply().status == 0
            except Closed:
                pass
        for p in peers:
            p.close()
    assert served >= 40, served
    return "%d of 320 served, the others closed" % served


def at_once_rows(arena):
    row = arena.row
    row("one unread READ against a WRITE", write_against, 1, AT_ONCE_S)
    row("three unread READs against a WRITE", write_against, 3, AT_ONCE_S)
    row("the same, of 1,024 extents", write_against, 1, AT_ONCE_S, 1024)
    row("the same, over a Unix socket", write_against, 3, AT_ONCE_S, 1, True)
    row("the unread reply stays whole", reader_is_intact)
    row("late: behind a reader granted late", late_grant, AT_ONCE_S)
    row("granted inside its own take", granted_inside_take)


def copy_rows(arena):
    row = arena.row
    row("more unread than may be copied aside", no_aside_left)
    row("a WRITE in place that stops", stalled_write)
    row("a WRITE in place that never starts", stalled_write, 0)
    row("late: a WRITE granted late that stops", stalled_write_granted_late)
    row("a WRITE in place that is slow but moves", slow_but_moving)
    row("a WRITE in place that drips", dripping_write)
    row("a reader that sips", sipping_reader, SLOW_S)
    row("ten wait for a stalled WRITE", many_wait)
    row("a deadline passes while waiting", deadline_while_waiting)
    row("a deadline passed: nobody waits any more", waiter_gave_up)
    row("its session comes back meanwhile", session_comes_back)
    row("its session comes back, replies unread", session_with_unread_reply)
    row("a chain of sessions", a_chain_of_sessions)
    row("a burst of one session", burst_of_a_session, False)
    row("a burst of one session, one landing", burst_of_a_session, True)


def zc_rows(arena):
    def row(name, fn, *args):
        time.sleep(1.1)  # where a writer waited, the next second is served by copy
        arena.row("zc: " + name, fn, *args)

    row("one unread READ against a WRITE", write_against, 1, SLOW_S)
    row("three unread READs against a WRITE", write_against, 3, SLOW_S)
    row("the same, of 100 extents", write_against, 1, SLOW_S, 100)
    row("what is being sent does not change", zc_bytes_do_not_change)
    row("a reader that sips", sipping_reader, 3 * SLOW_S)
    row("late: behind a reader granted late", late_grant, SLOW_S)
    row("more unread than may be copied aside", no_aside_left)
    row("its session comes back, replies unread", session_with_unread_reply)


def silence_rows(arena):
    row = arena.row
    small = message(WRITE, 5, hot_header([(0, 4096)]), b"", payload_len=4096)
    large = message(WRITE, 5, hot_header([(0, BIG)]), b"l" * 70000, payload_len=BIG)
    refused = message(WRITE, 5, hot_header([(1 << 40, BIG)]), b"r" * 70000, payload_len=BIG)
    row("a small payload that never comes", nobody_waits, small, "peer")
    row("half a prefix", nobody_waits, small[:20], "peer")
    row("a large payload that stops", nobody_waits, large, "peer")
    row("a message a byte at a time", dripping_alone)
    row("a reply that is never read", unread_reply)
    row("a connection that owes nothing", idle_is_fine)
    row("a refused payload that stops", nobody_waits_after_reply, refused)
    row("no word at all", late_handshake(b""))
    row("half of HELLO", late_handshake(message(HELLO, 1)[:10]))
    hello = field(1, 1) + field(2, 1) + field(4, b"\0" * 16)
    row("HELLO and no OPEN", late_handshake(message(HELLO, 1, hello)))
    row("HELLO and half of OPEN",
        late_handshake(message(HELLO, 1, hello) + message(OPEN, 2, field(1, "demo"))[:-1]))


def nobody_waits_after_reply(arena, data):
    with arena.server.ready() as p:
        p.send(data)
        assert status(p.reply().status) == "RANGE"
        began = time.monotonic()
        end = gone(p)
        took = time.monotonic() - began
        assert took < STALL_S + 1 + MARGIN_S, "after %.2f s" % took
        return "RANGE, then %s after %.1f s" % (end, took)


def main():
    limits = ["--slow-ms", "%d" % (SLOW_S * 1000), "--stall-ms", "%d" % (STALL_S * 1000),
              "--handshake-ms", "1500"]
    with Arena("--send", "copy", "--stall-ms", "30000", "--slow-ms",
               "%d" % (PATIENT_S * 1000)) as arena:
        at_once_rows(arena)
    with Arena("--send", "copy", "--stall-ms", "30000", *limits[:2]) as arena:
        copy_rows(arena)
    with Arena("--send", "zc", "--stall-ms", "30000", *limits[:2]) as arena:
        zc_rows(arena)
    with Arena(*limits) as arena:
        silence_rows(arena)


main()
finish()
