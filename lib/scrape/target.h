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
#include "lib/scrape/metadata.h"
#include "lib/scrape/scrape.h"
#include "lib/sys/thread.h"

struct relabel_rules;
struct scrape_loop;
struct summary;
struct usage;

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

struct target_state {       /* guarded by lock */
    char forced_error[128]; /* not empty: it is not scraped, and fails with that */
    char last_error[256];
    int64_t last_scrape_ms;
    double last_duration_seconds;
    enum target_health health;
    struct metadata *metadata; /* a reference; NULL: nothing was said yet */
};

struct target {
    uint32_t magic;
    struct config *config; /* keeps job alive */
    const struct scrape_config *job;
    struct arena arena; /* of labels, url, key */
    struct labels labels;
    const char *url, *shown_url;     /* the second without a password, for everybody */
    int64_t interval_ms, timeout_ms; /* the job's, or what relabelling says */
    /* the job's, or what relabelling says */
    bool scrape_native_histograms, convert_classic_histograms_to_nhcb, always_scrape_classic_histograms;
    bool is_legacy;          /* the scheme of names */
    const char *unix_socket; /* what relabelling says of __unix_socket__; NULL: the URL's host is asked */
    const struct relabel_rules *metric_rules;
    struct span series_key; /* what decides which series there are, and when: equal, they outlive a reload */
    struct span key;        /* that and every other setting: equal, the whole target does */
    uint64_t hash;          /* of labels and url, the same in every process */
    /* what discovery says, which may change without making it another target: guarded by the manager's lock
     */
    struct arena discovered_arena;
    struct labels discovered;

    struct mutex lock;
    struct target_state state;

    struct target *predecessor; /* whose series this one takes over when it is added; else NULL */
    struct scrape_loop *loop;
    struct http_request *request;
    struct cache cache;
    struct usage *usage; /* of the job; NULL: nobody counts */
    size_t taken;        /* from usage */
    struct series_ref synthetic[SYNTHETIC_COUNT];
    uint64_t announced; /* of the hold in which the references above were last good */
    bool has_synthetic, is_closing;
    bool is_left;           /* closing, and the loop is at nothing of it any more */
    size_t batches;         /* under way in the appender */
    int64_t anchor_wall_ms; /* nominal ticks are anchor + k * interval, on the wall for times ... */
    int64_t due_ms;         /* ... and on the monotonic clock for the agenda */
    int64_t last_start_ns, start_ns, start_wall_ms;
    struct summary *intervals; /* of the registry; NULL: not asked for yet */
    uint64_t metadata_hash;
};

/* `discovered` is what discovery says: __address__, __meta_..., the group's labels; copied. *target is NULL
 * when relabelling drops it. ERR_INVALID for a target that cannot be, in upstream's words. */
int target_create(struct config *config, const struct scrape_config *job, struct labels discovered,
                  struct target **target, struct err *err);
void target_destroy(struct target *target);
/* `target` goes on, as what `fresh`, equal in key, would have been: takes what discovery says now and the
 * forced error */
void target_take_over(struct target *target, struct target *fresh);
/* gives back to usage what the target has no more series for */
void target_settle(struct target *target);
/* milliseconds from a multiple of the interval: the same after every restart */
int64_t target_offset_ms(const struct target *target, uint64_t seed);
