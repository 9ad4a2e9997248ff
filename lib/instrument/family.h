#pragma once
/*
 * family.h - inside of lib/instrument: what a registry keeps.
 *
 *     family (name, help, type) -> child (labels text, value) -> next child
 *
 * Families are only ever added, children also removed, under the registry's lock; values change without it.
 */
#include "lib/instrument/instrument.h"

#include <pthread.h>
#include <stdatomic.h>

enum metric_type { METRIC_COUNTER, METRIC_GAUGE, METRIC_HISTOGRAM, METRIC_SUMMARY };

struct counter {
    _Atomic double total;
};

struct gauge {
    _Atomic double value;
};

struct histogram {
    const double *bounds; /* of the family, bound_count ascending */
    size_t bound_count;
    _Atomic double sum;
    atomic_uint_least64_t *buckets; /* bound_count + 1, each its own count, not cumulative */
};

#define SUMMARY_WINDOW 500

struct summary {
    pthread_mutex_t lock; /* guards all below */
    double window[SUMMARY_WINDOW];
    uint64_t count;
    double sum;
};

struct child {
    struct child *next;
    char *labels; /* a="b",c="d" escaped; "" for none */
    union {
        struct counter counter;
        struct gauge gauge;
        struct histogram histogram;
        struct summary summary;
    };
};

struct family {
    char *name, *help;
    enum metric_type type;
    double *bounds; /* histograms */
    size_t bound_count;
    struct child *children; /* in order of creation */
};

/* one family in the text format */
void family_write(const struct family *family, struct buf *out);
void family_destroy(struct family *family);
/* the child with that text, if there is one */
void family_remove(struct family *family, const char *labels);
