#pragma once
/*
 * replay_rows.h - inside of storage/tsdb: what a replay does beside the reading of the log, on a thread of
 * its own.
 *
 *     reader:  record -> labels -> series --- jobs, in order, a bounded queue ---> here: postings, samples
 *
 * Numbers on disk become references through a table that lives for the replay only. Rows whose series record
 * was lost are counted: nothing is guessed.
 */
#include "storage/head/replay.h"
#include "storage/tsdb/inside.h"
#include "storage/wal/replay.h"

/* numbers are given one by one, so none of ours is ever higher */
#define REPLAY_NUMBER_MAX ((uint64_t)1 << 62)

struct replay_rows;

/* the series that the head has are known */
struct replay_rows *replay_rows_start(struct tsdb *tsdb);
/* The series are known from here on. These two copy what they get, and wait while the queue is full. */
void replay_rows_know(struct replay_rows *rows, const struct replayed_series *series, size_t count);
/* a record of samples or changes; what makes no sense is reported at the end */
void replay_rows_record(struct replay_rows *rows, int type, struct wal_place place, const void *payload,
                        size_t len);
/* Waits until all is done and frees. Records that made no sense are lost in the report (may be NULL);
 * homeless: rows of series that no record names. */
void replay_rows_finish(struct replay_rows *rows, struct wal_report *report, uint64_t *homeless);
