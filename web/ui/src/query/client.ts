// client.ts - what the editor's completion asks of the server. The server searches: nothing is fetched as a whole.
import type { PrometheusClient } from "@prometheus-io/codemirror-promql";
import { EqlRegex, EqlSingle, Neq, NeqRegex } from "@prometheus-io/lezer-promql";

import { get, type Metadata, type Parameters } from "../api.ts";
import { containsPattern, quote } from "../labels.ts";

export const NAMES_MAX = 1000;
const VALUES_MAX = 2000;
const SERIES_MAX = 2000;
const KEPT_MS = 60_000;

type FunctionParameters<F extends (...all: any) => any> = F extends (...all: infer P) => any ? P : never;
type Matcher = NonNullable<FunctionParameters<PrometheusClient["labelValues"]>[2]>[number];

const kept = new Map<string, { at: number; data: Promise<any> }>();

/** The same question within a minute is not asked again; a failure is forgotten, and is an empty answer. */
function ask<T>(path: string, parameters: Parameters, empty: T): Promise<T> {
  const key = path + JSON.stringify(parameters);
  const old = kept.get(key);
  if (old && Date.now() - old.at < KEPT_MS) return old.data;
  if (kept.size > 200) kept.clear();
  const data = get<T>(path, parameters).then((answer) => answer.data, () => {
    kept.delete(key);
    return empty;
  });
  kept.set(key, { at: Date.now(), data });
  return data;
}

const recently = () => Math.floor(Date.now() / 60_000) * 60 - 12 * 3600;

export function metricNames(text: string, limit = NAMES_MAX): Promise<string[]> {
  const parameters: Parameters = { limit, start: recently() };
  if (text) parameters["match[]"] = `{__name__=~${quote(containsPattern(text))}}`;
  return ask<string[]>("label/__name__/values", parameters, []);
}

export const metadata = (): Promise<Metadata> => ask<Metadata>("metadata", { limit: 10000 }, {});

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
  metricMetadata: metadata,
  series: (metric: string, matchers?: Matcher[], name?: string) =>
    ask<any[]>("series", { limit: SERIES_MAX, start: recently(), "match[]": selector(metric, matchers, name) ?? '{__name__!=""}' }, []),
  flags: () => ask<Record<string, string>>("status/flags", {}, {}),
};
