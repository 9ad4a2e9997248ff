#include "storage/remote/read.h"

#include "lib/base/assert.h"
#include "lib/base/mem.h"
#include "lib/codec/snappy.h"
#include "lib/codec/varint.h"
#include "storage/remote/read_message.h"
#include "storage/remote/read_query.h"

#include <stdlib.h>

#define READ_MAGIC 0x72656164u
#define PIECE_BYTES ((size_t)32 << 10)
#define FRAGMENT_BYTES ((size_t)64 << 10) /* what a snappy block may refer back to */
#define FRAME_MAX ((size_t)4 << 20)       /* whatever the options say: a piece has its own limit */
enum { RESPONSE_RESULTS = 1, RESULT_SERIES = 1 };

struct found_series {
    struct labels labels; /* with the external ones */
    size_t index;         /* in the set */
};

/* of one query */
struct found {
    struct series_set *set;
    struct found_series *series; /* sorted by labels */
};

struct read {
    uint32_t magic;
    struct read_options options;
    struct budget budget;
    struct arena arena;
    struct queryable *moment; /* NULL: not begun */
    struct read_request request;
    struct found *found;
    struct columns columns;    /* of one series */
    size_t query, series, row; /* chunks: the next to be packed; row 0: the series is not read yet */
    struct read_framer framer;
    struct buf answer, fragment; /* samples: the message; a piece of it, packed */
    size_t packed;               /* bytes of the answer that went out */
};

static int check_canceled(const struct read *read, struct err *err) {
    const atomic_bool *cancel = read->options.cancel;
    return cancel && atomic_load_explicit(cancel, memory_order_relaxed)
               ? err_set(err, ERR_CANCELED, "request was canceled")
               : 0;
}

/* ---- finding ---- */

static int by_labels(const void *a, const void *b) {
    return labels_compare(((const struct found_series *)a)->labels, ((const struct found_series *)b)->labels);
}

static int take_labels(struct read *read, struct series_set *set, size_t i, struct labels *labels,
                       struct err *err) {
    struct labels external = read->options.external, own;
    struct label_builder builder;
    int rc = series_set_labels(set, i, &read->arena, &own, err);
    if (!rc) *labels = own;
    if (rc || !external.count) return rc;
    label_builder_init(&builder, &read->arena, own);
    for (uint32_t e = 0; e < external.count; e++)
        if (!labels_has(own, external.items[e].name))
            label_builder_set(&builder, external.items[e].name, external.items[e].value);
    return label_builder_finish(&builder, labels, err);
}

static int find(struct read *read, const struct read_query *query, struct found *found, struct err *err) {
    int rc = queryable_select(read->moment, query->matchers, query->matcher_count, query->mint, query->maxt,
                              &read->budget, &found->set, err);
    if (rc) return rc;
    size_t count = found->set->count;
    found->series = arena_array(&read->arena, count + 1, sizeof *found->series);
    if (!found->series) return arena_limit(&read->arena, "a remote read", err);
    for (size_t i = 0; i < count && !rc; i++) {
        found->series[i].index = i;
        if (i % 1024 == 0) rc = check_canceled(read, err);
        if (!rc) rc = take_labels(read, found->set, i, &found->series[i].labels, err);
    }
    if (!rc && count) qsort(found->series, count, sizeof *found->series, by_labels);
    return rc;
}

/* the samples of one series into columns; what can be read of a damaged one is there */
static int read_columns(struct read *read, size_t query, size_t series, struct err *err) {
    const struct read_query *asked = &read->request.queries[query];
    const struct found *found = &read->found[query];
    int rc = check_canceled(read, err);
    columns_reset(&read->columns);
    if (!rc)
        rc = series_set_read(found->set, found->series[series].index, asked->mint, asked->maxt,
                             &read->columns, err);
    return rc == ERR_CORRUPT ? 0 : rc;
}

/* ---- samples ---- */

static int add_result(struct read *read, size_t query, struct err *err) {
    uint64_t samples = 0, most = read->options.max_samples;
    size_t result = read_message_begin(&read->answer, RESPONSE_RESULTS);
    for (size_t i = 0; i < read->found[query].set->count; i++) {
        int rc = read_columns(read, query, i, err);
        if (rc) return rc;
        samples += read->columns.count;
        if (most && samples > most)
            return err_set(err, ERR_LIMIT, "exceeded sample limit (%llu)", (unsigned long long)most);
        if (!read->columns.count) continue;
        read_message_series(read->found[query].series[i].labels, &read->columns, RESULT_SERIES,
                            &read->answer);
        if (read->answer.failed)
            return err_set(err, ERR_LIMIT, "the answer needs more memory than a remote read may take");
    }
    read_message_end(&read->answer, result);
    return 0;
}

