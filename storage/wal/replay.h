#pragma once
/*
 * replay.h - reads the log from its first record to its last and says exactly what was lost.
 *
 *     00000001 [rec 1 rec 2 rec 3]   00000002 [rec 4 #### rec 7 rec 8 torn]
 *                                                    |               |
 *                     loss {from 5, to 6}, 1 damaged stretch    cut_bytes
 *
 * Streaming: memory is one window and the largest record. Nothing on disk is changed. Start order of a store:
 * wal_replay, then wal_open with the report. A read error of the disk is ERR_IO, not damage: going on without
 * what may be readable tomorrow would overrule it.
 */
#include "lib/base/err.h"
#include "lib/sys/file.h"

#include <stddef.h>
#include <stdint.h>

struct wal_place {
    uint64_t segment, sequence;
};

/* One record, valid during the call. ERR_CORRUPT: the payload makes no sense: counted as lost, replay goes
 * on. Any other error ends the replay. */
typedef int wal_record_fn(void *context, int type, struct wal_place place, const void *payload, size_t len,
                          struct err *err);

struct wal_loss {
    uint64_t segment;                    /* where reading went on */
    uint64_t from_sequence, to_sequence; /* inclusive */
};

#define WAL_REPORT_LOSSES 32

struct wal_report {
    uint64_t segments, records, payload_bytes, file_bytes;
    uint64_t last_sequence; /* 0: no record yet */
    uint64_t last_segment;  /* highest number in the folder, 0: none */
    uint64_t lost_records;  /* sum over all losses, also those that found no place below */
    uint64_t damaged_stretches, damaged_bytes;
    uint64_t damaged_headers; /* one of the two copies was bad; nothing is lost by it */
    uint64_t cut_bytes;       /* torn tail */
    uint64_t tail_segment,
        tail_end; /* the last segment that is part of the log, and the end of its last record; 0: none */
    struct wal_loss losses[WAL_REPORT_LOSSES];
    size_t loss_count;
};

/* Records behind sequence `after` (0: all there are); those up to it may be missing. The folder need not
 * exist. */
int wal_replay(struct file_system *fs, const char *folder, uint64_t after, wal_record_fn *each, void *context,
               struct wal_report *report, struct err *err);
