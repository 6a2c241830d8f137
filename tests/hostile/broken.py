#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Goal: a peer may vanish at any moment and in any way; its memory, its extents and its place are
free again, and what it had asked for takes effect as a whole message or not at all.
Method: resets, half closes and kills in the middle of large transfers, under every send policy.
"""
import os
import random
import signal
import subprocess
import sys
import time

from abuse import (
    BIN, FLUSH, MIB, READ, SLOW, SOURCE, WRITE, ZERO, Arena, Closed, finish, hot_header,
    message, read_some, reset, status)

BIG = 16 * MIB

CHILD = """
import sys, time
sys.path.insert(0, sys.argv[1])
from peer import *
p = Peer("127.0.0.1", int(sys.argv[2])).ready("demo")
for i in range(16):
    p.post(READ, hot_header([(i << 20, 1 << 20)]))
if sys.argv[3] == "write":
    p.send(message(WRITE, 99, hot_header([(0, 16 << 20)]), b"k" * (5 << 20), payload_len=16 << 20))
print("ready", flush=True)
while True:
    if sys.argv[3] == "reading":
        p.reply()
        p.post(READ, hot_header([(0, 1 << 20)]))
    else:
        time.sleep(1)
"""


def rst_in_reads(arena, unix=False):
    """RST in the middle of 16 MiB replies, twenty times, at another byte each time."""
    dice = random.Random(7)
    for i in range(20):
        p = arena.server.ready(unix)
        for _ in range(1 + i % 4):
            p.post(READ, hot_header([(0, BIG)] if i % 2 else [(j * 65536, 16384)
                                                              for j in range(1024)]))
        read_some(p.sock, dice.randrange(1, 12 * MIB))
        reset(p.sock)
    arena.settle()
    with arena.server.ready() as p:  # and nothing is locked
        p.write(0, b"w" * BIG)
    return "20 of 20 gone"


def rst_in_writes(arena):
    """RST in the middle of 16 MiB payloads while a reader waits for the same bytes."""
    dice = random.Random(8)
    for _ in range(20):
        p = arena.server.ready()
        p.send(message(WRITE, 5, hot_header([(0, BIG)]), b"r" * dice.randrange(1, 9 * MIB),
                       payload_len=BIG))
        with arena.server.ready() as waiting:
            tag = waiting.post(READ, hot_header([(BIG - 4096, 8192)]))
            reset(p.sock)
            r = waiting.reply()
            assert (r.tag, r.status) == (tag, 0), status(r.status)
    return "20 readers served"


def rst_while_queued(arena):
    """The same while its requests wait for extents of somebody else: each of them that is still
    carried out is carried out whole."""
    with arena.server.ready() as holder:
        holder.send(message(WRITE, 5, hot_header([(0, BIG)]), payload_len=BIG))
        time.sleep(0.1)
        for i in range(20):
            p = arena.server.ready()
            for j in range(6):
                p.post((READ, ZERO)[j % 2], hot_header([(j * 4096, 4096)]))
            p.post(WRITE, hot_header([(0, 4096)]), b"q" * 4096)
            if i % 2:
                p.send(message(WRITE, 6, hot_header([(MIB, MIB)]), b"q" * 100000,
                               payload_len=MIB))
            reset(p.sock)
        holder.send(b"h" * BIG)
        assert holder.reply().status == 0
        arena.settle(2)
        data = holder.read(0, 7 * 4096)
        blocks = [data[at : at + 4096] for at in range(0, len(data), 4096)]
        for block in blocks:
            assert block.count(block[0]) == 4096, "a request took effect in part"
        zeroed = sum(block[0] == 0 for block in blocks)
        return "20 gone; %d of 7 blocks changed, all whole" % (zeroed + (data[0] == ord("q")))


def half_close(arena, unix=False):
    """A peer that shuts its sending side down still gets every reply (P1.5)."""
    with arena.server.ready(unix) as p:
        p.write(0, b"c" * BIG)
        for _ in range(4):
            p.post(READ, hot_header([(0, BIG)]))
        p.post(FLUSH, hot_header())
        p.sock.shutdown(1)
        got = [p.reply() for _ in range(5)]
        assert all(r.status == 0 for r in got)
        assert sum(len(r.payload) for r in got) == 4 * BIG
        try:
            p.reply()
            raise AssertionError("a sixth reply")
        except Closed:
            return "5 replies, then closed"


def half_close_in_payload(arena):
    """It shuts down in the middle of a payload: no reply, no hang, extents free."""
    with arena.server.ready() as p:
        p.send(message(WRITE, 5, hot_header([(0, BIG)]), b"p" * MIB, payload_len=BIG))
        time.sleep(0.05)
        p.sock.shutdown(1)
        assert read_some(p.sock, 1) == b""
    with arena.server.ready() as p:
        p.write(0, b"f" * BIG)
    return "closed"


def pipelined_then_gone(arena):
    """Whole messages that were received are carried out even if their sender is gone: all of a
    message's bytes land, or none (small ones)."""
    for i in range(50):
        p = arena.server.ready()
        p.send(b"".join(message(WRITE, j, hot_header([(j * 4096, 4096)]), bytes([i + 1]) * 4096)
                        for j in range(64)))
        (reset if i % 2 else type(p.sock).close)(p.sock)
    arena.settle()
    with arena.server.ready() as p:
        data = p.read(0, 64 * 4096)
        for j in range(64):
            block = data[j * 4096 : (j + 1) * 4096]
            assert block.count(block[0]) == 4096, "block %d is torn" % j
    return "64 blocks whole"


