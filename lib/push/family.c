#include "lib/push/family.h"

#include "lib/base/hash.h"
#include "lib/base/map.h"
#include "lib/codec/number.h"
#include "lib/expose/expose.h"
#include "lib/expose/protobuf.h"

#include <math.h>

#define FAMILY_MAX_BYTES ((size_t)256 << 20) /* the budget is what counts */
#define WORK_MAX_BYTES ((size_t)64 << 20)

/* a summary or histogram of many lines */
struct many_lines {
    const struct push_family *family;
    struct push_metric *metric;
};

/* a body that is being read */
struct reading {
    struct push_families *families;
    struct labels group;
    const struct push_limits *limits;
    struct budget *budget;
    struct map by_name;   /* to an index of families */
    struct map by_labels; /* hash of family and labels to an index of metrics */
    VEC(struct many_lines) metrics;
    struct arena work; /* of the line at hand */
};

/* what the text format has words for; the rest are single values */
static enum expose_type known_type(enum expose_type type, bool is_protobuf) {
    if (type == EXPOSE_GAUGE_HISTOGRAM) return is_protobuf ? EXPOSE_HISTOGRAM : EXPOSE_UNKNOWN;
    return type == EXPOSE_INFO || type == EXPOSE_STATESET ? EXPOSE_UNKNOWN : type;
}

static bool is_compound(enum expose_type type) {
    return type == EXPOSE_SUMMARY || type == EXPOSE_HISTOGRAM;
}

static bool has_infinity(const struct push_metric *metric) {
    for (uint32_t i = metric->point_count; i-- > 0;)
        if (metric->points[i].at == (double)INFINITY) return true;
    return false;
}

size_t push_family_lines(const struct push_family *family) {
    if (!is_compound(family->type)) return family->metrics.count;
    size_t lines = 0;
    for (size_t i = 0; i < family->metrics.count; i++) {
        const struct push_metric *metric = family->metrics.items[i];
        lines += metric->point_count + 2U + (family->type == EXPOSE_HISTOGRAM && !has_infinity(metric));
    }
    return lines;
}

void push_family_destroy(struct push_family *family) {
    if (!family) return;
    vec_release(&family->metrics);
    arena_release(&family->arena);
    mem_free(family);
}

void push_families_release(struct push_families *families) {
    for (size_t i = 0; i < families->items.count; i++) push_family_destroy(families->items.items[i]);
    vec_release(&families->items);
}

/* ---- families and metrics ---- */

static int no_memory(struct err *err) {
    return err_set(err, ERR_LIMIT, "no memory is left for what is pushed");
}

static int keep(struct arena *arena, struct span *text, struct err *err) {
    if (!text->len) return 0;
    const char *copy = arena_strndup(arena, text->ptr, text->len);
    if (!copy) return no_memory(err);
    text->ptr = copy;
    return 0;
}

static bool is_family(uint32_t index, const void *key, const void *context) {
    const struct push_families *families = context;
    return span_equal(families->items.items[index]->name, *(const struct span *)key);
}

static struct push_family *find_family(const struct reading *reading, struct span name) {
    uint32_t index =
        map_find(&reading->by_name, hash_bytes(name.ptr, name.len), &name, is_family, reading->families);
    return index == MAP_NONE ? NULL : reading->families->items.items[index];
}

static int make_family(struct reading *reading, struct span name, struct push_family **family,
                       struct err *err) {
    *family = find_family(reading, name);
    if (*family) return 0;
    if (!metric_name_is_legacy(name))
        return err_set(err, ERR_INVALID, "invalid metric name \"%.*s\"", SPAN_ARG(name));
    struct push_family *fresh = mem_zalloc(sizeof *fresh);
    arena_init(&fresh->arena, FAMILY_MAX_BYTES, reading->budget);
    *vec_push(&reading->families->items) = fresh;
    fresh->name = name;
    int rc = keep(&fresh->arena, &fresh->name, err);
    if (rc) return rc;
    map_insert(&reading->by_name, hash_bytes(name.ptr, name.len),
               (uint32_t)reading->families->items.count - 1);
    *family = fresh;
    return 0;
}

