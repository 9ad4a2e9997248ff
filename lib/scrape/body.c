#include "lib/scrape/body_inside.h"

#include "lib/base/hash.h"
#include "lib/base/mem.h"
#include "lib/expose/composite.h"
#include "lib/model/sample.h"

#include <string.h>

#define NEW_SERIES_ARENA_MAX ((size_t)256 << 20)
#define EXEMPLAR_ARENA_MAX ((size_t)64 << 10)
#define WORK_ARENA_MAX ((size_t)64 << 20)
#define RESOLVE_AT_ONCE 1024
#define LABELS_MAX 128
#define LABEL_NAME_MAX ((size_t)1 << 10)
#define LABEL_VALUE_MAX ((size_t)16 << 10)

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

/* with metric_name_validation_scheme legacy */
static int check_names(const struct scrape_config *job, struct labels labels, struct err *err) {
    if (!job->metric_name_validation_scheme || strcmp(job->metric_name_validation_scheme, "legacy") != 0)
        return 0;
    struct span metric = labels_get(labels, SPAN(LABEL_NAME)), bad = {0};
    if (!metric_name_is_legacy(metric)) bad = metric;
    for (uint32_t i = 0; i < labels.count && !bad.len; i++)
        if (!label_name_is_legacy(labels.items[i].name)) bad = labels.items[i].name;
    if (!bad.len) return 0;
    return err_set(err, ERR_INVALID, "invalid metric name or label names: %.*s",
                   (int)(bad.len < 100 ? bad.len : 100), bad.ptr);
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
    int rc = expose_labels(series, body->type, &body->arena, &exposed, err);
    if (!rc) rc = join_labels(body->target, series, exposed, &body->arena, &labels, err);
    if (!rc) rc = check_labels(body->target->job, labels, err);
    if (!rc) rc = check_names(body->target->job, labels, err);
    if (rc) return rc;
    *vec_push(&body->labels) = labels;
    *vec_push(&body->pending) =
        (struct pending){cache_index_of(&body->target->cache, entry), body->batch->count};
    body->counts.added++;
    return 0;
}

/* of the row added last; what there is no memory for is left out */
static int add_exemplars(struct body *body, const struct body_row *row, int64_t time_ms, struct err *err) {
    struct span rest = row->exemplars_text;
    size_t at = body->batch->count - 1;
    for (size_t i = 0; i < row->exemplar_count; i++) {
        struct exemplar exemplar = row->exemplars[i];
        if (exemplar.time_ms == EXPOSE_NO_TIME) exemplar.time_ms = time_ms;
        (void)append_batch_add_exemplar(body->batch, (struct labels){0}, at, &exemplar, NULL);
    }
    while (rest.len) {
        struct arena arena;
        struct exemplar exemplar;
        arena_init(&arena, EXEMPLAR_ARENA_MAX, NULL);
        int rc = expose_exemplar(&rest, time_ms, &arena, &exemplar, err);
        if (!rc) (void)append_batch_add_exemplar(body->batch, (struct labels){0}, at, &exemplar, NULL);
        arena_release(&arena);
        if (rc && rc != ERR_LIMIT) return rc;
    }
    return 0;
}

/* inlined always: as a call it costs a text line a tenth of its time */
static inline __attribute__((always_inline)) int add_row(struct body *body, struct cache_entry *entry,
                                                         const struct body_row *row, struct err *err) {
    const struct scrape_config *job = body->target->job;
    bool timed = row->has_time && job->honor_timestamps;
    int rc = 0;
    entry->bits = (uint8_t)(timed && !job->track_timestamps_staleness ? entry->bits | CACHE_TIMED
                                                                      : entry->bits & ~CACHE_TIMED);
    if (entry->ref.generation == 0) {
        rc = add_new(body, entry, row->series, err);
        if (rc) return rc;
    }
    if (timed) give_times(body->batch);
    int64_t time_ms = timed ? row->time_ms : body->time_ms;
    if (row->histogram)
        rc = append_batch_add_histogram(body->batch, entry->ref, row->histogram, time_ms, err);
    else
        append_batch_add(body->batch, entry->ref, row->value, time_ms);
    if (!rc && (row->exemplar_count || row->exemplars_text.len)) rc = add_exemplars(body, row, time_ms, err);
    if (rc) return rc;
    return body->labels.count >= RESOLVE_AT_ONCE ? resolve_pending(body, err) : 0;
}

int body_add_row(struct body *body, struct cache_entry *entry, const struct body_row *row, struct err *err) {
    return add_row(body, entry, row, err);
}

