#pragma once
/*
 * pair.h - inside of storage/ask: two servers that scrape the same targets, as one.
 *
 *     ours    x   x   x               x   x       every 15 s, but for a while in which we were down
 *     other     o   o   o   o   o   o   o         at other times of the same 15 s
 *     read    x   x   x     o   o     x   x       our rows, and in their gaps the other's
 *
 * A gap is more than one and a half of the series' usual step; at both ends of it half a step stays free, so
 * that no sample is there twice.
 */
#include "lib/model/queryable.h"

/* Takes both sets over, also on failure. */
int pair_set(struct series_set *own, struct series_set *other, struct budget *budget, struct series_set **set,
             struct err *err);
