#include "lib/scrape/body.h"

#include "lib/base/assert.h"
#include "lib/base/hash.h"
#include "lib/base/mem.h"
#include "lib/base/vec.h"
#include "lib/model/sample.h"
#include "lib/scrape/series.h"
#include "lib/scrape/usage.h"

#include <string.h>

#define NEW_SERIES_ARENA_MAX ((size_t)256 << 20)
#define EXEMPLAR_ARENA_MAX ((size_t)64 << 10)
#define RESOLVE_AT_ONCE 1024
#define RESOLVE_AT_BYTES ((size_t)8 << 20) /* labels of dropped series count, too */

/* a row of the batch whose series has to be resolved first */
struct pending {
    uint32_t entry; /* index of the one that waits for the reference */
    size_t row;
};

struct body {
    struct target *target;
    struct appender *appender;
    struct append_batch *batch;
    const struct scrape_limits *limits;
    int64_t time_ms;
    struct arena arena; /* labels of new series */
    VEC(struct labels) labels;
    VEC(struct pending) pending;
    struct body_counts counts;
};

/* a batch has one time until the first sample with a time of its own */
static void give_times(struct append_batch *batch) {
    if (batch->times_ms) return;
    batch->times_ms = mem_resize(NULL, batch->capacity, sizeof *batch->times_ms);
    for (size_t i = 0; i < batch->count; i++) batch->times_ms[i] = batch->time_ms;
}

/* No more new series are taken: which of these are new? A refused one has no reference, so its row is left
 * out and the next scrape asks again. */
static void resolve_singly(struct body *body, struct series_ref *refs) {
    for (size_t i = 0; i < body->labels.count; i++) {
        refs[i] = (struct series_ref){0};
        if (appender_resolve(body->appender, &body->labels.items[i], 1, &refs[i], NULL, NULL)) {
            body->counts.refused++;
            body->counts.added--;
        }
    }
}

static void forget_pending(struct body *body) {
    body->labels.count = body->pending.count = 0;
    arena_release(&body->arena);
}

static int resolve_pending(struct body *body, struct err *err) {
    size_t count = body->labels.count;
    if (!count) {
        arena_release(&body->arena);
        return 0;
    }
    struct series_ref *refs = mem_array(count, sizeof *refs);
    int rc = appender_resolve(body->appender, body->labels.items, count, refs, NULL, err);
    if (rc == ERR_LIMIT) {
        resolve_singly(body, refs);
        rc = 0;
    }
    for (size_t i = 0; i < count && !rc; i++) body->batch->refs[body->pending.items[i].row] = refs[i];
    for (size_t i = 0; i < count && !rc; i++)
        cache_resolve(&body->target->cache, body->pending.items[i].entry, refs[i]);
    mem_free(refs);
    forget_pending(body);
    return rc;
}

/* rows of refused series */
static void leave_out_refused(struct append_batch *batch) {
    size_t kept = 0;
    for (size_t i = 0; i < batch->count; i++) {
        if (!batch->refs[i].generation) continue;
        batch->refs[kept] = batch->refs[i];
        batch->values[kept] = batch->values[i];
        if (batch->times_ms) batch->times_ms[kept] = batch->times_ms[i];
        if (batch->histograms) batch->histograms[kept] = batch->histograms[i];
        kept++;
    }
    batch->count = kept;
    batch->exemplar_count = 0; /* they name rows */
}

/* one more series of the job, or what becomes of it at the limit; *taken false: left out */
static int take_series(struct body *body, struct cache_entry *entry, bool *taken, struct err *err) {
    struct usage *usage = body->target->usage;
    *taken = !usage || usage_take(usage);
    if (*taken) {
        body->target->taken += usage != NULL;
        return 0;
    }
    if (!atomic_load(&usage->drops)) {
        body->counts.over = BODY_OVER_SERIES;
        return err_set(err, ERR_LIMIT, "series_limit exceeded (active series of the job: %zu, limit: %zu)",
                       atomic_load(&usage->active), atomic_load(&usage->limit));
    }
    cache_entry_mark(entry, CACHE_REFUSED);
    body->counts.over_series++;
    return 0;
}

