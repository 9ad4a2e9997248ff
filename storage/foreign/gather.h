#pragma once
/*
 * gather.h - rows of many series in any order, in memory under a limit, then cut into blocks of two hours.
 *
 *     gather_series(labels) -> number       gather_sample, gather_histogram: behind the rows of that series
 *     gather_write: series by labels, rows by time; of rows of one time the last stays
 */
#include "lib/base/budget.h"
#include "lib/base/err.h"
#include "lib/base/map.h"
#include "lib/base/vec.h"
#include "lib/model/queryable.h"
#include "storage/block/writer.h"
#include "storage/foreign/tombstones.h"

#include <stdint.h>

#define GATHER_RANGE_MS ((int64_t)2 * 3600 * 1000)

struct gather_series {
    struct labels labels; /* in the arena */
    struct columns columns;
};

struct gather {
    struct budget budget;
    struct arena arena;
    VEC(struct gather_series) series;
    struct map by_labels;
};

/* what import and create-blocks made */
struct foreign_counts {
    uint64_t blocks, series, samples, histograms, bytes, warnings;
};
typedef void foreign_block_made(const struct block_meta *meta, void *context);

struct foreign_target {
    struct file_system *fs;
    const char *folder; /* of our blocks */
    int64_t now_ms;
    foreign_block_made *made; /* after each block; may be NULL */
    void *context;
    struct foreign_counts counts;
};

void gather_init(struct gather *gather, size_t max_bytes);
void gather_release(struct gather *gather);
/* MAP_NONE when there is no such series */
uint32_t gather_find(const struct gather *gather, struct labels labels);
int gather_series(struct gather *gather, struct labels labels, uint32_t *series, struct err *err);
int gather_sample(struct gather *gather, uint32_t series, int64_t time_ms, double value, struct err *err);
int gather_histogram(struct gather *gather, uint32_t series, int64_t time_ms,
                     const struct histogram *histogram, struct err *err);
/* The rows in [mint, maxt] become blocks. */
int gather_write(struct gather *gather, int64_t mint, int64_t maxt, struct foreign_target *target,
                 struct err *err);

/* rows by time, strictly ascending: of those of one time the last stays */
int columns_put_in_order(struct columns *columns);
void columns_delete(struct columns *columns, int64_t mint, int64_t maxt);
/* a block of theirs or ours was finished */
void foreign_target_count(struct foreign_target *target, const struct block_meta *meta);
int foreign_target_begin(struct foreign_target *target, struct block_writer **writer, struct err *err);
