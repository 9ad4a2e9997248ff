/*
 * Chunks of two runs grow and go in any order, beside a copy of each.
 */
#include "storage/head/runs.h"

#include "lib/base/mem.h"
#include "tests/check_main.h"

#include <stdlib.h>
#include <string.h>

#define SLOTS (2 * RUN_SERIES)

struct model {
    struct series_table table;
    uint8_t bytes[SLOTS][CHUNK_MAX_BYTES];
    size_t lens[SLOTS];
};

static struct model *model_create(void) {
    struct model *model = mem_zalloc(sizeof *model);
    series_table_init(&model->table);
    for (uint32_t i = 0; i < SLOTS; i++) {
        uint32_t slot;
        ck_assert_ptr_nonnull(series_table_next(&model->table, &slot));
        series_table_publish(&model->table);
    }
    return model;
}

static void model_destroy(struct model *model) {
    for (uint32_t slot = 0; slot < SLOTS; slot++) run_free(&model->table, slot);
    for (uint32_t run = 0; run < SLOTS / RUN_SERIES; run++) ck_assert_ptr_null(model->table.runs[run].block);
    series_table_release(&model->table);
    mem_free(model);
}

static void append(struct model *model, uint32_t slot, size_t len) {
    struct series *series = series_at(&model->table, slot);
    size_t end = model->lens[slot] + len;
    if (end > CHUNK_MAX_BYTES) return;
    if (end > series->room) run_grow(&model->table, slot, end);
    ck_assert_uint_ge(series->room, end);
    uint8_t *bytes = series_bytes(&model->table, slot);
    for (size_t i = model->lens[slot]; i < end; i++) bytes[i] = model->bytes[slot][i] = (uint8_t)rand();
    model->lens[slot] = end;
    series->chunk.bit_count = (uint16_t)(end * 8);
    series->chunk.count = 1;
}

static void let_go(struct model *model, uint32_t slot) {
    struct series *series = series_at(&model->table, slot);
    run_free(&model->table, slot);
    ck_assert_uint_eq(series->room, 0);
    series->chunk = (struct chunk_state){0};
    model->lens[slot] = 0;
}

/* every chunk is as it was written, and lies in its block alone */
static void check(const struct model *model) {
    for (uint32_t slot = 0; slot < SLOTS; slot++) {
        const struct series *series = series_at(&model->table, slot);
        const struct run *run = &model->table.runs[slot / RUN_SERIES];
        if (!series->room) continue;
        ck_assert_uint_le(series->at + series->room, run->used);
        ck_assert_uint_le(run->used, run->capacity);
        ck_assert_mem_eq(series_bytes(&model->table, slot), model->bytes[slot], model->lens[slot]);
    }
}

START_TEST(chunks_keep_their_bytes_while_neighbours_come_and_go) {
    struct model *model = model_create();
    srand(7);
    for (int step = 0; step < 20000; step++) {
        uint32_t slot = (uint32_t)rand() % SLOTS;
        if (rand() % 40 == 0)
            let_go(model, slot);
        else
            append(model, slot, (size_t)rand() % 30);
        if (step % 16 == 0) check(model);
    }
    check(model);
    model_destroy(model);
}
END_TEST

/* as a scrape does it */
static void append_all(struct model *model, size_t len) {
    for (uint32_t slot = 0; slot < SLOTS; slot++) append(model, slot, len);
}

START_TEST(a_run_holds_little_more_than_its_chunks) {
    struct model *model = model_create();
    for (size_t len = 16; len < 400; len += 2) {
        append_all(model, len == 16 ? 16 : 2);
        size_t most = RUN_SERIES * (len + len / 4 + 4);
        for (uint32_t run = 0; run < SLOTS / RUN_SERIES; run++)
            ck_assert_uint_le(model->table.runs[run].capacity, most + most / 2 + 512);
    }
    for (uint32_t slot = 0; slot < SLOTS; slot++) let_go(model, slot);
    for (uint32_t run = 0; run < SLOTS / RUN_SERIES; run++) ck_assert_ptr_null(model->table.runs[run].block);
    append_all(model, 16);
    check(model);
    model_destroy(model);
}
END_TEST

START_TEST(the_largest_chunks_of_a_run_fit) {
    struct model *model = model_create();
    append_all(model, CHUNK_MAX_BYTES - 1);
    append_all(model, 1);
    check(model);
    model_destroy(model);
}
END_TEST

CHECK_MAIN("runs", chunks_keep_their_bytes_while_neighbours_come_and_go,
           a_run_holds_little_more_than_its_chunks, the_largest_chunks_of_a_run_fit)
