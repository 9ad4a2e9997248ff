/* message.c - a question and its answer as protocol buffers, and the answer as a set of series. */
#include "lib/base/assert.h"
#include "lib/base/mem.h"
#include "lib/codec/protobuf.h"
#include "lib/codec/snappy.h"
#include "storage/ask/inside.h"
#include "storage/remote/intake_histogram.h"
#include "storage/remote/intake_labels.h"
#include "storage/remote/read_message.h"

#define QUESTION_MAX_BYTES ((size_t)8 << 20)
#define PLAIN_MAX_BYTES ((size_t)1 << 30)

/* field numbers of prometheus.ReadRequest, Query, LabelMatcher, ReadResponse, QueryResult, TimeSeries, Sample
 */
enum { REQUEST_QUERIES = 1, REQUEST_TYPES = 2 };
enum { QUERY_START = 1, QUERY_END = 2, QUERY_MATCHERS = 3 };
enum { MATCHER_TYPE = 1, MATCHER_NAME = 2, MATCHER_VALUE = 3 };
enum { RESPONSE_RESULTS = 1, RESULT_SERIES = 1 };
enum { SERIES_LABELS = 1, SERIES_SAMPLES = 2, SERIES_HISTOGRAMS = 4 };
enum { SAMPLE_VALUE = 1, SAMPLE_TIMESTAMP = 2 };
enum { TYPE_SAMPLES = 0 };

/* ---- the question ---- */

static void put_matcher(enum matcher_type type, struct span name, struct span value, struct buf *out) {
    size_t at = read_message_begin(out, QUERY_MATCHERS);
    protobuf_put_varint(out, MATCHER_TYPE, type); /* in the protocol's order */
    protobuf_put_bytes(out, MATCHER_NAME, name);
    protobuf_put_bytes(out, MATCHER_VALUE, value);
    read_message_end(out, at);
}

int question_write(const struct question *question, struct buf *packed, struct err *err) {
    struct buf plain;
    buf_init(&plain, QUESTION_MAX_BYTES);
    size_t query = read_message_begin(&plain, REQUEST_QUERIES);
    protobuf_put_varint(&plain, QUERY_START, (uint64_t)question->mint);
    protobuf_put_varint(&plain, QUERY_END, (uint64_t)question->maxt);
    for (size_t i = 0; i < question->matcher_count; i++) {
        const struct matcher *matcher = &question->matchers[i];
        put_matcher(matcher->type, matcher->name, matcher->value, &plain);
    }
    for (uint32_t i = 0; i < question->external.count; i++)
        put_matcher(MATCH_EQUAL, question->external.items[i].name, question->external.items[i].value, &plain);
    read_message_end(&plain, query);
    protobuf_put_varint(&plain, REQUEST_TYPES, TYPE_SAMPLES);
    int rc = plain.failed
                 ? err_set(err, ERR_LIMIT, "the question is larger than %zu bytes", QUESTION_MAX_BYTES)
                 : snappy_write(buf_view(&plain), packed, err);
    buf_release(&plain);
    return rc;
}

/* ---- the answer ---- */

#define ANSWER_MAGIC 0x414e5357u /* "ANSW" */

struct answer_series {
    struct labels labels;
    struct columns columns;
};

#define SERIES_BYTES (2 * sizeof(struct answer_series))

struct answer {
    struct series_set set; /* first */
    uint32_t magic;
    struct arena arena; /* of the labels */
    struct budget *budget;
    size_t drawn; /* of it, for series */
    VEC(struct answer_series) series;
};

static struct answer *answer_of(struct series_set *set) {
    struct answer *answer = (struct answer *)set;
    CHECK_OBJ(answer, ANSWER_MAGIC);
    return answer;
}

static int set_labels(struct series_set *set, size_t index, struct arena *arena, struct labels *labels,
                      struct err *err) {
    return labels_copy(answer_of(set)->series.items[index].labels, arena, labels, err);
}

static int set_identity(struct series_set *set, size_t index, struct hash128 *identity, struct err *err) {
    (void)err;
    *identity = labels_identity(answer_of(set)->series.items[index].labels);
    return 0;
}

static int set_read(struct series_set *set, size_t index, int64_t mint, int64_t maxt, struct columns *columns,
                    struct err *err) {
    const struct columns *own = &answer_of(set)->series.items[index].columns;
    size_t before = columns->count;
    int rc = 0;
    for (size_t i = 0; !rc && i < own->count; i++)
        if (own->times_ms[i] >= mint && own->times_ms[i] <= maxt) rc = columns_add_row(columns, own, i, err);
    if (rc) columns->count = before;
    return rc;
}

static void set_close(struct series_set *set) {
    struct answer *answer = answer_of(set);
    for (size_t i = 0; i < answer->series.count; i++) columns_release(&answer->series.items[i].columns);
    vec_release(&answer->series);
    if (answer->budget) budget_give(answer->budget, answer->drawn);
    arena_release(&answer->arena);
    answer->magic = 0;
    mem_free(answer);
}

static const struct series_set_ops set_ops = {
    .labels = set_labels, .identity = set_identity, .read = set_read, .close = set_close};

static int malformed(const char *what, struct err *err) {
    return err_set(err, ERR_CORRUPT, "proto: malformed %s", what);
}

static int check_order(const struct columns *columns, int64_t time_ms, struct err *err) {
    if (!columns->count || columns->times_ms[columns->count - 1] < time_ms) return 0;
    return err_set(err, ERR_CORRUPT, "samples of a series are not in the order of time");
}

