/* protobuf, snappy */
#include "lib/codec/protobuf.h"
#include "lib/codec/snappy.h"
#include "tests/check_main.h"

START_TEST(fields_read_back_as_they_were_written) {
    struct buf buf;
    buf_init(&buf, 1000);
    protobuf_put_varint(&buf, 1, UINT64_MAX);
    protobuf_put_double(&buf, 2, -1.5);
    protobuf_put_bytes(&buf, 536870911, SPAN("abc"));
    buf_append(&buf, "\x25\x01\x02\x03\x04", 5);
    struct cursor message = cursor_of(buf.data, buf.len);
    struct protobuf_field field;
    ck_assert(protobuf_next(&message, &field));
    ck_assert(field.number == 1 && field.type == PROTOBUF_VARINT && field.value == UINT64_MAX);
    ck_assert(protobuf_next(&message, &field));
    ck_assert(field.number == 2 && field.type == PROTOBUF_FIXED64 && bits_double(field.value) == -1.5);
    ck_assert(protobuf_next(&message, &field));
    ck_assert(field.number == 536870911 && field.type == PROTOBUF_BYTES && span_is(field.bytes, "abc"));
    ck_assert(protobuf_next(&message, &field));
    ck_assert(field.number == 4 && field.type == PROTOBUF_FIXED32 && field.value == 0x04030201);
    ck_assert(!protobuf_next(&message, &field) && !message.failed);
    buf_release(&buf);
}
END_TEST

START_TEST(what_runs_past_the_end_fails_and_stays_failed) {
    static const struct span bad[] = {
        SPAN("\x08"),                                         /* a tag without its value */
        SPAN("\x08\xff\xff"),                                 /* a varint that does not end */
        SPAN("\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02"), /* more than 64 bits */
        SPAN("\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x81\x00"),
        SPAN("\x09\x01\x02\x03\x04\x05\x06\x07"), /* a short fixed64 */
        SPAN("\x0d\x01\x02\x03"),                 /* a short fixed32 */
        SPAN("\x0a\x03\x61\x62"),                 /* a short text */
        SPAN("\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"),
        SPAN("\x0a\xff\xff\xff\xff\xff\xff\xff\xff\x7f"), /* a length that is negative for some */
        SPAN("\x00\x01"),                                 /* field 0 */
        SPAN("\x0b\x0c"),                                 /* groups */
        SPAN("\x0f\x01"),                                 /* no such type */
        SPAN("\x80\x80\x80\x80\x80\x01\x01"),             /* a field number beyond 29 bits */
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct cursor message = cursor_of(bad[i].ptr, bad[i].len);
        struct protobuf_field field;
        ck_assert_msg(!protobuf_next(&message, &field) && message.failed, "case %zu", i);
        ck_assert(!protobuf_next(&message, &field) && message.failed);
    }
}
END_TEST

START_TEST(snappy_reads_back_what_it_wrote) {
    static char text[100000];
    memset(text, 'x', sizeof text);
    struct buf packed, out;
    buf_init(&packed, 1 << 20);
    buf_init(&out, sizeof text);
    ck_assert_int_eq(snappy_write(span_of(text, sizeof text), &packed, NULL), 0);
    ck_assert_uint_lt(packed.len, 10000);
    ck_assert_int_eq(snappy_read(buf_view(&packed), &out, NULL), 0);
    ck_assert(span_equal(buf_view(&out), span_of(text, sizeof text)));
    buf_reset(&packed);
    buf_reset(&out);
    ck_assert_int_eq(snappy_write((struct span){0}, &packed, NULL), 0);
    ck_assert_int_eq(snappy_read(buf_view(&packed), &out, NULL), 0);
    ck_assert_uint_eq(out.len, 0);
    buf_release(&packed);
    buf_release(&out);
}
END_TEST

START_TEST(a_declared_length_allocates_nothing_that_is_not_there) {
    struct budget budget;
    struct buf out;
    struct err err;
    budget_init(&budget, "test", SIZE_MAX, NULL);
    buf_init_budget(&out, (size_t)32 << 20, &budget);
    /* 4 GiB - 1, then 31 MiB, of which nothing comes */
    ck_assert_int_eq(snappy_read(SPAN("\xff\xff\xff\xff\x0f\x00\x61"), &out, &err), ERR_LIMIT);
    ck_assert_str_eq(err.text,
                     "snappy: decoded length 4294967295 is larger than the limit of 33554432 bytes");
    ck_assert_int_eq(snappy_read(SPAN("\x80\x80\xc0\x0f\x00\x61"), &out, &err), ERR_INVALID);
    ck_assert_uint_eq(budget.used_bytes, 0);
    ck_assert(!out.failed);
    buf_release(&out);
}
END_TEST

START_TEST(broken_snappy_is_invalid) {
    static const struct span bad[] = {SPAN(""),
                                      SPAN("\xff"),
                                      SPAN("\x00x"),
                                      SPAN("\x05\x10hell"),
                                      SPAN("\x04\x01\x00"),
                                      SPAN("\x01\x04xy"),
                                      SPAN("\xff\xff\xff\xff\xff\xff\xff\xff\x01")};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct buf out;
        struct err err;
        buf_init(&out, 1 << 20);
        ck_assert_msg(snappy_read(bad[i], &out, &err) == ERR_INVALID, "case %zu", i);
        ck_assert_str_eq(err.text, "snappy: corrupt input");
        ck_assert_uint_eq(out.len, 0);
        buf_release(&out);
    }
}
END_TEST

CHECK_MAIN("protobuf", fields_read_back_as_they_were_written, what_runs_past_the_end_fails_and_stays_failed,
           snappy_reads_back_what_it_wrote, a_declared_length_allocates_nothing_that_is_not_there,
           broken_snappy_is_invalid)
