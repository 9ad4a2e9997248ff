"""checks_discovery.py - each kind of discovery leads to scraped targets, follows what changes, and a reload keeps it all."""
import json
import os
import time

from fake_services import FakeConsul, FakeDns, FakeKubernetes, FakePages
from fake_target import FakeTarget
from harness import SIGHUP, Server, eventually, http

CONFIG = """
global: {scrape_interval: 1s}
scrape_configs:
- job_name: static
  static_configs: [{targets: ["TARGET"], labels: {kind: static}}]
- job_name: file
  file_sd_configs: [{files: ["FOLDER/*.json", "FOLDER/*.yml"]}]
- job_name: http
  http_sd_configs: [{url: "http://HTTP/targets", refresh_interval: 1s, authorization: {credentials: word}}]
- job_name: http_slow
  http_sd_configs: [{url: "http://HTTP/slow", refresh_interval: 1h}]
- job_name: dns_srv
  dns_sd_configs: [{names: [_metrics._tcp.web], refresh_interval: 1s}]
- job_name: dns_a
  dns_sd_configs: [{names: [web.example.test.], type: A, port: PORT, refresh_interval: 1s}]
- job_name: consul
  consul_sd_configs: [{server: "CONSUL", refresh_interval: 1s, token: opensesame, tags: [metrics]}]
- job_name: docker
  docker_sd_configs: [{host: "DOCKER", refresh_interval: 1s, filters: [{name: status, values: [running]}]}]
- job_name: pods
  kubernetes_sd_configs: [{role: pod, api_server: "http://KUBE", selectors: [{role: pod, label: app=web}]}]
  relabel_configs: [{source_labels: [__meta_kubernetes_pod_name], target_label: pod}]
- job_name: slices
  kubernetes_sd_configs: [{role: endpointslice, api_server: "http://KUBE", namespaces: {names: [default]}, attach_metadata: {node: true}}]
- job_name: services
  kubernetes_sd_configs: [{role: service, api_server: "http://KUBE"}]
- job_name: nodes
  kubernetes_sd_configs: [{role: node, api_server: "http://KUBE"}]
"""


def write(folder, name, text):
    """as editors and deployment tools do it: beside, then renamed into place"""
    (folder / f"{name}.tmp").write_text(text)
    os.rename(folder / f"{name}.tmp", folder / name)


def consul_entry(port, tags, health="passing"):
    return {"Node": {"Node": "n1", "Address": "127.0.0.1", "Meta": {"rack-id": "r1"}, "TaggedAddresses": {"lan": "10.0.0.1"}},
            "Service": {"ID": "web-1", "Service": "web", "Port": port, "Address": "", "Tags": tags, "Meta": {"v": "2"}},
            "Checks": [{"CheckID": "c", "Status": health}]}


def pod(name, port, phase="Running"):
    return {"metadata": {"name": name, "namespace": "default", "uid": f"uid-{name}", "labels": {"app": "web"},
                         "annotations": {"prometheus.io/scrape": "true"}},
            "spec": {"nodeName": "node-1", "containers": [
                {"name": "main", "image": "web:1", "env": [{"name": "SECRET", "value": "x"}],
                 "ports": [{"name": "metrics", "containerPort": port, "protocol": "TCP"}]}]},
            "status": {"podIP": "127.0.0.1", "hostIP": "10.1.1.1", "phase": phase,
                       "conditions": [{"type": "Ready", "status": "True"}],
                       "containerStatuses": [{"name": "main", "containerID": "containerd://1"}]}}


def endpoint_slice(port):
    return {"metadata": {"name": "web-abc", "namespace": "default", "labels": {"kubernetes.io/service-name": "web"}},
            "addressType": "IPv4", "ports": [{"name": "metrics", "port": port, "protocol": "TCP"}],
            "endpoints": [{"addresses": ["127.0.0.1"], "conditions": {"ready": True}, "nodeName": "node-1",
                           "targetRef": {"kind": "Pod", "namespace": "default", "name": "web-1"}}]}


def fill_kubernetes(kube, port):
    kube.put("nodes", {"metadata": {"name": "node-1", "labels": {"zone": "a"}},
                       "status": {"addresses": [{"type": "InternalIP", "address": "127.0.0.1"}],
                                  "daemonEndpoints": {"kubeletEndpoint": {"Port": port}}}})
    kube.put("services", {"metadata": {"name": "web", "namespace": "default", "labels": {"tier": "front"}},
                          "spec": {"type": "ClusterIP", "clusterIP": "10.0.0.9", "ports": [{"name": "metrics", "port": 80}]}})
    for i in range(1, 6):  # three pages
        kube.put("pods", pod(f"web-{i}", port))
    kube.put("endpointslices", endpoint_slice(port))


