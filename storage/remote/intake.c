#include "storage/remote/intake.h"

#include "lib/base/assert.h"
#include "lib/base/mem.h"
#include "lib/codec/snappy.h"
#include "lib/instrument/instrument.h"
#include "storage/remote/intake_inside.h"
#include "storage/remote/intake_labels.h"

#define REQUEST_MAGIC 0x696e7461u
#define SCRATCH_MAX ((size_t)16 << 20)
#define BYTES_PER_ROW 64 /* a guess at a series with one sample; batches grow */

/* ---- the intake ---- */

static void collect(void *context) {
    struct intake *intake = context;
    gauge_set(intake->cached, (double)series_cache_count(intake->cache));
    gauge_set(intake->in_flight, (double)atomic_load(&intake->memory.used_bytes));
}

static void add_metrics(struct intake *intake, struct registry *registry) {
    intake->registry = registry;
    intake->invalid_labels = registry_counter(
        registry, "prometheus_api_remote_write_invalid_labels_samples_total",
        "Samples and histograms received by remote write and refused because of their labels.", NULL);
    intake->cached = registry_gauge(registry, "ferula_remote_write_known_series",
                                    "Series whose labels remote write finds without decoding them.", NULL);
    intake->in_flight = registry_gauge(registry, "ferula_remote_write_in_flight_bytes",
                                       "Memory of remote write requests being received or stored.", NULL);
    registry_on_collect(registry, collect, intake);
}

struct intake *intake_create(struct registry *registry, struct budget *memory) {
    struct intake *intake = mem_zalloc(sizeof *intake);
    budget_init(&intake->memory, "memory of remote write requests", INTAKE_MEMORY, memory);
    intake->cache = series_cache_create(0);
    if (registry) add_metrics(intake, registry);
    return intake;
}

void intake_destroy(struct intake *intake) {
    if (!intake) return;
    if (intake->registry) registry_forget(intake->registry, intake);
    series_cache_destroy(intake->cache);
    mem_free(intake);
}

struct budget *intake_memory(struct intake *intake) {
    return &intake->memory;
}

void intake_request_destroy(struct intake_request *request) {
    if (!request) return;
    CHECK_OBJ(request, REQUEST_MAGIC);
    append_batch_destroy(request->batch);
    budget_give(&request->budget, request->row_bytes);
    buf_release(&request->series);
    buf_release(&request->misses);
    buf_release(&request->body);
    arena_release(&request->scratch);
    arena_release(&request->arena);
    ASSERT(atomic_load(&request->budget.used_bytes) == 0);
    request->magic = 0;
    mem_free(request);
}

static struct intake_request *request_create(struct intake *intake) {
    struct intake_request *request = mem_zalloc(sizeof *request);
    struct budget *budget = &request->budget;
    request->magic = REQUEST_MAGIC;
    request->intake = intake;
    budget_init(budget, "one remote write request", INTAKE_REQUEST_MEMORY, &intake->memory);
    buf_init_budget(&request->body, INTAKE_DECODED_MAX, budget);
    buf_init_budget(&request->series, INTAKE_REQUEST_MEMORY, budget);
    buf_init_budget(&request->misses, INTAKE_REQUEST_MEMORY, budget);
    arena_init(&request->arena, INTAKE_REQUEST_MEMORY, budget);
    arena_init(&request->scratch, SCRATCH_MAX, budget);
    return request;
}

static void on_done(struct append_batch *batch) {
    struct intake_request *request = batch->context;
    request->done(request->context);
}

/* NULL: no memory */
static struct append_batch *make_batch(struct intake_request *request, size_t rows) {
    if (!budget_take(&request->budget, rows * INTAKE_ROW_BYTES)) return NULL;
    request->row_bytes += rows * INTAKE_ROW_BYTES;
    struct append_batch *batch = append_batch_create(rows, true, on_done, request);
    batch->arena.budget = &request->budget;
    batch->wait_sync = true;
    return batch;
}

