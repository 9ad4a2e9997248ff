#pragma once
/*
 * symbols.h - every label name and value of the head once, known by 32 bits.
 *
 *     stable memory:   | length 4 bytes | text, padded to 4 |        symbol = address of the length
 *     map:             hash(text) -> symbol
 *
 * Threads: find and add under the index lock (shared, exclusive); text of a known symbol without any.
 */
#include "lib/base/map.h"
#include "lib/base/span.h"
#include "storage/head/stable.h"

#define SYMBOL_NONE 0u
#define SYMBOL_OVERHEAD 24u /* length, padding, place in the map */
#define SYMBOL_MAX_BYTES ((size_t)512 << 10)

struct symbols {
    struct stable memory;
    struct map map;
};

void symbols_init(struct symbols *symbols);
void symbols_release(struct symbols *symbols);
/* SYMBOL_NONE when the text is not known */
uint32_t symbols_find(const struct symbols *symbols, struct span text);
/* finds or adds; SYMBOL_NONE when the text is too long or the memory full */
uint32_t symbols_add(struct symbols *symbols, struct span text);
struct span symbols_text(const struct symbols *symbols, uint32_t symbol);
/* After stable_restore and filling of the memory: finds the symbols again. False when it makes no sense. The
 * starts of symbols are the members of `starts` (a bit per unit, made here, freed by the caller). */
bool symbols_restore(struct symbols *symbols, uint64_t **starts);
size_t symbols_bytes(const struct symbols *symbols);
/* what all symbols cost, exact for one more or less: text, length, at most SYMBOL_OVERHEAD each */
size_t symbols_cost(const struct symbols *symbols);
