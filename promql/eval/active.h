#pragma once
/*
 * active.h - what an engine is doing, and what cost it most.
 *
 *     engine_run: active_begin --> places: a query each ... active_end --> top: the same text added up
 *     any thread:                  active_each, active_cancel              top_each
 *
 * Both tables are bounded: a query that finds no place runs unseen, and of the texts that cost least the
 * oldest is forgotten. Nothing is locked while a query runs.
 */
#include "lib/base/span.h"
#include "lib/sys/thread.h"

#include <stdatomic.h>
#include <stdint.h>

#define ACTIVE_MAX 256u
#define ACTIVE_TEXT_MAX 2048u
#define TOP_MAX 256u

struct active_query {
    uint64_t id; /* 0: the place is free */
    char text[ACTIVE_TEXT_MAX], client[64];
    int64_t start_ms, end_ms, step_ms; /* an instant query: step 0 */
    int64_t begin_wall_ms, begin_ns;
    atomic_uint_least64_t samples; /* read so far */
    atomic_bool is_cancelled;
};

struct top_query {
    uint64_t hash, count, samples;
    double seconds;
    char *text; /* of ACTIVE_TEXT_MAX bytes; apart, as all the others are looked at for each query */
};

struct active {
    struct mutex lock;
    uint64_t last_id;
    struct active_query places[ACTIVE_MAX];
    struct top_query top[TOP_MAX];
    char top_texts[TOP_MAX][ACTIVE_TEXT_MAX];
    size_t top_count;
};

struct active *active_create(void);
void active_destroy(struct active *active);
/* NULL: all places are taken. text is cut to what fits. */
struct active_query *active_begin(struct active *active, struct span text, const char *client,
                                  int64_t start_ms, int64_t end_ms, int64_t step_ms);
/* query may be NULL; samples: read in all */
void active_end(struct active *active, struct active_query *query, struct span text, uint64_t samples,
                double seconds);

/* under the lock: copy what has to last */
void active_each(struct active *active, void (*each)(const struct active_query *query, void *context),
                 void *context);
/* false: no such query */
bool active_cancel(struct active *active, uint64_t id);
void top_each(struct active *active, void (*each)(const struct top_query *query, void *context),
              void *context);