def killed(arena, what):
    """kill -9 of a client with 16 x 1 MiB READs in flight."""
    for _ in range(3):
        with subprocess.Popen(
                [sys.executable, "-c", CHILD, os.path.join(SOURCE, "tests/lib"),
                 str(arena.server.port), what], stdout=subprocess.PIPE) as child:
            assert child.stdout.readline() == b"ready\n"
            time.sleep(0.05)
            child.send_signal(signal.SIGKILL)
            child.wait()
    arena.settle()
    with arena.server.ready() as p:
        p.write(0, b"w" * BIG)
        assert p.read(0, BIG) == b"w" * BIG
    return "3 of 3 gone"


def bench_killed(arena):
    """The same with our own client, library and all, reading and writing as fast as it can."""
    uri = "pmemd://127.0.0.1:%d/demo" % arena.server.port
    for op in ("read", "randwrite", "torn"):
        with subprocess.Popen(
                [os.path.join(BIN, "pmemd-bench"), "--uri", uri, "--op", op, "--bs", "64K",
                 "--qd", "8", "--secs", "30"], stdout=subprocess.DEVNULL) as child:
            time.sleep(0.4 * SLOW)
            child.send_signal(signal.SIGKILL)
            child.wait()
    return "3 of 3 gone"


def stopped(arena):
    """A client that is stopped (SIGSTOP) while reading does not hold up a writer."""
    with subprocess.Popen(
            [sys.executable, "-c", CHILD, os.path.join(SOURCE, "tests/lib"),
             str(arena.server.port), "reading"], stdout=subprocess.PIPE) as child:
        assert child.stdout.readline() == b"ready\n"
        child.send_signal(signal.SIGSTOP)
        try:
            time.sleep(0.1)
            with arena.server.ready() as p:
                began = time.monotonic()
                p.write(0, b"w" * BIG)
                took = time.monotonic() - began
            assert took < 1.0 + 2.0 * SLOW, "the writer waited %.2f s" % took
        finally:
            child.kill()
            child.wait()
    return "writer served after %.2f s" % took


def rows(arena, policy):
    def row(name, *rest):
        arena.row("%s: %s" % (policy, name), *rest)

    row("RST in the middle of 16 MiB reads", rst_in_reads)
    row("RST in the middle of 16 MiB writes", rst_in_writes)
    row("kill -9 with 16 reads in flight", killed, "idle")
    row("kill -9 while reading", killed, "reading")
    row("kill -9 while reading and writing", killed, "write")
    row("half a close", half_close)
    row("a stopped reader", stopped)
    row("kill -9 of pmemd-bench", bench_killed)


def main():
    for policy in ("copy", "zc", "auto"):
        with Arena("--send", policy) as arena:
            rows(arena, policy)
            if policy == "copy":
                row = arena.row
                row("Unix: gone in the middle of 16 MiB reads", rst_in_reads, True)
                row("Unix: half a close", half_close, True)
                row("half a close in the middle of a payload", half_close_in_payload)
                row("64 WRITEs, then gone", pipelined_then_gone)
    with Arena("--slow-ms", "30000", "--stall-ms", "60000") as arena:
        arena.row("RST while queued behind others", rst_while_queued)


main()
finish()