static bool is_left_out(struct span name, const char *extra) {
    return span_is(name, LABEL_NAME) || (extra && span_is(name, extra));
}

/* a series' own labels, the group's over them, and an instance */
static int merge_labels(struct reading *reading, struct labels own, const char *extra, struct labels *merged,
                        struct err *err) {
    static const struct label instance = {{"instance", 8}, {"", 0}};
    size_t most = (size_t)own.count + reading->group.count + 1, count = 0;
    struct label *items = arena_array(&reading->work, most, sizeof *items);
    bool needs_instance = !labels_has(own, instance.name) && !labels_has(reading->group, instance.name);
    if (!items) return no_memory(err);
    for (uint32_t i = 0, k = 0; i < own.count || k < reading->group.count;) {
        int order = i == own.count ? 1
                    : k == reading->group.count
                        ? -1
                        : span_compare(own.items[i].name, reading->group.items[k].name);
        struct label label = order < 0 ? own.items[i] : reading->group.items[k];
        i += order <= 0;
        k += order >= 0;
        if (order < 0 && is_left_out(label.name, extra)) continue;
        if (needs_instance && span_compare(label.name, instance.name) > 0) {
            items[count++] = instance;
            needs_instance = false;
        }
        items[count++] = label;
    }
    if (needs_instance) items[count++] = instance;
    *merged = (struct labels){items, (uint32_t)count};
    return 0;
}

static int check_labels(const struct reading *reading, struct labels labels, struct span name,
                        struct err *err) {
    const struct push_limits *limits = reading->limits;
    size_t bytes = 0, spare = 2; /* the name, and le or quantile */
    for (uint32_t i = 0; i < labels.count; i++) {
        const struct label *label = &labels.items[i];
        bytes += label->name.len + label->value.len;
        if (!label_name_is_legacy(label->name))
            return err_set(err, ERR_INVALID, "invalid label name \"%.*s\"", SPAN_ARG(label->name));
        if (!span_is_utf8(label->value))
            return err_set(err, ERR_INVALID, "label %.*s of \"%.*s\" is not UTF-8", SPAN_ARG(label->name),
                           SPAN_ARG(name));
        if ((limits->label_name_bytes && label->name.len > limits->label_name_bytes) ||
            (limits->label_value_bytes && label->value.len > limits->label_value_bytes))
            return err_set(err, ERR_LIMIT, "a label of \"%.*s\" is too long", SPAN_ARG(name));
    }
    if (limits->label_value_bytes && name.len + sizeof "_bucket" > limits->label_value_bytes)
        return err_set(err, ERR_LIMIT, "the name of a metric is too long");
    if ((limits->labels && labels.count + spare > limits->labels) ||
        (limits->label_bytes && bytes + name.len + 64 > limits->label_bytes))
        return err_set(err, ERR_LIMIT, "\"%.*s\" has too many labels", SPAN_ARG(name));
    return 0;
}

static int copy_labels(struct labels from, struct arena *arena, struct labels *copy, struct err *err) {
    struct label *items = arena_array(arena, from.count + (size_t)1, sizeof *items);
    int rc = 0;
    if (!items) return no_memory(err);
    for (uint32_t i = 0; i < from.count && !rc; i++) {
        items[i] = from.items[i];
        rc = keep(arena, &items[i].name, err);
        if (!rc) rc = keep(arena, &items[i].value, err);
    }
    *copy = (struct labels){items, from.count};
    return rc;
}

static int add_lines(struct reading *reading, size_t lines, struct err *err) {
    reading->families->lines += lines;
    if (reading->limits->lines && reading->families->lines > reading->limits->lines)
        return err_set(err, ERR_LIMIT, "more than %zu samples", reading->limits->lines);
    return 0;
}

