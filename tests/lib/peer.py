# SPDX-License-Identifier: BSD-3-Clause
"""A second, independent implementation of the protocol's client side (docs/protocol.md), for
tests that must say things the library never says: wrong bytes, half messages, silence.

    with Peer("127.0.0.1", 7173) as p:
        p.hello(); p.open("demo")
        p.write(0, b"x" * 4096); assert p.read(0, 4096) == b"x" * 4096
"""
import socket
import struct

HELLO, OPEN, STAT, LIST, READ, WRITE, ZERO, FLUSH = 1, 2, 3, 4, 16, 17, 18, 19
OK, NOT_DONE, UNKNOWN = 0, 1, 2


def _table():
    out = []
    for n in range(256):
        for _ in range(8):
            n = n >> 1 ^ (0x82F63B78 if n & 1 else 0)
        out.append(n)
    return out


_CRC = _table()


def crc32c(data, crc=0):
    crc ^= 0xFFFFFFFF
    for b in data:
        crc = crc >> 8 ^ _CRC[(crc ^ b) & 0xFF]
    return crc ^ 0xFFFFFFFF


def errors(path):
    """Wire number by name, from errors.def."""
    out = {}
    with open(path, encoding="utf-8") as f:
        for line in f:
            if line.startswith("PMEMD_ERROR("):
                name, _, wire, _ = line[12:].split(",", 3)
                out[name] = int(wire)
    return out


# ---- protobuf by hand: enough for HELLO and OPEN ------------------------------------------------


def varint(n):
    out = bytearray()
    while n >= 0x80:
        out.append(n & 0x7F | 0x80)
        n >>= 7
    out.append(n)
    return bytes(out)


def field(number, value):
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    if isinstance(value, str):
        value = value.encode()
    return varint(number << 3 | 2) + varint(len(value)) + value


def _take_varint(data, at):
    n = shift = 0
    while True:
        b = data[at]
        at += 1
        n |= (b & 0x7F) << shift
        shift += 7
        if not b & 0x80:
            return n, at


def parse(data):
    """Fields of a message: {number: last value}."""
    out, at = {}, 0
    while at < len(data):
        key, at = _take_varint(data, at)
        if key & 7 == 0:
            out[key >> 3], at = _take_varint(data, at)
        elif key & 7 == 2:
            n, at = _take_varint(data, at)
            out[key >> 3] = data[at : at + n]
            at += n
        else:
            raise ValueError("wire type")
    return out


# ---- messages --------------------------------------------------------------------------------------


def message(verb, tag, header=b"", payload=b"", *, flags=0, magic=b"PMD1", version=1,
            header_len=None, payload_len=None, reserved=0, crc=None):
    """A whole message; each field can be given a lie."""
    prefix = struct.pack(
        "<4sBBHQIII", magic, version, verb, flags, tag,
        len(header) if header_len is None else header_len,
        len(payload) if payload_len is None else payload_len, reserved)
    crc = crc32c(prefix + header) if crc is None else crc
    return prefix + struct.pack("<I", crc) + header + payload


def hot_header(extents=(), *, level=0, replicas=0, flags=0, crcs=(), count=None, crc_count=None,
               min_lsn=0, epoch=0, seq=0, timeout_us=0, reserved=0, reserved2=0):
    return struct.pack(
        "<BBHHHQQQ16sIIQ", level, replicas, flags, len(extents) if count is None else count,
        reserved, min_lsn, epoch, seq, b"\0" * 16, timeout_us,
        len(crcs) if crc_count is None else crc_count, reserved2) + b"".join(
            struct.pack("<QQ", off, length) for off, length in extents) + b"".join(
                struct.pack("<I", c) for c in crcs)


class Closed(Exception):
    """The server closed or reset the connection."""


class Reply:
    def __init__(self, verb, tag, header, payload):
        self.verb, self.tag, self.header, self.payload = verb, tag, header, payload
        if verb >= READ:
            (self.status, self.outcome, self.level, self.durability) = struct.unpack_from(
                "<HBBB", header)
            (self.bytes,) = struct.unpack_from("<Q", header, 24)
            self.crc_count, self.detail = struct.unpack_from("<II", header, 48)
            self.crcs = struct.unpack_from("<%dI" % self.crc_count, header, 64)
        else:
            self.fields = parse(header)
            self.status = self.fields.get(1, 0)


class Peer:
    def __init__(self, host, port=None, timeout=10.0):
        if port is None:
            self.sock = socket.socket(socket.AF_UNIX)
            self.sock.settimeout(timeout)
            self.sock.connect(host)
        else:
            self.sock = socket.create_connection((host, port), timeout=timeout)
            self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.tag = 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.sock.close()

    def send(self, data):
        try:
            self.sock.sendall(data)
        except (ConnectionError, BrokenPipeError) as e:
            raise Closed(str(e)) from e

    def _recv(self, n):
        out = bytearray()
        while len(out) < n:
            try:
                part = self.sock.recv(n - len(out))
            except ConnectionError as e:
                raise Closed(str(e)) from e
            if not part:
                raise Closed("end of stream")
            out += part
        return bytes(out)

    def reply(self):
        prefix = self._recv(32)
        magic, version, verb, flags, tag, hlen, plen, zero, crc = struct.unpack(
            "<4sBBHQIIII", prefix)
        header = self._recv(hlen)
        assert magic == b"PMD1" and version == 1 and flags == 1 and zero == 0, prefix
        assert crc == crc32c(prefix[:28] + header)
        return Reply(verb, tag, header, self._recv(plen))

    def post(self, verb, header=b"", payload=b"", **lies):
        """Send a request without waiting; its tag."""
        self.tag += 1
        self.send(message(verb, self.tag, header, payload, **lies))
        return self.tag

    def call(self, verb, header=b"", payload=b"", **lies):
        tag = self.post(verb, header, payload, **lies)
        r = self.reply()
        assert r.tag == tag and r.verb == verb, (r.tag, tag, r.verb, verb)
        return r

    def hello(self, session=b"\0" * 16, low=1, high=1, features=1):
        return self.call(HELLO, field(1, low) + field(2, high) + field(3, features) +
                         field(4, session) + field(5, "peer.py"))

    def open(self, region, class_min=0):
        return self.call(OPEN, field(1, region) + field(2, class_min))

    def ready(self, region, **kw):
        """HELLO and OPEN, both OK."""
        assert self.hello(**kw).status == 0
        assert self.open(region).status == 0
        return self

    def read(self, off, length):
        r = self.call(READ, hot_header([(off, length)]))
        assert r.status == 0, r.status
        return r.payload

    def write(self, off, data, **kw):
        r = self.call(WRITE, hot_header([(off, len(data))], **kw), data)
        assert r.status == 0, r.status
        return r
