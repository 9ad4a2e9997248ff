#include "web/api/query_json.h"

#include "lib/base/mem.h"
#include "lib/codec/number.h"
#include "lib/model/histogram_walk.h"
#include "promql/eval/plan.h"
#include "promql/eval/stats.h"
#include "web/api/answer.h"

#define NOTES_MAX 64

struct stream {
    struct query_answer answer;
    struct json_writer json;
    size_t rows, row, point; /* rows: to be written, after the limit */
    bool is_open, is_in_row;
    bool are_histograms, is_in_array; /* of the row: its floats come first */
    struct json_point_start *starts;  /* of each step of a range query; NULL: too few rows */
    size_t steps, step;               /* step: of the next point, or before it */
};

static const char *type_name(enum value_type type) {
    switch (type) {
    case VALUE_SCALAR: return "scalar";
    case VALUE_VECTOR: return "vector";
    case VALUE_MATRIX: return "matrix";
    case VALUE_STRING: return "string";
    default: return "none";
    }
}

/* which of its bounds belong to the bucket: 0 the upper, 1 the lower, 2 none, 3 both */
static int bounds_rule(const struct histogram_bucket *bucket) {
    if (bucket->lower_inclusive) return bucket->upper_inclusive ? 3 : 1;
    return bucket->upper_inclusive ? 0 : 2;
}

static void write_buckets(struct json_writer *json, const struct histogram *histogram) {
    struct histogram_walk walk;
    struct histogram_bucket bucket;
    bool is_open = false;
    histogram_walk_init(&walk, histogram);
    while (histogram_walk_next(&walk, &bucket)) {
        if (bucket.count == 0) continue;
        if (!is_open) {
            json_key(json, "buckets");
            json_array(json);
            is_open = true;
        }
        json_array(json);
        json_int(json, bounds_rule(&bucket));
        json_value(json, bucket.lower);
        json_value(json, bucket.upper);
        json_value(json, bucket.count);
        json_end_array(json);
    }
    if (is_open) json_end_array(json);
}

static void write_histogram(struct json_writer *json, int64_t time_ms, const struct histogram *histogram) {
    json_array(json);
    json_time_ms(json, time_ms);
    json_object(json);
    json_key(json, "count");
    json_value(json, histogram->count);
    json_key(json, "sum");
    json_value(json, histogram->sum);
    write_buckets(json, histogram);
    json_end_object(json);
    json_end_array(json);
}

static void open_stream(struct stream *stream, struct buf *piece) {
    struct json_writer *json = &stream->json;
    const struct query_result *result = stream->answer.result;
    json_init(json, piece);
    json_object(json);
    json_key(json, "status");
    json_cstring(json, "success");
    json_key(json, "data");
    json_object(json);
    json_key(json, "resultType");
    json_cstring(json, type_name(result->type));
    json_key(json, "result");
    stream->is_open = true;
    if (result->type == VALUE_VECTOR || result->type == VALUE_MATRIX) json_array(json);
}

#define ROWS_FOR_STARTS 4

static void make_starts(struct stream *stream) {
    const struct query_stats *stats = &stream->answer.result->stats;
    if (stream->answer.result->type != VALUE_MATRIX || stats->step_ms <= 0 || stream->rows < ROWS_FOR_STARTS)
        return;
    for (size_t i = 0; i < stream->rows; i++) {
        const struct result_row *row = &stream->answer.result->rows[i];
        size_t steps =
            row->count ? (size_t)((row->times_ms[row->count - 1] - stats->start_ms) / stats->step_ms) + 1 : 0;
        if (steps > stream->steps) stream->steps = steps;
    }
    stream->starts = mem_array(stream->steps, sizeof *stream->starts);
    for (size_t i = 0; i < stream->steps; i++)
        json_point_start(&stream->starts[i], stats->start_ms + (int64_t)i * stats->step_ms);
}

/* points of a row come in the order of their times */
static void write_point(struct stream *stream, int64_t time_ms, double value) {
    while (stream->step < stream->steps && stream->starts[stream->step].time_ms < time_ms) stream->step++;
    if (stream->step < stream->steps && stream->starts[stream->step].time_ms == time_ms)
        json_point_at(&stream->json, &stream->starts[stream->step], value);
    else
        json_point(&stream->json, time_ms, value);
}

static void open_row(struct stream *stream, const struct result_row *row) {
    struct json_writer *json = &stream->json;
    json_object(json);
    json_key(json, "metric");
    answer_write_labels(json, &row->labels);
    stream->is_in_row = true;
    stream->point = stream->step = 0;
    stream->are_histograms = false;
    stream->is_in_array = false;
}

static const struct histogram *histogram_of(const struct result_row *row, size_t point) {
    return row->histograms ? row->histograms[point] : NULL;
}

