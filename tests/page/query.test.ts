// query.test.ts - the query page as its readers use it.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { address, chartData, close, eventually, open, start, type Fixture } from "./fixture.ts";

let fixture: Fixture;
const METRICS = `# HELP demo_temperature_celsius How warm it is.
# TYPE demo_temperature_celsius gauge
demo_temperature_celsius{room="kitchen"} 21.5
demo_temperature_celsius{room="cellar"} 12.25
`;
const RATE = "rate(shop_requests_total[5m])";
/** What was sent, ending a little before its end so that no newer sample moves it. */
const hour = () => new Date(fixture.now - 60_000).toISOString().slice(0, 19).replace("T", " ");
const graph = (expr: string, more: Record<string, string> = {}) =>
  address({ "g0.expr": expr, "g0.tab": "graph", "g0.range_input": "30m", "g0.end_input": hour(), "g0.res_step": "15s", ...more });

before(async () => {
  fixture = await start(METRICS);
  await eventually("the demo target was scraped", async () => {
    const answer = await (await fetch(`${fixture.base}/api/v1/query?query=demo_temperature_celsius`)).json() as any;
    return answer.data.result.length === 2;
  });
});
after(() => fixture.stop());

test("a name is completed with its help, Enter runs it and the table shows its series", async () => {
  const opened = await open(fixture, "/");
  const { page } = opened;
  await page.locator(".cm-content").click();
  await page.keyboard.type("temperat", { delay: 20 });
  const option = page.locator(".cm-tooltip-autocomplete li", { hasText: "demo_temperature_celsius" });
  await option.waitFor();
  await page.locator(".cm-completionInfo", { hasText: "How warm it is." }).waitFor();
  await page.waitForTimeout(100); // an offer is not taken by Enter within its first 75 ms
  await page.keyboard.press("Enter");
  await eventually("the name is taken", async () => (await page.locator(".cm-content").innerText()) === "demo_temperature_celsius");
  await page.keyboard.press("Escape");
  await page.keyboard.press("Enter");
  await page.locator(".result tbody tr").nth(1).waitFor();
  const rows = await page.locator(".result tbody tr").allInnerTexts();
  assert.equal(rows.length, 2);
  assert.ok(rows.some((row) => row.includes('room="cellar"') && row.includes("12.25")), rows.join("\n"));
  assert.match(page.url(), /g0\.expr=demo_temperature_celsius/);
  await close(opened);
});

test("labels, values and functions are offered too", async () => {
  const opened = await open(fixture, "/query");
  const { page } = opened;
  for (const [typed, offered] of [["rat", "rate"], ["shop_requests_total{reg", "region"], ['shop_requests_total{region="', "north"]] as const) {
    await page.locator(".cm-content").click();
    await page.keyboard.press("Control+A");
    await page.keyboard.press("Delete");
    await page.keyboard.type(typed, { delay: 20 });
    await page.locator(".cm-tooltip-autocomplete li", { hasText: offered }).first().waitFor();
    await page.keyboard.press("Escape");
  }
  await close(opened);
});

test("a graph has one line for each series, with the server's numbers", async () => {
  const opened = await open(fixture, graph(RATE));
  const data = await chartData(opened.page);
  assert.equal(data.length, 1 + 6);
  assert.equal(data[0]!.length, 121);
  const answer = await (await fetch(`${fixture.base}/api/v1/query_range?${new URLSearchParams({ query: RATE, start: String(data[0]![0]), end: String(data[0]![120]), step: "15" })}`)).json() as any;
  assert.deepEqual(data.slice(1).map((column) => column[60]), answer.data.result.map((row: any) => Number(row.values[60][1])));
  assert.equal(await opened.page.locator(".legend li").count(), 6);
  await close(opened);
});

test("a graph is on the screen within 300 ms of its page", async () => {
  const opened = await open(fixture, graph(RATE));
  await chartData(opened.page);
  const times: number[] = [];
  for (let i = 0; i < 3; i++) {
    await opened.page.reload({ waitUntil: "commit" });
    await opened.page.locator(".chart canvas").waitFor();
    times.push(await opened.page.evaluate(() => performance.getEntriesByName("graph-drawn")[0]!.startTime));
  }
  // the best of three: other programs of the machine are not what is measured
  assert.ok(Math.min(...times) < 300 * Number(process.env.FERULA_SLOWNESS ?? 4), `${times.map(Math.round)} ms`);
  console.log(`# graph drawn after ${times.map(Math.round).join(", ")} ms`);
  await close(opened);
});

