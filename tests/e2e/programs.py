"""programs.py - the real programs: how each is started and when it is ready."""
import os
import shutil
import socket
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


def pushgateway(bench, *flags):
    port = free_port()
    return wait_metrics(bench.run("pushgateway", [REAL / "prometheus-pushgateway",
                                                  f"--web.listen-address=127.0.0.1:{port}",
                                                  *flags]), port)


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


def victoria(bench):
    port = free_port()
    process = bench.run("victoria", [REAL / "victoria-metrics", f"-httpListenAddr=127.0.0.1:{port}",
                                     f"-storageDataPath={bench.folder}/victoria.data", "-search.latencyOffset=0s"])
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


# ---- unpacked programs with libraries of their own ----

ROOT_FOLDER = CACHE / "root"
LIBRARIES = {"LD_LIBRARY_PATH": f"{ROOT_FOLDER}/usr/lib/x86_64-linux-gnu:{ROOT_FOLDER}/lib/x86_64-linux-gnu"}


def go_push():
    """a program that pushes once to the URL it is given"""
    binary = CACHE / "gopush"
    build_go(HERE / "apps/gopush/main.go", binary)
    return binary


def exporter(bench, name, *arguments, env=None, listen="--web.listen-address=127.0.0.1:{}"):
    port = free_port()
    return wait_metrics(bench.run(name, [REAL / f"prometheus-{name}", listen.format(port), *arguments], env=env), port)


def blackbox_exporter(bench):
    config = bench.folder / "blackbox.yml"
    config.write_text("modules: {http_2xx: {prober: http, timeout: 2s}}\n")
    return exporter(bench, "blackbox-exporter", f"--config.file={config}")


def process_exporter(bench):
    config = bench.folder / "process.yml"
    config.write_text('process_names:\n- {name: "{{.Comm}}", cmdline: [".+"]}\n')
    return exporter(bench, "process-exporter", f"-config.path={config}", listen="-web.listen-address=127.0.0.1:{}")


def redis(bench):
    """its port; it has two keys"""
    port = free_port()
    bench.run("redis", [REAL / "redis-server", "--port", port, "--bind", "127.0.0.1", "--save", "", "--dir", bench.folder],
              env=LIBRARIES)

    def set_key(name):
        with socket.create_connection(("127.0.0.1", port), timeout=5) as s:
            s.sendall(f"SET {name} 1\r\n".encode())
            return s.recv(100).startswith(b"+OK")
    eventually("redis answers", lambda: set_key("a") and set_key("b"))
    return port


def redis_exporter(bench, port):
    return exporter(bench, "redis-exporter", f"-redis.addr=redis://127.0.0.1:{port}", listen="-web.listen-address=127.0.0.1:{}")


def mysqld_exporter(bench):
    """MariaDB without its tables of users, behind a socket; and its exporter"""
    share, data, door = ROOT_FOLDER / "usr/share/mysql", bench.folder / "mysql.data", bench.folder / "mysql.sock"
    data.mkdir()
    bench.run("mariadb", [ROOT_FOLDER / "usr/sbin/mariadbd", "--no-defaults", "--user=root", f"--datadir={data}",
                          "--skip-grant-tables", "--skip-networking", f"--socket={door}", f"--lc-messages-dir={share}",
                          f"--character-sets-dir={share}/charsets", f"--pid-file={bench.folder}/mysql.pid"], env=LIBRARIES)
    eventually("mariadb listens", door.exists, 60)
    return exporter(bench, "mysqld-exporter", env={"DATA_SOURCE_NAME": f"root@unix({door})/"})


def nginx_exporter(bench):
    folder, port = bench.folder / "nginx", free_port()
    folder.mkdir()
    paths = "".join(f"{kind}_temp_path {folder}; " for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    (folder / "nginx.conf").write_text(
        f"daemon off; pid {folder}/pid; error_log stderr; events {{}}\n"
        f"http {{ access_log off; {paths} server {{ listen 127.0.0.1:{port}; location / {{ stub_status; }} }} }}\n")
    bench.run("nginx", [ROOT_FOLDER / "usr/sbin/nginx", "-c", folder / "nginx.conf", "-p", folder], env=LIBRARIES)
    eventually("nginx answers", lambda: http(f"http://127.0.0.1:{port}/")[0] == 200)
    return exporter(bench, "nginx-exporter", f"-nginx.scrape-uri=http://127.0.0.1:{port}/",
                    listen="-web.listen-address=127.0.0.1:{}")


# ---- client libraries ----

def cpp_app(bench):
    """built once into the cache"""
    source, binary, lib = HERE / "apps/cpp_app.cc", CACHE / "cpp_app", f"{ROOT_FOLDER}/usr/lib/x86_64-linux-gnu"
    if not binary.exists() or binary.stat().st_mtime < source.stat().st_mtime:
        subprocess.run(["g++", "-O1", f"-I{ROOT_FOLDER}/usr/include", "-o", str(binary), str(source), f"-L{lib}",
                        f"-Wl,-rpath,{lib},-rpath-link,{lib}", "-lprometheus-cpp-pull", "-lprometheus-cpp-core", "-lpthread"], check=True)
    port = free_port()
    return wait_metrics(bench.run("cpp-app", [binary, f"127.0.0.1:{port}"], env=LIBRARIES), port)


def node_app(bench):
    """prom-client comes from npm, once, into the cache"""
    folder, port = CACHE / "node", free_port()
    if not (folder / "node_modules/prom-client").exists():
        folder.mkdir(parents=True, exist_ok=True)
        subprocess.run(["npm", "install", "--silent", "--no-audit", "--no-fund", "--prefix", str(folder), "prom-client@15"],
                       check=True, cwd=folder)
    return wait_metrics(bench.run("node-app", ["node", HERE / "apps/node_app.js", port],
                                  env={"NODE_PATH": folder / "node_modules"}), port)
