"""checks_client.py - outgoing HTTP as configured: TLS with files that change, proxies, OAuth 2, headers, unix sockets, files of jobs,
the environment; no secret is seen anywhere; a server without descriptors recovers."""
import base64
import json
import os
import pathlib
import resource
import secrets
import socket
import ssl
import subprocess
import threading
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from harness import Server, eventually, http

PAGE = b"good_total 1\n"


class Listener(ThreadingHTTPServer):
    daemon_threads = True


class Web:
    """A server of ours to talk to: answers by a function of the request, remembers (path, headers, body)."""

    def __init__(self, answer, listener=None):
        self.seen, self.lock = [], threading.Lock()
        web = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def reply(self):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
                with web.lock:
                    web.seen.append((self.path, {n: ", ".join(self.headers.get_all(n)) for n in self.headers}, body))
                status, headers, text = answer(self.path, self.headers, body)
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            do_GET = do_POST = reply

            def do_CONNECT(self):  # noqa: N802 - the base class's name
                with web.lock:
                    web.seen.append((self.path, dict(self.headers), ""))
                host, port = self.path.rsplit(":", 1)
                self.send_response(200)
                self.end_headers()
                with socket.create_connection((host, int(port))) as there:
                    threading.Thread(target=pump, args=(there, self.connection), daemon=True).start()
                    pump(self.connection, there)
                self.close_connection = True

            def address_string(self):
                return "somebody"

            def log_message(self, *_):
                pass

        self.server = listener(Handler) if listener else Listener(("127.0.0.1", 0), Handler)
        self.address = f"127.0.0.1:{self.server.server_address[1]}" if not listener else ""
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def all(self):
        with self.lock:
            return list(self.seen)


def pump(source, sink):
    try:
        while data := source.recv(65536):
            sink.sendall(data)
    except OSError:
        pass


def page(*_):
    return 200, {"Content-Type": "text/plain; version=0.0.4"}, PAGE


def job(name, address, more="", path="/metrics"):
    return f"- job_name: {name}\n  metrics_path: {path}\n  static_configs: [{{targets: ['{address}']}}]\n{more}"


def config(*jobs, head=""):
    return "global: {scrape_interval: 1s, scrape_timeout: 1s}\n" + head + "scrape_configs:\n" + "".join(jobs)


def up(server, name):
    return eventually(f"{name} is up", lambda: server.api.value(f'up{{job="{name}"}}') == 1, 15)


def target(server, name):
    return next(t for t in server.api.data("/api/v1/targets")["activeTargets"] if t["labels"]["job"] == name)


# ---- TLS ----

def openssl(folder, *arguments):
    subprocess.run(["openssl", *arguments], cwd=folder, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def make_pair(folder, name, subject):
    """a certificate that signs itself, so it is its own CA"""
    openssl(folder, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", f"/CN={subject}", "-addext",
            f"subjectAltName=DNS:{subject}", "-keyout", f"{name}.key", "-out", f"{name}.pem")


class TlsWeb(Web):
    def __init__(self, folder, name, client_ca):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(folder / f"{name}.pem", folder / f"{name}.key")
        context.load_verify_locations(folder / client_ca)
        context.verify_mode = ssl.CERT_REQUIRED
        self.context = context
        super().__init__(page)
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)


