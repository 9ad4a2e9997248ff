#include "lib/scrape/body_inside.h"

#include "lib/base/hash.h"
#include "lib/base/mem.h"
#include "lib/expose/composite.h"
#include "lib/model/sample.h"
#include "lib/scrape/series.h"
#include "lib/scrape/usage.h"

#include <string.h>

#define NEW_SERIES_ARENA_MAX ((size_t)256 << 20)
#define EXEMPLAR_ARENA_MAX ((size_t)64 << 10)
#define WORK_ARENA_MAX ((size_t)64 << 20)
#define RESOLVE_AT_ONCE 1024
#define RESOLVE_AT_BYTES ((size_t)8 << 20) /* labels of dropped series count, too */

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

int body_make_room(struct body *body, struct err *err) {
    return body->arena.used_bytes >= RESOLVE_AT_BYTES ? resolve_pending(body, err) : 0;
}

static int add_new(struct body *body, struct cache_entry *entry, struct span series, struct err *err) {
    struct labels exposed;
    struct usage *usage = body->target->usage;
    if (cache_entry_is(entry, CACHE_REFUSED) && usage && usage_is_full(usage)) {
        body->counts.over_series++; /* still */
        return 0;
    }
    int rc = expose_labels(series, body->type, &body->arena, &exposed, err);
    if (!rc && body->limits->adds_type_and_unit) rc = body_say_type(body, &exposed, err);
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

/* A zero where the series began: the row before its sample. A series that waits for its reference waits
 * twice. */
static int add_zero(struct body *body, const struct cache_entry *entry, const struct body_row *row,
                    struct err *err) {
    give_times(body->batch);
    int rc = body_add_zero(body->batch, entry->ref, row, err);
    if (rc || entry->ref.generation) return rc;
    struct labels labels = body->labels.items[body->labels.count - 1];
    struct pending pending = body->pending.items[body->pending.count - 1];
    pending.row = body->batch->count;
    *vec_push(&body->labels) = labels;
    *vec_push(&body->pending) = pending;
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
        if (rc || cache_entry_is(entry, CACHE_DROPPED)) return rc;
    }
    if (is_over_samples(body) || cache_entry_is(entry, CACHE_REFUSED)) return 0;
    body->counts.added += entry->ref.generation == 0;
    if (timed) give_times(body->batch);
    int64_t time_ms = timed ? row->time_ms : body->time_ms;
    if (row->has_start && body->limits->adds_zeros && body_begins(body, entry, row, time_ms)) {
        rc = add_zero(body, entry, row, err);
        if (rc) return rc;
    }
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
    double value;
    int rc = expose_value(reader, line->value, &value, err);
    if (rc) return rc;
    struct body_row row = {.series = line->series,
                           .value = value,
                           .has_time = line->has_time,
                           .has_start = line->has_start,
                           .time_ms = line->time_ms,
                           .start_ms = line->start_ms,
                           .exemplars_text = line->exemplar};
    if (body->starts.items.count)
        body_give_start(body, reader->type, reader->family, line->series, entry, &row);
    rc = cache_entry_is_known(entry) ? 0 : body_make_room(body, err);
    return rc ? rc : add_row(body, entry, &row, err);
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

static inline int count(struct body *body, struct err *err) {
    if (++body->counts.scraped <= body->most || !body->most) return 0;
    body->counts.over = BODY_OVER_SAMPLES;
    return err_set(err, ERR_LIMIT,
                   "sample limit exceeded: more than %zu samples before relabelling (--scrape.max-samples)",
                   body->most);
}

int body_count(struct body *body, struct err *err) {
    return count(body, err);
}

static void note_metadata(struct body *body, const struct expose_entry *line) {
    const char *from = line->metric.ptr, *to = line->text.ptr + line->text.len; /* one behind the other */
    body->metadata_hash = hash_mix(body->metadata_hash, hash_bytes(from, (size_t)(to - from)));
    if (line->kind == EXPOSE_TYPE) {
        body->said.type = body->type;
        body->said.type_family = line->metric;
    } else if (line->kind == EXPOSE_UNIT) {
        body->said.unit = line->text;
        body->said.unit_family = line->metric;
    }
}

/* what nearly every line is: a known series and a number. false: not that, or not so simple; nothing is done
 */
static inline bool take_plain(struct body *body, struct expose_reader *reader, struct cache_entry *entry,
                              size_t len) {
    double value;
    if (!cache_entry_is_known(entry) || body->counts.scraped >= body->plain_until) return false;
    if (!expose_take_plain(reader, len, &value)) return false;
    body->counts.scraped++;
    body->counts.kept++;
    entry->bits &= (uint8_t)~CACHE_TIMED;
    append_batch_add(body->batch, entry->ref, value, body->time_ms);
    return true;
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
    bool converts = body->target->convert_classic_histograms_to_nhcb;
    for (;;) {
        struct cache_entry *entry = NULL;
        /* whether a line of a classic histogram becomes a row is not for the cache to say */
        struct span expected = converts ? (struct span){0} : expose_peek(reader, cache_expects(cache));
        if (expected.len) entry = cache_take_expected(cache, expected);
        if (entry && take_plain(body, reader, entry, expected.len)) continue;
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
        if (!entry && body->limits->adds_zeros && body_is_start(reader, line.series)) continue;
        rc = count(body, err);
        if (rc) return rc;
        if (!entry) entry = cache_take(cache, line.series, &is_new);
        if (cache_entry_is(entry, CACHE_DROPPED)) continue;
        rc = add_sample(body, reader, &line, entry, err);
        if (rc) return rc;
    }
}

static int read_body(struct body *body, enum expose_format format, struct span text, struct err *err) {
    struct expose_reader reader;
    size_t sample_limit = (size_t)body->target->job->sample_limit;
    int rc;
    body->most = most_samples(body);
    body->plain_until = body->most ? body->most : SIZE_MAX;
    if (sample_limit && sample_limit < body->plain_until) body->plain_until = sample_limit;
    if (format == EXPOSE_PROTOBUF) {
        rc = body_read_families(body, text, err);
    } else {
        if (body->limits->adds_zeros && format == EXPOSE_OPENMETRICS) body_find_starts(body, text);
        if (body->starts.items.count) body->plain_until = 0; /* each line may have a start */
        expose_reader_init(&reader, format, text);
        rc = read_lines(body, &reader, err);
    }
    if (rc || body->counts.over != BODY_OVER_SAMPLES) return rc;
    return err_set(err, ERR_LIMIT, "sample limit exceeded");
}

int body_append(struct target *target, struct appender *appender, enum expose_format format, struct span text,
                const struct scrape_limits *limits, int64_t time_ms, struct append_batch **batch,
                struct body_counts *counts, struct err *err) {
    struct body body = {.target = target,
                        .appender = appender,
                        .batch = *batch,
                        .limits = limits,
                        .time_ms = time_ms,
                        .previous_ms = target->state.last_scrape_ms, /* this thread writes it */
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
        target_settle(target);
    } else {
        target->cache.count =
            before; /* new series have nothing stored that could end; the caller clears it */
    }
    *counts = body.counts;
    vec_release(&body.labels);
    vec_release(&body.pending);
    body_classic_release(&body);
    body_starts_release(&body);
    arena_release(&body.work);
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
