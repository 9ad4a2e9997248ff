"""fake_target.py - a target whose text the test decides, and which remembers how it was asked."""
import gzip
import http.server
import threading


class FakeTarget:
    def __init__(self, text, content_type="text/plain; version=0.0.4; charset=utf-8"):
        self.lock = threading.Lock()
        self.pages = {"/metrics": (text, content_type)}
        self.requests = []
        self.status = 200
        target = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):  # noqa: N802 - the base class's name
                with target.lock:
                    target.requests.append((self.path, dict(self.headers)))
                    del target.requests[:-200]
                    page = target.pages.get(self.path.split("?")[0])
                    status = target.status if page else 404
                text, content_type = page or ("", "text/plain")
                body = text() if callable(text) else text
                body = body if isinstance(body, bytes) else body.encode()
                self.send_response(status)
                self.send_header("Content-Type", content_type)
                if "gzip" in self.headers.get("Accept-Encoding", ""):
                    body = gzip.compress(body, 1)
                    self.send_header("Content-Encoding", "gzip")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        class Listener(http.server.ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 64

        self.server = Listener(("127.0.0.1", 0), Handler)
        self.address = f"127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def set(self, text, path="/metrics", content_type="text/plain; version=0.0.4; charset=utf-8"):
        with self.lock:
            self.pages[path] = (text, content_type)

    def close(self):
        self.server.shutdown()
        self.server.server_close()
