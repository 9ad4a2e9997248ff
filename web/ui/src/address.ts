// address.ts - the state of the query page as an address, in Prometheus' own parameters, so that links work both ways.
//
//     ?g0.expr=up&g0.tab=graph&g0.range_input=1h&g0.display_mode=stacked&g1.expr=...&utc=1&refresh=15
//
// Read: also what Prometheus 2 wrote (tab=0 and 1, stacked=1, step_input). Defaults are left out when writing.
import { formatDuration, formatTime, parseDuration, parseTime } from "./time.ts";

export type Tab = "table" | "graph" | "explain";
export type DisplayMode = "lines" | "stacked" | "heatmap";

export interface Panel {
  expr: string;
  tab: Tab;
  range: number; // seconds
  end: number | null; // of the graph; null: now
  moment: number | null; // of the table; null: now
  step: number | null; // seconds; null: chosen for the range
  mode: DisplayMode;
  exemplars: boolean;
  zero: boolean; // the axis begins at zero
}

export interface QueryState {
  panels: Panel[];
  utc: boolean;
  refresh: number; // seconds; 0: never
}

export const PANELS_MAX = 50;

export function emptyPanel(): Panel {
  return { expr: "", tab: "table", range: 3600, end: null, moment: null, step: null, mode: "lines", exemplars: false, zero: false };
}

const TABS: Record<string, Tab> = { "0": "graph", "1": "table", graph: "graph", table: "table", explain: "explain" };
const MODES: Record<string, DisplayMode> = { lines: "lines", stacked: "stacked", heatmap: "heatmap" };

const own = <T>(table: Record<string, T>, key: string): T | undefined => (Object.hasOwn(table, key) ? table[key] : undefined);

function applyParameter(panel: Panel, name: string, value: string): void {
  switch (name) {
    case "expr": panel.expr = value; break;
    case "tab": panel.tab = own(TABS, value) ?? panel.tab; break;
    case "range_input": panel.range = parseDuration(value) ?? panel.range; break;
    case "end_input": panel.end = parseTime(value, true); break;
    case "moment_input": panel.moment = parseTime(value, true); break;
    case "step_input":
    case "res_step": panel.step = parseDuration(value); break;
    case "display_mode": panel.mode = own(MODES, value) ?? panel.mode; break;
    case "stacked": if (value === "1") panel.mode = "stacked"; break;
    case "show_exemplars": panel.exemplars = value === "1"; break;
    case "y_axis_min": panel.zero = value === "zero"; break;
  }
}

export function readAddress(search: string, localByDefault = true): QueryState {
  const parameters = new URLSearchParams(search);
  const panels = new Map<number, Panel>();
  for (const [key, value] of parameters) {
    const found = /^g(\d{1,4})\.(\w+)$/.exec(key);
    if (!found) continue;
    const index = Number(found[1]);
    if (!panels.has(index)) panels.set(index, emptyPanel());
    applyParameter(panels.get(index)!, found[2]!, value);
  }
  const ordered = [...panels.entries()].sort(([a], [b]) => a - b).map(([, panel]) => panel).slice(0, PANELS_MAX);
  const utc = parameters.get("utc");
  return {
    panels: ordered.length > 0 ? ordered : [emptyPanel()],
    utc: utc === null ? !localByDefault : utc === "1",
    refresh: parseDuration(parameters.get("refresh") ?? "") ?? 0,
  };
}

function panelParameters(panel: Panel): [string, string][] {
  const initial = emptyPanel();
  const pairs: [string, string | false | null][] = [
    ["expr", panel.expr],
    ["tab", panel.tab],
    ["range_input", panel.range !== initial.range && formatDuration(panel.range)],
    ["end_input", panel.end !== null && formatTime(panel.end, true)],
    ["moment_input", panel.moment !== null && formatTime(panel.moment, true)],
    ["res_type", panel.step !== null && "custom"],
    ["res_step", panel.step !== null && formatDuration(panel.step)],
    ["display_mode", panel.mode !== initial.mode && panel.mode],
    ["show_exemplars", panel.exemplars && "1"],
    ["y_axis_min", panel.zero && "zero"],
  ];
  return pairs.filter((pair): pair is [string, string] => typeof pair[1] === "string");
}

export function writeAddress(state: QueryState, localByDefault = true): string {
  const parameters = new URLSearchParams();
  state.panels.forEach((panel, i) => {
    for (const [name, value] of panelParameters(panel)) parameters.set(`g${i}.${name}`, value);
  });
  if (state.utc === localByDefault) parameters.set("utc", state.utc ? "1" : "0");
  if (state.refresh > 0) parameters.set("refresh", formatDuration(state.refresh));
  return `?${parameters}`;
}