static int read_sample(struct span bytes, struct columns *columns, struct err *err) {
    struct cursor message = cursor_of(bytes.ptr, bytes.len);
    struct protobuf_field field;
    double value = 0;
    int64_t time_ms = 0;
    while (protobuf_next(&message, &field)) {
        if (field.number == SAMPLE_VALUE && field.type == PROTOBUF_FIXED64) value = bits_double(field.value);
        if (field.number == SAMPLE_TIMESTAMP && field.type == PROTOBUF_VARINT) time_ms = (int64_t)field.value;
    }
    if (message.failed) return malformed("sample", err);
    int rc = check_order(columns, time_ms, err);
    if (!rc) rc = columns_reserve(columns, 1, err);
    if (rc) return rc;
    columns->times_ms[columns->count] = time_ms;
    columns->values[columns->count++] = value;
    return 0;
}

static int read_histogram(struct span bytes, struct columns *columns, struct err *err) {
    struct histogram histogram;
    struct arena arena;
    int64_t time_ms = 0;
    arena_init(&arena, 1 << 22, NULL);
    int rc = intake_histogram_read(bytes, &arena, &histogram, &time_ms, err);
    if (!rc) rc = check_order(columns, time_ms, err);
    if (!rc) rc = columns_add_histogram(columns, time_ms, &histogram, err);
    arena_release(&arena);
    return rc;
}

/* label fields one behind the other, as they came */
static int read_labels(struct span series, struct answer *answer, struct labels *labels, struct err *err) {
    struct cursor message = cursor_of(series.ptr, series.len);
    struct protobuf_field field;
    struct labels raw;
    struct buf fields;
    buf_init(&fields, 1 << 20);
    while (protobuf_next(&message, &field))
        if (field.number == SERIES_LABELS && field.type == PROTOBUF_BYTES)
            protobuf_put_bytes(&fields, SERIES_LABELS, field.bytes);
    int rc = message.failed || fields.failed
                 ? malformed("series", err)
                 : intake_labels_read(buf_view(&fields), &answer->arena, &raw, err);
    if (!rc) rc = labels_copy(raw, &answer->arena, labels, err);
    buf_release(&fields);
    return rc;
}

/* the labels that stand for the remote are not its series' */
static int drop_external(const struct question *question, struct arena *arena, struct labels *labels,
                         struct err *err) {
    if (!question->external.count && !question->replica.len) return 0;
    struct label *kept = arena_array(arena, labels->count, sizeof *kept);
    uint32_t count = 0;
    if (labels->count && !kept) return arena_limit(arena, "labels", err);
    for (uint32_t i = 0; i < labels->count; i++)
        if (!labels_has(question->external, labels->items[i].name) &&
            !span_equal(question->replica, labels->items[i].name))
            kept[count++] = labels->items[i];
    *labels = (struct labels){kept, count};
    return 0;
}

static int read_series(const struct question *question, struct span bytes, struct answer *answer,
                       struct err *err) {
    struct cursor message = cursor_of(bytes.ptr, bytes.len);
    struct protobuf_field field;
    if (answer->budget && !budget_take(answer->budget, SERIES_BYTES))
        return err_set(err, ERR_LIMIT, "%s limit of %zu bytes reached while reading an answer",
                       answer->budget->name, answer->budget->max_bytes);
    answer->drawn += SERIES_BYTES;
    struct answer_series *series = vec_push(&answer->series);
    *series = (struct answer_series){.labels = {NULL, 0}};
    columns_init(&series->columns, answer->budget);
    int rc = read_labels(bytes, answer, &series->labels, err);
    if (!rc) rc = drop_external(question, &answer->arena, &series->labels, err);
    while (!rc && protobuf_next(&message, &field)) {
        if (field.type != PROTOBUF_BYTES) continue;
        if (field.number == SERIES_SAMPLES) rc = read_sample(field.bytes, &series->columns, err);
        if (field.number == SERIES_HISTOGRAMS) rc = read_histogram(field.bytes, &series->columns, err);
    }
    return rc || !message.failed ? rc : malformed("series", err);
}

static int read_fields(const struct question *question, struct span bytes, unsigned depth,
                       struct answer *answer, struct err *err) {
    struct cursor message = cursor_of(bytes.ptr, bytes.len);
    struct protobuf_field field;
    int rc = 0;
    while (!rc && protobuf_next(&message, &field)) {
        if (field.number != RESPONSE_RESULTS || field.type != PROTOBUF_BYTES) continue;
        rc = depth == 0 ? read_fields(question, field.bytes, 1, answer, err)
                        : read_series(question, field.bytes, answer, err);
    }
    return rc || !message.failed ? rc : malformed("answer", err);
}

int answer_read(const struct question *question, struct span packed, struct budget *budget,
                struct series_set **set, struct err *err) {
    _Static_assert(RESPONSE_RESULTS == (int)RESULT_SERIES, "results and their series have one number");
    struct answer *answer = mem_zalloc(sizeof *answer);
    struct buf plain;
    *answer = (struct answer){.set = {.ops = &set_ops}, .magic = ANSWER_MAGIC, .budget = budget};
    arena_init(&answer->arena, PLAIN_MAX_BYTES, budget);
    buf_init_budget(&plain, PLAIN_MAX_BYTES, budget);
    int rc = snappy_read(packed, &plain, err);
    if (!rc) rc = read_fields(question, buf_view(&plain), 0, answer, err);
    buf_release(&plain);
    if (rc) {
        set_close(&answer->set);
        return rc;
    }
    answer->set.count = answer->series.count;
    *set = &answer->set;
    return 0;
}