/* A series that has none yet, by the labels that the target exposes (`text`: see series_labels). What is
 * dropped or left out is marked as such. */
static int add_series(struct body *body, struct cache_entry *entry, struct span text, struct labels exposed,
                      struct err *err) {
    struct labels labels = {0};
    enum series_fault fault;
    int rc = series_labels(body->target, body->limits, text, exposed, &body->arena, &labels, &fault, err);
    if (rc && fault == SERIES_OVER_LABEL_LIMITS) body->counts.over = BODY_OVER_LABELS;
    if (rc) return rc;
    if (!labels.count) {
        cache_entry_mark(entry, CACHE_DROPPED);
        return 0;
    }
    bool taken;
    rc = take_series(body, entry, &taken, err);
    if (rc || !taken) return rc;
    cache_entry_mark(entry, CACHE_UNRESOLVED);
    *vec_push(&body->labels) = labels;
    *vec_push(&body->pending) =
        (struct pending){cache_index_of(&body->target->cache, entry), body->batch->count};
    return 0;
}

static int add_new(struct body *body, struct cache_entry *entry, struct span series, struct err *err) {
    struct labels exposed;
    struct usage *usage = body->target->usage;
    if (cache_entry_is(entry, CACHE_REFUSED) && usage && usage_is_full(usage)) {
        body->counts.over_series++; /* still */
        return 0;
    }
    int rc = body->arena.used_bytes >= RESOLVE_AT_BYTES ? resolve_pending(body, err) : 0;
    if (!rc) rc = expose_labels(series, &body->arena, &exposed, err);
    return rc ? rc : add_series(body, entry, series, exposed, err);
}

/* One more sample that was not dropped; true when it is one too many. From then on samples are only counted,
 * so that the target's owner sees by how many it is over. */
static bool is_over_samples(struct body *body) {
    size_t max = (size_t)body->target->job->sample_limit;
    if (++body->counts.kept <= max || !max) return false;
    body->counts.over = BODY_OVER_SAMPLES;
    forget_pending(body);
    return true;
}

/* of the row added last; what cannot be kept is left out */
static void add_exemplar(struct body *body, struct span text, int64_t time_ms) {
    struct arena arena;
    struct exemplar exemplar;
    arena_init(&arena, EXEMPLAR_ARENA_MAX, NULL);
    if (expose_exemplar(text, time_ms, &arena, &exemplar, NULL) == 0)
        (void)append_batch_add_exemplar(body->batch, (struct labels){0}, body->batch->count - 1, &exemplar,
                                        NULL);
    arena_release(&arena);
}

static int add_sample(struct body *body, const struct expose_reader *reader, const struct expose_entry *line,
                      struct cache_entry *entry, struct err *err) {
    const struct scrape_config *job = body->target->job;
    if (!cache_entry_same_text(entry, line->value)) {
        double value;
        int rc = expose_value(reader, line->value, &value, err);
        if (rc) return rc;
        cache_entry_set(entry, line->value, value);
    }
    bool timed = line->has_time && job->honor_timestamps;
    entry->bits = (uint8_t)(timed && !job->track_timestamps_staleness ? entry->bits | CACHE_TIMED
                                                                      : entry->bits & ~CACHE_TIMED);
    if (entry->ref.generation == 0) {
        int rc = add_new(body, entry, line->series, err);
        if (rc || cache_entry_is(entry, CACHE_DROPPED)) return rc;
    }
    if (is_over_samples(body) || cache_entry_is(entry, CACHE_REFUSED)) return 0;
    body->counts.added += entry->ref.generation == 0;
    if (timed) give_times(body->batch);
    int64_t time_ms = timed ? line->time_ms : body->time_ms;
    append_batch_add(body->batch, entry->ref, entry->value, time_ms);
    if (line->exemplar.len) add_exemplar(body, line->exemplar, time_ms);
    return body->labels.count >= RESOLVE_AT_ONCE ? resolve_pending(body, err) : 0;
}