/* labels: in the work arena */
static int add_metric(struct reading *reading, struct push_family *family, struct labels labels,
                      struct push_metric **metric, struct err *err) {
    int rc = check_labels(reading, labels, family->name, err);
    if (rc) return rc;
    struct push_metric *fresh = arena_zalloc(&family->arena, sizeof *fresh);
    if (!fresh) return no_memory(err);
    rc = copy_labels(labels, &family->arena, &fresh->labels, err);
    if (!rc) rc = add_lines(reading, is_compound(family->type) ? 3 : 1, err);
    if (rc) return rc;
    *vec_push(&family->metrics) = fresh;
    *metric = fresh;
    return 0;
}

static int add_point(struct reading *reading, struct push_family *family, struct push_metric *metric,
                     struct push_point point, struct err *err) {
    if (metric->point_count == metric->point_capacity) {
        uint32_t capacity = metric->point_capacity ? 2 * metric->point_capacity : 8;
        struct push_point *points = arena_array(&family->arena, capacity, sizeof *points);
        if (!points) return no_memory(err);
        if (metric->point_count) memcpy(points, metric->points, metric->point_count * sizeof *points);
        metric->points = points;
        metric->point_capacity = capacity;
    }
    metric->points[metric->point_count++] = point;
    return add_lines(reading, 1, err);
}

/* ---- text ---- */

static bool strip(struct span *name, const char *suffix) {
    if (!span_ends_with(*name, span_from(suffix))) return false;
    name->len -= strlen(suffix);
    return true;
}

enum part { PART_VALUE, PART_POINT, PART_SUM, PART_COUNT };

/* whose sample a name is: of the summary or histogram that was announced, or of a family of its own */
static int place(struct reading *reading, struct span name, struct push_family **family, enum part *part,
                 struct err *err) {
    static const struct {
        const char *suffix;
        enum part part;
    } parts[] = {{"_bucket", PART_POINT}, {"_sum", PART_SUM}, {"_count", PART_COUNT}};
    *part = PART_VALUE;
    *family = find_family(reading, name);
    if (*family) {
        if ((*family)->type == EXPOSE_SUMMARY) *part = PART_POINT;
        if ((*family)->type == EXPOSE_HISTOGRAM)
            return err_set(err, ERR_INVALID, "\"%.*s\" is a histogram, and has no sample of that name",
                           SPAN_ARG(name));
        return 0;
    }
    for (size_t i = 0; i < 3; i++) {
        struct span base = name;
        if (!strip(&base, parts[i].suffix)) continue;
        struct push_family *found = find_family(reading, base);
        if (!found || !is_compound(found->type)) continue;
        if (parts[i].part == PART_POINT && found->type == EXPOSE_SUMMARY) continue;
        *family = found;
        *part = parts[i].part;
        return 0;
    }
    return make_family(reading, name, family, err);
}

struct wanted {
    const struct push_family *family;
    struct labels labels;
};

static uint64_t wanted_hash(const struct wanted *wanted) {
    return labels_hash(wanted->labels) ^ hash_bytes(wanted->family->name.ptr, wanted->family->name.len);
}

static bool is_wanted(uint32_t index, const void *key, const void *context) {
    const struct reading *reading = context;
    const struct wanted *wanted = key;
    const struct many_lines *have = &reading->metrics.items[index];
    return have->family == wanted->family && labels_equal(have->metric->labels, wanted->labels);
}

/* the summary or histogram that the line is a part of */
static int find_metric(struct reading *reading, struct push_family *family, struct labels labels,
                       struct push_metric **metric, struct err *err) {
    struct wanted wanted = {family, labels};
    uint64_t hash = wanted_hash(&wanted);
    uint32_t index = map_find(&reading->by_labels, hash, &wanted, is_wanted, reading);
    if (index != MAP_NONE) {
        *metric = reading->metrics.items[index].metric;
        return 0;
    }
    int rc = add_metric(reading, family, labels, metric, err);
    if (rc) return rc;
    map_insert(&reading->by_labels, hash, (uint32_t)reading->metrics.count);
    *vec_push(&reading->metrics) = (struct many_lines){family, *metric};
    return 0;
}

