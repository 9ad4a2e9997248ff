#include "lib/scrape/target.h"

#include "lib/base/assert.h"
#include "lib/base/hash.h"
#include "lib/base/vec.h"
#include "lib/codec/url.h"
#include "lib/model/duration.h"
#include "lib/relabel/relabel.h"
#include "lib/scrape/target_key.h"
#include "lib/scrape/usage.h"

#include <stdlib.h>
#include <string.h>

#define TARGET_MAGIC 0x74617267u
#define TARGET_ARENA_MAX ((size_t)16 << 20)
#define TEXT_MAX ((size_t)1 << 20)

#define NATIVE_LABEL "__scrape_native_histograms__"
#define CONVERT_LABEL "__convert_classic_histograms_to_nhcb__"
#define CLASSIC_LABEL "__always_scrape_classic_histograms__"

struct param_value {
    struct span name, value;
    size_t index; /* values of one name keep their order */
};

static int compare_params(const void *left, const void *right) {
    const struct param_value *a = left, *b = right;
    int order = span_compare(a->name, b->name);
    return order ? order : a->index < b->index ? -1 : 1;
}

struct param_list {
    VEC(struct param_value) all;
};

static void add_param(struct param_list *list, struct span name, struct span value) {
    *vec_push(&list->all) = (struct param_value){name, value, list->all.count};
}

/* the job's parameters, the first value of each as the labels say, and what only the labels say */
static void collect_params(struct param_list *list, const struct scrape_config *job, struct labels labels) {
    struct span prefix = SPAN("__param_");
    for (uint32_t i = 0; i < labels.count; i++) {
        const struct label *label = &labels.items[i];
        if (!span_starts_with(label->name, prefix)) continue;
        add_param(list, span_of(label->name.ptr + prefix.len, label->name.len - prefix.len), label->value);
    }
    size_t of_labels = list->all.count;
    for (size_t i = 0; i < job->params.count; i++) {
        struct span name = span_from(job->params.items[i].name);
        bool has_first = false;
        for (size_t k = 0; k < of_labels; k++) has_first |= span_equal(list->all.items[k].name, name);
        for (size_t k = has_first; k < job->params.items[i].values.count; k++)
            add_param(list, name, span_from(job->params.items[i].values.items[k]));
    }
}

/* in the order of their names, as upstream */
static void put_params(struct buf *out, char separator, const struct scrape_config *job,
                       struct labels labels) {
    struct param_list list = {0};
    collect_params(&list, job, labels);
    if (list.all.count) qsort(list.all.items, list.all.count, sizeof *list.all.items, compare_params);
    for (size_t i = 0; i < list.all.count; i++) {
        buf_putc(out, separator);
        url_write_query(list.all.items[i].name, out);
        buf_putc(out, '=');
        url_write_query(list.all.items[i].value, out);
        separator = '&';
    }
    vec_release(&list.all);
}

/* scheme, address, path and parameters are what the labels say */
static void put_url(struct buf *out, const struct scrape_config *job, struct labels labels) {
    struct span path = labels_get(labels, SPAN("__metrics_path__"));
    buf_span(out, labels_get(labels, SPAN("__scheme__")));
    buf_puts(out, "://");
    buf_span(out, labels_get(labels, SPAN("__address__")));
    if (!span_starts_with(path, SPAN("/"))) buf_putc(out, '/');
    buf_span(out, path);
    put_params(out, span_find_byte(path, '?', 0) < path.len ? '&' : '?', job, labels);
}

static const char *duration_text(struct arena *arena, int64_t ms) {
    struct buf out;
    buf_init(&out, 100);
    duration_write(ms, &out);
    const char *text = arena_strndup(arena, buf_text(&out), out.len);
    buf_release(&out);
    return text;
}

static void set_absent(struct label_builder *builder, const char *name, const char *value) {
    builder->failed |= !name || !value;
    if (!builder->failed && !label_builder_get(builder, span_from(name)).len)
        label_builder_set(builder, span_from(name), span_from(value));
}

