/*
 * index.c - label sets become series: text to symbols, symbols to a record, the record to a slot.
 */
#include "lib/base/assert.h"
#include "lib/base/hash.h"
#include "storage/head/inside.h"

#include <inttypes.h>
#include <string.h>

static size_t record_bytes(const struct head *head, const uint32_t *words) {
    return (1 + (size_t)shape_count(&head->shapes, words[0])) * sizeof *words;
}

static const uint32_t *record_of(const struct head *head, uint32_t slot) {
    return stable_at(&head->shapes.memory, series_at(&head->table, slot)->record);
}

static bool record_equal(uint32_t slot, const void *key, const void *context) {
    const struct head *head = context;
    const uint32_t *words = key, *other = record_of(head, slot);
    return words[0] == other[0] && memcmp(words, other, record_bytes(head, words)) == 0;
}

static uint64_t record_hash(const struct head *head, const uint32_t *words) {
    return hash_bytes(words, record_bytes(head, words));
}

static uint64_t slot_hash(uint32_t slot, const void *context) {
    return record_hash(context, record_of(context, slot));
}

/* the symbol is often the one in the same place of the label set before */
static uint32_t symbol_near(const struct head *head, uint32_t hint, struct span text) {
    if (hint && span_equal(symbols_text(&head->symbols, hint), text)) return hint;
    return symbols_find(&head->symbols, text);
}

/* false when a name or value is not known, so that there is no such series */
static bool ids_find(const struct head *head, struct labels labels, struct label_ids *ids) {
    for (uint32_t i = 0; i < labels.count; i++) {
        bool has_hint = i < ids->count;
        uint32_t name = symbol_near(head, has_hint ? ids->names[i] : 0, labels.items[i].name);
        uint32_t value = symbol_near(head, has_hint ? ids->words[1 + i] : 0, labels.items[i].value);
        if (!name || !value) {
            ids->count = i;
            return false;
        }
        ids->names[i] = name;
        ids->words[1 + i] = value;
    }
    ids->count = labels.count;
    ids->words[0] = shapes_find(&head->shapes, ids->names, ids->count);
    return ids->words[0] != 0;
}

uint32_t index_find(const struct head *head, struct labels labels, struct label_ids *ids) {
    if (labels.count > SHAPE_MAX_LABELS || !ids_find(head, labels, ids)) return MAP_NONE;
    return map_find(&head->by_labels, record_hash(head, ids->words), ids->words, record_equal, head);
}

static uint32_t symbol_get(struct head *head, uint32_t hint, struct span text) {
    if (hint && span_equal(symbols_text(&head->symbols, hint), text)) return hint;
    return symbols_add(&head->symbols, text);
}

static int ids_add(struct head *head, struct labels labels, struct label_ids *ids, struct err *err) {
    for (uint32_t i = 0; i < labels.count; i++) {
        bool has_hint = i < ids->count;
        uint32_t name = symbol_get(head, has_hint ? ids->names[i] : 0, labels.items[i].name);
        uint32_t value = symbol_get(head, has_hint ? ids->words[1 + i] : 0, labels.items[i].value);
        if (!name || !value) {
            ids->count = i;
            return err_set(err, ERR_LIMIT, "memory for label names and values is full");
        }
        ids->names[i] = name;
        ids->words[1 + i] = value;
    }
    ids->count = labels.count;
    ids->words[0] = shapes_add(&head->shapes, ids->names, ids->count);
    return ids->words[0] ? 0 : err_set(err, ERR_LIMIT, "memory for label sets is full");
}

static int check_labels(struct labels labels, struct err *err) {
    if (labels.count > SHAPE_MAX_LABELS)
        return err_set(err, ERR_LIMIT, "a series with %u labels exceeds the limit of %u", labels.count,
                       SHAPE_MAX_LABELS);
    for (uint32_t i = 0; i < labels.count; i++)
        if (labels.items[i].name.len > SYMBOL_MAX_BYTES || labels.items[i].value.len > SYMBOL_MAX_BYTES)
            return err_set(err, ERR_LIMIT, "a label of a series exceeds the limit of %zu bytes",
                           SYMBOL_MAX_BYTES);
    return 0;
}

