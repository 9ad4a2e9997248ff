// panel.tsx - one expression and its answer, as table, graph or tree.
import { useEffect, useState } from "preact/hooks";

import { get, type Answer, type MatrixRow, type QueryResult } from "../api.ts";
import type { Panel, Tab } from "../address.ts";
import { bytesText, counted } from "../format.ts";
import { metricSelector } from "../labels.ts";
import { Notes, Problem } from "../parts/common.tsx";
import { remember } from "../settings.ts";
import { readableDuration, usableStep } from "../time.ts";
import { GraphControls, TimeField } from "./controls.tsx";
import { Explorer, History } from "./dialogs.tsx";
import { Editor, type Given } from "./editor.tsx";
import { Explain } from "./explain.tsx";
import { Graph, LINES_MAX } from "./graph.tsx";
import { useRun } from "./run.ts";
import { Table } from "./table.tsx";

const ROWS_MAX = 20000;
const TABS: [Tab, string][] = [["table", "Table"], ["graph", "Graph"], ["explain", "Explain"]];

function Summary({ answer }: { answer: Answer<QueryResult> }) {
  const { data } = answer;
  const count = data.resultType === "vector" || data.resultType === "matrix" ? counted(data.result.length, "series", "series") : data.resultType;
  return <span class="summary" role="status">{count} · {readableDuration(answer.seconds)} · {bytesText(answer.bytes)}
    {data.stats && ` · ${counted(data.stats.samples.totalQueryableSamples, "sample")} read`}</span>;
}

function Tools({ text, setText, setError }: { text: string; setText: (text: string) => void; setError: (error: Error | null) => void }) {
  const [open, setOpen] = useState<"metrics" | "history" | null>(null);
  const format = () => get<string>("format_query", { query: text }).then(({ data }) => { setError(null); setText(data); }, setError);
  const take = (next: string) => { setText(next); setOpen(null); };
  return <>
    <button type="button" class="quiet" onClick={() => setOpen("metrics")}>Metrics</button>
    <button type="button" class="quiet" onClick={() => setOpen("history")}>History</button>
    <button type="button" class="quiet" disabled={text.trim() === ""} onClick={format}>Format</button>
    {open === "metrics" && <Explorer onTake={(name) => take(text.trim() === "" ? metricSelector(name) : text + metricSelector(name))} onClose={() => setOpen(null)} />}
    {open === "history" && <History onTake={take} onClose={() => setOpen(null)} />}
  </>;
}

export function QueryPanel({ panel, utc, tick, index, change, remove }: {
  panel: Panel; utc: boolean; tick: number; index: number; change: (part: Partial<Panel>) => void; remove?: () => void;
}) {
  const [text, setText] = useState(panel.expr);
  const [given, setGiven] = useState<Given>({ text: panel.expr });
  const [round, setRound] = useState(0);
  const [formatError, setFormatError] = useState<Error | null>(null);
  const query = useRun();
  const put = (next: string) => { setText(next); setGiven({ text: next }); };
  useEffect(() => { if (panel.expr !== text.trim()) put(panel.expr); }, [panel.expr]);
  useEffect(() => {
    if (!panel.expr || panel.tab === "explain") return;
    const now = Math.floor(Date.now() / 1000);
    if (panel.tab === "table") query.run("query", { query: panel.expr, time: panel.moment ?? Date.now() / 1000, limit: ROWS_MAX, stats: "true" });
    else {
      const step = usableStep(panel.range, panel.step);
      const end = panel.end ?? now;
      query.run("query_range", { query: panel.expr, start: end - panel.range, end, step, limit: panel.mode === "heatmap" ? undefined : LINES_MAX + 1, stats: "true" });
    }
  }, [panel.expr, panel.tab, panel.moment, panel.range, panel.end, panel.step, panel.mode === "heatmap", round, tick]);
  const run = () => {
    const expression = text.trim();
    setFormatError(null);
    if (expression) remember(expression);
    if (expression === panel.expr) setRound(round + 1);
    else change({ expr: expression });
  };
  const zoom = (from: number, to: number) => change({ end: Math.round(to * 1000) / 1000, range: Math.max(Math.round(to - from), 1) });
  return <section class="panel" aria-label={`Panel ${index + 1}`}>
    <div class="ask">
      <Editor given={given} onChange={setText} onRun={run} focus={index === 0} />
      {query.isRunning ? <button type="button" class="run" onClick={query.cancel}>Cancel</button> : <button type="button" class="run" onClick={run}>Run</button>}
    </div>
    <div class="bar">
      <div class="tabs" role="tablist" aria-label="View">{TABS.map(([tab, title]) =>
        <button type="button" role="tab" aria-selected={panel.tab === tab} onClick={() => change({ tab, expr: text.trim() })}>{title}</button>)}</div>
      <div class="tools"><Tools text={text} setText={put} setError={setFormatError} />{remove && <button type="button" class="quiet" aria-label={`Remove panel ${index + 1}`} onClick={remove}>Remove</button>}</div>
    </div>
    <div class="answer" aria-busy={query.isRunning}>
      {panel.tab === "graph" && <GraphControls panel={panel} utc={utc} change={change} />}
      {panel.tab !== "graph" && <div class="controls"><TimeField label="Evaluation time" value={panel.moment} by={300} utc={utc} onChange={(moment) => change({ moment })} />
        {query.answer && panel.tab === "table" && <Summary answer={query.answer} />}</div>}
      {formatError && <Problem error={formatError} />}
      <Outcome query={query} panel={panel} utc={utc} round={round} onZoom={zoom} />
    </div>
  </section>;
}

function Outcome({ query, panel, utc, round, onZoom }: {
  query: ReturnType<typeof useRun>; panel: Panel; utc: boolean; round: number; onZoom: (from: number, to: number) => void;
}) {
  if (!panel.expr) return <p class="note">Write an expression, or take a metric from the list under “Metrics”.</p>;
  if (panel.tab === "explain") return <Explain key={round} expression={panel.expr} time={panel.moment ?? Math.floor(Date.now() / 1000)} />;
  if (query.error) return <Problem error={query.error} />;
  const { answer, asked } = query;
  if (!answer || !asked) return <p class="note" role="status">{query.isRunning ? "Running …" : ""}</p>;
  const isRange = asked.step !== undefined;
  if (isRange !== (panel.tab === "graph")) return <p class="note" role="status">Running …</p>;
  return <>
    <Notes answer={answer} />
    {isRange
      ? <><Graph rows={answer.data.result as MatrixRow[]} start={Number(asked.start)} end={Number(asked.end)} step={Number(asked.step)} panel={panel} utc={utc} onZoom={onZoom} />
        <p class="foot"><Summary answer={answer} /></p></>
      : <Table data={answer.data} utc={utc} />}
  </>;
}
