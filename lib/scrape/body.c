#include "lib/scrape/body.h"

#include "lib/base/assert.h"
#include "lib/base/hash.h"
#include "lib/base/mem.h"
#include "lib/base/vec.h"
#include "lib/model/sample.h"

#include <string.h>

#define NEW_SERIES_ARENA_MAX ((size_t)256 << 20)
#define EXEMPLAR_ARENA_MAX ((size_t)64 << 10)
#define RESOLVE_AT_ONCE 1024
#define LABELS_MAX 128
#define LABEL_NAME_MAX ((size_t)1 << 10)
#define LABEL_VALUE_MAX ((size_t)16 << 10)

/* a row of the batch whose series has to be resolved first */
struct pending {
    uint32_t entry; /* index of the one that waits for the reference */
    size_t row;
};

struct body {
    struct target *target;
    struct appender *appender;
    struct append_batch *batch;
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

static int check_label(const struct scrape_config *job, const struct label *label, struct err *err) {
    size_t name_max = job->label_name_length_limit ? job->label_name_length_limit : LABEL_NAME_MAX;
    size_t value_max = job->label_value_length_limit ? job->label_value_length_limit : LABEL_VALUE_MAX;
    if (label->name.len > name_max)
        return err_set(err, ERR_LIMIT, "label name too long (label: %.*s, length: %zu, limit: %zu)",
                       label->name.len < 40 ? (int)label->name.len : 40, label->name.ptr, label->name.len,
                       name_max);
    if (label->value.len > value_max)
        return err_set(err, ERR_LIMIT, "label value too long (label: %.*s, length: %zu, limit: %zu)",
                       SPAN_ARG(label->name), label->value.len, value_max);
    return 0;
}

static int check_labels(const struct scrape_config *job, struct labels labels, struct err *err) {
    size_t max = job->label_limit ? job->label_limit : LABELS_MAX;
    if (labels.count > max)
        return err_set(err, ERR_LIMIT, "label_limit exceeded (number of labels: %u, limit: %zu)",
                       labels.count, max);
    for (uint32_t i = 0; i < labels.count; i++) {
        int rc = check_label(job, &labels.items[i], err);
        if (rc) return rc;
    }
    return 0;
}

/* exported_ until the name is free, among the labels of the target, too, that are still to come */
static int move_aside(struct label_builder *builder, struct labels own, struct arena *arena, struct span name,
                      struct span value, struct err *err) {
    do {
        char *longer = arena_alloc(arena, name.len + 9);
        if (!longer) return arena_limit(arena, "new series of a scrape", err);
        memcpy(longer, "exported_", 9);
        memcpy(longer + 9, name.ptr, name.len);
        name = span_of(longer, name.len + 9);
    } while (label_builder_get(builder, name).len || labels_get(own, name).len);
    label_builder_set(builder, name, value);
    return 0;
}

static size_t skip_blanks(struct span text, size_t i) {
    while (i < text.len && (text.ptr[i] == ' ' || text.ptr[i] == '\t')) i++;
    return i;
}

/* Does the series say name=""? Such a label is no label, but with honor_labels it takes the target's away.
 * Inside of a value a quote is escaped, so what looks like this can only be a label. */
static bool is_exposed_empty(struct span series, struct span name) {
    for (size_t i = 1; i + name.len + 3 <= series.len; i++) {
        if (!strchr("{, \t", series.ptr[i - 1]) || memcmp(series.ptr + i, name.ptr, name.len) != 0) continue;
        size_t at = skip_blanks(series, i + name.len);
        if (at == series.len || series.ptr[at] != '=') continue;
        at = skip_blanks(series, at + 1);
        if (at + 2 <= series.len && memcmp(series.ptr + at, "\"\"", 2) == 0) return true;
    }
    return false;
}

/* The target's labels win over the exposed ones, which are renamed; with honor_labels the exposed ones win,
 * also when they are empty. */
static int join_labels(const struct target *target, struct span series, struct labels exposed,
                       struct arena *arena, struct labels *labels, struct err *err) {
    struct label_builder builder;
    label_builder_init(&builder, arena, exposed);
    for (uint32_t i = 0; i < target->labels.count; i++) {
        const struct label *own = &target->labels.items[i];
        struct span there = labels_get(exposed, own->name);
        if (target->job->honor_labels && (there.len || is_exposed_empty(series, own->name))) continue;
        label_builder_set(&builder, own->name, own->value);
        int rc = there.len ? move_aside(&builder, target->labels, arena, own->name, there, err) : 0;
        if (rc) return rc;
    }
    return label_builder_finish(&builder, labels, err);
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

static int resolve_pending(struct body *body, struct err *err) {
    size_t count = body->labels.count;
    if (!count) return 0;
    struct series_ref *refs = mem_array(count, sizeof *refs);
    int rc = appender_resolve(body->appender, body->labels.items, count, refs, NULL, err);
    if (rc == ERR_LIMIT) {
        resolve_singly(body, refs);
        rc = 0;
    }
    for (size_t i = 0; i < count && !rc; i++) body->batch->refs[body->pending.items[i].row] = refs[i];
    for (size_t i = 0; i < count && !rc; i++)
        body->target->cache.entries[body->pending.items[i].entry].ref = refs[i];
    mem_free(refs);
    body->labels.count = body->pending.count = 0;
    arena_release(&body->arena);
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

static int add_new(struct body *body, const struct cache_entry *entry, struct span series, struct err *err) {
    struct labels exposed, labels;
    int rc = expose_labels(series, &body->arena, &exposed, err);
    if (!rc) rc = join_labels(body->target, series, exposed, &body->arena, &labels, err);
    if (!rc) rc = check_labels(body->target->job, labels, err);
    if (rc) return rc;
    *vec_push(&body->labels) = labels;
    *vec_push(&body->pending) =
        (struct pending){cache_index_of(&body->target->cache, entry), body->batch->count};
    body->counts.added++;
    return 0;
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
    double value;
    int rc = expose_value(reader, line->value, &value, err);
    if (rc) return rc;
    bool timed = line->has_time && job->honor_timestamps;
    entry->bits = (uint8_t)(timed && !job->track_timestamps_staleness ? entry->bits | CACHE_TIMED
                                                                      : entry->bits & ~CACHE_TIMED);
    if (entry->ref.generation == 0) {
        rc = add_new(body, entry, line->series, err);
        if (rc) return rc;
    }
    if (timed) give_times(body->batch);
    int64_t time_ms = timed ? line->time_ms : body->time_ms;
    append_batch_add(body->batch, entry->ref, value, time_ms);
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

static int read_lines(struct body *body, struct expose_reader *reader, size_t max_samples,
                      uint64_t *metadata_hash, struct err *err) {
    struct expose_entry line;
    struct cache *cache = &body->target->cache;
    for (;;) {
        struct cache_entry *entry = NULL;
        struct span expected = expose_peek(reader, cache_expects(cache));
        if (expected.len) entry = cache_take_expected(cache, expected);
        int rc = entry ? expose_next_known(reader, expected, &line, err) : expose_next(reader, &line, err);
        if (rc || line.kind == EXPOSE_END) return rc;
        if (line.kind != EXPOSE_SERIES) {
            *metadata_hash = hash_mix(hash_mix(*metadata_hash, hash_bytes(line.metric.ptr, line.metric.len)),
                                      hash_bytes(line.text.ptr, line.text.len));
            continue;
        }
        if (++body->counts.scraped > max_samples)
            return err_set(err, ERR_LIMIT, "sample limit exceeded: more than %zu samples", max_samples);
        bool is_new;
        if (!entry) entry = cache_take(cache, line.series, &is_new);
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
                size_t max_samples, int64_t time_ms, struct append_batch **batch, struct body_counts *counts,
                struct err *err) {
    struct body body = {.target = target, .appender = appender, .batch = *batch, .time_ms = time_ms};
    struct expose_reader reader;
    uint64_t metadata_hash = 1;
    arena_init(&body.arena, NEW_SERIES_ARENA_MAX, NULL);
    expose_reader_init(&reader, format, text);
    cache_begin(&target->cache);
    size_t before = target->cache.count;
    int rc = read_lines(&body, &reader, max_samples, &metadata_hash, err);
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
        *counts = body.counts;
    } else {
        target->cache.count =
            before; /* new series have nothing stored that could end; the caller clears it */
    }
    vec_release(&body.labels);
    vec_release(&body.pending);
    arena_release(&body.arena);
    return rc;
}

void body_append_stale(struct target *target, struct append_batch *batch, int64_t time_ms) {
    struct stale stale = {batch, time_ms};
    for (size_t i = 0; i < target->cache.count; i++) add_stale(&target->cache.entries[i], &stale);
    cache_clear(&target->cache);
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