static int add_sample(struct body *body, const struct expose_reader *reader, const struct expose_entry *line,
                      struct cache_entry *entry, struct err *err) {
    if (!cache_entry_same_text(entry, line->value)) {
        double value;
        int rc = expose_value(reader, line->value, &value, err);
        if (rc) return rc;
        cache_entry_set(entry, line->value, value);
    }
    struct body_row row = {.series = line->series,
                           .value = entry->value,
                           .has_time = line->has_time,
                           .time_ms = line->time_ms,
                           .exemplars_text = line->exemplar};
    return add_row(body, entry, &row, err);
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

static inline int count(struct body *body, struct err *err) {
    if (++body->counts.scraped <= body->max_samples) return 0;
    return err_set(err, ERR_LIMIT, "sample limit exceeded: more than %zu samples", body->max_samples);
}

int body_count(struct body *body, struct err *err) {
    return count(body, err);
}

static void note_metadata(struct body *body, const struct expose_entry *line) {
    body->metadata_hash =
        hash_mix(hash_mix(body->metadata_hash, hash_bytes(line->metric.ptr, line->metric.len)),
                 hash_bytes(line->text.ptr, line->text.len));
}

static int add_composite(struct body *body, const struct expose_reader *reader,
                         const struct expose_entry *line, struct err *err) {
    struct expose_metric metric;
    int rc = expose_composite(reader, line, &body->work, &metric, err);
    if (rc) return rc;
    rc = body_add_metric(body, &metric, err);
    body_tidy(body);
    return rc == ERR_INVALID ? err_wrap(err, rc, "line %u", reader->line) : rc;
}

static int read_lines(struct body *body, struct expose_reader *reader, struct err *err) {
    struct expose_entry line;
    struct cache *cache = &body->target->cache;
    bool converts = body->target->job->convert_classic_histograms_to_nhcb;
    for (;;) {
        struct cache_entry *entry = NULL;
        /* whether a line of a classic histogram becomes a row is not for the cache to say */
        struct span expected = converts ? (struct span){0} : expose_peek(reader, cache_expects(cache));
        if (expected.len) entry = cache_take_expected(cache, expected);
        int rc = entry ? expose_next_known(reader, expected, &line, err) : expose_next(reader, &line, err);
        if (rc || line.kind == EXPOSE_END) return rc ? rc : body_collected(body, err);
        body->type = reader->type;
        bool is_taken = false, is_new;
        if (converts) rc = body_collect(body, reader, &line, &is_taken, err);
        if (rc) return rc;
        if (is_taken) continue;
        if (line.kind != EXPOSE_SERIES) {
            note_metadata(body, &line);
            continue;
        }
        if (line.is_composite) {
            rc = add_composite(body, reader, &line, err);
            if (rc) return rc;
            continue;
        }
        rc = count(body, err);
        if (rc) return rc;
        if (!entry) entry = cache_take(cache, line.series, &is_new);
        rc = add_sample(body, reader, &line, entry, err);
        if (rc) return rc;
    }
}

static int read_body(struct body *body, enum expose_format format, struct span text, struct err *err) {
    struct expose_reader reader;
    if (format == EXPOSE_PROTOBUF) return body_read_families(body, text, err);
    expose_reader_init(&reader, format, text);
    return read_lines(body, &reader, err);
}

int body_append(struct target *target, struct appender *appender, enum expose_format format, struct span text,
                size_t max_samples, int64_t time_ms, struct append_batch **batch, struct body_counts *counts,
                struct err *err) {
    struct body body = {.target = target,
                        .appender = appender,
                        .batch = *batch,
                        .time_ms = time_ms,
                        .max_samples = max_samples,
                        .metadata_hash = 1};
    arena_init(&body.arena, NEW_SERIES_ARENA_MAX, NULL);
    arena_init(&body.work, WORK_ARENA_MAX, NULL);
    cache_begin(&target->cache);
    size_t before = target->cache.count;
    int rc = read_body(&body, format, text, err);
    if (!rc) rc = resolve_pending(&body, err);
    if (!rc) {
        struct stale stale = {body.batch, time_ms};
        if (body.counts.refused) leave_out_refused(body.batch);
        cache_end(&target->cache, add_stale, &stale);
        if (body.metadata_hash != target->metadata_hash) {
            body_read_metadata(target, format, text);
            body_tell_metadata(target, body.batch);
        }
        target->metadata_hash = body.metadata_hash;
        *counts = body.counts;
    } else {
        target->cache.count =
            before; /* new series have nothing stored that could end; the caller clears it */
    }
    vec_release(&body.labels);
    vec_release(&body.pending);
    counts->is_over_buckets = body.counts.is_over_buckets;
    body_classic_release(&body);
    arena_release(&body.work);
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