/* A block is its length and elements, and elements of fragments one behind the other are those of the whole.
 */
static bool more_samples(struct read *read, struct buf *piece) {
    size_t left = read->answer.len - read->packed, begin = piece->len;
    struct err err;
    if (!read->packed) buf_varint(piece, read->answer.len);
    while (left && piece->len - begin < PIECE_BYTES) {
        size_t len = left < FRAGMENT_BYTES ? left : FRAGMENT_BYTES;
        buf_reset(&read->fragment);
        if (snappy_write(span_of(read->answer.data + read->packed, len), &read->fragment, &err)) {
            piece->failed = true;
            return false;
        }
        struct cursor block = cursor_of(read->fragment.data, read->fragment.len);
        (void)cursor_varint(&block);
        buf_append(piece, block.p, cursor_left(&block));
        read->packed += len;
        left -= len;
    }
    return left > 0;
}

/* ---- chunks ---- */

/* false at the end of the last query */
static bool find_next(struct read *read) {
    while (read->query < read->request.query_count && read->series >= read->found[read->query].set->count) {
        read->query++;
        read->series = 0;
    }
    return read->query < read->request.query_count;
}

static void add_frame(struct read *read, struct buf *piece) {
    struct err err;
    if (read->row == 0 && read_columns(read, read->query, read->series, &err)) {
        piece->failed = true;
        return;
    }
    if (read->row < read->columns.count)
        read_message_frame(&read->framer, read->query, read->found[read->query].series[read->series].labels,
                           &read->columns, &read->row, piece);
    if (read->row < read->columns.count) return;
    read->row = 0;
    read->series++;
}

static bool more_chunks(struct read *read, struct buf *piece) {
    size_t begin = piece->len;
    while (!piece->failed && piece->len - begin < PIECE_BYTES) {
        if (!find_next(read)) return false;
        add_frame(read, piece);
    }
    return !piece->failed;
}

/* ---- the whole ---- */

static struct read *create(const struct read_options *options) {
    struct read *read = mem_zalloc(sizeof *read);
    struct buf *bufs[] = {&read->answer, &read->fragment, &read->framer.message, &read->framer.chunk};
    read->magic = READ_MAGIC;
    read->options = *options;
    budget_init(&read->budget, "remote read memory", options->max_bytes, options->memory);
    arena_init(&read->arena, SIZE_MAX, &read->budget);
    columns_init(&read->columns, &read->budget);
    for (size_t i = 0; i < 4; i++) buf_init_budget(bufs[i], options->max_bytes, &read->budget);
    read->framer.max_bytes = options->max_frame_bytes < FRAME_MAX ? options->max_frame_bytes : FRAME_MAX;
    return read;
}

static int answer(struct read *read, struct queryable *queryable, struct err *err) {
    size_t count = read->request.query_count;
    read->found = arena_array(&read->arena, count + 1, sizeof *read->found);
    if (!read->found) return arena_limit(&read->arena, "a remote read", err);
    read->moment = queryable_begin(queryable);
    int rc = 0;
    for (size_t i = 0; i < count && !rc; i++)
        rc = find(read, &read->request.queries[i], &read->found[i], err);
    for (size_t i = 0; i < count && !rc && !read_is_streamed(read); i++) rc = add_result(read, i, err);
    return rc;
}

int read_open(struct queryable *queryable, struct span packed, const struct read_options *options,
              struct read **result, struct err *err) {
    struct read *read = create(options);
    int rc = read_request_read(packed, options->external, &read->arena, &read->request, err);
    if (!rc) rc = answer(read, queryable, err);
    if (rc) {
        read_close(read);
        return rc;
    }
    *result = read;
    return 0;
}

bool read_is_streamed(const struct read *read) {
    return read->request.form == READ_CHUNKS;
}

bool read_more(struct read *read, struct buf *piece) {
    CHECK_OBJ(read, READ_MAGIC);
    return read_is_streamed(read) ? more_chunks(read, piece) : more_samples(read, piece);
}

void read_close(struct read *read) {
    if (!read) return;
    CHECK_OBJ(read, READ_MAGIC);
    for (size_t i = 0; read->found && i < read->request.query_count; i++)
        series_set_close(read->found[i].set);
    if (read->moment) queryable_end(read->moment);
    read_request_release(&read->request);
    buf_release(&read->answer);
    buf_release(&read->fragment);
    buf_release(&read->framer.message);
    buf_release(&read->framer.chunk);
    columns_release(&read->columns);
    arena_release(&read->arena);
    ASSERT(atomic_load(&read->budget.used_bytes) == 0);
    read->magic = 0;
    mem_free(read);
}
