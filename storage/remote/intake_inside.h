#pragma once
/*
 * intake_inside.h - inside of storage/remote: a request while it is worked on.
 *
 *     body     [ ... | labels of A | samples | labels of B | samples ... ]     decoded, stays to the end
 *                      ^                      ^
 *     series   { labels, first row }, { labels, first row } ...
 *     batch    row row row             row ...                                 rows of a series are
 * neighbours misses   indexes into series whose labels the cache did not know, with those labels decoded
 */
#include "lib/base/arena.h"
#include "lib/base/buf.h"
#include "lib/base/hash.h"
#include "storage/remote/intake.h"
#include "storage/remote/series_cache.h"

struct counter;
struct gauge;

struct intake {
    struct budget memory;
    struct series_cache *cache;
    struct registry *registry; /* may be NULL, and then so are the metrics */
    struct counter *invalid_labels;
    struct gauge *cached, *in_flight;
};

/* its rows end where those of the next begin */
struct intake_series {
    const char *raw; /* label fields */
    uint32_t raw_len, first_row;
};

struct intake_miss {
    struct labels labels;
    uint32_t series;
};

struct intake_request {
    uint32_t magic;
    struct intake *intake;
    struct budget budget; /* of this request; its parent is the intake's */
    struct buf body;
    struct arena arena;   /* labels of misses */
    struct arena scratch; /* one histogram */
    struct buf series;    /* struct intake_series */
    struct buf misses;    /* struct intake_miss */
    struct append_batch *batch;
    size_t row_bytes; /* taken from budget for rows */
    int64_t first_time_ms;
    bool times_differ;
    size_t refused_rows; /* of series whose labels are refused */
    bool is_text;        /* its series are not for the cache: what a text means depends on its TYPE lines */
    bool is_exhausted;   /* new series were refused */
    bool is_out;         /* the batch was handed over, and not judged since */
    struct intake_written written;
    struct err failure; /* before it could be handed over; code 0: none */
    struct err trouble; /* the first thing that was refused; code 0: none yet */
    void (*done)(void *context);
    void *context;
};

static inline size_t intake_series_count(const struct intake_request *request) {
    return request->series.len / sizeof(struct intake_series);
}

static inline struct intake_series *intake_series_at(const struct intake_request *request, size_t i) {
    return (struct intake_series *)request->series.data + i;
}

static inline size_t intake_series_end(const struct intake_request *request, size_t i) {
    return i + 1 < intake_series_count(request) ? intake_series_at(request, i + 1)->first_row
                                                : request->batch->count;
}

/* remembers the first; returns 0 */
int intake_note(struct intake_request *request, const struct err *trouble);

/* intake_decode.c: fills series, misses and batch from body. ERR_CORRUPT, or ERR_LIMIT when memory is
 * refused. */
int intake_decode(struct intake_request *request, struct err *err);
/* intake_translate.c: a body of the second version becomes one of the first. ERR_CORRUPT, ERR_LIMIT */
int intake_translate(struct intake_request *request, struct err *err);
/* intake_text.c: the same from a text that is not copied */
int intake_decode_text(struct intake_request *request, struct span text, const struct intake_form *form,
                       struct err *err);
/* intake_influx.c: the same from lines */
int intake_decode_influx(struct intake_request *request, struct span text, const struct intake_form *form,
                         struct err *err);
/* intake_decode.c: one more row; ERR_LIMIT */
int intake_add_sample(struct intake_request *request, struct series_ref ref, double value, int64_t time_ms,
                      struct err *err);
/* a row's memory in a batch */
#define INTAKE_ROW_BYTES (sizeof(struct series_ref) + sizeof(double) + sizeof(int64_t) + 1)
