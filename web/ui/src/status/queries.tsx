// queries.tsx - what runs now, with a button to stop it, and what cost most.
import { useState } from "preact/hooks";

import { post, useApi } from "../api.ts";
import { groupDigits } from "../format.ts";
import { Choice, Content, Page, Problem } from "../parts/common.tsx";
import { useParameter } from "../parts/router.tsx";
import { formatDuration, formatTime, readableDuration } from "../time.ts";
import { Expression } from "./rules.tsx";

interface Active { id: number; query: string; client: string; begin: number; durationSeconds: number; samples: number; start: number; end: number; stepSeconds: number }
interface Top { query: string; count: number; seconds: number; samples: number }
type Order = "bySeconds" | "bySamples" | "byCount";

const REFRESH_MS = 1000;

function ActiveRow({ query, onCancel }: { query: Active; onCancel: (id: number) => void }) {
  return <tr>
    <td><Expression text={query.query} /></td>
    <td class="number">{readableDuration(query.durationSeconds)}</td><td class="number">{groupDigits(String(query.samples))}</td>
    <td>{query.stepSeconds > 0 ? `${formatTime(query.start, false)} to ${formatTime(query.end, false)}, every ${formatDuration(query.stepSeconds)}` : formatTime(query.start, false)}</td>
    <td class="client">{query.client}</td>
    <td><button type="button" onClick={() => onCancel(query.id)}>Cancel</button></td>
  </tr>;
}

export function Queries() {
  const active = useApi<Active[]>("status/active_queries", {}, REFRESH_MS);
  const top = useApi<Record<Order, Top[]>>("status/top_queries", { limit: 50 }, 10 * REFRESH_MS);
  const [order, setOrder] = useParameter("order", "bySeconds");
  const [error, setError] = useState<Error | null>(null);
  const cancel = (id: number) => { post("status/active_queries/cancel", { id }).then(() => { setError(null); active.reload(); }, setError); };
  return <Page title="Queries">
    <h2>Running</h2>
    {error && <Problem error={error} />}
    <Content loaded={active} what="its running queries">{(list) => list.length === 0 ? <p class="note">No query is running.</p> :
      <div class="scroll"><table><thead><tr><th scope="col">Expression</th><th scope="col" class="number">For</th><th scope="col" class="number">Samples</th><th scope="col">Range</th><th scope="col">Client</th><th scope="col">Stop</th></tr></thead>
        <tbody>{list.map((query) => <ActiveRow key={query.id} query={query} onCancel={cancel} />)}</tbody></table></div>}</Content>
    <div class="title"><h2>What cost most since the start</h2><Choice label="Order" value={order as Order} options={[["bySeconds", "Time"], ["bySamples", "Samples"], ["byCount", "Count"]]} onChange={setOrder} /></div>
    <Content loaded={top} what="its dearest queries">{(lists) => <div class="scroll"><table>
      <thead><tr><th scope="col">Expression</th><th scope="col" class="number">Time in all</th><th scope="col" class="number">Samples</th><th scope="col" class="number">Runs</th></tr></thead>
      <tbody>{(lists[order as Order] ?? []).map((query) => <tr><td><Expression text={query.query} /></td><td class="number">{readableDuration(query.seconds)}</td>
        <td class="number">{groupDigits(String(query.samples))}</td><td class="number">{groupDigits(String(query.count))}</td></tr>)}</tbody></table></div>}</Content>
  </Page>;
}
