#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Goal: no order of correct and broken things that many peers do at once breaks the server.
Method: forty peers do at each step something at random: connect, say HELLO and OPEN (often with a
session that others use too), ask for anything, send a part of a message, read a part of a reply,
fall silent, say nonsense, half-close, close, reset. A bystander checks its own bytes all the
while. Everything follows from the seed, which is printed. Usage: chaos.py [SECONDS [SEED]]
"""
import random
import socket
import sys
import time

from abuse import (
    FLUSH, HELLO, LIST, MIB, OPEN, READ, STAT, WRITE, ZERO, Arena, field, finish, hot_header,
    message, reset)

AREA = 32 * MIB  # the bystander's bytes lie behind it
PEERS = 40
BODY = bytes(range(256)) * (4 * MIB // 256)


class Wild:
    """One peer: what it still has to send, and its moods."""

    def __init__(self, arena, dice):
        self.arena, self.dice = arena, dice
        self.sock = None
        self.out = b""
        self.tag = 0
        self.reads = True

    def connect(self):
        unix = self.dice.random() < 0.3
        self.sock = socket.socket(socket.AF_UNIX if unix else socket.AF_INET)
        if not unix and self.dice.random() < 0.3:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self.sock.setblocking(False)
        try:
            self.sock.connect(self.arena.server.unix if unix else
                              ("127.0.0.1", self.arena.server.port))
        except BlockingIOError:
            pass
        self.reads = self.dice.random() < 0.7
        session = bytes([self.dice.randrange(1, 9)]) * 16 if self.dice.random() < 0.2 else (
            self.dice.randbytes(16))
        self.out = message(HELLO, 1, field(1, 1) + field(2, 1) + field(4, session))
        if self.dice.random() < 0.9:
            self.out += message(OPEN, 2, field(1, self.dice.choice(["demo", "demo", "other"])))
        self.tag = 2

    def extents(self):
        count = self.dice.choice((1, 1, 1, 2, 4, 5, 60))
        most = self.dice.choice((8, 4096, 4096, 40000, 70000, MIB)) // (1 if count < 10 else 8)
        out = []
        for _ in range(count):
            length = self.dice.randrange(1, most + 1)
            place = self.dice.randrange(4)  # all meet at a few places
            out.append((place * 5 * MIB + self.dice.randrange(0, 4 * 4096), length))
        return out

    def ask(self):
        self.tag += 1
        dice = self.dice.random()
        extents = self.extents()
        timeout = self.dice.choice((0, 0, 0, 1, 1000, 100000))
        if dice < 0.35:
            self.out += message(READ, self.tag, hot_header(
                extents, flags=self.dice.choice((0, 0, 1)), timeout_us=timeout))
        elif dice < 0.70:
            total = sum(length for _, length in extents)
            self.out += message(WRITE, self.tag, hot_header(
                extents, level=self.dice.choice((0, 1)), timeout_us=timeout), BODY[:total])
        elif dice < 0.80:
            self.out += message(ZERO, self.tag, hot_header(extents, timeout_us=timeout))
        elif dice < 0.88:
            self.out += message(FLUSH, self.tag, hot_header())
        elif dice < 0.94:
            self.out += message(STAT, self.tag, field(1, self.dice.randrange(2)))
        else:
            self.out += message(LIST, self.tag)

    def nonsense(self):
        kind = self.dice.randrange(5)
        if kind == 0:
            self.out += self.dice.randbytes(self.dice.randrange(1, 200))
        elif kind == 1:
            self.out += message(self.dice.randrange(256), 7, self.dice.randbytes(
                self.dice.randrange(200)))
        elif kind == 2:
            self.out += message(READ, 7, hot_header([(1 << 50, 5)]))
        elif kind == 3:
            self.out += message(WRITE, 7, hot_header([(0, 4096)], flags=1, crcs=[1]), BODY[:4096])
        else:
            self.out += message(OPEN, 7, field(1, "demo"))

    def move(self, most):
        """Send a part, read a part."""
        if self.out:
            sent = self.sock.send(self.out[:most])
            self.out = self.out[sent:]
        if self.reads:
            try:
                if not self.sock.recv(self.dice.choice((10, 4096, MIB))):
                    self.drop()
            except BlockingIOError:
                pass

    def drop(self):
        (reset if self.dice.random() < 0.5 else socket.socket.close)(self.sock)
        self.sock = None

    def step(self):
        dice = self.dice.random()
        try:
            if self.sock is None:
                self.connect()
            elif dice < 0.40:
                if len(self.out) < 2 * MIB:
                    self.ask()
                self.move(8 * MIB)
            elif dice < 0.95:
                self.move(self.dice.choice((1, 100, 5000, MIB, MIB)))
            elif dice < 0.97:
                self.reads = self.dice.random() < 0.8
            elif dice < 0.975:
                self.nonsense()
            elif dice < 0.977:
                self.sock.shutdown(socket.SHUT_WR)
            elif dice < 0.985:
                self.drop()
        except BlockingIOError:
            pass
        except OSError:
            if self.sock is not None:
                self.sock.close()
            self.sock = None


def chaos(arena, seconds, seed):
    dice = random.Random(seed)
    peers = [Wild(arena, dice) for _ in range(PEERS)]
    until = time.monotonic() + seconds
    beat = steps = 0
    worst = 0.0
    while time.monotonic() < until:
        for p in dice.sample(peers, 12):
            p.step()
            steps += 1
        if time.monotonic() > beat:
            began = time.monotonic()
            arena.check_bystander()
            worst = max(worst, time.monotonic() - began)
            beat = time.monotonic() + 0.05
    for p in peers:
        if p.sock is not None:
            p.drop()
    now = arena.settle()
    return "seed %d: %d steps, %d connections, %d requests, %d waited; slowest beat %.2f s" % (
        seed, steps, now["conns_accepted"], now["reads"] + now["writes"] + now["zeros"],
        now["lock_waits"], worst)


def main():
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 2.5
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else random.randrange(1 << 32)
    limits = ("--slow-ms", "150", "--stall-ms", "700", "--handshake-ms", "700", "--shards", "2")
    other = {"regions": ("name=other,medium=mem,size=64M",)}
    for policy in ("copy", "zc", "auto"):
        with Arena("--send", policy, *limits, **other) as arena:
            arena.row("chaos, " + policy, chaos, seconds, seed)
    with Arena("--send", "copy", "--requests", "128", "--credit-requests", "128", *limits,
               **other) as arena:
        arena.row("chaos, small tables", chaos, seconds, seed + 1)


main()
finish()
