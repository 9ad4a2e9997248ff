#pragma once
/*
 * replay_rows.h - inside of storage/tsdb: what a replay does beside the reading of the log, on a thread of
 * its own.
 *
 *     reader:  record -> symbols, or rows --- jobs, in order, a bounded queue ---> here: series, samples
 *
 * While the queue is full the reader makes postings of the series that are there (storage/head/replay.h).
 * Numbers on disk become references through a table that lives for the replay only. Rows whose series record
 * was lost are counted: nothing is guessed.
 */
#include "storage/head/replay.h"
#include "storage/tsdb/inside.h"
#include "storage/wal/record.h"

/* numbers are given one by one, so none of ours is ever higher */
#define REPLAY_NUMBER_MAX ((uint64_t)1 << 62)

struct replay_rows;

/* the series that the head has are known; the replay must stay until the end */
struct replay_rows *replay_rows_start(struct tsdb *tsdb, struct head_replay *replay);
/* series of head_replay_read, copied; known from here on */
void replay_rows_series(struct replay_rows *rows, const struct replay_words *words);
/* Room for the next rows, waiting while the queue is full, and the rows that were set there. Histograms must
 * stay until replay_rows_wait, which waits until all is done. */
struct samples_rows *replay_rows_room(struct replay_rows *rows);
void replay_rows_put(struct replay_rows *rows, int64_t late_from);
void replay_rows_wait(struct replay_rows *rows);
/* Waits until all is done and frees. homeless: rows of series that no record names. ERR_LIMIT: not all series
 * found room. */
int replay_rows_finish(struct replay_rows *rows, uint64_t *homeless, struct err *err);
