#pragma once
/*
 * index_notes.h - inside of storage/block: what a block that is being written keeps in memory of its series
 * until the index is made: about 20 bytes each, and every different text once.
 *
 *     record of a series   varint: names, doubled, and 1 when they are those of the series before | names,
 *                          unless they are | each value: 0 when the series before has it at this place too,
 *                          else its number + 1 | number of pages | each page, as differences
 *
 * Texts are numbered in the order they came, groups of pages too: where a group is in the file is known only
 * when it is full. Read again from the first to the last, as often as wanted.
 */
#include "lib/base/arena.h"
#include "lib/base/map.h"
#include "lib/base/vec.h"
#include "lib/codec/varint.h"
#include "lib/model/labels.h"
#include "storage/block/layout.h"

struct index_notes {
    struct arena texts;
    VEC(struct span) symbols; /* in the order they came */
    struct map by_text;
    VEC(uint64_t) groups;       /* offsets */
    VEC(struct buf) parts;      /* of records; none is in two */
    VEC(uint32_t) last;         /* name, value, name, value ... of the series before */
    VEC(struct page_ref) pages; /* of the series that comes; group: its number */
    struct page_ref last_page;
    size_t series;
};

void index_notes_init(struct index_notes *notes);
void index_notes_release(struct index_notes *notes);

/* the number of a new group */
uint64_t index_notes_group(struct index_notes *notes);
static inline void index_notes_group_is_at(struct index_notes *notes, uint64_t group, uint64_t offset) {
    notes->groups.items[group] = offset;
}
/* page.group is a number of index_notes_group */
void index_notes_page(struct index_notes *notes, struct page_ref page);
/* ERR_INVALID: not above the series before; asked before its pages are noted */
int index_notes_check(const struct index_notes *notes, struct labels labels, struct err *err);
/* checked, and behind its pages */
void index_notes_series(struct index_notes *notes, struct labels labels);

/* ---- reading ---- */

struct notes_reader {
    const struct index_notes *notes;
    size_t part;
    struct cursor cursor;
    struct page_ref last_page;  /* group is its number */
    VEC(uint32_t) labels;       /* of the series: name, value, name, value ... as numbers of symbols */
    VEC(struct page_ref) pages; /* group is the offset now */
};

void notes_reader_init(struct notes_reader *reader, const struct index_notes *notes);
void notes_reader_release(struct notes_reader *reader);
/* false: there is no more */
bool notes_next(struct notes_reader *reader);