static int create(struct head *head, uint64_t number, const struct label_ids *ids, uint32_t *slot,
                  struct err *err) {
    uint32_t record = shapes_add_record(&head->shapes, ids->words);
    if (!record) return err_set(err, ERR_LIMIT, "memory for label sets is full");
    struct series *series = series_table_next(&head->table, slot);
    if (!series) return err_set(err, ERR_LIMIT, "table of series is full");
    series->record = record;
    series->number = number;
    series_table_publish(&head->table);
    map_insert(&head->by_labels, record_hash(head, ids->words), *slot, slot_hash, head);
    for (uint32_t i = 0; i < ids->count; i++)
        postings_add(&head->postings, ids->names[i], ids->words[1 + i], *slot);
    return 0;
}

int index_add(struct head *head, struct labels labels, uint64_t number, struct label_ids *ids, uint32_t *slot,
              bool *created, struct err *err) {
    int rc = check_labels(labels, err);
    if (!rc) rc = ids_add(head, labels, ids, err);
    if (rc) return rc;
    uint32_t found =
        map_find(&head->by_labels, record_hash(head, ids->words), ids->words, record_equal, head);
    *created = found == MAP_NONE;
    if (*created) {
        if (!number && head->max_series && atomic_load(&head->table.count) >= head->max_series)
            return err_set(err, ERR_LIMIT, "limit of %" PRIu64 " series reached", head->max_series);
        rc = create(head, number ? number : head->next_number, ids, slot, err);
        if (rc) return rc;
    } else {
        *slot = found;
        if (number) series_at(&head->table, found)->number = number;
    }
    uint64_t given = series_at(&head->table, *slot)->number;
    if (given >= head->next_number) head->next_number = given + 1;
    return 0;
}

uint32_t index_value(const struct head *head, uint32_t slot, uint32_t name) {
    const uint32_t *words = record_of(head, slot);
    uint32_t place = shape_place(&head->shapes, words[0], name);
    return place < shape_count(&head->shapes, words[0]) ? words[1 + place] : SYMBOL_NONE;
}

static int compare_symbols(const struct head *head, uint32_t a, uint32_t b) {
    return a == b ? 0 : span_compare(symbols_text(&head->symbols, a), symbols_text(&head->symbols, b));
}

int index_compare(const struct head *head, uint32_t a, uint32_t b) {
    const uint32_t *in_a = record_of(head, a), *in_b = record_of(head, b);
    uint32_t count_a = shape_count(&head->shapes, in_a[0]), count_b = shape_count(&head->shapes, in_b[0]);
    const uint32_t *names_a = shape_names(&head->shapes, in_a[0]),
                   *names_b = shape_names(&head->shapes, in_b[0]);
    for (uint32_t i = 0; i < count_a && i < count_b; i++) {
        int order = compare_symbols(head, names_a[i], names_b[i]);
        if (!order) order = compare_symbols(head, in_a[1 + i], in_b[1 + i]);
        if (order) return order;
    }
    return count_a < count_b ? -1 : count_a > count_b;
}

size_t head_label_count(const struct head *head, uint32_t slot) {
    return shape_count(&head->shapes, record_of(head, slot)[0]);
}

struct labels head_labels(const struct head *head, uint32_t slot, struct label *items) {
    const uint32_t *words = record_of(head, slot), *names = shape_names(&head->shapes, words[0]);
    uint32_t count = shape_count(&head->shapes, words[0]);
    for (uint32_t i = 0; i < count; i++) {
        items[i].name = symbols_text(&head->symbols, names[i]);
        items[i].value = symbols_text(&head->symbols, words[1 + i]);
    }
    return (struct labels){items, count};
}