struct stale {
    struct append_batch *batch;
    int64_t time_ms;
};

static void add_stale(const struct cache_entry *entry, void *context) {
    struct stale *stale = context;
    if (entry->ref.generation && !(entry->bits & CACHE_TIMED))
        append_batch_add(stale->batch, entry->ref, value_stale(), stale->time_ms);
}

/* the most samples of a body, before relabelling; 0: no limit */
static size_t most_samples(const struct body *body) {
    size_t of_job = (size_t)body->target->job->sample_limit;
    return body->limits->samples && of_job > body->limits->samples ? of_job : body->limits->samples;
}

static int end_lines(struct body *body, struct err *err) {
    if (body->counts.over != BODY_OVER_SAMPLES) return 0;
    return err_set(err, ERR_LIMIT, "sample limit exceeded");
}

static int read_lines(struct body *body, struct expose_reader *reader, uint64_t *metadata_hash,
                      struct err *err) {
    struct expose_entry line;
    struct cache *cache = &body->target->cache;
    size_t most = most_samples(body);
    for (;;) {
        struct cache_entry *entry = NULL;
        struct span expected = expose_peek(reader, cache_expects(cache));
        if (expected.len) entry = cache_take_expected(cache, expected);
        int rc = entry ? expose_next_known(reader, expected, &line, err) : expose_next(reader, &line, err);
        if (rc) return rc;
        if (line.kind == EXPOSE_END) return end_lines(body, err);
        if (line.kind != EXPOSE_SERIES) {
            *metadata_hash = hash_mix(hash_mix(*metadata_hash, hash_bytes(line.metric.ptr, line.metric.len)),
                                      hash_bytes(line.text.ptr, line.text.len));
            continue;
        }
        if (++body->counts.scraped > most && most) {
            body->counts.over = BODY_OVER_SAMPLES;
            return err_set(err, ERR_LIMIT,
                           "sample limit exceeded: more than %zu samples before relabelling "
                           "(--scrape.max-samples)",
                           most);
        }
        bool is_new;
        if (!entry) entry = cache_take(cache, line.series, &is_new);
        if (cache_entry_is(entry, CACHE_DROPPED)) continue;
        rc = add_sample(body, reader, &line, entry, err);
        if (rc) return rc;
    }
}

/* what the target says of its metrics goes into the store too */
static void tell_metadata(struct target *target, struct append_batch *batch) {
    mutex_lock(&target->lock);
    for (size_t i = 0; i < target->state.metadata_count; i++) {
        const struct metadata_entry *entry = &target->state.metadata[i];
        struct metric_metadata item = {entry->metric, entry->type, entry->help, entry->unit};
        if (append_batch_add_metadata(batch, &item, NULL)) break;
    }
    mutex_unlock(&target->lock);
}

int body_append(struct target *target, struct appender *appender, enum expose_format format, struct span text,
                const struct scrape_limits *limits, int64_t time_ms, struct append_batch **batch,
                struct body_counts *counts, struct err *err) {
    struct body body = {
        .target = target, .appender = appender, .batch = *batch, .limits = limits, .time_ms = time_ms};
    struct expose_reader reader;
    uint64_t metadata_hash = 1;
    arena_init(&body.arena, NEW_SERIES_ARENA_MAX, NULL);
    expose_reader_init(&reader, format, text);
    cache_begin(&target->cache);
    size_t before = target->cache.count;
    int rc = read_lines(&body, &reader, &metadata_hash, err);
    if (!rc) rc = resolve_pending(&body, err);
    if (!rc) {
        struct stale stale = {body.batch, time_ms};
        if (body.counts.refused) leave_out_refused(body.batch);
        cache_end(&target->cache, add_stale, &stale);
        if (metadata_hash != target->metadata_hash) {
            body_read_metadata(target, format, text);
            tell_metadata(target, body.batch);
        }
        target->metadata_hash = metadata_hash;
        target_settle(target);
    } else {
        target->cache.count =
            before; /* new series have nothing stored that could end; the caller clears it */
    }
    *counts = body.counts;
    vec_release(&body.labels);
    vec_release(&body.pending);
    arena_release(&body.arena);
    return rc;
}

