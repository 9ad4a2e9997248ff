#pragma once
/*
 * syncer.h - one sync of a file at a time, on a thread of its own, so that the log's thread goes on
 * meanwhile.
 *
 *     log's thread      start(file) -- appends, applies --> ...            wait: rc
 *     syncer's thread        fdatasync ------------------> notify()
 *
 * The file must stay open until wait. Threads: start, wait and destroy belong to one thread.
 */
#include "lib/base/err.h"
#include "lib/sys/file.h"

#include <stdbool.h>

struct syncer;

/* notify: called on the syncer's thread after each sync, before wait returns; NULL: nobody is told */
struct syncer *syncer_create(void (*notify)(void *context), void *context);
/* NULL accepted; no sync may be running */
void syncer_destroy(struct syncer *syncer);
void syncer_start(struct syncer *syncer, struct file *file);
/* waits for the sync that was started, and answers as file_sync; *seconds: how long it took */
int syncer_wait(struct syncer *syncer, double *seconds, struct err *err);
