#pragma once
/*
 * inside.h - inside of lib/push: the store, and views of its families in the order of names.
 */
#include "lib/base/buf.h"
#include "lib/push/store.h"
#include "lib/sys/thread.h"

struct push_store {
    struct push_options options;
    struct budget memory;
    struct mutex lock;               /* guards all below */
    VEC(struct push_group *) groups; /* in the order of labels */
    size_t lines;
    uint64_t changes, saved_changes;
};

/* families, sorted by name; those of one name by the labels of their first metrics */
struct push_view {
    VEC(const struct push_family *) items;
};

/* all families of the store */
void push_view_make(struct push_view *view, const struct push_store *store);
void push_view_sort(struct push_view *view);
/* the first of that name, or NULL */
const struct push_family *push_view_find(const struct push_view *view, struct span name);
void push_view_release(struct push_view *view);

/* check.c: can all of these be told together, if they could before those were pushed? ERR_INVALID in
 * upstream's words */
int push_view_check(const struct push_view *view, const struct push_families *pushed, struct err *err);

/* write.c: one family; `is_whole`: with the bucket +Inf that a histogram may have come without. And what
 * stands before its samples, HELP and TYPE. */
void push_family_write(const struct push_family *family, bool is_whole, struct buf *out);
void push_family_write_head(const struct push_family *family, struct buf *out);

/* store.c: whether one has that name; they are sorted */
bool push_families_have(const struct push_families *families, struct span name);
/* Under the lock. The group of these labels; NULL: there is none. */
struct push_group *push_store_find(const struct push_store *store, struct labels labels);
/* the same, made when there is none; ERR_LIMIT */
int push_store_make(struct push_store *store, struct labels labels, int64_t now_ms, struct push_group **group,
                    struct err *err);
/* takes the families over: those of the same names go */
void push_group_take(struct push_store *store, struct push_group *group, struct push_families *families);
