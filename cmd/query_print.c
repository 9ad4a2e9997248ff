#include "cmd/query_print.h"

#include "lib/codec/json.h"
#include "lib/codec/number.h"
#include "lib/model/labels.h"

#include <math.h>

#define LABELS_BYTES ((size_t)64 << 20)

static bool read_labels(const struct ynode *metric, struct arena *arena, struct labels *labels) {
    struct label_builder builder;
    if (!metric || metric->kind != YNODE_MAP) return false;
    label_builder_init(&builder, arena, (struct labels){0});
    for (uint32_t i = 0; i < metric->count; i++) {
        const struct yentry *entry = &metric->entries[i];
        if (entry->value->kind != YNODE_SCALAR) return false;
        label_builder_set(&builder, entry->key->text, entry->value->text);
    }
    return label_builder_finish(&builder, labels, NULL) == 0;
}

bool query_print_metric(const struct ynode *metric, struct buf *out) {
    struct arena arena;
    struct labels labels;
    arena_init(&arena, LABELS_BYTES, NULL);
    bool good = read_labels(metric, &arena, &labels);
    if (good) labels_write(labels, out);
    arena_release(&arena);
    return good;
}

/* {__name__="up", job="a"}: a series that is no expression */
static bool print_set(const struct ynode *metric, struct buf *out) {
    struct arena arena;
    struct labels labels;
    arena_init(&arena, LABELS_BYTES, NULL);
    bool good = read_labels(metric, &arena, &labels);
    buf_putc(out, '{');
    for (uint32_t i = 0; good && i < labels.count; i++) {
        if (i) buf_puts(out, ", ");
        buf_span(out, labels.items[i].name);
        buf_putc(out, '=');
        text_write_quoted(labels.items[i].value, out);
    }
    buf_puts(out, "}\n");
    arena_release(&arena);
    return good;
}

/* [rule, "lower", "upper", "count"]: the rule says which bounds belong to the bucket */
static void print_bucket(const struct ynode *bucket, struct buf *out) {
    static const char opening[] = "([([", closing[] = "]))]";
    const struct ynode *rule = ynode_item(bucket, 0), *parts[3];
    unsigned kind = rule && rule->text.len == 1 ? (unsigned)(rule->text.ptr[0] - '0') & 3 : 0;
    for (uint32_t i = 0; i < 3; i++) {
        parts[i] = ynode_item(bucket, i + 1);
        if (!parts[i] || parts[i]->kind != YNODE_SCALAR) return;
    }
    buf_printf(out, "%c%.*s,%.*s%c:%.*s", opening[kind], SPAN_ARG(parts[0]->text), SPAN_ARG(parts[1]->text),
               closing[kind], SPAN_ARG(parts[2]->text));
}

static void print_histogram(const struct ynode *histogram, struct buf *out) {
    static const char *const names[] = {"count", "sum"}, *const titles[] = {"Count: ", ", Sum: "};
    const struct ynode *buckets = ynode_at(histogram, "buckets"), *bucket;
    for (int i = 0; i < 2; i++) {
        double number = 0;
        (void)number_parse(ynode_text_at(histogram, names[i]), &number);
        buf_printf(out, "%s%f", titles[i], number);
    }
    buf_puts(out, ", Buckets: [");
    for (uint32_t i = 0; (bucket = ynode_item(buckets, i)); i++) {
        if (i) buf_putc(out, ' ');
        print_bucket(bucket, out);
    }
    buf_putc(out, ']');
}

/* 1 @[1435781451.781] of [1435781451.781, "1"] */
static bool print_point(const struct ynode *point, struct buf *out) {
    const struct ynode *time = ynode_item(point, 0), *value = ynode_item(point, 1);
    struct json_writer json;
    double seconds;
    if (!time || !value || time->kind != YNODE_SCALAR || !number_parse(time->text, &seconds) ||
        !(fabs(seconds) < 1e15))
        return false;
    if (value->kind == YNODE_SCALAR)
        buf_span(out, value->text);
    else
        print_histogram(value, out);
    buf_puts(out, " @[");
    json_init(&json, out);
    json_time_ms(&json, llround(seconds * 1000));
    buf_putc(out, ']');
    return true;
}

static bool print_vector(const struct ynode *item, struct buf *out) {
    const struct ynode *point = ynode_at(item, "value");
    if (!query_print_metric(ynode_at(item, "metric"), out)) return false;
    buf_puts(out, " => ");
    bool good = print_point(point ? point : ynode_at(item, "histogram"), out);
    buf_putc(out, '\n');
    return good;
}

static bool print_series(const struct ynode *item, struct buf *out) {
    static const char *const names[] = {"values", "histograms"};
    const struct ynode *point;
    bool good = query_print_metric(ynode_at(item, "metric"), out);
    buf_puts(out, " =>\n");
    for (size_t k = 0; k < 2 && good; k++) {
        const struct ynode *points = ynode_at(item, names[k]);
        for (uint32_t i = 0; good && (point = ynode_item(points, i)); i++) {
            good = print_point(point, out);
            buf_putc(out, '\n');
        }
    }
    return good;
}

static bool print_items(const struct ynode *list, bool (*print)(const struct ynode *, struct buf *),
                        struct buf *out) {
    const struct ynode *item;
    if (list->kind != YNODE_LIST) return false;
    for (uint32_t i = 0; (item = ynode_item(list, i)); i++)
        if (!print(item, out)) return false;
    return true;
}

static bool print_text_or_set(const struct ynode *item, struct buf *out) {
    if (item->kind != YNODE_SCALAR) return print_set(item, out);
    buf_span(out, item->text);
    buf_putc(out, '\n');
    return true;
}

bool query_print(const struct ynode *data, struct buf *out) {
    struct span type = ynode_text_at(data, "resultType");
    const struct ynode *result = ynode_at(data, "result");
    if (data->kind == YNODE_LIST) return print_items(data, print_text_or_set, out);
    if (!result) return false;
    if (span_is(type, "vector")) return print_items(result, print_vector, out);
    if (span_is(type, "matrix")) return print_items(result, print_series, out);
    if (span_is(type, "scalar")) buf_puts(out, "scalar: ");
    bool good = print_point(result, out);
    buf_putc(out, '\n');
    return good;
}

/* as deep as what was read */
static void write_json(struct json_writer *json, const struct ynode *node) {
    double number;
    switch (node->kind) {
    case YNODE_SCALAR:
        if (node->is_plain && number_parse(node->text, &number))
            json_double(json, number); /* in its shortest form, whatever the reader made of it */
        else if (node->is_plain)
            json_raw(json, node->text);
        else
            json_string(json, node->text);
        return;
    case YNODE_LIST:
        json_array(json);
        for (uint32_t i = 0; i < node->count; i++) write_json(json, node->items[i]);
        json_end_array(json);
        return;
    case YNODE_MAP:
        json_object(json);
        for (uint32_t i = 0; i < node->count; i++) {
            json_key_span(json, node->entries[i].key->text);
            write_json(json, node->entries[i].value);
        }
        json_end_object(json);
    }
}

void query_print_json(const struct ynode *data, struct buf *out) {
    struct json_writer json;
    const struct ynode *result = ynode_at(data, "result");
    json_init(&json, out);
    write_json(&json, result ? result : data);
    buf_putc(out, '\n');
}
