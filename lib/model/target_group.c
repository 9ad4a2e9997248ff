#include "lib/model/target_group.h"

#include "lib/base/assert.h"
#include "lib/base/mem.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>

struct group_holder { /* what a group really is: one allocation with everything behind it */
    struct target_group group;
    atomic_uint references;
};

struct groups_holder {
    struct target_groups groups;
    atomic_uint references;
    struct target_group *items[];
};

struct target_group *target_group_ref(struct target_group *group) {
    atomic_fetch_add(&((struct group_holder *)group)->references, 1);
    return group;
}

void target_group_unref(struct target_group *group) {
    if (!group) return;
    unsigned before = atomic_fetch_sub(&((struct group_holder *)group)->references, 1);
    ASSERT(before > 0);
    if (before == 1) mem_free(group);
}

bool target_group_equal(const struct target_group *a, const struct target_group *b) {
    bool is_equal = a->count == b->count;
    for (size_t i = 0; i < a->count && is_equal; i++) is_equal = labels_equal(a->targets[i], b->targets[i]);
    return is_equal;
}

struct target_groups *target_groups_create(struct target_group *const *items, size_t count) {
    struct groups_holder *holder = mem_alloc(sizeof *holder + count * sizeof *items);
    size_t target_count = 0;
    for (size_t i = 0; i < count; i++) {
        holder->items[i] = target_group_ref(items[i]);
        target_count += items[i]->count;
    }
    holder->groups = (struct target_groups){holder->items, count, target_count};
    atomic_init(&holder->references, 1);
    return &holder->groups;
}

struct target_groups *target_groups_ref(struct target_groups *groups) {
    atomic_fetch_add(&((struct groups_holder *)groups)->references, 1);
    return groups;
}

void target_groups_unref(struct target_groups *groups) {
    if (!groups) return;
    unsigned before = atomic_fetch_sub(&((struct groups_holder *)groups)->references, 1);
    ASSERT(before > 0);
    if (before > 1) return;
    for (size_t i = 0; i < groups->count; i++) target_group_unref(groups->items[i]);
    mem_free(groups);
}

/* ---- building ---- */

void group_builder_init(struct group_builder *builder) {
    *builder = (struct group_builder){0};
    arena_init(&builder->arena, TARGET_GROUP_MAX_BYTES, NULL);
}

void group_builder_release(struct group_builder *builder) {
    arena_release(&builder->arena);
}

void group_begin(struct group_builder *builder) {
    arena_release(&builder->arena);
    builder->source = (struct span){0};
    builder->targets = NULL;
    builder->count = builder->capacity = 0;
    builder->has_target = builder->failed = false;
    label_builder_init(&builder->labels, &builder->arena, (struct labels){0});
}

static void set(struct group_builder *builder, struct span name, struct span value) {
    label_builder_set(builder->has_target ? &builder->target : &builder->labels, name, value);
}

void group_label(struct group_builder *builder, const char *name, struct span value) {
    ASSERT(!builder->has_target);
    set(builder, span_from(name), value);
}

static void grow(struct group_builder *builder) {
    size_t capacity = builder->capacity ? builder->capacity * 2 : 8;
    struct labels *targets = arena_array(&builder->arena, capacity, sizeof *targets);
    if (!targets) {
        builder->failed = true;
        return;
    }
    if (builder->count) memcpy(targets, builder->targets, builder->count * sizeof *targets);
    builder->targets = targets;
    builder->capacity = capacity;
}

static void end_target(struct group_builder *builder) {
    if (!builder->has_target || builder->failed) return;
    if (builder->count == builder->capacity) grow(builder);
    builder->failed = builder->failed || builder->target.failed;
    if (builder->failed) return;
    (void)label_builder_finish(&builder->target, &builder->targets[builder->count++], NULL); /* cannot fail */
}

void group_target(struct group_builder *builder) {
    end_target(builder);
    builder->failed = builder->failed || builder->labels.failed;
    builder->has_target = true;
    struct labels base = {builder->labels.items, builder->failed ? 0 : builder->labels.count};
    label_builder_init(&builder->target, &builder->arena, base);
}

