#pragma once
/*
 * store.h - groups of pushed metrics: what the last push of each left, until it is deleted or its time is
 * over.
 *
 *     PUT  job/a  {x, y}    group {job="a"}: x y        the whole group is replaced
 *     POST job/a  {y, z}    group {job="a"}: x y z      families of the same names are
 *     DELETE job/a          -
 *
 * Each group also tells push_time_seconds and push_failure_time_seconds. A push is all or nothing: what it
 * would make inconsistent (types, the same series twice, names that histograms take) is refused, and noted as
 * the group's failure. Rules and words are the Pushgateway's; the time to live is ours.
 *
 * Threads: any; one lock.
 */
#include "lib/push/family.h"

#define PUSH_GROUPS_MAX 10000
#define PUSH_BYTES_MAX ((size_t)256 << 20) /* of all families */

struct push_options {
    struct push_limits limits;
    bool is_unchecked;     /* consistency is nobody's business */
    int64_t ttl_ms;        /* of groups whose push says nothing; 0: they stay */
    struct budget *memory; /* parent of the store's own budget; may be NULL */
};

struct push_group {
    struct labels labels;                     /* of the path; may hold empty values */
    int64_t created_ms, pushed_ms, failed_ms; /* wall clock; 0: never */
    int64_t ttl_ms;                           /* from the last push on; 0: none */
    VEC(struct push_family *) families;
    struct arena arena; /* of labels */
};

struct push_store;

struct push_store *push_store_create(const struct push_options *options);
void push_store_destroy(struct push_store *store); /* NULL is fine */

struct push_request {
    struct labels group; /* as push_path_read makes them */
    enum push_format format;
    struct span body;
    bool replaces;  /* the whole group */
    int64_t ttl_ms; /* negative: the store's own */
    int64_t now_ms; /* wall clock */
};

/* ERR_INVALID in upstream's words, ERR_LIMIT. */
int push_store_push(struct push_store *store, const struct push_request *request, struct err *err);
/* what it holds counts against this, as should what is unpacked for it */
struct budget *push_store_memory(struct push_store *store);
bool push_store_is_unchecked(const struct push_store *store);
void push_store_delete(struct push_store *store, struct labels group);
void push_store_wipe(struct push_store *store);
/* Everything in the text format, families by name, of groups that are alive. out->failed: it does not fit. */
void push_store_write(struct push_store *store, int64_t now_ms, struct buf *out);
/* Calls visit for every group that is alive, in the order of labels; under the lock. */
typedef void push_visit(const struct push_group *group, void *context);
void push_store_visit(struct push_store *store, int64_t now_ms, push_visit *visit, void *context);

#define PUSH_TIME_NAME "push_time_seconds"
#define PUSH_TIME_HELP "Last Unix time when changing this group in the Pushgateway succeeded."
#define PUSH_FAILURE_NAME "push_failure_time_seconds"
#define PUSH_FAILURE_HELP "Last Unix time when changing this group in the Pushgateway failed."

/* save.c: the file, see storage/FORMAT.md */
struct file_system;
/* writes the file if anything changed since it was written or read */
int push_store_save(struct push_store *store, struct file_system *fs, const char *path, struct err *err);
/* into a store that is empty; no file is fine. ERR_CORRUPT: nothing of it was taken. */
int push_store_load(struct push_store *store, struct file_system *fs, const char *path, struct err *err);
