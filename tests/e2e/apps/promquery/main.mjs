// main.mjs URL FOLDER - the calls of the npm package prometheus-query, which FOLDER/node_modules holds; prints what it
// made of each answer as one JSON object. Two are left out: it takes answers without a body for failures, with any server.
import { createRequire } from "node:module";

const [url, folder] = process.argv.slice(2);
const { PrometheusDriver } = createRequire(`${folder}/`)("prometheus-query");
const driver = new PrometheusDriver({ endpoint: url, baseURL: "/api/v1" });
const now = Date.now();
const seen = {};

async function call(name, promise, look) {
  try {
    seen[name] = look(await promise);
  } catch (error) {
    seen[name] = `failed: ${error.cause ?? ""} ${error.message}`;
  }
}

const vector = (answer) => [answer.resultType, answer.result.map((row) => [row.metric.name, row.metric.labels, row.value.value])];
await call("instant", driver.instantQuery("shelf"), vector);
await call("range", driver.rangeQuery("sum(shelf)", now - 2000, now, 1), (answer) =>
  [answer.resultType, answer.result.map((row) => row.values.at(-1).value)]);
await call("series", driver.series("shelf", now - 60000, now), (rows) => rows.map((row) => row.labels.row).sort());
await call("labelNames", driver.labelNames(), (names) => names.includes("row"));
await call("labelValues", driver.labelValues("row"), (values) => values);
await call("targets", driver.targets(), (targets) => targets.activeTargets.map((target) => target.health));
await call("metadata", driver.metadata("shelf"), (metadata) => metadata.shelf?.[0].type ?? metadata);
await call("targetsMetadata", driver.targetsMetadata('{job="fake"}', "shelf"), (rows) => rows.map((row) => row.type));
await call("rules", driver.rules(), (groups) => groups.map((group) => group.name));
await call("alerts", driver.alerts(), (alerts) => alerts.map((alert) => [alert.labels.alertname, alert.state]));
await call("alertmanagers", driver.alertmanagers(), (found) => found.activeAlertmanagers ?? found);
await call("status", driver.status(), (status) => typeof status.yaml);
await call("statusFlags", driver.statusFlags(), (flags) => flags["query.lookback-delta"]);
await call("statusRuntimeInfo", driver.statusRuntimeInfo(), (info) => typeof info.startTime);
await call("statusBuildinfo", driver.statusBuildinfo(), (info) => typeof info.version);
await call("statusTSDB", driver.statusTSDB(), (status) => status.headStats.numSeries > 0);
await call("adminSnapshot", driver.adminSnapshot(false), (answer) => typeof answer.name);
process.stdout.write(`${JSON.stringify(seen)}\n`);
