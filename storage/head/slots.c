#include "storage/head/slots.h"

#include "lib/base/assert.h"
#include "lib/base/mem.h"

#include <string.h>

/* a list this much longer than the other is searched by leaps instead of walked */
#define GALLOP_RATIO 16

void slots_init(struct slots *slots, struct budget *budget) {
    *slots = (struct slots){.budget = budget};
}

void slots_release(struct slots *slots) {
    if (slots->budget) budget_give(slots->budget, slots->capacity * sizeof *slots->items);
    mem_free(slots->items);
    slots_init(slots, slots->budget);
}

static int refused(const struct budget *budget, struct err *err) {
    return err_set(err, ERR_LIMIT, "%s limit of %zu bytes reached while selecting series", budget->name,
                   budget->max_bytes);
}

int slots_reserve(struct slots *slots, size_t more, struct err *err) {
    if (more <= slots->capacity - slots->count) return 0;
    size_t wanted = slots->count + more;
    size_t capacity = slots->capacity * 2 > wanted ? slots->capacity * 2 : wanted;
    size_t bytes = (capacity - slots->capacity) * sizeof *slots->items;
    if (slots->budget && !budget_take(slots->budget, bytes)) return refused(slots->budget, err);
    slots->items = mem_resize(slots->items, capacity, sizeof *slots->items);
    slots->capacity = capacity;
    return 0;
}

int slots_copy(struct slots *slots, struct slot_view view, struct err *err) {
    slots->count = 0;
    int rc = slots_reserve(slots, view.count, err);
    if (rc) return rc;
    if (view.count) memcpy(slots->items, view.items, view.count * sizeof *view.items);
    slots->count = view.count;
    return 0;
}

/* index of the first item >= wanted at or after from */
static size_t seek(struct slot_view view, size_t from, uint32_t wanted) {
    size_t step = 1, low = from, high = from;
    while (high < view.count && view.items[high] < wanted) {
        low = high + 1;
        high += step;
        step *= 2;
    }
    if (high > view.count) high = view.count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (view.items[middle] < wanted)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static size_t step_to(struct slot_view view, size_t from, uint32_t wanted, bool gallop) {
    if (gallop) return seek(view, from, wanted);
    while (from < view.count && view.items[from] < wanted) from++;
    return from;
}

static void merge(struct slots *slots, struct slot_view other, bool keep_common) {
    bool gallop = other.count / GALLOP_RATIO > slots->count;
    size_t kept = 0, at = 0;
    for (size_t i = 0; i < slots->count; i++) {
        uint32_t slot = slots->items[i];
        at = step_to(other, at, slot, gallop);
        bool common = at < other.count && other.items[at] == slot;
        if (common == keep_common) slots->items[kept++] = slot;
    }
    slots->count = kept;
}

/* the long list is the one being cut: leap in it instead */
static void intersect_short(struct slots *slots, struct slot_view with) {
    size_t kept = 0, at = 0;
    struct slot_view own = {slots->items, slots->count};
    for (size_t i = 0; i < with.count; i++) {
        at = seek(own, at, with.items[i]);
        if (at == own.count) break;
        if (own.items[at] == with.items[i]) slots->items[kept++] = with.items[i]; /* kept <= at */
    }
    slots->count = kept;
}

void slots_intersect(struct slots *slots, struct slot_view with) {
    if (slots->count / GALLOP_RATIO > with.count)
        intersect_short(slots, with);
    else
        merge(slots, with, true);
}

void slots_subtract(struct slots *slots, struct slot_view what) {
    merge(slots, what, false);
}

static size_t word_count(size_t slot_count) {
    return (slot_count + 63) / 64;
}

int slot_bitmap_init(struct slot_bitmap *bitmap, size_t slot_count, struct budget *budget, struct err *err) {
    size_t bytes = word_count(slot_count) * sizeof(uint64_t);
    if (budget && !budget_take(budget, bytes)) return refused(budget, err);
    *bitmap = (struct slot_bitmap){mem_array(word_count(slot_count), sizeof(uint64_t)), slot_count, budget};
    return 0;
}

void slot_bitmap_release(struct slot_bitmap *bitmap) {
    if (bitmap->words && bitmap->budget)
        budget_give(bitmap->budget, word_count(bitmap->slot_count) * sizeof(uint64_t));
    mem_free(bitmap->words);
    bitmap->words = NULL;
}

void slot_bitmap_add(struct slot_bitmap *bitmap, struct slot_view view) {
    for (size_t i = 0; i < view.count; i++) {
        ASSERT(view.items[i] < bitmap->slot_count);
        bitmap->words[view.items[i] / 64] |= (uint64_t)1 << (view.items[i] % 64);
    }
}

void slots_filter(struct slots *slots, const struct slot_bitmap *bitmap, bool keep) {
    size_t kept = 0;
    for (size_t i = 0; i < slots->count; i++) {
        uint32_t slot = slots->items[i];
        if (slot_bitmap_has(bitmap, slot) == keep) slots->items[kept++] = slot;
    }
    slots->count = kept;
}

int slots_from_bitmap(struct slots *slots, const struct slot_bitmap *bitmap, struct err *err) {
    size_t members = 0, words = word_count(bitmap->slot_count);
    for (size_t i = 0; i < words; i++) members += (size_t)__builtin_popcountll(bitmap->words[i]);
    slots->count = 0;
    int rc = slots_reserve(slots, members, err);
    if (rc) return rc;
    for (size_t i = 0; i < words; i++)
        for (uint64_t word = bitmap->words[i]; word; word &= word - 1)
            slots->items[slots->count++] = (uint32_t)(i * 64 + (size_t)__builtin_ctzll(word));
    return 0;
}
