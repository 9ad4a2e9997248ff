// client.ts - what the editor's completion asks of the server. The server searches: nothing is fetched as a whole.
import type { PrometheusClient } from "@prometheus-io/codemirror-promql";
import { EqlRegex, EqlSingle, Neq, NeqRegex } from "@prometheus-io/lezer-promql";

import { get, search, type Metadata, type Parameters } from "../api.ts";
import { quote } from "../labels.ts";

export const NAMES_MAX = 1000;
const LIKENESS = 30; // percent: what holds the text is near 100, its letters scattered are below
const VALUES_MAX = 2000;
const SERIES_MAX = 2000;
const KEPT_MS = 60_000;

type FunctionParameters<F extends (...all: any) => any> = F extends (...all: infer P) => any ? P : never;
type Matcher = NonNullable<FunctionParameters<PrometheusClient["labelValues"]>[2]>[number];

const kept = new Map<string, { at: number; data: Promise<any> }>();

/** The same question within a minute is not asked again; a failure is forgotten, and is an empty answer. */
function keep<T>(key: string, load: () => Promise<T>, empty: T): Promise<T> {
  const old = kept.get(key);
  if (old && Date.now() - old.at < KEPT_MS) return old.data;
  if (kept.size > 200) kept.clear();
  const data = load().catch(() => {
    kept.delete(key);
    return empty;
  });
  kept.set(key, { at: Date.now(), data });
  return data;
}

const ask = <T>(path: string, parameters: Parameters, empty: T): Promise<T> =>
  keep(path + JSON.stringify(parameters), () => get<T>(path, parameters).then(({ data }) => data), empty);

const recently = () => Math.floor(Date.now() / 60_000) * 60 - 12 * 3600;

export interface FoundMetric { name: string; type?: string; help?: string; unit?: string }

/** Names that somebody who wrote this may mean, the likeliest first, with what their targets say of them. */
export function findMetrics(text: string, limit = NAMES_MAX): Promise<FoundMetric[]> {
  const parameters: Parameters = { limit, start: recently(), include_metadata: "true", batch_size: limit };
  const likeness: Parameters = text ? { "search[]": text, case_sensitive: "false", sort_by: "score", fuzz_threshold: LIKENESS } : {};
  return keep(`search ${limit} ${text}`, () => search<FoundMetric>("metric_names", { ...parameters, ...likeness }), []);
}

const known: Metadata = Object.create(null); // of all metrics that were found
const PART = /_(bucket|count|sum)$/;

/** Parts of a histogram have their help under its name, which is no series: then all help is fetched. */
async function metricNames(text: string): Promise<string[]> {
  const found = await findMetrics(text);
  if (found.some(({ name, type }) => !type && PART.test(name))) Object.assign(known, await ask<Metadata>("metadata", { limit: 10000 }, {}));
  for (const { name, type, help, unit } of found) if (type) known[name] = [{ type, help: help ?? "", unit: unit ?? "" }];
  return found.map(({ name }) => name);
}

/** What the server knows and has switched off: functions, operators, words of expressions. */
export async function switchedOff(): Promise<Set<string>> {
  const { promql, promql_functions, promql_operators } = await ask<Record<string, Record<string, boolean>>>("features", {}, {});
  return new Set([promql, promql_functions, promql_operators].flatMap((list) => Object.entries(list ?? {}).filter(([, isOn]) => !isOn).map(([name]) => name)));
}

const OPERATORS: Record<number, string> = { [EqlSingle]: "=", [Neq]: "!=", [EqlRegex]: "=~", [NeqRegex]: "!~" };

/** Matchers stand in the text as written, escapes and all; one with a bare quote inside is left out. */
function selector(metric: string, matchers: Matcher[] = [], without = ""): string | undefined {
  const parts = matchers
    .filter((matcher) => matcher.name !== without && matcher.value !== "" && !/(^|[^\\])"/.test(matcher.value))
    .map((matcher) => `${matcher.name}${OPERATORS[matcher.type] ?? "="}"${matcher.value}"`);
  if (metric) parts.unshift(`__name__=${quote(metric)}`);
  return parts.length > 0 ? `{${parts.join(",")}}` : undefined;
}

export const completionClient: PrometheusClient = {
  metricNames: (prefix?: string) => metricNames(prefix ?? ""),
  labelNames: (metric?: string) =>
    ask<string[]>("labels", { limit: NAMES_MAX, start: recently(), "match[]": selector(metric ?? "") }, []),
  labelValues: (name: string, metric?: string, matchers?: Matcher[]) =>
    ask<string[]>(`label/${encodeURIComponent(name)}/values`, { limit: VALUES_MAX, start: recently(), "match[]": selector(metric ?? "", matchers, name) }, []),
  metricMetadata: () => Promise.resolve(known),
  series: (metric: string, matchers?: Matcher[], name?: string) =>
    ask<any[]>("series", { limit: SERIES_MAX, start: recently(), "match[]": selector(metric, matchers, name) ?? '{__name__!=""}' }, []),
  flags: () => ask<Record<string, string>>("status/flags", {}, {}),
};
