/*
 * save.c - the head into a snapshot.
 *
 *     under the index lock, shared: everything of the index, so new series wait; then page by page the chunks
 */
#include "lib/base/assert.h"
#include "storage/head/inside.h"
#include "storage/head/snapshot.h"

struct saved {
    uint32_t slot, generation;
};

struct save {
    struct head *head;
    struct frames_out *out;
    VEC(struct saved) slots;
    uint32_t *places; /* of each slot among those in use */
};

static void save_symbols(struct save *s) {
    const struct stable *memory = &s->head->symbols.memory;
    frames_write_u64(s->out, memory->used);
    for (uint64_t at = 0; at < memory->used; at += STABLE_SLAB_UNITS) {
        uint64_t units = memory->used - at < STABLE_SLAB_UNITS ? memory->used - at : STABLE_SLAB_UNITS;
        uint64_t skipped = at == 0; /* address 0 is nobody's */
        frames_write(s->out, stable_at(memory, (uint32_t)(at + skipped)),
                     (units - skipped) * sizeof(uint32_t));
    }
}

/* in the order of their slots, whose gaps are closed; a record is its shape's names and its values, all
 * symbols */
static void save_series(struct save *s) {
    struct head *head = s->head;
    uint32_t count = (uint32_t)atomic_load(&head->table.count);
    for (uint32_t slot = 0; slot < count; slot++) {
        const struct series *series = series_at(&head->table, slot);
        if (series_in_use(series)) *vec_push(&s->slots) = (struct saved){slot, series->generation};
    }
    s->places = mem_array(count, sizeof *s->places);
    frames_write_u32(s->out, (uint32_t)s->slots.count);
    for (size_t i = 0; i < s->slots.count; i++) {
        const struct series *series = series_at(&head->table, s->slots.items[i].slot);
        const uint32_t *words = stable_at(&head->shapes.memory, series->record);
        uint32_t labels = shape_count(&head->shapes, words[0]);
        s->places[s->slots.items[i].slot] = (uint32_t)i;
        frames_write_u64(s->out, series->number);
        frames_write_u32(s->out, labels);
        frames_write(s->out, shape_names(&head->shapes, words[0]), labels * sizeof *words);
        frames_write(s->out, words + 1, labels * sizeof *words);
    }
}

static void save_postings(struct save *s) {
    const struct postings *postings = &s->head->postings;
    frames_write_u32(s->out, (uint32_t)postings->names.count);
    for (size_t i = 0; i < postings->names.count; i++) {
        const struct posting_name *name = &postings->names.items[i];
        frames_write_u32(s->out, name->name);
        frames_write_u32(s->out, (uint32_t)name->values.count);
        for (size_t j = 0; j < name->values.count; j++) {
            struct posting_walk walk = {.posting = &name->values.items[j]};
            uint32_t slot;
            frames_write_u32(s->out, name->values.items[j].value);
            frames_write_u32(s->out, name->values.items[j].count);
            while (posting_next(&walk, &slot)) frames_write_u32(s->out, s->places[slot]);
        }
    }
}

static int save_chunks_of(struct save *s, uint32_t slot, struct err *err) {
    const struct series *series = series_at(&s->head->table, slot);
    const struct chunk_state *chunk = &series->chunk;
    for (uint32_t i = 0; i < series->full_count; i++)
        if (chunk_ref_in_heap(series->full[i]))
            return err_set(err, ERR_BUSY, "full chunks are not in their file yet");
    frames_write_u32(s->out, series->full_count);
    for (uint32_t i = 0; i < series->full_count; i++) {
        frames_write_u64(s->out, series->full[i].where);
        frames_write_u64(s->out, (uint64_t)series->full[i].maxt);
    }
    uint8_t small[] = {chunk->count,      chunk->encoding,
                       chunk->exceptions, __atomic_load_n(&series->is_logged, __ATOMIC_RELAXED),
                       chunk->width,      chunk->leading};
    frames_write(s->out, small, sizeof small);
    bool has_histograms = series_has_histograms(series);
    frames_write_u32(s->out, has_histograms ? (uint32_t)series->histograms->bytes.len : chunk->bit_count);
    frames_write_u64(s->out, (uint64_t)chunk->last_time);
    frames_write_u64(s->out, chunk->last_bits);
    frames_write_u32(s->out, chunk->time_step);
    frames_write_u32(s->out, (uint32_t)chunk->value_step);
    if (has_histograms)
        frames_write(s->out, series->histograms->bytes.data, series->histograms->bytes.len);
    else if (chunk->count)
        frames_write(s->out, series_bytes(&s->head->table, slot), chunk_bytes(chunk));
    return 0;
}

/* A piece may be written to the file while a page is locked: its appends wait as long as one write takes. */
static int save_chunks(struct save *s, struct err *err) {
    int rc = 0;
    for (size_t i = 0; !rc && i < s->slots.count;) {
        struct mutex *lock = series_lock(&s->head->table, s->slots.items[i].slot);
        mutex_lock(lock);
        while (!rc && i < s->slots.count && series_lock(&s->head->table, s->slots.items[i].slot) == lock) {
            uint32_t slot = s->slots.items[i].slot;
            /* only this thread lets series go */
            ASSERT(series_at(&s->head->table, slot)->generation == s->slots.items[i].generation);
            rc = save_chunks_of(s, slot, err);
            i++;
        }
        mutex_unlock(lock);
    }
    return rc;
}

int head_save(struct head *head, struct frames_out *out, struct err *err) {
    CHECK_OBJ(head, HEAD_MAGIC);
    struct save s = {.head = head, .out = out};
    rwlock_read(&head->index_lock);
    frames_write_u64(out, head->next_number);
    frames_write_u64(out, (uint64_t)atomic_load(&head->mint));
    frames_write_u64(out, (uint64_t)atomic_load(&head->min_time));
    frames_write_u64(out, (uint64_t)atomic_load(&head->max_time));
    save_symbols(&s);
    save_series(&s);
    save_postings(&s);
    rwlock_unlock(&head->index_lock);
    int rc = save_chunks(&s, err);
    vec_release(&s.slots);
    mem_free(s.places);
    return rc;
}