int scrape_discovered_labels(const struct scrape_config *job, struct labels discovered, struct arena *arena,
                             struct labels *labels, struct err *err) {
    static const char *const bools[] = {"false", "true"};
    struct labels given;
    struct label_builder builder;
    int rc = labels_copy(discovered, arena, &given, err);
    if (rc) return rc;
    label_builder_init(&builder, arena, given);
    set_absent(&builder, "job", job->job_name);
    set_absent(&builder, "__scrape_interval__", duration_text(arena, job->scrape_interval_ms));
    set_absent(&builder, "__scrape_timeout__", duration_text(arena, job->scrape_timeout_ms));
    set_absent(&builder, "__metrics_path__", job->metrics_path);
    set_absent(&builder, "__scheme__", job->scheme);
    set_absent(&builder, NATIVE_LABEL, bools[job->scrape_native_histograms]);
    set_absent(&builder, CONVERT_LABEL, bools[job->convert_classic_histograms_to_nhcb]);
    set_absent(&builder, CLASSIC_LABEL, bools[job->always_scrape_classic_histograms]);
    for (size_t i = 0; i < job->params.count; i++)
        if (job->params.items[i].values.count)
            set_absent(&builder, arena_printf(arena, "__param_%s", job->params.items[i].name),
                       job->params.items[i].values.items[0]);
    return label_builder_finish(&builder, labels, err);
}

static int read_duration(struct labels labels, const char *label, const char *what, int64_t *ms,
                         struct err *err) {
    int rc = duration_parse(labels_get(labels, span_from(label)), ms, err);
    if (rc) return err_wrap(err, rc, "error parsing scrape %s", what);
    return *ms ? 0 : err_set(err, ERR_INVALID, "scrape %s cannot be 0", what);
}

static int read_times(struct target *target, struct labels labels, struct err *err) {
    int rc = read_duration(labels, "__scrape_interval__", "interval", &target->interval_ms, err);
    if (!rc) rc = read_duration(labels, "__scrape_timeout__", "timeout", &target->timeout_ms, err);
    if (!rc && target->timeout_ms > target->interval_ms)
        rc = err_set(err, ERR_INVALID,
                     "scrape timeout cannot be greater than scrape interval (\"%.*s\" > \"%.*s\")",
                     SPAN_ARG(labels_get(labels, SPAN("__scrape_timeout__"))),
                     SPAN_ARG(labels_get(labels, SPAN("__scrape_interval__"))));
    return rc;
}

static int check_address(struct labels labels, struct err *err) {
    struct span address = labels_get(labels, SPAN("__address__"));
    if (!address.len) return err_set(err, ERR_INVALID, "no address");
    if (span_find_byte(address, '/', 0) < address.len)
        return err_set(err, ERR_INVALID, "\"%.*s\" is not a valid hostname", SPAN_ARG(address));
    return 0;
}

static int check_values(struct labels labels, struct err *err) {
    for (uint32_t i = 0; i < labels.count; i++)
        if (!span_is_utf8(labels.items[i].value))
            return err_set(err, ERR_INVALID, "invalid label value for \"%.*s\"",
                           SPAN_ARG(labels.items[i].name));
    return 0;
}

static bool read_switch(struct labels labels, const char *label, bool of_job) {
    struct span value = labels_get(labels, span_from(label));
    return of_job ? !span_is(value, "false") : span_is(value, "true");
}

static void read_switches(struct target *target, struct labels labels) {
    const struct scrape_config *job = target->job;
    target->scrape_native_histograms = read_switch(labels, NATIVE_LABEL, job->scrape_native_histograms);
    target->convert_classic_histograms_to_nhcb =
        read_switch(labels, CONVERT_LABEL, job->convert_classic_histograms_to_nhcb);
    target->always_scrape_classic_histograms =
        read_switch(labels, CLASSIC_LABEL, job->always_scrape_classic_histograms);
}

/* what the target's series will carry */
static int keep_labels(struct target *target, struct labels relabelled, struct arena *work, struct err *err) {
    struct label_builder builder;
    struct labels kept;
    label_builder_init(&builder, work, (struct labels){0});
    for (uint32_t i = 0; i < relabelled.count; i++)
        if (!span_starts_with(relabelled.items[i].name, SPAN("__")))
            label_builder_set(&builder, relabelled.items[i].name, relabelled.items[i].value);
    if (!label_builder_get(&builder, SPAN("instance")).len)
        label_builder_set(&builder, SPAN("instance"), labels_get(relabelled, SPAN("__address__")));
    int rc = label_builder_finish(&builder, &kept, err);
    return rc ? rc : labels_copy(kept, &target->arena, &target->labels, err);
}

