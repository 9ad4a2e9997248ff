#include "storage/head/stable.h"

#include "lib/base/huge.h"
#include "lib/base/mem.h"

#include <string.h>

/* The first slab is the heap's, as it may stay nearly empty; the others are two to a huge page. */
_Static_assert(2 * STABLE_SLAB_UNITS * sizeof(uint32_t) == HUGE_PAGE, "1 and 2, 3 and 4, ...");

static void make_slab(struct stable *stable, size_t number) {
    uint32_t *slab = number == 0       ? mem_resize(NULL, STABLE_SLAB_UNITS, sizeof *slab)
                     : number % 2 == 1 ? huge_alloc(HUGE_PAGE)
                                       : atomic_load(&stable->slabs[number - 1]) + STABLE_SLAB_UNITS;
    atomic_store_explicit(&stable->slabs[number], slab, memory_order_release);
}

void stable_init(struct stable *stable) {
    stable->slabs = mem_array(STABLE_SLABS, sizeof *stable->slabs);
    stable->used = 1;
    make_slab(stable, 0);
}

void stable_release(struct stable *stable) {
    if (!stable->slabs) return;
    mem_free(atomic_load(&stable->slabs[0]));
    for (size_t i = 1; i < STABLE_SLABS && stable->slabs[i]; i += 2)
        huge_free(atomic_load(&stable->slabs[i]), HUGE_PAGE);
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
        make_slab(stable, slab);
        at = slab * STABLE_SLAB_UNITS;
    }
    stable->used = at + units;
    return (uint32_t)at;
}

bool stable_restore(struct stable *stable, uint64_t used) {
    size_t slabs = (size_t)((used + STABLE_SLAB_UNITS - 1) / STABLE_SLAB_UNITS);
    if (used < 1 || used > STABLE_SLABS * STABLE_SLAB_UNITS) return false;
    for (size_t i = 1; i < slabs; i++)
        if (!atomic_load(&stable->slabs[i])) make_slab(stable, i);
    stable->used = used;
    return true;
}

size_t stable_bytes(const struct stable *stable) {
    return (size_t)stable->used * sizeof(uint32_t);
}
