/*
 * index.c - label sets become series: text to symbols, symbols to a record, the record to a slot.
 */
#include "lib/base/assert.h"
#include "lib/base/hash.h"
#include "storage/head/inside.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static size_t record_bytes(const struct head *head, const uint32_t *words) {
    return (1 + (size_t)shape_count(&head->shapes, words[0])) * sizeof *words;
}

const uint32_t *index_record(const struct head *head, uint32_t slot) {
    return stable_at(&head->shapes.memory, series_at(&head->table, slot)->record);
}

static bool record_equal(uint32_t slot, const void *key, const void *context) {
    const struct head *head = context;
    const uint32_t *words = key, *other = index_record(head, slot);
    return words[0] == other[0] && memcmp(words, other, record_bytes(head, words)) == 0;
}

uint64_t index_hash(const struct head *head, const uint32_t *words) {
    return hash_bytes(words, record_bytes(head, words));
}

static uint64_t slot_hash(uint32_t slot, const void *context) {
    return index_hash(context, index_record(context, slot));
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
            ids->words[0] = 0;
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
    return map_find(&head->by_labels, index_hash(head, ids->words), ids->words, record_equal, head);
}

static uint32_t symbol_get(struct head *head, uint32_t hint, struct span text) {
    if (hint && span_equal(symbols_text(&head->symbols, hint), text)) return hint;
    return symbols_add(&head->symbols, text);
}

