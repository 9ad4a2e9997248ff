#include "storage/head/runs.h"

#include "lib/base/mem.h"

#include <string.h>

/* for the first samples of a series whose chunk has not begun */
#define FIRST_ROOM ((size_t)28)
#define SMALLEST_TAIL ((size_t)512)
#define SAMPLES_AHEAD ((size_t)8)

static struct run *run_of(const struct series_table *table, uint32_t slot) {
    return &table->runs[slot / RUN_SERIES];
}

/* For so many bytes, and some samples more as they were so far. A first sample tells nothing: it is long. */
static size_t room_for(const struct series *series, size_t bytes) {
    size_t ahead = bytes * SAMPLES_AHEAD / (series->chunk.count + (size_t)1), most = bytes / 4 + 4;
    return bytes + (ahead < most ? ahead : most);
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

/* a series that was made a moment ago, in a slot that nobody had before */
static bool is_fresh(const struct series *series) {
    return series->generation == 1 && !series->chunk.count && !series->full_count;
}

/* The room that each of the run's chunks shall have, 0 where there is none, how many will have their first
 * sample soon, and the sum. Slots that are not published may just be made. */
static size_t plan(const struct series_table *table, uint32_t first, uint32_t growing, size_t room,
                   size_t rooms[RUN_SERIES], size_t *fresh) {
    uint32_t count = (uint32_t)atomic_load_explicit(&table->count, memory_order_acquire);
    size_t total = 0;
    *fresh = 0;
    for (uint32_t i = 0; i < RUN_SERIES; i++) {
        const struct series *series = series_at(table, first + i);
        rooms[i] = 0;
        if (first + i == growing)
            rooms[i] = room;
        else if (first + i < count && has_room(series))
            rooms[i] = room_for(series, chunk_bytes(&series->chunk));
        else if (first + i < count && is_fresh(series))
            ++*fresh;
        total += rooms[i];
    }
    return total;
}

/* for the chunks that may begin next: much where most of the run has none yet */
static size_t tail_for(const size_t rooms[RUN_SERIES], size_t total, size_t fresh) {
    size_t absent = 0, most = total + fresh * FIRST_ROOM;
    if (most < SMALLEST_TAIL) most = SMALLEST_TAIL;
    for (size_t i = 0; i < RUN_SERIES; i++) absent += !rooms[i];
    return absent * FIRST_ROOM < most ? absent * FIRST_ROOM : most;
}

/* all chunks that live, side by side; the one of `growing` with new room, and a tail */
static void rebuild(struct series_table *table, struct run *run, uint32_t growing, size_t room) {
    size_t rooms[RUN_SERIES], at = 0, fresh;
    uint32_t first = growing - growing % RUN_SERIES;
    struct series *all = series_at(table, first);
    size_t total = plan(table, first, growing, room, rooms, &fresh);
    size_t capacity = block_bytes(total + tail_for(rooms, total, fresh));
    uint8_t *block = mem_alloc(capacity);
    mem_touch(block, capacity); /* bits are read before they are written: that would be two faults */
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
    size_t room = room_for(series, needed);
    if (room > run->capacity - run->used) {
        rebuild(table, run, slot, room);
        return;
    }
    if (series->room) memcpy(run->block + run->used, run->block + series->at, chunk_bytes(&series->chunk));
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
