// explain.tsx - the expression as a tree: what each part made, read and took while the whole ran once.
import { useEffect, useState } from "preact/hooks";

import { post, type Answer } from "../api.ts";
import { bytesText, groupDigits } from "../format.ts";
import { Problem } from "../parts/common.tsx";
import { readableDuration } from "../time.ts";

export interface PlanNode { node: string; expr: string; series: number; samples: number; bytes: number; ownSeconds: number; seconds: number; children?: PlanNode[] }

/** Depth first, as read. */
export function partsOf(node: PlanNode, depth = 0): { node: PlanNode; depth: number }[] {
  return [{ node, depth }, ...(node.children ?? []).flatMap((child) => partsOf(child, depth + 1))];
}

export function Explain({ expression, time }: { expression: string; time: number }) {
  const [answer, setAnswer] = useState<Answer<{ explain: PlanNode }> | null>(null);
  const [error, setError] = useState<Error | null>(null);
  useEffect(() => {
    const abort = new AbortController();
    setError(null);
    post<{ explain: PlanNode }>("query", { query: expression, time, explain: "true", limit: 1 }, abort.signal)
      .then(setAnswer, (reason) => { if (!abort.signal.aborted) setError(reason); });
    return () => abort.abort();
  }, [expression, time]);
  if (error) return <Problem error={error} what="plans of queries" />;
  if (!answer) return <p class="note" role="status">Running …</p>;
  return <><div class="scroll"><table class="explain">
    <thead><tr><th scope="col">Part</th><th scope="col" class="number">Series</th><th scope="col" class="number">Samples read</th><th scope="col" class="number">Memory</th><th scope="col" class="number">Own time</th><th scope="col" class="number">Time</th></tr></thead>
    <tbody>{partsOf(answer.data.explain).map(({ node, depth }) => <tr>
      <td><code style={{ marginLeft: `${depth * 1.4}em` }}>{node.expr} <span class="quietly">{node.node}</span></code></td>
      <td class="number">{groupDigits(String(node.series))}</td><td class="number">{groupDigits(String(node.samples))}</td><td class="number">{bytesText(node.bytes)}</td>
      <td class="number">{readableDuration(node.ownSeconds)}</td><td class="number">{readableDuration(node.seconds)}</td>
    </tr>)}</tbody>
  </table></div><p class="note">The query ran once. Time includes that of the parts below; samples and memory are each part's own.</p></>;
}