/* the shape is that of the label set before when no name differs */
static int ids_add(struct head *head, struct labels labels, struct label_ids *ids, struct err *err) {
    bool same_names = ids->count == labels.count && ids->count;
    for (uint32_t i = 0; i < labels.count; i++) {
        bool has_hint = i < ids->count;
        uint32_t name = symbol_get(head, has_hint ? ids->names[i] : 0, labels.items[i].name);
        uint32_t value = symbol_get(head, has_hint ? ids->words[1 + i] : 0, labels.items[i].value);
        if (!name || !value) {
            ids->count = i;
            ids->words[0] = 0;
            return err_set(err, ERR_LIMIT, "memory for label names and values is full");
        }
        same_names = same_names && ids->names[i] == name;
        ids->names[i] = name;
        ids->words[1 + i] = value;
    }
    ids->count = labels.count;
    if (!same_names || !ids->words[0]) ids->words[0] = shapes_add(&head->shapes, ids->names, ids->count);
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

/* a slot whose record has room for exactly so many labels, or a new one */
static int take_slot(struct head *head, const uint32_t *words, uint32_t count, uint32_t *slot,
                     struct err *err) {
    if (count < FREE_LISTS && head->free_slots.by_labels[count].count) {
        *slot = head->free_slots.by_labels[count].items[--head->free_slots.by_labels[count].count];
        head->free_slots.count--;
        shapes_reuse_record(&head->shapes, series_table_again(&head->table, *slot)->record, words);
        return 0;
    }
    uint32_t record = shapes_add_record(&head->shapes, words);
    if (!record) return err_set(err, ERR_LIMIT, "memory for label sets is full");
    struct series *series = series_table_next(&head->table, slot);
    if (!series) return err_set(err, ERR_LIMIT, "table of series is full");
    series->record = record;
    series_table_publish(&head->table);
    return 0;
}

void index_reserve(struct head *head, uint32_t count) {
    map_reserve(&head->by_labels, count);
}

bool index_restore(struct head *head, uint64_t number, struct label_ids *ids) {
    uint32_t slot;
    ids->words[0] = shapes_add(&head->shapes, ids->names, ids->count);
    if (!ids->words[0]) return false;
    uint64_t hash = index_hash(head, ids->words);
    if (map_find(&head->by_labels, hash, ids->words, record_equal, head) != MAP_NONE) return false;
    if (take_slot(head, ids->words, ids->count, &slot, NULL)) return false;
    index_charge(head, HEAD_SERIES_BYTES);
    series_at(&head->table, slot)->number = number;
    map_insert(&head->by_labels, hash, slot);
    return true;
}

/* without postings */
static int create(struct head *head, const uint32_t *words, uint32_t count, uint64_t hash, uint32_t *slot,
                  struct err *err) {
    int rc = take_slot(head, words, count, slot, err);
    if (rc) return rc;
    series_at(&head->table, *slot)->number = head->next_number++;
    map_insert(&head->by_labels, hash, *slot);
    head->series_created++;
    return 0;
}

static void post(struct head *head, uint32_t slot, struct label_ids *ids) {
    const uint32_t *words = index_record(head, slot), *names = shape_names(&head->shapes, words[0]);
    uint32_t count = shape_count(&head->shapes, words[0]);
    for (; ids->placed < count; ids->placed++) ids->places[ids->placed] = 0;
    for (uint32_t i = 0; i < count; i++)
        postings_add(&head->postings, names[i], words[1 + i], slot, &ids->places[i]);
}

static void memory_give(struct head *head, size_t bytes);

uint32_t index_series(const struct head *head) {
    return (uint32_t)atomic_load(&head->table.count) - head->free_slots.count - head->resting;
}

/* name=value, as one number */
static int compare_pairs(const void *a, const void *b) {
    uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;
    return left < right ? -1 : left > right;
}

/* each list is gone through once, however many of its series go */
static void remove_postings(struct head *head, const uint32_t *slots, size_t count) {
    struct slot_bitmap gone;
    VEC(uint64_t) pairs = {0};
    int rc = slot_bitmap_init(&gone, atomic_load(&head->table.count), NULL, NULL);
    ASSERT(rc == 0); /* no budget */
    for (size_t i = 0; i < count; i++) {
        const uint32_t *words = index_record(head, slots[i]), *names = shape_names(&head->shapes, words[0]);
        slot_bitmap_add(&gone, (struct slot_view){&slots[i], 1});
        for (uint32_t j = 0; j < shape_count(&head->shapes, words[0]); j++)
            *vec_push(&pairs) = (uint64_t)names[j] << 32 | words[1 + j];
    }
    if (pairs.count) qsort(pairs.items, pairs.count, sizeof *pairs.items, compare_pairs);
    for (size_t i = 0; i < pairs.count; i++)
        if (i == 0 || pairs.items[i] != pairs.items[i - 1])
            postings_remove(&head->postings, (uint32_t)(pairs.items[i] >> 32), (uint32_t)pairs.items[i],
                            &gone);
    vec_release(&pairs);
    slot_bitmap_release(&gone);
}

void index_remove(struct head *head, const uint32_t *slots, size_t count) {
    for (size_t i = 0; i < count; i++) {
        bool was_there = map_remove(&head->by_labels, slot_hash(slots[i], head), slots[i]);
        ASSERT(was_there);
        __atomic_fetch_or(&series_at(&head->table, slots[i])->generation, GENERATION_RESTS, __ATOMIC_RELEASE);
    }
    head->resting += (uint32_t)count;
    remove_postings(head, slots, count);
}

void index_free_slots(struct head *head, const uint32_t *slots, size_t count) {
    memory_give(head, count * HEAD_SERIES_BYTES);
    for (size_t i = 0; i < count; i++) {
        uint32_t labels = (uint32_t)head_label_count(head, slots[i]);
        head->resting--;
        head->free_slots.count++;
        if (labels < FREE_LISTS) *vec_push(&head->free_slots.by_labels[labels]) = slots[i];
    }
}

/* ---- memory ----
 *
 * A series costs HEAD_SERIES_BYTES while it has a slot, and its new texts until the head's end, since they
 * stay. What is on disk already is taken in whatever the limit. */

static void memory_give(struct head *head, size_t bytes) {
    if (!head->memory) return;
    atomic_fetch_sub(&head->memory_drawn, bytes);
    budget_give(head->memory, bytes);
}

void index_charge(struct head *head, size_t bytes) {
    if (!head->memory) return;
    atomic_fetch_add(&head->memory_drawn, bytes);
    budget_charge(head->memory, bytes);
}

static int no_room(struct head *head, struct err *err) {
    atomic_fetch_add(&head->refused, 1);
    if (head->max_series && index_series(head) >= head->max_series)
        return err_set(err, ERR_LIMIT, "limit of %" PRIu64 " series reached", head->max_series);
    return err_set(err, ERR_LIMIT, "limit of %zu bytes of %s reached, no new series are taken",
                   head->memory->max_bytes, head->memory->name);
}

/* the most that a series can cost; false: too much */
static bool memory_take(struct head *head, struct labels labels, size_t *bytes) {
    *bytes = 0;
    if (head->max_series && index_series(head) >= head->max_series) return false;
    if (!head->memory) return true;
    *bytes = HEAD_SERIES_BYTES;
    for (uint32_t i = 0; i < labels.count; i++)
        *bytes += labels.items[i].name.len + labels.items[i].value.len + 2 * SYMBOL_OVERHEAD;
    if (!budget_take(head->memory, *bytes)) return false; /* bytes is not used then */
    atomic_fetch_add(&head->memory_drawn, *bytes);
    return true;
}

static int find_or_create(struct head *head, struct labels labels, struct label_ids *ids, uint32_t *slot,
                          bool *created, struct err *err) {
    int rc = ids_add(head, labels, ids, err);
    if (rc) return rc;
    uint64_t hash = index_hash(head, ids->words);
    uint32_t found = map_find(&head->by_labels, hash, ids->words, record_equal, head);
    *slot = found;
    *created = found == MAP_NONE;
    if (*created) rc = create(head, ids->words, ids->count, hash, slot, err);
    if (*created && !rc) post(head, *slot, ids);
    return rc;
}

/* Nothing of a series that is refused may stay, not even its texts. */
static int add_within(struct head *head, struct labels labels, struct label_ids *ids, uint32_t *slot,
                      bool *created, struct err *err) {
    size_t taken, texts = symbols_cost(&head->symbols);
    if (!memory_take(head, labels, &taken)) {
        *created = false;
        *slot = index_find(head, labels, ids);
        return *slot == MAP_NONE ? no_room(head, err) : 0;
    }
    int rc = find_or_create(head, labels, ids, slot, created, err);
    size_t cost = symbols_cost(&head->symbols) - texts + (!rc && *created ? HEAD_SERIES_BYTES : 0);
    if (cost > taken)
        index_charge(head, cost - taken); /* what is left over at the end of a slab counts too */
    else if (head->memory)
        memory_give(head, taken - cost);
    return rc;
}

int index_add(struct head *head, struct labels labels, struct label_ids *ids, uint32_t *slot, bool *created,
              struct err *err) {
    int rc = check_labels(labels, err);
    return rc ? rc : add_within(head, labels, ids, slot, created, err);
}

int index_replay(struct head *head, const uint32_t *words, uint32_t count, uint64_t hash, uint64_t number,
                 uint32_t *slot, bool *created, struct err *err) {
    ASSERT(!head->free_slots.count); /* so a new one gets the next slot */
    uint32_t next = (uint32_t)atomic_load_explicit(&head->table.count, memory_order_relaxed);
    *slot = map_get(&head->by_labels, hash, words, record_equal, head, next);
    *created = *slot == MAP_NONE;
    /* one that had left and came back keeps its first number: its full chunks on disk are named by it */
    if (number >= head->next_number) head->next_number = number + 1;
    if (!*created) return 0;
    int rc = take_slot(head, words, count, slot, err);
    if (rc) {
        map_remove(&head->by_labels, hash, next);
        return rc;
    }
    series_at(&head->table, *slot)->number = number;
    head->series_created++;
    return 0;
}

uint32_t index_value(const struct head *head, uint32_t slot, uint32_t name) {
    const uint32_t *words = index_record(head, slot);
    uint32_t place = shape_place(&head->shapes, words[0], name);
    return place < shape_count(&head->shapes, words[0]) ? words[1 + place] : SYMBOL_NONE;
}

static int compare_symbols(const struct head *head, uint32_t a, uint32_t b) {
    return a == b ? 0 : span_compare(symbols_text(&head->symbols, a), symbols_text(&head->symbols, b));
}

struct hash128 index_identity(const struct head *head, uint32_t slot) {
    struct label few[32];
    size_t count = head_label_count(head, slot);
    struct label *items = count <= sizeof few / sizeof *few ? few : mem_array(count, sizeof *items);
    struct hash128 identity = labels_identity(head_labels(head, slot, items));
    if (items != few) mem_free(items);
    return identity;
}

int index_compare(const struct head *head, uint32_t a, uint32_t b) {
    const uint32_t *in_a = index_record(head, a), *in_b = index_record(head, b);
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
    return shape_count(&head->shapes, index_record(head, slot)[0]);
}

struct labels head_labels(const struct head *head, uint32_t slot, struct label *items) {
    const uint32_t *words = index_record(head, slot), *names = shape_names(&head->shapes, words[0]);
    uint32_t count = shape_count(&head->shapes, words[0]);
    for (uint32_t i = 0; i < count; i++) {
        items[i].name = symbols_text(&head->symbols, names[i]);
        items[i].value = symbols_text(&head->symbols, words[1 + i]);
    }
    return (struct labels){items, count};
}
