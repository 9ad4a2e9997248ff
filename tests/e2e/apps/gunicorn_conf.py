"""gunicorn_conf.py - tells the client library when a worker has gone."""
from prometheus_client import multiprocess


def child_exit(server, worker):
    multiprocess.mark_process_dead(worker.pid)
