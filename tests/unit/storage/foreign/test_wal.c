/*
 * Segments of the log made here: whole records, fragments, damage.
 */
#include "tests/check_main.h"

#include "lib/base/bits.h"
#include "lib/codec/crc32c.h"
#include "lib/codec/varint.h"
#include "storage/foreign/wal.h"

#include <snappy-c.h>

struct seen {
    size_t series, samples, deletions;
    double sum;
    int64_t last;
};

static int take_series(void *context, uint64_t reference, struct labels labels, struct err *err) {
    (void)err;
    ck_assert_uint_eq(reference, 7);
    ck_assert(span_is(labels_get(labels, SPAN("job")), "a"));
    ((struct seen *)context)->series++;
    return 0;
}

static int take_sample(void *context, uint64_t reference, int64_t time_ms, double value, struct err *err) {
    struct seen *seen = context;
    (void)err;
    ck_assert_uint_eq(reference, 7);
    seen->samples++;
    seen->sum += value;
    seen->last = time_ms;
    return 0;
}

static int take_histogram(void *context, uint64_t reference, int64_t time_ms,
                          const struct histogram *histogram, struct err *err) {
    (void)context, (void)reference, (void)time_ms, (void)histogram, (void)err;
    ck_abort_msg("no histogram was written");
}

static int take_deletion(void *context, uint64_t reference, int64_t mint, int64_t maxt, struct err *err) {
    (void)err;
    ck_assert(reference == 7 && mint == -5 && maxt == 9);
    ((struct seen *)context)->deletions++;
    return 0;
}

static int take_record(struct span record, void *context, struct err *err) {
    static const struct foreign_record_sink sink = {take_series, take_sample, take_histogram, take_deletion};
    return foreign_record_read(record, &sink, context, err);
}

static void put_be64(struct buf *buf, uint64_t value) {
    value = __builtin_bswap64(value);
    buf_append(buf, &value, sizeof value);
}

static void put_text(struct buf *buf, const char *text) {
    buf_varint(buf, strlen(text));
    buf_puts(buf, text);
}

static void put_fragment(struct buf *segment, uint8_t flags, struct span bytes) {
    uint32_t crc = __builtin_bswap32(crc32c(0, bytes.ptr, bytes.len));
    buf_putc(segment, (char)flags);
    buf_putc(segment, (char)(bytes.len >> 8));
    buf_putc(segment, (char)bytes.len);
    buf_append(segment, &crc, sizeof crc);
    buf_span(segment, bytes);
}

static struct buf series_record, samples_record, deletion_record, segment;

static void make_records(void) {
    buf_init(&series_record, 1 << 20), buf_init(&samples_record, 1 << 20);
    buf_init(&deletion_record, 1 << 20), buf_init(&segment, 1 << 20);
    buf_putc(&series_record, 1);
    put_be64(&series_record, 7);
    buf_varint(&series_record, 2);
    put_text(&series_record, "job"), put_text(&series_record, "a");
    put_text(&series_record, "__name__"), put_text(&series_record, "up");
    buf_putc(&samples_record, 2);
    put_be64(&samples_record, 7), put_be64(&samples_record, 1000);
    for (int i = 0; i < 3; i++) {
        buf_zigzag(&samples_record, 0), buf_zigzag(&samples_record, 15 * i);
        put_be64(&samples_record, double_bits(i + 0.5));
    }
    buf_putc(&deletion_record, 3);
    put_be64(&deletion_record, 7);
    buf_zigzag(&deletion_record, -5), buf_zigzag(&deletion_record, 9);
}

static void drop_records(void) {
    buf_release(&series_record), buf_release(&samples_record);
    buf_release(&deletion_record), buf_release(&segment);
}

START_TEST(whole_fragmented_and_packed_records_are_read) {
    struct seen seen = {0};
    char packed[512];
    size_t len = sizeof packed;
    make_records();
    put_fragment(&segment, 1, buf_view(&series_record));
    put_fragment(&segment, 2, span_of(samples_record.data, 10));
    put_fragment(&segment, 3, span_of(samples_record.data + 10, 20));
    put_fragment(&segment, 4, span_of(samples_record.data + 30, samples_record.len - 30));
    while (segment.len < 32 << 10) buf_putc(&segment, 0); /* the rest of the page */
    ck_assert_int_eq(snappy_compress(samples_record.data, samples_record.len, packed, &len), SNAPPY_OK);
    put_fragment(&segment, 1 + 8, span_of(packed, len));
    put_fragment(&segment, 1, buf_view(&deletion_record));
    ck_assert_int_eq(foreign_wal_bytes(buf_view(&segment), take_record, &seen, NULL), 0);
    ck_assert(seen.series == 1 && seen.samples == 6 && seen.deletions == 1);
    ck_assert_double_eq(seen.sum, 9);
    ck_assert_int_eq(seen.last, 1030);
    drop_records();
}
END_TEST

START_TEST(damage_ends_the_reading_and_keeps_what_was_before) {
    make_records();
    put_fragment(&segment, 1, buf_view(&series_record));
    size_t before = segment.len;
    put_fragment(&segment, 1, buf_view(&samples_record));
    for (size_t i = before; i < segment.len; i++) {
        struct seen seen = {0};
        if (i == before) continue; /* the flags are not under the checksum */
        segment.data[i] = (char)(segment.data[i] ^ 0x10);
        ck_assert_int_eq(foreign_wal_bytes(buf_view(&segment), take_record, &seen, NULL), ERR_CORRUPT);
        ck_assert(seen.series == 1 && seen.samples == 0);
        segment.data[i] = (char)(segment.data[i] ^ 0x10);
    }
    drop_records();
}
END_TEST

START_TEST(fragments_out_of_order_and_unknown_records_are_refused) {
    struct seen seen = {0};
    make_records();
    put_fragment(&segment, 4, buf_view(&samples_record));
    ck_assert_int_eq(foreign_wal_bytes(buf_view(&segment), take_record, &seen, NULL), ERR_CORRUPT);
    buf_reset(&segment);
    put_fragment(&segment, 1, SPAN("\x63zzz"));
    ck_assert_int_eq(foreign_wal_bytes(buf_view(&segment), take_record, &seen, NULL), ERR_UNSUPPORTED);
    drop_records();
}
END_TEST

START_TEST(every_record_cut_short_is_corrupt_or_shorter) {
    make_records();
    for (size_t len = 2; len < series_record.len; len++) {
        struct seen seen = {0};
        ck_assert_int_eq(take_record(span_of(series_record.data, len), &seen, NULL), ERR_CORRUPT);
        ck_assert_uint_eq(seen.series, 0);
    }
    for (size_t len = 18; len < samples_record.len; len++) {
        struct seen seen = {0};
        int rc = take_record(span_of(samples_record.data, len), &seen, NULL);
        ck_assert_uint_eq(seen.samples, (len - 17) / 10);
        ck_assert_int_eq(rc, (len - 17) % 10 ? ERR_CORRUPT : 0);
    }
    drop_records();
}
END_TEST

CHECK_MAIN("foreign wal", whole_fragmented_and_packed_records_are_read,
           damage_ends_the_reading_and_keeps_what_was_before,
           fragments_out_of_order_and_unknown_records_are_refused,
           every_record_cut_short_is_corrupt_or_shorter)
