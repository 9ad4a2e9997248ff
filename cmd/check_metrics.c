#include "cmd/check_metrics.h"

#include "cmd/check.h"
#include "lib/base/hash.h"
#include "lib/model/labels.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define INPUT_MAX ((size_t)1 << 30)
#define NAMES_MAX ((size_t)256 << 20)

/* ---- families ---- */

void metric_families_init(struct metric_families *families) {
    *families = (struct metric_families){0};
    arena_init(&families->arena, NAMES_MAX, NULL);
}

void metric_families_release(struct metric_families *families) {
    for (size_t i = 0; i < families->items.count; i++) vec_release(&families->items.items[i].label_names);
    vec_release(&families->items);
    vec_release(&families->identities);
    map_release(&families->by_name);
    map_release(&families->seen);
    arena_release(&families->arena);
}

static bool name_equal(uint32_t i, const void *key, const void *context) {
    const struct metric_families *families = context;
    return span_equal(families->items.items[i].name, *(const struct span *)key);
}

static struct metric_family *find(struct metric_families *families, struct span name) {
    uint64_t hash = hash_bytes_keyed(name.ptr, name.len);
    uint32_t i = map_find(&families->by_name, hash, &name, name_equal, families);
    return i == MAP_NONE ? NULL : &families->items.items[i];
}

static struct metric_family *get(struct metric_families *families, struct span name) {
    struct metric_family *family = find(families, name);
    if (family) return family;
    map_insert(&families->by_name, hash_bytes_keyed(name.ptr, name.len), (uint32_t)families->items.count);
    family = vec_push(&families->items);
    *family = (struct metric_family){.name = name};
    return family;
}

/* x_count belongs to the summary or histogram x, x_bucket to the histogram */
static struct metric_family *family_of(struct metric_families *families, struct span name) {
    static const char *const suffixes[] = {"_count", "_sum", "_bucket"};
    struct metric_family *family = find(families, name);
    for (size_t i = 0; i < 3 && !family; i++) {
        struct span suffix = span_from(suffixes[i]);
        if (!span_ends_with(name, suffix)) continue;
        struct metric_family *base = find(families, span_of(name.ptr, name.len - suffix.len));
        if (base && (base->type == EXPOSE_HISTOGRAM || base->type == EXPOSE_GAUGE_HISTOGRAM ||
                     (base->type == EXPOSE_SUMMARY && i < 2)))
            family = base;
    }
    return family ? family : get(families, name);
}

static bool identity_equal(uint32_t i, const void *key, const void *context) {
    const struct metric_families *families = context;
    const struct hash128 *a = &families->identities.items[i], *b = key;
    return a->low == b->low && a->high == b->high;
}

static bool is_repeated(struct metric_families *families, struct labels labels) {
    struct hash128 identity = labels_identity(labels);
    if (map_find(&families->seen, identity.low, &identity, identity_equal, families) != MAP_NONE) return true;
    map_insert(&families->seen, identity.low, (uint32_t)families->identities.count);
    *vec_push(&families->identities) = identity;
    return false;
}

static int note_name(struct metric_families *families, struct metric_family *family, struct span name,
                     struct err *err) {
    for (size_t i = 0; i < family->label_names.count; i++)
        if (span_equal(family->label_names.items[i], name)) return 0;
    char *copy = arena_strndup(&families->arena, name.ptr, name.len);
    if (!copy) return arena_limit(&families->arena, "metrics", err);
    *vec_push(&family->label_names) = span_of(copy, name.len);
    return 0;
}

static int take_series(struct metric_families *families, const struct expose_reader *reader,
                       const struct expose_entry *entry, struct err *err) {
    struct arena arena;
    struct labels labels;
    double value;
    arena_init(&arena, 4 * EXPOSE_MAX_LINE, NULL);
    int rc = expose_value(reader, entry->value, &value, err);
    if (!rc) rc = expose_labels(entry->series, reader->type, &arena, &labels, err);
    if (!rc) {
        struct span name = labels_get(labels, SPAN(LABEL_NAME));
        char *copy = arena_strndup(&families->arena, name.ptr, name.len);
        struct metric_family *family = copy ? family_of(families, span_of(copy, name.len)) : NULL;
        if (!family) rc = arena_limit(&families->arena, "metrics", err);
        for (uint32_t i = 0; i < labels.count && !rc; i++)
            if (!span_is(labels.items[i].name, LABEL_NAME))
                rc = note_name(families, family, labels.items[i].name, err);
        if (!rc) {
            family->series++;
            family->has_repeated |= is_repeated(families, labels);
        }
    }
    arena_release(&arena);
    return rc;
}

