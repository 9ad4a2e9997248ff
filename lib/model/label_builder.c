#include "lib/model/labels.h"

void label_builder_init(struct label_builder *builder, struct arena *arena, struct labels base) {
    *builder = (struct label_builder){.arena = arena, .capacity = base.count + 8};
    builder->items = arena_array(arena, builder->capacity, sizeof *builder->items);
    if (!builder->items) {
        builder->failed = true;
        return;
    }
    for (uint32_t i = 0; i < base.count; i++)
        if (base.items[i].value.len) builder->items[builder->count++] = base.items[i];
}

static bool has_room(struct label_builder *builder) {
    if (builder->count < builder->capacity) return true;
    uint32_t capacity = builder->capacity * 2;
    struct label *items = arena_array(builder->arena, capacity, sizeof *items);
    if (!items) return false;
    memcpy(items, builder->items, builder->count * sizeof *items);
    builder->items = items;
    builder->capacity = capacity;
    return true;
}

/* index of the first label whose name is not before `name` */
static uint32_t place_of(const struct label_builder *builder, struct span name) {
    uint32_t low = 0, high = builder->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (span_compare(builder->items[middle].name, name) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

void label_builder_set(struct label_builder *builder, struct span name, struct span value) {
    if (builder->failed) return;
    uint32_t place = place_of(builder, name);
    struct label *at = builder->items + place;
    bool is_there = place < builder->count && span_equal(at->name, name);
    if (is_there && value.len) {
        at->value = value;
    } else if (is_there) {
        memmove(at, at + 1, (builder->count - place - 1) * sizeof *at);
        builder->count--;
    } else if (value.len) {
        if (!has_room(builder)) {
            builder->failed = true;
            return;
        }
        at = builder->items + place;
        memmove(at + 1, at, (builder->count - place) * sizeof *at);
        *at = (struct label){name, value};
        builder->count++;
    }
}

struct span label_builder_get(const struct label_builder *builder, struct span name) {
    uint32_t place = place_of(builder, name);
    bool is_there = place < builder->count && span_equal(builder->items[place].name, name);
    return is_there ? builder->items[place].value : span_of(NULL, 0);
}

int label_builder_finish(struct label_builder *builder, struct labels *labels, struct err *err) {
    if (builder->failed) return arena_limit(builder->arena, "a label set", err);
    *labels = (struct labels){builder->items, builder->count};
    return 0;
}