static int read_bound(const struct push_family *family, struct labels labels, double *at, struct err *err) {
    const char *name = family->type == EXPOSE_SUMMARY ? "quantile" : "le";
    struct span text = labels_get(labels, span_from(name));
    if (number_parse(text, at)) return 0;
    return err_set(err, ERR_INVALID, "expected float as value for '%s' label, got \"%.*s\"", name,
                   SPAN_ARG(text));
}

static int take_line(struct reading *reading, const struct expose_reader *reader,
                     const struct expose_entry *line, struct err *err) {
    struct push_family *family;
    struct push_metric *metric;
    struct labels own, labels;
    enum part part;
    double value, at = 0;
    int rc = expose_labels(line->series, EXPOSE_UNKNOWN, &reading->work, &own, err);
    if (!rc) rc = place(reading, labels_get(own, SPAN(LABEL_NAME)), &family, &part, err);
    if (!rc && part == PART_POINT) rc = read_bound(family, own, &at, err);
    if (!rc) rc = expose_value(reader, line->value, &value, err);
    if (rc) return rc;
    reading->families->has_times |= line->has_time;
    const char *extra = part == PART_VALUE ? NULL : family->type == EXPOSE_SUMMARY ? "quantile" : "le";
    rc = merge_labels(reading, own, extra, &labels, err);
    if (!rc && part == PART_VALUE) {
        rc = add_metric(reading, family, labels, &metric, err);
        if (!rc) metric->value = value;
        return rc;
    }
    if (!rc) rc = find_metric(reading, family, labels, &metric, err);
    if (rc) return rc;
    if (part == PART_POINT) return add_point(reading, family, metric, (struct push_point){at, value}, err);
    *(part == PART_SUM ? &metric->sum : &metric->count) = value;
    return 0;
}

static int take_type(struct reading *reading, const struct expose_reader *reader,
                     const struct expose_entry *entry, struct err *err) {
    struct push_family *family;
    int rc = make_family(reading, entry->metric, &family, err);
    if (rc) return rc;
    if (family->has_type || family->metrics.count)
        return err_set(err, ERR_INVALID,
                       "second TYPE line for metric name \"%.*s\", or TYPE reported after samples",
                       SPAN_ARG(entry->metric));
    family->type = known_type(reader->type, false);
    family->has_type = true;
    return 0;
}

static int take_help(struct reading *reading, const struct expose_entry *entry, struct err *err) {
    struct push_family *family;
    int rc = make_family(reading, entry->metric, &family, err);
    if (!rc) rc = expose_help(entry->text, EXPOSE_TEXT, &reading->work, &family->help, err);
    return rc ? rc : keep(&family->arena, &family->help, err);
}

static int check_end(struct span body, struct err *err) {
    size_t lines = 1;
    if (!body.len || body.ptr[body.len - 1] == '\n') return 0;
    for (size_t i = 0; i < body.len; i++) lines += body.ptr[i] == '\n';
    return err_set(err, ERR_INVALID, "text format parsing error in line %zu: unexpected end of input stream",
                   lines);
}

/* what is wrong with a line, as the Pushgateway says where */
static int tell_line(const struct expose_reader *reader, int rc, struct err *err) {
    if (rc != ERR_INVALID || !err) return rc;
    struct err why = *err;
    const char *text = why.text, *colon = strchr(text, ':');
    if (strncmp(text, "line ", 5) == 0 && colon) text = colon + 2; /* the reader told already */
    return err_set(err, rc, "text format parsing error in line %u: %s", reader->line, text);
}

