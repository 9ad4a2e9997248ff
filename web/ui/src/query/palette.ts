// palette.ts - colours that colour-blind people can tell apart (after Okabe and Ito, adjusted to each background);
// from the ninth line on dashes tell lines of one colour apart.
import { isDark } from "../settings.ts";

const LIGHT = ["#0072b2", "#d55e00", "#008f68", "#a8488f", "#8a6d00", "#2f96cc", "#4d4d4d", "#b3261e"];
const DARK = ["#56b4e9", "#e69f00", "#2fc79a", "#e08bc4", "#f0e442", "#6f9bff", "#c9c9c9", "#ff8a65"];
const DASHES: number[][] = [[], [8, 4], [2, 3], [10, 3, 2, 3]];

export function lineColour(index: number): string {
  const colours = isDark() ? DARK : LIGHT;
  return colours[index % colours.length]!;
}

export function lineDash(index: number): number[] {
  return DASHES[Math.floor(index / LIGHT.length) % DASHES.length]!;
}

const HEAT_LIGHT = [[238, 240, 228], [190, 221, 200], [112, 186, 186], [52, 139, 174], [36, 88, 150], [28, 36, 96]];
const HEAT_DARK = [[32, 36, 62], [34, 78, 124], [38, 128, 156], [84, 186, 152], [180, 220, 130], [250, 244, 178]];

/** 0..1 on a scale whose lightness goes one way only: readable without telling hues apart. */
export function heatColour(share: number): string {
  const stops = isDark() ? HEAT_DARK : HEAT_LIGHT;
  const place = Math.min(Math.max(share, 0), 1) * (stops.length - 1);
  const at = Math.min(Math.floor(place), stops.length - 2);
  return `rgb(${stops[at]!.map((from, i) => Math.round(from + (stops[at + 1]![i]! - from) * (place - at))).join(" ")})`;
}
