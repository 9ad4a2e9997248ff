#include "tests/faults/store.h"

#include "lib/base/assert.h"
#include "lib/base/bits.h"
#include "lib/sys/thread.h"
#include "tests/faults/harness.h"

#include <stdlib.h>
#include <string.h>

#define HANG_MS ((int64_t)60 * 1000)

struct row {
    uint32_t series;
    int64_t time_ms;
    double value;
};

struct flight {
    struct flight *next;
    struct store *store;
    VEC(struct row) rows;
    bool wait_sync;
    size_t sent;
    /* set by done */
    struct mutex lock;
    struct condition changed;
    bool is_done;
    size_t answered;
    int rc;
    uint8_t *results;
};

static size_t moment(const struct store *store) {
    return store->moment ? store->moment(store->context) : 0;
}

/* a batch that is done is on the disk */
static bool promises(const struct store *store, bool wait_sync) {
    return wait_sync && store->options.sync == TSDB_SYNC_ACK;
}

/* ---- open and close ---- */

void store_init(struct store *store, struct file_system *fs, struct ledger *ledger) {
    *store = (struct store){.options = {.path = "/data", .fs = fs}, .ledger = ledger, .close_promises = true};
}

void store_release(struct store *store) {
    store_close(store);
    vec_release(&store->refs);
}

int store_open(struct store *store, struct err *err) {
    ASSERT(!store->tsdb);
    store->refs.count = 0;
    if (store->before_open) store->before_open(store->context);
    return tsdb_open(&store->options, NULL, &store->tsdb, err);
}

void store_close(struct store *store) {
    if (!store->tsdb) return;
    (void)store_wait(store);
    tsdb_close(store->tsdb);
    store->tsdb = NULL;
    bool cleanly = store->close_promises && store->options.sync != TSDB_SYNC_OFF;
    ledger_closed(store->ledger, cleanly, moment(store));
}

/* ---- sending ---- */

static void on_done(struct append_batch *batch) {
    struct flight *flight = batch->context;
    size_t now = moment(flight->store);
    mutex_lock(&flight->lock);
    flight->answered = now;
    flight->rc = batch->rc;
    if (!batch->rc) memcpy(flight->results, batch->results, batch->count);
    flight->is_done = true;
    condition_broadcast(&flight->changed);
    mutex_unlock(&flight->lock);
    append_batch_destroy(batch);
}

void store_row(struct store *store, uint32_t series, int64_t time_ms, double value) {
    if (!store->filling) {
        store->filling = mem_zalloc(sizeof *store->filling);
        store->filling->store = store;
    }
    *vec_push(&store->filling->rows) = (struct row){series, time_ms, value};
}

/* false: the store takes no more series */
static bool resolve(struct store *store, uint32_t series, struct series_ref *ref) {
    while (store->refs.count <= series) *vec_push(&store->refs) = (struct series_ref){0};
    if (!store->refs.items[series].generation) {
        struct label items[LEDGER_LABELS];
        char text[LEDGER_TEXT];
        struct labels labels = ledger_labels(series, items, text);
        if (appender_resolve(tsdb_appender(store->tsdb), &labels, 1, &store->refs.items[series], NULL, NULL))
            return false;
    }
    *ref = store->refs.items[series];
    return true;
}

void store_send(struct store *store, bool wait_sync) {
    struct flight *flight = store->filling;
    if (!flight) return;
    store->filling = NULL;
    struct append_batch *batch = append_batch_create(flight->rows.count, true, on_done, flight);
    batch->wait_sync = flight->wait_sync = wait_sync;
    batch->keep_late = store->keep_late;
    store->keep_late = false;
    size_t count = 0;
    for (size_t i = 0; i < flight->rows.count; i++) {
        struct row row = flight->rows.items[i];
        struct series_ref ref;
        if (!resolve(store, row.series, &ref)) continue;
        append_batch_add(batch, ref, row.value, row.time_ms);
        flight->rows.items[count++] = row;
    }
    flight->rows.count = count;
    flight->results = mem_array(count + 1, 1);
    mutex_init(&flight->lock);
    condition_init(&flight->changed);
    struct flight **last = &store->under_way;
    while (*last) last = &(*last)->next;
    *last = flight;
    flight->sent = moment(store);
    appender_append(tsdb_appender(store->tsdb), batch);
}

/* ---- waiting ---- */

/* A sample that was there already is acknowledged like one that was stored. Those of a failed batch may be on
 * the disk all the same; they are seen only when the write worked and the sync did not. */
static struct ledger_sample sample_of(const struct store *store, const struct flight *flight, size_t i) {
    const struct row *row = &flight->rows.items[i];
    bool is_promised = promises(store, flight->wait_sync);
    bool is_there =
        !flight->rc && (flight->results[i] == APPEND_STORED || flight->results[i] == APPEND_REPEATED);
    struct ledger_sample sample = {row->time_ms, double_bits(row->value), flight->sent, MOMENT_NEVER,
                                   LEDGER_REFUSED};
    if (is_there && is_promised) sample.acknowledged = flight->answered;
    if (is_there) sample.state = is_promised ? LEDGER_SENT : LEDGER_TAKEN;
    if (flight->rc) sample.state = is_promised ? LEDGER_SENT : LEDGER_FAILED;
    return sample;
}

static void note(struct store *store, const struct flight *flight) {
    for (size_t i = 0; i < flight->rows.count; i++) {
        uint32_t series = flight->rows.items[i].series;
        ledger_add(store->ledger, series, sample_of(store, flight, i));
        if (flight->rc) continue;
        if (flight->results[i] == APPEND_NO_SERIES) store->refs.items[series].generation = 0;
        *(flight->results[i] == APPEND_STORED ? &store->stored_rows : &store->refused_rows) += 1;
    }
    store->failed_batches += flight->rc != 0;
    if (flight->rows.count > store->largest_batch) store->largest_batch = flight->rows.count;
}

static void await(struct flight *flight) {
    mutex_lock(&flight->lock);
    while (!flight->is_done)
        if (!condition_wait_ms(&flight->changed, &flight->lock, HANG_MS)) {
            fail("a batch is not answered within a minute");
            exit(finish());
        }
    mutex_unlock(&flight->lock);
}

static void destroy(struct flight *flight) {
    mutex_release(&flight->lock);
    condition_release(&flight->changed);
    mem_free(flight->results);
    vec_release(&flight->rows);
    mem_free(flight);
}

int store_wait(struct store *store) {
    int rc = 0;
    for (struct flight *next; store->under_way; store->under_way = next) {
        struct flight *flight = store->under_way;
        next = flight->next;
        await(flight);
        note(store, flight);
        if (!rc) rc = flight->rc;
        destroy(flight);
    }
    store->last_rc = rc;
    return rc;
}
