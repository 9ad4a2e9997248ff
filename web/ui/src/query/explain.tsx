// explain.tsx - the expression as a tree, each part evaluated for itself: its series, the samples it read, its time.
import { useEffect, useState } from "preact/hooks";

import { get, post, type QueryResult } from "../api.ts";
import { groupDigits } from "../format.ts";
import { Problem } from "../parts/common.tsx";
import { readableDuration } from "../time.ts";

interface Node { type: string; start: number; end: number; expr?: Node; param?: Node | null; lhs?: Node; rhs?: Node; args?: Node[]; func?: { returnType: string } }
interface Part { text: string; node: Node; depth: number }
interface Outcome { series: number; samples: number; seconds: number; error?: string }

const childrenOf = (node: Node): Node[] =>
  [node.param, node.expr, node.lhs, node.rhs, ...(node.args ?? [])].filter((child): child is Node => Boolean(child));

/** Depth first, as read. Positions are bytes of UTF-8. */
export function partsOf(root: Node, text: string): Part[] {
  const bytes = new TextEncoder().encode(text);
  const decoder = new TextDecoder();
  const parts: Part[] = [];
  const add = (node: Node, depth: number) => {
    parts.push({ text: decoder.decode(bytes.subarray(node.start, node.end)), node, depth });
    for (const child of childrenOf(node)) add(child, depth + 1);
  };
  add(root, 0);
  return parts;
}

/** A range cannot be answered as such in few bytes: whether each of its series is there reads the same samples. */
function questionOf({ node, text }: Part): string | null {
  if (node.type === "matrixSelector" || node.type === "subquery") return `present_over_time(${text})`;
  return node.type === "numberLiteral" || node.type === "stringLiteral" ? null : text;
}

async function outcomeOf(question: string, time: number, signal: AbortSignal): Promise<Outcome> {
  try {
    const { data } = await post<QueryResult>("query", { query: question, time, stats: "true" }, signal);
    return {
      series: data.resultType === "vector" || data.resultType === "matrix" ? data.result.length : 1,
      samples: data.stats?.samples.totalQueryableSamples ?? 0, seconds: data.stats?.timings.evalTotalTime ?? 0,
    };
  } catch (error) {
    return { series: 0, samples: 0, seconds: 0, error: (error as Error).message };
  }
}

export function Explain({ expression, time }: { expression: string; time: number }) {
  const [parts, setParts] = useState<Part[]>([]);
  const [outcomes, setOutcomes] = useState<Map<Part, Outcome>>(new Map());
  const [error, setError] = useState<Error | null>(null);
  useEffect(() => {
    const abort = new AbortController();
    const run = async () => {
      setError(null);
      const { data } = await get<Node>("parse_query", { query: expression }, abort.signal);
      const found = partsOf(data, expression);
      setParts(found);
      setOutcomes(new Map());
      for (const part of [...found].reverse()) {
        const question = questionOf(part);
        if (question === null) continue;
        const outcome = await outcomeOf(question, time, abort.signal);
        if (abort.signal.aborted) return;
        setOutcomes((old) => new Map(old).set(part, outcome));
      }
    };
    run().catch((reason) => { if (!abort.signal.aborted) setError(reason); });
    return () => abort.abort();
  }, [expression, time]);
  if (error) return <Problem error={error} what="trees of expressions" />;
  return <div class="scroll"><table class="explain">
    <thead><tr><th scope="col">Part</th><th scope="col" class="number">Series</th><th scope="col" class="number">Samples read</th><th scope="col" class="number">Time</th></tr></thead>
    <tbody>{parts.map((part) => {
      const outcome = outcomes.get(part);
      return <tr>
        <td><code style={{ marginLeft: `${part.depth * 1.4}em` }}>{part.text}</code>{outcome?.error && <span class="problem">{outcome.error}</span>}</td>
        <td class="number">{outcome && !outcome.error ? groupDigits(String(outcome.series)) : ""}</td>
        <td class="number">{outcome && !outcome.error ? groupDigits(String(outcome.samples)) : ""}</td>
        <td class="number">{outcome && !outcome.error ? readableDuration(outcome.seconds) : ""}</td>
      </tr>;
    })}</tbody>
  </table><p class="note">Each part is evaluated for itself; its figures include those of its parts.</p></div>;
}
