#pragma once
/*
 * body_inside.h - inside of lib/scrape: a body on its way into a batch, whatever its format.
 *
 *     text line ------------------- add_sample (body.c) ---------------------.
 *          '- of a classic histogram to convert: body_classic.c --.           |
 *     composite value, protobuf metric ---------------- body_metric.c -- body_add_row
 *
 * A row finds its entry of the cache by the text of its series, or where there is no such text by a keyed
 * hash of what stands for it. Labels are made only for entries that have no series yet.
 */
#include "lib/base/map.h"
#include "lib/base/vec.h"
#include "lib/expose/metric.h"
#include "lib/model/histogram_shape.h"
#include "lib/scrape/body.h"

/* a row of the batch whose series has to be resolved first */
struct pending {
    uint32_t entry; /* index of the one that waits for the reference */
    size_t row;
};

/* a classic histogram, as far as its lines have come */
struct classic_lines {
    bool is_open;
    uint64_t key;       /* of name and labels without le; does not depend on their order */
    struct span series; /* of its first line */
    struct span family;
    enum expose_type type;
    struct classic_histogram histogram;
    VEC(struct classic_bucket) buckets;
    VEC(struct span) exemplars; /* as written */
    bool has_time, has_too_many;
    int64_t time_ms;
};

/* what TYPE and UNIT said last, and of which family */
struct body_said {
    enum expose_type type;
    struct span type_family, unit, unit_family;
};

struct body_start {
    uint64_t key;
    int64_t time_ms;
};

struct body_starts { /* from the _created lines of a body */
    VEC(struct body_start) items;
    struct map by_key;
    bool has_new; /* one is after the last scrape */
};

struct body {
    struct target *target;
    struct appender *appender;
    struct append_batch *batch;
    int64_t time_ms;
    const struct scrape_limits *limits;
    size_t most;        /* samples, before relabelling; 0: no limit */
    size_t plain_until; /* so many samples are under every limit */
    struct arena arena; /* labels of new series */
    struct arena work;  /* of the metric at hand */
    VEC(struct labels) labels;
    VEC(struct pending) pending;
    struct body_counts counts;
    enum expose_type type; /* of the lines at hand */
    struct body_said said;
    struct classic_lines classic;
    struct body_starts starts;
    int64_t previous_ms; /* when the target was scraped last; INT64_MIN: never */
    uint64_t metadata_hash;
};

/* what becomes a row of the batch */
struct body_row {
    struct span series; /* its text; needed only when cache_entry_is_known says no */
    double value;
    const struct histogram *histogram; /* NULL: value */
    bool has_time, has_start;
    int64_t time_ms, start_ms;
    struct span exemplars_text; /* in a text format, and/or: */
    const struct exemplar *exemplars;
    size_t exemplar_count;
};

/* before the text of a new series goes to arena: what waits there may have to be resolved first */
int body_make_room(struct body *body, struct err *err);
/* one more sample, if the limit allows */
int body_count(struct body *body, struct err *err);
int body_add_row(struct body *body, struct cache_entry *entry, const struct body_row *row, struct err *err);

/* body_metric.c: what the metric becomes, by the job's three switches for histograms */
int body_add_metric(struct body *body, const struct expose_metric *metric, struct err *err);
/* a histogram that is well-formed but for its schema: in the job's resolution. `key` and what writes the
 * series are as in body_add_metric; ERR_LIMIT: too many buckets even so. */
int body_shape(struct body *body, const struct histogram *histogram, struct histogram *shaped,
               struct err *err);
/* frees what the last metrics needed, now and then */
void body_tidy(struct body *body);

/* body_protobuf.c */
int body_read_families(struct body *body, struct span text, struct err *err);

/* body_classic.c: lines of classic histograms that become native ones. body_collect says whether the line was
 * one and is not wanted besides. A collected histogram is added by the next line that is not its own. */
int body_collect(struct body *body, const struct expose_reader *reader, const struct expose_entry *line,
                 bool *is_taken, struct err *err);
int body_collected(struct body *body, struct err *err);
void body_classic_release(struct body *body);

/* body_starts.c: from lines of OpenMetrics 1.0, which are no samples then, to rows of their metrics */
void body_find_starts(struct body *body, struct span text);
bool body_is_start(const struct expose_reader *reader, struct span series);
/* series: of the row, or another of its metric */
void body_give_start(const struct body *body, enum expose_type type, struct span family, struct span series,
                     const struct cache_entry *entry, struct body_row *row);
/* does this row need a zero before it, and that */
bool body_begins(const struct body *body, const struct cache_entry *entry, const struct body_row *row,
                 int64_t time_ms);
int body_add_zero(struct append_batch *batch, struct series_ref ref, const struct body_row *row,
                  struct err *err);
void body_starts_release(struct body *body);

/* body_metadata.c: __type__ and __unit__, if they were said of that metric, over what the target exposes */
int body_say_type(struct body *body, struct labels *exposed, struct err *err);
/* and what HELP, TYPE and UNIT say, into the target's state; called when their text changed. And
 * from there into the batch. */
void body_read_metadata(struct target *target, enum expose_format format, struct span body);
void body_tell_metadata(struct target *target, struct append_batch *batch);
