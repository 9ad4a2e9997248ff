#include "lib/codec/yaml.h"
#include "tests/check_main.h"
#include "tests/unit/web/api/fixture.h"
#include "web/api/inside.h"

/* The description of the API, and whether the answers are what it says. */

static struct arena arena;

static const struct ynode *parse(struct span text) {
    const struct ynode *root = NULL;
    struct ymark where;
    struct err err = {0};
    int rc = ynode_parse(text, &arena, &root, &where, &err);
    ck_assert_msg(rc == 0 && root, "%s: %.*s", err.text, SPAN_ARG(text));
    return root;
}

static const struct ynode *entry(const struct ynode *map, const char *key) {
    const struct yentry *found = map ? ynode_entry(map, span_from(key)) : NULL;
    return found ? found->value : NULL;
}

static const struct ynode *document(const char *target) {
    (void)get(target);
    ck_assert_int_eq(status(), 200);
    ck_assert_ptr_nonnull(strstr(t.out.data, "Content-Type: application/yaml; charset=utf-8\r\n"));
    struct span body = body_of(&t.out);
    return parse(span_of(arena_strndup(&arena, body.ptr, body.len), body.len));
}

/* ---- what each route needs ---- */

static const char *sample(struct span name) {
    static const struct {
        const char *name, *value;
    } samples[] = {{"query", "up"}, {"start", "0"},      {"end", "600"},
                   {"step", "60"},  {"match[]", "up"},   {"label", "job"},
                   {"id", "77"},    {"scrapePool", "j"}, {"labels", "%7B%22a%22:%22b%22%7D"}};
    for (size_t i = 0; i < sizeof samples / sizeof *samples; i++)
        if (span_is(name, samples[i].name)) return samples[i].value;
    ck_abort_msg("%.*s is needed, but the test has none", SPAN_ARG(name));
}

static void write_needed(const struct route *route, struct buf *out) {
    const char *separator = "";
    for (const char *c = route->params; c && *c;) {
        size_t len = strcspn(c, " ");
        if (c[len - 1] == '!') {
            buf_printf(out, "%s%.*s=%s", separator, (int)len - 1, c, sample(span_of(c, len - 1)));
            separator = "&";
        }
        c += len + (c[len] == ' ');
    }
}

/* ---- is it as described? ---- */

static void check_operation(const struct route *route, const struct ynode *operation) {
    bool is_form = entry(operation, "requestBody") != NULL;
    const struct ynode *fields =
        ynode_at(operation, "requestBody.content.application/x-www-form-urlencoded.schema.properties");
    const struct ynode *listed = entry(operation, "parameters");
    size_t count = 0;
    ck_assert_msg(entry(operation, "summary") && entry(operation, "operationId"), "%s", route->pattern);
    for (const char *c = route->params; c && *c;) {
        size_t len = strcspn(c, " "), name_len = c[len - 1] == '!' ? len - 1 : len;
        struct span name = span_of(c, name_len);
        const struct ynode *found = is_form && fields && ynode_entry(fields, name) ? fields : NULL;
        for (uint32_t i = 0; !is_form && listed && i < listed->count; i++) {
            const struct ynode *parameter = ynode_item(listed, i);
            if (!span_equal(entry(parameter, "name")->text, name)) continue;
            found = parameter;
            ck_assert_msg(entry(parameter, "description")->text.len > 0, "%s: what is %.*s?", route->pattern,
                          SPAN_ARG(name));
            ck_assert(span_is(entry(parameter, "required")->text, name_len < len ? "true" : "false"));
        }
        ck_assert_msg(found, "%s: %.*s is missing", route->pattern, SPAN_ARG(name));
        count++;
        c += len + (c[len] == ' ');
    }
    ck_assert_uint_eq(is_form  ? fields->count
                      : listed ? listed->count - (strpbrk(route->pattern, ":*") != NULL)
                               : 0,
                      count);
}

/* with {name} for :name and {group} for the rest */
static const char *pattern_shown(const char *pattern, char shown[64]) {
    size_t len = strcspn(pattern, "*");
    snprintf(shown, 64, "%.*s{group}", (int)len, pattern);
    return strchr(pattern, ':') ? "/api/v1/label/{name}/values" : pattern[len] ? shown : pattern;
}

