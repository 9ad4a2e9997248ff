#include "lib/template/exec.h"

#include "lib/codec/url.h"

#include <stdio.h>

/*
 * The functions that Go's text/template has by itself.
 */

static int go_not(struct exec *x, const struct value *args, size_t count, struct value *result,
                  struct err *err) {
    (void)x, (void)count, (void)err;
    *result = value_bool(!value_is_true(&args[0]));
    return 0;
}

/* ---- comparing ---- */

static bool is_basic(const struct value *value) {
    return value->kind >= VALUE_BOOL && value->kind <= VALUE_STRING;
}

static bool basic_equal(const struct value *a, const struct value *b) {
    switch (a->kind) {
    case VALUE_BOOL: return a->flag == b->flag;
    case VALUE_INT: return a->integer == b->integer;
    case VALUE_FLOAT: return a->number == b->number;
    default: return span_equal(a->text, b->text);
    }
}

static int equal(const struct value *a, const struct value *b, bool *is_equal, struct err *err) {
    bool a_nil = a->kind <= VALUE_NIL, b_nil = b->kind <= VALUE_NIL;
    if (a_nil || b_nil) {
        *is_equal = a_nil && b_nil;
        return 0;
    }
    if (!is_basic(a) || !is_basic(b))
        return err_set(err, ERR_INVALID, "non-comparable type %s: %s", value_type(is_basic(a) ? b : a),
                       value_type(is_basic(a) ? b : a));
    if (a->kind != b->kind) return err_set(err, ERR_INVALID, "incompatible types for comparison");
    *is_equal = basic_equal(a, b);
    return 0;
}

static int go_eq(struct exec *x, const struct value *args, size_t count, struct value *result,
                 struct err *err) {
    bool is_equal = false;
    (void)x;
    if (count < 2) return err_set(err, ERR_INVALID, "missing argument for comparison");
    for (size_t i = 1; i < count && !is_equal; i++)
        if (equal(&args[0], &args[i], &is_equal, err)) return ERR_INVALID;
    *result = value_bool(is_equal);
    return 0;
}

static int go_ne(struct exec *x, const struct value *args, size_t count, struct value *result,
                 struct err *err) {
    bool is_equal = false;
    (void)x, (void)count;
    if (equal(&args[0], &args[1], &is_equal, err)) return ERR_INVALID;
    *result = value_bool(!is_equal);
    return 0;
}

static int less(const struct value *a, const struct value *b, bool *is_less, struct err *err) {
    if (!is_basic(a) || !is_basic(b)) return err_set(err, ERR_INVALID, "invalid type for comparison");
    if (a->kind != b->kind) return err_set(err, ERR_INVALID, "incompatible types for comparison");
    if (a->kind == VALUE_BOOL) return err_set(err, ERR_INVALID, "invalid type for comparison");
    *is_less = a->kind == VALUE_INT     ? a->integer < b->integer
               : a->kind == VALUE_FLOAT ? a->number < b->number
                                        : span_compare(a->text, b->text) < 0;
    return 0;
}

static int go_lt(struct exec *x, const struct value *args, size_t count, struct value *result,
                 struct err *err) {
    bool is_less = false;
    (void)x, (void)count;
    if (less(&args[0], &args[1], &is_less, err)) return ERR_INVALID;
    *result = value_bool(is_less);
    return 0;
}

static int go_le(struct exec *x, const struct value *args, size_t count, struct value *result,
                 struct err *err) {
    bool is_less = false;
    (void)x, (void)count;
    if (less(&args[0], &args[1], &is_less, err)) return ERR_INVALID;
    *result = value_bool(is_less || basic_equal(&args[0], &args[1]));
    return 0;
}

static int go_gt(struct exec *x, const struct value *args, size_t count, struct value *result,
                 struct err *err) {
    int rc = go_le(x, args, count, result, err); /* as Go does: also for NaN */
    if (!rc) result->flag = !result->flag;
    return rc;
}

static int go_ge(struct exec *x, const struct value *args, size_t count, struct value *result,
                 struct err *err) {
    int rc = go_lt(x, args, count, result, err);
    if (!rc) result->flag = !result->flag;
    return rc;
}

/* ---- pieces ---- */

