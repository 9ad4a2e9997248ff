"""alert_sink.py - an Alertmanager that only writes down what it is told, and refuses when the test wants it."""
import http.server
import json
import threading


class AlertSink:
    def __init__(self, port=0):
        self.lock = threading.Lock()
        self.alerts, self.requests, self.status = [], [], 200
        sink = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):  # noqa: N802 - the base class's name
                body = self.rfile.read(int(self.headers["Content-Length"]))
                with sink.lock:
                    status = sink.status
                    sink.requests.append((self.path, dict(self.headers), status))
                    if status == 200:
                        sink.alerts += json.loads(body)
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        class Listener(http.server.ThreadingHTTPServer):
            daemon_threads = True

        self.server = Listener(("127.0.0.1", port), Handler)
        self.address = f"127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def of(self, name):
        with self.lock:
            return [a for a in self.alerts if a["labels"]["alertname"] == name]

    def close(self):
        self.server.shutdown()
        self.server.server_close()
