#include "promql/rules/output.h"

#include "lib/base/mem.h"
#include "lib/model/sample.h"

struct labels labels_own(struct labels labels) {
    size_t bytes = labels.count * sizeof(struct label) + 1;
    for (uint32_t i = 0; i < labels.count; i++) bytes += labels.items[i].name.len + labels.items[i].value.len;
    struct label *items = mem_alloc(bytes);
    char *text = (char *)(items + labels.count);
    for (uint32_t i = 0; i < labels.count; i++) {
        struct span parts[2] = {labels.items[i].name, labels.items[i].value};
        for (int k = 0; k < 2; k++) {
            if (parts[k].len) memcpy(text, parts[k].ptr, parts[k].len);
            parts[k].ptr = text;
            text += parts[k].len;
        }
        items[i] = (struct label){parts[0], parts[1]};
    }
    return (struct labels){items, labels.count};
}

static bool identity_equal(uint32_t i, const void *key, const void *context) {
    const struct outputs *outputs = context;
    const struct hash128 *a = &outputs->items.items[i]->identity, *b = key;
    return a->low == b->low && a->high == b->high;
}

static void output_destroy(struct output *output) {
    mem_free((void *)output->labels.items);
    mem_free(output);
}

void outputs_release(struct outputs *outputs) {
    for (size_t i = 0; i < outputs->items.count; i++) output_destroy(outputs->items.items[i]);
    vec_release(&outputs->items);
    map_release(&outputs->index);
}

void outputs_begin(struct outputs *outputs) {
    outputs->round++;
    outputs->added = 0;
}

int outputs_add(struct outputs *outputs, struct appender *appender, struct labels labels, double value,
                const struct histogram *histogram, struct err *err) {
    struct hash128 identity = labels_identity(labels);
    uint32_t i = map_find(&outputs->index, identity.low, &identity, identity_equal, outputs);
    struct output *output;
    if (i == MAP_NONE) {
        struct series_ref ref;
        int rc = appender_resolve(appender, &labels, 1, &ref, NULL, err);
        if (rc) return rc;
        output = mem_zalloc(sizeof *output);
        *output = (struct output){.identity = identity, .labels = labels_own(labels), .ref = ref};
        map_insert(&outputs->index, identity.low, (uint32_t)outputs->items.count);
        *vec_push(&outputs->items) = output;
    } else {
        output = outputs->items.items[i];
        if (output->round == outputs->round) return err_set(err, ERR_EXISTS, "same labelset");
    }
    output->round = outputs->round;
    output->value = value;
    output->histogram = histogram;
    outputs->added++;
    return 0;
}

static void remove_at(struct outputs *outputs, size_t i) {
    struct output *output = outputs->items.items[i];
    size_t last = outputs->items.count - 1;
    map_remove(&outputs->index, output->identity.low, (uint32_t)i);
    if (i != last) {
        struct output *moved = outputs->items.items[last];
        map_remove(&outputs->index, moved->identity.low, (uint32_t)last);
        map_insert(&outputs->index, moved->identity.low, (uint32_t)i);
        outputs->items.items[i] = moved;
    }
    outputs->items.count = last;
    output_destroy(output);
}

/* ---- batches ---- */

void output_batch_init(struct output_batch *batch) {
    mutex_init(&batch->lock);
    condition_init(&batch->done);
}

void output_batch_release(struct output_batch *batch) {
    if (batch->batch) append_batch_destroy(batch->batch);
    vec_release(&batch->rows);
    condition_release(&batch->done);
    mutex_release(&batch->lock);
}

/* on a thread of the store */
static void on_done(struct append_batch *done) {
    struct output_batch *batch = done->context;
    mutex_lock(&batch->lock);
    batch->is_done = true;
    condition_signal(&batch->done);
    mutex_unlock(&batch->lock);
}

static int add_row(struct output_batch *batch, struct output *output, struct series_ref ref, double value,
                   const struct histogram *histogram, int64_t time_ms, struct err *err) {
    if (!batch->batch) {
        batch->batch = append_batch_create(64, false, on_done, batch);
        batch->batch->time_ms = time_ms;
        batch->batch->is_urgent = true; /* a thread of the rules waits */
    }
    int rc = 0;
    if (histogram)
        rc = append_batch_add_histogram(batch->batch, ref, histogram, time_ms, err);
    else
        append_batch_add(batch->batch, ref, value, time_ms);
    if (!rc) *vec_push(&batch->rows) = output;
    return rc;
}

int outputs_end(struct outputs *outputs, struct output_batch *batch, int64_t time_ms, struct err *err) {
    int rc = 0;
    for (size_t i = outputs->items.count; i-- > 0 && !rc;) {
        struct output *output = outputs->items.items[i];
        if (output->round != outputs->round) {
            if (output->is_written) rc = add_row(batch, NULL, output->ref, value_stale(), NULL, time_ms, err);
            remove_at(outputs, i);
            continue;
        }
        rc = add_row(batch, output, output->ref, output->value, output->histogram, time_ms, err);
        output->histogram = NULL;
        output->is_written = true;
    }
    return rc;
}

static int write_batch(struct output_batch *batch, struct appender *appender, struct err *err) {
    batch->is_done = false;
    appender_append(appender, batch->batch);
    mutex_lock(&batch->lock);
    while (!batch->is_done) condition_wait(&batch->done, &batch->lock);
    mutex_unlock(&batch->lock);
    return batch->batch->rc ? err_set(err, batch->batch->rc, "the store refused the samples: %s",
                                      err_name(batch->batch->rc))
                            : 0;
}

/* rows of series that had left the store meanwhile, once more with new references */
static int write_again(struct output_batch *batch, struct append_batch *old, struct appender *appender,
                       struct err *err) {
    size_t count = batch->rows.count;
    int rc = 0;
    for (size_t i = 0; i < count && !rc; i++) {
        struct output *output = batch->rows.items[i];
        if (old->results[i] != APPEND_NO_SERIES || !output) continue;
        rc = appender_resolve(appender, &output->labels, 1, &output->ref, NULL, err);
        const struct histogram *histogram = old->histograms ? old->histograms[i] : NULL;
        if (!rc) rc = add_row(batch, output, output->ref, old->values[i], histogram, old->time_ms, err);
    }
    return rc || !batch->batch ? rc : write_batch(batch, appender, err);
}

int output_batch_flush(struct output_batch *batch, struct appender *appender, size_t *refused,
                       struct err *err) {
    *refused = 0;
    if (!batch->batch) return 0;
    int rc = write_batch(batch, appender, err);
    struct append_batch *old = batch->batch;
    bool again = false;
    for (size_t i = 0; i < old->count && !rc; i++) {
        if (old->results[i] == APPEND_NO_SERIES)
            again |= batch->rows.items[i] != NULL;
        else
            *refused += old->results[i] != APPEND_STORED && old->results[i] != APPEND_REPEATED;
    }
    batch->batch = NULL;
    if (again) rc = write_again(batch, old, appender, err);
    append_batch_destroy(old);
    if (batch->batch) append_batch_destroy(batch->batch);
    batch->batch = NULL;
    batch->rows.count = 0;
    return rc;
}
