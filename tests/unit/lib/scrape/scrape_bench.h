#pragma once
/*
 * scrape_bench.h - for tests: a target of a configuration's job, bodies that it says, and the batch they
 * become.
 */
#include "lib/scrape/body.h"
#include "tests/unit/lib/scrape/fake_store.h"

#include <math.h>
#include <stdio.h>

struct scrape_bench {
    struct fake_store store;
    struct config *config;
    struct target *target;
    struct append_batch *batch;
    struct body_counts counts;
    struct err err;
};

/* options: lines of the job, indented by two */
static inline void bench_begin(struct scrape_bench *bench, const char *options) {
    static struct config_errors errors;
    char text[2048];
    *bench = (struct scrape_bench){0};
    fake_store_init(&bench->store);
    snprintf(text, sizeof text,
             "scrape_configs:\n- job_name: j\n  static_configs:\n  - {targets: ['h:1']}\n%s", options);
    int rc = config_load_text(span_from(text), "test.yml", &bench->config, &errors);
    ck_assert_msg(rc == 0, "%s", errors.count ? errors.items[0].message : "");
    static const struct label address[] = {{SPAN("__address__"), SPAN("h:1")}};
    rc = target_create(bench->config, &bench->config->scrape_configs.items[0], (struct labels){address, 1},
                       &bench->target, NULL);
    ck_assert_int_eq(rc, 0);
}

static inline void bench_end(struct scrape_bench *bench) {
    append_batch_destroy(bench->batch);
    target_destroy(bench->target);
    config_unref(bench->config);
    fake_store_release(&bench->store);
}

/* at time 1000; as the loop does it: a failed scrape leaves staleness markers only */
static inline int bench_scrape(struct scrape_bench *bench, enum expose_format format, struct span body) {
    append_batch_destroy(bench->batch);
    bench->batch = append_batch_create(1, false, NULL, NULL);
    bench->batch->time_ms = 1000;
    bench->counts = (struct body_counts){0};
    bench->err = (struct err){0};
    char *copy = mem_array(body.len, 1); /* of its exact size: the sanitizer sees a read past the end */
    if (body.len) memcpy(copy, body.ptr, body.len);
    static const struct scrape_limits limits = {.samples = 1000000};
    int rc = body_append(bench->target, &bench->store.appender, format, span_of(copy, body.len), &limits,
                         1000, &bench->batch, &bench->counts, &bench->err);
    mem_free(copy);
    if (!rc) return 0;
    append_batch_clear(bench->batch);
    body_append_stale(bench->target, bench->batch, 1000);
    return rc;
}

static inline void bench_put_side(struct buf *out, const char *name, const struct histogram_buckets *side) {
    if (side->span_count) buf_printf(out, " %s", name);
    for (uint32_t i = 0; i < side->span_count; i++)
        buf_printf(out, "%s%d:%u", i ? "," : "", side->spans[i].offset, side->spans[i].length);
    for (uint32_t i = 0; i < side->count; i++) buf_printf(out, "%s%g", i ? "," : "=", side->counts[i]);
}

static inline void bench_put_histogram(struct buf *out, const struct histogram *h) {
    buf_printf(out, "%s%s schema=%d count=%g sum=%g zero=%g,%g", h->is_integer ? "whole" : "float",
               h->reset == HISTOGRAM_RESET_GAUGE ? " gauge" : "", h->schema, h->count, h->sum,
               h->zero_threshold, h->zero_count);
    bench_put_side(out, "-", &h->negative);
    bench_put_side(out, "+", &h->positive);
    for (uint32_t i = 0; i < h->bound_count; i++) buf_printf(out, "%s%g", i ? "," : " bounds=", h->bounds[i]);
}

/* Does a row say what its own labels are? Without those of the target. */
static inline void bench_put_series(struct buf *out, const char *series) {
    static const char own[] = "instance=\"h:1\", job=\"j\"";
    const char *at = strstr(series, own);
    ck_assert_ptr_nonnull(at);
    buf_append(out, series, (size_t)(at - series));
    buf_puts(out, at + strlen(own));
}

/* the rows in lines: series value @time #exemplar */
static inline void bench_rows(struct scrape_bench *bench, struct buf *out) {
    const struct append_batch *batch = bench->batch;
    buf_reset(out);
    for (size_t i = 0; i < batch->count; i++) {
        bench_put_series(out, bench->store.series.items[batch->refs[i].slot]);
        buf_putc(out, ' ');
        if (batch->histograms && batch->histograms[i])
            bench_put_histogram(out, batch->histograms[i]);
        else if (value_is_stale(batch->values[i]))
            buf_puts(out, "stale");
        else
            buf_printf(out, "%g", batch->values[i]);
        int64_t time_ms = batch->times_ms ? batch->times_ms[i] : batch->time_ms;
        if (time_ms != 1000) buf_printf(out, " @%lld", (long long)time_ms);
        for (size_t k = 0; k < batch->exemplar_count; k++)
            if (batch->exemplars[k].row == i)
                buf_printf(out, " #%g@%lld", batch->exemplars[k].exemplar.value,
                           (long long)batch->exemplars[k].exemplar.time_ms);
        buf_putc(out, '\n');
    }
}
