"""faulty_proxy.py - stands before a receiver of remote write and lets its bodies through, or fails in the ways that receivers do."""
import http.server
import threading
import time
import urllib.error
import urllib.request


class FaultyProxy:
    """mode: "pass", a status to answer with, "slow" (passes after a second), "cut" (no answer), "lost" (passes, but the answer is cut)"""

    def __init__(self, backend):
        self.backend, self.mode, self.retry_after = backend, "pass", None
        self.requests, self.headers = 0, []
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *arguments):
                pass

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                outer.requests += 1
                outer.headers.append((time.monotonic(), dict(self.headers)))
                mode = outer.mode
                if mode == "slow":
                    time.sleep(1)
                if mode in ("pass", "slow", "lost"):
                    status = outer.forward(self.path, body, self.headers)
                if mode in ("cut", "lost"):
                    self.close_connection = True
                    self.connection.close()
                    return
                self.send_response(mode if isinstance(mode, int) else status)
                if isinstance(mode, int) and outer.retry_after:
                    self.send_header("Retry-After", outer.retry_after)
                self.send_header("Content-Length", "0")
                self.end_headers()

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *arguments):
                pass

        self.server = Server(("127.0.0.1", 0), Handler)
        self.address = f"127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def forward(self, path, body, headers):
        kept = {k: v for k, v in headers.items() if k.lower() not in ("host", "connection", "content-length")}
        try:
            with urllib.request.urlopen(urllib.request.Request(self.backend + path, body, kept, method="POST"), timeout=20) as answer:
                return answer.status
        except urllib.error.HTTPError as answer:
            return answer.code
        except OSError:
            return 502

    def close(self):
        self.server.shutdown()
        self.server.server_close()
