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

/** 0..1 on a scale that gets evenly lighter (or darker, on white): readable without telling hues apart. */
export function heatColour(share: number): string {
  const hue = 265 - 215 * share;
  return isDark() ? `hsl(${hue} 75% ${22 + 53 * share}%)` : `hsl(${hue} 70% ${90 - 62 * share}%)`;
}
