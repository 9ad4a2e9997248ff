// replay.tsx - how far a server that starts has read its log.
import { useApi } from "../api.ts";

interface Replayed { min: number; max: number; current: number } // segments, all of them inclusive

const REFRESH_MS = 500;

export function Replay() {
  const { answer } = useApi<Replayed>("status/walreplay", {}, REFRESH_MS);
  const { min, max, current } = answer?.data ?? { min: 0, max: 0, current: 0 };
  return <div class="note" role="status">
    <p>The server is reading its log and will answer in a moment.</p>
    {max > 0 && <p><progress aria-label="Replay of the log" max={max - min + 1} value={current - min} /> segment {current} of {max}</p>}
  </div>;
}
