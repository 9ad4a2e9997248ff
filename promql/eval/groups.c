#include "promql/eval/groups.h"

#include "lib/base/hash.h"
#include "lib/base/mem.h"
#include "lib/base/vec.h"

#include <string.h>

void groups_init(struct groups *groups, const struct span *names, size_t name_count, bool without) {
    *groups = (struct groups){.names = names, .name_count = name_count, .without = without};
}

void groups_release(struct groups *groups) {
    map_release(&groups->by_labels);
    vec_release(&groups->firsts);
    mem_free(groups->seen);
}

static struct span name_of(struct labels labels) {
    return labels_get(labels, SPAN(LABEL_NAME));
}

static bool same_group(uint32_t index, const void *key, const void *context) {
    const struct groups *groups = context;
    const struct labels *labels = key, *first = &groups->firsts.items[index];
    if (groups->with_name && !span_equal(name_of(*first), name_of(*labels))) return false;
    return labels_equal_for(*first, *labels, groups->names, groups->name_count, groups->without);
}

static uint64_t group_hash(const struct groups *groups, struct labels labels) {
    uint64_t hash = labels_hash_for(labels, groups->names, groups->name_count, groups->without);
    struct span name = name_of(labels);
    return groups->with_name ? hash_mix(hash, hash_bytes_keyed(name.ptr, name.len)) : hash;
}

uint32_t groups_find(const struct groups *groups, struct labels labels) {
    return map_find(&groups->by_labels, group_hash(groups, labels), &labels, same_group, groups);
}

static uint32_t find_or_add(struct groups *groups, struct labels labels) {
    uint32_t group = groups_find(groups, labels);
    if (group != GROUP_NONE) return group;
    group = (uint32_t)groups->firsts.count;
    *vec_push(&groups->firsts) = labels;
    map_insert(&groups->by_labels, group_hash(groups, labels), group);
    return group;
}

/* Series share the texts of their labels, and a text stays what it is as long as the query runs: a row whose
 * values are in the same places as another's is of its group. */
#define SEEN_ROWS 256u

struct group_seen {
    struct span values[GROUP_FEW];
    uint32_t group;
    bool is_used;
};

/* names mostly stand where they stood in the row before */
static struct span value_of(struct groups *groups, size_t name, struct labels labels) {
    uint32_t *place = &groups->places[name];
    if (*place < labels.count && span_equal(labels.items[*place].name, groups->names[name]))
        return labels.items[*place].value;
    for (uint32_t i = 0; i < labels.count; i++) {
        if (!span_equal(labels.items[i].name, groups->names[name])) continue;
        *place = i;
        return labels.items[i].value;
    }
    return (struct span){0};
}

uint32_t groups_add(struct groups *groups, struct labels labels) {
    if (groups->without || groups->with_name || groups->name_count > GROUP_FEW)
        return find_or_add(groups, labels);
    struct span values[GROUP_FEW] = {{0}};
    uint64_t hash = 0;
    bool is_same = true;
    for (size_t i = 0; i < groups->name_count; i++) {
        values[i] = value_of(groups, i, labels);
        hash = hash_mix(hash, (uint64_t)(uintptr_t)values[i].ptr);
    }
    if (!groups->seen) groups->seen = mem_array(SEEN_ROWS, sizeof *groups->seen);
    struct group_seen *seen = &groups->seen[hash % SEEN_ROWS];
    for (size_t i = 0; i < GROUP_FEW; i++)
        is_same &= seen->values[i].ptr == values[i].ptr && seen->values[i].len == values[i].len;
    if (seen->is_used && is_same) return seen->group;
    *seen = (struct group_seen){.group = find_or_add(groups, labels), .is_used = true};
    for (size_t i = 0; i < GROUP_FEW; i++) seen->values[i] = values[i];
    return seen->group;
}

int groups_partition(struct groups *groups, struct eval *ev, const struct rows *rows,
                     struct partition *partition, struct err *err) {
    uint32_t *group_of = eval_alloc(ev, rows->count, sizeof *group_of, err);
    if (!group_of) return ERR_LIMIT;
    for (size_t i = 0; i < rows->count; i++) group_of[i] = groups_add(groups, rows->items[i].labels);
    size_t count = groups->firsts.count, largest = 0;
    uint32_t *next = eval_alloc(ev, count + 1, sizeof *next, err);
    uint32_t *starts = next ? eval_alloc(ev, count + 1, sizeof *next, err) : NULL;
    uint32_t *members = starts ? eval_alloc(ev, rows->count, sizeof *next, err) : NULL;
    if (!members) return ERR_LIMIT;
    for (size_t i = 0; i < rows->count; i++) starts[group_of[i] + 1]++;
    for (size_t g = 0; g < count; g++) {
        if (starts[g + 1] > largest) largest = starts[g + 1];
        starts[g + 1] += starts[g];
    }
    memcpy(next, starts, (count + 1) * sizeof *next);
    for (size_t i = 0; i < rows->count; i++) members[next[group_of[i]]++] = (uint32_t)i;
    *partition = (struct partition){starts, members, largest};
    return 0;
}

static bool is_named(const struct groups *groups, struct span name) {
    for (size_t i = 0; i < groups->name_count; i++)
        if (span_equal(groups->names[i], name)) return true;
    return false;
}

int groups_labels(const struct groups *groups, uint32_t group, struct arena *arena, struct labels *labels,
                  struct err *err) {
    struct labels first = groups->firsts.items[group];
    struct label *items = arena_array(arena, first.count, sizeof *items);
    uint32_t count = 0;
    if (!items) return arena_limit(arena, "query", err);
    for (uint32_t i = 0; i < first.count; i++) {
        bool named = is_named(groups, first.items[i].name);
        if (groups->without ? !named && !span_is(first.items[i].name, LABEL_NAME) : named)
            items[count++] = first.items[i];
    }
    *labels = (struct labels){items, count};
    return 0;
}
