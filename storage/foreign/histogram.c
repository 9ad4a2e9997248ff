#include "storage/foreign/histogram.h"

#include "storage/foreign/varbit.h"

#include <math.h>

#define WORK_BYTES ((size_t)16 << 20)

/* one number of the samples, as it changes from sample to sample */
struct number {
    struct xor_state xor ; /* floats */
    uint64_t value, step;  /* whole numbers, modulo 2^64 */
};

struct reading {
    struct bit_reader bits;
    struct arena arena; /* of the layout and the numbers */
    struct histogram now;
    struct number time, count, zero, sum;
    struct number *buckets; /* positive, then negative */
    double *counts;         /* the same, as the histogram wants them */
    size_t bucket_count;
};

static double zero_threshold(struct bit_reader *reader) {
    unsigned code = (unsigned)bits_read(reader, 8);
    if (code == 0) return 0;
    return code == 255 ? bits_read_double(reader) : ldexp(0.5, (int)code - 243);
}

static int read_spans(struct reading *r, struct histogram_buckets *buckets, struct err *err) {
    uint64_t count = varbit_uint(&r->bits), covered = 0;
    if (count > HISTOGRAM_MAX_BUCKETS) return err_set(err, ERR_CORRUPT, "histogram of too many spans");
    struct histogram_span *spans = arena_array(&r->arena, count, sizeof *spans);
    if (!spans && count) return arena_limit(&r->arena, "histogram chunk", err);
    for (uint64_t i = 0; i < count; i++) {
        uint64_t length = varbit_uint(&r->bits);
        int64_t offset = varbit_int(&r->bits);
        covered += length;
        if (r->bits.failed || length > HISTOGRAM_MAX_BUCKETS || covered > HISTOGRAM_MAX_BUCKETS ||
            offset > INT32_MAX || offset < INT32_MIN)
            return err_set(err, ERR_CORRUPT, "histogram span %llu is out of range",
                           (unsigned long long)i + 1);
        spans[i] = (struct histogram_span){(int32_t)offset, (uint32_t)length};
    }
    buckets->spans = spans;
    buckets->span_count = (uint32_t)count;
    buckets->count = (uint32_t)covered;
    return 0;
}

/* thousandths plus 1 when that says it all, else 0 and the double */
static int read_bounds(struct reading *r, struct err *err) {
    uint64_t count = varbit_uint(&r->bits);
    if (count > HISTOGRAM_MAX_BUCKETS) return err_set(err, ERR_CORRUPT, "histogram of too many bounds");
    double *bounds = arena_array(&r->arena, count, sizeof *bounds);
    if (!bounds && count) return arena_limit(&r->arena, "histogram chunk", err);
    for (uint64_t i = 0; i < count; i++) {
        uint64_t code = varbit_uint(&r->bits);
        bounds[i] = code ? (double)(code - 1) / 1000 : bits_read_double(&r->bits);
    }
    r->now.bounds = bounds;
    r->now.bound_count = (uint32_t)count;
    return 0;
}

static int read_layout(struct reading *r, struct err *err) {
    r->now.zero_threshold = zero_threshold(&r->bits);
    int64_t schema = varbit_int(&r->bits);
    if (schema < INT8_MIN || schema > INT8_MAX)
        return err_set(err, ERR_CORRUPT, "histogram schema %lld", (long long)schema);
    r->now.schema = (int8_t)schema;
    int rc = read_spans(r, &r->now.positive, err);
    if (!rc) rc = read_spans(r, &r->now.negative, err);
    if (!rc && schema == HISTOGRAM_SCHEMA_CUSTOM) rc = read_bounds(r, err);
    if (rc) return rc;
    r->bucket_count = (size_t)r->now.positive.count + r->now.negative.count;
    r->buckets = arena_array(&r->arena, r->bucket_count, sizeof *r->buckets);
    r->counts = arena_array(&r->arena, r->bucket_count, sizeof *r->counts);
    if ((!r->buckets || !r->counts) && r->bucket_count) return arena_limit(&r->arena, "histogram chunk", err);
    r->now.positive.counts = r->counts;
    r->now.negative.counts = r->counts ? r->counts + r->now.positive.count : NULL;
    return 0;
}

