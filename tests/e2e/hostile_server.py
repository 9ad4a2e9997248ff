"""hostile_server.py PORT - targets that mean harm, one per path, as one server on raw sockets.

CASES: name -> (what it does, `up` that a scrape of it must have, a text in the reason when that is 0).
"""
import gzip
import itertools
import random
import socket
import struct
import sys
import threading
import time
import zlib

TEXT = b"text/plain; version=0.0.4"
PIECE = 1 << 16


def head(length=None, kind=TEXT, status=b"200 OK", more=b""):
    lines = b"HTTP/1.1 " + status + b"\r\n" + (b"Content-Type: " + kind + b"\r\n" if kind else b"") + more
    return lines + (b"Content-Length: %d\r\n" % length if length is not None else b"Connection: close\r\n") + b"\r\n"


def page(body, kind=TEXT, status=b"200 OK", more=b""):
    return lambda s: s.sendall(head(len(body), kind, status, more) + body)


def raw(data, lingers=False):
    def play(s):
        s.sendall(data)
        if lingers:
            s.settimeout(30)
            s.recv(1)
        return False
    return play


def endless(piece, start=None, first=b""):
    """the piece for ever, as fast as it is taken"""
    def play(s):
        s.sendall(head() if start is None else start)
        s.sendall(first)
        while True:
            s.sendall(piece)
    return play


def chunked(chunks, end=b"0\r\n\r\n"):
    def play(s):
        s.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: " + TEXT + b"\r\nTransfer-Encoding: chunked\r\n\r\n")
        for chunk in chunks:
            s.sendall(chunk)
        s.sendall(end)
        return False
    return play


def drip(data, pause):
    def play(s):
        for byte in data:
            s.sendall(bytes([byte]))
            time.sleep(pause)
        return False
    return play


def packed(body, more=b"Content-Encoding: gzip\r\n"):
    return page(body, more=more)


def member(data):
    return gzip.compress(data, 9)


