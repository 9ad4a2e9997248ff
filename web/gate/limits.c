#include "web/gate/limits.h"

#include "lib/base/hash.h"

#include <string.h>

bool bucket_take(struct bucket *bucket, int64_t now_ms, int64_t interval_ms, double burst) {
    if (!bucket->filled_ms)
        bucket->tokens = burst;
    else
        bucket->tokens += (double)(now_ms - bucket->filled_ms) / (double)interval_ms;
    if (bucket->tokens > burst) bucket->tokens = burst;
    bucket->filled_ms = now_ms;
    if (bucket->tokens < 1) return false;
    bucket->tokens--;
    return true;
}

static struct bucket *bucket_of(struct failures *failures, const char *peer) {
    return &failures->buckets[hash_bytes_keyed(peer, strlen(peer)) % FAILURE_BUCKETS];
}

bool failures_may_try(struct failures *failures, const char *peer, int64_t now_ms) {
    return bucket_take(bucket_of(failures, peer), now_ms, 1000 / FAILURES_PER_SECOND, FAILURES_PER_SECOND);
}

void failures_forgive(struct failures *failures, const char *peer) {
    bucket_of(failures, peer)->tokens++;
}
