#pragma once
/*
 * alike.h - inside of promql/eval: windows that lie alike, worked on together.
 *
 *     samples   . . . . . . . . . . . .        regular times, and steps that are a multiple of theirs
 *     windows   (. . . .] (. . . .]
 *                     (. . . .]                the same number of samples at the same gaps from the edges,
 *               |---->|                        `stride` samples from one to the next
 *
 * Most series are scraped regularly, so this is how most windows lie. The values are those of range_kernel to
 * the last bit: what is added is added in the same order, in several windows at a time.
 */
#include "promql/eval/range.h"

/* values[k] of the window k * stride samples behind the first, for k < windows; each has a value. The windows
 * have at least 2 samples; their resets are told by first->drops. */
typedef void alike_kernel(const struct window *first, size_t stride, size_t windows, double *values);

/* NULL: the function has none */
alike_kernel *alike_kernel_of(enum function_id id);
/* fn_range.c */
alike_kernel alike_rate, alike_increase, alike_delta;
