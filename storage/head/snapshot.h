#pragma once
/*
 * snapshot.h - inside of a snapshot: the head's index and open chunks, as they are in memory.
 *
 *     | sizes | symbols | shapes | series: number, labels | postings | chunks of each series |
 *
 * Written while batches are applied: what came after the snapshot began may be in it or not, series by
 * series. The log from there on is replayed over it, and every row that is there already is answered as
 * repeated.
 *
 * Only one thread writes snapshots, and that thread is the one that lets series go quiet; head_restore is for
 * an empty head before anybody uses it.
 */
#include "storage/head/frames.h"
#include "storage/head/head.h"

/* late samples are not written. ERR_BUSY: full chunks are in the heap, because their file cannot be written.
 */
int head_save(struct head *head, struct frames_out *out, struct err *err);
/* what went wrong is in->rc, and returned: the head is then to be destroyed */
int head_restore(struct head *head, struct frames_in *in);
