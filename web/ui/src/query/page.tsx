// page.tsx - the panels, and what they share. The address is the state: it is read at the start and when the reader goes back.
import { useEffect, useState } from "preact/hooks";

import { emptyPanel, PANELS_MAX, readAddress, writeAddress, type Panel, type QueryState } from "../address.ts";
import { Choice } from "../parts/common.tsx";
import { navigate, useAddress } from "../parts/router.tsx";
import { readUtc, writeUtc } from "../settings.ts";
import { formatDuration } from "../time.ts";
import { QueryPanel } from "./panel.tsx";

const REFRESHES = [0, 5, 15, 60, 300];

function useTick(seconds: number): number {
  const [tick, setTick] = useState(0);
  useEffect(() => {
    if (seconds <= 0) return;
    const timer = setInterval(() => { if (!document.hidden) setTick((n) => n + 1); }, seconds * 1000);
    return () => clearInterval(timer);
  }, [seconds]);
  return tick;
}

let nextKey = 0;

export function QueryPage() {
  useAddress();
  const localByDefault = !readUtc();
  const state = readAddress(location.search, localByDefault);
  const [keys, setKeys] = useState<number[]>(() => state.panels.map(() => nextKey++));
  const tick = useTick(state.refresh);
  const shown = state.panels.map((_, i) => keys[i] ?? i + 1e6);
  const go = (next: QueryState) => navigate(writeAddress(next, localByDefault));
  const change = (index: number, part: Partial<Panel>) => {
    const now = readAddress(location.search, localByDefault);
    go({ ...now, panels: now.panels.map((panel, i) => (i === index ? { ...panel, ...part } : panel)) });
  };
  const add = () => {
    setKeys([...shown, nextKey++]);
    go({ ...state, panels: [...state.panels, { ...emptyPanel(), tab: state.panels[state.panels.length - 1]!.tab }] });
  };
  const remove = (index: number) => {
    setKeys(shown.filter((_, i) => i !== index));
    go({ ...state, panels: state.panels.filter((_, i) => i !== index) });
  };
  const setUtc = (zone: "local" | "utc") => {
    writeUtc(zone === "utc");
    navigate(writeAddress({ ...state, utc: zone === "utc" }, zone !== "utc"));
  };
  return <>
    <div class="title"><h1>Query</h1><div class="aside">
      <label>Refresh <select value={String(state.refresh)} onChange={(event) => go({ ...state, refresh: Number(event.currentTarget.value) })}>
        {[...new Set([...REFRESHES, state.refresh])].map((seconds) => <option value={String(seconds)}>{seconds === 0 ? "never" : formatDuration(seconds)}</option>)}
      </select></label>
      <Choice label="Times" value={state.utc ? "utc" : "local"} options={[["local", "Local"], ["utc", "UTC"]]} onChange={setUtc} />
    </div></div>
    {state.panels.map((panel, i) => <QueryPanel key={shown[i]} panel={panel} utc={state.utc} tick={tick} index={i}
      change={(part) => change(i, part)} remove={state.panels.length > 1 ? () => remove(i) : undefined} />)}
    <p><button type="button" disabled={state.panels.length >= PANELS_MAX} onClick={add}>Add a panel</button></p>
  </>;
}
