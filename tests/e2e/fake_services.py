"""fake_services.py - what discovery asks: a DNS server, and the HTTP APIs of Consul, Kubernetes and Docker, as far as it uses them."""
import http.server
import json
import os
import queue
import socket
import socketserver
import struct
import threading
import time
import urllib.parse

TYPES = {"A": 1, "NS": 2, "CNAME": 5, "MX": 15, "AAAA": 28, "SRV": 33}


def dns_name(name):
    return b"".join(bytes([len(part)]) + part.encode() for part in name.rstrip(".").split(".") if part) + b"\0"


def dns_data(kind, value):
    if kind == "A":
        return socket.inet_aton(value)
    if kind == "AAAA":
        return socket.inet_pton(socket.AF_INET6, value)
    if kind == "SRV":
        return struct.pack("!HHH", 0, 0, value[1]) + dns_name(value[0])
    return (struct.pack("!H", 10) if kind == "MX" else b"") + dns_name(value)


class FakeDns:
    """records: {(name, type): [value]}; a name without any is NXDOMAIN; failing names are SERVFAIL. UDP only."""

    def __init__(self, records):
        self.records, self.failing, self.asked = records, set(), []
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                message, sender = self.socket.recvfrom(4096)
            except OSError:
                return
            self.socket.sendto(self.answer(message), sender)

    def answer(self, message):
        at, parts = 12, []
        while message[at]:
            parts.append(message[at + 1:at + 1 + message[at]].decode().lower())
            at += 1 + message[at]
        name, question = ".".join(parts), message[12:at + 5]
        number = struct.unpack("!H", message[at + 1:at + 3])[0]
        kind = next((k for k, n in TYPES.items() if n == number), "?")
        self.asked.append((name, kind))
        values = self.records.get((name, kind), [])
        exists = any(known == name for known, _ in self.records)
        code = 2 if name in self.failing else 0 if exists else 3
        if code:
            values = []
        answers = b""
        for value in values:
            data = dns_data(kind, value)
            answers += b"\xc0\x0c" + struct.pack("!HHIH", TYPES[kind], 1, 1, len(data)) + data
        return message[:2] + struct.pack("!HHHHH", 0x8580 | code, 1, len(values), 0, 0) + question + answers

    def close(self):
        self.socket.close()