def docker_pages(port):
    return {"/containers/json": (200, "application/json", json.dumps([
        {"Id": "abc", "Names": ["/web"], "Labels": {"com.example.team": "a"}, "HostConfig": {"NetworkMode": "bridge"},
         "Ports": [{"PrivatePort": port, "PublicPort": 8080, "IP": "0.0.0.0", "Type": "tcp"}],
         "NetworkSettings": {"Networks": {"bridge": {"NetworkID": "net1", "IPAddress": "127.0.0.1"}}}}])),
        "/networks": (200, "application/json", json.dumps(
            [{"Id": "net1", "Name": "bridge", "Scope": "local", "Internal": False, "Ingress": False, "Labels": {}}]))}


class Scene:
    """all the services, and a server that asks them"""

    def __init__(self, bench, binary):
        self.target = FakeTarget("hello 1\n")
        address = self.target.address
        self.port = int(address.split(":")[1])
        self.folder = bench.folder / "targets"
        self.folder.mkdir()
        write(self.folder, "a.json", json.dumps([{"targets": [address], "labels": {"from": "json"}}]))
        groups = json.dumps([{"targets": [address], "labels": {"from": "http"}}])
        self.http = FakePages({path: (200, "application/json; charset=utf-8", groups) for path in ("/targets", "/slow")})
        self.dns = FakeDns({("_metrics._tcp.web.example.test", "SRV"): [("localhost", self.port)],
                            ("web.example.test", "A"): ["127.0.0.1"]})
        self.consul = FakeConsul({"web": [consul_entry(self.port, ["metrics", "blue"])],
                                  "other": [consul_entry(self.port, ["blue"])]})
        self.docker = FakePages(docker_pages(self.port), bench.folder / "docker.sock")
        self.kube = FakeKubernetes()
        fill_kubernetes(self.kube, self.port)
        for service in (self.target, self.http, self.dns, self.consul, self.docker, self.kube):
            bench.cleanups.append(service.close)
        config = CONFIG
        for word, value in (("TARGET", address), ("FOLDER", str(self.folder)), ("HTTP", self.http.address), ("PORT", str(self.port)),
                            ("CONSUL", self.consul.address), ("DOCKER", self.docker.address), ("KUBE", self.kube.address)):
            config = config.replace(word, value)
        search = {"LOCALDOMAIN": "nowhere.test example.test"}  # in place of resolv.conf's search
        self.server = Server(bench, binary, config, f"--discovery.dns-server=127.0.0.1:{self.dns.port}", env=search).wait_ready()
        self.api = self.server.api

    def targets(self, job):
        found = [t for t in self.api.data("/api/v1/targets")["activeTargets"] if t["scrapePool"] == job]
        return sorted(found, key=lambda t: json.dumps(t["discoveredLabels"], sort_keys=True))

    def meta(self, job, index=0):
        return self.targets(job)[index]["discoveredLabels"]

    def up(self, job):
        return [t for t in self.targets(job) if t["health"] == "up"]

    def pods(self):
        return sorted(t["labels"]["pod"] for t in self.up("pods"))


def run(bench, binary):
    scene = Scene(bench, binary)
    wanted = {"static": 1, "file": 1, "http": 1, "http_slow": 1, "dns_srv": 1, "dns_a": 1, "consul": 1, "docker": 1, "pods": 5,
              "slices": 1, "nodes": 1}
    for job, count in wanted.items():
        bench.check(f"{job}: {count} target(s) found and up",
                    lambda job=job, count=count: eventually("up", lambda: len(scene.up(job)) == count, 15))
    check_labels(bench, scene)
    check_requests(bench, scene)
    check_changes(bench, scene)
    check_failures(bench, scene)
    check_reload(bench, scene)


def has(labels, **expected):
    wrong = {name: labels.get(f"__meta_{name}") for name, value in expected.items() if labels.get(f"__meta_{name}") != value}
    assert not wrong, f"{wrong} in {labels}"
    return True


