// run.ts - a query with its life: running, answered, failed, cancelled.
import { useCallback, useEffect, useRef, useState } from "preact/hooks";

import { ApiError, post, STARTING_RETRY_MS, type Answer, type Parameters, type QueryResult } from "../api.ts";

export interface Run {
  answer: Answer<QueryResult> | null;
  asked: Parameters | null; // what the answer answers
  error: Error | null;
  isRunning: boolean;
  run: (path: string, parameters: Parameters) => void;
  cancel: () => void;
}

export function useRun(): Run {
  const [state, setState] = useState<Omit<Run, "run" | "cancel">>({ answer: null, asked: null, error: null, isRunning: false });
  const current = useRef<AbortController | null>(null);
  const run = useCallback((path: string, parameters: Parameters) => {
    current.current?.abort();
    const abort = new AbortController();
    current.current = abort;
    setState((old) => ({ ...old, isRunning: true }));
    post<QueryResult>(path, parameters, abort.signal).then(
      (answer) => { if (!abort.signal.aborted) setState({ answer, asked: parameters, error: null, isRunning: false }); },
      (error) => {
        if (abort.signal.aborted) return;
        setState({ answer: null, asked: null, error, isRunning: false });
        if (!(error instanceof ApiError && error.isStarting)) return;
        const timer = setTimeout(() => run(path, parameters), STARTING_RETRY_MS);
        abort.signal.addEventListener("abort", () => clearTimeout(timer));
      });
  }, []);
  const cancel = useCallback(() => {
    current.current?.abort();
    setState((old) => ({ ...old, isRunning: false, error: new Error("The query was cancelled.") }));
  }, []);
  useEffect(() => () => current.current?.abort(), []);
  return { ...state, run, cancel };
}
