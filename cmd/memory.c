#include "cmd/memory.h"

#include "lib/base/assert.h"

/* jemalloc's own door; NULL where the program is linked without it */
extern int mallctl(const char *name, void *old, size_t *old_len, void *fresh, size_t fresh_len)
    __attribute__((weak));

static const struct {
    const char *statistic, *name, *help;
} figures[ALLOC_FIGURES] = {
    {"stats.allocated", "ferula_alloc_allocated_bytes",
     "Bytes that the program has asked for and not freed."},
    {"stats.active", "ferula_alloc_active_bytes", "Bytes of pages in which something is allocated."},
    {"stats.metadata", "ferula_alloc_metadata_bytes", "Bytes that the allocator needs for itself."},
    {"stats.resident", "ferula_alloc_resident_bytes", "Bytes of the allocator's pages in memory."},
    {"stats.mapped", "ferula_alloc_mapped_bytes", "Bytes of the allocator's mappings."},
    {"stats.retained", "ferula_alloc_retained_bytes", "Bytes of address space kept without memory."},
};

static void collect_alloc(struct memory_metrics *memory) {
    uint64_t epoch = 1;
    size_t len = sizeof epoch;
    (void)mallctl("epoch", &epoch, &len, &epoch, sizeof epoch); /* or the figures are those of before */
    for (size_t i = 0; i < ALLOC_FIGURES; i++) {
        size_t bytes = 0;
        len = sizeof bytes;
        if (mallctl(figures[i].statistic, &bytes, &len, NULL, 0) == 0)
            gauge_set(memory->alloc[i], (double)bytes);
    }
}

static void collect(void *context) {
    struct memory_metrics *memory = context;
    for (size_t i = 0; i < memory->part_count; i++)
        gauge_set(memory->parts[i].used, (double)atomic_load(&memory->parts[i].budget->used_bytes));
    if (mallctl) collect_alloc(memory);
}

void memory_metrics_init(struct memory_metrics *memory, struct registry *registry) {
    *memory = (struct memory_metrics){.registry = registry};
    for (size_t i = 0; mallctl && i < ALLOC_FIGURES; i++)
        memory->alloc[i] = registry_gauge(registry, figures[i].name, figures[i].help, NULL);
    registry_on_collect(registry, collect, memory);
}

void memory_metrics_add(struct memory_metrics *memory, const char *part, const struct budget *budget) {
    instrument_labels labels = (const char *[]){"part", part, NULL};
    ASSERT(memory->part_count < MEMORY_PARTS_MAX);
    gauge_set(registry_gauge(memory->registry, "ferula_memory_limit_bytes",
                             "Most memory that a part of the server may take.", labels),
              (double)budget->max_bytes);
    memory->parts[memory->part_count].budget = budget;
    memory->parts[memory->part_count++].used = registry_gauge(
        memory->registry, "ferula_memory_used_bytes", "Memory that a part of the server has taken.", labels);
}

void memory_metrics_release(struct memory_metrics *memory) {
    if (memory->registry) registry_forget(memory->registry, memory);
    memory->registry = NULL;
}
