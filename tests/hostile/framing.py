#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Goal: bytes that break the protocol are answered as docs/protocol.md says, and hurt nobody else.
Method: a row per broken clause, said by an independent client; a bystander is looked at after each.
"""
import time

from abuse import (
    FLUSH, HELLO, LIST, MIB, OPEN, READ, STAT, WRITE, ZERO, Arena, Closed, crc32c, field,
    finish, hot_header, listen, message, parse, read_some, status)

REGION = 64 * MIB
TOP = (1 << 64) - 1


def say(data, *wanted, ready=True, then=b""):
    """A row: these bytes on a fresh connection, and what must come back."""

    def fn(arena):
        with (arena.server.ready() if ready else arena.server.peer()) as p:
            try:
                p.send(data)
                if then:
                    p.send(then)
            except Closed:
                pass  # it closed before we had said everything
            return listen(p, *wanted)

    return fn


def hot(verb, extents, payload=b"", tag=9, **kw):
    lies = {k: kw.pop(k) for k in ("payload_len", "header_len", "flags", "crc") if k in kw}
    if "hot_flags" in kw:
        kw["flags"] = kw.pop("hot_flags")
    return message(verb, tag, hot_header(extents, **kw), payload, **lies)


FLUSH_OK = hot(FLUSH, [], tag=99)  # the connection must still take this one


def lives(data, name):
    """Refused by name, and the next request is served."""
    return say(data, "%s, OK, open" % name, then=FLUSH_OK)


def prefix(arena):
    ok = hot(READ, [(0, 4096)])
    row = arena.row
    gone = ("closed", "reset")
    row("magic is wrong", say(b"XMD1" + ok[4:], *gone))
    row("another protocol altogether", say(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n" * 4, *gone))
    row("a TLS hello", say(bytes.fromhex("160301020001000 1fc0303".replace(" ", "")) + b"x" * 500,
                           *gone, ready=False))
    row("zeroes", say(b"\0" * 4096, *gone, ready=False))
    row("version is wrong", say(message(READ, 1, hot_header([(0, 1)]), version=2), *gone))
    row("prefix reserved bits", say(message(READ, 1, hot_header([(0, 1)]), reserved=1), *gone))
    row("header CRC is wrong", say(message(READ, 1, hot_header([(0, 1)]), crc=0x12345678), *gone))
    row("one bit of the header flipped", say(flipped(ok, 40), *gone))
    row("one bit of the tag flipped", say(flipped(ok, 9), *gone))
    row("a reply instead of a request", say(message(READ, 1, hot_header([(0, 1)]), flags=1),
                                            *gone))
    row("unknown prefix flags", lives(message(READ, 1, hot_header([(0, 1)]), flags=0x8000), "FLAG"))
    row("unknown prefix flags, control verb", lives(message(STAT, 1, flags=2), "FLAG"))
    row("header longer than allowed",
        say(message(READ, 1, b"", header_len=32769), "TOOBIG, closed", "TOOBIG, reset"))
    row("header length 4 GiB",
        say(message(READ, 1, b"", header_len=(1 << 32) - 1), "TOOBIG, closed", "TOOBIG, reset"))
    row("payload longer than allowed",
        say(hot(WRITE, [(0, 16 * MIB)], payload_len=16 * MIB + 1), "TOOBIG, closed",
            "TOOBIG, reset"))
    row("payload length 4 GiB, before HELLO",
        say(message(WRITE, 1, b"", payload_len=(1 << 32) - 1), "TOOBIG, closed", "TOOBIG, reset",
            ready=False))


def flipped(data, at):
    out = bytearray(data)
    out[at] ^= 1
    return bytes(out)


def counts(arena):
    row = arena.row
    proto = ("PROTO, closed", "PROTO, reset")
    full = hot_header([(0, 4096)])
    row("header empty", say(message(READ, 1, b""), *proto))
    row("header of 63 bytes", say(message(READ, 1, full[:63]), *proto))
    row("header shorter than its counts", say(message(READ, 1, hot_header([(0, 1)], count=2)),
                                             *proto))
    row("header longer than its counts", say(message(READ, 1, full + b"\0" * 16), *proto))
    row("checksums announced, none there",
        say(message(WRITE, 1, hot_header([(0, 4)], flags=1, crc_count=1), b"abcd"), *proto))
    row("checksums without the flag",
        say(message(WRITE, 1, hot_header([(0, 4)], crcs=[1]), b"abcd"), *proto))
    row("too few checksums",
        say(hot(WRITE, [(0, 2 * MIB)], payload_len=2 * MIB, hot_flags=1, crcs=[1]), *proto))
    row("checksum count 4 G", say(message(READ, 1, hot_header([(0, 1)], crc_count=(1 << 32) - 1)),
                                  *proto))
    row("header reserved bits (16)", say(hot(READ, [(0, 1)], reserved=1), *proto))
    row("header reserved bits (64)", say(hot(READ, [(0, 1)], reserved2=1), *proto))
    row("replicas without their level", say(hot(WRITE, [(0, 1)], b"x", replicas=2), *proto))
    row("READ of no extents", say(hot(READ, []), *proto))
    row("WRITE of no extents", say(hot(WRITE, []), *proto))
    row("ZERO of no extents", say(hot(ZERO, []), *proto))
    row("FLUSH with an extent", say(hot(FLUSH, [(0, 1)]), *proto))
    row("READ with a payload", say(hot(READ, [(0, 1)], b"x"), *proto))
    row("length 0", say(hot(READ, [(0, 0)]), *proto))
    row("length 0 among others", say(hot(WRITE, [(0, 1), (5, 0)], b"x"), *proto))
    row("WRITE: payload shorter than its extents", say(hot(WRITE, [(0, 9)], b"12345678"), *proto))
    row("WRITE: payload longer than its extents", say(hot(WRITE, [(0, 7)], b"12345678"), *proto))
    row("1,024 extents are fine", say(hot(READ, [(i * 8, 1) for i in range(1024)]), "OK, open"))
    row("1,025 extents", lives(hot(READ, [(i * 8, 1) for i in range(1025)]), "TOOBIG"))
    row("65,535 extents announced", say(message(READ, 1, hot_header([(0, 1)], count=65535)),
                                        *proto))
    row("READ of more than io_max", lives(hot(READ, [(0, 8 * MIB)] * 2 + [(0, 1)]), "TOOBIG"))
    row("lengths whose sum overflows", lives(hot(READ, [(0, TOP), (0, TOP), (0, 3)]), "TOOBIG"))
    row("ZERO of more than zero_max", lives(hot(ZERO, [(0, 1 << 30), (0, 1)]), "TOOBIG"))


def ranges(arena):
    row = arena.row
    row("extent one byte past the end", lives(hot(READ, [(REGION - 1, 2)]), "RANGE"))
    row("extent that begins at the end", lives(hot(READ, [(REGION, 1)]), "RANGE"))
    row("extent far past the end", lives(hot(READ, [(1 << 63, 1)]), "RANGE"))
    row("offset + length overflows", lives(hot(READ, [(TOP, 2)]), "RANGE"))
    row("offset + length is exactly 0", lives(hot(READ, [(TOP - 4095, 4096)]), "RANGE"))
    row("the last of many is past the end",
        lives(hot(READ, [(0, 1)] * 1023 + [(REGION, 1)]), "RANGE"))
    row("ZERO past the end", lives(hot(ZERO, [(REGION - 4096, 8192)]), "RANGE"))
    row("WRITE past the end, small", lives(hot(WRITE, [(REGION, 8)], b"12345678"), "RANGE"))
    row("WRITE past the end, 1 MiB: payload skipped",
        lives(hot(WRITE, [(REGION - 8, MIB)], b"y" * MIB), "RANGE"))
    row("overlapping extents are fine", say(hot(READ, [(0, 4096), (0, 4096), (1, 4096)]),
                                            "OK, open"))
    row("a refused WRITE changes nothing", unchanged)
    row("RANGE names the extent", index_of_extent)


def unchanged(arena):
    with arena.server.ready() as p:
        p.write(0, b"a" * 64)
        r = p.call(WRITE, hot_header([(0, 32), (REGION, 32)]), b"b" * 64)
        assert p.read(0, 64) == b"a" * 64, "a refused WRITE left bytes behind"
        assert r.outcome == 1, "outcome %d" % r.outcome
        return status(r.status) + ", NOT_DONE"


def index_of_extent(arena):
    with arena.server.ready() as p:
        r = p.call(READ, hot_header([(0, 1)] * 7 + [(REGION, 1)]))
        assert r.detail == 7, r.detail
        return "%s, extent %d" % (status(r.status), r.detail)


def verbs(arena):
    row = arena.row
    names = {5: "create", 6: "resize", 7: "delete", 8: "seal", 9: "map", 20: "commit", 21: "cas",
             22: "fetch_add", 23: "wait", 24: "query"}
    for number, name in names.items():
        row("reserved verb %d, %s" % (number, name), reserved(number, name))
    for number in (0, 10, 15, 25, 128, 255):
        row("unknown verb %d" % number, lives(message(number, 1, b""), "VERB"))
    row("unknown verb with a payload: skipped",
        lives(message(25, 1, hot_header([(0, MIB)]), b"z" * MIB), "VERB"))
    row("reserved COMMIT with a payload: skipped",
        lives(hot(20, [(0, 4096)], b"z" * 4096), "VERB"))
    row("unknown header flags", lives(hot(READ, [(0, 1)], hot_flags=2), "FLAG"))
    row("CRC flag on ZERO", lives(hot(ZERO, [(0, 1)], hot_flags=1), "FLAG"))
    row("unknown header flags, payload skipped",
        lives(hot(WRITE, [(0, MIB)], b"z" * MIB, hot_flags=0x100), "FLAG"))
    row("level 2, replicated", lives(hot(WRITE, [(0, 1)], b"x", level=2, replicas=1), "LEVEL"))
    row("level 200", lives(hot(WRITE, [(0, 1)], b"x", level=200), "LEVEL"))
    row("a sequence number", lives(hot(WRITE, [(0, 1)], b"x", seq=1), "FLAG"))
    row("an LSN that is not reached", lives(hot(READ, [(0, 1)], min_lsn=TOP), "LEVEL"))
    row("another epoch", lives(hot(WRITE, [(0, 1)], b"x", epoch=77), "FENCED"))
    row("STAT whose message is no protobuf", say(message(STAT, 1, b"\xff" * 30), "PROTO, closed",
                                                 "PROTO, reset"))
    row("LIST that is cut in two", say(message(LIST, 1, field(1, "abc")[:3]), "PROTO, closed",
                                       "PROTO, reset"))
    row("STAT with a payload: skipped", lives(message(STAT, 1, b"", b"p" * 5000), "OK"))
    row("STAT with unknown fields", lives(message(STAT, 1, field(99, "new") + field(98, 7)), "OK"))


def reserved(number, name):
    def fn(arena):
        with arena.server.ready() as p:
            r = p.call(number, hot_header([(0, 8)]) if number >= 16 else b"")
            assert status(r.status) == "VERB", status(r.status)
            if number < 16:
                assert name.encode() in r.header, r.header
            assert p.call(FLUSH, hot_header()).status == 0
            return "VERB" if number >= 16 else "VERB: " + parse(r.header)[2].decode()

    return fn


def handshake(arena):
    row = arena.row
    hello = field(1, 1) + field(2, 1) + field(4, b"\0" * 16)
    say_hello = message(HELLO, 1, hello)
    say_open = message(OPEN, 2, field(1, "demo"))
    behind = ("closed", "reset", "OK, closed", "OK, reset")  # HELLO's reply may not leave
    row("nothing, then close", lambda a: [a.server.peer().close()] and "nothing")
    row("data before HELLO", say(hot(READ, [(0, 1)]), "STATE, open", ready=False))
    row("data before OPEN", say(say_hello + hot(READ, [(0, 1)]), "OK, STATE, open", ready=False))
    row("WRITE before OPEN: payload skipped",
        say(say_hello + hot(WRITE, [(0, MIB)], b"w" * MIB) + message(LIST, 3), "OK, STATE, OK, open",
            ready=False))
    row("OPEN before HELLO", say(say_open, "STATE, open", ready=False))
    row("STAT before OPEN", say(say_hello + message(STAT, 2), "OK, STATE, open", ready=False))
    row("HELLO twice", say(say_hello + say_hello, "OK, STATE, open", ready=False))
    row("HELLO after OPEN", lives(say_hello, "STATE"))
    row("OPEN twice", lives(say_open, "STATE"))
    row("bytes behind OPEN", say(say_hello + say_open + hot(READ, [(0, 1)]), *behind, ready=False))
    row("half a message behind OPEN", say(say_hello + say_open + b"PMD", *behind,
                                          ready=False))
    row("no common version", say(message(HELLO, 1, field(1, 7) + field(2, 9) +
                                         field(4, b"\0" * 16)),
                                 "VERSION, closed", "VERSION, reset", ready=False))
    row("HELLO without a session", say(message(HELLO, 1, field(1, 1) + field(2, 1)),
                                       "PROTO, closed", "PROTO, reset", ready=False))
    row("no such region, then a better one",
        say(say_hello + message(OPEN, 2, field(1, "nosuch")) + message(OPEN, 3, field(1, "demo")),
            "OK, NOREGION, OK, open", ready=False))
    row("a class it does not have",
        say(say_hello + message(OPEN, 2, field(1, "demo") + field(2, 3)) + message(LIST, 3),
            "OK, CLASS, OK, open", ready=False))
    row("a region name of control bytes",
        say(say_hello + message(OPEN, 2, field(1, "\x1b[2J\n\"x=1")), "OK, NOREGION, open",
            ready=False))
    row("a region name that is not UTF-8",
        say(say_hello + message(OPEN, 2, field(1, b"\xff\xfe")), "OK, PROTO, closed",
            "OK, PROTO, reset", ready=False))
    row("a region name of 30 KB", say(say_hello + message(OPEN, 2, field(1, "r" * 30000)),
                                      "OK, PROTO, closed", "OK, PROTO, reset", ready=False))


def pieces(arena):
    row = arena.row
    row("one byte at a time: a correct message", one_byte_at_a_time)
    row("one byte at a time: a wrong one", dribbled_nonsense)
    row("a WRITE in seven pieces, each late", in_pieces)
    for at in (1, 16, 31, 32, 50, 96, 111, 112, 2000):
        row("half a WRITE (%d bytes), then close" % at, half(at, MIB))
    for at in (40, 111, 112, 500):
        row("half a small WRITE (%d bytes), then close" % at, half(at, 4096))
    row("half of HELLO, then close", half_hello)


def one_byte_at_a_time(arena):
    with arena.server.ready() as p:
        data = hot(WRITE, [(123, 100)], b"q" * 100, tag=5)
        for i in range(len(data)):
            p.send(data[i : i + 1])
            if i % 16 == 0:
                time.sleep(0.001)
        assert p.reply().status == 0
        assert p.read(123, 100) == b"q" * 100
        return "OK"


def dribbled_nonsense(arena):
    with arena.server.ready() as p:
        data = hot(WRITE, [(123, 100)], b"q" * 100, tag=5, crc=1)
        try:
            for i in range(len(data)):
                p.send(data[i : i + 1])
        except Closed:
            pass
        return listen(p, "closed", "reset")


def in_pieces(arena):
    with arena.server.ready() as p:
        body = bytes(range(256)) * 1024
        data = hot(WRITE, [(4096, 100000), (300000, len(body) - 100000)], body, tag=5)
        step = len(data) // 7
        for at in range(0, len(data), step):
            p.send(data[at : at + step])
            time.sleep(0.02)
        assert p.reply().status == 0
        assert p.read(4096, 100000) + p.read(300000, len(body) - 100000) == body
        return "OK"


def half(at, length):
    def fn(arena):
        with arena.server.ready() as p:
            p.send(hot(WRITE, [(0, length)], b"h" * length)[:at])
            p.sock.shutdown(1)
            rest = read_some(p.sock, 1)
            assert rest == b"", rest
        with arena.server.ready() as p:  # its extents are free again
            p.write(0, b"f" * 4096)
        return "closed"

    return fn


def half_hello(arena):
    with arena.server.peer() as p:
        p.send(message(HELLO, 1, field(1, 1))[:20])
        p.sock.shutdown(1)
        return "closed" if read_some(p.sock, 1) == b"" else "bytes"


def checksums(arena):
    row = arena.row
    row("CRC of a small payload is wrong", wrong_crc(4096, "NOT_DONE"))
    row("CRC of a payload in place is wrong", wrong_crc(MIB, "UNKNOWN"))
    row("CRC of the last piece is wrong", wrong_last_piece)


def wrong_crc(length, want):
    def fn(arena):
        with arena.server.ready() as p:
            p.write(0, b"1" * length)
            body = b"2" * length
            r = p.call(WRITE, hot_header([(0, length)], flags=1, crcs=[0xDEADBEEF]), body)
            outcome = {1: "NOT_DONE", 2: "UNKNOWN"}.get(r.outcome, r.outcome)
            assert (status(r.status), outcome) == ("CRC", want), (status(r.status), outcome)
            if want == "NOT_DONE":
                assert p.read(0, length) == b"1" * length, "unchecked bytes landed"
            p.write(0, body, flags=1, crcs=[crc32c(body)])
            assert p.read(0, length) == body
            return "CRC, " + outcome

    return fn


def wrong_last_piece(arena):
    with arena.server.ready() as p:
        body = b"3" * (2 * MIB + 100)
        piece = crc32c(body[:MIB])
        r = p.call(WRITE, hot_header([(0, len(body))], flags=1,
                                     crcs=[piece, piece, crc32c(body[2 * MIB :]) ^ 1]), body)
        assert (status(r.status), r.outcome) == ("CRC", 2), (status(r.status), r.outcome)
        assert p.call(FLUSH, hot_header()).status == 0
        return "CRC, UNKNOWN"


def main():
    with Arena() as arena:
        prefix(arena)
        counts(arena)
        ranges(arena)
        verbs(arena)
        handshake(arena)
        pieces(arena)
        checksums(arena)


main()
finish()