def check_labels(bench, scene):
    check, meta, port = bench.check, scene.meta, str(scene.port)
    check("file: path and labels", lambda: has(meta("file"), filepath=str(scene.folder / "a.json"))
          and scene.up("file")[0]["labels"]["from"] == "json")
    check("http: URL", lambda: has(meta("http"), url=f"http://{scene.http.address}/targets"))
    check("dns: SRV, by the second search domain", lambda: has(
        meta("dns_srv"), dns_name="_metrics._tcp.web", dns_srv_record_target="localhost.", dns_srv_record_port=port))
    check("dns: A", lambda: has(meta("dns_a"), dns_name="web.example.test."))
    check("consul: labels", lambda: has(
        meta("consul"), consul_dc="dc7", consul_service="web", consul_service_id="web-1", consul_tags=",metrics,blue,",
        consul_node="n1", consul_metadata_rack_id="r1", consul_service_metadata_v="2", consul_tagged_address_lan="10.0.0.1",
        consul_health="passing"))
    check("docker: labels", lambda: has(
        meta("docker"), docker_container_id="abc", docker_container_name="/web", docker_container_label_com_example_team="a",
        docker_port_public="8080", docker_network_name="bridge", docker_network_internal="false"))
    check("kubernetes: pod labels", lambda: has(
        meta("pods"), kubernetes_namespace="default", kubernetes_pod_name="web-1", kubernetes_pod_ready="true",
        kubernetes_pod_label_app="web", kubernetes_pod_annotation_prometheus_io_scrape="true",
        kubernetes_pod_annotationpresent_prometheus_io_scrape="true", kubernetes_pod_container_port_number=port,
        kubernetes_pod_container_id="containerd://1", kubernetes_pod_container_init="false"))
    check("kubernetes: an endpoint carries its service, pod and node", lambda: has(
        meta("slices"), kubernetes_service_name="web", kubernetes_service_label_tier="front", kubernetes_pod_name="web-1",
        kubernetes_endpointslice_name="web-abc", kubernetes_endpointslice_endpoint_conditions_ready="true",
        kubernetes_node_label_zone="a"))
    check("kubernetes: service", lambda: has(
        meta("services"), kubernetes_service_name="web", kubernetes_service_cluster_ip="10.0.0.9")
        and meta("services")["__address__"] == "web.default.svc:80")
    check("kubernetes: node", lambda: has(meta("nodes"), kubernetes_node_name="node-1", kubernetes_node_address_InternalIP="127.0.0.1"))


def check_requests(bench, scene):
    check = bench.check
    query = scene.kube.requests("/api/v1/pods")[0][0]
    check("kubernetes: selector and pages", lambda: query["labelSelector"] == ["app=web"] and query["limit"] == ["500"]
          and any("continue" in query for query, _ in scene.kube.requests("/api/v1/pods")))
    check("http: headers", lambda: {"Authorization": "Bearer word", "X-Prometheus-Refresh-Interval-Seconds": "1"}.items()
          <= scene.http.requests("/targets")[0][1].items())
    check("consul: token, stale reads", lambda: any(
        headers.get("X-Consul-Token") == "opensesame" and "stale" in query
        for query, headers in scene.consul.requests("/v1/health/service/web")))
    check("consul: services without the tag are not watched", lambda: not scene.consul.requests("/v1/health/service/other"))
    check("docker: filters", lambda: json.loads(
        scene.docker.requests("/containers/json")[0][0]["filters"][0]) == {"status": {"running": True}})


