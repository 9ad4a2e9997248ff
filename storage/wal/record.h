#pragma once
/*
 * record.h - the payloads of the log: which series exist, and rows of samples, whole or as changes to an
 * earlier record with the same series, in a chain that begins with a whole one, its key.
 *
 *     writing (the store's encode)                        reading (the store's replay)
 *       series_record_add(...) ... series_record_end        series_reader_next() until 0
 *       samples_record_write(...)                           samples_reader_next() until 0, <= 1024 rows a
 * time
 *
 * Layout: storage/FORMAT.md. Values keep all their bits. Readers take hostile bytes: they check every length
 * and answer ERR_CORRUPT; memory is bounded by the record's length. Spans handed out by a reader point into
 * the payload.
 */
#include "lib/base/buf.h"
#include "lib/base/err.h"
#include "lib/base/vec.h"
#include "lib/codec/varint.h"
#include "lib/model/appender.h"
#include "lib/model/labels.h"
#include "storage/chunk/bits.h"

#include <stddef.h>
#include <stdint.h>

enum record_type {
    RECORD_SERIES = 1,
    RECORD_SAMPLES = 2,
    RECORD_CHANGES = 3,
    RECORD_EXEMPLARS = 4,
    RECORD_METADATA = 5
};

#define RECORD_MAX_LABELS 4096u
#define RECORD_MAX_ROWS (1u << 24)
/* a store that logs very many new series ends a series record at this size and begins the next */
#define RECORD_SERIES_BYTES ((size_t)1 << 20)

/* Series. The labels of one series must stay valid until the next was added: it is coded against them. */
struct series_record {
    struct buf *out;
    size_t begin; /* where the payload begins in out */
    uint64_t count, next_number;
    struct labels previous;
};

void series_record_begin(struct series_record *record, struct buf *out);
/* ERR_LIMIT: too many labels, or out is full; the record is then as before */
int series_record_add(struct series_record *record, uint64_t number, struct labels labels, struct err *err);
/* bytes so far */
size_t series_record_size(const struct series_record *record);
/* puts the number of series in front; ERR_LIMIT when out is full */
int series_record_end(struct series_record *record, struct err *err);

struct series_reader {
    struct cursor cursor;
    uint64_t left, next_number;
    uint32_t label_count; /* of the last series */
    bool same_names;      /* the last series has the names of the one before */
    VEC(struct label) labels;
};

int series_reader_init(struct series_reader *reader, const void *payload, size_t len, struct err *err);
/* 1 and the next series (valid until the next call), 0 at the end, or ERR_CORRUPT. A text that is given as
 * that of the series before is at the same address. */
int series_reader_next(struct series_reader *reader, uint64_t *number, struct labels *labels,
                       struct err *err);
void series_reader_release(struct series_reader *reader);

/* Rows to be written. */
struct samples_columns {
    const uint64_t *numbers;
    const double *values;
    const struct histogram *const *histograms; /* NULL: all rows are floats */
    const int64_t *times_ms;                   /* NULL: every row at time_ms */
    int64_t time_ms;
    int64_t late_from; /* a row before the newest sample of its series is taken from this time on */
    size_t count;
    bool is_key;       /* later records may be coded against it */
    uint64_t replaces; /* distance in sequences to the key that it replaces; 0: none */
};

/* nothing is appended on failure (ERR_LIMIT) */
int samples_record_write(struct buf *out, const struct samples_columns *rows, struct err *err);

#define SAMPLES_STEP 1024

struct samples_reader {
    struct cursor runs, times, values;
    const uint8_t *classes;
    uint64_t rows, done; /* of all, already handed out */
    uint64_t number, run_left;
    int64_t time_ms, late_from, integer;
    uint64_t bits; /* of the value before */
    bool has_times, is_key;
    uint64_t replaces;
    struct cursor histograms;
    uint64_t histogram_row; /* of the next of them; UINT64_MAX: none is left */
    struct histogram_decoder *decoder;
    struct arena arena; /* of one step's histograms */
};

struct samples_rows {
    size_t count;
    uint64_t numbers[SAMPLES_STEP];
    int64_t times_ms[SAMPLES_STEP];
    double values[SAMPLES_STEP];
    bool has_histograms; /* in this step; only then histograms is set, NULL for a float */
    const struct histogram *histograms[SAMPLES_STEP]; /* the reader's, until the next step */
};

/* a reader whose init failed holds nothing */
int samples_reader_init(struct samples_reader *reader, const void *payload, size_t len, struct err *err);
void samples_reader_release(struct samples_reader *reader);
/* 1 and at least one row, 0 at the end, or ERR_CORRUPT */
int samples_reader_next(struct samples_reader *reader, struct samples_rows *rows, struct err *err);

/* Changes: rows of the series of a key record, in its order, all of one time, against the record before in
 * the chain that begins with the key. Both sides keep what the next one of the chain is coded against: */
struct changes_row {
    double value;
    int32_t step : 21;  /* of the number it stands for; expected again */
    uint32_t width : 6, /* bits of the last change */
        form : 3,       /* decimals of the number, or none */
        rested : 2;     /* records without a change, up to a few */
} __attribute__((packed, aligned(4)));

/* a row of the key */
void changes_row_begin(struct changes_row *row, double value);

struct changes_columns {
    const double *values;
    int64_t time_ms, late_from;
    uint64_t key_distance; /* the record's sequence minus its key's */
    uint64_t place;        /* in the chain: 1 behind the key */
    size_t count;
};

/* moves the state on; on failure (ERR_LIMIT) nothing is appended and the chain has ended */
int changes_record_write(struct buf *out, const struct changes_columns *rows, struct changes_row *state,
                         struct err *err);

struct changes_reader {
    uint64_t rows, key_distance, place;
    int64_t time_ms, late_from;
    uint64_t done; /* of the rows */
    struct cursor distances;
    uint64_t rested_left; /* the how manieth rested row from here changed; 0: no more */
    struct bit_reader bits;
};

int changes_reader_init(struct changes_reader *reader, const void *payload, size_t len, struct err *err);
/* The values of up to SAMPLES_STEP next rows, whose state, of all the rows of the key, is moved on. How many
 * there are, or ERR_CORRUPT, and the chain has ended. The caller has compared the rows with the key's. */
int changes_reader_next(struct changes_reader *reader, struct changes_row *state, double *values,
                        struct err *err);