void body_append_stale(struct target *target, struct append_batch *batch, int64_t time_ms) {
    struct stale stale = {batch, time_ms};
    for (size_t i = 0; i < target->cache.count; i++) add_stale(&target->cache.entries[i], &stale);
    cache_clear(&target->cache);
    target_settle(target);
}

int body_synthetic_labels(const struct target *target, const char *name, struct arena *arena,
                          struct labels *labels, struct err *err) {
    struct label_builder builder;
    label_builder_init(&builder, arena, target->labels);
    label_builder_set(&builder, SPAN(LABEL_NAME), span_from(name));
    return label_builder_finish(&builder, labels, err);
}

#define METADATA_MAX_ENTRIES 10000

static struct metadata_entry *metadata_of(struct target_state *state, size_t *capacity, struct span metric) {
    /* the lines of a family stand together, so only the newest entry can be meant */
    struct metadata_entry *last = state->metadata_count ? &state->metadata[state->metadata_count - 1] : NULL;
    if (last && span_equal(last->metric, metric)) return last;
    if (state->metadata_count == METADATA_MAX_ENTRIES) return NULL;
    if (state->metadata_count == *capacity) {
        size_t grown = *capacity ? *capacity * 2 : 64;
        struct metadata_entry *entries = arena_array(&state->metadata_arena, grown, sizeof *entries);
        if (!entries) return NULL;
        if (*capacity) memcpy(entries, state->metadata, *capacity * sizeof *entries);
        state->metadata = entries;
        *capacity = grown;
    }
    struct metadata_entry *entry = &state->metadata[state->metadata_count];
    const char *name = arena_strndup(&state->metadata_arena, metric.ptr, metric.len);
    if (!name) return NULL;
    *entry = (struct metadata_entry){.metric = span_of(name, metric.len), .type = SPAN("unknown")};
    state->metadata_count++;
    return entry;
}

static void keep_text(struct target_state *state, struct span *place, struct span text) {
    const char *copy = arena_strndup(&state->metadata_arena, text.ptr, text.len);
    if (copy) *place = span_of(copy, text.len);
}

void body_read_metadata(struct target *target, enum expose_format format, struct span text) {
    struct expose_reader reader;
    struct expose_entry line;
    struct target_state *state = &target->state;
    size_t capacity = 0;
    expose_reader_init(&reader, format, text);
    mutex_lock(&target->lock);
    arena_release(&state->metadata_arena);
    state->metadata = NULL;
    state->metadata_count = 0;
    while (expose_next(&reader, &line, NULL) == 0 && line.kind != EXPOSE_END) {
        struct metadata_entry *entry =
            line.kind == EXPOSE_SERIES ? NULL : metadata_of(state, &capacity, line.metric);
        if (!entry) continue;
        if (line.kind == EXPOSE_TYPE)
            keep_text(state, &entry->type, span_is(line.text, "untyped") ? SPAN("unknown") : line.text);
        if (line.kind == EXPOSE_HELP &&
            !expose_help(line.text, format, &state->metadata_arena, &line.text, NULL))
            keep_text(state, &entry->help, line.text);
        if (line.kind == EXPOSE_UNIT) keep_text(state, &entry->unit, line.text);
    }
    mutex_unlock(&target->lock);
}
