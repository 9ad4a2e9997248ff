// common.tsx - the small parts every page is made of. Text goes in as text nodes only.
import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";

import { ApiError, type Answer, type Loaded } from "../api.ts";
import { seriesText, type Labels } from "../labels.ts";
import { Replay } from "./replay.tsx";

export function Problem({ error, what }: { error: Error; what?: string }) {
  if (error instanceof ApiError && error.isMissing)
    return <p class="note">This server does not offer {what ?? "this"}: the endpoint answers “not found”.</p>;
  if (error instanceof ApiError && error.isStarting)
    return <Replay />;
  const type = error instanceof ApiError && error.type !== "http" ? `${error.type}: ` : "";
  return <p class="problem" role="alert">{type}{error.message}</p>;
}

export function Notes({ answer }: { answer: Answer<unknown> | null }) {
  if (!answer) return null;
  return <>
    {answer.warnings.length > 0 && <ul class="warnings" aria-label="Warnings">{answer.warnings.map((text) => <li>{text}</li>)}</ul>}
    {answer.infos.length > 0 && <ul class="infos" aria-label="Remarks">{answer.infos.map((text) => <li>{text}</li>)}</ul>}
  </>;
}

/** What was loaded, or why not. */
export function Content<T>({ loaded, what, children }: { loaded: Loaded<T>; what: string; children: (data: T) => ComponentChildren }) {
  return <>
    {loaded.error && <Problem error={loaded.error} what={what} />}
    {loaded.answer ? <><Notes answer={loaded.answer} />{children(loaded.answer.data)}</> : !loaded.error && <p class="note" role="status">Loading …</p>}
  </>;
}

export function Page({ title, children, aside }: { title: string; children: ComponentChildren; aside?: ComponentChildren }) {
  return <><div class="title"><h1>{title}</h1>{aside && <div class="aside">{aside}</div>}</div>{children}</>;
}

export function Badge({ kind, children }: { kind: "good" | "bad" | "warn" | "none"; children: ComponentChildren }) {
  return <span class={`badge ${kind}`}>{children}</span>;
}

export function LabelList({ labels, without = [] }: { labels: Labels; without?: string[] }) {
  const names = Object.keys(labels).filter((name) => !without.includes(name));
  return <span class="labels">{names.map((name) => <span class="label"><i>{name}</i>={JSON.stringify(labels[name])}</span>)}</span>;
}

/** A series with its name bold and its labels told apart. */
export function Series({ metric }: { metric: Labels }) {
  const text = seriesText(metric);
  const name = metric.__name__;
  if (name === undefined || !text.startsWith(name)) return <span class="series">{text}</span>;
  return <span class="series"><b>{name}</b>{text.slice(name.length)}</span>;
}

export function CopyButton({ text, what }: { text: () => string; what: string }) {
  const [done, setDone] = useState("");
  const copy = () => navigator.clipboard.writeText(text()).then(() => setDone("Copied"), () => setDone("Not allowed"))
    .finally(() => setTimeout(() => setDone(""), 1500));
  return <button type="button" class="quiet" title={`Copy ${what}`} onClick={copy}>{done || "Copy"}</button>;
}

export function Search({ value, onChange, placeholder }: { value: string; onChange: (text: string) => void; placeholder: string }) {
  return <input class="search" type="search" value={value} placeholder={placeholder} aria-label={placeholder}
    onInput={(event) => onChange(event.currentTarget.value)} />;
}

export function Choice<T extends string>({ label, value, options, onChange }: {
  label: string; value: T; options: [T, string][]; onChange: (value: T) => void;
}) {
  return <div class="choice" role="group" aria-label={label}>
    {options.map(([key, text]) => <button type="button" aria-pressed={key === value} onClick={() => onChange(key)}>{text}</button>)}
  </div>;
}

/** The first rows, and a button for more: a page of 100,000 rows freezes every browser. */
export function useMore(step: number): [number, (total: number) => ComponentChildren] {
  const [shown, setShown] = useState(step);
  return [shown, (total) => total > shown &&
    <p class="more"><button type="button" onClick={() => setShown(shown + step)}>Show more</button> {shown} of {total} shown</p>];
}
