#pragma once
/*
 * groups.h - inside of promql/eval: rows put into groups by some of their labels.
 *
 *     on(a) / by (a)        only the named labels count
 *     ignoring(a) / without all labels but the named ones and the metric's name
 *
 * A group is known by its number, from 0 in order of appearance; its first row's labels stand for it.
 */
#include "lib/base/map.h"
#include "lib/base/vec.h"
#include "promql/eval/row.h"

#define GROUP_FEW 3u /* names that make a group by few */

struct group_seen; /* groups.c */

struct groups {
    const struct span *names; /* sorted */
    size_t name_count;
    bool without, with_name; /* with_name: the metric's name counts in any case */
    struct map by_labels;
    VEC(struct labels) firsts;  /* full labels of each group's first row */
    struct group_seen *seen;    /* of rows before, by where their texts are; NULL: none yet */
    uint32_t places[GROUP_FEW]; /* where the names stood in the row before */
};

void groups_init(struct groups *groups, const struct span *names, size_t name_count, bool without);
void groups_release(struct groups *groups);
#define GROUP_NONE UINT32_MAX
uint32_t groups_find(const struct groups *groups, struct labels labels);
/* finds or adds */
uint32_t groups_add(struct groups *groups, struct labels labels);
/* The rows sorted into groups: members[starts[g] .. starts[g + 1]) are the indexes of group g's rows, in
 * their order. Adds all rows to groups. */
struct partition {
    uint32_t *starts, *members;
    size_t largest; /* rows of the largest group */
};
int groups_partition(struct groups *groups, struct eval *ev, const struct rows *rows,
                     struct partition *partition, struct err *err);
/* the labels that make the group, in the arena */
int groups_labels(const struct groups *groups, uint32_t group, struct arena *arena, struct labels *labels,
                  struct err *err);
