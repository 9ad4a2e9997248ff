#pragma once
/*
 * promql_test_histogram.h - native histograms in the promqltest language.
 *
 *     {{schema:1 sum:-0.3 count:3 z_bucket:7 z_bucket_w:0.05 offset:-3 buckets:[5 10 7] n_offset:-5
 *       n_buckets:[4 5] custom_values:[1 2] counter_reset_hint:gauge}}        everything may be left out
 */
#include "cmd/promql_test.h"
#include "lib/base/buf.h"
#include "lib/model/histogram.h"

/* a histogram at the start of *rest, which is moved behind it; ERR_INVALID when it is none */
int promql_test_histogram(struct span *rest, struct arena *arena, struct test_histogram *histogram,
                          struct err *err);
/* `from` with `delta` added (sign 1) or taken away (-1); NULL when they do not mix or memory is full */
const struct histogram *promql_test_histogram_add(const struct histogram *from, const struct histogram *delta,
                                                  double sign, struct arena *arena);
void promql_test_histogram_show(struct buf *out, const struct histogram *histogram);
/* as numbers agree, field by field, without empty buckets; the reset only if it was written */
bool promql_test_histogram_agrees(const struct test_histogram *expected, const struct histogram *histogram,
                                  struct arena *arena);
/* as the judge compares numbers */
bool promql_test_numbers_agree(double a, double b);

/* Of load_with_nhcb: the custom-bucket histograms of the classic ones among the series, as series of their
 * own behind them. */
int promql_test_histograms_of_classic(struct test_command *load, struct arena *arena, struct err *err);
