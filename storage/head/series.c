#include "storage/head/series.h"

#include "lib/base/huge.h"
#include "lib/base/mem.h"

#include <stddef.h>
#include <string.h>

/* allocated at once: 220 of the 224 KiB that the allocator has next; from FEW_PAGES on what a huge page takes
 */
#define PAGES_AT_ONCE 10u
#define FEW_PAGES 60u
#define PAGES_IN_HUGE ((uint32_t)(HUGE_PAGE / sizeof(struct series_page)))

_Static_assert(sizeof(struct series) == 88, "one per series: keep it small");

static bool begins_block(uint32_t page) {
    return page < FEW_PAGES ? page % PAGES_AT_ONCE == 0 : (page - FEW_PAGES) % PAGES_IN_HUGE == 0;
}

void series_table_init(struct series_table *table) {
    table->pages = mem_array(PAGES_MAX, sizeof *table->pages);
    table->locks = mem_array(PAGES_MAX, sizeof *table->locks);
    table->runs = mem_array(PAGES_MAX * PAGE_SERIES / RUN_SERIES, sizeof *table->runs);
    atomic_store(&table->count, 0);
}

void series_table_release(struct series_table *table) {
    for (uint32_t i = 0; table->pages && i < PAGES_MAX && table->pages[i]; i++) {
        struct series_page *page = atomic_load(&table->pages[i]);
        mutex_release(&table->locks[i]);
        if (!begins_block(i)) continue;
        if (i < FEW_PAGES)
            mem_free(page);
        else
            huge_free(page, HUGE_PAGE);
    }
    mem_free(table->pages);
    mem_free(table->locks);
    mem_free(table->runs);
    table->pages = NULL;
    table->locks = NULL;
    table->runs = NULL;
}

static void add_page(struct series_table *table, uint32_t number) {
    struct series_page *page;
    if (!begins_block(number))
        page = atomic_load_explicit(&table->pages[number - 1], memory_order_relaxed) + 1;
    else
        page = number < FEW_PAGES ? mem_array(PAGES_AT_ONCE, sizeof *page) : huge_alloc(HUGE_PAGE);
    mutex_init(&table->locks[number]);
    atomic_store_explicit(&table->pages[number], page, memory_order_release);
}

struct series *series_table_next(struct series_table *table, uint32_t *slot) {
    uint32_t next = atomic_load_explicit(&table->count, memory_order_relaxed);
    if (next == PAGES_MAX * PAGE_SERIES) return NULL;
    if (!series_page(table, next)) add_page(table, next / PAGE_SERIES);
    struct series *series = series_at(table, next);
    series->generation = 1; /* zeroed: nobody had it before */
    *slot = next;
    return series;
}

/* whoever holds an old reference may look at the generation meanwhile */
struct series *series_table_again(struct series_table *table, uint32_t slot) {
    struct mutex *lock = series_lock(table, slot);
    struct series *series = series_at(table, slot);
    uint32_t generation = (series->generation & ~GENERATION_RESTS) + 1;
    if (generation & GENERATION_RESTS) generation = 1;
    mutex_lock(lock);
    memset((char *)series + offsetof(struct series, chunk), 0,
           sizeof *series - offsetof(struct series, chunk));
    mutex_unlock(lock);
    __atomic_store_n(&series->generation, generation, __ATOMIC_RELEASE);
    return series;
}

void series_table_publish(struct series_table *table) {
    uint32_t count = (uint32_t)atomic_load_explicit(&table->count, memory_order_relaxed);
    atomic_store_explicit(&table->count, count + 1, memory_order_release); /* one thread at a time */
}

size_t series_table_bytes(const struct series_table *table) {
    size_t pages = (atomic_load(&table->count) + PAGE_SERIES - 1) / PAGE_SERIES;
    return pages * sizeof(struct series_page);
}

/* of full chunks, for so many: few at first, as most series have few */
static size_t full_capacity(uint32_t count) {
    size_t step = count < 8 ? 1 : count / 8;
    return (count + step - 1) / step * step;
}

void series_push_full(struct series *series, struct chunk_ref ref) {
    size_t capacity = full_capacity(series->full_count + 1);
    if (!series->full_count || capacity != full_capacity(series->full_count))
        series->full = mem_resize(series->full, capacity, sizeof ref);
    series->full[series->full_count++] = ref;
}

void series_forget_full(struct series *series, uint32_t count) {
    series->full_count -= count;
    if (series->full_count == 0) {
        mem_free(series->full);
        series->full = NULL;
        return;
    }
    memmove(series->full, series->full + count, series->full_count * sizeof *series->full);
    series->full = mem_resize(series->full, full_capacity(series->full_count), sizeof *series->full);
}

uint32_t series_first_full(const struct series *series, int64_t mint) {
    uint32_t low = 0, high = series->full_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (series->full[middle].maxt < mint)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

bool series_overlaps(const struct series_table *table, uint32_t slot, int64_t mint, int64_t maxt) {
    const struct series *series = series_at(table, slot);
    if (series->chunk.count == 0 || series->chunk.last_time < mint) return false;
    uint32_t full = series_first_full(series, mint);
    if (full < series->full_count) return chunk_ref_mint(series->full[full]) <= maxt;
    int64_t first = series_has_histograms(series)
                        ? histogram_chunk_first_time(series->histograms)
                        : chunk_first_time(series_bytes(table, slot), chunk_bytes(&series->chunk));
    return first <= maxt;
}
