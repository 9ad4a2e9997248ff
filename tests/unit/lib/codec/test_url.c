/* url, base64. */
#include "lib/codec/base64.h"
#include "lib/codec/url.h"
#include "tests/check_main.h"

#define COUNT(table) (sizeof(table) / sizeof *(table))

static const struct {
    const char *url, *shown;
} urls[] = {
    {"http://a/b", "http://a/b"},
    {"http://user@a/b", "http://user@a/b"},
    {"http://user:word@a/b", "http://user:xxxxx@a/b"},
    {"http://user:w@rd@a:1/b:c@d", "http://user:xxxxx@a:1/b:c@d"},
    {"http://a:1/b@c", "http://a:1/b@c"},
    {"http://a?x=u:p@b", "http://a?x=u:p@b"},
    {"http://:word@a", "http://:xxxxx@a"},
    {"no url at all", "no url at all"},
    {"", ""},
};

START_TEST(a_password_in_a_url_is_not_shown) {
    for (size_t i = 0; i < COUNT(urls); i++) {
        struct buf out;
        buf_init(&out, 1000);
        url_write_redacted(span_from(urls[i].url), &out);
        ck_assert_str_eq(buf_text(&out), urls[i].shown);
        buf_release(&out);
    }
}
END_TEST

START_TEST(what_is_not_plain_is_escaped) {
    struct buf out;
    buf_init(&out, 1000);
    url_write_escaped(SPAN("aZ09-_.~ /&=\xc3\xa9"), &out);
    ck_assert_str_eq(buf_text(&out), "aZ09-_.~%20%2F%26%3D%C3%A9");
    buf_release(&out);
}
END_TEST

static const struct {
    const char *bytes, *plain, *url;
} letters[] = {
    {"", "", ""},
    {"f", "Zg==", "Zg"},
    {"fo", "Zm8=", "Zm8"},
    {"foo", "Zm9v", "Zm9v"},
    {"foobar", "Zm9vYmFy", "Zm9vYmFy"},
    {"\xff\xef\xbe", "/+++", "_---"},
};

START_TEST(base64_is_that_of_the_rfc) {
    for (size_t i = 0; i < COUNT(letters); i++) {
        struct buf out;
        buf_init(&out, 1000);
        base64_write(span_from(letters[i].bytes), BASE64_PLAIN, &out);
        ck_assert_str_eq(buf_text(&out), letters[i].plain);
        buf_reset(&out);
        base64_write(span_from(letters[i].bytes), BASE64_URL, &out);
        ck_assert_str_eq(buf_text(&out), letters[i].url);
        buf_release(&out);
    }
}
END_TEST

CHECK_MAIN("url", a_password_in_a_url_is_not_shown, what_is_not_plain_is_escaped, base64_is_that_of_the_rfc)
