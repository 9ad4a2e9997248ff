// dialogs.tsx - the metrics explorer and the history: lists to search and take from.
import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";

import { Badge, Search } from "../parts/common.tsx";
import { forgetHistory, readHistory } from "../settings.ts";
import { findMetrics, type FoundMetric } from "./client.ts";

const SHOWN_MAX = 200;
const TYPING_MS = 150;

function Dialog({ title, onClose, children }: { title: string; onClose: () => void; children: ComponentChildren }) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => { dialog.current!.showModal(); }, []);
  return <dialog ref={dialog} aria-label={title} onClose={onClose} onClick={(event) => { if (event.target === dialog.current) onClose(); }}>
    <div class="dialoghead"><h2>{title}</h2><button type="button" class="quiet" aria-label="Close" onClick={onClose}>✕</button></div>
    {children}
  </dialog>;
}

export function Explorer({ onTake, onClose }: { onTake: (name: string) => void; onClose: () => void }) {
  const [text, setText] = useState("");
  const [found, setFound] = useState<FoundMetric[] | null>(null);
  useEffect(() => {
    let isLate = false;
    const timer = setTimeout(() => void findMetrics(text, SHOWN_MAX + 1).then((next) => { if (!isLate) setFound(next); }), found === null ? 0 : TYPING_MS);
    return () => { isLate = true; clearTimeout(timer); };
  }, [text]);
  return <Dialog title="Metrics" onClose={onClose}>
    <Search value={text} onChange={setText} placeholder="Search metrics" />
    <ul class="picks">{(found ?? []).slice(0, SHOWN_MAX).map(({ name, type, help }) => <li><button type="button" onClick={() => onTake(name)}>
      <span class="series"><b>{name}</b></span>{type && <Badge kind="none">{type}</Badge>}{help && <span class="help">{help}</span>}
    </button></li>)}</ul>
    <p class="note" role="status">{found === null ? "Loading …" : found.length === 0 ? "No metric has this in its name." : found.length > SHOWN_MAX ? `The first ${SHOWN_MAX} are shown.` : ""}</p>
  </Dialog>;
}

export function History({ onTake, onClose }: { onTake: (expression: string) => void; onClose: () => void }) {
  const [text, setText] = useState("");
  const found = readHistory().filter((expression) => expression.toLowerCase().includes(text.toLowerCase()));
  return <Dialog title="History" onClose={onClose}>
    <Search value={text} onChange={setText} placeholder="Search expressions" />
    <ul class="picks">{found.map((expression) => <li><button type="button" onClick={() => onTake(expression)}><code>{expression}</code></button></li>)}</ul>
    {found.length === 0 ? <p class="note">Nothing here yet.</p> : <p><button type="button" class="quiet" onClick={() => { forgetHistory(); onClose(); }}>Forget all</button></p>}
  </Dialog>;
}
