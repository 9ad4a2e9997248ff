#include "storage/block/index.h"

#include "lib/base/bits.h"
#include "lib/codec/crc32c.h"
#include "lib/codec/varint.h"
#include "lib/model/labels.h"
#include "storage/block/group.h"
#include "storage/block/layout.h"
#include "storage/block/page.h"

#include <inttypes.h>

static int bad(const struct index *index, const char *what, struct err *err) {
    return err_set(err, ERR_CORRUPT, "\"%s\" makes no sense: %s", index->file.path, what);
}

/* ---- opening ---- */

static int read_footer(struct index *index, struct err *err) {
    uint8_t footer[FOOTER_BYTES];
    int rc = file_size(&index->file, &index->bytes, err);
    if (rc) return rc;
    if (index->bytes < FILE_HEADER + FOOTER_BYTES) return bad(index, "too short", err);
    rc = file_read(&index->file, footer, sizeof footer, index->bytes - FOOTER_BYTES, err);
    if (rc) return rc;
    if (load_u32(footer + 8) != crc32c(0, footer, 8)) return bad(index, "footer", err);
    index->table = load_u64(footer);
    return 0;
}

int index_open(struct index *index, struct file_system *fs, const char *path, int64_t mint, struct err *err) {
    *index = (struct index){.mint = mint};
    int rc = file_open(fs, path, FILE_READ, &index->file, err);
    if (rc) return rc;
    rc = file_header_check(&index->file, INDEX_MAGIC, err);
    if (!rc) rc = read_footer(index, err);
    if (rc) {
        file_close(&index->file);
        return rc;
    }
    mutex_init(&index->lock);
    block_cache_init(&index->cache, INDEX_KEPT_BYTES);
    return 0;
}

static void forget_table(struct index *index) {
    for (uint32_t i = 0; index->names && i < index->name_count; i++) {
        mem_free(index->names[i].firsts);
        mem_free(index->names[i].offsets);
    }
    mem_free(index->names);
    mem_free(index->symbol_pages);
    mem_free(index->series_pages);
    index->names = NULL;
    index->symbol_pages = index->series_pages = NULL;
}

void index_close(struct index *index) {
    forget_table(index);
    block_cache_release(&index->cache);
    mutex_release(&index->lock);
    file_close(&index->file);
}

/* ---- the table ---- */

static uint32_t pages_of(uint32_t count, uint32_t a_page) {
    return count / a_page + (count % a_page != 0);
}

static bool read_offsets(struct cursor *cursor, uint32_t count, uint64_t **offsets) {
    if (count > cursor_left(cursor) / 8) return false;
    *offsets = mem_array(count, sizeof **offsets);
    for (uint32_t i = 0; i < count; i++) (*offsets)[i] = cursor_u64(cursor);
    return true;
}

static bool read_name(struct cursor *cursor, struct index_name *name) {
    name->name = cursor_u32(cursor);
    name->values = cursor_u32(cursor);
    name->pages = cursor_u32(cursor);
    if (cursor->failed || name->pages > cursor_left(cursor) / 12) return false;
    name->firsts = mem_array(name->pages, sizeof *name->firsts);
    name->offsets = mem_array(name->pages, sizeof *name->offsets);
    for (uint32_t i = 0; i < name->pages; i++) {
        name->firsts[i] = cursor_u32(cursor);
        name->offsets[i] = cursor_u64(cursor);
    }
    return !cursor->failed;
}

static bool parse_table(struct index *index, struct cursor *cursor) {
    index->symbols = cursor_u32(cursor);
    if (cursor->failed ||
        !read_offsets(cursor, pages_of(index->symbols, SYMBOLS_A_PAGE), &index->symbol_pages))
        return false;
    index->series = cursor_u32(cursor);
    if (cursor->failed || !read_offsets(cursor, pages_of(index->series, SERIES_A_PAGE), &index->series_pages))
        return false;
    uint32_t names = cursor_u32(cursor);
    if (cursor->failed || names > cursor_left(cursor) / 12) return false;
    index->names = mem_array(names, sizeof *index->names);
    index->name_count = names;
    for (uint32_t i = 0; i < names; i++) {
        if (!read_name(cursor, &index->names[i])) return false;
        if (i > 0 && index->names[i].name <= index->names[i - 1].name) return false;
    }
    return !cursor_left(cursor);
}

static int load_table(struct index *index, struct err *err) {
    struct page *page;
    int rc = page_read(&index->file, index->table, index->bytes, &page, err);
    if (rc) return rc;
    struct cursor cursor = cursor_of(page->bytes, page->len);
    if (!parse_table(index, &cursor)) {
        forget_table(index);
        rc = bad(index, "table", err);
    }
    shared_release(&page->shared);
    return rc;
}

