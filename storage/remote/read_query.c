#include "storage/remote/read_query.h"

#include "lib/codec/protobuf.h"
#include "lib/codec/snappy.h"

/* field numbers of prometheus.ReadRequest, Query and LabelMatcher */
enum { REQUEST_QUERIES = 1, REQUEST_FORMS = 2 };
enum { QUERY_START = 1, QUERY_END = 2, QUERY_MATCHERS = 3 };
enum { MATCHER_TYPE = 1, MATCHER_NAME = 2, MATCHER_VALUE = 3 };

static int malformed(struct err *err) {
    return err_set(err, ERR_INVALID, "proto: malformed read request");
}

static int read_matcher(struct span bytes, struct matcher *matcher, struct err *err) {
    static const enum matcher_type types[] = {MATCH_EQUAL, MATCH_NOT_EQUAL, MATCH_REGEX, MATCH_NOT_REGEX};
    struct cursor message = cursor_of(bytes.ptr, bytes.len);
    struct protobuf_field field;
    struct span name = SPAN(""), value = SPAN("");
    uint64_t type = 0;
    while (protobuf_next(&message, &field)) {
        bool is_text = field.number == MATCHER_NAME || field.number == MATCHER_VALUE;
        if (is_text && field.type != PROTOBUF_BYTES) return malformed(err);
        if (field.number == MATCHER_TYPE) type = field.value;
        if (field.number == MATCHER_NAME) name = field.bytes;
        if (field.number == MATCHER_VALUE) value = field.bytes;
    }
    if (message.failed) return malformed(err);
    if (type >= sizeof types / sizeof *types) return err_set(err, ERR_INVALID, "invalid matcher type");
    return matcher_init(matcher, types[type], name, value, err);
}

static bool is_external(const struct matcher *matcher, struct labels external) {
    return matcher->type == MATCH_EQUAL && labels_has(external, matcher->name) &&
           span_equal(labels_get(external, matcher->name), matcher->value);
}

static size_t count_fields(struct span bytes, uint32_t number) {
    struct cursor message = cursor_of(bytes.ptr, bytes.len);
    struct protobuf_field field;
    size_t count = 0;
    while (protobuf_next(&message, &field)) count += field.number == number;
    return count;
}

static int add_matcher(struct read_query *query, struct span bytes, struct labels external, struct err *err) {
    struct matcher *matcher = &query->matchers[query->matcher_count];
    int rc = read_matcher(bytes, matcher, err);
    if (rc) return rc;
    if (is_external(matcher, external))
        matcher_release(matcher);
    else
        query->matcher_count++;
    return 0;
}

static int read_query(struct read_request *request, struct span bytes, struct labels external,
                      struct arena *arena, struct err *err) {
    struct read_query *query = &request->queries[request->query_count++];
    size_t count = count_fields(bytes, QUERY_MATCHERS);
    request->matcher_count += count;
    if (request->matcher_count > READ_MATCHERS_MAX)
        return err_set(err, ERR_LIMIT, "more than %u matchers in one request", READ_MATCHERS_MAX);
    query->matchers = arena_array(arena, count + 1, sizeof *query->matchers);
    if (!query->matchers) return arena_limit(arena, "a remote read", err);
    struct cursor message = cursor_of(bytes.ptr, bytes.len);
    struct protobuf_field field;
    int rc = 0;
    while (!rc && protobuf_next(&message, &field)) {
        if (field.number > QUERY_MATCHERS) continue;
        if ((field.number == QUERY_MATCHERS) != (field.type == PROTOBUF_BYTES)) return malformed(err);
        if (field.number == QUERY_START) query->mint = (int64_t)field.value;
        if (field.number == QUERY_END) query->maxt = (int64_t)field.value;
        if (field.number == QUERY_MATCHERS) rc = add_matcher(query, field.bytes, external, err);
    }
    return !rc && message.failed ? malformed(err) : rc;
}

/* the first form that we have decides; one number, or several packed */
static void take_forms(const struct protobuf_field *field, bool *has_form, bool *has_any,
                       enum read_form *form) {
    struct cursor packed = cursor_of(field->bytes.ptr, field->bytes.len);
    bool is_packed = field->type == PROTOBUF_BYTES;
    while (!is_packed || cursor_left(&packed)) {
        uint64_t wanted = is_packed ? protobuf_varint(&packed) : field->value;
        *has_any = true;
        if (!*has_form && wanted <= READ_CHUNKS) {
            *has_form = true;
            *form = (enum read_form)wanted;
        }
        if (!is_packed) return;
    }
}

static int read_all(struct span body, struct labels external, struct arena *arena,
                    struct read_request *request, struct err *err) {
    struct cursor message = cursor_of(body.ptr, body.len);
    struct protobuf_field field;
    bool has_form = false, has_any = false;
    int rc = 0;
    while (!rc && protobuf_next(&message, &field)) {
        if (field.number == REQUEST_FORMS) take_forms(&field, &has_form, &has_any, &request->form);
        if (field.number != REQUEST_QUERIES) continue;
        if (field.type != PROTOBUF_BYTES) return malformed(err);
        rc = read_query(request, field.bytes, external, arena, err);
    }
    if (!rc && message.failed) return malformed(err);
    if (!rc && has_any && !has_form)
        return err_set(err, ERR_INVALID,
                       "server does not support any of the requested response types; supported: SAMPLES, "
                       "STREAMED_XOR_CHUNKS");
    return rc;
}

int read_request_read(struct span packed, struct labels external, struct arena *arena,
                      struct read_request *request, struct err *err) {
    *request = (struct read_request){0};
    buf_init_budget(&request->body, READ_REQUEST_MAX, arena->budget);
    int rc = snappy_read(packed, &request->body, err);
    if (rc) return rc;
    struct span body = buf_view(&request->body);
    size_t count = count_fields(body, REQUEST_QUERIES);
    if (count > READ_QUERIES_MAX)
        return err_set(err, ERR_LIMIT, "more than %u queries in one request", READ_QUERIES_MAX);
    request->queries = arena_array(arena, count + 1, sizeof *request->queries);
    if (!request->queries) return arena_limit(arena, "a remote read", err);
    return read_all(body, external, arena, request, err);
}

void read_request_release(struct read_request *request) {
    for (size_t i = 0; i < request->query_count; i++)
        for (size_t m = 0; m < request->queries[i].matcher_count; m++)
            matcher_release(&request->queries[i].matchers[m]);
    request->query_count = 0;
    buf_release(&request->body);
}
