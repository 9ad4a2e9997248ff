#pragma once
/*
 * memory.h - where the memory is, as metrics: ferula_alloc_* from the allocator, ferula_memory_* from the
 * budgets.
 *
 *     resident >= mapped pages in use >= active >= allocated by the program
 */
#include "lib/base/budget.h"
#include "lib/instrument/instrument.h"

#define MEMORY_PARTS_MAX 4
#define ALLOC_FIGURES 6

struct memory_metrics {
    struct registry *registry;
    struct {
        const struct budget *budget;
        struct gauge *used;
    } parts[MEMORY_PARTS_MAX];
    size_t part_count;
    struct gauge *alloc[ALLOC_FIGURES];
};

/* without jemalloc (the builds with sanitizers) there is no ferula_alloc_* */
void memory_metrics_init(struct memory_metrics *memory, struct registry *registry);
/* shows a budget under this name; it lives until memory_metrics_release */
void memory_metrics_add(struct memory_metrics *memory, const char *part, const struct budget *budget);
void memory_metrics_release(struct memory_metrics *memory);
