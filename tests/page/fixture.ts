// fixture.ts - a server with fifty minutes of data and targets that a test decides, and Chromium in front of it.
import assert from "node:assert/strict";
import { spawn, type ChildProcess } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { createServer as createSocket, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { chromium, type Browser, type BrowserContext, type Page } from "playwright-core";

import { send, type Sent } from "./remote_write.ts";

export const STEP_MS = 15_000;
export const SERIES_MANY = 10_000;

export async function eventually<T>(what: string, attempt: () => Promise<T | false | null | undefined>, ms = 20_000): Promise<T> {
  const end = Date.now() + ms;
  let last: unknown;
  do {
    try {
      const found = await attempt();
      if (found) return found;
    } catch (error) {
      last = error;
    }
    await new Promise((done) => setTimeout(done, 50));
  } while (Date.now() < end);
  throw new Error(`never: ${what}${last ? ` (${last})` : ""}`);
}

function freePort(): Promise<number> {
  return new Promise((done) => {
    const socket = createSocket().listen(0, "127.0.0.1", () => {
      const { port } = socket.address() as AddressInfo;
      socket.close(() => done(port));
    });
  });
}

/** Fifty minutes of a small shop: requests per instance, and durations in buckets. */
function shop(now: number): Sent[] {
  const series: Sent[] = [];
  const times = Array.from({ length: 200 }, (_, i) => now - (200 - i) * STEP_MS);
  for (let instance = 0; instance < 6; instance++) {
    const labels = { job: "shop", instance: `web-${instance}:8080`, region: instance % 2 ? "north" : "south" };
    let total = 1000 * instance;
    series.push({
      labels: { ...labels, __name__: "shop_requests_total" },
      samples: times.map((time, i) => [time, (total += 150 + 40 * instance + 60 * Math.sin(i / 25 + instance) + 15 * Math.sin(i * 2.1 + instance * 7))]),
    });
  }
  const counts = new Map<string, number>();
  for (const le of ["0.005", "0.01", "0.025", "0.05", "0.1", "0.25", "0.5", "1", "2.5", "+Inf"])
    series.push({
      labels: { __name__: "shop_duration_seconds_bucket", job: "shop", instance: "web-0:8080", le },
      samples: times.map((time, i) => {
        const middle = 0.08 * Math.exp(0.9 * Math.sin(i / 30)), bound = le === "+Inf" ? Infinity : Number(le);
        const share = 1 / (1 + Math.exp(-2.2 * Math.log(bound / middle)));
        counts.set(le, (counts.get(le) ?? 0) + 400 * share);
        return [time, counts.get(le)!];
      }),
    });
  return series;
}

function many(now: number): Sent[] {
  return Array.from({ length: SERIES_MANY }, (_, i) => ({ labels: { __name__: "many_series", number: String(i) }, samples: [[now - STEP_MS, i]] as [number, number][] }));
}

export interface Fixture {
  base: string;
  browser: Browser;
  now: number; // milliseconds: newest sample of those minutes
  /** What a target answers; the body decides the scrape. */
  targetText: (text: string, type?: string) => void;
  /** Puts a configuration in place of the one there and has the server read it; the first one without a text. */
  reload: (text?: string) => void;
  stop: () => Promise<void>;
}

function configuration(port: number): string {
  return `global:
  scrape_interval: 1s
rule_files: [rules.yml]
alerting: {alertmanagers: [{static_configs: [{targets: ['127.0.0.1:TARGET']}]}]}
scrape_configs:
  - job_name: server
    static_configs: [{targets: ['127.0.0.1:${port}']}]
  - job_name: demo
    static_configs: [{targets: ['127.0.0.1:TARGET', '127.0.0.1:1', 'left.example:80']}]
    relabel_configs:
      - {source_labels: [__address__], regex: 'left.*', action: drop}
      - {source_labels: [__address__], target_label: site, replacement: 'here'}
`;
}

const RULES = `groups:
  - name: shop
    interval: 1s
    rules:
      - {record: 'job:shop_requests:rate5m', expr: 'sum by (job) (rate(shop_requests_total[5m]))'}
      - alert: TargetDown
        expr: up == 0
        keep_firing_for: 90s
        labels: {severity: page}
        annotations: {summary: '{{ $labels.instance }} of {{ $labels.job }} does not answer'}
`;

async function startTarget(texts: { body: string; type: string }): Promise<Server> {
  const server = createServer((_request, response) => {
    response.writeHead(200, { "Content-Type": texts.type });
    response.end(texts.body);
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  return server;
}

function startServer(folder: string, port: number): ChildProcess {
  return spawn(process.env.FERULA_SERVER!, [`--config.file=${folder}/config.yml`, `--storage.tsdb.path=${folder}/data`,
    `--web.listen-address=127.0.0.1:${port}`, "--web.enable-remote-write-receiver", "--log.level=error"], { stdio: ["ignore", "ignore", "inherit"] });
}

/** rules: more of them, in the lines of a rule file */
export async function start(metrics: string, rules = ""): Promise<Fixture> {
  const texts = { body: metrics, type: "text/plain; version=0.0.4" };
  const folder = mkdtempSync(join(tmpdir(), "ferula-page-"));
  const target = await startTarget(texts);
  const port = await freePort();
  const written = configuration(port).replaceAll("TARGET", String((target.address() as AddressInfo).port));
  const write = (text: string) => writeFileSync(join(folder, "config.yml"), text);
  write(written);
  writeFileSync(join(folder, "rules.yml"), RULES + rules);
  const server = startServer(folder, port);
  const base = `http://127.0.0.1:${port}`;
  const now = Math.floor(Date.now() / 1000) * 1000;
  let browser: Browser | undefined;
  const stop = async () => {
    await browser?.close();
    target.close();
    target.closeAllConnections?.();
    const ended = new Promise((done) => server.once("exit", done));
    if (server.exitCode === null && server.kill("SIGTERM")) await ended;
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    await eventually("the server is ready", async () => (await fetch(`${base}/-/ready`)).ok);
    await send(base, shop(now));
    await send(base, many(now));
    browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--disable-extensions", "--disable-background-networking"] });
  } catch (error) {
    await stop();
    throw error;
  }
  return { base, browser, now, stop, reload: (text = written) => { write(text); server.kill("SIGHUP"); }, targetText: (text, type) => { texts.body = text; if (type) texts.type = type; } };
}

export interface Opened { page: Page; problems: string[] }

export interface Look { colorScheme?: "light" | "dark"; width?: number; height?: number; isFresh?: boolean }

const contexts = new Map<string, BrowserContext>();

/** Pages of one look share what the browser remembers, and its process; isFresh: not with others. */
async function contextFor(fixture: Fixture, look: Look): Promise<BrowserContext> {
  const key = JSON.stringify(look);
  const old = contexts.get(key);
  if (old && !look.isFresh) return old;
  const context = await fixture.browser.newContext({
    colorScheme: look.colorScheme ?? "light", viewport: { width: look.width ?? 1280, height: look.height ?? 900 }, timezoneId: "Europe/Berlin",
  });
  context.setDefaultTimeout(30_000);
  contexts.set(key, context);
  return context;
}

/** A page that keeps what its console complains about, and notes requests to any other host. */
export async function open(fixture: Fixture, path: string, look: Look = {}): Promise<Opened> {
  const page = await (await contextFor(fixture, look)).newPage();
  const problems: string[] = [];
  page.on("pageerror", (error) => problems.push(`error: ${error.message}`));
  // an error status that a test asks for is told on the console too: what it names is the resource, not the page
  page.on("console", (message) => { if (message.type() === "error" && !/^Failed to load resource/.test(message.text())) problems.push(`console: ${message.text()}`); });
  page.on("dialog", (dialog) => { problems.push(`dialog: ${dialog.message()}`); void dialog.dismiss(); });
  page.on("request", (request) => { if (!/^(data|blob):/.test(request.url()) && !request.url().startsWith(fixture.base)) problems.push(`asks ${request.url()}`); });
  await page.goto(fixture.base + path, { waitUntil: "domcontentloaded" });
  return { page, problems };
}

/** The page must have been silent. */
export async function close({ page, problems }: Opened): Promise<void> {
  await page.close();
  assert.deepEqual(problems, []);
}

/** Nothing of the page is being loaded any more. */
export async function settled(page: Page): Promise<void> {
  await eventually("the page is there", () => page.evaluate(() => !/(Loading|Running) …/.test(document.querySelector("main")?.innerText ?? "Loading …")));
}

/** The data of the only chart: times, then one column for each line. */
export function chartData(page: Page): Promise<(number | null)[][]> {
  return page.locator(".chart canvas").first().waitFor().then(() =>
    page.locator(".chart").first().evaluate((element) => (element as any).chart.data.map((column: ArrayLike<number | null>) => Array.from(column))));
}

export const address = (parameters: Record<string, string>): string => `/query?${new URLSearchParams(parameters)}`;
