#pragma once
/*
 * target_group.h - the port through which discovered targets reach those who use them.
 *
 *     snapshot of a set (a job) -> group "pod/default/web-1" -> labels {__address__, __meta_*, ...} per
 * target
 *                               -> group "/etc/targets.json:0" ...
 *
 * Groups and snapshots never change and are shared by reference count, so an update of one group costs that
 * group and a list of pointers. A target's labels are its own and, where it has none of that name, those of
 * its group. Reference counts may be used by any thread.
 */
#include "lib/model/labels.h"

struct target_group {
    struct span source; /* what it is about; unique within its provider */
    const struct labels *targets;
    size_t count;
};

struct target_group *target_group_ref(struct target_group *group);
void target_group_unref(struct target_group *group); /* NULL is fine */
/* the same targets in the same order */
bool target_group_equal(const struct target_group *a, const struct target_group *b);

struct target_groups {
    struct target_group *const *items;
    size_t count, target_count;
};

/* references the groups */
struct target_groups *target_groups_create(struct target_group *const *items, size_t count);
struct target_groups *target_groups_ref(struct target_groups *groups);
void target_groups_unref(struct target_groups *groups); /* NULL is fine */

/*
 * Making a group: begin, labels of the group, then for each target its labels. Texts are referenced until
 * finish, which copies all into one piece of memory.
 */
#define TARGET_GROUP_MAX_BYTES ((size_t)64 << 20)

struct group_builder {
    struct arena arena;
    struct span source;
    struct label_builder labels; /* of the group */
    struct label_builder target; /* the one that is being made */
    struct labels *targets;
    size_t count, capacity;
    bool has_target, failed;
};

void group_builder_init(struct group_builder *builder);
void group_builder_release(struct group_builder *builder);
/* forgets what was made before; then set builder->source, group_text may make it */
void group_begin(struct group_builder *builder);
/* of all targets; before the first group_target. An empty value is no label. */
void group_label(struct group_builder *builder, const char *name, struct span value);
/* the next labels are of a new target */
void group_target(struct group_builder *builder);
void group_target_label(struct group_builder *builder, const char *name, struct span value);
/* For names made of what others say: prefix, then `name` with every byte a label name cannot have as _ ; of
 * the target, or of the group before the first target. */
void group_meta_label(struct group_builder *builder, const char *prefix, struct span name, struct span value);
/* a terminated text in the builder's memory; "" when there is none left, which finish reports */
struct span group_text(struct group_builder *builder, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* 0 and a group with one reference, or ERR_LIMIT */
int group_finish(struct group_builder *builder, struct target_group **group, struct err *err);
