/*
 * restore.c - a snapshot into an empty head.
 *
 * The checksums of the file hold what was written; everything that is used as an address or a length is
 * looked at all the same, so that a file made by somebody else can do no harm either.
 */
#include "lib/base/assert.h"
#include "lib/base/bits.h"
#include "lib/base/mem.h"
#include "storage/head/inside.h"
#include "storage/head/snapshot.h"

struct restore {
    struct head *head;
    struct frames_in *in;
    uint64_t *symbol_starts;
    uint32_t count; /* of series: slots 0 .. count - 1 */
};

static bool is_symbol(const struct restore *r, uint32_t symbol) {
    return symbol < r->head->symbols.memory.used && (r->symbol_starts[symbol / 64] >> symbol % 64 & 1);
}

static int restore_symbols(struct restore *r) {
    struct stable *memory = &r->head->symbols.memory;
    uint64_t used = frames_read_u64(r->in);
    if (r->in->rc) return r->in->rc;
    if (used > frames_left(r->in) / sizeof(uint32_t) + 1 || !stable_restore(memory, used))
        return frames_bad(r->in, "size of symbols");
    for (uint64_t at = 0; at < used; at += STABLE_SLAB_UNITS) {
        uint64_t units = used - at < STABLE_SLAB_UNITS ? used - at : STABLE_SLAB_UNITS, skipped = at == 0;
        if (!frames_read(r->in, stable_at(memory, (uint32_t)(at + skipped)),
                         (units - skipped) * sizeof(uint32_t)))
            return r->in->rc;
    }
    if (!symbols_restore(&r->head->symbols, &r->symbol_starts)) return frames_bad(r->in, "symbols");
    index_charge(r->head, symbols_cost(&r->head->symbols));
    return 0;
}

/* the index lock is nobody's yet: the head is not in use */
static int restore_one(struct restore *r, struct label_ids *ids) {
    uint64_t number = frames_read_u64(r->in);
    ids->count = frames_read_u32(r->in);
    if (r->in->rc) return r->in->rc;
    if (ids->count > SHAPE_MAX_LABELS) return frames_bad(r->in, "number of labels");
    frames_read(r->in, ids->names, ids->count * sizeof *ids->names);
    frames_read(r->in, ids->words + 1, ids->count * sizeof *ids->words);
    if (r->in->rc) return r->in->rc;
    for (uint32_t i = 0; i < ids->count; i++)
        if (!is_symbol(r, ids->names[i]) || !is_symbol(r, ids->words[1 + i]))
            return frames_bad(r->in, "label");
    if (!number || number >= r->head->next_number) return frames_bad(r->in, "series number");
    if (!index_restore(r->head, number, ids)) return frames_bad(r->in, "series");
    return 0;
}

static int restore_series(struct restore *r) {
    struct label_ids ids;
    uint32_t count = frames_read_u32(r->in);
    if (r->in->rc) return r->in->rc;
    if (count > frames_left(r->in) / 16) return frames_bad(r->in, "number of series");
    index_reserve(r->head, count);
    while (r->count < count && restore_one(r, &ids) == 0) r->count++;
    return r->in->rc;
}

/* from `next` on, which is then behind the last */
static bool slots_ascend(const struct restore *r, const uint32_t *slots, uint32_t count, uint32_t *next) {
    for (uint32_t i = 0; i < count; i++) {
        if (slots[i] >= r->count || slots[i] < *next) return false;
        *next = slots[i] + 1;
    }
    return true;
}

#define POSTING_STEP 1024u

static int restore_posting(struct restore *r, uint32_t name) {
    uint32_t value = frames_read_u32(r->in), count = frames_read_u32(r->in);
    if (r->in->rc) return r->in->rc;
    if (!is_symbol(r, value) || !count || count > frames_left(r->in) / 4 || count > r->count)
        return frames_bad(r->in, "postings");
    struct posting *posting = postings_restore(&r->head->postings, name, value);
    if (!posting) return frames_bad(r->in, "postings given twice");
    for (uint32_t done = 0, next = 0, step; done < count; done += step) {
        uint32_t slots[POSTING_STEP];
        step = count - done < POSTING_STEP ? count - done : POSTING_STEP;
        if (!frames_read(r->in, slots, step * sizeof *slots)) return r->in->rc;
        if (!slots_ascend(r, slots, step, &next)) return frames_bad(r->in, "slots of postings");
        posting_append(posting, slots, step);
    }
    return 0;
}

static int restore_postings(struct restore *r) {
    uint32_t names = frames_read_u32(r->in);
    for (uint32_t i = 0; !r->in->rc && i < names; i++) {
        uint32_t name = frames_read_u32(r->in), values = frames_read_u32(r->in);
        if (!r->in->rc && !is_symbol(r, name)) frames_bad(r->in, "name of postings");
        for (uint32_t j = 0; !r->in->rc && j < values; j++) restore_posting(r, name);
    }
    return r->in->rc;
}