def check_tls(bench, binary):
    folder = bench.folder
    for name in ("one", "two"):
        make_pair(folder, name, "inside.test")
    (folder / "ca.pem").write_bytes((folder / "one.pem").read_bytes())
    for kind in ("pem", "key"):
        (folder / f"client.{kind}").write_bytes((folder / f"one.{kind}").read_bytes())
    (folder / "known.pem").write_bytes((folder / "one.pem").read_bytes())
    web = TlsWeb(folder, "one", "known.pem")
    tls = "  scheme: https\n  tls_config: {ca_file: ca.pem, cert_file: client.pem, key_file: client.key, server_name: inside.test%s}\n"
    server = Server(bench, binary, config(job("tls", web.address, tls % ""), job("old", web.address, tls % ", max_version: TLS12"),
                                          job("stranger", web.address, "  scheme: https\n"),
                                          job("proxied", web.address, tls % "" + "  proxy_url: http://{proxy}\n"
                                              "  proxy_connect_header: {X-To-Proxy: [canary]}\n")).replace("{proxy}", "127.0.0.1:1"),
                    name="tls").wait_ready()
    bench.check("a client certificate and a name of its own", lambda: up(server, "tls") and up(server, "old"))
    bench.check("a certificate nobody vouches for is refused", lambda: eventually(
        "an error", lambda: "certificate" in target(server, "stranger")["lastError"]))
    (folder / "ca.pem").write_bytes((folder / "two.pem").read_bytes())
    bench.check("another CA in the file: not even a kept connection is used", lambda: eventually(
        "down", lambda: server.api.value('up{job="tls"}') == 0))
    (folder / "ca.pem").write_bytes((folder / "one.pem").read_bytes())
    bench.check("and the first again", lambda: up(server, "tls"))
    (folder / "client.pem").unlink()
    bench.check("a file that is missing is named", lambda: eventually(
        "an error", lambda: "client.pem" in target(server, "tls")["lastError"]))
    (folder / "client.pem").write_bytes((folder / "one.pem").read_bytes())
    proxy = Web(page)
    server.config.write_text(server.config.read_text().replace("127.0.0.1:1", proxy.address))
    server.process.signal(1)
    bench.check("TLS through a proxy, which alone sees the headers meant for it", lambda: up(server, "proxied") and any(
        "canary" == h.get("X-To-Proxy") for _, h, _ in proxy.all()) and not any("X-To-Proxy" in h for _, h, _ in web.all()))


# ---- OAuth 2 ----

class Issuer(Web):
    """gives out tokens t1, t2 ...; the targets take only `valid`"""

    def __init__(self, wants_form=False):
        self.count, self.valid, self.life = 0, "", 3600
        self.wants_form = wants_form
        super().__init__(self.token)

    def token(self, path, headers, body):
        if self.wants_form and "client_secret" not in body and "assertion" not in body:
            return 401, {}, b'{"error":"invalid_client"}'
        self.count += 1
        self.valid = f"t{self.count}"
        answer = {"access_token": self.valid, "token_type": "bearer", "expires_in": self.life}
        return 200, {"Content-Type": "application/json"}, json.dumps(answer).encode()

    def guard(self, path, headers, body):
        return page() if headers.get("Authorization") == f"Bearer {self.valid}" else (401, {}, b"")


