#include "storage/block/index_notes.h"

#include "lib/base/assert.h"
#include "lib/base/hash.h"

/* A part is as large as this, or as one record that is larger. */
#define PART_BYTES ((size_t)1 << 20)
#define RECORD_MAX_BYTES ((size_t)1 << 30)

void index_notes_init(struct index_notes *notes) {
    *notes = (struct index_notes){0};
    arena_init(&notes->texts, SIZE_MAX, NULL);
}

void index_notes_release(struct index_notes *notes) {
    arena_release(&notes->texts);
    vec_release(&notes->symbols);
    map_release(&notes->by_text);
    vec_release(&notes->groups);
    for (size_t i = 0; i < notes->parts.count; i++) buf_release(&notes->parts.items[i]);
    vec_release(&notes->parts);
    vec_release(&notes->last);
    vec_release(&notes->pages);
}

uint64_t index_notes_group(struct index_notes *notes) {
    *vec_push(&notes->groups) = 0;
    return notes->groups.count - 1;
}

void index_notes_page(struct index_notes *notes, struct page_ref page) {
    *vec_push(&notes->pages) = page;
}

/* ---- labels ---- */

static bool text_equal(uint32_t symbol, const void *key, const void *context) {
    return span_equal(((const struct index_notes *)context)->symbols.items[symbol],
                      *(const struct span *)key);
}

/* most are that of the series before */
static uint32_t symbol_of(struct index_notes *notes, struct span text, size_t place) {
    if (place < notes->last.count && span_equal(notes->symbols.items[notes->last.items[place]], text))
        return notes->last.items[place];
    uint64_t hash = hash_bytes_keyed(text.ptr, text.len);
    uint32_t symbol = map_find(&notes->by_text, hash, &text, text_equal, notes);
    if (symbol != MAP_NONE) return symbol;
    symbol = (uint32_t)notes->symbols.count;
    *vec_push(&notes->symbols) = span_of(arena_strndup(&notes->texts, text.ptr, text.len), text.len);
    map_insert(&notes->by_text, hash, symbol);
    return symbol;
}

static int compare_with_last(const struct index_notes *notes, struct labels labels) {
    const uint32_t *last = notes->last.items;
    size_t count = notes->last.count / 2;
    for (size_t i = 0; i < count && i < labels.count; i++) {
        int order = span_compare(notes->symbols.items[last[2 * i]], labels.items[i].name);
        if (!order) order = span_compare(notes->symbols.items[last[2 * i + 1]], labels.items[i].value);
        if (order) return order;
    }
    return count < labels.count ? -1 : count > labels.count;
}

int index_notes_check(const struct index_notes *notes, struct labels labels, struct err *err) {
    if (notes->series && compare_with_last(notes, labels) >= 0)
        return err_set(err, ERR_INVALID, "series of a block are not in the order of their labels");
    if (notes->series == UINT32_MAX - 1 || notes->symbols.count > UINT32_MAX / 2)
        return err_set(err, ERR_LIMIT, "a block has too many series");
    return 0;
}

/* ---- records ---- */

static struct buf *part_for_record(struct index_notes *notes) {
    size_t count = notes->parts.count;
    if (count && notes->parts.items[count - 1].len < PART_BYTES) return &notes->parts.items[count - 1];
    struct buf *part = vec_push(&notes->parts);
    buf_init(part, PART_BYTES + RECORD_MAX_BYTES);
    return part;
}

static bool same_names(const struct index_notes *notes, struct labels labels) {
    bool same = notes->last.count == 2 * (size_t)labels.count;
    for (size_t i = 0; same && i < labels.count; i++)
        same = span_equal(notes->symbols.items[notes->last.items[2 * i]], labels.items[i].name);
    return same;
}

