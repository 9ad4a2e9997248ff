// discovery.tsx - what was found, what became of it, and which relabelling rule did it.
import { useState } from "preact/hooks";

import { get, useApi } from "../api.ts";
import { counted } from "../format.ts";
import type { Labels } from "../labels.ts";
import { Badge, Content, LabelList, Page, Problem, Search, useMore } from "../parts/common.tsx";
import { useParameter } from "../parts/router.tsx";
import { byPool, type TargetList } from "./targets.tsx";

interface Found { scrapePool: string; discovered: Labels; labels: Labels | null } // null: dropped
interface Step { rule: Record<string, unknown>; output: Labels; keep: boolean }

const ROWS_STEP = 50;

function Steps({ found }: { found: Found }) {
  const [steps, setSteps] = useState<Step[] | null>(null);
  const [error, setError] = useState<Error | null>(null);
  const load = () => get<{ steps: Step[] }>("targets/relabel_steps", { scrapePool: found.scrapePool, labels: JSON.stringify(found.discovered) })
    .then(({ data }) => setSteps(data.steps), setError);
  if (error) return <Problem error={error} what="relabelling steps" />;
  if (!steps) return <button type="button" class="quiet" onClick={load}>Relabelling steps</button>;
  if (steps.length === 0) return <p class="note">This job has no relabelling rules.</p>;
  const drop = steps.findIndex((step) => !step.keep);
  const lived = drop < 0 ? steps : steps.slice(0, drop + 1);
  return <ol class="steps">{lived.map((step) => <li>
    <code>{Object.entries(step.rule).map(([name, value]) => `${name}: ${Array.isArray(value) ? value.join(", ") : String(value)}`).join("   ")}</code>
    {step.keep ? <LabelList labels={step.output} /> : <Badge kind="bad">dropped here</Badge>}
  </li>)}</ol>;
}

function Pool({ name, list, kept, dropped }: { name: string; list: Found[]; kept: number; dropped: number }) {
  const [shown, more] = useMore(ROWS_STEP);
  return <details class="group" open>
    <summary><h2>{name}</h2><Badge kind="none">{kept} of {kept + dropped} kept</Badge></summary>
    <div class="scroll"><table>
      <thead><tr><th scope="col">Discovered labels</th><th scope="col">Target labels</th></tr></thead>
      <tbody>{list.slice(0, shown).map((found) => <tr>
        <td><LabelList labels={found.discovered} /></td>
        <td>{found.labels ? <LabelList labels={found.labels} /> : <Badge kind="warn">dropped</Badge>}<Steps found={found} /></td>
      </tr>)}</tbody>
    </table></div>{more(list.length)}
  </details>;
}

function foundOf(data: TargetList): Found[] {
  return [
    ...data.activeTargets.map((target) => ({ scrapePool: target.scrapePool, discovered: target.discoveredLabels, labels: target.labels })),
    ...data.droppedTargets.map((target) => ({ scrapePool: target.scrapePool ?? target.discoveredLabels.job ?? "", discovered: target.discoveredLabels, labels: null })),
  ];
}

export function Discovery() {
  const loaded = useApi<TargetList>("targets", { state: "any" });
  const [text, setText] = useParameter("search");
  return <Page title="Service discovery" aside={<Search value={text} onChange={setText} placeholder="Filter by label" />}>
    <Content loaded={loaded} what="targets">{(data) => {
      const all = foundOf(data);
      const wanted = all.filter(({ discovered, labels }) => JSON.stringify([discovered, labels]).toLowerCase().includes(text.toLowerCase()));
      return <>
        <p class="summary" role="status">{counted(wanted.length, "target")} of {all.length}</p>
        {byPool(wanted).map(([name, list]) => {
          const kept = all.filter((found) => found.scrapePool === name && found.labels).length;
          return <Pool key={name} name={name} list={list} kept={kept} dropped={data.droppedTargetCounts?.[name] ?? 0} />;
        })}
        {all.length === 0 && <p class="note">Nothing was discovered.</p>}
      </>;
    }}</Content></Page>;
}