def unpadded(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def jwt_is_signed(bench, issuer):
    form = urllib.parse.parse_qs(issuer.all()[-1][2])
    text = form["assertion"][0]
    first, second, third = text.split(".")
    (bench.folder / "text").write_text(f"{first}.{second}")
    (bench.folder / "signature").write_bytes(unpadded(third))
    openssl(bench.folder, "x509", "-in", "one.pem", "-pubkey", "-noout", "-out", "one.pub")
    openssl(bench.folder, "dgst", "-sha384", "-verify", "one.pub", "-signature", "signature", "text")
    claims = json.loads(unpadded(second))
    assert json.loads(unpadded(first)) == {"alg": "RS384", "typ": "JWT", "kid": "k1"}, first
    assert (claims["iss"], claims["sub"], claims["level"], claims["scope"]) == ("me", "client", 3, "a b"), claims
    return form["grant_type"] == ["urn:ietf:params:oauth:grant-type:jwt-bearer"]


def check_oauth2(bench, binary):
    issuer, by_form, by_jwt = Issuer(), Issuer(True), Issuer()
    webs = [Web(one.guard) for one in (issuer, issuer, by_form, by_jwt)]
    (bench.folder / "client.secret").write_text("s1\n")
    plain = f"""  oauth2:
    client_id: client
    client_secret_file: client.secret
    token_url: http://{issuer.address}/token
    scopes: [a, b]
    endpoint_params: {{audience: "x y"}}
"""
    form = f"  oauth2: {{client_id: client, client_secret: s2, token_url: 'http://{by_form.address}/token'}}\n"
    jwt = f"""  oauth2:
    client_id: client
    grant_type: urn:ietf:params:oauth:grant-type:jwt-bearer
    client_certificate_key_file: one.key
    client_certificate_key_id: k1
    signature_algorithm: RS384
    iss: me
    claims: {{level: 3}}
    scopes: [a, b]
    token_url: http://{by_jwt.address}/token
"""
    server = Server(bench, binary, config(job("plain", webs[0].address, plain), job("shared", webs[1].address, plain),
                                          job("form", webs[2].address, form), job("jwt", webs[3].address, jwt)),
                    name="oauth2").wait_ready()
    bench.check("a token for a client's secret, one for two jobs", lambda: up(server, "plain") and up(server, "shared") and issuer.count == 1)
    bench.check("asked for as the RFC says", lambda: urllib.parse.parse_qs(issuer.all()[0][2]) == {
        "grant_type": ["client_credentials"], "scope": ["a b"], "audience": ["x y"]} and issuer.all()[0][1]["Authorization"] ==
        "Basic " + base64.b64encode(b"client:s1").decode())
    bench.check("in the form for those who want it there", lambda: up(server, "form"))
    bench.check("a signed statement instead of a secret", lambda: up(server, "jwt") and jwt_is_signed(bench, by_jwt))
    issuer.valid = "another"
    bench.check("a token that is refused is replaced within the scrape", lambda: eventually(
        "a second token", lambda: issuer.count >= 2) and up(server, "plain") and server.api.value(
            'min_over_time(up{job="plain"}[4s])') == 1)
    (bench.folder / "client.secret").write_text("s3\n")
    bench.check("a changed secret leads to a new one", lambda: eventually("asked with it", lambda: issuer.all()[-1][1][
        "Authorization"] == "Basic " + base64.b64encode(b"client:s3").decode()) and up(server, "shared"))


# ---- the rest of the client ----

def check_ways(bench, binary):
    plain, proxy = Web(page), Web(page)
    path = str(bench.folder / "s")

    class Unix(Listener):
        address_family = socket.AF_UNIX

        def server_bind(self):
            self.socket.bind(self.server_address)
    local = Web(page, lambda handler: Unix(path, handler))
    (bench.folder / "header").write_text("from a file\n")
    (bench.folder / "jobs").mkdir()
    (bench.folder / "jobs/a.yml").write_text("scrape_configs:\n" + job("from_file", plain.address))
    os.environ["CLIENT_PORT"] = plain.address.split(":")[1]
    text = config(
        job("headers", plain.address, "  http_headers: {X-A: {values: [one, two]}, X-B: {secrets: [three], files: [header]}}\n"),
        job("proxied", "there.test:80", f"  proxy_url: http://{proxy.address}\n  proxy_connect_header: {{X-C: [secret]}}\n"),
        job("unix", "any.test", f"  static_configs: [{{targets: [any.test], labels: {{__unix_socket__: {path}}}}}]\n").replace(
            "  static_configs: [{targets: ['any.test']}]\n", ""),
        job("environment", "127.0.0.1:${CLIENT_PORT}", "  params: {x: ['$$1', '$1', '${1}', 'a$']}\n"),
        job("down", "127.0.0.1:1"), head="scrape_config_files: ['jobs/*.yml']\n").replace(
            "scrape_timeout: 1s", "scrape_timeout: 1s, scrape_failure_log_file: failures.json")
    server = Server(bench, binary, text, "--config.expand-env", name="ways").wait_ready()
    bench.check("headers with several values, secrets and files", lambda: up(server, "headers") and any(
        h.get("X-B") == "three, from a file" and h.get("X-A") == "one, two" for _, h, _ in plain.all()))
    bench.check("a proxy for plain HTTP", lambda: up(server, "proxied") and proxy.all()[0][0] == "http://there.test/metrics"
                and "X-C" not in proxy.all()[0][1])
    bench.check("a unix socket", lambda: up(server, "unix") and local.all()[0][1]["Host"] == "any.test")
    bench.check("jobs of another file", lambda: up(server, "from_file"))
    bench.check("values from the environment", lambda: up(server, "environment") and "?x=%241&x=%241&x=%24%7B1%7D&x=a%24" in [
        p for p, _, _ in plain.all() if "x=" in p][0])
    log = bench.folder / "failures.json"
    bench.check("failed scrapes in a file of their own", lambda: eventually("a line", lambda: json.loads(
        log.read_text().splitlines()[0])["job_name"] == "down"))
    log.rename(bench.folder / "failures.old")
    server.process.signal(1)
    bench.check("which a reload opens anew", lambda: eventually("a new file", log.exists))


# ---- secrets ----

def check_canary(bench, binary):
    planted = []

    def canary(kind):
        planted.append(f"canary{len(planted)}{kind}{secrets.token_hex(8)}")
        return planted[-1]
    web = Web(lambda *_: (500, {}, b"no"))
    make_pair(bench.folder, "canary", "x.test")
    key = (bench.folder / "canary.key").read_text()
    planted.append(key.splitlines()[3])
    indented = "".join(f"      {line}\n" for line in key.splitlines())
    (bench.folder / "canary.file").write_text(canary("file"))
    text = config(
        job("basic", web.address, f"  basic_auth: {{username: me, password: {canary('password')}}}\n"),
        job("bearer", web.address, f"  authorization: {{credentials: {canary('token')}}}\n"),
        job("old", web.address, f"  bearer_token: {canary('bearer')}\n"),
        job("file", web.address, "  authorization: {credentials_file: canary.file}\n"),
        job("headers", web.address, f"  http_headers: {{X-A: {{secrets: [{canary('header')}], files: [canary.file]}}}}\n"),
        job("oauth2", web.address, f"  oauth2: {{client_id: a, client_secret: {canary('oauth2')}, token_url: 'http://u:{canary('url')}@{web.address}/'}}\n"),
        job("jwt", web.address, f"  oauth2:\n    client_id: a\n    grant_type: urn:ietf:params:oauth:grant-type:jwt-bearer\n"
            f"    token_url: http://{web.address}/\n    client_certificate_key: |\n{indented}"),
        job("key", web.address, f"  scheme: https\n  tls_config:\n    cert_file: canary.pem\n    key: |\n{indented}"),
        job("proxy", web.address, f"  proxy_url: http://u:{canary('proxy')}@127.0.0.1:1\n"
            f"  proxy_connect_header: {{X-A: [{canary('connect')}]}}\n"),
        head=f"""remote_write:
- url: http://u:{canary('write')}@{web.address}/
- url: http://{web.address}/
  name: two
  basic_auth: {{username: me, password: {canary('writepassword')}}}
remote_read:
- url: http://u:{canary('read')}@{web.address}/
alerting:
  alertmanagers:
  - static_configs: [{{targets: ['{web.address}']}}]
    authorization: {{credentials: {canary('alertmanager')}}}
""").replace("scrape_timeout: 1s", "scrape_timeout: 1s, scrape_failure_log_file: canary.json")
    server = Server(bench, binary, text, "--log.level=debug", name="canary").wait_ready()
    names = ["basic", "bearer", "old", "file", "headers", "oauth2", "jwt", "key", "proxy"]
    eventually("all were scraped", lambda: all(target(server, name)["lastError"] for name in names))
    server.config.write_text(text.replace("scrape_interval: 1s", "scrape_interval: wrong"))
    server.process.signal(1)
    eventually("the broken file was refused", lambda: "refused" in server.process.text())
    pages = {path: http(server.api.base + path)[2].decode() for path in (
        "/api/v1/status/config", "/api/v1/targets", "/metrics", "/api/v1/status/flags", "/api/v1/status/runtimeinfo", "/config", "/targets")}
    pages["log"] = server.process.text()
    pages["failures"] = (bench.folder / "canary.json").read_text()
    pages["arguments"] = pathlib.Path(f"/proc/{server.process.popen.pid}/cmdline").read_text()

    def leaked(shown):
        found = [one for one in planted if one in shown]
        assert not found, found
    for name, shown in pages.items():
        bench.check(f"no secret in {name}", lambda shown=shown: shown and not leaked(shown))
    bench.check("the secrets were sent", lambda: any(planted[2] in str(h) or "Basic" in str(h) for _, h, _ in web.all()))


# ---- descriptors ----

def check_descriptors(bench, binary):
    closing = Web(lambda *_: (200, {"Content-Type": "text/plain", "Connection": "close"}, PAGE))
    text = config(job("closing", closing.address), job("down", "127.0.0.1:1")).replace(
        "scrape_timeout: 1s", "scrape_timeout: 1s, scrape_failure_log_file: descriptors.json")
    server = Server(bench, binary, text, name="descriptors").wait_ready()
    up(server, "closing")
    log, process = bench.folder / "descriptors.json", server.process.popen.pid
    eventually("the log is open", log.exists)
    before = resource.prlimit(process, resource.RLIMIT_NOFILE)
    resource.prlimit(process, resource.RLIMIT_NOFILE, (3, before[1]))  # nothing can be opened, what is open stays
    try:
        bench.check("without descriptors a scrape fails and says why", lambda: eventually("told", lambda: any(
            one["job_name"] == "closing" and "Too many open files" in one["msg"] for one in map(json.loads, log.read_text().splitlines()))))
    finally:
        resource.prlimit(process, resource.RLIMIT_NOFILE, before)
    bench.check("and recovers by itself", lambda: up(server, "closing") and server.api.value('min_over_time(up{job="closing"}[1m])') == 0)


def run(bench, binary):
    check_tls(bench, binary)
    check_oauth2(bench, binary)
    check_ways(bench, binary)
    check_canary(bench, binary)
    check_descriptors(bench, binary)