test("the picture of a graph has a line's colour in it", async () => {
  const opened = await open(fixture, graph("sum(rate(shop_requests_total[5m]))"));
  await chartData(opened.page);
  const coloured = await opened.page.locator(".chart canvas").evaluate((canvas: any) => {
    const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
    let count = 0;
    for (let i = 0; i < data.length; i += 4) if (Math.abs(data[i] - 0) < 30 && Math.abs(data[i + 1] - 0x72) < 30 && Math.abs(data[i + 2] - 0xb2) < 30 && data[i + 3] > 200) count++;
    return count;
  });
  assert.ok(coloured > 800 && coloured < 30_000, `${coloured} pixels`);
  await close(opened);
});

test("dragging zooms, and the address brings another reader to the same graph", async () => {
  const opened = await open(fixture, graph(RATE));
  const { page } = opened;
  const before = await chartData(page);
  const box = (await page.locator(".u-over").boundingBox())!;
  await page.mouse.move(box.x + box.width * 0.25, box.y + 100);
  await page.mouse.down();
  await page.mouse.move(box.x + box.width * 0.75, box.y + 120, { steps: 5 });
  await page.mouse.up();
  const zoomed = await eventually("half of the range is left", async () => {
    const data = await chartData(page);
    return data[0]!.length < before[0]!.length * 0.6 && data;
  });
  assert.ok(zoomed[0]![0]! > before[0]![0]!);
  const other = await open(fixture, page.url().slice(fixture.base.length));
  assert.deepEqual(await chartData(other.page), zoomed);
  await page.goBack();
  await eventually("going back undoes the zoom", async () => (await chartData(page))[0]!.length === before[0]!.length);
  await close(other);
  await close(opened);
});

test("links of Prometheus 2 and 3 to /graph open as they were", async () => {
  const opened = await open(fixture, `/graph?g0.expr=${encodeURIComponent(RATE)}&g0.tab=0&g0.stacked=1&g0.range_input=15m&g0.end_input=${encodeURIComponent(hour())}&g0.step_input=30&g1.expr=up&g1.tab=1`);
  const data = await chartData(opened.page);
  assert.equal(data[0]!.length, 31);
  assert.ok(data[6]![15]! > data[5]![15]! && data[2]![15]! > data[1]![15]!, "stacked");
  assert.equal(await opened.page.locator(".panel").count(), 2);
  await opened.page.locator(".result tbody tr").first().waitFor();
  await close(opened);
});

test("the legend shows one series alone and all again", async () => {
  const opened = await open(fixture, graph(RATE));
  await chartData(opened.page);
  const drawn = async () => (await chartData(opened.page)).slice(1).filter((column) => column.some((value) => value !== null)).length;
  const second = opened.page.locator(".legend button").nth(1);
  await second.click();
  await eventually("one is left", async () => (await drawn()) === 1);
  await second.click();
  await eventually("all are back", async () => (await drawn()) === 6);
  await close(opened);
});

test("buckets are drawn as a heatmap", async () => {
  const opened = await open(fixture, graph("sum by (le) (rate(shop_duration_seconds_bucket[5m]))", { "g0.display_mode": "heatmap" }));
  await opened.page.locator('.chart[aria-label="Heatmap"] canvas').waitFor();
  await close(opened);
});

test("ten thousand series neither freeze the table nor the graph, and what is left out is said", async () => {
  const opened = await open(fixture, address({ "g0.expr": "many_series", "g0.tab": "table" }));
  await opened.page.locator(".result tbody tr").nth(499).waitFor();
  assert.equal(await opened.page.locator(".result tbody tr").count(), 500);
  await opened.page.getByText("500 of 10000 shown").waitFor();
  await opened.page.getByRole("tab", { name: "Graph" }).click();
  await opened.page.getByText("The first 500 series are drawn; there are more.").waitFor();
  assert.equal((await chartData(opened.page)).length, 501);
  await close(opened);
});

test("an error tells its place, a warning is shown, formatting lays out", async () => {
  const opened = await open(fixture, address({ "g0.expr": "rate(up)", "g0.tab": "table" }));
  const { page } = opened;
  await page.locator(".problem", { hasText: "parse error" }).waitFor();
  await page.locator(".cm-lintRange-error, .cm-lintPoint-error").first().waitFor();
  await page.goto(fixture.base + address({ "g0.expr": "histogram_quantile(2, shop_duration_seconds_bucket)", "g0.tab": "table" }));
  await page.locator(".infos, .warnings").first().waitFor();
  await page.goto(fixture.base + address({ "g0.expr": "sum  by(job)(up)", "g0.tab": "table" }));
  await page.getByRole("button", { name: "Format" }).click();
  await eventually("it is laid out", async () => (await page.locator(".cm-content").innerText()) === "sum by (job) (up)");
  await close(opened);
});

