#pragma once
/*
 * limits.h - inside of web/gate: how often. A bucket of tokens that fills with time, and one for each
 * client's wrong passwords. The callers keep them to one thread at a time.
 */
#include <stdbool.h>
#include <stdint.h>

struct bucket {
    double tokens;
    int64_t filled_ms; /* monotonic; 0: never used, full */
};

/* takes one; false when there is none. It holds `burst` and gets one each interval_ms. */
bool bucket_take(struct bucket *bucket, int64_t now_ms, int64_t interval_ms, double burst);

#define FAILURE_BUCKETS 1024u
#define FAILURES_PER_SECOND 10

struct failures {
    struct bucket buckets[FAILURE_BUCKETS]; /* by hash of the client's address; some share one */
};

/* one more password of this client is going to be looked at; false: it has guessed too often */
bool failures_may_try(struct failures *failures, const char *peer, int64_t now_ms);
/* it was right: the try is given back */
void failures_forgive(struct failures *failures, const char *peer);