static void write_only(struct json_writer *json, const struct result_row *row) {
    const struct histogram *histogram = histogram_of(row, 0);
    json_key(json, histogram ? "histogram" : "value");
    if (histogram)
        write_histogram(json, row->times_ms[0], histogram);
    else
        json_point(json, row->times_ms[0], row->values[0]);
}

/* the floats of a row, or its histograms, each under a key of its own where there are some; false when the
 * piece is full */
static bool write_points(struct stream *stream, const struct result_row *row, const struct buf *piece) {
    struct json_writer *json = &stream->json;
    for (; stream->point < row->count; stream->point++) {
        const struct histogram *histogram = histogram_of(row, stream->point);
        if ((histogram != NULL) != stream->are_histograms) continue;
        if (piece->len >= REPLY_PIECE_BYTES) return false;
        if (!stream->is_in_array) {
            json_key(json, histogram ? "histograms" : "values");
            json_array(json);
            stream->is_in_array = true;
        }
        if (histogram)
            write_histogram(json, row->times_ms[stream->point], histogram);
        else
            write_point(stream, row->times_ms[stream->point], row->values[stream->point]);
    }
    if (stream->is_in_array) json_end_array(json);
    stream->is_in_array = false;
    return true;
}

static bool write_series(struct stream *stream, const struct result_row *row, const struct buf *piece) {
    if (!write_points(stream, row, piece)) return false;
    if (stream->are_histograms || !row->histograms) return true;
    stream->are_histograms = true;
    stream->point = 0;
    return write_points(stream, row, piece);
}

/* points of the row until the piece is full; false when it is full */
static bool write_row(struct stream *stream, const struct result_row *row, const struct buf *piece) {
    struct json_writer *json = &stream->json;
    if (!stream->is_in_row) open_row(stream, row);
    if (stream->answer.result->type == VALUE_VECTOR)
        write_only(json, row);
    else if (!write_series(stream, row, piece))
        return false;
    json_end_object(json);
    stream->is_in_row = false;
    return true;
}

/* false when the piece is full before the rows are done */
static bool write_rows(struct stream *stream, const struct buf *piece) {
    const struct query_result *result = stream->answer.result;
    for (; stream->row < stream->rows; stream->row++)
        if (piece->len >= REPLY_PIECE_BYTES || !write_row(stream, &result->rows[stream->row], piece))
            return false;
    json_end_array(&stream->json);
    return true;
}

static void write_single(struct json_writer *json, const struct query_result *result) {
    char plain[NUMBER_MAX_TEXT]; /* scalars never have an exponent */
    json_array(json);
    json_time_ms(json, result->time_ms);
    if (result->type == VALUE_SCALAR)
        json_string(json, span_of(plain, number_write_plain(result->scalar, plain)));
    else
        json_string(json, result->string);
    json_end_array(json);
}

static void write_warnings(struct stream *stream) {
    const struct query_result *result = stream->answer.result;
    const char *notes[NOTES_MAX];
    size_t count = 0;
    bool is_cut = stream->rows < result->row_count;
    if (stream->answer.note) notes[count++] = stream->answer.note;
    for (size_t i = 0; i < result->warning_count && count < NOTES_MAX - 1; i++)
        notes[count++] = result->warnings[i];
    if (is_cut) notes[count++] = "results truncated due to limit";
    answer_write_notes(&stream->json, "warnings", notes, count);
    answer_write_notes(&stream->json, "infos", result->infos, result->info_count);
}

static bool more_rows(void *state, struct buf *piece) {
    struct stream *stream = state;
    struct json_writer *json = &stream->json;
    const struct query_result *result = stream->answer.result;
    if (!stream->is_open) open_stream(stream, piece);
    json->out = piece;
    if (result->type == VALUE_SCALAR || result->type == VALUE_STRING)
        write_single(json, result);
    else if (!write_rows(stream, piece))
        return true;
    if (stream->answer.has_stats) {
        json_key(json, "stats");
        query_stats_write(json, &result->stats, stream->answer.has_step_stats);
    }
    if (result->plan) {
        json_key(json, "explain");
        plan_write(json, result->plan, stream->answer.text);
    }
    json_end_object(json);
    write_warnings(stream);
    json_end_object(json);
    return false;
}

static void destroy_stream(void *state) {
    struct stream *stream = state;
    query_result_destroy(stream->answer.result);
    mem_free(stream->starts);
    mem_free(stream);
}

void query_answer_stream(struct exchange *exchange, const struct query_answer *answer) {
    struct stream *stream = mem_zalloc(sizeof *stream);
    stream->answer = *answer;
    stream->rows = answer->result->row_count;
    if (answer->limit && stream->rows > answer->limit) stream->rows = (size_t)answer->limit;
    make_starts(stream);
    reply_stream(exchange, 200, "application/json", more_rows, destroy_stream, stream);
}
