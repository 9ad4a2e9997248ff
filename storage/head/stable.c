#include "storage/head/stable.h"

#include "lib/base/mem.h"

#include <string.h>

void stable_init(struct stable *stable) {
    stable->slabs = mem_array(STABLE_SLABS, sizeof *stable->slabs);
    stable->used = 1;
    atomic_store(&stable->slabs[0], mem_resize(NULL, STABLE_SLAB_UNITS, sizeof(uint32_t)));
}

void stable_release(struct stable *stable) {
    for (size_t i = 0; stable->slabs && i < STABLE_SLABS && stable->slabs[i]; i++)
        mem_free(atomic_load(&stable->slabs[i]));
    mem_free(stable->slabs);
    stable->slabs = NULL;
}

uint32_t stable_add(struct stable *stable, size_t units) {
    if (units > STABLE_SLAB_UNITS) return 0;
    uint64_t at = stable->used;
    if (at % STABLE_SLAB_UNITS + units > STABLE_SLAB_UNITS || at % STABLE_SLAB_UNITS == 0) {
        size_t slab = (size_t)((at + STABLE_SLAB_UNITS - 1) / STABLE_SLAB_UNITS);
        if (slab >= STABLE_SLABS) return 0;
        size_t left = slab * STABLE_SLAB_UNITS - at;
        if (left) memset(stable_at(stable, (uint32_t)at), 0, left * sizeof(uint32_t));
        atomic_store_explicit(&stable->slabs[slab], mem_resize(NULL, STABLE_SLAB_UNITS, sizeof(uint32_t)),
                              memory_order_release);
        at = slab * STABLE_SLAB_UNITS;
    }
    stable->used = at + units;
    return (uint32_t)at;
}

bool stable_restore(struct stable *stable, uint64_t used) {
    size_t slabs = (size_t)((used + STABLE_SLAB_UNITS - 1) / STABLE_SLAB_UNITS);
    if (used < 1 || used > STABLE_SLABS * STABLE_SLAB_UNITS) return false;
    for (size_t i = 1; i < slabs; i++)
        if (!atomic_load(&stable->slabs[i]))
            atomic_store(&stable->slabs[i], mem_resize(NULL, STABLE_SLAB_UNITS, sizeof(uint32_t)));
    stable->used = used;
    return true;
}

size_t stable_bytes(const struct stable *stable) {
    return (size_t)stable->used * sizeof(uint32_t);
}
