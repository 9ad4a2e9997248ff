/* What a header says, and everything that only looks like it. */
#include "web/gate/authorization.h"

#include "tests/check_main.h"

START_TEST(both_kinds_are_read) {
    struct authorization a;
    authorization_read(SPAN("Basic YWxpY2U6cGFzczp3b3Jk"), &a);
    ck_assert_int_eq(a.kind, AUTHORIZATION_BASIC);
    ck_assert(span_is(a.user, "alice") && span_is(a.password, "pass:word"));
    authorization_read(SPAN("bAsIc Og=="), &a);
    ck_assert_int_eq(a.kind, AUTHORIZATION_BASIC);
    ck_assert(a.user.len == 0 && a.password.len == 0);
    authorization_read(SPAN("Basic YTpi"), &a);
    ck_assert(span_is(a.user, "a") && span_is(a.password, "b"));
    authorization_read(SPAN("bearer abc.def"), &a);
    ck_assert_int_eq(a.kind, AUTHORIZATION_BEARER);
    ck_assert(span_is(a.token, "abc.def"));
    authorization_wipe(&a);
    ck_assert_int_eq(a.kind, AUTHORIZATION_NONE);
    authorization_read((struct span){0}, &a);
    ck_assert_int_eq(a.kind, AUTHORIZATION_NONE);
}
END_TEST

START_TEST(what_is_malformed_is_neither) {
    static const char *const bad[] = {
        "",
        "Basic",
        "Basic ",
        "Basic YTpi=",
        "Basic YTp",
        "Basic YTo=YTo=",
        "Basic YT pi",
        "Basic YT==",
        "Basic YWxpY2U=",
        "Basic Oh==" /* bits left over */,
        "BasicYTpi",
        "Bearer ",
        "Digest x",
        "Basic ====",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct authorization a;
        authorization_read(span_from(bad[i]), &a);
        ck_assert_msg(a.kind == AUTHORIZATION_BAD, "taken: %s", bad[i]);
    }
    char large[4096];
    struct authorization a;
    memset(large, 'A', sizeof large);
    memcpy(large, "Basic ", 6);
    authorization_read(span_of(large, 6 + 4000), &a);
    ck_assert_int_eq(a.kind, AUTHORIZATION_BAD);
}
END_TEST

CHECK_MAIN("authorization", both_kinds_are_read, what_is_malformed_is_neither)
