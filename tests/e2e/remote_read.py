"""remote_read.py - the asking side of remote read by hand: requests, answers in samples and in chunks.

Nothing of a library: a snappy block, protocol buffers, frames with CRC-32C and Gorilla's chunks are read here as they are published.
"""
import struct

from harness import http
from remote_write import piece, snappy, varint

SAMPLES, CHUNKS = 0, 1


def request(queries, forms=()):
    """queries: [(from ms, to ms, [(type 0-3, name, value)])]"""
    out = b""
    for start, end, matchers in queries:
        body = b"\x08" + varint(start) + b"\x10" + varint(end)
        body += b"".join(piece(3, b"\x08" + varint(t) + piece(2, n.encode()) + piece(3, v.encode())) for t, n, v in matchers)
        out += piece(1, body)
    return snappy(out + b"".join(b"\x10" + varint(form) for form in forms))


def read_varint(data, at):
    value, shift = 0, 0
    while True:
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at


def fields(data):
    at = 0
    while at < len(data):
        tag, at = read_varint(data, at)
        if tag & 7 == 0:
            value, at = read_varint(data, at)
        elif tag & 7 == 1:
            value, at = struct.unpack_from("<d", data, at)[0], at + 8
        else:
            assert tag & 7 == 2, f"wire type {tag & 7}"
            size, at = read_varint(data, at)
            value, at = data[at:at + size], at + size
            assert len(value) == size, "a field ends early"
        yield tag >> 3, value


def unpack(block):
    """a snappy block"""
    size, at = read_varint(block, 0)
    out = bytearray()
    while at < len(block):
        tag, at = block[at], at + 1
        if tag & 3 == 0:
            length = tag >> 2
            if length >= 60:
                width = length - 59
                length, at = int.from_bytes(block[at:at + width], "little"), at + width
            out += block[at:at + length + 1]
            at += length + 1
            continue
        if tag & 3 == 1:
            length, back, at = (tag >> 2 & 7) + 4, (tag >> 5) << 8 | block[at], at + 1
        else:
            width = 2 if tag & 3 == 2 else 4
            length, back, at = (tag >> 2) + 1, int.from_bytes(block[at:at + width], "little"), at + width
        for _ in range(length):
            out.append(out[-back])
    assert len(out) == size, f"{len(out)} bytes unpacked, not {size}"
    return bytes(out)


def signed(value, bits=64):
    return value - (1 << bits) if value >> (bits - 1) else value


def labels_of(series):
    pairs = [dict(fields(value)) for number, value in fields(series) if number == 1]
    return tuple(sorted((p[1].decode(), p[2].decode()) for p in pairs))


def samples(body):
    """[{labels: [(ms, value)]}], one for each query"""
    results = []
    for _, result in fields(unpack(body)):
        found = {}
        for _, series in fields(result):
            rows = [dict(fields(value)) for number, value in fields(series) if number == 2]
            found[labels_of(series)] = [(signed(row[2]), row[1]) for row in rows]
        results.append(found)
    return results


# ---- chunks ----

TABLE = []
for number in range(256):
    for _ in range(8):
        number = number >> 1 ^ (0x82F63B78 if number & 1 else 0)
    TABLE.append(number)


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc = TABLE[(crc ^ byte) & 0xFF] ^ crc >> 8
    return crc ^ 0xFFFFFFFF


class Bits:
    def __init__(self, data):
        self.number, self.left = int.from_bytes(data, "big"), 8 * len(data)

    def take(self, count):
        assert count <= self.left, "a chunk ends early"
        self.left -= count
        return self.number >> self.left & ((1 << count) - 1)

    def ones(self, most):
        count = 0
        while count < most and self.take(1):
            count += 1
        return count

    def leb(self):
        value, shift = 0, 0
        while True:
            byte = self.take(8)
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value


def xor_chunk(data):
    count, bits = int.from_bytes(data[:2], "big"), Bits(data[2:])
    zigzag = bits.leb()
    ms, value, step, leading, size, rows = zigzag >> 1 ^ -(zigzag & 1), bits.take(64), 0, 0, 0, []
    for row in range(count):
        if row == 1:
            step = bits.leb()
        elif row > 1:
            width = (0, 14, 17, 20, 64)[bits.ones(4)]
            change = bits.take(width) if width else 0
            step += signed(change) if width == 64 else change - (1 << width) if width and change > 1 << (width - 1) else change
        if row:
            ms += step
            if bits.take(1):
                if bits.take(1):
                    leading, size = bits.take(5), bits.take(6) or 64
                value ^= bits.take(size) << (64 - leading - size)
        rows.append((ms, struct.unpack("<d", value.to_bytes(8, "little"))[0]))
    return rows


def chunks(body):
    """the same as samples of one query, and the number of frames; series must come in order"""
    found, frames, at = {}, 0, 0
    while at < len(body):
        size, at = read_varint(body, at)
        wanted, message = int.from_bytes(body[at:at + 4], "big"), body[at + 4:at + 4 + size]
        at, frames = at + 4 + size, frames + 1
        assert len(message) == size and crc32c(message) == wanted, "a frame is damaged"
        series = dict(fields(message))[1]
        labels = labels_of(series)
        assert labels in found or not found or list(found)[-1] < labels, "series are not in order"
        for number, chunk in fields(series):
            if number == 2:
                parts = dict(fields(chunk))
                assert parts[3] == 1, f"encoding {parts[3]}"
                rows = xor_chunk(parts[4])
                assert (parts[1], parts[2]) == (rows[0][0], rows[-1][0]), "a chunk is not of the times it says"
                found.setdefault(labels, []).extend(rows)
    return found, frames


def ask(base, queries, forms=()):
    """(status, headers, body)"""
    return http(base + "/api/v1/read", request(queries, forms), "POST",
                headers={"Content-Encoding": "snappy", "Content-Type": "application/x-protobuf"})