static int go_len(struct exec *x, const struct value *args, size_t count, struct value *result,
                  struct err *err) {
    (void)x, (void)count;
    switch (args[0].kind) {
    case VALUE_STRING: *result = value_int((int64_t)args[0].text.len); return 0;
    case VALUE_LABELS: *result = value_int((int64_t)args[0].labels.count); return 0;
    case VALUE_LIST:
    case VALUE_MAP: *result = value_int((int64_t)args[0].list->count); return 0;
    case VALUE_MISSING:
    case VALUE_NIL: return err_set(err, ERR_INVALID, "len of nil pointer");
    default: return err_set(err, ERR_INVALID, "len of type %s", value_type(&args[0]));
    }
}

static int check_index(const struct value *index, size_t length, struct err *err) {
    if (index->kind <= VALUE_NIL) return err_set(err, ERR_INVALID, "cannot index slice/array with nil");
    if (index->kind != VALUE_INT)
        return err_set(err, ERR_INVALID, "cannot index slice/array with type %s", value_type(index));
    if (index->integer < 0 || (uint64_t)index->integer >= length)
        return err_set(err, ERR_INVALID, "index out of range: %lld", (long long)index->integer);
    return 0;
}

static int index_map(const struct value *of, const struct value *key, struct value *result, struct err *err) {
    if (key->kind != VALUE_STRING)
        return err_set(err, ERR_INVALID, "value has type %s; should be string", value_type(key));
    if (of->kind == VALUE_LABELS) {
        *result = value_string(labels_get(of->labels, key->text));
        return 0;
    }
    *result = (struct value){.kind = VALUE_NIL};
    for (size_t i = 0; i < of->list->count; i++) {
        char name[24];
        int length = snprintf(name, sizeof name, "arg%zu", i);
        if (span_equal(key->text, span_of(name, (size_t)length))) *result = of->list->items[i];
    }
    return 0;
}

static int index_one(const struct value *of, const struct value *key, struct value *result, struct err *err) {
    int rc;
    switch (of->kind) {
    case VALUE_STRING:
        rc = check_index(key, of->text.len, err);
        if (!rc) *result = value_int((unsigned char)of->text.ptr[key->integer]);
        return rc;
    case VALUE_LIST:
        rc = check_index(key, of->list->count, err);
        if (!rc) *result = of->list->items[key->integer];
        return rc;
    case VALUE_LABELS:
    case VALUE_MAP: return index_map(of, key, result, err);
    case VALUE_MISSING:
    case VALUE_NIL: return err_set(err, ERR_INVALID, "index of untyped nil");
    default: return err_set(err, ERR_INVALID, "can't index item of type %s", value_type(of));
    }
}

static int go_index(struct exec *x, const struct value *args, size_t count, struct value *result,
                    struct err *err) {
    struct value value = args[0];
    (void)x;
    if (value.kind <= VALUE_NIL) return err_set(err, ERR_INVALID, "index of untyped nil");
    for (size_t i = 1; i < count; i++) {
        struct value next;
        int rc = index_one(&value, &args[i], &next, err);
        if (rc) return rc;
        value = next;
    }
    *result = value;
    return 0;
}

static int go_slice(struct exec *x, const struct value *args, size_t count, struct value *result,
                    struct err *err) {
    bool is_text = args[0].kind == VALUE_STRING;
    size_t length = is_text ? args[0].text.len : args[0].kind == VALUE_LIST ? args[0].list->count : 0;
    int64_t bounds[2] = {0, (int64_t)length};
    if (args[0].kind <= VALUE_NIL) return err_set(err, ERR_INVALID, "slice of untyped nil");
    if (!is_text && args[0].kind != VALUE_LIST)
        return err_set(err, ERR_INVALID, "can't slice item of type %s", value_type(&args[0]));
    if (count > 4) return err_set(err, ERR_INVALID, "too many slice indexes: %zu", count - 1);
    if (count == 4 && is_text) return err_set(err, ERR_INVALID, "cannot 3-index slice a string");
    for (size_t i = 1; i < count; i++) {
        int rc = check_index(&args[i], length + 1, err);
        if (rc) return rc;
        if (i < 3) bounds[i - 1] = args[i].integer;
    }
    if (bounds[0] > bounds[1])
        return err_set(err, ERR_INVALID, "invalid slice index: %lld > %lld", (long long)bounds[0],
                       (long long)bounds[1]);
    size_t start = (size_t)bounds[0], size = (size_t)(bounds[1] - bounds[0]);
    if (is_text) {
        *result = value_string(span_of(args[0].text.ptr + start, size));
        return 0;
    }
    struct value_list *list = arena_zalloc(&x->arena, sizeof *list);
    if (!list) return arena_limit(&x->arena, "template", err);
    *list = (struct value_list){args[0].list->items + start, size};
    *result = (struct value){.kind = VALUE_LIST, .list = list};
    return 0;
}

