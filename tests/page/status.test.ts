// status.test.ts - the status pages say what the server is; every page is accessible, silent whatever targets say, and has its picture.
import assert from "node:assert/strict";
import { mkdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { after, before, test } from "node:test";

import type { Page } from "playwright-core";

import { address, chartData, close, eventually, open, settled, start, type Fixture } from "./fixture.ts";

let fixture: Fixture;
const METRICS = "# HELP demo_temperature_celsius How warm it is.\n# TYPE demo_temperature_celsius gauge\ndemo_temperature_celsius{room=\"kitchen\"} 21.5\n";
const PAGES = ["query", "alerts", "targets", "service-discovery", "rules", "alertmanager-discovery", "queries", "tsdb-status", "config", "flags", "status"];

before(async () => {
  fixture = await start(METRICS);
  await eventually("targets were scraped", async () => {
    const { data } = await (await fetch(`${fixture.base}/api/v1/targets`)).json() as any;
    return data.activeTargets.filter((target: any) => target.health === "up").length === 2 && data.activeTargets.some((target: any) => target.health === "down");
  });
});
after(() => fixture.stop());

async function shows(path: string, ...texts: (string | RegExp)[]): Promise<void> {
  const opened = await open(fixture, path);
  for (const text of texts) await opened.page.locator("main").getByText(text).first().waitFor();
  await close(opened);
}

test("targets: state, labels before relabelling, the text of the last error, filters in the address", async () => {
  const opened = await open(fixture, "/targets");
  const { page } = opened;
  await page.locator(".badge", { hasText: "1 of 2 up" }).waitFor();
  await page.locator("tr.error .problem", { hasText: /connect|refused/i }).waitFor();
  await page.getByText("Before relabelling").first().click();
  await page.locator("details[open] .label", { hasText: "__address__" }).first().waitFor();
  await page.getByRole("button", { name: "Down" }).click();
  assert.equal(await page.locator("tbody tr").count(), 2, "the target and its error");
  assert.match(page.url(), /state=down/);
  await page.reload();
  await page.locator("tr.error").waitFor();
  assert.equal(await page.locator("tbody tr").count(), 2);
  await close(opened);
});

test("service discovery: what was dropped, and by which rule", async () => {
  const opened = await open(fixture, "/service-discovery?search=left.example");
  const { page } = opened;
  await page.locator(".badge", { hasText: "2 of 3 kept" }).waitFor();
  await page.getByRole("button", { name: "Relabelling steps" }).click();
  await page.locator(".steps li", { hasText: "dropped here" }).waitFor();
  await close(opened);
});

test("the other pages show what their endpoints say", async () => {
  await shows("/rules", "job:shop_requests:rate5m", "TargetDown", "keep firing for 1m30s", / ms ago| s ago/);
  await shows("/alerts?state=firing", "127.0.0.1:1 of demo does not answer", "severity");
  await shows("/config", "job_name: demo");
  await shows("/flags?search=enable-remote", "--web.enable-remote-write-receiver");
  await shows("/status", "Runtime", "Storage retention", "Version");
  await shows("/tsdb-status", "Series by metric", "many_series", "Label pairs", "Series by job", "New series by job", "no block was cut yet");
  await shows("/queries", "No query is running.", "What cost most since the start");
});

test("an Alertmanager that was told of an alert", async () => {
  const opened = await open(fixture, "/alertmanager-discovery");
  const row = opened.page.locator("tbody tr", { hasText: "/api/v2/alerts" });
  await eventually("an alert is counted", async () => {
    await opened.page.reload();
    await row.waitFor();
    await settled(opened.page);
    return /alerts\s+active\s+[1-9]\d*\s+0\s+0\s+0$/.test(await row.innerText());
  });
  await close(opened);
});

test("the database tells what a label's values, and metrics that nobody asks for, cost", async () => {
  const opened = await open(fixture, "/tsdb-status?limit=200");
  const { page } = opened;
  const rows = (title: string) => page.locator(".columns section").filter({ has: page.getByRole("heading", { name: title, exact: true }) }).locator("tr");
  await rows("Never queried since the start").filter({ hasText: "shop_duration_seconds_bucket" }).waitFor();
  await rows("Values by label").getByRole("link", { name: "region", exact: true }).click();
  await rows("Series by value of region").filter({ hasText: /^north\s*3/ }).waitFor();
  assert.match(page.url(), /label=region/);
  await page.getByLabel("Values of label").fill("le");
  await page.keyboard.press("Enter");
  await rows("Series by value of le").filter({ hasText: "+Inf" }).waitFor();
  await page.goBack();
  await rows("Never queried since the start").first().waitFor();
  await rows("Series by value of le").first().waitFor({ state: "detached" });
  await rows("Never queried since the start").getByRole("link", { name: "shop_duration_seconds_bucket" }).click();
  await page.locator(".result tbody tr").nth(9).waitFor();
  await page.goto(`${fixture.base}/tsdb-status?limit=200`);
  await rows("Series by metric").filter({ hasText: "shop_duration_seconds_bucket" }).waitFor();
  assert.equal(await rows("Never queried since the start").filter({ hasText: "shop_duration_seconds_bucket" }).count(), 0);
  await page.route("**/api/v1/status/tsdb/blocks", (route) => route.fulfill({ json: { status: "success", data: { blocks: [
    { ulid: "01K0000000000000000000000B", minTime: 1767312000000, maxTime: 1767319200000, stats: { numSamples: 4_000_000, numSeries: 1234, numBytes: 2_000_000 }, compaction: { level: 1 } }] } } }));
  await page.reload();
  assert.match(await page.locator(".blocks tbody tr").innerText(), /^01K0000000000000000000000B\s+2026-01-02 00:00:00\s+2h\s+1\s+1.?234\s+4.000.000\s+1.91 MiB\s+0\.50$/);
  await close(opened);
});

test("links change the page without loading it, back returns, an unknown endpoint is told in plain words", async () => {
  const opened = await open(fixture, "/query");
  const { page } = opened;
  await page.evaluate(() => ((window as any).kept = true));
  await page.getByRole("link", { name: "Targets" }).click();
  await page.getByRole("heading", { name: "Targets" }).waitFor();
  await page.goBack();
  await page.getByRole("heading", { name: "Query" }).waitFor();
  assert.equal(await page.evaluate(() => (window as any).kept), true);
  await page.route("**/api/v1/rules", (route) => route.fulfill({ status: 404, contentType: "text/plain", body: "404 page not found\n" }));
  await page.getByRole("link", { name: "Rules" }).click();
  await page.getByText("This server does not offer rules").waitFor();
  await page.keyboard.press("Tab");
  await close(opened);
});

test("a reload that fails is told above every page until one succeeds", async () => {
  const opened = await open(fixture, "/status");
  const banner = opened.page.getByLabel("Notifications");
  fixture.reload("scrape_configs: [broken");
  await banner.getByText("Configuration reload has failed.").waitFor();
  await opened.page.getByRole("link", { name: "Query" }).click();
  const later = await open(fixture, "/rules");
  await later.page.getByLabel("Notifications").getByText("Configuration reload has failed.").waitFor();
  fixture.reload();
  await banner.getByText("Configuration reload has failed.").waitFor({ state: "detached" });
  await close(later);
  await close(opened);
});

test("without room for another listener notifications are asked for", async () => {
  const opened = await open(fixture, "/query");
  const { page } = opened;
  await page.route("**/api/v1/notifications/live", (route) => route.fulfill({ status: 204 }));
  await page.route("**/api/v1/notifications", (route) =>
    route.fulfill({ json: { status: "success", data: [{ text: "<b>Careful</b>", date: "2026-01-02T03:04:05Z", active: true }] } }));
  await page.reload();
  await page.getByLabel("Notifications").getByText("<b>Careful</b>").waitFor();
  await close(opened);
});

test("while the server starts its replay is shown, and then the page without a reload", async () => {
  const opened = await open(fixture, "/flags");
  const { page } = opened;
  let isStarting = true;
  await page.route("**/api/v1/{status/flags,query}", (route) => isStarting
    ? route.fulfill({ status: 503, headers: { "X-Prometheus-Stopping": "false" }, contentType: "text/plain", body: "Service Unavailable" }) : route.continue());
  await page.route("**/api/v1/status/walreplay", (route) => route.fulfill({ json: { status: "success", data: { min: 3, max: 12, current: 7 } } }));
  await page.reload();
  await page.getByText("segment 7 of 12").waitFor();
  assert.equal(await page.locator("progress").evaluate((bar: any) => bar.position), 0.4);
  await page.goto(fixture.base + address({ "g0.expr": "up", "g0.tab": "table" }));
  await page.getByText("segment 7 of 12").waitFor();
  isStarting = false;
  await page.locator(".result tbody tr").first().waitFor();
  await page.goto(`${fixture.base}/flags`);
  await page.locator(".pairs tr").nth(5).waitFor();
  await close(opened);
});

test("the theme is switched and remembered", async () => {
  const opened = await open(fixture, "/status", { isFresh: true });
  const { page } = opened;
  const back = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  const light = await back();
  await page.getByRole("button", { name: /^Colours/ }).click();
  await page.getByRole("button", { name: /^Colours/ }).click();
  assert.notEqual(await back(), light);
  await page.reload();
  assert.notEqual(await back(), light);
  await close(opened);
});

async function findings(page: Page): Promise<string[]> {
  const axe = readFileSync(createRequire(`${process.env.NODE_PATH}/`).resolve("axe-core/axe.min.js"), "utf8");
  await page.evaluate(axe);
  return page.evaluate(async () => {
    const result = await (window as any).axe.run(document, { resultTypes: ["violations"] });
    return result.violations.filter((found: any) => found.impact === "serious" || found.impact === "critical")
      .map((found: any) => `${found.id}: ${found.nodes.slice(0, 3).map((node: any) => `${node.target} ${node.failureSummary}`).join(" | ")}`);
  });
}

const GRAPH = (expr: string, more: Record<string, string> = {}) => address({
  "g0.expr": expr, "g0.tab": "graph", "g0.range_input": "50m", "g0.end_input": new Date(fixture.now - 60_000).toISOString().slice(0, 19).replace("T", " "), ...more });

function places(): [string, string][] {
  return [
    ["graph", GRAPH("sum by (instance) (rate(shop_requests_total[5m]))")],
    ["stacked", GRAPH("sum by (instance) (rate(shop_requests_total[5m]))", { "g0.display_mode": "stacked" })],
    ["heatmap", GRAPH("sum by (le) (rate(shop_duration_seconds_bucket[5m]))", { "g0.display_mode": "heatmap" })],
    ["table", address({ "g0.expr": "up", "g0.tab": "table" })],
    ["explain", address({ "g0.expr": "sum by (region) (rate(shop_requests_total[5m])) / 2", "g0.tab": "explain" })],
    ...PAGES.map((name): [string, string] => [name, `/${name}`]),
  ];
}

for (const colorScheme of ["light", "dark"] as const)
  test(`every page is accessible in ${colorScheme}`, async () => {
    const bad: string[] = [];
    const opened = await open(fixture, "/", { colorScheme, height: 760 });
    const { page } = opened;
    for (const [name, path] of places()) {
      await page.goto(fixture.base + path);
      await settled(page);
      if (path.includes("tab=graph")) await chartData(page);
      if (process.env.FERULA_PICTURES) {
        mkdirSync(process.env.FERULA_PICTURES, { recursive: true });
        await page.screenshot({ path: `${process.env.FERULA_PICTURES}/${name}-${colorScheme}.png` });
      }
      bad.push(...(await findings(page)).map((text) => `${name}: ${text}`));
    }
    await close(opened);
    assert.deepEqual(bad, []);
  });

test("on a narrow screen nothing hangs over the edge", async () => {
  const opened = await open(fixture, "/", { width: 380, height: 700 });
  const { page } = opened;
  const wide: string[] = [];
  for (const [name, path] of places()) {
    await page.goto(fixture.base + path);
    await settled(page);
    if (await page.evaluate(() => document.documentElement.scrollWidth > innerWidth)) wide.push(name);
  }
  await close(opened);
  assert.deepEqual(wide, []);
});
