#pragma once
/*
 * pool.h - a fixed number of worker threads with a bounded line of jobs in front of them.
 *
 * Jobs are started in order. A job's memory is the submitter's; it is run exactly once, also when the pool is
 * destroyed meanwhile.
 */
#include "lib/base/err.h"

#include <stddef.h>
#include <stdint.h>

struct pool;

struct pool_job {                      /* embed it */
    void (*run)(struct pool_job *job); /* on a worker */
    struct pool_job *next;             /* the pool's from here on */
    int64_t since_ms;
};

/* A line that moves may be longer: max_waiting counts when its first has waited for patience_ms, 0: always.
 */
struct pool *pool_create(const char *name, int threads, size_t max_waiting, int64_t patience_ms);
/* runs what waits, then joins the workers */
void pool_destroy(struct pool *pool);
/* ERR_BUSY when the line is full. Any thread. */
int pool_submit(struct pool *pool, struct pool_job *job, struct err *err);
