// controls.tsx - ranges, ends, steps and looks of a panel.
import { useEffect, useState } from "preact/hooks";

import type { DisplayMode, Panel } from "../address.ts";
import { Choice } from "../parts/common.tsx";
import { automaticStep, formatDuration, formatTime, neighbourRange, parseDuration, parseTime } from "../time.ts";

/** A field whose text counts when it is left or Enter is pressed, and only if it can be read. */
export function Field<T>({ label, value, format, parse, placeholder, width, onChange }: {
  label: string; value: T; format: (value: T) => string; parse: (text: string) => T | undefined; placeholder?: string; width: number; onChange: (value: T) => void;
}) {
  const [text, setText] = useState(format(value));
  useEffect(() => setText(format(value)), [format(value)]);
  const isBad = parse(text) === undefined;
  const finish = () => {
    const next = parse(text);
    if (next === undefined) setText(format(value));
    else if (format(next) !== format(value)) onChange(next);
  };
  return <input type="text" aria-label={label} title={label} aria-invalid={isBad} value={text} placeholder={placeholder} size={width}
    onInput={(event) => setText(event.currentTarget.value)} onBlur={finish} onKeyDown={(event) => { if (event.key === "Enter") finish(); }} />;
}

const optionalTime = (utc: boolean) => (text: string) => (text.trim() === "" ? null : parseTime(text, utc) ?? undefined);

/** An instant with arrows that move it; empty is now. */
export function TimeField({ label, value, by, utc, onChange }: { label: string; value: number | null; by: number; utc: boolean; onChange: (value: number | null) => void }) {
  const now = () => Math.floor(Date.now() / 1000);
  return <span class="joined">
    <button type="button" aria-label={`${label}: earlier`} onClick={() => onChange((value ?? now()) - by)}>‹</button>
    <Field label={label} value={value} width={18} placeholder="now" format={(time) => (time === null ? "" : formatTime(time, utc))} parse={optionalTime(utc)} onChange={onChange} />
    <button type="button" aria-label={`${label}: later`} disabled={value === null} onClick={() => onChange(value! + by > now() ? null : value! + by)}>›</button>
    {value !== null && <button type="button" onClick={() => onChange(null)}>now</button>}
  </span>;
}

const QUICK = [900, 3600, 21600, 86400, 604800, 2419200];
const MODES: [DisplayMode, string][] = [["lines", "Lines"], ["stacked", "Stacked"], ["heatmap", "Heatmap"]];

/** An absolute range: its beginning and its end; the panel keeps end and length. */
function Absolute({ panel, utc, change }: { panel: Panel; utc: boolean; change: (part: Partial<Panel>) => void }) {
  const end = panel.end ?? Math.floor(Date.now() / 1000);
  return <Field label="From" value={end - panel.range} width={18} format={(time) => formatTime(time, utc)} parse={(text) => parseTime(text, utc) ?? undefined}
    onChange={(from) => { if (from < end) change({ end, range: end - from }); }} />;
}

export function GraphControls({ panel, utc, change }: { panel: Panel; utc: boolean; change: (part: Partial<Panel>) => void }) {
  return <div class="controls">
    <span class="joined">
      <button type="button" aria-label="Shorter range" onClick={() => change({ range: neighbourRange(panel.range, -1) })}>−</button>
      <Field label="Range" value={panel.range} width={6} format={formatDuration} parse={(text) => parseDuration(text) ?? undefined} onChange={(range) => change({ range })} />
      <button type="button" aria-label="Longer range" onClick={() => change({ range: neighbourRange(panel.range, 1) })}>+</button>
    </span>
    <span class="joined quick" role="group" aria-label="Usual ranges">
      {QUICK.map((range) => <button type="button" aria-pressed={panel.range === range && panel.end === null} onClick={() => change({ range, end: null })}>{formatDuration(range)}</button>)}
    </span>
    {panel.end !== null && <Absolute panel={panel} utc={utc} change={change} />}
    <TimeField label="End" value={panel.end} by={panel.range / 2} utc={utc} onChange={(end) => change({ end })} />
    <Field label="Step" value={panel.step} width={8} placeholder={`step ${formatDuration(automaticStep(panel.range))}`}
      format={(step) => (step === null ? "" : formatDuration(step))} parse={(text) => (text.trim() === "" ? null : parseDuration(text) ?? undefined)} onChange={(step) => change({ step })} />
    <Choice label="Kind of graph" value={panel.mode} options={MODES} onChange={(mode) => change({ mode })} />
    <button type="button" aria-pressed={panel.zero} onClick={() => change({ zero: !panel.zero })} title="The axis begins at zero">From 0</button>
    <button type="button" aria-pressed={panel.exemplars} onClick={() => change({ exemplars: !panel.exemplars })}>Exemplars</button>
  </div>;
}