def bomb(unit, total=1 << 30):
    """many gzip members of 16 MiB, in all `total` bytes"""
    one = member((unit * ((16 << 20) // len(unit) + 1))[:16 << 20])
    return packed(one * (total >> 24))


def reset(s):
    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    s.sendall(head(100000) + b"a 1\n")
    return False


def hang(s):
    s.settimeout(60)
    s.recv(1)
    return False


generation = itertools.count()


def new_series(count):
    def play(s):
        n = next(generation)
        body = b"".join(b'fresh{n="%d",i="%d"} 1\n' % (n, i) for i in range(count))
        s.sendall(head(len(body)) + body)
    return play


def labels(count):
    return b"many{" + b",".join(b'l%d="v"' % i for i in range(count)) + b"} 1\n"


JUNK = random.Random(7).randbytes(1 << 20)
OM = b"application/openmetrics-text; version=1.0.0"
LIMIT, LATE, ANY = "body size limit exceeded", "context deadline exceeded", ""

CASES = {
    # bodies without an end
    "endless_body": (endless(b"endless_total 1\n" * 4096), 0, ANY),
    "endless_line": (endless(b"x" * PIECE), 0, ANY),
    "endless_comment": (endless(b"x" * PIECE, first=b"# HELP a "), 0, ANY),
    "endless_label": (endless(b"x" * PIECE, first=b'a{b="'), 0, ANY),
    "endless_blanks": (endless(b"\n" * PIECE), 0, ANY),
    "endless_chunks": (chunked(itertools.repeat(b"4\r\na 1\n\r\n" * 4096)), 0, ANY),
    "endless_drip": (drip(head() + b"a 1\n" * 100000, 0.2), 0, LATE),
    "drip_of_headers": (drip(b"HTTP/1.1 200 OK\r\n" + b"X-A: b\r\n" * 10000, 0.2), 0, LATE),
    "silence": (hang, 0, LATE),
    "silence_behind_the_head": (raw(head(1000), lingers=True), 0, LATE),
    # bombs
    "bomb_of_zeros": (bomb(b"\0"), 0, LIMIT),
    "bomb_of_lines": (bomb(b"a_metric_of_some_length_total 1\n"), 0, LIMIT),
    "bomb_of_blank_lines": (bomb(b"\n"), 0, LIMIT),
    "bomb_in_a_bomb": (packed(member(member(b"\0" * (16 << 20)) * 64), b"Content-Encoding: gzip, gzip\r\n"), 0, ANY),
    "torn_gzip": (packed(member(b"a 1\n" * 1000)[:-20]), 0, "gzip"),
    "gzip_that_is_none": (packed(b"a 1\n"), 0, "gzip"),
    "deflate_unasked": (packed(zlib.compress(b"a 1\n"), b"Content-Encoding: deflate\r\n"), 0, ANY),
    # series
    "many_labels": (page(labels(50000)), 0, "label"),
    "huge_label_value": (page(b'a{b="' + b"v" * (16 << 20) + b'"} 1\n'), 0, ANY),
    "huge_label_name": (page(b"a{" + b"n" * (16 << 20) + b'="v"} 1\n'), 0, ANY),
    "huge_name": (page(b"n" * (16 << 20) + b" 1\n"), 0, ANY),
    "many_samples": (page(b"".join(b"s%d 1\n" % i for i in range(1100000))), 0, "sample"),
    "new_series": (new_series(1000), 1, ANY),
    "label_twice": (page(b'a{b="1",b="2"} 1\n'), 0, ANY),
    "series_twice": (page(b"a 1\na 2\n"), 1, ANY),
    "no_utf8": (page(b'a{b="\xff\xfe"} 1\n'), 0, ANY),
    "zero_bytes": (page(b"a\0b 1\n"), 0, ANY),
    "open_quote": (page(b'a{b="c 1\nd 2\n'), 0, ANY),
    "deep_braces": (page(b"a" + b"{" * 100000 + b" 1\n"), 0, ANY),
    # numbers and times
    "value_out_of_range": (page(b"a 1e400\n"), 0, ANY),
    "value_without_end": (page(b"a " + b"9" * (1 << 20) + b"\n"), 0, ANY),
    "value_that_is_none": (page(b"a 0x1p\n"), 0, ANY),
    "time_out_of_range": (page(b"a 1 99999999999999999999999\n"), 0, ANY),
    "far_future": (page(b"a 1 9000000000000000000\n"), 1, ANY),
    "far_past": (page(b"a 1 -9000000000000000000\n"), 1, ANY),
    # redirects
    "redirect_loop": (page(b"", status=b"302 Found", more=b"Location: /redirect_loop\r\n"), 0, "stopped after 10 redirects"),
    "redirect_to_a_file": (page(b"", status=b"302 Found", more=b"Location: file:///etc/passwd\r\n"), 0, "rotocol"),
    "redirect_to_gopher": (page(b"", status=b"302 Found", more=b"Location: gopher://127.0.0.1/\r\n"), 0, "rotocol"),
    "redirect_to_junk": (page(b"", status=b"302 Found", more=b"Location: http://\xff\xfe:99999999/\r\n"), 0, ANY),
    "redirect_elsewhere": (lambda s: s.sendall(head(0, status=b"302 Found", more=b"Location: http://localhost:%d/secrets\r\n" % (
        s.getsockname()[1]))), 1, ANY),
    # types
    "html": (page(b"<html>a 1</html>", b"text/html"), 0, "Content-Type"),
    "no_type": (page(b"a 1\n", None), 0, "Content-Type"),
    "junk": (page(JUNK), 0, ANY),
    "openmetrics_without_end": (page(b"# TYPE a gauge\na 1\n", OM), 0, "EOF"),
    "status_500": (page(b"a 1\n", status=b"500 Oops"), 0, "HTTP status 500"),
    "status_204": (raw(b"HTTP/1.1 204 No Content\r\n\r\n"), 0, "HTTP status 204"),
    # HTTP
    "closes_at_once": (raw(b""), 0, ANY),
    "closes_early": (raw(head(1000) + b"a 1\n"), 0, ANY),
    "resets": (reset, 0, ANY),
    "chunks_of_junk": (chunked([JUNK[:1000]]), 0, ANY),
    "chunk_too_long_to_be": (chunked([b"FFFFFFFFFFFFFFFFFF\r\na 1\n"]), 0, ANY),
    "endless_chunk_extension": (chunked(itertools.chain([b"4;"], itertools.repeat(b"x" * PIECE))), 0, ANY),
    "endless_trailers": (chunked(itertools.chain([b"4\r\na 1\n\r\n0\r\n"], itertools.repeat(b"X-A: bcdefgh\r\n" * 4096))), 0, ANY),
    "endless_headers": (endless(b"X-A: bcdefgh\r\n" * 4096, start=b"HTTP/1.1 200 OK\r\n"), 0, ANY),
    "huge_header": (endless(b"x" * PIECE, start=b"HTTP/1.1 200 OK\r\nX-A: "), 0, ANY),
    "huge_status_line": (endless(b"x" * PIECE, start=b"HTTP/1.1 200 "), 0, ANY),
    "flood_of_interims": (endless(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" * 1024, start=b""), 0, ANY),
    "negative_length": (raw(b"HTTP/1.1 200 OK\r\nContent-Type: " + TEXT + b"\r\nContent-Length: -5\r\n\r\na 1\n"), 0, ANY),
    "two_lengths": (raw(b"HTTP/1.1 200 OK\r\nContent-Type: " + TEXT + b"\r\nContent-Length: 4\r\nContent-Length: 5000\r\n\r\na 1\n"), 0, ANY),
    "length_beyond_all": (raw(head(10**18) + b"a 1\n", lingers=True), 0, LIMIT),
    "length_too_short": (page(b"a 1\n", more=b"") and raw(head(4) + b"a 1\nb 2\n"), 1, ANY),
    "http_0_9": (raw(b"a 1\nb 2\n"), 0, ANY),
    "http_3000": (raw(b"HTTP/3000.1 200 OK\r\n\r\na 1\n"), 0, ANY),
    "upgrade": (raw(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\na 1\n", lingers=True), 0, ANY),
}


class HostileServer:
    """Plays CASES, /honest and /secrets; /heads tells what was asked of the latter."""

    def __init__(self, port):
        self.secrets = []
        self.listener = socket.create_server(("127.0.0.1", port), backlog=512)

    def accept(self):
        while True:
            s, _ = self.listener.accept()
            threading.Thread(target=self.serve, args=(s,), daemon=True).start()

    def serve(self, s):
        with s:
            try:
                while self.answer(s):
                    pass
            except OSError:
                pass  # the client has had enough

    def answer(self, s):
        asked = b""
        s.settimeout(120)
        while b"\r\n\r\n" not in asked:
            more = s.recv(65536)
            if not more:
                return False
            asked += more
        s.settimeout(30)
        name = asked.split(b" ")[1].decode().strip("/")
        if name == "secrets":
            self.secrets.append(asked)
        body = {"heads": b"".join(self.secrets), "honest": b"good_total 1\n", "secrets": b"good_total 1\n"}.get(name)
        if body is not None:
            s.sendall(head(len(body)) + body)
            return True
        return CASES[name][0](s) is not False


if __name__ == "__main__":
    HostileServer(int(sys.argv[1])).accept()
