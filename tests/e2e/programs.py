"""programs.py - the real programs: how each is started and when it is ready."""
import os
import shutil
import subprocess

from harness import CACHE, HERE, PYTHON, REAL, eventually, free_port, http


def wait_metrics(process, port):
    def probe():
        assert process.running(), process.text()[-1000:]
        return http(f"http://127.0.0.1:{port}/metrics", timeout=5)[0] == 200
    eventually(f"{process.name} answers", probe, 30)
    return f"127.0.0.1:{port}"


def node_exporter(bench):
    port = free_port()
    return wait_metrics(bench.run("node-exporter", [REAL / "prometheus-node-exporter",
                                                    f"--web.listen-address=127.0.0.1:{port}"]), port)


def pushgateway(bench):
    port = free_port()
    return wait_metrics(bench.run("pushgateway", [REAL / "prometheus-pushgateway",
                                                  f"--web.listen-address=127.0.0.1:{port}"]), port)


def alertmanager(bench, port, prefix=""):
    """Debian's looks for its templates where the package would have put them: it gets its own view of /usr/share"""
    config = bench.folder / "alertmanager.yml"
    config.write_text("route: {receiver: none}\nreceivers: [{name: none}]\n")
    command = [REAL / "prometheus-alertmanager", f"--web.listen-address=127.0.0.1:{port}", f"--config.file={config}",
               f"--storage.path={bench.folder}/alertmanager.data", "--cluster.listen-address=",
               f"--web.route-prefix={prefix or '/'}"]
    share = CACHE / "root/usr/share"
    process = bench.run("alertmanager", ["unshare", "-rm", "sh", "-c", f'mount --bind {share} /usr/share && exec "$@"', "sh", *command])
    wait_metrics(process, f"{port}{prefix}")
    return process


def prometheus(bench, config, name="peer", *flags):
    """its address; the process is bench.processes[-1], its samples are in <bench>/<name>.data"""
    port = free_port()
    file = bench.folder / f"{name}.yml"
    file.write_text(config)
    process = bench.run("prometheus", [REAL / "prometheus", f"--config.file={file}", *flags,
                                       f"--storage.tsdb.path={bench.folder}/{name}.data",
                                       f"--web.listen-address=127.0.0.1:{port}",
                                       "--web.console.templates=/nonexistent", "--web.console.libraries=/nonexistent"])
    return wait_metrics(process, port)


def python_demo(bench):
    port = free_port()
    process = bench.run("python-demo", [PYTHON, HERE / "apps/demo.py", port])
    return wait_metrics(process, port), process


def flask(bench, workers=4):
    port = free_port()
    shared = bench.folder / "multiproc"
    shared.mkdir()
    gunicorn = shutil.which("gunicorn", path="/usr/bin") or "gunicorn"
    process = bench.run("flask", [PYTHON, gunicorn, "-w", workers, "-b", f"127.0.0.1:{port}",
                                  "-c", HERE / "apps/gunicorn_conf.py", "--chdir", HERE / "apps", "flask_app:app"],
                        env={"PROMETHEUS_MULTIPROC_DIR": shared, "PYTHONDONTWRITEBYTECODE": 1})
    return wait_metrics(process, port)


def build_go(source, binary):
    """once, into the cache, from Debian's Go packages, without the network"""
    if not binary.exists() or binary.stat().st_mtime < source.stat().st_mtime:
        CACHE.mkdir(parents=True, exist_ok=True)
        subprocess.run(["/usr/bin/go", "build", "-o", str(binary), str(source)], check=True,
                       env=dict(os.environ, GO111MODULE="off", GOPATH="/usr/share/gocode", GOFLAGS="",
                                GOCACHE=str(CACHE / "gobuild")))


def go_demo(bench):
    binary = CACHE / "godemo"
    build_go(HERE / "apps/godemo/main.go", binary)
    port = free_port()
    return wait_metrics(bench.run("go-demo", [binary, f"127.0.0.1:{port}"]), port)
