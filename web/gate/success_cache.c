#include "web/gate/success_cache.h"

#include "lib/base/assert.h"
#include "lib/base/buf.h"
#include "lib/base/mem.h"
#include "lib/sys/thread.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#define SECRET_BYTES 32
#define DIGEST_BYTES 32
#define SETS 256 /* by the first byte */
#define WAYS 8

struct digest {
    unsigned char bytes[DIGEST_BYTES];
};

struct success_cache {
    unsigned char secret[SECRET_BYTES];
    struct mutex lock; /* guards all below */
    struct digest entries[SETS][WAYS];
    unsigned char counts[SETS], next[SETS];
};

struct success_cache *success_cache_create(void) {
    struct success_cache *cache = mem_zalloc(sizeof *cache);
    int rc = RAND_bytes(cache->secret, SECRET_BYTES);
    ASSERT(rc == 1); /* without randomness nobody may come in */
    mutex_init(&cache->lock);
    return cache;
}

void success_cache_destroy(struct success_cache *cache) {
    if (!cache) return;
    mutex_release(&cache->lock);
    OPENSSL_cleanse(cache, sizeof *cache);
    mem_free(cache);
}

static struct digest digest_of(const struct success_cache *cache, struct span user, struct span hash,
                               struct span password) {
    const struct span fields[] = {user, hash, password};
    struct digest digest;
    struct buf text;
    unsigned len = 0;
    buf_init(&text, (size_t)1 << 20);
    for (size_t i = 0; i < 3; i++) {
        uint64_t size = fields[i].len;
        buf_append(&text, &size, sizeof size);
        buf_span(&text, fields[i]);
    }
    ASSERT(!text.failed); /* a header is shorter */
    ASSERT(HMAC(EVP_sha256(), cache->secret, SECRET_BYTES, (const unsigned char *)text.data, text.len,
                digest.bytes, &len) &&
           len == DIGEST_BYTES);
    OPENSSL_cleanse(text.data, text.len);
    buf_release(&text);
    return digest;
}

static bool is_there(const struct success_cache *cache, const struct digest *digest) {
    unsigned set = digest->bytes[0];
    for (unsigned i = 0; i < cache->counts[set]; i++)
        if (CRYPTO_memcmp(cache->entries[set][i].bytes, digest->bytes, DIGEST_BYTES) == 0) return true;
    return false;
}

bool success_cache_has(struct success_cache *cache, struct span user, struct span hash,
                       struct span password) {
    struct digest digest = digest_of(cache, user, hash, password);
    mutex_lock(&cache->lock);
    bool is_found = is_there(cache, &digest);
    mutex_unlock(&cache->lock);
    return is_found;
}

void success_cache_add(struct success_cache *cache, struct span user, struct span hash,
                       struct span password) {
    struct digest digest = digest_of(cache, user, hash, password);
    unsigned set = digest.bytes[0];
    mutex_lock(&cache->lock);
    if (!is_there(cache, &digest)) {
        cache->entries[set][cache->next[set]] = digest;
        cache->next[set] = (unsigned char)((cache->next[set] + 1) % WAYS);
        if (cache->counts[set] < WAYS) cache->counts[set]++;
    }
    mutex_unlock(&cache->lock);
}
