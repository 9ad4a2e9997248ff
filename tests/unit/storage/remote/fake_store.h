#pragma once
/* fake_store.h - an appender that keeps rows as text, and judges them by their time. */
#include "lib/base/mem.h"
#include "lib/base/vec.h"
#include "lib/model/appender.h"

#define FAKE_NOW 1000000

struct fake_store {
    struct appender port;
    VEC(struct labels) series;
    VEC(uint32_t) generations;
    struct arena arena;
    struct buf rows; /* {a="b"} value@time\n ... */
    size_t resolved, batches, max_series, holds;
    int rc;       /* of the next batch */
    bool forgets; /* it breaks its word: the first series of a batch leaves in spite of the hold */
};

static inline int fake_resolve_one(struct fake_store *store, struct labels labels, struct series_ref *ref,
                                   struct err *err) {
    size_t i = 0;
    while (i < store->series.count && !labels_equal(store->series.items[i], labels)) i++;
    if (i == store->series.count) {
        if (store->max_series && i >= store->max_series) return err_set(err, ERR_LIMIT, "too many series");
        struct labels copy;
        labels_copy(labels, &store->arena, &copy, NULL);
        *vec_push(&store->series) = copy;
        *vec_push(&store->generations) = 1;
    }
    *ref = (struct series_ref){(uint32_t)i, store->generations.items[i]};
    return 0;
}

static inline int fake_resolve(struct appender *appender, const struct labels *label_sets, size_t count,
                               struct series_ref *refs, bool *created, struct err *err) {
    struct fake_store *store = (struct fake_store *)appender;
    (void)created;
    store->resolved += count;
    struct series_ref *found = mem_array(count + 1, sizeof *found);
    int rc = 0;
    for (size_t i = 0; i < count && !rc; i++) rc = fake_resolve_one(store, label_sets[i], &found[i], err);
    if (!rc) memcpy(refs, found, count * sizeof *refs);
    mem_free(found);
    return rc;
}

static inline enum append_result fake_judge(const struct fake_store *store, struct series_ref ref,
                                            int64_t time_ms) {
    if (ref.generation == 0 || store->generations.items[ref.slot] != ref.generation) return APPEND_NO_SERIES;
    if (time_ms > FAKE_NOW) return APPEND_OUT_OF_BOUNDS;
    if (time_ms == 1) return APPEND_DUPLICATE;
    if (time_ms == 2) return APPEND_OUT_OF_ORDER;
    if (time_ms == 3) return APPEND_TOO_OLD;
    return time_ms == 4 ? APPEND_REPEATED : APPEND_STORED;
}

static inline struct append_hold fake_hold(struct appender *appender) {
    ((struct fake_store *)appender)->holds++;
    return (struct append_hold){0};
}

static inline void fake_let_go(struct appender *appender, struct append_hold hold) {
    (void)hold;
    ((struct fake_store *)appender)->holds--;
}

static inline void fake_confirm(struct appender *appender, struct series_ref *refs, size_t count) {
    const struct fake_store *store = (struct fake_store *)appender;
    for (size_t i = 0; i < count; i++)
        if (refs[i].generation != 0 && store->generations.items[refs[i].slot] != refs[i].generation)
            refs[i] = (struct series_ref){0};
}

static inline void fake_append(struct appender *appender, struct append_batch *batch) {
    struct fake_store *store = (struct fake_store *)appender;
    store->batches++;
    batch->rc = store->rc;
    if (!batch->results) batch->results = mem_array(batch->count, 1);
    if (store->forgets) store->generations.items[batch->refs[0].slot]++;
    for (size_t i = 0; i < batch->count && !batch->rc; i++) {
        int64_t time_ms = batch->times_ms ? batch->times_ms[i] : batch->time_ms;
        batch->results[i] = (uint8_t)fake_judge(store, batch->refs[i], time_ms);
        if (batch->results[i] != APPEND_STORED) continue;
        labels_write(store->series.items[batch->refs[i].slot], &store->rows);
        const struct histogram *h = batch->histograms ? batch->histograms[i] : NULL;
        if (h)
            buf_printf(&store->rows, " histogram schema %d count %g sum %g buckets", h->schema, h->count,
                       h->sum);
        for (uint32_t b = 0; h && b < h->positive.count; b++)
            buf_printf(&store->rows, " %g", h->positive.counts[b]);
        if (!h) buf_printf(&store->rows, " %g", batch->values[i]);
        buf_printf(&store->rows, "@%lld\n", (long long)time_ms);
    }
    batch->done(batch);
}

static inline void fake_store_init(struct fake_store *store) {
    static const struct appender_ops ops = {.resolve = fake_resolve,
                                            .append = fake_append,
                                            .hold = fake_hold,
                                            .let_go = fake_let_go,
                                            .confirm = fake_confirm};
    *store = (struct fake_store){.port = {&ops}};
    arena_init(&store->arena, (size_t)1 << 30, NULL);
    buf_init(&store->rows, (size_t)1 << 30);
}

static inline void fake_store_release(struct fake_store *store) {
    vec_release(&store->series);
    vec_release(&store->generations);
    arena_release(&store->arena);
    buf_release(&store->rows);
}
