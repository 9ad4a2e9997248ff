#pragma once
/*
 * ledger.h - what was handed to a store and what it answered, to compare with what it holds.
 *
 *     series 5:  time 100  value 1.5   sent at 17, acknowledged at 21      moments: points of a crash_fs
 *                time 100  value 7     sent at 30, refused                 (or any other count)
 *                time 160  value 2     sent at 33, acknowledged never
 *
 * The store must hold, as of a moment: each sample acknowledged until then, with all its bits; and no sample
 * but what was sent until then. One thread.
 */
#include "lib/base/vec.h"
#include "lib/model/labels.h"
#include "lib/model/queryable.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MOMENT_NEVER SIZE_MAX
#define MOMENT_NOW (SIZE_MAX - 1) /* of the store that everything was sent to, still running */

/* what a running store shows besides what is acknowledged */
enum ledger_state {
    LEDGER_SENT,    /* unknown: it may be there or not */
    LEDGER_TAKEN,   /* stored: it is seen, and acknowledged by the next clean close */
    LEDGER_REFUSED, /* not seen */
    LEDGER_FAILED,  /* its batch was not written: not seen before the store is opened again */
};

struct ledger_sample {
    int64_t time_ms;
    uint64_t bits;
    size_t sent, acknowledged; /* moments */
    enum ledger_state state;
};

struct ledger_series {
    VEC(struct ledger_sample) samples; /* by time, then in the order sent */
};

struct ledger {
    VEC(struct ledger_series) series; /* by number */
    size_t sample_count;
};

void ledger_release(struct ledger *ledger);
void ledger_add(struct ledger *ledger, uint32_t series, struct ledger_sample sample);
/* A store was closed (cleanly: what was taken is acknowledged) or died. */
void ledger_closed(struct ledger *ledger, bool cleanly, size_t moment);
/* what a store may and must hold that starts from the disk as of the moment; acknowledged at 0 */
void ledger_as_of(const struct ledger *ledger, size_t moment, struct ledger *later);
/* the newest time that was sent; INT64_MIN: none */
int64_t ledger_newest(const struct ledger *ledger, uint32_t series);

/* the newest that may be there; false: none */
bool ledger_newest_sample(const struct ledger *ledger, uint32_t series, struct ledger_sample *sample);

/* The labels of a series follow from its number, and the number from the labels. */
#define LEDGER_LABELS 6
#define LEDGER_TEXT 512
struct labels ledger_labels(uint32_t series, struct label items[LEDGER_LABELS], char text[LEDGER_TEXT]);

/* UINT32_MAX: these labels belong to no series */
uint32_t ledger_number(struct labels labels);

struct ledger_outcome {
    size_t found, missing; /* samples; missing: acknowledged ones that are not there */
    size_t resurfaced;     /* of the missing: another value is there, that was refused */
    size_t unreadable;     /* series whose read failed */
    bool has_warning;      /* the store said that it left something out */
};

/* Reads everything. A wrong value, labels that were never sent and a series that is there twice are
   failures; so is a missing one, or one that cannot be read, unless tolerant. */
struct ledger_outcome ledger_check(const struct ledger *ledger, struct queryable *queryable, size_t moment,
                                   bool tolerant);
