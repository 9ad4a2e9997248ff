#include "lib/codec/snappy.h"
#include "tests/check_main.h"

/* "hello" in a plain frame, made by hand: its CRC-32C is 9a71bb4c, masked 191c1fbb */
#define BEGIN "\xff\x06\x00\x00sNaPpY"
#define HELLO                                                                                                \
    "\x01\x09\x00\x00\xbb\x1f\x1c\x19"                                                                       \
    "hello"
#define CHECKED_HELLO SPAN(BEGIN HELLO)

static struct buf out;
static struct err err;

static int read_frames(struct span packed, size_t limit) {
    buf_release(&out);
    buf_init(&out, limit);
    err = (struct err){0};
    return snappy_read_frames(packed, &out, &err);
}

START_TEST(frames_are_joined_and_others_skipped) {
    ck_assert_msg(read_frames(CHECKED_HELLO, 100) == 0, "%s", err.text);
    ck_assert_str_eq(buf_text(&out), "hello");
    ck_assert_int_eq(read_frames(SPAN(BEGIN HELLO "\xfe\x02\x00\x00zz" BEGIN HELLO), 100), 0);
    ck_assert_str_eq(buf_text(&out), "hellohello");
    ck_assert_int_eq(read_frames(SPAN(""), 100), 0);
    ck_assert_uint_eq(out.len, 0);
}
END_TEST

START_TEST(a_packed_frame_is_unpacked) {
    /* the same five bytes as a block: length 5, a literal of 5 */
    ck_assert_msg(read_frames(SPAN(BEGIN "\x00\x0b\x00\x00\xbb\x1f\x1c\x19\x05\x10"
                                         "hello"),
                              100) == 0,
                  "%s", err.text);
    ck_assert_str_eq(buf_text(&out), "hello");
}
END_TEST

START_TEST(what_is_damaged_is_refused) {
    struct span whole = CHECKED_HELLO;
    for (size_t len = 1; len < whole.len; len++)
        if (len != sizeof BEGIN - 1)
            ck_assert_msg(read_frames(span_of(whole.ptr, len), 100) == ERR_INVALID, "%zu", len);
    char text[sizeof BEGIN HELLO];
    for (size_t i = 0; i < whole.len; i++) {
        memcpy(text, whole.ptr, whole.len);
        text[i] ^= 0x11;
        ck_assert_msg(read_frames(span_of(text, whole.len), 100) == ERR_INVALID, "%zu", i);
    }
    ck_assert_int_eq(read_frames(SPAN(HELLO), 100), ERR_INVALID);
    ck_assert_int_eq(read_frames(SPAN(BEGIN "\x02\x00\x00\x00"), 100), ERR_INVALID);
    ck_assert_int_eq(read_frames(CHECKED_HELLO, 4), ERR_LIMIT);
    buf_release(&out);
}
END_TEST

CHECK_MAIN("snappy frames", frames_are_joined_and_others_skipped, a_packed_frame_is_unpacked,
           what_is_damaged_is_refused)
