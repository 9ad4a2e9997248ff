#pragma once
/*
 * hash.h - XXH3 over bytes. hash_bytes_keyed takes the process's random seed, for tables whose keys come from
 * outside; hash_bytes is the same in every process, for what must be stable (target offsets, files).
 */
#include "lib/base/span.h"

#include <stdint.h>

uint64_t hash_bytes(const void *data, size_t len);
uint64_t hash_bytes_keyed(const void *data, size_t len);

/* wide enough to stand for the bytes themselves: keyed, two inputs are never seen to agree */
struct hash128 {
    uint64_t low, high;
};
struct hash128 hash_bytes_keyed_128(const void *data, size_t len);

/* folds a second 64-bit value into a hash */
uint64_t hash_mix(uint64_t hash, uint64_t value);