static void next_whole(struct reading *r, struct number *number) {
    number->step += (uint64_t)varbit_int(&r->bits);
    number->value += number->step;
}

static void next_double(struct reading *r, struct number *number, bool is_first) {
    if (is_first)
        number->xor.bits = bits_read(&r->bits, 64);
    else
        (void)xor_read(&r->bits, &number->xor);
}

static void read_buckets(struct reading *r, bool is_first) {
    for (size_t i = 0; i < r->bucket_count && !r->bits.failed; i++) {
        struct number *number = &r->buckets[i];
        if (!r->now.is_integer)
            next_double(r, number, is_first);
        else if (is_first)
            number->value = (uint64_t)varbit_int(&r->bits);
        else
            next_whole(r, number);
    }
}

/* differences added up on each side; floats are absolute */
static void set_counts(struct reading *r) {
    uint64_t sum = 0;
    for (size_t i = 0; i < r->bucket_count; i++) {
        if (i == r->now.positive.count) sum = 0;
        sum += r->buckets[i].value;
        r->counts[i] = r->now.is_integer ? (double)(int64_t)sum : bits_double(r->buckets[i].xor.bits);
    }
}

static void read_head(struct reading *r, bool is_first) {
    if (is_first)
        r->time.value = (uint64_t)varbit_int(&r->bits);
    else
        next_whole(r, &r->time);
    if (!r->now.is_integer) {
        next_double(r, &r->count, is_first);
        next_double(r, &r->zero, is_first);
    } else if (is_first) {
        r->count.value = varbit_uint(&r->bits);
        r->zero.value = varbit_uint(&r->bits);
    } else {
        next_whole(r, &r->count);
        next_whole(r, &r->zero);
    }
    next_double(r, &r->sum, is_first);
}

static int read_sample(struct reading *r, size_t i, struct columns *columns, struct err *err) {
    read_head(r, i == 0);
    struct histogram stale = histogram_stale();
    bool is_stale = value_is_stale(bits_double(r->sum.xor.bits));
    if (!is_stale || i == 0) read_buckets(r, i == 0);
    if (r->bits.failed) return err_set(err, ERR_CORRUPT, "histogram chunk ends in sample %zu", i + 1);
    stale.is_integer = r->now.is_integer;
    if (is_stale) return columns_add_histogram(columns, (int64_t)r->time.value, &stale, err);
    set_counts(r);
    r->now.count = r->now.is_integer ? (double)r->count.value : bits_double(r->count.xor.bits);
    r->now.zero_count = r->now.is_integer ? (double)r->zero.value : bits_double(r->zero.xor.bits);
    r->now.sum = bits_double(r->sum.xor.bits);
    /* a chunk is cut at each reset; of its first sample nobody knows what was before */
    if (r->now.reset != HISTOGRAM_RESET_GAUGE)
        r->now.reset = i == 0 ? HISTOGRAM_RESET_UNKNOWN : HISTOGRAM_RESET_NO;
    struct err why = {0};
    if (histogram_check(&r->now, &why)) return err_set(err, ERR_CORRUPT, "histogram chunk: %s", why.text);
    return columns_add_histogram(columns, (int64_t)r->time.value, &r->now, err);
}

int foreign_histograms_read(struct span data, size_t count, bool is_integer, struct columns *columns,
                            struct err *err) {
    if (data.len < 1) return err_set(err, ERR_CORRUPT, "histogram chunk without flags");
    if (count == 0) return 0;
    struct reading r = {.bits = {.bytes = (const uint8_t *)data.ptr + 1, .len = data.len - 1},
                        .now.is_integer = is_integer};
    if (((uint8_t)data.ptr[0] & 0xc0) == 0xc0) r.now.reset = HISTOGRAM_RESET_GAUGE;
    arena_init(&r.arena, WORK_BYTES, columns->budget);
    int rc = read_layout(&r, err);
    for (size_t i = 0; i < count && !rc; i++) rc = read_sample(&r, i, columns, err);
    arena_release(&r.arena);
    return rc;
}
