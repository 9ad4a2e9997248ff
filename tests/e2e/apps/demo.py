"""demo.py PORT - an application with all four metric types, made with the official Python client."""
import random
import sys
import threading
import time

from prometheus_client import Counter, Gauge, Histogram, Summary, start_http_server

REQUESTS = Counter("http_requests", "Requests served.", ["method", "code"])
LATENCY = Histogram("http_request_duration_seconds", "Time to answer.", ["method"],
                    buckets=[0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0])
SIZE = Summary("http_response_size_bytes", "Bytes of answers.")
QUEUE = Gauge("queue_length", "Jobs waiting.", ["queue"])


def work():
    """20 GETs and 5 POSTs a second, by the clock rather than by the sleeps"""
    start, done = time.monotonic(), 0
    while True:
        due = int((time.monotonic() - start) * 25)
        while done < due:
            method = "POST" if done % 5 == 0 else "GET"
            REQUESTS.labels(method, "200").inc()
            LATENCY.labels(method).observe(random.random())
            SIZE.observe(1000)
            done += 1
        QUEUE.labels('quote " backslash \\ line\nbreak').set(done % 7)
        QUEUE.labels("plain").set(42)
        time.sleep(0.02)


start_http_server(int(sys.argv[1]), "127.0.0.1")
threading.Thread(target=work, daemon=True).start()
threading.Event().wait()
