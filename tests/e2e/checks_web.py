"""checks_web.py - who may come in: TLS, passwords, tokens, limits on what a token reads, prefixes; asked with curl."""
import crypt  # the same library that the server asks
import json
import re
import subprocess

from harness import SIGHUP, Server, eventually

CONFIG = """
global: {scrape_interval: 1s}
scrape_configs:
- {job_name: mine, static_configs: [{targets: ["%(address)s"]}], basic_auth: {username: alice, password: "%(password)s"}, scheme: %(scheme)s, tls_config: {insecure_skip_verify: true}}
- {job_name: other, static_configs: [{targets: ["127.0.0.1:1"]}]}
"""
PASSWORD = "pass:word with colon"
TOKENS = """
basic_auth_users: {alice: '%(hash)s'}
bearer_tokens:
- {name: all, token: token-of-all, scopes: [read, write, admin]}
- {name: reader, token: token-of-reader, scopes: [read]}
- {name: writer, token_file: writer.token, scopes: [write]}
- {name: mine, token: token-of-mine, scopes: [read], match: '{job="mine"}'}
http_server_config: {headers: {X-Frame-Options: deny, Strict-Transport-Security: max-age=100}}
"""
TLS = "tls_server_config: {cert_file: server.crt, key_file: server.key%s}\n"


def hashed(password, cost=5):
    return crypt.crypt(password, f"$2b${cost:02}$abcdefghijklmnopqrstuu")


def run_tool(*command, cwd=None):
    done = subprocess.run([str(c) for c in command], cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=30,
                          stdin=subprocess.DEVNULL)
    assert done.returncode == 0, done.stdout.decode(errors="replace")


def make_certificates(folder):
    """an authority, the server's certificate, and two of clients"""
    new = ("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2")
    run_tool(*new, "-keyout", "ca.key", "-out", "ca.crt", "-subj", "/CN=authority", cwd=folder)
    for name, san in (("server", "DNS:localhost,IP:127.0.0.1"), ("friend", "DNS:friend.test"), ("stranger", "DNS:stranger.test")):
        run_tool(*new, "-CA", "ca.crt", "-CAkey", "ca.key", "-keyout", f"{name}.key", "-out", f"{name}.crt", "-subj", f"/CN={name}",
                 "-addext", f"subjectAltName={san}", "-addext", "basicConstraints=CA:FALSE", cwd=folder)


class Curl:
    """curl against one server; (status, headers, body), status 0 when there was no answer"""

    def __init__(self, bench, port, scheme="http"):
        self.folder, self.base = bench.folder, f"{scheme}://localhost:{port}"

    def __call__(self, path, *options):
        command = ["curl", "-s", "-i", "-m", "10", "--ipv4", "--http1.1", "--noproxy", "*", "--cacert", self.folder / "ca.crt",
                   *options, self.base + path]
        done = subprocess.run([str(c) for c in command], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=30)
        head, _, body = done.stdout.partition(b"\r\n\r\n")
        lines = head.decode(errors="replace").split("\r\n")
        status = int(lines[0].split()[1]) if lines[0].startswith("HTTP/") else 0
        return status, {line.split(":", 1)[0].lower(): line.split(":", 1)[1].strip() for line in lines[1:] if ":" in line}, body

    def token(self, path, token, *options):
        return self(path, "-H", f"Authorization: Bearer {token}", *options)


ALICE = ("-u", f"alice:{PASSWORD}")


def passwords(curl):
    assert curl("/-/healthy", *ALICE)[0] == 200
    for wrong in ("alice:wrong", "alice:", "bob:x", f"bob:{PASSWORD}", f"alice:{PASSWORD}\x01"):
        status, headers, _ = curl("/-/healthy", "-u", wrong)
        assert status == 401 and headers["www-authenticate"] == "Basic", (wrong, status)
    for header in ("Basic", "Basic ====", "Basic YWxpY2U=", "Digest x", "Bearer ", "bearer nonsense"):
        assert curl("/-/healthy", "-H", f"Authorization: {header}")[0] == 401, header
    return curl("/-/healthy")[0] == 401


def scopes(curl):
    write = ("-X", "POST", "--data-binary", "x", "-H", "Content-Type: application/x-protobuf")
    table = [("token-of-reader", "/api/v1/targets", (), 200), ("token-of-reader", "/api/v1/write", write, 403),
             ("token-of-reader", "/-/quit", ("-X", "POST"), 403), ("token-of-writer", "/api/v1/write", write, 400),
             ("token-of-writer", "/api/v1/query?query=1", (), 403), ("token-of-all", "/api/v1/write", write, 400),
             ("token-of-writer", "/-/healthy", (), 200), ("token-of-nobody", "/-/healthy", (), 401)]
    for token, path, options, wanted in table:
        status = curl.token(path, token, *options)[0]
        assert status == wanted, (token, path, status)
    return True