/* What ran out: the request's own maximum (ERR_LIMIT), or what the others left of the common one (ERR_BUSY)?
 */
static int judge_limit(const struct intake_request *request, struct err *err) {
    size_t own = atomic_load(&request->budget.used_bytes);
    size_t all = atomic_load(&request->intake->memory.used_bytes);
    const struct budget *whole = request->intake->memory.parent;
    bool is_scarce =
        whole && (whole->max_bytes < INTAKE_REQUEST_MEMORY ||
                  atomic_load(&whole->used_bytes) - own > whole->max_bytes - INTAKE_REQUEST_MEMORY);
    if (!is_scarce && all - own <= INTAKE_MEMORY - INTAKE_REQUEST_MEMORY)
        return err_set(err, ERR_LIMIT, "the request needs more memory than the limit of %zu bytes",
                       INTAKE_REQUEST_MEMORY);
    return err_set(err, ERR_BUSY, "too many remote write requests are in flight");
}

static int unpack(struct intake_request *request, struct span packed, struct err *err) {
    if (packed.len > INTAKE_PACKED_MAX)
        return err_set(err, ERR_LIMIT, "the body of %zu bytes is larger than the limit of %zu bytes",
                       packed.len, INTAKE_PACKED_MAX);
    int rc = snappy_read(packed, &request->body, err);
    return rc == ERR_LIMIT && request->body.failed ? judge_limit(request, err) : rc;
}

static int decode(struct intake_request *request, bool is_second, struct err *err) {
    if (is_second) {
        int rc = intake_translate(request, err);
        if (rc) return rc == ERR_LIMIT ? judge_limit(request, err) : rc;
    }
    request->batch = make_batch(request, request->body.len / BYTES_PER_ROW + 1);
    int rc = request->batch ? intake_decode(request, err) : ERR_LIMIT;
    arena_release(&request->scratch);
    if (rc == ERR_LIMIT) return judge_limit(request, err);
    return rc;
}

static int read_request(struct intake *intake, struct span packed, bool is_second,
                        struct intake_request **result, struct err *err) {
    struct intake_request *request = request_create(intake);
    struct err why = {0};
    int rc = unpack(request, packed, &why);
    if (!rc) rc = decode(request, is_second, &why);
    if (rc) {
        intake_request_destroy(request);
        return err_set(err, rc == ERR_CORRUPT ? ERR_INVALID : rc, "%s", why.text);
    }
    if (intake->invalid_labels) counter_add(intake->invalid_labels, (double)request->refused_rows);
    *result = request;
    return 0;
}

int intake_read(struct intake *intake, struct span packed, struct intake_request **request, struct err *err) {
    return read_request(intake, packed, false, request, err);
}

int intake_read_second(struct intake *intake, struct span packed, struct intake_request **request,
                       struct err *err) {
    return read_request(intake, packed, true, request, err);
}

int intake_read_text(struct intake *intake, struct span text, const struct intake_form *form,
                     struct intake_request **result, struct err *err) {
    struct intake_request *request = request_create(intake);
    struct err why = {0};
    request->is_text = true;
    request->batch = make_batch(request, text.len / BYTES_PER_ROW + 1);
    int rc = !request->batch                 ? ERR_LIMIT
             : form->format == INTAKE_INFLUX ? intake_decode_influx(request, text, form, &why)
                                             : intake_decode_text(request, text, form, &why);
    if (rc == ERR_LIMIT) rc = judge_limit(request, &why);
    if (rc) {
        intake_request_destroy(request);
        return err_set(err, rc, "%s", why.text);
    }
    if (intake->invalid_labels) counter_add(intake->invalid_labels, (double)request->refused_rows);
    *result = request;
    return 0;
}

/* ---- references ---- */

/* Which of the unknown are new and which are not, when no new ones are taken? Refused ones keep generation 0,
 * which the store refuses. */
