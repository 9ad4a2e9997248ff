// hostile.test.ts - 500 payloads as metric names, labels, help and errors of targets: all of them stay text.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { address, close, eventually, open, start, type Fixture } from "./fixture.ts";

const CALL = "window.broken=1";
const SHAPES = [
  `<script>${CALL}</script>`, `<img src=x onerror=${CALL}>`, `<svg onload=${CALL}>`, `"><svg/onload=${CALL}>`, `'><img src=x onerror='${CALL}'>`,
  `<iframe srcdoc="<script>parent.${CALL}</script>">`, `<a href="javascript:${CALL}">x</a>`, `javascript:${CALL}`, `<details open ontoggle=${CALL}>`, `<body onload=${CALL}>`,
  `<input autofocus onfocus=${CALL}>`, `<math><mi xlink:href="javascript:${CALL}">x`, `</title><script>${CALL}</script>`, `</style><script>${CALL}</script>`, `--><script>${CALL}</script>`,
  `<object data="javascript:${CALL}">`, `<embed src="javascript:${CALL}">`, `<form action="javascript:${CALL}"><button autofocus>`, `<link rel=stylesheet href="javascript:${CALL}">`, `<base href="http://evil.example/">`,
  `{{constructor.constructor('${CALL}')()}}`, `\${${CALL}}`, `<template><script>${CALL}</script></template>`, `<noscript><p title="</noscript><img src=x onerror=${CALL}>">`, `&lt;script&gt;${CALL}&lt;/script&gt;`,
];
const WRAPS = [(x: string) => x, (x: string) => `${x.toUpperCase()} A`, (x: string) => `x ${x} y`, (x: string) => `${x.replace(/ /g, "\t")}\t.`, (x: string) => `\u202e${x}`,
  (x: string) => `${x}${x}`, (x: string) => `<\u00a0${x.replace(/</g, "<<")}`, (x: string) => `]]>${x}`, (x: string) => `\\"${x}`, (x: string) => `%22${encodeURI(x)}`];
const PAYLOADS = SHAPES.flatMap((shape, i) => WRAPS.flatMap((wrap) => [`${wrap(shape)} ${i}`, `${wrap(`*/${shape}/*`)} ${i}`]));

const quote = (text: string) => `"${text.replace(/\\/g, "\\\\").replace(/"/g, '\\"').replace(/\n/g, "\\n")}"`;

/** One metric for each payload: its name, its help, a label's name and a label's value. */
function exposition(): string {
  return PAYLOADS.map((payload, i) =>
    `# HELP ${quote(`m${i} ${payload}`)} ${payload.replace(/\\/g, "\\\\")}\n# TYPE ${quote(`m${i} ${payload}`)} gauge\n{${quote(`m${i} ${payload}`)},${quote(payload)}="1",value=${quote(payload)},hostile="yes"} ${i}\n`).join("");
}

const ALERT = `      - alert: Hostile
        expr: '{hostile="yes"}'
        annotations: {summary: '{{ $labels.value }}'}
`;

let fixture: Fixture;
before(async () => {
  fixture = await start(exposition(), ALERT);
  await eventually("the payloads were scraped", async () => {
    const answer = await (await fetch(`${fixture.base}/api/v1/query?query=${encodeURIComponent('count({hostile="yes"})')}`)).json() as any;
    return Number(answer.data.result[0]?.value[1]) === PAYLOADS.length;
  });
});
after(() => fixture.stop());

test("there are 500 different payloads", () => assert.equal(new Set(PAYLOADS).size, 500));

const isBroken = (page: any) => page.evaluate(() => (window as any).broken !== undefined || document.querySelector("main script, main iframe, main base, main embed, main object, main img") !== null);

test("in tables, legends, tips and trees", async () => {
  for (const tab of ["table", "graph"]) {
    const opened = await open(fixture, address({ "g0.expr": '{hostile="yes"}', "g0.tab": tab, "g0.range_input": "1m" }));
    const { page } = opened;
    if (tab === "table") await page.locator(".result tbody tr").nth(499).waitFor();
    else {
      await page.locator(".legend li").nth(49).waitFor();
      for (let more = page.getByRole("button", { name: "Show more" }); await more.count();) await more.click();
      assert.equal(await page.locator(".legend li").count(), 500);
      const box = (await page.locator(".u-over").boundingBox())!;
      for (let i = 1; i < 8; i++) await page.mouse.move(box.x + box.width * 0.99, box.y + (box.height * i) / 8);
    }
    assert.equal(await isBroken(page), false);
    await close(opened);
  }
});

test("in completion, help, the metrics' list and the address", async () => {
  const opened = await open(fixture, address({ "g0.expr": PAYLOADS[0]!, "g0.tab": "table" }));
  const { page } = opened;
  await page.locator(".problem").first().waitFor();
  await page.getByRole("button", { name: "Metrics" }).click();
  await page.locator(".picks li").nth(199).waitFor();
  await page.getByPlaceholder("Search metrics").fill("<svg onload");
  await eventually("the list is searched", async () => (await page.locator(".picks li").count()) < 200);
  await page.locator(".picks .help").first().waitFor();
  await page.getByRole("button", { name: "Close" }).click();
  await page.locator(".cm-content").click();
  await page.keyboard.press("Control+A");
  await page.keyboard.type('{hostile="yes",value="', { delay: 10 });
  await page.locator(".cm-tooltip-autocomplete li").nth(20).waitFor();
  for (let i = 0; i < 10; i++) await page.keyboard.press("ArrowDown");
  assert.equal(await isBroken(page), false);
  await close(opened);
});

test("in annotations of alerts, and notifications", async () => {
  const opened = await open(fixture, "/alerts");
  const { page } = opened;
  await eventually("the alerts fire", async () => {
    await page.reload();
    await page.locator("details", { hasText: "Hostile" }).locator("tbody tr").nth(99).waitFor({ timeout: 5000 });
    return true;
  });
  for (let more = page.getByRole("button", { name: "Show more" }); await more.count();) await more.first().click();
  await page.locator("details", { hasText: "Hostile" }).locator("tbody tr").nth(499).waitFor();
  assert.equal(await isBroken(page), false);
  const notes = PAYLOADS.slice(0, 100).map((text) => `data: ${JSON.stringify({ text, date: text, active: true })}\n\n`).join("");
  await page.route("**/api/v1/notifications/live", (route) => route.fulfill({ contentType: "text/event-stream", body: notes }));
  await page.reload();
  await page.locator(".notifications p").nth(99).waitFor();
  assert.equal(await isBroken(page), false);
  await close(opened);
});

test("in the database's counts, and in the errors and addresses of targets", async () => {
  const opened = await open(fixture, "/tsdb-status?limit=1000");
  await opened.page.locator(".bars tr").nth(400).waitFor();
  assert.equal(await isBroken(opened.page), false);
  await close(opened);
  for (const payload of [PAYLOADS[0]!, PAYLOADS[20]!, PAYLOADS[60]!]) {
    fixture.targetText(`${payload}\n`);
    const targets = await open(fixture, "/targets?state=down");
    await targets.page.locator("tr.error", { hasText: /parse|invalid|expected|unexpected|line/i }).first().waitFor();
    assert.equal(await isBroken(targets.page), false);
    await close(targets);
  }
});