def limits_what_is_read(curl):
    def data(path, token):
        status, _, body = curl.token(path, token)
        assert status == 200, (path, status, body)
        return json.loads(body)["data"]
    eventually("both jobs", lambda: len(data("/api/v1/query?query=up", "token-of-reader")["result"]) == 2)
    for query in ("up", "up%20or%20count(up)", "%7B__name__=~%22.%2B%22%7D", "up%7Bjob=%22other%22%7D", "max_over_time(up%5B1m%5D)",
                  "absent(up%7Bjob=%22other%22%7D)"):
        rows = data(f"/api/v1/query?query={query}", "token-of-mine")["result"]
        assert all(row["metric"].get("job", "mine") == "mine" or "absent" in query for row in rows), (query, rows)
    assert data("/api/v1/query?query=count(up)", "token-of-mine")["result"][0]["value"][1] == "1"
    assert {row["job"] for row in data("/api/v1/series?match[]=up", "token-of-mine")} == {"mine"}
    assert data("/api/v1/label/job/values", "token-of-mine") == ["mine"]
    assert data("/api/v1/label/job/values", "token-of-reader") == ["mine", "other"]
    assert data("/api/v1/query_exemplars?query=up", "token-of-mine") == []
    federated = curl.token("/federate?match[]=%7B__name__=~%22.%2B%22%7D", "token-of-mine", "-g")[2]
    assert b',job="mine"' in federated and b',job="other"' not in federated, federated
    for token, jobs in (("token-of-mine", {"mine"}), ("token-of-reader", {"mine", "other"})):
        lines = curl.token("/api/v1/search/label_values?label=job&include_metadata=true", token)[2].splitlines()
        assert {row["name"] for row in json.loads(lines[0])["results"]} == jobs, lines
    for path in ("/api/v1/targets", "/api/v1/status/config", "/api/v1/status/tsdb", "/metrics", "/api/v1/metadata",
                 "/api/v1/status/active_queries", "/api/v1/status/self_metrics", "/api/v1/status/tsdb/blocks", "/api/v1/scrape_pools/config",
                 "/api/v1/notifications", "/api/v1/notifications/live"):
        assert curl.token(path, "token-of-mine")[0] == 403, path
    return True


def headers_of_all(curl):
    for path, options in (("/", ALICE), ("/-/healthy", ()), ("/nothing", ALICE)):
        headers = curl(path, *options)[1]
        assert headers["x-frame-options"] == "deny" and headers["strict-transport-security"] == "max-age=100", (path, headers)
    return True


def reads_again(bench, server, curl):
    web = bench.folder / "web.yml"
    before = web.read_text()
    web.write_text(before.replace(hashed(PASSWORD), hashed("another")))
    eventually("the new password", lambda: curl("/-/healthy", "-u", "alice:another")[0] == 200, 10)
    assert curl("/-/healthy", *ALICE)[0] == 401
    web.write_text(before + "nonsense: 1\n")
    eventually("the refusal is logged", lambda: "nonsense" in server.process.text(), 10)
    assert curl("/-/healthy", "-u", "alice:another")[0] == 200, "a bad file keeps the old one"
    (bench.folder / "writer.token").write_text("token-of-another-writer\n")
    web.write_text(before)
    eventually("the old password", lambda: curl("/-/healthy", *ALICE)[0] == 200, 10)
    return curl.token("/-/healthy", "token-of-writer")[0] == 401 and curl.token("/-/healthy", "token-of-another-writer")[0] == 200


def client_certificates(bench, curl):
    web = bench.folder / "web.yml"
    web.write_text(TLS % ", client_ca_file: ca.crt, client_auth_type: RequireAndVerifyClientCert, client_allowed_sans: [friend.test]")

    def asked(name):
        return curl("/-/healthy", "--cert", bench.folder / f"{name}.crt", "--key", bench.folder / f"{name}.key")[0]
    eventually("a certificate is wanted", lambda: curl("/-/healthy", *ALICE)[0] == 0, 10)
    return asked("friend") == 200 and asked("stranger") == 0


def versions(bench, curl):
    (bench.folder / "web.yml").write_text(TLS % ", min_version: TLS13, curve_preferences: [CurveP256]")
    eventually("TLS 1.2 is over", lambda: curl("/-/healthy", "--tls-max", "1.2")[0] == 0 and curl("/-/healthy")[0] == 200, 10)
    (bench.folder / "web.yml").write_text(TLS % ", max_version: TLS12, cipher_suites: [TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384]")
    eventually("and back", lambda: curl("/-/healthy", "--tls-max", "1.2")[0] == 200, 10)
    return curl("/-/healthy", "--ciphers", "ECDHE-ECDSA-AES128-GCM-SHA256")[0] == 0 and curl("/-/healthy", "--tlsv1.3")[0] == 0


def certificate_changes(bench, curl):
    def serial():
        done = subprocess.run(["openssl", "s_client", "-connect", curl.base.split("//")[1], "-alpn", "http/1.1"], stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=20)
        assert b"ALPN protocol: http/1.1" in done.stdout
        return done.stdout.split(b"BEGIN CERTIFICATE")[1][:200]
    before = serial()
    make_certificates(bench.folder)
    return eventually("another certificate", lambda: serial() != before, 10)


