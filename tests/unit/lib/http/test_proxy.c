/* Which proxy, and which URLs are of one origin. */
#include "lib/http/origin.h"
#include "lib/http/proxy.h"
#include "tests/check_main.h"

static const struct {
    const char *no_proxy, *host;
    long port;
    bool is_direct;
} cases[] = {
    {NULL, "localhost", 80, false}, /* a proxy without exceptions serves all */
    {"a", "localhost", 80, true},
    {"a", "127.0.0.9", 80, true},
    {"a", "::1", 80, true},
    {"a", "b", 80, false},
    {"*", "b", 80, true},
    {"a.test", "a.test", 80, true},
    {"a.test", "x.A.test", 80, true},
    {"a.test", "xa.test", 80, false},
    {".a.test", "a.test", 80, false},
    {"*.a.test", "x.a.test", 80, true},
    {" b , a.test:81 ", "a.test", 81, true},
    {" b , a.test:81 ", "a.test", 80, false},
    {"10.0.0.0/8", "10.255.0.1", 80, true},
    {"10.0.0.0/8", "11.0.0.1", 80, false},
    {"10.0.0.0/8", "a.test", 80, false},
    {"10.0.0.0/33", "10.0.0.0", 80, false},
    {"10.0.0.1:81", "10.0.0.1", 81, true},
    {"10.0.0.1", "10.0.0.11", 80, false},
    {"fd00::/8", "fd12::1", 80, true},
    {"[fd00::1]:81", "fd00::1", 81, true},
    {"fd00::1", "fd00::1", 81, true},
    {",,", "b", 80, false},
};

START_TEST(exceptions_are_asked_directly) {
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct proxy proxy;
        proxy_init(&proxy, &(struct http_proxy_options){.url = "http://p:1", .no_proxy = cases[i].no_proxy});
        const char *url = proxy_for(&proxy, false, cases[i].host, cases[i].port);
        ck_assert_msg((url == NULL) == cases[i].is_direct, "%s for %s", cases[i].no_proxy, cases[i].host);
        if (url) ck_assert_str_eq(url, "http://p:1");
        proxy_release(&proxy);
    }
}
END_TEST

START_TEST(the_environment_is_read_only_when_asked) {
    struct proxy proxy;
    setenv("HTTP_PROXY", "one:1", 1);
    setenv("https_proxy", "socks5://two:2", 1);
    setenv("NO_PROXY", "direct.test", 1);
    proxy_init(&proxy, &(struct http_proxy_options){0});
    ck_assert_ptr_null(proxy_for(&proxy, false, "a.test", 80));
    proxy_release(&proxy);
    proxy_init(&proxy, &(struct http_proxy_options){.from_environment = true});
    ck_assert_str_eq(proxy_for(&proxy, false, "a.test", 80), "http://one:1");
    ck_assert_str_eq(proxy_for(&proxy, true, "a.test", 443), "socks5h://two:2");
    ck_assert_ptr_null(proxy_for(&proxy, true, "direct.test", 443));
    ck_assert_ptr_null(proxy_for(&proxy, true, "localhost", 443));
    proxy_release(&proxy);
}
END_TEST

static const struct {
    const char *from, *to;
    bool trusted;
} pairs[] = {
    {"http://a/x", "http://a/y", true},    {"http://a/x", "http://A:80/", true},
    {"http://a/x", "http://a:81/", false}, {"http://a/x", "https://a/", true},
    {"https://a/x", "http://a/", false},   {"https://a/x", "https://b/", false},
    {"http://a/x", "http://b.a/", false},  {"http://[::1]:1/", "http://[::1]:1/x", true},
    {"http://a/", "file:///etc", false},   {"http://a/", "", false},
    {"http://a@b/", "http://b/", true},    {"http://a@b/", "http://a/", false},
};

START_TEST(secrets_go_to_the_same_host_or_its_tls) {
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        struct origin from, to;
        origin_of(pairs[i].from, &from);
        origin_of(pairs[i].to, &to);
        ck_assert_msg(origin_trusts(&from, &to) == pairs[i].trusted, "%s %s", pairs[i].from, pairs[i].to);
        origin_release(&from);
        origin_release(&to);
    }
}
END_TEST

CHECK_MAIN("proxy", exceptions_are_asked_directly, the_environment_is_read_only_when_asked,
           secrets_go_to_the_same_host_or_its_tls)
