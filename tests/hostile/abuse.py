# SPDX-License-Identifier: BSD-3-Clause
"""What every hostile test needs: a real server of its own, a bystander that must not suffer, and
rows. A row is one abuse. After each the bystander's connection, open all along, still works, the
number of open connections is what it was, and the kernel holds no bytes of the region. At the end
the server must stop with 0 on SIGTERM and must not have printed anything like an assertion.

    with Arena() as arena:
        arena.row("bad magic", bad_magic)      # bad_magic(arena) returns what the server said
    finish()
"""
import gc
import os
import re
import resource
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time

SOURCE = os.environ.get("PMEMD_SOURCE_DIR") or os.path.join(os.path.dirname(__file__), "../..")
BIN = os.environ.get("PMEMD_BIN_DIR") or os.path.join(SOURCE, "build/dev/bin")
sys.path.insert(0, os.path.join(SOURCE, "tests/lib"))

# pylint: disable=wrong-import-position,unused-import
from peer import (  # noqa: E402,F401
    FLUSH, HELLO, LIST, OPEN, READ, STAT, WRITE, ZERO, Closed, Peer, crc32c, errors, field,
    hot_header, message, parse)

ERRORS = errors(os.path.join(SOURCE, "include/pmemd/errors.def"))
NAMES = {number: name for name, number in ERRORS.items()}
MIB = 1 << 20
FAILED = []  # names of rows
SETTLE_S = 8.0  # a second of lingering, and time for a busy host
BAD_WORDS = re.compile(r"assert|Sanitizer|runtime error|shard\.broken|abort", re.I)
SLOW = int(os.environ.get("PMEMD_TEST_SLOW", "1"))  # a sanitizer build takes so many times longer


def status(number):
    """A status as the error table names it."""
    return "OK" if number == 0 else NAMES.get(number, "status %d" % number)


def skip(why):
    print(why)
    sys.exit(77)


def repeated(data, number):
    """The values of a repeated field, which peer.parse() does not keep."""
    out, at = [], 0
    while at < len(data):
        key, at = _varint(data, at)
        if key & 7 == 0:
            value, at = _varint(data, at)
        else:
            n, at = _varint(data, at)
            value, at = data[at : at + n], at + n
        if key >> 3 == number:
            out.append(value)
    return out


def _varint(data, at):
    n = shift = 0
    while True:
        n |= (data[at] & 0x7F) << shift
        shift += 7
        at += 1
        if not data[at - 1] & 0x80:
            return n, at


def counters(peer):
    """The server's counters by name, over all shards."""
    r = peer.call(STAT, field(1, 1))
    assert r.status == 0, status(r.status)
    rows = [parse(c) for c in repeated(r.header, 4)]
    return {c[1].decode(): c.get(3, 0) for c in rows}


def heard(peer, count):
    """What the server says: at least `count` replies if it says so many, until it closes or falls
    silent. A list of statuses, then how it ended: "closed", "reset" or "open"."""
    said = []
    while True:
        try:
            said.append(status(peer.reply().status))
        except Closed as e:
            return said + ["reset" if "reset" in str(e).lower() else "closed"]
        except (TimeoutError, socket.timeout):
            return said + ["open"]
        if len(said) >= count:
            peer.sock.settimeout(0.1)


def listen(peer, *wanted):
    """The server says one of these, such as "STATE, open"."""
    ends = {w.rsplit(", ", 1)[-1] for w in wanted}
    count = max(w.count(",") for w in wanted)
    if ends == {"open"} and count == 0:
        peer.sock.settimeout(0.3)
    return expect(heard(peer, count if "open" in ends else count + 1), *wanted)


def read_some(sock, n):
    """n bytes, or what came until the end."""
    out = bytearray()
    while len(out) < n:
        try:
            part = sock.recv(min(n - len(out), MIB))
        except ConnectionError:
            break
        if not part:
            break
        out += part
    return bytes(out)


