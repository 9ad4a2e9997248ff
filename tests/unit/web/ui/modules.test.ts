// modules.test.ts - the page's modules that need no browser.
import assert from "node:assert/strict";
import { test } from "node:test";

import { emptyPanel, readAddress, writeAddress, type QueryState } from "../../../../web/ui/src/address.ts";
import { bytesText, groupDigits, shortNumber, valueText } from "../../../../web/ui/src/format.ts";
import { metricSelector, seriesText } from "../../../../web/ui/src/labels.ts";
import { columnsOf, heatOf, stack } from "../../../../web/ui/src/query/matrix.ts";
import { ago, automaticStep, formatDuration, formatTime, neighbourRange, parseDuration, parseTime, readableDuration, usableStep } from "../../../../web/ui/src/time.ts";

test("durations are read and written alike", () => {
  const table: [string, number | null][] = [["1h30m", 5400], ["15s", 15], ["500ms", 0.5], ["90", 90], ["0.5", 0.5], ["8d", 691200], ["2w", 1209600], ["1y", 31536000],
    ["", null], ["0s", null], ["m", null], ["1m1h", null], ["-5m", null], ["1.5h", null], ["5m ", 300]];
  for (const [text, seconds] of table) assert.equal(parseDuration(text), seconds, text);
  for (const seconds of [0.001, 0.25, 1, 61, 3600, 5400, 86400, 691200, 604800, 31536000, 31536001]) assert.equal(parseDuration(formatDuration(seconds)), seconds);
  assert.equal(formatDuration(691200), "8d");
});

test("durations for people", () => {
  const table: [number, string][] = [[0, "0 µs"], [0.0000123, "12.3 µs"], [0.0123, "12.3 ms"], [1.5, "1.5 s"], [75, "1m 15s"], [90061, "1d 1h"], [-75, "-1m 15s"], [NaN, "–"]];
  for (const [seconds, text] of table) assert.equal(readableDuration(seconds), text);
});

test("how long ago a time was, and that one never was", () => {
  assert.equal(ago(new Date(Date.now() - 75_000).toISOString()), "1m 15s ago");
  assert.match(ago(new Date(Date.now() + 5000).toISOString()), /^0 /, "a clock that is ahead");
  for (const text of ["0001-01-01T00:00:00Z", ""]) assert.equal(ago(text), "never");
});

test("times are read and written alike, in both zones", () => {
  assert.equal(formatTime(1764522245, true), "2025-11-30 17:04:05");
  for (const utc of [true, false]) assert.equal(parseTime(formatTime(1764522245, utc), utc), 1764522245);
  assert.equal(parseTime("2025-11-30T17:04", true), 1764522240);
  assert.equal(parseTime("1764522245.5", false), 1764522245.5);
  for (const text of ["", "now", "2025-13-01", "2025-11-30 25:00", "12:00"]) assert.equal(parseTime(text, true), null, text);
});

test("steps fit their ranges and the server's limit", () => {
  assert.equal(automaticStep(3600), 15);
  assert.equal(automaticStep(60), 0.24);
  assert.equal(usableStep(3600, 60), 60);
  assert.ok(86400 * 30 / usableStep(86400 * 30, 1) <= 11000);
  assert.equal(neighbourRange(3600, 1), 7200);
  assert.equal(neighbourRange(4000, -1), 3600);
  assert.equal(neighbourRange(60, -1), 60);
});

test("numbers for people", () => {
  const short: [number, string][] = [[0, "0"], [999, "999"], [1000, "1k"], [12500, "12.5k"], [-2.5e6, "-2.5M"], [0.002, "2m"], [0.5, "0.5"], [3e-7, "300n"], [1e-12, "1.00e-12"],
    [1e25, "1.00e+25"], [Infinity, "+Inf"], [-Infinity, "-Inf"], [NaN, "NaN"]];
  for (const [value, text] of short) assert.equal(shortNumber(value), text);
  assert.equal(groupDigits("1234567"), "1\u202f234\u202f567");
  assert.equal(groupDigits("1234.5"), "1234.5");
  assert.equal(valueText(0.123456789), "0.123457");
  assert.equal(bytesText(1536), "1.5 KiB");
});