test("what is switched off is not offered", async () => {
  const opened = await open(fixture, "/query");
  await opened.page.locator(".cm-content").click();
  await opened.page.keyboard.type("sort", { delay: 20 });
  await opened.page.locator(".cm-tooltip-autocomplete li", { hasText: "sort_desc" }).waitFor();
  assert.equal(await opened.page.locator(".cm-tooltip-autocomplete li", { hasText: "sort_by_label" }).count(), 0);
  await close(opened);
});

test("exemplars are dots that tell their labels", async () => {
  fixture.targetText(`${METRICS}# TYPE demo_requests counter\ndemo_requests_total 5 # {trace_id="abc123"} 5\n# EOF\n`, "application/openmetrics-text; version=1.0.0; charset=utf-8");
  const [exemplar] = await eventually("the exemplar is stored", async () => {
    const now = Date.now() / 1000;
    const past = await (await fetch(`${fixture.base}/api/v1/query?query=demo_requests_total&time=${now - 2}`)).json() as any;
    if (past.data.result.length === 0) return null;
    const { data } = await (await fetch(`${fixture.base}/api/v1/query_exemplars?${new URLSearchParams({ query: "demo_requests_total", start: String(now - 60), end: String(now + 60) })}`)).json() as any;
    return data[0]?.exemplars;
  });
  const opened = await open(fixture, address({ "g0.expr": "demo_requests_total", "g0.tab": "graph", "g0.range_input": "1m", "g0.show_exemplars": "1" }));
  const { page } = opened;
  await chartData(page);
  const box = (await page.locator(".u-over").boundingBox())!;
  const [left, top] = await page.locator(".chart").evaluate((element: any, time) => [element.chart.valToPos(time, "x"), element.chart.valToPos(5, "y")], exemplar.timestamp as number);
  await eventually("the dot is under the pointer", async () => {
    await page.mouse.move(box.x + left + 9, box.y + top);
    await page.mouse.move(box.x + left, box.y + top);
    return /Exemplar 5[^]*abc123/.test(await page.locator(".tip").innerText());
  });
  await close(opened);
});

test("the tree shows series, samples, memory and time of each part", async () => {
  const opened = await open(fixture, address({ "g0.expr": "sum by (region) (rate(shop_requests_total[5m])) / 2", "g0.tab": "explain", "g0.moment_input": hour() }));
  const rows = opened.page.locator(".explain tbody tr");
  await rows.first().waitFor();
  const texts = await rows.allInnerTexts();
  assert.equal(texts.length, 4);
  assert.match(texts[1]!, /^sum by \(region\).* \/ 2 binary\s+2\s+0\s/);
  assert.match(texts[3]!, /^rate\(shop_requests_total\[5m\]\) call\s+6\s+120\s.*(µs|ms)/);
  await close(opened);
});

test("metrics are searched, history is kept, panels are added and removed", async () => {
  const opened = await open(fixture, "/query");
  const { page } = opened;
  await page.getByRole("button", { name: "Metrics" }).click();
  await page.getByPlaceholder("Search metrics").fill("TEMPERATURE");
  await page.locator(".picks button", { hasText: "demo_temperature_celsius" }).click();
  await page.getByRole("button", { name: "Run" }).click();
  await page.locator(".result tbody tr").nth(1).waitFor();
  await page.getByRole("button", { name: "Add a panel" }).click();
  await page.getByRole("button", { name: "History" }).nth(1).click();
  await page.locator(".picks button", { hasText: "demo_temperature_celsius" }).click();
  assert.equal(await page.locator(".panel").count(), 2);
  await page.getByRole("button", { name: "Remove panel 1" }).click();
  assert.equal(await page.locator(".panel").count(), 1);
  await close(opened);
});

test("a slow query is listed and stopped, by its panel and from the list", async () => {
  const slow = "sum(max_over_time(max_over_time(vector(1)[15m:5ms])[2h:100ms]))";
  const opened = await open(fixture, address({ "g0.expr": slow, "g0.tab": "table" }));
  const list = await open(fixture, "/queries");
  const row = list.page.locator("tr", { hasText: "max_over_time" }).filter({ has: list.page.getByRole("button", { name: "Cancel" }) });
  await row.waitFor();
  await row.getByRole("button", { name: "Cancel" }).click();
  await opened.page.locator(".problem", { hasText: /cancel/i }).waitFor();
  await opened.page.getByRole("button", { name: "Run" }).click();
  await row.waitFor();
  await opened.page.getByRole("button", { name: "Cancel" }).click();
  await opened.page.getByText("The query was cancelled.").waitFor();
  await row.waitFor({ state: "detached" });
  await close(list);
  await close(opened);
});