def reset(sock):
    """Close with RST."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


def raise_files(want):
    """Allow this process `want` open files, as far as that goes; what it got."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < want:
        soft = want if hard == resource.RLIM_INFINITY else min(want, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return soft


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Server:
    """A pmemd process on a TCP port of its own and a Unix socket."""

    def __init__(self, *options, size="64M", region="demo", files=None, regions=()):
        self.dir = tempfile.mkdtemp(prefix="pmemd-hostile-")
        self.log = os.path.join(self.dir, "log")
        self.unix = os.path.join(self.dir, "s")
        self.region = region
        for _ in range(5):  # somebody may take the port first
            self.port = free_port()
            argv = [os.path.join(BIN, "pmemd"), "--listen", "127.0.0.1:%d" % self.port,
                    "--listen", "unix:" + self.unix,
                    "--region", "name=%s,medium=mem,size=%s" % (region, size)]
            for r in regions:
                argv += ["--region", r]
            with open(self.log, "wb") as log:
                self.process = subprocess.Popen(
                    argv + list(options), stdout=log, stderr=log,
                    preexec_fn=(lambda: resource.setrlimit(
                        resource.RLIMIT_NOFILE, (files, files))) if files else None)
            if self.wait_ready():
                return
        raise AssertionError("the server does not start: " + self.said())

    def wait_ready(self):
        for _ in range(400):
            if "server.ready" in self.said():
                return True
            code = self.process.poll()
            if code == 3:
                skip(self.said().strip().splitlines()[-1])
            if code is not None:
                return False
            time.sleep(0.05)
        self.process.kill()
        self.process.wait()
        return False

    def said(self):
        with open(self.log, encoding="utf-8", errors="replace") as f:
            return f.read()

    def peer(self, unix=False, timeout=20.0 * SLOW):
        return Peer(self.unix, timeout=timeout) if unix else Peer("127.0.0.1", self.port,
                                                                  timeout=timeout)

    def ready(self, unix=False, timeout=20.0 * SLOW, **kw):
        return self.peer(unix, timeout).ready(self.region, **kw)

    def stop(self):
        """SIGTERM; asserts a clean end."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            code = self.process.wait(timeout=20 * SLOW)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError("the server does not stop on SIGTERM") from None
        text = self.said()
        bad = [line for line in text.splitlines() if BAD_WORDS.search(line)]
        assert code == 0, "the server ended with %d\n%s" % (code, text[-4000:])
        assert not bad, "the server said: " + "\n".join(bad[:20])

    def remove(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        for name in os.listdir(self.dir):
            os.unlink(os.path.join(self.dir, name))
        os.rmdir(self.dir)


class Arena:
    """A server and its bystander."""

    def __init__(self, *options, **kw):
        self.server = Server(*options, **kw)
        self.bystander = self.server.ready(unix=True)
        self.beat = 0

    def __enter__(self):
        return self

    def __exit__(self, kind, value, _):
        try:
            if kind is None:
                self.bystander.close()
                self.server.stop()
        except AssertionError as e:
            print("FAILED at the end: %s" % e)
            FAILED.append("end")
        finally:
            if kind is not None:
                print(self.server.said()[-4000:])
            self.server.remove()

    def counters(self):
        return counters(self.bystander)

    def check_bystander(self):
        """Bytes of its own, there and back, in the last 64 KiB of the region."""
        self.beat += 1
        data = struct.pack("<Q", self.beat) * 512
        at = 64 * MIB - 65536
        self.bystander.write(at, data)
        assert self.bystander.read(at, len(data)) == data, "the bystander reads other bytes"

    def settle(self, conns=1):
        """Wait until the bystander alone is left (or `conns`), and nothing is pinned."""
        until = time.monotonic() + SETTLE_S * SLOW
        while True:
            now = self.counters()
            if now["conns_open"] == conns and now["pins"] == 0:
                return now
            if time.monotonic() > until:
                raise AssertionError("conns_open %d (not %d), pins %d" %
                                     (now["conns_open"], conns, now["pins"]))
            time.sleep(0.05)

    def row(self, name, fn, *args):
        """Run one abuse; print what the server said; look at what is left of it."""
        began = time.monotonic()
        try:
            said = fn(self, *args)
            self.check_bystander()
            self.settle()
        except (AssertionError, Closed, OSError) as e:
            if self.server.process.poll() is not None:
                print("%-44s FAILED: %r; the server ended with %d" % (
                    name, e, self.server.process.returncode))
                raise
            FAILED.append(name)
            print("%-44s FAILED: %s %s" % (name, type(e).__name__, e), flush=True)
            gc.collect()  # closes what the row left open
            time.sleep(1)
            return
        took = time.monotonic() - began
        print("%-44s %s%s" % (name, said, " (%.1f s)" % took if took > 0.5 else ""), flush=True)


def expect(got, *wanted):
    """`got` is a list as heard() makes it; True if it is one of those wanted."""
    text = ", ".join(got)
    assert text in wanted, "the server said %s, not %s" % (text or "nothing", " or ".join(wanted))
    return text


def finish():
    """The end of a test."""
    if FAILED:
        sys.exit("%d of the rows failed: %s" % (len(FAILED), ", ".join(FAILED)))
