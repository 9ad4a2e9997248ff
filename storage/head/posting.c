#include "storage/head/posting.h"

#include "lib/base/assert.h"
#include "lib/base/mem.h"

#include <string.h>

/* Bits are taken where they need half of an array's room or less, and given up where they need twice as much.
 */
#define DENSE_LEAST 256u
#define DENSE_SPAN 16u /* slots for each member */
#define SPARSE_SPAN 64u

struct posting_bits {
    uint32_t words;
    uint64_t bits[];
};

/* the smallest of 4 8 12 ... 32 40 48 56 64 80 ... that is not below count */
static size_t capacity_of(size_t count) {
    size_t step =
        count <= 32 ? 4 : (size_t)1 << (61 - __builtin_clzll(count - 1)); /* an eighth of its doubling */
    return (count + step - 1) / step * step;
}

static void set_count(struct posting *posting, size_t count) {
    posting->count = count & (((uint32_t)1 << 31) - 1); /* slots have 26 bits */
}

void posting_release(struct posting *posting) {
    if (posting->is_dense)
        mem_free(posting->dense);
    else if (posting->count > 1)
        mem_free(posting->slots);
    posting->count = 0;
    posting->is_dense = false;
}

/* ---- as an array ---- */

/* of the slots that are there and `more`: an array, or nothing for a single one */
static uint32_t *make_room(struct posting *posting, uint32_t more) {
    size_t count = posting->count + (size_t)more;
    if (count == 1) return &posting->one;
    if (posting->count < 2) {
        uint32_t first = posting->one;
        posting->slots = mem_resize(NULL, capacity_of(count), sizeof *posting->slots);
        posting->slots[0] = first;
    } else if (capacity_of(count) != capacity_of(posting->count)) {
        posting->slots = mem_resize(posting->slots, capacity_of(count), sizeof *posting->slots);
    }
    return posting->slots;
}

static struct slot_view view_of(const struct posting *posting) {
    return (struct slot_view){posting->count > 1 ? posting->slots : &posting->one, posting->count};
}

