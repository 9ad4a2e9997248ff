/*
 * tsdb_dump.c - `tsdb dump`: every sample as a line, series by labels, as promtool prints it:
 *
 *     {__name__="up", job="a"} 1 1435781430781
 *
 * All blocks are open at once; of each the series that match are held as labels, of one series the samples.
 */
#include "cmd/tsdb.h"
#include "lib/codec/number.h"
#include "promql/parse/parse.h"
#include "storage/foreign/gather.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DUMP_BYTES ((size_t)8 << 30)
#define LINE_BYTES ((size_t)64 << 20)

struct piece {
    struct labels labels;
    struct series_set *set;
    size_t index;
};

struct dump {
    struct arena arena;
    VEC(struct series_set *) sets;
    VEC(struct piece) pieces;
    struct expr *selector; /* NULL: all */
    const struct matcher *matchers;
    size_t matcher_count;
    int64_t mint, maxt;
};

static int collect(struct block *block, void *context, struct err *err) {
    struct dump *dump = context;
    struct series_set *set;
    int rc = queryable_select(block_queryable(block), dump->matchers, dump->matcher_count, dump->mint,
                              dump->maxt, NULL, &set, err);
    if (rc) return rc;
    *vec_push(&dump->sets) = set;
    for (size_t i = 0; i < set->count && !rc; i++) {
        struct piece piece = {.set = set, .index = i};
        rc = series_set_labels(set, i, &dump->arena, &piece.labels, err);
        if (!rc) *vec_push(&dump->pieces) = piece;
    }
    return rc;
}

static int compare_pieces(const void *a, const void *b) {
    const struct piece *x = a, *y = b;
    return labels_compare(x->labels, y->labels);
}

static void write_labels(struct labels labels, struct buf *out) {
    buf_putc(out, '{');
    for (uint32_t i = 0; i < labels.count; i++) {
        if (i) buf_puts(out, ", ");
        buf_span(out, labels.items[i].name);
        buf_putc(out, '=');
        text_write_quoted(labels.items[i].value, out);
    }
    buf_putc(out, '}');
}

static void write_general(double value, struct buf *out) {
    char text[NUMBER_MAX_TEXT];
    buf_append(out, text, number_write_general(value, text));
}

static void write_buckets(const char *name, const struct histogram_buckets *buckets, struct buf *out) {
    int64_t index = 0;
    uint32_t at = 0;
    for (uint32_t s = 0; s < buckets->span_count; s++) {
        index += buckets->spans[s].offset;
        for (uint32_t k = 0; k < buckets->spans[s].length; k++, at++, index++) {
            buf_printf(out, ", %s[%lld]:", name, (long long)index);
            write_general(buckets->counts[at], out);
        }
    }
}

/* {count:12, sum:18.4, schema:3, zero:2, positive[0]:4, positive[1]:6} */
static void write_histogram(const struct histogram *histogram, struct buf *out) {
    buf_puts(out, "{count:");
    write_general(histogram->count, out);
    buf_puts(out, ", sum:");
    write_general(histogram->sum, out);
    buf_printf(out, ", schema:%d", histogram->schema);
    if (histogram->zero_count != 0) {
        buf_puts(out, ", zero:");
        write_general(histogram->zero_count, out);
    }
    write_buckets("negative", &histogram->negative, out);
    write_buckets("positive", &histogram->positive, out);
    buf_putc(out, '}');
}

static int print_rows(struct labels labels, const struct columns *columns, struct buf *line,
                      struct err *err) {
    buf_reset(line);
    write_labels(labels, line);
    size_t prefix = line->len;
    for (size_t i = 0; i < columns->count; i++) {
        const struct histogram *histogram = columns_histogram(columns, i);
        line->len = prefix;
        buf_putc(line, ' ');
        if (histogram)
            write_histogram(histogram, line);
        else
            write_general(columns->values[i], line);
        buf_printf(line, " %lld\n", (long long)columns->times_ms[i]);
        if (line->failed) return err_set(err, ERR_LIMIT, "a line of more than %zu bytes", LINE_BYTES);
        if (fwrite(line->data, 1, line->len, stdout) != line->len)
            return err_set(err, ERR_IO, "cannot write to standard output");
    }
    return 0;
}

static int print_all(struct dump *dump, struct err *err) {
    struct columns columns;
    struct buf line;
    int rc = 0;
    columns_init(&columns, NULL);
    buf_init(&line, LINE_BYTES);
    if (dump->pieces.count)
        qsort(dump->pieces.items, dump->pieces.count, sizeof *dump->pieces.items, compare_pieces);
    for (size_t i = 0; i < dump->pieces.count && !rc;) {
        struct labels labels = dump->pieces.items[i].labels;
        columns_reset(&columns);
        for (; i < dump->pieces.count && !rc && labels_equal(labels, dump->pieces.items[i].labels); i++)
            rc = series_set_read(dump->pieces.items[i].set, dump->pieces.items[i].index, dump->mint,
                                 dump->maxt, &columns, err);
        (void)columns_put_in_order(&columns);
        if (!rc) rc = print_rows(labels, &columns, &line, err);
    }
    buf_release(&line);
    columns_release(&columns);
    return rc;
}

static int run_dump(const char *dir, struct dump *dump, struct err *err) {
    int rc = tsdb_each_block(dir, collect, dump, err);
    if (!rc) rc = print_all(dump, err);
    for (size_t i = 0; i < dump->sets.count; i++) series_set_close(dump->sets.items[i]);
    vec_release(&dump->sets);
    vec_release(&dump->pieces);
    return rc;
}

static int parse_match(const char *text, struct dump *dump, struct err *err) {
    struct parse_options options = {0};
    struct parse_error error = {0};
    struct expr *expr;
    if (dump->selector) return err_set(err, ERR_INVALID, "--match: given twice");
    if (promql_parse(span_from(text), &options, &dump->arena, &expr, &error))
        return err_set(err, ERR_INVALID, "--match: %s", error.text);
    if (expr->kind != EXPR_SELECTOR) return err_set(err, ERR_INVALID, "--match: \"%s\" is no selector", text);
    dump->matchers = expr->selector.matchers;
    dump->matcher_count = expr->selector.matcher_count;
    return 0;
}

int tsdb_dump(int argc, char **argv) {
    struct dump dump = {.mint = INT64_MIN, .maxt = INT64_MAX};
    const char *dir = "data/";
    struct err err = {0};
    bool is_good = true;
    int rc = 0;
    arena_init(&dump.arena, DUMP_BYTES, NULL);
    for (int i = 1; i < argc && is_good && !rc; i++) {
        if (strncmp(argv[i], "--min-time=", 11) == 0)
            is_good = number_parse_int(span_from(argv[i] + 11), &dump.mint);
        else if (strncmp(argv[i], "--max-time=", 11) == 0)
            is_good = number_parse_int(span_from(argv[i] + 11), &dump.maxt);
        else if (strncmp(argv[i], "--match=", 8) == 0)
            rc = parse_match(argv[i] + 8, &dump, &err);
        else if (argv[i][0] == '-')
            is_good = false;
        else
            dir = argv[i];
    }
    if (is_good && !rc) rc = run_dump(dir, &dump, &err);
    if (rc) fprintf(stderr, "error: %s\n", err.text);
    if (dump.selector) expr_release(dump.selector);
    arena_release(&dump.arena);
    return !is_good ? tsdb_usage() : rc ? 1 : 0;
}
