#pragma once
/*
 * stats.h - how much a query looked at, step by step, and how long it took: as Prometheus tells it.
 *
 *     selector at a step: its samples; range at a step: the samples of its windows, however often they are
 *     in others, too; a subquery's inside: all at the last step
 *
 * Counted only for who asks for it, since windows have to be gone through once more.
 */
#include "promql/eval/engine.h"

struct eval;
struct json_writer;
struct columns;
struct window_steps;

/* inside of promql/eval; no-ops unless the query counts steps. A series' windows, from any thread; */
void stats_windows(struct eval *ev, const struct columns *samples, bool fixed, int64_t first_end_ms,
                   int64_t range_ms);
/* a bit for each step that shows a sample; */
void stats_steps(struct eval *ev, const uint64_t *present);
/* samples at one step */
void stats_samples(struct eval *ev, size_t step, uint64_t count);

/* {"timings":{...},"samples":{...}}; per_step: with what each step looked at, when that was counted */
void query_stats_write(struct json_writer *json, const struct query_stats *stats, bool per_step);