/* index of the first slot that is not below this one; nearly always the newest slot is the highest */
static size_t place_of(const struct posting *posting, const uint32_t *slots, uint32_t slot) {
    size_t low = 0, high = posting->count;
    if (!high || slots[high - 1] < slot) return high;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (slots[middle] < slot)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void insert(struct posting *posting, uint32_t slot) {
    uint32_t *slots = make_room(posting, 1);
    size_t at = place_of(posting, slots, slot);
    ASSERT(at == posting->count || slots[at] != slot);
    memmove(slots + at + 1, slots + at, (posting->count - at) * sizeof slot);
    slots[at] = slot;
    posting->count++;
}

static void remove_slots(struct posting *posting, const struct slot_bitmap *gone) {
    uint32_t kept = 0, count = posting->count, *slots = posting->slots;
    for (uint32_t i = 0; i < count; i++)
        if (!slot_bitmap_has(gone, slots[i])) slots[kept++] = slots[i];
    set_count(posting, kept);
    if (kept < 2) {
        posting->one = kept ? slots[0] : 0;
        mem_free(slots);
    } else if (kept != count) {
        posting->slots = mem_resize(slots, capacity_of(kept), sizeof *slots);
    }
}

/* ---- as bits ---- */

/* so that the slot has a bit */
static struct posting_bits *bits_for(struct posting_bits *bits, uint32_t slot) {
    uint32_t had = bits ? bits->words : 0, words = slot / 64 + 1;
    if (words <= had) return bits;
    words = (uint32_t)capacity_of(words);
    bits = mem_resize(bits, sizeof *bits + words * sizeof *bits->bits, 1);
    memset(bits->bits + had, 0, (words - had) * sizeof *bits->bits);
    bits->words = words;
    return bits;
}

static void set_bits(struct posting *posting, const uint32_t *slots, uint32_t count) {
    struct posting_bits *bits = posting->dense = bits_for(posting->dense, slots[count - 1]);
    for (uint32_t i = 0; i < count; i++) bits->bits[slots[i] / 64] |= (uint64_t)1 << slots[i] % 64;
    set_count(posting, posting->count + (size_t)count);
}

static void remove_bits(struct posting *posting, const struct slot_bitmap *gone) {
    struct posting_bits *bits = posting->dense;
    size_t words = (gone->slot_count + 63) / 64;
    uint32_t count = 0;
    for (size_t i = 0; i < bits->words; i++) {
        if (i < words) bits->bits[i] &= ~gone->words[i];
        count += (uint32_t)__builtin_popcountll(bits->bits[i]);
    }
    set_count(posting, count);
}

/* ---- from one to the other ---- */

static void make_dense(struct posting *posting) {
    uint32_t *slots = posting->slots, count = posting->count;
    posting->is_dense = true;
    posting->dense = NULL;
    posting->count = 0;
    set_bits(posting, slots, count);
    mem_free(slots);
}

static void make_sparse(struct posting *posting) {
    struct posting sparse = {.value = posting->value};
    struct posting_walk walk = {.posting = posting};
    uint32_t slot;
    while (posting_next(&walk, &slot)) insert(&sparse, slot);
    mem_free(posting->dense);
    *posting = sparse;
}

static void choose(struct posting *posting) {
    if (posting->is_dense) {
        if (posting->count < DENSE_LEAST / 2 ||
            posting->dense->words * UINT64_C(64) > posting->count * (uint64_t)SPARSE_SPAN)
            make_sparse(posting);
    } else if (posting->count >= DENSE_LEAST &&
               posting->slots[posting->count - 1] < posting->count * (uint64_t)DENSE_SPAN) {
        make_dense(posting);
    }
}

void posting_add(struct posting *posting, uint32_t slot) {
    if (posting->is_dense)
        set_bits(posting, &slot, 1);
    else
        insert(posting, slot);
    choose(posting);
}

void posting_append(struct posting *posting, const uint32_t *slots, uint32_t count) {
    if (posting->is_dense) {
        set_bits(posting, slots, count);
    } else {
        uint32_t *room = make_room(posting, count);
        ASSERT(posting->count == 0 || room[posting->count - 1] < slots[0]);
        memcpy(room + posting->count, slots, count * sizeof *slots);
        set_count(posting, posting->count + (size_t)count);
    }
    choose(posting);
}

void posting_remove(struct posting *posting, const struct slot_bitmap *gone) {
    if (posting->is_dense) {
        remove_bits(posting, gone);
        choose(posting);
    } else if (posting->count > 1) {
        remove_slots(posting, gone);
    } else if (posting->count && slot_bitmap_has(gone, posting->one)) {
        posting->count = 0;
    }
}

size_t posting_bytes(const struct posting *posting) {
    if (posting->is_dense) return sizeof *posting->dense + posting->dense->words * sizeof(uint64_t);
    return posting->count > 1 ? capacity_of(posting->count) * sizeof(uint32_t) : 0;
}

/* ---- reading ---- */

bool posting_next(struct posting_walk *walk, uint32_t *slot) {
    const struct posting *posting = walk->posting;
    if (!posting) return false;
    if (!posting->is_dense) {
        if (walk->at >= posting->count) return false;
        *slot = view_of(posting).items[walk->at++];
        return true;
    }
    for (size_t i = walk->at / 64; i < posting->dense->words; i++) {
        uint64_t word = posting->dense->bits[i];
        if (i == walk->at / 64) word &= UINT64_MAX << walk->at % 64;
        if (!word) continue;
        *slot = (uint32_t)(i * 64 + (size_t)__builtin_ctzll(word));
        walk->at = *slot + (size_t)1;
        return true;
    }
    return false;
}

/* the bits as a bitmap that is only looked at */
static struct slot_bitmap bitmap_of(const struct posting *posting) {
    return (struct slot_bitmap){.words = posting->dense->bits,
                                .slot_count = posting->dense->words * (size_t)64};
}

int posting_copy(const struct posting *posting, struct slots *slots, struct err *err) {
    if (!posting || !posting->is_dense)
        return slots_copy(slots, posting ? view_of(posting) : (struct slot_view){0}, err);
    struct slot_bitmap bitmap = bitmap_of(posting);
    return slots_from_bitmap(slots, &bitmap, err);
}

void posting_filter(const struct posting *posting, struct slots *slots, bool keep) {
    if (!posting && keep) slots->count = 0;
    if (!posting) return;
    if (posting->is_dense) {
        struct slot_bitmap bitmap = bitmap_of(posting);
        slots_filter(slots, &bitmap, keep);
    } else if (keep) {
        slots_intersect(slots, view_of(posting));
    } else {
        slots_subtract(slots, view_of(posting));
    }
}

void posting_unite(const struct posting *posting, struct slot_bitmap *bitmap) {
    if (!posting) return;
    if (!posting->is_dense) {
        slot_bitmap_add(bitmap, view_of(posting));
        return;
    }
    size_t words = (bitmap->slot_count + 63) / 64;
    for (size_t i = 0; i < posting->dense->words && i < words; i++)
        bitmap->words[i] |= posting->dense->bits[i];
}