/* references behind what blocks hold already are dropped with their files */
static int restore_full(struct restore *r, struct series *series) {
    uint32_t count = frames_read_u32(r->in);
    if (!r->in->rc && count > frames_left(r->in) / 16) frames_bad(r->in, "number of chunks");
    for (uint32_t i = 0; !r->in->rc && i < count; i++) {
        struct chunk_ref ref = {frames_read_u64(r->in), (int64_t)frames_read_u64(r->in)};
        if (r->in->rc || ref.maxt < atomic_load(&r->head->mint)) continue;
        bool ascends = !series->full_count || series->full[series->full_count - 1].maxt < ref.maxt;
        if (!ascends || !chunk_store_restore(&r->head->chunks, ref))
            return frames_bad(r->in, "a full chunk is missing");
        series_push_full(series, ref);
        atomic_fetch_add(&r->head->full_chunks, 1);
    }
    return r->in->rc;
}

static int restore_histograms(struct restore *r, struct series *series, uint32_t len) {
    struct err err;
    if (len > HISTOGRAM_CHUNK_MAX_BYTES || len > frames_left(r->in)) return frames_bad(r->in, "open chunk");
    uint8_t *bytes = mem_alloc(len);
    if (frames_read(r->in, bytes, len) &&
        histogram_chunk_restore(&series->chunk, bytes, len, &series->histograms, &err))
        frames_bad(r->in, "open chunk of histograms");
    mem_free(bytes);
    if (r->in->rc) series->chunk = (struct chunk_state){0};
    return r->in->rc;
}

static int restore_floats(struct restore *r, uint32_t slot, uint32_t bits) {
    struct chunk_state *chunk = &series_at(&r->head->table, slot)->chunk;
    bool is_known = chunk_has_floats(chunk->encoding) && !(chunk->encoding & CHUNK_EVEN);
    if (bits > CHUNK_MAX_BYTES * 8 || !chunk->count != !bits || (bits && !is_known))
        return frames_bad(r->in, "open chunk");
    chunk->bit_count = (uint16_t)bits;
    if (!chunk->count) return 0;
    run_grow(&r->head->table, slot, chunk_bytes(chunk));
    frames_read(r->in, series_bytes(&r->head->table, slot), chunk_bytes(chunk));
    return r->in->rc;
}

static int restore_open(struct restore *r, uint32_t slot) {
    struct series *series = series_at(&r->head->table, slot);
    struct chunk_state *chunk = &series->chunk;
    uint8_t small[6];
    frames_read(r->in, small, sizeof small);
    uint32_t bits = frames_read_u32(r->in);
    *chunk = (struct chunk_state){.count = small[0],
                                  .encoding = small[1],
                                  .exceptions = small[2],
                                  .width = small[4],
                                  .leading = small[5],
                                  .is_uneven = small[0] != 0}; /* nobody knows */
    series->is_logged = small[3] != 0;
    chunk->last_time = (int64_t)frames_read_u64(r->in);
    chunk->last_bits = frames_read_u64(r->in);
    chunk->time_step = frames_read_u32(r->in);
    chunk->value_step = (int32_t)frames_read_u32(r->in);
    if (r->in->rc) return r->in->rc;
    if (chunk->count > CHUNK_SAMPLES || (!chunk->count && chunk->encoding == CHUNK_HISTOGRAM)) {
        *chunk = (struct chunk_state){0};
        return frames_bad(r->in, "open chunk");
    }
    if (chunk->count) atomic_fetch_add(&r->head->open_chunks, 1);
    return series_has_histograms(series) ? restore_histograms(r, series, bits)
                                         : restore_floats(r, slot, bits);
}

static int restore_chunks(struct restore *r) {
    for (uint32_t i = 0; !r->in->rc && i < r->count; i++) {
        struct series *series = series_at(&r->head->table, i);
        if (restore_full(r, series) == 0) restore_open(r, i);
    }
    return r->in->rc;
}

int head_restore(struct head *head, struct frames_in *in) {
    CHECK_OBJ(head, HEAD_MAGIC);
    struct restore r = {.head = head, .in = in};
    head->next_number = frames_read_u64(in);
    int64_t mint = (int64_t)frames_read_u64(in);
    if (mint > atomic_load(&head->mint)) atomic_store(&head->mint, mint);
    if (mint > atomic_load(&head->closed)) atomic_store(&head->closed, mint);
    atomic_store(&head->min_time, (int64_t)frames_read_u64(in));
    atomic_store(&head->max_time, (int64_t)frames_read_u64(in));
    if (!in->rc) restore_symbols(&r);
    if (!in->rc) restore_series(&r);
    if (!in->rc) restore_postings(&r);
    if (!in->rc) restore_chunks(&r);
    mem_free(r.symbol_starts);
    return in->rc;
}
