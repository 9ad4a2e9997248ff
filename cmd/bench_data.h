#pragma once
/*
 * bench_data.h - inside of cmd and benchmarks: the series every measurement uses, and their values. The one
 * place that knows the mix of benchmarks/README.md.
 *
 * A target is series_count lines; line i's text never changes, its value is a pure function of (seed, target,
 * line, tick). Scrape pages, remote-write bodies and the batches of `tsdb bench write` are made of it.
 */
#include "lib/base/buf.h"

enum data_shape { COUNTER_INT, COUNTER_SECONDS, GAUGE_INT, GAUGE_DECIMAL, BUCKET, BUCKET_SUM, BUCKET_COUNT };
enum data_pace { EVERY_TICK, EVERY_THIRD, NEVER };

struct data_line {
    size_t head_at, text_at, end; /* in the target's text: HELP and TYPE where due, then name and labels */
    uint64_t key;                 /* decides base value, step and phase */
    enum data_shape shape;
    enum data_pace pace;
    int bucket;
};

struct data_target {
    struct buf text;
    struct data_line *lines;
    size_t series_count;
    uint64_t seed;
};

/* a decimal number: digits / 10^decimals */
struct data_value {
    int64_t digits;
    unsigned decimals;
};

void data_target_init(struct data_target *target, uint64_t number, size_t series_count, uint64_t seed);
void data_target_release(struct data_target *target);

struct data_value data_value(const struct data_line *line, int64_t tick);
double data_value_double(struct data_value value);
void data_value_put(struct buf *text, struct data_value value);
