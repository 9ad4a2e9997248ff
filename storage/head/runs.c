#include "storage/head/runs.h"

#include "lib/base/mem.h"

#include <string.h>

/* for the first samples of a series whose chunk has not begun */
#define FIRST_ROOM ((size_t)24)
#define SMALLEST_TAIL ((size_t)256)

static struct run *run_of(const struct series_table *table, uint32_t slot) {
    return &table->runs[slot / RUN_SERIES];
}

/* grows by an eighth: then a sample in eight moves, as long as all need about the same */
static size_t room_for(size_t bytes) {
    return bytes + bytes / 8 + 4;
}

/* the sizes that the allocator has, four for each doubling */
static size_t block_bytes(size_t bytes) {
    size_t step = 16;
    while (bytes > step * 8) step *= 2;
    return (bytes + step - 1) / step * step;
}

static bool has_room(const struct series *series) {
    return !series_has_histograms(series) && series->room;
}

/* all chunks that live, side by side; the one of `growing` with new room, and a tail */
static void rebuild(struct run *run, struct series *all, struct series *growing, size_t room) {
    size_t rooms[RUN_SERIES], total = 0, absent = 0;
    for (size_t i = 0; i < RUN_SERIES; i++) {
        rooms[i] = &all[i] == growing ? room : has_room(&all[i]) ? room_for(chunk_bytes(&all[i].chunk)) : 0;
        total += rooms[i];
        absent += !rooms[i];
    }
    size_t most = total > SMALLEST_TAIL ? total : SMALLEST_TAIL, wanted = absent * FIRST_ROOM;
    size_t capacity = block_bytes(total + total / 16 + (wanted < most ? wanted : most)), at = 0;
    uint8_t *block = mem_alloc(capacity);
    for (size_t i = 0; i < RUN_SERIES; i++) {
        if (!rooms[i]) continue;
        if (all[i].room) memcpy(block + at, run->block + all[i].at, chunk_bytes(&all[i].chunk));
        all[i].at = (uint32_t)at;
        all[i].room = (uint16_t)rooms[i];
        at += rooms[i];
    }
    mem_free(run->block);
    *run = (struct run){block, (uint32_t)at, (uint32_t)capacity, (uint32_t)at};
}

void run_grow(struct series_table *table, uint32_t slot, size_t needed) {
    struct run *run = run_of(table, slot);
    struct series *series = series_at(table, slot);
    size_t room = room_for(needed);
    if (room > run->capacity - run->used) {
        rebuild(run, series_at(table, slot - slot % RUN_SERIES), series, room);
        return;
    }
    if (series->room)
        memcpy(run->block + run->used, run->block + series->at, chunk_bytes(&series->chunk));
    run->live += (uint32_t)room - series->room;
    series->at = run->used;
    series->room = (uint16_t)room;
    run->used += (uint32_t)room;
}

void run_free(struct series_table *table, uint32_t slot) {
    struct run *run = run_of(table, slot);
    struct series *series = series_at(table, slot);
    run->live -= series->room;
    series->at = series->room = 0;
    if (run->live) return;
    mem_free(run->block);
    *run = (struct run){0};
}
