#pragma once
/*
 * bench_series.h - inside of cmd: what `tsdb bench write` ingests.
 *
 *     scrape 0, 1, 2 ...     group 0 [1,000 series]   group 1 [1,000 series] ...      one batch each
 *
 * Either the lines of a file in the text format, whose values grow by one a scrape, or, without a file, the
 * targets of bench_data.h with a job and an instance.
 */
#include "cmd/bench_data.h"
#include "lib/base/vec.h"
#include "lib/model/appender.h"

#define BENCH_GROUP 1000u /* series of a batch */

struct bench_group {
    struct series_ref refs[BENCH_GROUP];
    double values[BENCH_GROUP];   /* of a file: those of its lines */
    struct data_target generated; /* no lines: of a file */
    size_t count;
};

struct bench_series {
    VEC(struct bench_group *) groups;
    size_t count;
};

/* makes at most max_series series known to the appender; path NULL: generated */
int bench_series_open(struct bench_series *series, const char *path, size_t max_series,
                      struct appender *appender, struct err *err);
void bench_series_close(struct bench_series *series);
/* of one scrape; time_ms / step_ms is the tick of generated values */
double bench_series_value(const struct bench_group *group, size_t index, size_t scrape, int64_t tick);