def rate_limit(bench, curl):
    (bench.folder / "web.yml").write_text(TLS % "" + "rate_limit: {interval: 1h, burst: 3}\n")
    return eventually("too many", lambda: curl("/-/healthy")[0] == 429, 10)


def judges(bench, binary):
    web = bench.folder / "judged.yml"
    web.write_text(TLS % "" + TOKENS % {"hash": hashed("x")})
    run_tool(binary, "check", "web-config", web)
    for bad, word in (("basic_auth_users: {a: plain}", "bcrypt"), ("tls_server_config: {cert_file: x}", "missing one of key"),
                      ("bearer_tokens: [{name: a, token: x, scopes: [read], match: 'up['}]", "parse error"),
                      ("tls_server_config: {cert_file: server.key, key_file: server.key}", "certificate"),
                      ("tls_server_config: {cert_file: server.crt, key_file: friend.key}", "key")):
        web.write_text(bad)
        done = subprocess.run([str(binary), "check", "web-config", str(web)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=20)
        assert done.returncode == 1 and word in done.stdout.decode(), (bad, done.stdout)
    return True


def prefix(bench, binary):
    server = Server(bench, binary, "global: {}\n", "--web.external-url=http://x.test/a/b/", "--web.page-title=<A & b>", name="prefix")
    curl = Curl(bench, server.port)
    eventually("ready", lambda: curl("/a/b/-/ready")[0] == 200)
    assert curl("/-/ready")[0] == 404 and curl("/a/bc")[0] == 404
    assert curl("/")[:1] == (302,) and curl("/")[1]["location"] == "/a/b/"
    assert curl("/a/b/")[0] == 200 and b"<title>&lt;A &amp; b&gt;</title>" in curl("/a/b/")[2]
    script = re.search(rb'src="(assets/[^"]+\.js)"', curl("/a/b/")[2]).group(1).decode()
    assert curl("/a/b/" + script)[0] == 200
    return json.loads(curl("/a/b/api/v1/query?query=1")[2])["status"] == "success"


def gives_up_rights(server):
    """and a reload onto a file in a new folder works all the same"""
    status = open(f"/proc/{server.process.popen.pid}/status").read()
    limited = "NoNewPrivs:\t1" in status and "Seccomp:\t2" in status
    if not limited:
        assert "not all rights could be given up" in server.process.text(), status
    folder = server.config.parent / "new-folder"
    folder.mkdir()
    (folder / "jobs.yml").write_text("scrape_configs: [{job_name: of_a_new_file}]\n")
    server.config.write_text(f"scrape_config_files: [{folder}/jobs.yml]\n")
    server.process.signal(SIGHUP)
    return eventually("the new job", lambda: "of_a_new_file" in server.api.data("/api/v1/status/config")["yaml"], 10)


def keeps_secrets(bench, server):
    return not [word for word in (PASSWORD, "token-of-", hashed(PASSWORD)) if word in server.process.text()]


def run(bench, binary):
    make_certificates(bench.folder)
    (bench.folder / "writer.token").write_text("token-of-writer\n")
    bench.check("check web-config judges files and what they name", lambda: judges(bench, binary))
    bench.check("a prefix stands in front of every path", lambda: prefix(bench, binary))
    plain = Server(bench, binary, "global: {}\n", name="plain").wait_ready()
    bench.check("rights are given up, and a reload onto a new path works", lambda: gives_up_rights(plain))
    plain.process.stop()
    web = bench.folder / "web.yml"
    web.write_text(TLS % "" + TOKENS % {"hash": hashed(PASSWORD)})
    config = CONFIG % {"address": "{self}", "password": PASSWORD, "scheme": "https"}
    server = Server(bench, binary, config, f"--web.config.file={web}", "--web.enable-remote-write-receiver", name="guarded")
    curl = Curl(bench, server.port, "https")
    eventually("ready", lambda: curl("/-/ready", *ALICE)[0] == 200)
    bench.check("a password opens, and nothing else that looks like one", lambda: passwords(curl))
    bench.check("tokens do what their scopes say", lambda: scopes(curl))
    bench.check("a token with a matcher reads its series only", lambda: limits_what_is_read(curl))
    bench.check("every answer has the headers that were asked for", lambda: headers_of_all(curl))
    bench.check("plain HTTP is told that it is wrong here", lambda: b"HTTPS server" in Curl(bench, server.port)("/")[2])
    bench.check("the file and the files it names are read again when they change", lambda: reads_again(bench, server, curl))
    bench.check("no secret is in the log", lambda: keeps_secrets(bench, server))
    bench.check("only clients with the right certificate come in", lambda: client_certificates(bench, curl))
    bench.check("versions, ciphers and curves are what was asked for", lambda: versions(bench, curl))
    bench.check("a new certificate is taken, and ALPN says http/1.1", lambda: certificate_changes(bench, curl))
    bench.check("too many requests are a 429", lambda: rate_limit(bench, curl))
    server.process.stop()
