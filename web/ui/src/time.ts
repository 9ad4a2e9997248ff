// time.ts - durations as Prometheus writes them, instants as text, and the steps of graphs. Seconds everywhere.

const UNITS: [string, number][] = [
  ["y", 31536000], ["w", 604800], ["d", 86400], ["h", 3600], ["m", 60], ["s", 1], ["ms", 0.001],
];
const DURATION = /^(?:(\d+)y)?(?:(\d+)w)?(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?(?:(\d+)ms)?$/;

/** "1h30m" or plain seconds ("90", "0.5") to seconds; null when it is neither or not above zero. */
export function parseDuration(text: string): number | null {
  const trimmed = text.trim();
  if (trimmed === "") return null;
  if (/^\d+(\.\d+)?$/.test(trimmed)) return Number(trimmed) || null;
  const found = DURATION.exec(trimmed);
  if (!found) return null;
  const seconds = UNITS.reduce((sum, [, unit], i) => sum + Number(found[i + 1] ?? 0) * unit, 0);
  return seconds > 0 ? seconds : null;
}

/** 5400 -> "1h30m"; parseDuration reads it back. */
export function formatDuration(seconds: number): string {
  let rest = Math.round(seconds * 1000);
  let text = "";
  for (const [name, unit] of UNITS) {
    const size = Math.round(unit * 1000);
    if ((name === "y" || name === "w") && rest % size !== 0) continue; // 8d, not 1w1d
    const count = Math.floor(rest / size);
    if (count === 0) continue;
    text += `${count}${name}`;
    rest -= count * size;
  }
  return text || "0s";
}

/** For people: 0.0123 -> "12.3 ms", 75 -> "1m 15s". */
export function readableDuration(seconds: number): string {
  if (!Number.isFinite(seconds)) return "–";
  if (seconds < 0) return `-${readableDuration(-seconds)}`;
  if (seconds < 1e-3) return `${trim(seconds * 1e6)} µs`;
  if (seconds < 1) return `${trim(seconds * 1e3)} ms`;
  if (seconds < 60) return `${trim(seconds)} s`;
  const whole = Math.round(seconds);
  const parts: [number, string][] = [
    [Math.floor(whole / 86400), "d"], [Math.floor(whole / 3600) % 24, "h"], [Math.floor(whole / 60) % 60, "m"], [whole % 60, "s"],
  ];
  return parts.filter(([count]) => count > 0).slice(0, 2).map(([count, name]) => `${count}${name}`).join(" ");
}

/** How long before now a time of the server's was; its zero time is never. */
export function ago(time: string): string {
  const ms = Date.parse(time);
  return ms > 0 ? `${readableDuration(Math.max(Date.now() - ms, 0) / 1000)} ago` : "never";
}

function trim(value: number): string {
  return String(Number(value.toPrecision(3)));
}

const pad = (value: number, width = 2) => String(value).padStart(width, "0");

/** "2026-11-30 18:04:05" in local time or UTC. */
export function formatTime(seconds: number, utc: boolean): string {
  const date = new Date(Math.round(seconds * 1000));
  if (Number.isNaN(date.getTime())) return "–";
  const parts = utc
    ? [date.getUTCFullYear(), date.getUTCMonth() + 1, date.getUTCDate(), date.getUTCHours(), date.getUTCMinutes(), date.getUTCSeconds()]
    : [date.getFullYear(), date.getMonth() + 1, date.getDate(), date.getHours(), date.getMinutes(), date.getSeconds()];
  const [year, month, day, hour, minute, second] = parts as [number, number, number, number, number, number];
  return `${pad(year, 4)}-${pad(month)}-${pad(day)} ${pad(hour)}:${pad(minute)}:${pad(second)}`;
}

/** What formatTime wrote, also with T, without seconds, or as unix seconds; null when it is no time. */
export function parseTime(text: string, utc: boolean): number | null {
  const trimmed = text.trim();
  if (/^\d{9,}(\.\d+)?$/.test(trimmed)) return Number(trimmed);
  const found = /^(\d{4})-(\d\d)-(\d\d)(?:[ T](\d\d):(\d\d)(?::(\d\d)(?:\.\d+)?)?)?(Z)?$/.exec(trimmed);
  if (!found) return null;
  const [year, month, day, hour, minute, second] = found.slice(1, 7).map((part) => Number(part ?? 0)) as
    [number, number, number, number, number, number];
  if (month < 1 || month > 12 || day < 1 || day > 31 || hour > 23 || minute > 59 || second > 59) return null;
  const ms = utc || found[7]
    ? Date.UTC(year, month - 1, day, hour, minute, second)
    : new Date(year, month - 1, day, hour, minute, second).getTime();
  return ms / 1000;
}

const POINTS_WANTED = 250;
const POINTS_MAX = 11000; // the server's

/** The step for a range when none was given: about 250 points, whole seconds from one second on. */
export function automaticStep(range: number): number {
  const step = range / POINTS_WANTED;
  return step >= 1 ? Math.ceil(step) : Math.max(Math.ceil(step * 1000) / 1000, 0.001);
}

/** A step the server takes for this range. */
export function usableStep(range: number, wanted: number | null): number {
  const step = wanted ?? automaticStep(range);
  return Math.max(step, range / POINTS_MAX);
}

const RANGES = [60, 300, 900, 1800, 3600, 7200, 21600, 43200, 86400, 172800, 604800, 1209600, 2419200, 4838400, 15724800, 31536000, 63072000];

/** The next of the usual ranges, wider (+1) or narrower (-1). */
export function neighbourRange(range: number, direction: 1 | -1): number {
  if (direction > 0) return RANGES.find((candidate) => candidate > range) ?? range;
  return [...RANGES].reverse().find((candidate) => candidate < range) ?? range;
}