static int make_texts(struct target *target, struct labels relabelled, struct err *err) {
    struct buf text;
    struct span socket = labels_get(relabelled, SPAN("__unix_socket__"));
    buf_init(&text, TEXT_MAX);
    put_url(&text, target->job, relabelled);
    if (socket.len) target->unix_socket = arena_strndup(&target->arena, socket.ptr, socket.len);
    target->url = arena_strndup(&target->arena, buf_text(&text), text.len);
    buf_reset(&text);
    if (target->url) url_write_redacted(span_from(target->url), &text);
    target->shown_url = arena_strndup(&target->arena, buf_text(&text), text.len);
    buf_reset(&text);
    labels_write(target->labels, &text);
    if (target->url) buf_puts(&text, target->url);
    target->hash = hash_bytes(text.data, text.len);
    buf_reset(&text);
    target_write_series_key(target, &text);
    target->series_key = span_of(arena_strndup(&target->arena, buf_text(&text), text.len), text.len);
    target_write_settings(target, &text);
    target->key = span_of(arena_strndup(&target->arena, buf_text(&text), text.len), text.len);
    bool is_whole = !text.failed && target->url && target->shown_url && target->series_key.ptr &&
                    target->key.ptr && (target->unix_socket || !socket.len);
    buf_release(&text);
    return is_whole ? 0 : err_set(err, ERR_LIMIT, "labels or URL too large");
}

/* from what discovery says to what is scraped; *kept false: dropped. What only the way there needs is in
 * work.
 */
static int build(struct target *target, struct labels discovered, struct arena *work, bool *kept,
                 struct err *err) {
    const struct scrape_config *job = target->job;
    const struct relabel_rules *rules;
    struct label_builder builder;
    struct labels relabelled, all;
    const char *scheme = job->metric_name_validation_scheme;
    target->is_legacy = strcmp(scheme, "legacy") == 0;
    int rc = scrape_discovered_labels(job, discovered, work, &all, err);
    if (!rc) rc = labels_copy(all, &target->discovered_arena, &target->discovered, err);
    if (!rc) rc = relabel_rules_of(target->config, &job->relabel_configs, scheme, &rules, err);
    if (!rc)
        rc = relabel_rules_of(target->config, &job->metric_relabel_configs, scheme, &target->metric_rules,
                              err);
    if (rc) return rc;
    label_builder_init(&builder, work, target->discovered);
    rc = relabel_run(rules, &builder, kept, err);
    if (rc || !*kept) return rc;
    rc = label_builder_finish(&builder, &relabelled, err);
    if (!rc) rc = check_address(relabelled, err);
    if (!rc) rc = read_times(target, relabelled, err);
    if (!rc) rc = check_values(relabelled, err);
    if (!rc) rc = keep_labels(target, relabelled, work, err);
    if (rc) return rc;
    read_switches(target, relabelled);
    return make_texts(target, relabelled, err);
}

int target_create(struct config *config, const struct scrape_config *job, struct labels discovered,
                  struct target **result, struct err *err) {
    struct target *target = mem_zalloc(sizeof *target);
    struct arena work;
    bool kept = true;
    target->magic = TARGET_MAGIC;
    target->config = config_ref(config);
    target->job = job;
    arena_init(&target->arena, TARGET_ARENA_MAX, NULL);
    arena_init(&target->discovered_arena, TARGET_ARENA_MAX, NULL);
    mutex_init(&target->lock);
    target->state.last_scrape_ms = INT64_MIN;
    arena_init(&work, TARGET_ARENA_MAX, NULL);
    int rc = build(target, discovered, &work, &kept, err);
    arena_release(&work);
    if (rc || !kept) {
        target_destroy(target);
        target = NULL;
    }
    if (!rc) *result = target;
    return rc;
}

void target_take_over(struct target *target, struct target *fresh) {
    struct arena arena = target->discovered_arena;
    target->discovered_arena = fresh->discovered_arena;
    fresh->discovered_arena = arena;
    target->discovered = fresh->discovered;
    mutex_lock(&target->lock);
    memcpy(target->state.forced_error, fresh->state.forced_error, sizeof target->state.forced_error);
    mutex_unlock(&target->lock);
}

void target_settle(struct target *target) {
    if (!target->usage || target->taken == target->cache.stored) return;
    usage_give(target->usage, target->taken - target->cache.stored);
    target->taken = target->cache.stored;
}

void target_destroy(struct target *target) {
    if (!target) return;
    CHECK_OBJ(target, TARGET_MAGIC);
    ASSERT(target->batches == 0);
    cache_release(&target->cache);
    target_settle(target);
    metadata_unref(target->state.metadata);
    arena_release(&target->discovered_arena);
    arena_release(&target->arena);
    mutex_release(&target->lock);
    config_unref(target->config);
    target->magic = 0;
    mem_free(target);
}

int64_t target_offset_ms(const struct target *target, uint64_t seed) {
    return (int64_t)((target->hash ^ seed) % (uint64_t)target->interval_ms);
}