static void resolve_singly(struct intake_request *request, struct appender *appender,
                           const struct labels *labels, size_t count, struct series_ref *refs) {
    for (size_t i = 0; i < count; i++) {
        struct err err;
        refs[i] = (struct series_ref){0, 0};
        if (!appender_resolve(appender, &labels[i], 1, &refs[i], NULL, &err)) continue;
        request->is_exhausted = true;
        intake_note(request, &err);
    }
}

static void use_refs(struct intake_request *request, const struct intake_miss *misses, size_t count,
                     const struct series_ref *refs, struct hash128 *keys) {
    for (size_t i = 0; i < count; i++) {
        const struct intake_series *series = intake_series_at(request, misses[i].series);
        size_t end = intake_series_end(request, misses[i].series);
        for (size_t row = series->first_row; row < end; row++) request->batch->refs[row] = refs[i];
        if (!request->is_text) keys[i] = hash_bytes_keyed_128(series->raw, series->raw_len);
    }
    if (!request->is_text) series_cache_put(request->intake->cache, keys, count, refs);
}

/* Series that left the store since the cache saw them become misses. Their labels were read once, so they are
 * sound. */
static int confirm(struct intake_request *request, struct appender *appender, struct err *err) {
    struct append_batch *batch = request->batch;
    size_t known = request->misses.len / sizeof(struct intake_miss), next = 0;
    appender_confirm(appender, batch->refs, batch->count);
    for (size_t i = 0; i < intake_series_count(request); i++) {
        const struct intake_series *series = intake_series_at(request, i);
        bool is_miss = next < known && ((const struct intake_miss *)request->misses.data)[next].series == i;
        next += is_miss;
        if (is_miss || batch->refs[series->first_row].generation) continue;
        struct intake_miss miss = {.series = (uint32_t)i};
        int rc =
            intake_labels_read(span_of(series->raw, series->raw_len), &request->arena, &miss.labels, err);
        if (rc) return rc;
        if (!buf_append(&request->misses, &miss, sizeof miss)) return judge_limit(request, err);
    }
    return 0;
}

/* all misses at once */
static int resolve(struct intake_request *request, struct appender *appender, struct err *err) {
    const struct intake_miss *misses = (const struct intake_miss *)request->misses.data;
    size_t count = request->misses.len / sizeof *misses;
    if (!count) return 0;
    struct labels *labels = arena_array(&request->arena, count, sizeof *labels);
    struct series_ref *refs = arena_array(&request->arena, count, sizeof *refs);
    struct hash128 *keys = arena_array(&request->arena, count, sizeof *keys);
    if (!labels || !refs || !keys) return judge_limit(request, err);
    for (size_t i = 0; i < count; i++) labels[i] = misses[i].labels;
    int rc = appender_resolve(appender, labels, count, refs, NULL, err);
    if (rc == ERR_LIMIT) resolve_singly(request, appender, labels, count, refs);
    if (rc && rc != ERR_LIMIT) return rc;
    use_refs(request, misses, count, refs, keys);
    buf_reset(&request->misses);
    return 0;
}

static void join_times(struct intake_request *request) {
    struct append_batch *batch = request->batch;
    if (request->times_differ) return;
    mem_free(batch->times_ms);
    batch->times_ms = NULL;
    batch->time_ms = request->first_time_ms;
}

bool intake_append(struct intake_request *request, struct appender *appender, void (*done)(void *context),
                   void *context) {
    CHECK_OBJ(request, REQUEST_MAGIC);
    struct err err;
    append_batch_hold(request->batch, appender);
    if (confirm(request, appender, &err) || resolve(request, appender, &err)) {
        request->failure = err;
        return false;
    }
    const struct append_batch *batch = request->batch;
    if (!batch->count && !batch->exemplar_count && !batch->metadata_count) return false;
    request->is_out = true;
    request->done = done;
    request->context = context;
    join_times(request);
    appender_append(appender, request->batch);
    return true;
}