int index_load(struct index *index, struct err *err) {
    int rc = 0;
    if (atomic_load_explicit(&index->is_loaded, memory_order_acquire)) return 0;
    mutex_lock(&index->lock);
    if (!atomic_load(&index->is_loaded)) rc = load_table(index, err);
    if (!rc) atomic_store_explicit(&index->is_loaded, true, memory_order_release);
    mutex_unlock(&index->lock);
    return rc;
}

/* a reference; the caller releases it */
static int get_page(struct index *index, uint64_t offset, struct page **page, struct err *err) {
    struct shared *cached = block_cache_get(&index->cache, offset);
    if (cached) {
        *page = (struct page *)cached;
        return 0;
    }
    int rc = page_read(&index->file, offset, index->bytes, page, err);
    if (!rc) block_cache_put(&index->cache, offset, &(*page)->shared);
    return rc;
}

/* ---- symbols ---- */

/* a page taken apart, in the cache */
struct symbol_page {
    struct shared shared; /* first */
    struct page *page;
    struct span texts[SYMBOLS_A_PAGE]; /* in page */
    uint32_t count;
};

static void destroy_symbols(struct shared *shared) {
    struct symbol_page *symbols = (struct symbol_page *)shared;
    shared_release(&symbols->page->shared);
    mem_free(symbols);
}

static struct symbol_page *take_symbols(struct page *page) {
    struct symbol_page *symbols = mem_alloc(sizeof *symbols);
    struct cursor cursor = cursor_of(page->bytes, page->len);
    shared_init(&symbols->shared, sizeof *symbols + sizeof *page + page->len, destroy_symbols);
    symbols->page = page;
    for (symbols->count = 0; symbols->count < SYMBOLS_A_PAGE && cursor_left(&cursor); symbols->count++) {
        uint64_t len = cursor_varint(&cursor);
        if (cursor.failed || len > cursor_left(&cursor)) break;
        symbols->texts[symbols->count] =
            span_of((const char *)cursor_bytes(&cursor, (size_t)len), (size_t)len);
    }
    return symbols;
}

/* the text of a symbol, and a reference to what holds it */
static int symbol_text(struct index *index, uint32_t symbol, struct shared **holder, struct span *text,
                       struct err *err) {
    if (symbol >= index->symbols) return bad(index, "symbol", err);
    uint64_t offset = index->symbol_pages[symbol / SYMBOLS_A_PAGE];
    struct symbol_page *symbols = (struct symbol_page *)block_cache_get(&index->cache, offset);
    if (!symbols) {
        struct page *page;
        int rc = page_read(&index->file, offset, index->bytes, &page, err);
        if (rc) return rc;
        symbols = take_symbols(page);
        block_cache_put(&index->cache, offset, &symbols->shared);
    }
    *holder = &symbols->shared;
    if (symbol % SYMBOLS_A_PAGE < symbols->count) {
        *text = symbols->texts[symbol % SYMBOLS_A_PAGE];
        return 0;
    }
    shared_release(&symbols->shared);
    return bad(index, "page of symbols", err);
}

int index_symbol(struct index *index, uint32_t symbol, struct arena *arena, struct span *text,
                 struct err *err) {
    struct shared *holder;
    struct span found = {0};
    int rc = symbol_text(index, symbol, &holder, &found, err);
    if (rc) return rc;
    char *copy = arena_strndup(arena, found.ptr, found.len);
    *text = span_of(copy, found.len);
    shared_release(holder);
    return copy ? 0 : arena_limit(arena, "labels", err);
}

int index_find_symbol(struct index *index, struct span text, uint32_t *symbol, struct err *err) {
    uint32_t low = 0, high = index->symbols;
    *symbol = SYMBOL_NONE;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        struct shared *holder;
        struct span there;
        int rc = symbol_text(index, middle, &holder, &there, err);
        if (rc) return rc;
        int order = span_compare(there, text);
        shared_release(holder);
        if (order == 0) {
            *symbol = middle;
            return 0;
        }
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return 0;
}

