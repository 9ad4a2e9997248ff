// api.ts - asking the server. Addresses are relative: every page is one level deep, so a path prefix needs no more.
import { useCallback, useEffect, useRef, useState } from "preact/hooks";

import type { Labels } from "./labels.ts";

export interface Answer<T> {
  data: T;
  warnings: string[];
  infos: string[];
  seconds: number; // from asking to having it
  bytes: number;
}

export class ApiError extends Error {
  constructor(readonly type: string, message: string, readonly status: number) {
    super(message);
  }
  /** The server has no such endpoint: older, or it is switched off. */
  get isMissing(): boolean {
    return this.status === 404 && this.type === "http";
  }
  /** It has not opened its database yet, or is about to end. */
  get isStarting(): boolean {
    return this.status === 503 && this.type === "starting";
  }
}

export type Parameters = Record<string, string | number | undefined | string[]>;

function form(parameters: Parameters): URLSearchParams {
  const all = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters)) {
    if (value === undefined) continue;
    for (const single of Array.isArray(value) ? value : [value]) all.append(name, String(single));
  }
  return all;
}

function failure(response: Response, text: string): ApiError {
  if (response.headers.has("X-Prometheus-Stopping")) return new ApiError("starting", "the server is starting or stopping", 503);
  return new ApiError("http", text.trim().slice(0, 500) || `status ${response.status}`, response.status);
}

/** The text, and the values that `parse` makes of it; the last one tells whether all went well. */
async function load(path: string, init: RequestInit, parse: (text: string) => any[]): Promise<[string, any[]]> {
  let response: Response, text: string, values;
  try {
    response = await fetch(`api/v1/${path}`, init);
    text = await response.text();
  } catch (error) {
    if ((error as Error).name === "AbortError") throw error;
    throw new ApiError("network", "the server does not answer", 0);
  }
  try {
    values = parse(text);
  } catch {
    throw failure(response, text);
  }
  const last = values[values.length - 1];
  if (last?.status !== "success") throw new ApiError(last?.errorType ?? "http", last?.error ?? `status ${response.status}`, response.status);
  return [text, values];
}

async function ask(path: string, init: RequestInit): Promise<Answer<any>> {
  const begin = performance.now();
  const [text, [answer]] = await load(path, init, (whole) => [JSON.parse(whole)]);
  return {
    data: answer.data, warnings: answer.warnings ?? [], infos: answer.infos ?? [],
    seconds: (performance.now() - begin) / 1000, bytes: text.length,
  };
}

export function get<T>(path: string, parameters: Parameters = {}, signal?: AbortSignal): Promise<Answer<T>> {
  const query = form(parameters).toString();
  return ask(query ? `${path}?${query}` : path, { signal });
}

export function post<T>(path: string, parameters: Parameters, signal?: AbortSignal): Promise<Answer<T>> {
  return ask(path, { method: "POST", body: form(parameters), signal });
}

/** Lines of results, and a last one. */
export async function search<T>(path: string, parameters: Parameters): Promise<T[]> {
  const [, lines] = await load(`search/${path}?${form(parameters)}`, {}, (text) => text.trim().split("\n").map((line) => JSON.parse(line)));
  return lines.flatMap((line: { results?: T[] }) => line.results ?? []);
}

export interface Loaded<T> {
  answer: Answer<T> | null;
  error: ApiError | null;
  isLoading: boolean;
  reload: () => void;
}

export const STARTING_RETRY_MS = 1000;

/** GETs a path when shown and whenever path, parameters or `every` say so; keeps the last answer meanwhile. */
export function useApi<T>(path: string, parameters: Parameters = {}, everyMs = 0): Loaded<T> {
  const [state, setState] = useState<Omit<Loaded<T>, "reload">>({ answer: null, error: null, isLoading: true });
  const [round, setRound] = useState(0);
  const key = `${path}?${form(parameters)}`;
  const shownKey = useRef(key);
  useEffect(() => {
    const abort = new AbortController();
    let timer = 0;
    const again = (ms: number) => { if (ms > 0 && !abort.signal.aborted) timer = window.setTimeout(() => setRound((n) => n + 1), ms); };
    if (shownKey.current !== key) setState({ answer: null, error: null, isLoading: true });
    else setState((old) => ({ ...old, isLoading: true }));
    shownKey.current = key;
    get<T>(path, parameters, abort.signal).then(
      (answer) => { setState({ answer, error: null, isLoading: false }); again(everyMs); },
      (error) => {
        if (abort.signal.aborted) return;
        setState((old) => ({ ...old, error, isLoading: false }));
        again(error instanceof ApiError && error.isStarting ? STARTING_RETRY_MS : everyMs);
      });
    return () => { abort.abort(); clearTimeout(timer); };
  }, [key, round, everyMs]);
  return { ...state, reload: useCallback(() => setRound((n) => n + 1), []) };
}

// ---- answers ----

export type Point = [number, string];
export type Bucket = [number, string, string, string]; // which ends are closed, lower, upper, count
export interface Histogram { count: string; sum: string; buckets?: Bucket[] }
export interface VectorRow { metric: Labels; value?: Point; histogram?: [number, Histogram] }
export interface MatrixRow { metric: Labels; values?: Point[]; histograms?: [number, Histogram][] }
export type QueryResult =
  | { resultType: "vector"; result: VectorRow[]; stats?: QueryStats }
  | { resultType: "matrix"; result: MatrixRow[]; stats?: QueryStats }
  | { resultType: "scalar" | "string"; result: Point; stats?: QueryStats };
export interface QueryStats {
  timings: { evalTotalTime: number };
  samples: { totalQueryableSamples: number; peakSamples: number };
}
export interface ExemplarSeries { seriesLabels: Labels; exemplars: { labels: Labels; value: string; timestamp: number }[] }
export interface MetadataItem { type: string; help: string; unit: string }
export type Metadata = Record<string, MetadataItem[]>;
