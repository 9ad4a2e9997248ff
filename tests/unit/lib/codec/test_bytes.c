/* crc32c, md5, varint, gzip, json. */
#include "lib/codec/crc32c.h"
#include "lib/codec/gzip.h"
#include "lib/codec/json.h"
#include "lib/codec/md5.h"
#include "lib/codec/varint.h"
#include "tests/check_main.h"

#include <libdeflate.h>
#include <math.h>
#include <stdio.h>

START_TEST(crc32c_gives_the_published_values) {
    /* RFC 3720, appendix B.4 */
    uint8_t zeros[32] = {0}, ascending[32];
    for (uint8_t i = 0; i < 32; i++) ascending[i] = i;
    ck_assert_uint_eq(crc32c(0, zeros, 32), 0x8a9136aau);
    ck_assert_uint_eq(crc32c(0, ascending, 32), 0x46dd794eu);
    ck_assert_uint_eq(crc32c(0, "123456789", 9), 0xe3069283u);
    ck_assert_uint_eq(crc32c(crc32c(0, "1234", 4), "56789", 5), 0xe3069283u);
}
END_TEST

START_TEST(md5_gives_the_published_values) {
    /* RFC 1321, appendix A.5 */
    static const char *const table[][2] = {
        {"", "d41d8cd98f00b204e9800998ecf8427e"},
        {"a", "0cc175b9c0f1b6a831c399e269772661"},
        {"message digest", "f96b697d7cb7938d525a2f31aaf161d0"},
        {"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789",
         "d174ab98d277d9f5a5611c2c9f419d9f"},
        {"12345678901234567890123456789012345678901234567890123456789012345678901234567890",
         "57edf4a22be3c955ac49da2e2107b67a"},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        uint8_t digest[MD5_BYTES];
        char text[2 * MD5_BYTES + 1];
        md5(span_from(table[i][0]), digest);
        for (size_t k = 0; k < MD5_BYTES; k++) snprintf(text + 2 * k, 3, "%02x", digest[k]);
        ck_assert_str_eq(text, table[i][1]);
    }
}
END_TEST

START_TEST(varints_read_back_and_never_run_over) {
    struct buf buf;
    buf_init(&buf, 1000);
    static const uint64_t values[] = {0, 1, 127, 128, 16383, 16384, UINT32_MAX, UINT64_MAX};
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) buf_varint(&buf, values[i]);
    buf_zigzag(&buf, INT64_MIN);
    struct cursor cursor = cursor_of(buf.data, buf.len);
    for (size_t i = 0; i < sizeof values / sizeof *values; i++)
        ck_assert_uint_eq(cursor_varint(&cursor), values[i]);
    ck_assert_int_eq(cursor_zigzag(&cursor), INT64_MIN);
    ck_assert(!cursor.failed && cursor_left(&cursor) == 0);
    ck_assert_uint_eq(cursor_u32(&cursor), 0);
    ck_assert(cursor.failed);
    uint8_t endless[11];
    memset(endless, 0xff, sizeof endless);
    cursor = cursor_of(endless, sizeof endless);
    cursor_varint(&cursor);
    ck_assert(cursor.failed);
    buf_release(&buf);
}
END_TEST

static struct span packed(const char *text, size_t len, char *out, size_t size) {
    struct libdeflate_compressor *compressor = libdeflate_alloc_compressor(6);
    size_t written = libdeflate_gzip_compress(compressor, text, len, out, size);
    libdeflate_free_compressor(compressor);
    return span_of(out, written);
}

START_TEST(gzip_reads_members_up_to_its_limit) {
    static char big[200000], out[10000];
    memset(big, 'x', sizeof big);
    struct span first = packed(big, sizeof big, out, sizeof out);
    struct span second = packed("end", 3, out + first.len, sizeof out - first.len);
    struct gzip_reader *reader = gzip_reader_create();
    struct buf body;
    buf_init(&body, 1 << 20);
    ck_assert_int_eq(gzip_read(reader, span_of(out, first.len + second.len), &body, NULL), 0);
    ck_assert_uint_eq(body.len, sizeof big + 3);
    ck_assert(span_ends_with(buf_view(&body), SPAN("xend")));
    buf_release(&body);
    buf_init(&body, 100000);
    struct err err = {0};
    ck_assert_int_eq(gzip_read(reader, first, &body, &err), ERR_LIMIT);
    ck_assert_str_eq(err.text, "decompressed body is larger than 100000 bytes");
    buf_reset(&body);
    ck_assert_int_eq(gzip_read(reader, SPAN("not gzip"), &body, &err), ERR_INVALID);
    buf_reset(&body);
    ck_assert_int_eq(gzip_read(reader, span_of(out, first.len / 2), &body, &err), ERR_INVALID);
    buf_release(&body);
    gzip_reader_destroy(reader);
}
END_TEST

START_TEST(json_escapes_and_separates) {
    struct buf out;
    struct json_writer w;
    buf_init(&out, 10000);
    json_init(&w, &out);
    json_object(&w);
    json_key(&w, "a\"\n");
    json_string(&w, SPAN("<b>&\xc3\xa9\xff\x01"));
    json_key(&w, "list");
    json_array(&w);
    json_time_ms(&w, 1435781430781);
    json_time_ms(&w, -1500);
    json_time_ms(&w, 2000);
    json_value(&w, NAN);
    json_value(&w, 1e21);
    json_bool(&w, true);
    json_null(&w);
    json_double(&w, INFINITY);
    json_array(&w);
    json_end_array(&w);
    json_end_array(&w);
    json_end_object(&w);
    ck_assert_str_eq(buf_text(&out), "{\"a\\\"\\n\":\"\\u003cb\\u003e\\u0026\xc3\xa9\\ufffd\\u0001\","
                                     "\"list\":[1435781430.781,-1.5,2,\"NaN\",\"1e+21\",true,"
                                     "null,null,[]]}");
    buf_release(&out);
}
END_TEST

CHECK_MAIN("bytes", crc32c_gives_the_published_values, md5_gives_the_published_values,
           varints_read_back_and_never_run_over, gzip_reads_members_up_to_its_limit,
           json_escapes_and_separates)
