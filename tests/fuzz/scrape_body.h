#pragma once
/*
 * scrape_body.h - any bytes as the body of a scrape, twice, into a store that keeps nothing: no crash, every
 * row has a series, every histogram is one.
 *
 * The first byte is the job's switches: 1 always classic, 2 convert, 4 native, 8 a bucket limit.
 */
#include "lib/base/assert.h"
#include "lib/model/histogram.h"
#include "lib/scrape/body.h"

#include <stdio.h>

static int scrape_body_resolve(struct appender *appender, const struct labels *sets, size_t count,
                               struct series_ref *refs, bool *created, struct err *err) {
    (void)appender, (void)created, (void)err;
    for (size_t i = 0; i < count; i++) {
        ASSERT(labels_get(sets[i], SPAN(LABEL_NAME)).len > 0);
        for (uint32_t k = 1; k < sets[i].count; k++)
            ASSERT(span_compare(sets[i].items[k - 1].name, sets[i].items[k].name) < 0);
        refs[i] = (struct series_ref){(uint32_t)i, 1};
    }
    return 0;
}

static inline struct target *scrape_body_target(unsigned switches) {
    static struct config_errors errors;
    struct config *config;
    struct target *target;
    char text[512];
    snprintf(text, sizeof text,
             "scrape_configs:\n- job_name: j\n  scrape_native_histograms: %s\n"
             "  convert_classic_histograms_to_nhcb: %s\n  always_scrape_classic_histograms: %s\n"
             "  native_histogram_bucket_limit: %d\n",
             switches & 4 ? "true" : "false", switches & 2 ? "true" : "false",
             switches & 1 ? "true" : "false", switches & 8 ? 4 : 0);
    ASSERT(config_load_text(span_from(text), "fuzz.yml", &config, &errors) == 0);
    static const struct label address[] = {{SPAN("__address__"), SPAN("h:1")}};
    ASSERT(target_create(config, &config->scrape_configs.items[0], (struct labels){address, 1}, &target,
                         NULL) == 0);
    config_unref(config);
    return target;
}

static inline void scrape_body_once(struct target *target, enum expose_format format, struct span body) {
    static const struct appender_ops ops = {.resolve = scrape_body_resolve};
    static const struct scrape_limits limits = {.samples = 100000, .labels = 100, .label_bytes = 10000};
    struct appender appender = {&ops};
    struct body_counts counts = {0};
    struct err err = {0};
    struct append_batch *batch = append_batch_create(1, false, NULL, NULL);
    batch->time_ms = 1000;
    int rc = body_append(target, &appender, format, body, &limits, 1000, &batch, &counts, &err);
    ASSERT(rc == 0 || err.text[0]);
    for (size_t i = 0; i < batch->count && !rc; i++) {
        ASSERT(batch->refs[i].generation != 0);
        if (batch->histograms && batch->histograms[i])
            ASSERT(histogram_check(batch->histograms[i], NULL) == 0);
    }
    if (rc) cache_clear(&target->cache);
    append_batch_destroy(batch);
}

static inline int scrape_body_fuzz(enum expose_format format, const uint8_t *data, size_t size) {
    static struct target *targets[16];
    if (!size) return 0;
    struct target **target = &targets[data[0] & 15];
    if (!*target) *target = scrape_body_target(data[0]);
    for (int round = 0; round < 2; round++)
        scrape_body_once(*target, format, span_of((const char *)data + 1, size - 1));
    return 0;
}