static void write_labels(struct index_notes *notes, struct buf *part, struct labels labels) {
    bool are_same = same_names(notes, labels);
    size_t had = notes->last.count;
    buf_varint(part, (uint64_t)labels.count << 1 | are_same);
    vec_reserve(&notes->last, 2 * (size_t)labels.count);
    for (size_t i = 0; !are_same && i < labels.count; i++) {
        notes->last.items[2 * i] = symbol_of(notes, labels.items[i].name, 2 * i);
        buf_varint(part, notes->last.items[2 * i]);
    }
    for (size_t i = 0; i < labels.count; i++) {
        size_t place = 2 * i + 1;
        uint32_t value = symbol_of(notes, labels.items[i].value, place);
        buf_varint(part, place < had && notes->last.items[place] == value ? 0 : value + UINT64_C(1));
        notes->last.items[place] = value;
    }
    notes->last.count = 2 * (size_t)labels.count;
}

static void write_page(struct index_notes *notes, struct buf *part, const struct page_ref *page) {
    const struct page_ref *last = &notes->last_page;
    buf_varint(part, (uint64_t)page->is_histogram | (uint64_t)page->page << 1);
    buf_zigzag(part, (int64_t)(page->group - last->group));
    buf_zigzag(part, (int64_t)page->count - last->count);
    buf_zigzag(part, (int64_t)((uint64_t)page->mint - (uint64_t)last->mint));
    buf_zigzag(part, (int64_t)((uint64_t)page->maxt - (uint64_t)last->maxt));
    buf_zigzag(part, (int64_t)(page->times - last->times));
    notes->last_page = *page;
}

void index_notes_series(struct index_notes *notes, struct labels labels) {
    struct buf *part = part_for_record(notes);
    write_labels(notes, part, labels);
    buf_varint(part, notes->pages.count);
    for (size_t i = 0; i < notes->pages.count; i++) write_page(notes, part, &notes->pages.items[i]);
    ASSERT(!part->failed); /* a record has fewer bytes than its series has samples, and labels are short */
    notes->pages.count = 0;
    notes->series++;
}

/* ---- reading ---- */

void notes_reader_init(struct notes_reader *reader, const struct index_notes *notes) {
    *reader = (struct notes_reader){.notes = notes};
}

void notes_reader_release(struct notes_reader *reader) {
    vec_release(&reader->labels);
    vec_release(&reader->pages);
}

static void read_page(struct notes_reader *reader, struct page_ref *page) {
    struct cursor *cursor = &reader->cursor;
    struct page_ref *last = &reader->last_page;
    uint64_t flags = cursor_varint(cursor);
    last->is_histogram = flags & 1;
    last->page = (uint32_t)(flags >> 1);
    last->group += (uint64_t)cursor_zigzag(cursor);
    last->count = (uint32_t)(last->count + cursor_zigzag(cursor));
    last->mint = (int64_t)((uint64_t)last->mint + (uint64_t)cursor_zigzag(cursor));
    last->maxt = (int64_t)((uint64_t)last->maxt + (uint64_t)cursor_zigzag(cursor));
    last->times += (uint64_t)cursor_zigzag(cursor);
    *page = *last;
    page->group = reader->notes->groups.items[last->group];
}

/* the labels of the series before stand there */
static void read_labels(struct notes_reader *reader) {
    struct cursor *cursor = &reader->cursor;
    uint64_t first = cursor_varint(cursor);
    size_t count = (size_t)(first >> 1);
    vec_reserve(&reader->labels, 2 * count);
    reader->labels.count = 2 * count;
    for (size_t i = 0; !(first & 1) && i < count; i++)
        reader->labels.items[2 * i] = (uint32_t)cursor_varint(cursor);
    for (size_t i = 0; i < count; i++) {
        uint64_t value = cursor_varint(cursor);
        if (value) reader->labels.items[2 * i + 1] = (uint32_t)(value - 1);
    }
}

bool notes_next(struct notes_reader *reader) {
    struct cursor *cursor = &reader->cursor;
    while (!cursor_left(cursor)) {
        if (reader->part == reader->notes->parts.count) return false;
        const struct buf *part = &reader->notes->parts.items[reader->part++];
        *cursor = cursor_of(part->data, part->len);
    }
    read_labels(reader);
    reader->pages.count = (size_t)cursor_varint(cursor);
    vec_reserve(&reader->pages, reader->pages.count);
    for (size_t i = 0; i < reader->pages.count; i++) read_page(reader, &reader->pages.items[i]);
    ASSERT(!cursor->failed); /* nobody else writes there */
    return true;
}
