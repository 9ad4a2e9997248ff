#include "storage/head/symbols.h"

#include "lib/base/hash.h"
#include "lib/base/mem.h"

#include <string.h>

void symbols_init(struct symbols *symbols) {
    *symbols = (struct symbols){0};
    stable_init(&symbols->memory);
}

void symbols_release(struct symbols *symbols) {
    map_release(&symbols->map);
    stable_release(&symbols->memory);
}

struct span symbols_text(const struct symbols *symbols, uint32_t symbol) {
    const uint32_t *item = stable_at(&symbols->memory, symbol);
    return span_of((const char *)(item + 1), *item);
}

static bool equal(uint32_t symbol, const void *key, const void *context) {
    return span_equal(symbols_text(context, symbol), *(const struct span *)key);
}

uint32_t symbols_find(const struct symbols *symbols, struct span text) {
    uint32_t symbol = map_find(&symbols->map, hash_bytes_keyed(text.ptr, text.len), &text, equal, symbols);
    return symbol == MAP_NONE ? SYMBOL_NONE : symbol;
}

uint32_t symbols_add(struct symbols *symbols, struct span text) {
    if (text.len > SYMBOL_MAX_BYTES) return SYMBOL_NONE;
    uint64_t hash = hash_bytes_keyed(text.ptr, text.len);
    uint32_t symbol = map_find(&symbols->map, hash, &text, equal, symbols);
    if (symbol != MAP_NONE) return symbol;
    symbol = stable_add(&symbols->memory, 1 + (text.len + 3) / 4);
    if (!symbol || symbol == MAP_NONE) return SYMBOL_NONE;
    uint32_t *item = stable_at(&symbols->memory, symbol);
    *item = (uint32_t)text.len;
    if (text.len) memcpy(item + 1, text.ptr, text.len);
    map_insert(&symbols->map, hash, symbol);
    return symbol;
}

/* units of the symbol at this address: 0 is what was left over at the end of a slab */
static size_t units_of(const struct symbols *symbols, uint64_t at) {
    uint64_t len = *stable_at(&symbols->memory, (uint32_t)at);
    uint64_t units = len ? 1 + (len + 3) / 4 : 0, slab_left = STABLE_SLAB_UNITS - at % STABLE_SLAB_UNITS;
    return units <= slab_left && units <= symbols->memory.used - at ? (size_t)units : SIZE_MAX;
}

bool symbols_restore(struct symbols *symbols, uint64_t **starts) {
    uint64_t used = symbols->memory.used, at = 1;
    *starts = mem_array(used / 64 + 1, sizeof **starts);
    map_reserve(&symbols->map, used / 8);
    while (at < used) {
        size_t units = units_of(symbols, at);
        if (units == SIZE_MAX) return false;
        if (units) {
            (*starts)[at / 64] |= (uint64_t)1 << at % 64;
            struct span text = symbols_text(symbols, (uint32_t)at);
            map_insert(&symbols->map, hash_bytes_keyed(text.ptr, text.len), (uint32_t)at);
        }
        at += units ? units : STABLE_SLAB_UNITS - at % STABLE_SLAB_UNITS;
    }
    return true;
}

size_t symbols_bytes(const struct symbols *symbols) {
    return stable_bytes(&symbols->memory) + symbols->map.capacity * sizeof *symbols->map.slots;
}

size_t symbols_cost(const struct symbols *symbols) {
    return (size_t)symbols->memory.used * sizeof(uint32_t) + symbols->map.count * (size_t)16;
}