class Listener(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64


class FakeHttp:
    """Answers GETs by answer(path, query, headers) -> (status, headers, body), or an iterator of pieces in place of the body."""

    def __init__(self, unix_path=None):
        self.lock, self.asked = threading.Lock(), []
        fake = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):  # noqa: N802 - the base class's name
                url = urllib.parse.urlsplit(self.path)
                query = urllib.parse.parse_qs(url.query, keep_blank_values=True)
                with fake.lock:
                    fake.asked.append((url.path, query, dict(self.headers)))
                status, headers, body = fake.answer(url.path, query, dict(self.headers))
                self.send_response(status)
                for name, value in {"Content-Type": "application/json", **headers}.items():
                    self.send_header(name, value)
                if isinstance(body, (str, bytes)):
                    body = body.encode() if isinstance(body, str) else body
                    self.send_header("Content-Length", str(len(body)))
                    self.end_headers()
                    self.wfile.write(body)
                    return
                self.send_header("Transfer-Encoding", "chunked")
                self.end_headers()
                try:
                    for piece in body:
                        self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
                        self.wfile.flush()
                    self.wfile.write(b"0\r\n\r\n")
                except OSError:
                    pass  # the client has left

            def address_string(self):
                return "client"

            def log_message(self, *_):
                pass

        if unix_path:
            class UnixListener(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
                daemon_threads = True
            self.server = UnixListener(os.fspath(unix_path), Handler)
            self.address = f"unix://{unix_path}"
        else:
            self.server = Listener(("127.0.0.1", 0), Handler)
            self.address = f"127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def requests(self, path):
        with self.lock:
            return [(query, headers) for asked, query, headers in self.asked if asked == path]

    def close(self):
        self.server.shutdown()
        self.server.server_close()


class FakePages(FakeHttp):
    """pages: {path: (status, content type, body)}"""

    def __init__(self, pages, unix_path=None):
        self.pages = pages
        super().__init__(unix_path)

    def answer(self, path, _query, _headers):
        status, kind, body = self.pages.get(path, (404, "text/plain", "not found\n"))
        return status, {"Content-Type": kind}, body


class FakeConsul(FakeHttp):
    """services: {name: [entry of /v1/health/service]}. set() wakes the blocking queries."""

    def __init__(self, services):
        self.services, self.index, self.changed, self.failing = services, 1, threading.Condition(), False
        super().__init__()

    def set(self, name, entries):
        with self.changed:
            if entries is None:
                self.services.pop(name, None)
            else:
                self.services[name] = entries
            self.index += 1
            self.changed.notify_all()

    def answer(self, path, query, _headers):
        if self.failing:
            return 500, {}, "no leader"
        if path == "/v1/agent/self":
            return 200, {}, json.dumps({"Config": {"Datacenter": "dc7"}})
        with self.changed:
            asked = int(query.get("index", ["0"])[0])
            self.changed.wait_for(lambda: self.index > asked, timeout=20)
            if path == "/v1/catalog/services":
                tags = {name: sorted({tag for entry in entries for tag in entry["Service"].get("Tags", [])})
                        for name, entries in self.services.items()}
                body = json.dumps(tags)
            else:
                body = json.dumps(self.services.get(path.rsplit("/", 1)[1], []))
            return 200, {"X-Consul-Index": str(self.index)}, body


class FakeKubernetes(FakeHttp):
    """Lists and watches of any collection. put() and remove() are told to the watches; expire() makes the past
    unknown: watches get an ERROR event, or the status 410 when they come back with an old version."""

    def __init__(self):
        self.state, self.version, self.oldest = threading.Lock(), 100, 0
        self.objects, self.watches, self.history, self.page = {}, [], [], 2
        super().__init__()

    def put(self, collection, item):
        with self.state:
            self.version += 1
            item["metadata"]["resourceVersion"] = str(self.version)
            key = (collection, item["metadata"].get("namespace", ""), item["metadata"]["name"])
            kind = "MODIFIED" if key in self.objects else "ADDED"
            self.objects[key] = item
            self.tell(key, kind, item)

    def remove(self, collection, namespace, name):
        with self.state:
            self.version += 1
            key = (collection, namespace, name)
            item = self.objects.pop(key)
            item["metadata"]["resourceVersion"] = str(self.version)
            self.tell(key, "DELETED", item)

    def forget(self, collection, namespace, name):
        """gone without a word, as if a watch had missed it; only with expire"""
        with self.state:
            self.objects.pop((collection, namespace, name))

    def expire(self):
        with self.state:
            self.version += 1
            self.oldest = self.version
            self.history.clear()
            for _, _, events in self.watches:
                events.put({"type": "ERROR", "object": {"kind": "Status", "code": 410, "message": "too old"}})

    def end_watches(self):
        with self.state:
            for _, _, events in self.watches:
                events.put(None)

    def tell(self, key, kind, item):
        self.history.append((self.version, key, {"type": kind, "object": item}))
        for collection, namespace, events in self.watches:
            if collection == key[0] and namespace in ("", key[1]):
                events.put({"type": kind, "object": item})

    def answer(self, path, query, _headers):
        parts = path.strip("/").split("/")
        collection = parts[-1]
        namespace = parts[parts.index("namespaces") + 1] if "namespaces" in parts[:-1] else ""
        if "watch" in query:
            return self.answer_watch(collection, namespace, query)
        with self.state:
            found = [item for (kind, ns, _), item in sorted(self.objects.items(), key=lambda pair: pair[0])
                     if kind == collection and namespace in ("", ns)]
            begin = int(query.get("continue", ["0"])[0])
            metadata = {"resourceVersion": str(self.version)}
            if begin + self.page < len(found):
                metadata["continue"] = str(begin + self.page)
            return 200, {}, json.dumps({"kind": "List", "metadata": metadata, "items": found[begin:begin + self.page]})

    def answer_watch(self, collection, namespace, query):
        with self.state:
            if int(query["resourceVersion"][0]) < self.oldest:
                return 410, {}, json.dumps({"kind": "Status", "code": 410, "message": "too old"})
            events = queue.Queue()
            for version, key, event in self.history:
                if version > int(query["resourceVersion"][0]) and key[0] == collection and namespace in ("", key[1]):
                    events.put(event)
            watch = (collection, namespace, events)
            self.watches.append(watch)
        return 200, {}, self.stream(watch)

    def stream(self, watch):
        while True:
            event = watch[2].get()
            if event is None:
                break
            text = json.dumps(event).encode() + b"\n"
            yield text[:len(text) // 2]  # an event comes in pieces
            time.sleep(0.001)
            yield text[len(text) // 2:]
            if event["type"] == "ERROR":
                break
            mark = {"metadata": {"resourceVersion": event["object"]["metadata"]["resourceVersion"]}}
            yield json.dumps({"type": "BOOKMARK", "object": mark}).encode() + b"\n"
        with self.state:
            self.watches.remove(watch)