def check_changes(bench, scene):
    """all at once, since updates of a set are 5 seconds apart"""
    other = FakeTarget("hello 2\n")
    bench.cleanups.append(other.close)
    other_port = int(other.address.split(":")[1])
    write(scene.folder, "b.yml", f"- targets: ['{other.address}']\n  labels: {{from: yaml}}\n")
    scene.http.pages["/targets"] = (200, "application/json", json.dumps([{"targets": [other.address]}]))
    scene.dns.records[("web.example.test", "A")] = ["127.0.0.1", "127.0.0.2"]
    scene.consul.set("web", [consul_entry(other_port, ["metrics"], "critical")])
    scene.docker.pages.update(docker_pages(other_port))
    scene.kube.put("pods", pod("web-6", other_port))
    scene.kube.remove("pods", "default", "web-5")
    scene.kube.put("services", {"metadata": {"name": "web", "namespace": "default", "labels": {"tier": "back"}},
                                "spec": {"ports": []}})
    check = bench.check
    check("file: a file renamed into place is read", lambda: eventually(
        "two", lambda: sorted(t["labels"]["from"] for t in scene.up("file")) == ["json", "yaml"], 15))
    check("http: the new list replaces the old", lambda: eventually(
        "new", lambda: [t["labels"]["instance"] for t in scene.up("http")] == [other.address], 15))
    check("dns: a second record", lambda: eventually("two", lambda: len(scene.targets("dns_a")) == 2, 15))
    check("consul: a change wakes the blocking query", lambda: eventually("critical", lambda: has(
        scene.meta("consul"), consul_health="critical", consul_service_port=str(other_port)), 15))
    check("docker: a change", lambda: eventually("new", lambda: scene.meta("docker")["__address__"].endswith(f":{other_port}"), 15))
    check("kubernetes: a pod comes, another goes", lambda: eventually(
        "changed", lambda: scene.pods() == ["web-1", "web-2", "web-3", "web-4", "web-6"], 15))
    check("kubernetes: an endpoint follows its service", lambda: eventually(
        "back", lambda: has(scene.meta("slices"), kubernetes_service_label_tier="back"), 15))
    check("kubernetes: a service without ports is no target", lambda: eventually("none", lambda: not scene.targets("services"), 15))


def check_failures(bench, scene):
    check, api = bench.check, scene.api
    scene.kube.forget("pods", "default", "web-4")
    scene.kube.expire()
    write(scene.folder, "b.yml", "- targets: [unfinished\n")
    (scene.folder / "a.json").unlink()
    scene.http.pages["/targets"] = (500, "text/plain", "broken")
    scene.dns.failing.add("web.example.test")
    check("kubernetes: 410 Gone leads to a new list", lambda: eventually(
        "listed", lambda: scene.pods() == ["web-1", "web-2", "web-3", "web-6"], 15))
    check("file: what is deleted goes, what is malformed stays", lambda: eventually(
        "yaml", lambda: [t["labels"].get("from") for t in scene.up("file")] == ["yaml"], 15))

    def metric(name):
        return float(next(line.split()[-1] for line in http(api.base + "/metrics")[2].decode().splitlines() if line.startswith(name)))
    for name in ("prometheus_sd_file_read_errors_total", "prometheus_sd_http_failures_total",
                 "prometheus_sd_dns_lookup_failures_total", 'prometheus_sd_refresh_failures_total{mechanism="http",config="http"}'):
        check(f"{name} counts", lambda name=name: eventually("counted", lambda: metric(name) > 0, 15))
    check("http and dns keep their targets meanwhile", lambda: len(scene.targets("http")) == 1 and len(scene.targets("dns_a")) == 2)
    check("discovered targets are told", lambda: metric('prometheus_sd_discovered_targets{name="scrape",config="pods"}') == 4)
    scene.kube.end_watches()
    scene.kube.put("pods", pod("web-7", scene.port))
    check("kubernetes: a watch that ends is taken up again", lambda: eventually("five", lambda: len(scene.targets("pods")) == 5, 15))


def check_reload(bench, scene):
    check, api = bench.check, scene.api
    asked = len(scene.http.requests("/slow"))
    before = {t["scrapeUrl"] + t["scrapePool"] for t in api.data("/api/v1/targets")["activeTargets"]}
    config = scene.server.config
    config.write_text(config.read_text() + '- job_name: fresh\n  static_configs: [{targets: ["%s"]}]\n' % scene.target.address)
    scene.server.process.signal(SIGHUP)
    seen, deadline = [], time.monotonic() + 10
    while time.monotonic() < deadline:
        now = {t["scrapeUrl"] + t["scrapePool"] for t in api.data("/api/v1/targets")["activeTargets"]}
        seen.append(before - now)
        if any("fresh" in key for key in now):
            break
    check("the reload's new job is scraped", lambda: eventually("up", lambda: len(scene.up("fresh")) == 1, 15))
    check("no target was away for a moment", lambda: not any(seen) or (_ for _ in ()).throw(AssertionError(str(seen[-1]))))
    check("equal providers went on: nobody was asked again", lambda: len(scene.http.requests("/slow")) == asked)
    check("a reload that takes discovery away takes its targets", lambda: take_away(scene))


def take_away(scene):
    config = scene.server.config
    text = config.read_text()
    begin, end = text.index("  file_sd_configs"), text.index("- job_name: http\n")
    config.write_text(text[:begin] + text[end:])
    scene.server.process.signal(SIGHUP)
    return eventually("none", lambda: not scene.targets("file"), 10)
