#pragma once
/*
 * index.h - inside of storage/block: the index file, read page by page as it is needed.
 *
 *     index_open    header and footer
 *     index_load    the table: where each page is; kept in memory
 *     the rest      pages through the cache, each checked when it is read
 *
 * Threads: any, after index_open.
 */
#include "lib/base/arena.h"
#include "lib/base/hash.h"
#include "lib/base/vec.h"
#include "lib/codec/varint.h"
#include "lib/sys/file.h"
#include "storage/block/cache.h"
#include "storage/block/layout.h"

#define SYMBOL_NONE UINT32_MAX

/* of pages taken apart: enough for some 30,000 series */
#define INDEX_KEPT_BYTES ((size_t)4 << 20)

struct index_name {
    uint32_t name, values, pages;
    uint32_t *firsts; /* of each page, the first value */
    uint64_t *offsets;
};

struct index {
    struct file file;
    uint64_t bytes, table; /* of the file; offset of the table */
    int64_t mint;          /* of the block */
    struct block_cache cache;
    struct mutex lock; /* of what follows, until is_loaded */
    atomic_bool is_loaded;
    uint32_t symbols, series, name_count;
    uint64_t *symbol_pages, *series_pages;
    struct index_name *names; /* ascending */
};

int index_open(struct index *index, struct file_system *fs, const char *path, int64_t mint, struct err *err);
void index_close(struct index *index);
int index_load(struct index *index, struct err *err);

/* A series as the index has it: a view that holds what it points into. */
struct index_series {
    const uint32_t *labels; /* name, value, name, value ... */
    const struct page_ref *pages;
    uint32_t label_count, page_count; /* label_count: of symbols */
    struct shared *holder;
};

void index_series_release(struct index_series *series);
int index_series_read(struct index *index, uint32_t number, struct index_series *series, struct err *err);
/* labels_identity of a series, kept with its page */
int index_series_identity(struct index *index, uint32_t number, struct hash128 *identity, struct err *err);
/* the members of a page of series (numbers from page * SERIES_A_PAGE on); false from
 * `each` takes the series out of words */
typedef bool index_series_fn(void *context, uint32_t number, const struct index_series *series);
int index_series_filter(struct index *index, uint32_t page, uint64_t *words, index_series_fn *each,
                        void *context, struct err *err);
/* the text, in arena */
int index_symbol(struct index *index, uint32_t symbol, struct arena *arena, struct span *text,
                 struct err *err);
/* SYMBOL_NONE when there is none */
int index_find_symbol(struct index *index, struct span text, uint32_t *symbol, struct err *err);
/* NULL: no series has this name */
const struct index_name *index_find_name(const struct index *index, uint32_t symbol);

/* The values of a name in [from, to] in order, each with the numbers of its series as a cursor over `count`
 * differences. A call that answers not 0 ends it. */
typedef int index_value_fn(void *context, uint32_t value, uint64_t count, struct cursor list,
                           struct err *err);
int index_values(struct index *index, const struct index_name *name, uint32_t from, uint32_t to,
                 index_value_fn *each, void *context, struct err *err);