static int read_text(struct reading *reading, struct span body, struct err *err) {
    struct expose_reader reader;
    struct expose_entry entry;
    expose_reader_init(&reader, EXPOSE_TEXT, body);
    int rc = check_end(body, err);
    if (rc) return rc;
    while (!rc && (rc = expose_next(&reader, &entry, err)) == 0 && entry.kind != EXPOSE_END) {
        if (entry.kind == EXPOSE_SERIES) rc = take_line(reading, &reader, &entry, err);
        if (entry.kind == EXPOSE_TYPE) rc = take_type(reading, &reader, &entry, err);
        if (entry.kind == EXPOSE_HELP) rc = take_help(reading, &entry, err);
        arena_release(&reading->work);
    }
    return tell_line(&reader, rc, err);
}

/* ---- protobuf ---- */

static int take_metric(struct reading *reading, struct push_family *family, const struct expose_metric *from,
                       struct err *err) {
    struct push_metric *metric;
    struct span text;
    struct labels own, labels;
    int rc = expose_metric_series(from, "", NULL, 0, &reading->work, &text, err);
    if (!rc) rc = expose_labels(text, EXPOSE_UNKNOWN, &reading->work, &own, err);
    if (!rc) rc = merge_labels(reading, own, NULL, &labels, err);
    if (!rc) rc = add_metric(reading, family, labels, &metric, err);
    if (rc) return rc;
    reading->families->has_times |= from->has_time;
    metric->value = from->value;
    metric->count = from->count;
    metric->sum = from->sum;
    for (uint32_t i = 0; i < from->point_count && !rc; i++)
        rc = add_point(reading, family, metric,
                       (struct push_point){from->points[i].at, from->points[i].value}, err);
    return rc;
}

static int take_family(struct reading *reading, struct expose_family *from, struct err *err) {
    struct push_family *family;
    struct expose_metric metric;
    int rc = make_family(reading, from->name, &family, err);
    if (rc) return rc;
    if (family->has_type)
        return err_set(err, ERR_INVALID, "the family \"%.*s\" is there twice", SPAN_ARG(from->name));
    family->type = known_type(from->type, true);
    family->has_type = true;
    family->help = from->help;
    rc = keep(&family->arena, &family->help, err);
    while (!rc && (rc = expose_family_metric(from, &reading->work, &metric, err)) == 1) {
        rc = take_metric(reading, family, &metric, err);
        arena_release(&reading->work);
    }
    return rc;
}

static int read_protobuf(struct reading *reading, struct span body, struct err *err) {
    struct expose_families families;
    struct expose_family family;
    int rc;
    expose_families_init(&families, body);
    while ((rc = expose_family_next(&families, &family, err)) == 1)
        if ((rc = take_family(reading, &family, err)) != 0) break;
    return rc;
}

/* those that were only announced */
static void drop_empty(struct push_families *families) {
    size_t kept = 0;
    for (size_t i = 0; i < families->items.count; i++) {
        struct push_family *family = families->items.items[i];
        if (family->metrics.count)
            families->items.items[kept++] = family;
        else
            push_family_destroy(family);
    }
    families->items.count = kept;
}

/* what every group tells has its labels, whatever is in the body */
static int check_group(struct reading *reading, struct err *err) {
    struct labels labels;
    int rc = merge_labels(reading, (struct labels){0}, NULL, &labels, err);
    return rc ? rc : check_labels(reading, labels, SPAN("push_failure_time_seconds"), err);
}

int push_families_read(enum push_format format, struct span body, struct labels group,
                       const struct push_limits *limits, struct budget *budget,
                       struct push_families *families, struct err *err) {
    struct reading reading = {.families = families, .group = group, .limits = limits, .budget = budget};
    *families = (struct push_families){0};
    arena_init(&reading.work, WORK_MAX_BYTES, NULL);
    int rc = check_group(&reading, err);
    if (!rc)
        rc = format == PUSH_PROTOBUF ? read_protobuf(&reading, body, err) : read_text(&reading, body, err);
    arena_release(&reading.work);
    map_release(&reading.by_name);
    map_release(&reading.by_labels);
    vec_release(&reading.metrics);
    if (rc)
        push_families_release(families);
    else
        drop_empty(families);
    return rc;
}