const struct index_name *index_find_name(const struct index *index, uint32_t symbol) {
    uint32_t low = 0, high = index->name_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (index->names[middle].name == symbol) return &index->names[middle];
        if (index->names[middle].name < symbol)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

/* ---- series ---- */

static bool read_page_ref(const struct index *index, struct cursor *cursor, uint64_t *group,
                          struct page_ref *ref) {
    uint64_t kind = cursor_varint(cursor);
    *group += (uint64_t)cursor_zigzag(cursor);
    uint64_t more = cursor_varint(cursor);
    uint64_t mint = (uint64_t)index->mint + cursor_varint(cursor), maxt = mint + cursor_varint(cursor);
    *ref = (struct page_ref){.group = *group,
                             .times = kind & 2 ? cursor_varint(cursor) : 0,
                             .mint = (int64_t)mint,
                             .maxt = (int64_t)maxt,
                             .page = (uint32_t)(kind >> 2),
                             .count = (uint32_t)more + 1,
                             .is_histogram = kind & 1};
    return !cursor->failed && more < PAGE_SAMPLES && ref->mint <= ref->maxt && kind >> 2 < GROUP_MAX_PAGES;
}

/* a page taken apart, in the cache */
struct series_page {
    struct shared shared; /* first */
    VEC(uint32_t) labels;
    VEC(struct page_ref) pages;
    struct {
        uint32_t labels, label_count, pages, page_count; /* begins and counts in the two */
    } series[SERIES_A_PAGE];
    uint32_t count;
    _Atomic(struct hash128 *) identities; /* of all, made when the first is asked for */
};

static void destroy_series(struct shared *shared) {
    struct series_page *page = (struct series_page *)shared;
    mem_free(atomic_load(&page->identities));
    vec_release(&page->labels);
    vec_release(&page->pages);
    mem_free(page);
}

static bool read_entry(const struct index *index, struct cursor *cursor, uint64_t *group,
                       struct series_page *page) {
    uint64_t labels = cursor_varint(cursor);
    if (cursor->failed || labels > cursor_left(cursor)) return false;
    uint32_t i = page->count;
    page->series[i].labels = (uint32_t)page->labels.count;
    page->series[i].label_count = (uint32_t)(2 * labels);
    for (uint64_t k = 0; k < 2 * labels; k++) {
        uint64_t symbol = cursor_varint(cursor);
        if (symbol >= index->symbols) return false;
        *vec_push(&page->labels) = (uint32_t)symbol;
    }
    uint64_t pages = cursor_varint(cursor);
    if (cursor->failed || pages > cursor_left(cursor)) return false;
    page->series[i].pages = (uint32_t)page->pages.count;
    page->series[i].page_count = (uint32_t)pages;
    for (uint64_t k = 0; k < pages; k++)
        if (!read_page_ref(index, cursor, group, vec_push(&page->pages))) return false;
    page->count++;
    return true;
}

/* What is good of a damaged page is kept; the rest is told when it is asked for. */
static struct series_page *take_series(const struct index *index, const struct page *raw) {
    struct series_page *page = mem_zalloc(sizeof *page);
    struct cursor cursor = cursor_of(raw->bytes, raw->len);
    uint64_t group = 0;
    vec_reserve(&page->labels, SERIES_A_PAGE);
    vec_reserve(&page->pages, SERIES_A_PAGE);
    while (page->count < SERIES_A_PAGE && cursor_left(&cursor) && read_entry(index, &cursor, &group, page)) {
    }
    vec_trim(&page->labels); /* so that more of them stay in the cache */
    vec_trim(&page->pages);
    shared_init(&page->shared,
                sizeof *page + page->labels.capacity * sizeof *page->labels.items +
                    page->pages.capacity * sizeof *page->pages.items + SERIES_A_PAGE * sizeof(struct hash128),
                destroy_series);
    return page;
}

/* a reference; the caller releases it */
static int get_series(struct index *index, uint32_t number, struct series_page **page, struct err *err) {
    uint64_t offset = index->series_pages[number];
    *page = (struct series_page *)block_cache_get(&index->cache, offset);
    if (*page) return 0;
    struct page *raw;
    int rc = page_read(&index->file, offset, index->bytes, &raw, err);
    if (rc) return rc;
    *page = take_series(index, raw);
    shared_release(&raw->shared);
    block_cache_put(&index->cache, offset, &(*page)->shared);
    return 0;
}

static struct index_series series_in(struct series_page *page, uint32_t place) {
    return (struct index_series){.labels = page->labels.items + page->series[place].labels,
                                 .pages = page->pages.items + page->series[place].pages,
                                 .label_count = page->series[place].label_count,
                                 .page_count = page->series[place].page_count,
                                 .holder = &page->shared};
}

int index_series_read(struct index *index, uint32_t number, struct index_series *series, struct err *err) {
    struct series_page *page;
    *series = (struct index_series){0};
    if (number >= index->series) return bad(index, "number of a series", err);
    int rc = get_series(index, number / SERIES_A_PAGE, &page, err);
    if (rc) return rc;
    *series = series_in(page, 0);
    if (number % SERIES_A_PAGE < page->count) {
        *series = series_in(page, number % SERIES_A_PAGE);
        return 0;
    }
    index_series_release(series);
    return bad(index, "page of series", err);
}

/* of the texts that symbols stand for */
static int identify(struct index *index, const struct index_series *series, struct hash128 *identity,
                    struct err *err) {
    struct arena arena;
    uint32_t count = series->label_count / 2;
    arena_init(&arena, SIZE_MAX, NULL);
    struct label *items = arena_array(&arena, count, sizeof *items);
    int rc = 0;
    for (uint32_t i = 0; i < count && !rc; i++) {
        rc = index_symbol(index, series->labels[2 * i], &arena, &items[i].name, err);
        if (!rc) rc = index_symbol(index, series->labels[2 * i + 1], &arena, &items[i].value, err);
    }
    if (!rc) *identity = labels_identity((struct labels){items, count});
    arena_release(&arena);
    return rc;
}

/* those that cannot be told stay zero */
static const struct hash128 *identities_of(struct index *index, struct series_page *page) {
    struct hash128 *made = atomic_load_explicit(&page->identities, memory_order_acquire), *none = NULL;
    if (made) return made;
    made = mem_array(SERIES_A_PAGE, sizeof *made);
    for (uint32_t i = 0; i < page->count; i++) {
        struct index_series series = series_in(page, i);
        (void)identify(index, &series, &made[i], NULL);
    }
    if (atomic_compare_exchange_strong(&page->identities, &none, made)) return made;
    mem_free(made); /* another thread was first */
    return none;
}

int index_series_identity(struct index *index, uint32_t number, struct hash128 *identity, struct err *err) {
    struct index_series series;
    int rc = index_series_read(index, number, &series, err);
    if (rc) return rc;
    *identity = identities_of(index, (struct series_page *)series.holder)[number % SERIES_A_PAGE];
    if (!(identity->low | identity->high)) rc = identify(index, &series, identity, err);
    index_series_release(&series);
    return rc;
}

void index_series_release(struct index_series *series) {
    shared_release(series->holder);
    *series = (struct index_series){0};
}

int index_series_filter(struct index *index, uint32_t number, uint64_t *words, index_series_fn *each,
                        void *context, struct err *err) {
    struct series_page *page;
    uint64_t wanted = *words; /* a page of series is a word of members */
    int rc = wanted ? get_series(index, number, &page, err) : 0;
    if (rc || !wanted) return rc;
    bool good = true;
    for (uint32_t i = 0; good && i < SERIES_A_PAGE && wanted >> i; i++) {
        good = i < page->count;
        if (!good || !(wanted >> i & 1)) continue;
        struct index_series series = series_in(page, i);
        if (!each(context, number * SERIES_A_PAGE + i, &series)) *words &= ~((uint64_t)1 << i);
    }
    shared_release(&page->shared);
    return good ? 0 : bad(index, "page of series", err);
}

/* ---- values ---- */

static int page_values(struct index *index, const struct page *page, uint32_t from, uint32_t to,
                       index_value_fn *each, void *context, struct err *err) {
    struct cursor cursor = cursor_of(page->bytes, page->len);
    while (cursor_left(&cursor)) {
        uint64_t value = cursor_varint(&cursor), count = cursor_varint(&cursor), len = cursor_varint(&cursor);
        if (cursor.failed || len > cursor_left(&cursor) || count > len || count > index->series ||
            value >= index->symbols)
            return bad(index, "page of values", err);
        const uint8_t *bytes = cursor_bytes(&cursor, (size_t)len);
        if (value < from) continue;
        if (value > to) return 0;
        int rc = each(context, (uint32_t)value, count, cursor_of(bytes, (size_t)len), err);
        if (rc) return rc;
    }
    return 0;
}

/* the page that may hold a value */
static uint32_t first_page(const struct index_name *name, uint32_t value) {
    uint32_t page = 0;
    while (page + 1 < name->pages && name->firsts[page + 1] <= value) page++;
    return page;
}

int index_values(struct index *index, const struct index_name *name, uint32_t from, uint32_t to,
                 index_value_fn *each, void *context, struct err *err) {
    for (uint32_t i = first_page(name, from); i < name->pages && name->firsts[i] <= to; i++) {
        struct page *page;
        int rc = get_page(index, name->offsets[i], &page, err);
        if (rc) return rc;
        rc = page_values(index, page, from, to, each, context, err);
        shared_release(&page->shared);
        if (rc) return rc;
    }
    return 0;
}
