"""flask_app.py - a web application under gunicorn with several workers, whose counters live in shared files."""
from flask import Flask, Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Histogram, generate_latest, multiprocess

app = Flask(__name__)
VISITS = Counter("flask_visits", "Visits by page.", ["page"])
SECONDS = Histogram("flask_request_seconds", "Time to answer.")


@app.route("/visit/<page>")
@SECONDS.time()
def visit(page):
    VISITS.labels(page).inc()
    return "welcome\n"


@app.route("/metrics")
def metrics():
    registry = CollectorRegistry()
    multiprocess.MultiProcessCollector(registry)
    return Response(generate_latest(registry), mimetype=CONTENT_TYPE_LATEST)