void group_target_label(struct group_builder *builder, const char *name, struct span value) {
    ASSERT(builder->has_target);
    set(builder, span_from(name), value);
}

void group_meta_label(struct group_builder *builder, const char *prefix, struct span name,
                      struct span value) {
    struct span text = group_text(builder, "%s%.*s", prefix, SPAN_ARG(name));
    for (char *c = (char *)text.ptr + (text.len ? strlen(prefix) : 0); c < text.ptr + text.len; c++)
        if (!((*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') || (*c >= '0' && *c <= '9'))) *c = '_';
    if (text.len) set(builder, text, value);
}

struct span group_text(struct group_builder *builder, const char *format, ...) {
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int len = vsnprintf(NULL, 0, format, args);
    char *text = len < 0 ? NULL : arena_alloc(&builder->arena, (size_t)len + 1);
    if (text) vsnprintf(text, (size_t)len + 1, format, again);
    va_end(args);
    va_end(again);
    builder->failed |= text == NULL;
    return text ? span_of(text, (size_t)len) : span_of("", 0);
}

/*
 * Two passes with the same steps: without memory they measure, with memory they copy. A text that stands at
 * the same address as the one of that name in the target before (the group's labels do) is copied once.
 */
struct packer {
    char *text; /* NULL: measuring */
    size_t text_bytes, item_count;
    struct label *items;
};

static struct span pack_text(struct packer *packer, struct span from) {
    struct span copy = {packer->text ? packer->text + packer->text_bytes : NULL, from.len};
    if (packer->text && from.len) memcpy(packer->text + packer->text_bytes, from.ptr, from.len);
    packer->text_bytes += from.len;
    return copy;
}

static void pack_labels(struct packer *packer, struct labels from, struct labels before,
                        const struct label *before_copy, struct labels *out) {
    struct label *items = packer->items ? packer->items + packer->item_count : NULL;
    for (uint32_t i = 0, k = 0; i < from.count; i++) {
        const struct label *label = &from.items[i];
        while (k < before.count && span_compare(before.items[k].name, label->name) < 0) k++;
        bool is_shared = k < before.count && before.items[k].name.ptr == label->name.ptr &&
                         before.items[k].value.ptr == label->value.ptr &&
                         span_equal(before.items[k].name, label->name) &&
                         before.items[k].value.len == label->value.len;
        if (is_shared) {
            if (items) items[i] = before_copy[k];
            continue;
        }
        struct label copy = {pack_text(packer, label->name), pack_text(packer, label->value)};
        if (items) items[i] = copy;
    }
    packer->item_count += from.count;
    if (out) *out = (struct labels){items, from.count};
}

static void pack(struct packer *packer, const struct group_builder *builder, struct labels *targets) {
    const struct label *before_copy = NULL;
    struct labels before = {0};
    for (size_t i = 0; i < builder->count; i++) {
        const struct label *copy = packer->items ? packer->items + packer->item_count : NULL;
        pack_labels(packer, builder->targets[i], before, before_copy, targets ? &targets[i] : NULL);
        before = builder->targets[i];
        before_copy = copy;
    }
}

int group_finish(struct group_builder *builder, struct target_group **group, struct err *err) {
    end_target(builder);
    if (builder->failed || builder->labels.failed) return arena_limit(&builder->arena, "a target group", err);
    struct packer packer = {0};
    pack(&packer, builder, NULL);
    size_t targets_bytes = builder->count * sizeof(struct labels);
    size_t items_bytes = packer.item_count * sizeof(struct label);
    struct group_holder *holder =
        mem_alloc(sizeof *holder + targets_bytes + items_bytes + builder->source.len + packer.text_bytes);
    struct labels *targets = (struct labels *)(holder + 1);
    struct packer copier = {.items = (struct label *)((char *)targets + targets_bytes)};
    copier.text = (char *)copier.items + items_bytes;
    struct span source = pack_text(&copier, builder->source);
    pack(&copier, builder, targets);
    holder->group = (struct target_group){source, targets, builder->count};
    atomic_init(&holder->references, 1);
    *group = &holder->group;
    return 0;
}
