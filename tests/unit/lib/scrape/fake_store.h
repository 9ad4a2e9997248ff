#pragma once
/*
 * fake_store.h - an appender for tests: series by the text of their labels, rows in the order they came.
 */
#include "lib/base/mem.h"
#include "lib/base/vec.h"
#include "lib/model/appender.h"
#include "lib/model/sample.h"
#include "lib/sys/thread.h"

#include <check.h>
#include <string.h>

struct stored_row {
    uint32_t series; /* index */
    double value;
    int64_t time_ms;
};

struct fake_store {
    struct appender appender;
    struct mutex lock;
    VEC(char *) series;
    VEC(struct stored_row) rows;
    size_t batches, resolved;
    size_t max_series; /* 0: no limit */
    uint8_t result;    /* enum append_result of every row from now on */
};

static inline uint32_t fake_store_series(struct fake_store *store, const char *text) {
    for (size_t i = 0; i < store->series.count; i++)
        if (strcmp(store->series.items[i], text) == 0) return (uint32_t)i;
    *vec_push(&store->series) = mem_strdup(text);
    return (uint32_t)store->series.count - 1;
}

static inline int fake_store_resolve(struct appender *appender, const struct labels *sets, size_t count,
                                     struct series_ref *refs, bool *created, struct err *err) {
    struct fake_store *store = (struct fake_store *)appender;
    (void)created;
    mutex_lock(&store->lock);
    bool is_full = store->max_series && store->series.count + count > store->max_series;
    for (size_t i = 0; i < count && !is_full; i++) {
        struct buf text;
        buf_init(&text, 1 << 20);
        labels_write(sets[i], &text);
        refs[i] = (struct series_ref){fake_store_series(store, buf_text(&text)), 1};
        buf_release(&text);
    }
    store->resolved += count;
    mutex_unlock(&store->lock);
    return is_full ? err_set(err, ERR_LIMIT, "no more series") : 0;
}

/* under no lock of the caller's; calls done at once */
static inline void fake_store_append(struct appender *appender, struct append_batch *batch) {
    struct fake_store *store = (struct fake_store *)appender;
    mutex_lock(&store->lock);
    batch->results = mem_array(batch->count + 1, 1);
    memset(batch->results, store->result, batch->count);
    for (size_t i = 0; i < batch->count; i++)
        *vec_push(&store->rows) = (struct stored_row){batch->refs[i].slot, batch->values[i],
                                                      batch->times_ms ? batch->times_ms[i] : batch->time_ms};
    store->batches++;
    mutex_unlock(&store->lock);
    batch->done(batch);
}

static inline void fake_store_init(struct fake_store *store) {
    static const struct appender_ops ops = {.resolve = fake_store_resolve, .append = fake_store_append};
    *store = (struct fake_store){.appender.ops = &ops};
    mutex_init(&store->lock);
}

static inline void fake_store_release(struct fake_store *store) {
    for (size_t i = 0; i < store->series.count; i++) mem_free(store->series.items[i]);
    vec_release(&store->series);
    vec_release(&store->rows);
    mutex_release(&store->lock);
}

/* how often the series was stored with this value (compared by bits: stale is stale) */
static inline size_t fake_store_count(struct fake_store *store, const char *series, double value) {
    size_t count = 0;
    mutex_lock(&store->lock);
    for (size_t i = 0; i < store->rows.count; i++)
        count += strcmp(store->series.items[store->rows.items[i].series], series) == 0 &&
                 double_bits(store->rows.items[i].value) == double_bits(value);
    mutex_unlock(&store->lock);
    return count;
}
