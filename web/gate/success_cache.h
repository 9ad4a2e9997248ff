#pragma once
/*
 * success_cache.h - inside of web/gate: which user, stored hash and password went together lately, so that
 * bcrypt is asked once and not for each request.
 *
 *     HMAC-SHA256(secret of this start, len user len hash len password) -> 32 bytes in a table of fixed size
 *
 * Lengths stand in front of the fields, so no two sets of fields read alike (CVE-2022-46146). Failures are
 * never kept, nor is any password; a changed hash is another entry. Any thread.
 */
#include "lib/base/span.h"

#include <stdbool.h>

struct success_cache;

struct success_cache *success_cache_create(void);
void success_cache_destroy(struct success_cache *cache);
bool success_cache_has(struct success_cache *cache, struct span user, struct span hash, struct span password);
/* takes the place of an older one when the table is full there */
void success_cache_add(struct success_cache *cache, struct span user, struct span hash, struct span password);
