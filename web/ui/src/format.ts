// format.ts - numbers for people.

/** As the API writes it, digits grouped when it is a whole number: "1234567" -> "1 234 567" with thin spaces. */
export function groupDigits(text: string): string {
  if (!/^-?\d{5,}$/.test(text)) return text;
  return text.replace(/\B(?=(\d{3})+(?!\d))/g, "\u202f");
}

const LARGE = ["", "k", "M", "G", "T", "P", "E"];
const SMALL = ["", "m", "µ", "n"];

/** For axes: 12500 -> "12.5k", 0.002 -> "2m", at most `digits` significant digits. */
export function shortNumber(value: number, digits = 4): string {
  if (value === 0) return "0";
  if (!Number.isFinite(value)) return Number.isNaN(value) ? "NaN" : value > 0 ? "+Inf" : "-Inf";
  const size = Math.abs(value);
  if (size >= 1e21 || size < 1e-10) return value.toExponential(2);
  if (size >= 1000) {
    const power = Math.min(Math.floor(Math.log10(size * (1 + 1e-12)) / 3), LARGE.length - 1);
    return `${plain(value / 1000 ** power, digits)}${LARGE[power]}`;
  }
  if (size >= 0.01) return plain(value, digits);
  const power = Math.min(Math.ceil(-Math.log10(size) / 3), SMALL.length - 1);
  return `${plain(value * 1000 ** power, digits)}${SMALL[power]}`;
}

function plain(value: number, digits: number): string {
  return String(Number(value.toPrecision(digits)));
}

/** For tooltips and legends: six significant digits, exponents only where they are shorter to read. */
export function valueText(value: number): string {
  if (!Number.isFinite(value)) return shortNumber(value);
  const size = Math.abs(value);
  if (size !== 0 && (size >= 1e15 || size < 1e-6)) return value.toExponential(4);
  return groupDigits(String(Number(value.toPrecision(Number.isInteger(value) ? 15 : 6))));
}

/** 1536 -> "1.5 KiB". */
export function bytesText(bytes: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let power = 0;
  while (bytes >= 1024 && power < units.length - 1) {
    bytes /= 1024;
    power++;
  }
  return `${Number(bytes.toPrecision(3))} ${units[power]}`;
}

/** 1 -> "1 row", 2 -> "2 rows". */
export function counted(count: number, one: string, many = `${one}s`): string {
  return `${groupDigits(String(count))} ${count === 1 ? one : many}`;
}
