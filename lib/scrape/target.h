#pragma once
/*
 * target.h - inside of lib/scrape: one target, what it is and what it said last.
 *
 * What it is (labels, URL, settings) never changes after target_create. How it is going (state) is guarded by
 * its lock, for snapshots. Everything else belongs to the thread of its loop. A target is owned by the
 * manager until it is posted to its loop for removal; then the loop frees it when its last batch has come
 * back.
 */
#include "lib/config/config.h"
#include "lib/http/client.h"
#include "lib/scrape/cache.h"
#include "lib/scrape/scrape.h"
#include "lib/sys/thread.h"

#include <uv.h>

struct scrape_loop;

/* the series every scrape gets besides what the target says */
enum synthetic {
    SYNTHETIC_UP,
    SYNTHETIC_DURATION,
    SYNTHETIC_SCRAPED,
    SYNTHETIC_POST_RELABEL,
    SYNTHETIC_ADDED,
    SYNTHETIC_TIMEOUT,
    SYNTHETIC_LIMIT,
    SYNTHETIC_BODY,
    SYNTHETIC_COUNT
};

struct metadata_entry {
    struct span metric, type, help, unit;
};

struct target_state { /* guarded by lock */
    char last_error[256];
    int64_t last_scrape_ms;
    double last_duration_seconds;
    enum target_health health;
    struct arena metadata_arena;
    struct metadata_entry *metadata;
    size_t metadata_count;
};

struct target {
    uint32_t magic;
    struct config *config; /* keeps job alive */
    const struct scrape_config *job;
    struct arena arena; /* of labels, url, key */
    struct labels discovered, labels;
    const char *url;
    struct span key; /* everything that makes a target another target: compared at a reload */
    uint64_t hash;   /* of labels and url, the same in every process */
    bool is_wanted;  /* the manager's mark during a reload */

    struct mutex lock;
    struct target_state state;

    struct scrape_loop *loop;
    uv_timer_t timer;
    struct http_request *request;
    struct cache cache;
    struct series_ref synthetic[SYNTHETIC_COUNT];
    uint64_t announced; /* of the hold in which the references above were last good */
    bool has_synthetic, is_closing, is_timer_closed;
    size_t batches;         /* under way in the appender */
    int64_t anchor_wall_ms; /* nominal ticks are anchor + k * interval, on the wall for times ... */
    int64_t due_ms;         /* ... and on the monotonic clock for the timer */
    int64_t last_start_ns, start_ns, start_wall_ms;
    uint64_t metadata_hash;
};

/* discovered labels are the job's and the static config's, before the __ labels go. 0, or ERR_INVALID for a
 * target that cannot be. */
int target_create(struct config *config, const struct scrape_config *job, const char *address,
                  struct labels labels, struct target **target, struct err *err);
void target_destroy(struct target *target);
/* milliseconds from a multiple of the interval: the same after every restart */
int64_t target_offset_ms(const struct target *target, uint64_t seed);