START_TEST(every_route_is_described) {
    start(false, true);
    const struct ynode *paths = entry(document("/api/v1/openapi.yaml"), "paths");
    size_t described = 0;
    for (size_t i = 0; i < api_route_count; i++) {
        static const struct {
            enum web_method method;
            const char *name;
        } methods[] = {{METHOD_GET, "get"},
                       {METHOD_HEAD, "head"},
                       {METHOD_POST, "post"},
                       {METHOD_PUT, "put"},
                       {METHOD_DELETE, "delete"}};
        const struct route *route = &api_routes[i];
        if (route->handler == api_page || route->handler == api_notifications_live) continue;
        char shown[64];
        const struct ynode *path = entry(paths, pattern_shown(route->pattern, shown));
        ck_assert_msg(path != NULL, "%s is missing", route->pattern);
        described++;
        for (size_t m = 0; m < 5; m++) {
            const struct ynode *operation = entry(path, methods[m].name);
            ck_assert_msg(!operation == !(route->methods & methods[m].method), "%s %s", methods[m].name,
                          route->pattern);
            if (operation) check_operation(route, operation);
        }
    }
    ck_assert_uint_eq(paths->count, described);
    ck_assert_ptr_null(entry(paths, "/api/v1/notifications/live"));
    stop();
}
END_TEST

START_TEST(versions_are_those_asked_for) {
    start(false, true);
    ck_assert(span_is(entry(document("/api/v1/openapi.yaml"), "openapi")->text, "3.1.0"));
    ck_assert(span_is(entry(document("/api/v1/openapi.yaml?openapi_version=3.1"), "openapi")->text, "3.1.0"));
    const struct ynode *newer = document("/api/v1/openapi.yaml?openapi_version=3.2");
    ck_assert(span_is(entry(newer, "openapi")->text, "3.2.0"));
    ck_assert_ptr_nonnull(entry(entry(newer, "paths"), "/api/v1/notifications/live"));
    (void)get("/api/v1/openapi.yaml?openapi_version=2");
    ck_assert_int_eq(status(), 400);
    stop();
}
END_TEST

static void check_envelope(const struct route *route) {
    const struct ynode *answer = parse(body_of(&t.out)), *data = entry(answer, "data");
    static const enum ynode_kind kinds[] = {YNODE_MAP, YNODE_LIST, YNODE_SCALAR};
    const char *rest = route->answer;
    enum ynode_kind kind = kinds[*rest == 'o' ? 0 : *rest == 'a' ? 1 : 2];
    ck_assert_msg(span_is(entry(answer, "status")->text, "success"), "%s: %s", route->pattern, t.out.data);
    ck_assert_msg(data && data->kind == kind, "%s: %s", route->pattern, t.out.data);
    while ((rest = strchr(rest, ' '))) {
        size_t len = strcspn(++rest, " ");
        ck_assert_msg(ynode_entry(data, span_of(rest, len)), "%s: no %.*s: %s", route->pattern, (int)len,
                      rest, t.out.data);
    }
}

static void check_answer(const struct route *route) {
    char type[160];
    bool is_body = strchr(route->answer, '/') != NULL;
    snprintf(type, sizeof type, "\r\nContent-Type: %s", is_body ? route->answer : "application/json\r\n");
    ck_assert_msg(status() == 200, "%s: %s", route->pattern, t.out.data);
    ck_assert_msg(strstr(t.out.data, type), "%s: %s", route->pattern, t.out.data);
    if (!is_body) check_envelope(route);
}

START_TEST(answers_are_as_described) {
    struct config_errors *errors = mem_zalloc(sizeof *errors);
    config_unref(t.config);
    ck_assert_int_eq(config_load_text(SPAN("scrape_configs: [{job_name: j}]\n"), "x.yml", &t.config, errors),
                     0);
    mem_free(errors);
    append((struct label[]){{SPAN(LABEL_NAME), SPAN("up")}, {SPAN("job"), SPAN("j")}}, 2, 600000, 1);
    start(false, true);
    for (size_t i = 0; i < api_route_count; i++) {
        const struct route *route = &api_routes[i];
        bool is_label = strchr(route->pattern, ':') != NULL;
        if (route->handler == api_page || route->handler == api_notifications_live) continue;
        struct buf target, form;
        buf_init(&form, 1024);
        buf_init(&target, 1024);
        write_needed(route, &form);
        buf_printf(&target, "%s?%s", is_label ? "/api/v1/label/job/values" : route->pattern, buf_text(&form));
        if (route->methods & METHOD_GET) {
            (void)get(buf_text(&target));
            check_answer(route);
        }
        if ((route->methods & METHOD_GET) && (route->methods & METHOD_POST)) {
            (void)post(route->pattern, buf_text(&form));
            check_answer(route);
        }
        buf_release(&form);
        buf_release(&target);
    }
    stop();
}
END_TEST

static void begin(void) {
    set_up();
    arena_init(&arena, (size_t)256 << 20, NULL);
}

static void end(void) {
    arena_release(&arena);
    tear_down();
}

int main(void) {
    const TTest *const tests[] = {every_route_is_described, versions_are_those_asked_for,
                                  answers_are_as_described};
    TCase *tcase = tcase_create("openapi");
    tcase_set_timeout(tcase, 120);
    tcase_add_unchecked_fixture(tcase, begin, end);
    for (size_t i = 0; i < sizeof tests / sizeof *tests; i++) tcase_add_test(tcase, tests[i]);
    return check_run("openapi", tcase);
}