test("series are written as PromQL takes them", () => {
  assert.equal(seriesText({ __name__: "up", job: 'a"b\\c\n' }), 'up{job="a\\"b\\\\c\\n"}');
  assert.equal(seriesText({ __name__: "up" }), "up");
  assert.equal(seriesText({}), "{}");
  assert.equal(seriesText({ __name__: "with blank", "odd name": "x" }), '{"with blank", "odd name"="x"}');
  assert.equal(metricSelector("a.b"), '{"a.b"}');
});

test("an address and its state are the same thing", () => {
  const state: QueryState = {
    panels: [
      { ...emptyPanel(), expr: "up & {a=\"b\"}", tab: "graph", range: 1800, end: 1764522245, step: 15, mode: "stacked", exemplars: true, zero: true },
      { ...emptyPanel(), expr: "x", tab: "explain", moment: 1764522245 },
    ], utc: true, refresh: 15,
  };
  assert.deepEqual(readAddress(writeAddress(state)), state);
  assert.deepEqual(readAddress(""), { panels: [emptyPanel()], utc: false, refresh: 0 });
});

test("addresses of Prometheus 2 and 3 are understood, hostile ones harmless", () => {
  const old = readAddress("?g0.expr=up&g0.tab=0&g0.stacked=1&g0.range_input=2h&g0.step_input=60&g1.expr=down&g1.tab=1");
  assert.deepEqual(old.panels.map(({ expr, tab, mode, range, step }) => [expr, tab, mode, range, step]), [["up", "graph", "stacked", 7200, 60], ["down", "table", "lines", 3600, null]]);
  const newer = readAddress("?g0.expr=up&g0.show_tree=0&g0.tab=graph&g0.range_input=1h&g0.res_type=fixed&g0.res_step=10&g0.display_mode=heatmap&g0.show_exemplars=1&g0.y_axis_min=zero");
  assert.deepEqual(newer.panels[0], { ...emptyPanel(), expr: "up", tab: "graph", step: 10, mode: "heatmap", exemplars: true, zero: true });
  const hostile = readAddress("?g0.tab=__proto__&g0.display_mode=constructor&g99999.expr=x&g0.range_input=-1&g7.expr=y");
  assert.deepEqual(hostile.panels, [emptyPanel(), { ...emptyPanel(), expr: "y" }]);
  assert.equal(readAddress("?" + Array.from({ length: 200 }, (_, i) => `g${i}.expr=x`).join("&")).panels.length, 50);
});

test("an answer has its samples in their columns, gaps as null", () => {
  const { times, series } = columnsOf([{ metric: { a: "1" }, values: [[100, "1"], [130, "NaN"], [145, "4"]] }], 100, 145, 15);
  assert.deepEqual(times, [100, 115, 130, 145]);
  assert.deepEqual(series[0]!.values, [1, null, null, 4]);
  assert.deepEqual(stack([[1, null, 2], [10, 10, null], [1, 1, 1]]), [[1, null, 2], [11, 10, null], [12, 11, 3]]);
});

test("heat is what lies between bounds, in buckets of both kinds", () => {
  const row = (le: string, value: string) => ({ metric: { le }, values: [[0, value]] as [number, string][] });
  assert.deepEqual(heatOf([row("+Inf", "9"), row("1", "5"), row("0.5", "2"), row("0.5", "1")], 0, 0, 15), { times: [0], bounds: ["0.5", "1", "+Inf"], cells: [[3], [2], [4]] });
  const native = { metric: {}, histograms: [[0, { count: "3", sum: "2", buckets: [[0, "0.5", "1", "2"], [0, "1", "2", "1"]] }]] as any };
  assert.deepEqual(heatOf([native], 0, 0, 15), { times: [0], bounds: ["1", "2"], cells: [[2], [1]] });
  assert.equal(heatOf([{ metric: {}, values: [[0, "1"]] }], 0, 0, 15), null);
});
