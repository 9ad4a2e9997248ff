"""checks_remote_write2.py - remote write 2.0 by an encoder of our own: symbols, counts written, what is refused; a query finds what was taken."""
import struct
import time

from harness import SIGKILL, Server, http
from remote_write import FLAG, piece, snappy, varint

HEADERS = {"Content-Type": "application/x-protobuf;proto=io.prometheus.write.v2.Request", "Content-Encoding": "snappy",
           "X-Prometheus-Remote-Write-Version": "2.0.0"}


class Request:
    """texts become numbers of symbols"""

    def __init__(self):
        self.symbols, self.series = {"": 0}, b""

    def symbol(self, text):
        return self.symbols.setdefault(text, len(self.symbols))

    def refs(self, labels):
        return piece(1, b"".join(varint(self.symbol(t)) for pair in sorted(labels.items()) for t in pair))

    def add(self, labels, samples=(), exemplars=(), metadata=None):
        """samples: [(ms, value)], exemplars: [(labels, ms, value)], metadata: (type's number, help)"""
        body = self.refs(labels)
        for ms, value in samples:
            body += piece(2, b"\x09" + struct.pack("<d", value) + b"\x10" + varint(ms) + b"\x18" + varint(ms - 1000))
        for own, ms, value in exemplars:
            body += piece(4, self.refs(own) + b"\x11" + struct.pack("<d", value) + b"\x18" + varint(ms))
        if metadata:
            body += piece(5, b"\x08" + varint(metadata[0]) + b"\x18" + varint(self.symbol(metadata[1])))
        self.series += piece(5, body)
        return self

    def encoded(self):
        return snappy(b"".join(piece(4, text.encode()) for text in self.symbols) + self.series)


def run(bench, binary):
    check = bench.check
    ours = Server(bench, binary, "global: {scrape_interval: 1s}\nstorage: {exemplars: {max_exemplars: 1000}}\n", FLAG,
                  "--enable-feature=exemplar-storage").wait_ready()
    api = ours.api
    now = int(time.time() * 1000)

    def post(request):
        """status, counts written of samples, histograms and exemplars, body"""
        status, headers, body = http(api.base + "/api/v1/write", request.encoded(), "POST", headers=HEADERS)
        return (status, *(headers[f"X-Prometheus-Remote-Write-{what}-Written"] for what in ("Samples", "Histograms", "Exemplars")),
                body.decode())

    def filled():
        request = Request()
        for n in range(200):
            request.add({"__name__": "second_total", "job": "e2e", "n": str(n)}, [(now - 2000, n), (now - 1000, n + 0.5)],
                        [({"trace_id": f"t{n}"}, now - 1000, n)] if n == 7 else [], (1, "What came by the second version."))
        return request

    check("200 series are taken and counted", lambda: post(filled()) == (204, "400", "0", "1", ""))
    check("a query finds each", lambda: {int(labels["n"]): value for labels, value in api.vector("second_total")} == {
        n: n + 0.5 for n in range(200)})
    check("its exemplar, too", lambda: api.get("/api/v1/query_exemplars", query="second_total", start=0, end=now / 1000 + 9)[1][
        "data"][0]["exemplars"][0]["labels"] == {"trace_id": "t7"})
    check("and its metadata", lambda: api.get("/api/v1/metadata")[1]["data"]["second_total"][0] == {
        "type": "counter", "unit": "", "help": "What came by the second version."})
    again = Request().add({"__name__": "second_total", "job": "e2e", "n": "3"}, [(now - 1000, 3.5)])
    check("what is sent again is written, as far as the sender knows", lambda: post(again) == (204, "1", "0", "0", ""))
    check("the sample before it is out of order, as ever", lambda: post(filled()) == (400, "200", "0", "0", "out of order sample\n"))
    mixed = Request().add({"__name__": "good"}, [(now, 1)]).add({"__name__": "empty"}).add({"__name__": "second_total", "job": "e2e", "n": "1"}, [(now - 1000, -1)])

    def in_part():
        answer = post(mixed)
        return answer[:4] == (400, "1", "0", "0") and "must contain at least one sample" in answer[4] and api.value("good") == 1
    check("of a request with something wrong the rest is taken", in_part)
    ours.process.signal(SIGKILL)
    ours.process.popen.wait()
    ours.process.start()
    ours.wait_ready()
    check("what was acknowledged is there after a SIGKILL", lambda: api.value("sum(second_total)") == sum(n + 0.5 for n in range(200)))
