"""remote_write.py - a sender that knows what was acknowledged: remote write 1.0 by hand, snappy of literals only.

    thread:  batch -> POST /api/v1/write -> 204: remembered in `acked`   anything else: not promised, may be there or not
"""
import http.client
import random
import struct
import threading
import time

FLAG = "--web.enable-remote-write-receiver"


def varint(n):
    out = bytearray()
    while n >= 0x80:
        out.append(n & 0x7F | 0x80)
        n >>= 7
    out.append(n)
    return bytes(out)


def piece(number, data):
    return varint(number << 3 | 2) + varint(len(data)) + data


def write_request(series):
    """series: [(labels, [(ms, value)])]"""
    out = b""
    for labels, samples in series:
        body = b"".join(piece(1, piece(1, n.encode()) + piece(2, v.encode())) for n, v in sorted(labels.items()))
        body += b"".join(piece(2, b"\x09" + struct.pack("<d", value) + b"\x10" + varint(ms)) for ms, value in samples)
        out += piece(1, body)
    return out


def snappy(data):
    out = varint(len(data))
    for at in range(0, len(data), 65536):
        part = data[at:at + 65536]
        out += b"\xf4" + struct.pack("<H", len(part) - 1) + part
    return out


class Writer(threading.Thread):
    """Sends batches as fast as they are answered, to whoever listens on the port; goes on until close().
    pause: seconds after each. ballast: bytes of label text sent along with each batch, in a series of its own, to fill a disk; not looked at later."""

    HEADERS = {"Content-Type": "application/x-protobuf", "Content-Encoding": "snappy",
               "X-Prometheus-Remote-Write-Version": "0.1.0"}

    def __init__(self, port, number, seed, width=40, ballast=0, pause=0.0):
        super().__init__(daemon=True)
        self.port, self.number, self.width, self.ballast, self.pause = port, number, width, ballast, pause
        self.random = random.Random(seed * 1000 + number)
        self.lock = threading.Lock()
        self.acked = []  # (ms, {series: value}, when it was acknowledged)
        self.statuses = {}
        self.last_ms, self.generation, self.closing = 0, 0, False
        self.start()

    def labels(self, series):
        return {"__name__": "written", "job": "writer", "writer": str(self.number), "n": str(series)}

    def batch(self):
        self.last_ms = max(self.last_ms + 1, int(time.time() * 1000))
        if self.random.random() < 0.05:
            self.generation += self.width // 4  # some series end, others begin
        first = self.generation
        return self.last_ms, {n: self.random.gauss(0, 1) * 10 ** (n % 9) for n in range(first, first + self.width)}

    def post(self, body):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request("POST", "/api/v1/write", body, self.HEADERS)
            answer = connection.getresponse()
            answer.read()
            return answer.status
        except (OSError, http.client.HTTPException):
            return 0
        finally:
            connection.close()

    def run(self):
        while not self.closing:
            ms, values = self.batch()
            series = [(self.labels(n), [(ms, v)]) for n, v in values.items()]
            if self.ballast:
                text = self.random.randbytes(self.ballast // 2).hex()
                series.append(({"__name__": "ballast", "text": text}, [(ms, 1.0)]))
            status = self.post(snappy(write_request(series)))
            with self.lock:
                self.statuses[status] = self.statuses.get(status, 0) + 1
                if status == 204:
                    self.acked.append((ms, values, time.time()))
            time.sleep(self.pause if status == 204 else 0.02)

    def remembered(self, since=0.0):
        """the batches acknowledged until now whose samples are not older than `since`"""
        with self.lock:
            return [(ms, values) for ms, values, _ in self.acked if ms >= since * 1000]

    def newest(self):
        """seconds; when the newest acknowledged batch was made"""
        with self.lock:
            return self.acked[-1][0] / 1000 if self.acked else 0.0

    def last_ack(self):
        with self.lock:
            return self.acked[-1][2] if self.acked else 0.0

    def status_counts(self):
        with self.lock:
            return dict(self.statuses)

    def close(self):
        self.closing = True
        self.join(15)


def stored(api, writer, since):
    """{series number: {ms: value}} that the server has of the writer"""
    window = int(time.time() - since) + 10
    rows = api.query(f'written{{writer="{writer}"}}[{window}s]')["result"]
    return {int(row["metric"]["n"]): {round(float(at) * 1000): float(value) for at, value in row["values"]}
            for row in rows}


def missing(api, writers, since, batches=None):
    """(acknowledged samples that are not there or differ, samples looked at); batches: per writer, else all until now"""
    lost, looked = [], 0
    for index, writer in enumerate(writers):
        wanted = batches[index] if batches else writer.remembered(since)
        have = stored(api, writer.number, since) if wanted else {}
        for ms, values in wanted:
            for series, value in values.items():
                looked += 1
                found = have.get(series, {}).get(ms)
                if found != value:
                    lost.append((writer.number, series, ms, value, found))
    return lost, looked