/* ---- texts ---- */

static int go_print(struct exec *x, const struct value *args, size_t count, struct value *result,
                    struct err *err) {
    struct buf made;
    buf_init(&made, TEMPLATE_MAX_OUTPUT);
    values_print(args, count, &made);
    return exec_text(x, &made, result, err);
}

static int go_println(struct exec *x, const struct value *args, size_t count, struct value *result,
                      struct err *err) {
    struct buf made;
    buf_init(&made, TEMPLATE_MAX_OUTPUT);
    values_println(args, count, &made);
    return exec_text(x, &made, result, err);
}

static int go_printf(struct exec *x, const struct value *args, size_t count, struct value *result,
                     struct err *err) {
    struct buf made;
    buf_init(&made, TEMPLATE_MAX_OUTPUT);
    values_printf(args[0].text, args + 1, count - 1, &made);
    return exec_text(x, &made, result, err);
}

static void escape_html(struct span text, struct buf *out) {
    for (size_t i = 0; i < text.len; i++) {
        switch (text.ptr[i]) {
        case '\0': buf_puts(out, "\xef\xbf\xbd"); break;
        case '"': buf_puts(out, "&#34;"); break;
        case '\'': buf_puts(out, "&#39;"); break;
        case '&': buf_puts(out, "&amp;"); break;
        case '<': buf_puts(out, "&lt;"); break;
        case '>': buf_puts(out, "&gt;"); break;
        default: buf_putc(out, text.ptr[i]);
        }
    }
}

static void escape_js(struct span text, struct buf *out) {
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        if (c == '\\' || c == '\'' || c == '"')
            buf_printf(out, "\\%c", c);
        else if (c == '\n')
            buf_puts(out, "\\n");
        else if (c == '\r')
            buf_puts(out, "\\r");
        else if (c == '\t')
            buf_puts(out, "\\t");
        else if (c < ' ' || strchr("<>&=", c))
            buf_printf(out, "\\u%04X", c);
        else
            buf_putc(out, (char)c);
    }
}

static int escaped(struct exec *x, const struct value *args, size_t count,
                   void (*escape)(struct span text, struct buf *out), struct value *result, struct err *err) {
    struct buf plain, made;
    buf_init(&plain, TEMPLATE_MAX_OUTPUT);
    buf_init(&made, TEMPLATE_MAX_OUTPUT);
    values_print(args, count, &plain);
    escape(buf_view(&plain), &made);
    if (plain.failed) made.failed = true;
    buf_release(&plain);
    return exec_text(x, &made, result, err);
}

static int go_html(struct exec *x, const struct value *args, size_t count, struct value *result,
                   struct err *err) {
    return escaped(x, args, count, escape_html, result, err);
}

static int go_js(struct exec *x, const struct value *args, size_t count, struct value *result,
                 struct err *err) {
    return escaped(x, args, count, escape_js, result, err);
}

static int go_urlquery(struct exec *x, const struct value *args, size_t count, struct value *result,
                       struct err *err) {
    return escaped(x, args, count, url_write_query, result, err);
}

static int go_call(struct exec *x, const struct value *args, size_t count, struct value *result,
                   struct err *err) {
    (void)x, (void)count, (void)result;
    return err_set(err, ERR_INVALID, "non-function %s of type %s", "value", value_type(&args[0]));
}

const struct function builtin_functions[] = {
    {"and", "aa*", NULL},         {"or", "aa*", NULL},
    {"not", "a", go_not},         {"eq", "aa*", go_eq},
    {"ne", "aa", go_ne},          {"lt", "aa", go_lt},
    {"le", "aa", go_le},          {"gt", "aa", go_gt},
    {"ge", "aa", go_ge},          {"len", "a", go_len},
    {"index", "aa*", go_index},   {"slice", "aa*", go_slice},
    {"print", "a*", go_print},    {"println", "a*", go_println},
    {"printf", "sa*", go_printf}, {"html", "a*", go_html},
    {"js", "a*", go_js},          {"urlquery", "a*", go_urlquery},
    {"call", "aa*", go_call},     {NULL, NULL, NULL},
};

const struct function *template_function_find(struct span name) {
    for (const struct function *f = rule_functions; f->name; f++)
        if (span_is(name, f->name)) return f;
    for (const struct function *f = builtin_functions; f->name; f++)
        if (span_is(name, f->name)) return f;
    return NULL;
}
