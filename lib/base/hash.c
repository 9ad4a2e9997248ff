#include "lib/base/hash.h"

#include <sys/random.h>
#define XXH_INLINE_ALL /* with what is not in its library: XXH3_..._withSecretandSeed */
#include <xxhash.h>

static uint64_t seed;
static uint8_t secret[XXH3_SECRET_DEFAULT_SIZE]; /* of the seed: made anew for every long text else */

/* before main, so that nobody has to ask whether it is done */
static __attribute__((constructor)) void seed_draw(void) {
    /* without entropy (never seen after boot) the address layout is the seed */
    if (getrandom(&seed, sizeof seed, 0) != (ssize_t)sizeof seed) seed = (uint64_t)(uintptr_t)&seed;
    XXH3_generateSecret_fromSeed(secret, seed);
}

uint64_t hash_bytes(const void *data, size_t len) {
    return XXH3_64bits(data, len);
}

uint64_t hash_bytes_keyed(const void *data, size_t len) {
    return XXH3_64bits_withSecretandSeed(data, len, secret, sizeof secret, seed);
}

struct hash128 hash_bytes_keyed_128(const void *data, size_t len) {
    XXH128_hash_t hash = XXH3_128bits_withSecretandSeed(data, len, secret, sizeof secret, seed);
    return (struct hash128){hash.low64, hash.high64};
}

uint64_t hash_mix(uint64_t hash, uint64_t value) {
    hash ^= value + 0x9e3779b97f4a7c15u + (hash << 6) + (hash >> 2);
    hash ^= hash >> 32;
    hash *= 0xd6e8feb86659fd93u;
    return hash ^ (hash >> 32);
}
