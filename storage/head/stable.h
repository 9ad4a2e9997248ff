#pragma once
/*
 * stable.h - memory that grows and never moves, addressed by 32 bits.
 *
 *     address (in units of 4 bytes):   [slab: 14 bits | unit: 18 bits]
 *     slabs: [1 MiB] [1 MiB] [1 MiB] ...          at most 16384 of them: 16 GiB
 *
 * Half the size of a pointer, and whoever has an address may read what is there without a lock: an item is
 * complete before its address is handed out (under the index lock), and is never changed after. Address 0 is
 * never given. One thread at a time adds.
 */
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define STABLE_SLABS ((size_t)1 << 14)
#define STABLE_SLAB_UNITS ((size_t)1 << 18)

struct stable {
    _Atomic(uint32_t *) *slabs;
    uint64_t used; /* units, with what was left over at the ends of slabs, which is zeros */
};

void stable_init(struct stable *stable);
void stable_release(struct stable *stable);
/* room for an item, not set; 0 when it is larger than a slab or no slab is left */
uint32_t stable_add(struct stable *stable, size_t units);
/* the same room as in a run before: [0, used) is there, and filled by the caller; false: too much */
bool stable_restore(struct stable *stable, uint64_t used);
/* bytes in use */
size_t stable_bytes(const struct stable *stable);

static inline uint32_t *stable_at(const struct stable *stable, uint32_t address) {
    uint32_t *slab = atomic_load_explicit(&stable->slabs[address / STABLE_SLAB_UNITS], memory_order_acquire);
    return slab + address % STABLE_SLAB_UNITS;
}
