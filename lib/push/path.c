#include "lib/push/path.h"

#include "lib/codec/base64.h"

#define BASE64_SUFFIX "@base64"

static int value_of(char c) {
    if (c >= 'A' && c <= 'Z') return c - 'A';
    if (c >= 'a' && c <= 'z') return c - 'a' + 26;
    if (c >= '0' && c <= '9') return c - '0' + 52;
    return c == '-' ? 62 : c == '_' ? 63 : -1;
}

static int decode(struct span text, struct arena *arena, struct span *value, struct err *err) {
    while (text.len && text.ptr[text.len - 1] == '=') text.len--;
    unsigned char *out = arena_alloc(arena, text.len + 1);
    size_t len = 0;
    uint32_t bits = 0;
    if (!out) return arena_limit(arena, "labels of a push", err);
    for (size_t i = 0; i < text.len; i++) {
        int six = value_of(text.ptr[i]);
        if (six < 0) return err_set(err, ERR_INVALID, "illegal base64 data at input byte %zu", i);
        bits = bits << 6 | (uint32_t)six;
        if (i % 4) out[len++] = (unsigned char)(bits >> (6 - 2 * (i % 4)));
    }
    /* a last letter alone makes no byte */
    if (text.len % 4 == 1)
        return err_set(err, ERR_INVALID, "illegal base64 data at input byte %zu", text.len);
    *value = span_of((const char *)out, len);
    return 0;
}

static struct span take_segment(struct span *rest) {
    size_t end = span_find_byte(*rest, '/', 0), used = end < rest->len ? end + 1 : end;
    struct span segment = span_of(rest->ptr, end);
    *rest = span_of(rest->ptr + used, rest->len - used);
    return segment;
}

/* the name without its suffix */
static struct span bare_name(struct span name, bool *is_base64) {
    *is_base64 = span_ends_with(name, SPAN(BASE64_SUFFIX));
    return *is_base64 ? span_of(name.ptr, name.len - (sizeof BASE64_SUFFIX - 1)) : name;
}

struct pairs {
    struct label items[PUSH_PATH_LABELS_MAX];
    uint32_t count;
};

/* the last of a name counts */
static int set(struct pairs *pairs, struct span name, struct span value, struct err *err) {
    uint32_t at = 0;
    while (at < pairs->count && span_compare(pairs->items[at].name, name) < 0) at++;
    if (at == pairs->count || !span_equal(pairs->items[at].name, name)) {
        if (pairs->count == PUSH_PATH_LABELS_MAX)
            return err_set(err, ERR_LIMIT, "more than %d labels in the path", PUSH_PATH_LABELS_MAX);
        memmove(&pairs->items[at + 1], &pairs->items[at], (pairs->count - at) * sizeof *pairs->items);
        pairs->count++;
    }
    pairs->items[at] = (struct label){name, value};
    return 0;
}

static int read_pair(struct pairs *pairs, struct span *rest, struct arena *arena, struct err *err) {
    bool is_base64;
    struct span name = bare_name(take_segment(rest), &is_base64), value = take_segment(rest);
    if (!label_name_is_legacy(name) || span_starts_with(name, SPAN("__")))
        return err_set(err, ERR_INVALID, "improper label name \"%.*s\"", SPAN_ARG(name));
    if (is_base64) {
        int rc = decode(value, arena, &value, err);
        if (rc)
            return err_wrap(err, rc, "invalid base64 encoding for label %.*s=\"%.*s\"", SPAN_ARG(name),
                            SPAN_ARG(value));
    }
    return set(pairs, name, value, err);
}

static int read_job(struct span *rest, struct arena *arena, struct span *job, struct err *err) {
    bool is_base64;
    (void)bare_name(take_segment(rest), &is_base64);
    *job = take_segment(rest);
    if (!is_base64) return 0;
    int rc = decode(*job, arena, job, err);
    return rc ? err_wrap(err, rc, "invalid base64 encoding in job name \"\"") : 0;
}

static size_t count_slashes(struct span text) {
    size_t count = 0;
    for (size_t i = 0; i < text.len; i++) count += text.ptr[i] == '/';
    return count;
}

static int finish(const struct pairs *pairs, struct arena *arena, struct labels *labels, struct err *err) {
    size_t bytes = 0;
    for (uint32_t i = 0; i < pairs->count; i++) {
        if (!span_is_utf8(pairs->items[i].value))
            return err_set(err, ERR_INVALID, "label %.*s is not UTF-8", SPAN_ARG(pairs->items[i].name));
        bytes += pairs->items[i].name.len + pairs->items[i].value.len;
    }
    struct label *items = arena_array(arena, pairs->count + 1, sizeof *items);
    char *text = arena_alloc(arena, bytes + 1);
    if (!items || !text) return arena_limit(arena, "labels of a push", err);
    for (uint32_t i = 0; i < pairs->count; i++) {
        struct span parts[2] = {pairs->items[i].name, pairs->items[i].value};
        for (size_t k = 0; k < 2; k++) {
            if (parts[k].len) memcpy(text, parts[k].ptr, parts[k].len);
            parts[k].ptr = text;
            text += parts[k].len;
        }
        items[i] = (struct label){parts[0], parts[1]};
    }
    *labels = (struct labels){items, pairs->count};
    return 0;
}

int push_path_read(struct span path, struct arena *arena, struct labels *labels, struct err *err) {
    struct pairs pairs = {.count = 0};
    struct span rest = path, job;
    int rc = read_job(&rest, arena, &job, err);
    if (rc) return rc;
    if (rest.len && count_slashes(rest) % 2 == 0)
        return err_set(err, ERR_INVALID, "odd number of components in label string \"/%.*s\"",
                       SPAN_ARG(rest));
    while (rest.len && !rc) rc = read_pair(&pairs, &rest, arena, err);
    if (!rc && !job.len) rc = err_set(err, ERR_INVALID, "job name is required");
    if (!rc) rc = set(&pairs, SPAN("job"), job, err);
    return rc ? rc : finish(&pairs, arena, labels, err);
}

static void write_value(struct span value, struct buf *out) {
    if (value.len)
        base64_write(value, BASE64_URL, out);
    else
        buf_putc(out, '=');
}

void push_path_write(struct labels labels, struct buf *out) {
    buf_puts(out, "job" BASE64_SUFFIX "/");
    write_value(labels_get(labels, SPAN("job")), out);
    for (uint32_t i = 0; i < labels.count; i++) {
        if (span_is(labels.items[i].name, "job")) continue;
        buf_putc(out, '/');
        buf_span(out, labels.items[i].name);
        buf_puts(out, BASE64_SUFFIX "/");
        write_value(labels.items[i].value, out);
    }
}