int metric_families_read(struct metric_families *families, struct span text, struct err *err) {
    struct expose_reader reader;
    struct expose_entry entry = {.kind = EXPOSE_HELP};
    int rc = 0;
    expose_reader_init(&reader, EXPOSE_TEXT, text);
    while (!rc && entry.kind != EXPOSE_END) {
        rc = expose_next(&reader, &entry, err);
        if (rc) break;
        if (entry.kind == EXPOSE_SERIES) rc = take_series(families, &reader, &entry, err);
        if (entry.kind == EXPOSE_HELP) get(families, entry.metric)->has_help = true;
        if (entry.kind == EXPOSE_TYPE) {
            struct metric_family *family = get(families, entry.metric);
            if (family->has_type)
                rc = err_set(err, ERR_INVALID, "line %u: second TYPE line for metric name \"%.*s\"",
                             reader.line, SPAN_ARG(entry.metric));
            family->has_type = true;
            family->type = reader.type;
        }
    }
    return rc;
}

/* ---- the command ---- */

static int compare_texts(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* sorted, by name and text; how many */
static size_t print_findings(const struct metric_families *families) {
    VEC(char *) lines = {0};
    for (size_t i = 0; i < families->items.count; i++) {
        const struct metric_family *family = &families->items.items[i];
        struct buf found;
        if (!family->series) continue;
        buf_init(&found, 1 << 20);
        metric_lint(family, &found);
        for (size_t from = 0; from < found.len;) {
            size_t end = span_find_byte(buf_view(&found), '\n', from);
            struct buf line;
            buf_init(&line, 1 << 21);
            buf_printf(&line, "%.*s %.*s", SPAN_ARG(family->name), (int)(end - from), found.data + from);
            *vec_push(&lines) = mem_strndup(line.data ? line.data : "", line.len);
            buf_release(&line);
            from = end + 1;
        }
        buf_release(&found);
    }
    if (lines.count) qsort(lines.items, lines.count, sizeof *lines.items, compare_texts);
    size_t count = lines.count;
    for (size_t i = 0; i < count; i++) {
        fprintf(stderr, "%s\n", lines.items[i]);
        mem_free(lines.items[i]);
    }
    vec_release(&lines);
    return count;
}

static int compare_sizes(const void *a, const void *b) {
    const struct metric_family *x = a, *y = b;
    if (x->series != y->series) return x->series < y->series ? 1 : -1;
    return span_compare(x->name, y->name);
}

static void print_sizes(struct metric_families *families) {
    size_t total = 0, width = 6;
    for (size_t i = 0; i < families->items.count; i++) {
        const struct metric_family *family = &families->items.items[i];
        total += family->series;
        if (family->name.len > width) width = family->name.len;
    }
    if (families->items.count)
        qsort(families->items.items, families->items.count, sizeof *families->items.items, compare_sizes);
    printf("%-*s  Cardinality  Percentage\n", (int)width, "Metric");
    for (size_t i = 0; i < families->items.count; i++) {
        const struct metric_family *family = &families->items.items[i];
        if (family->series)
            printf("%-*.*s  %-11zu  %.2f%%\n", (int)width, SPAN_ARG(family->name), family->series,
                   100 * (double)family->series / (double)total);
    }
    printf("%-*s  %-11zu  100%%\n", (int)width, "Total", total);
}

int check_metrics(int argc, char **argv) {
    bool is_extended = argc == 2 && strcmp(argv[1], "--extended") == 0;
    struct metric_families families;
    struct buf text;
    struct err err = {0};
    int status = CHECK_BAD;
    if (argc > 1 && !is_extended) {
        fprintf(stderr, "usage: server check metrics [--extended] < METRICS\n");
        return CHECK_BAD;
    }
    buf_init(&text, INPUT_MAX);
    metric_families_init(&families);
    if (!check_read_input(&text))
        fprintf(stderr, "error while linting: standard input cannot be read, or is longer than 1 GiB\n");
    else if (metric_families_read(&families, buf_view(&text), &err))
        fprintf(stderr, "error while linting: %s\n", err.text);
    else if (print_findings(&families))
        status = CHECK_LINT;
    else
        status = CHECK_GOOD;
    if (status == CHECK_GOOD && is_extended) print_sizes(&families);
    metric_families_release(&families);
    buf_release(&text);
    return status;
}
