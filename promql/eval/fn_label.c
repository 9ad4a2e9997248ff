#include "promql/eval/call.h"

#include "lib/codec/regex.h"

static struct span text_of(const struct expr *expr) {
    return expr_inside(expr)->string;
}

/* replaces one label of every row, then puts equal rows together */
static int set_label(struct eval *ev, struct row *row, struct span name, struct span value, struct err *err) {
    struct label_builder builder;
    label_builder_init(&builder, &ev->query->arena, row->labels);
    label_builder_set(&builder, name, value);
    if (span_is(name, LABEL_NAME)) row->drop_name = false; /* a name given on purpose stays */
    return label_builder_finish(&builder, &row->labels, err);
}

#define LABEL_VALUE_MAX ((size_t)1 << 20)

static int replace_row(struct eval *ev, struct row *row, const struct regex *regex, const struct call *call,
                       struct err *err) {
    struct span captures[REGEX_MAX_CAPTURES] = {{0}}, value = labels_get(row->labels, text_of(call->args[3]));
    struct buf out;
    if (!regex_captures(regex, value, captures, REGEX_MAX_CAPTURES)) return 0;
    buf_init_budget(&out, LABEL_VALUE_MAX, &ev->query->budget);
    regex_expand(regex, text_of(call->args[2]), captures, &out);
    const char *copy = out.failed ? NULL : arena_strndup(&ev->query->arena, out.data, out.len);
    size_t len = out.len;
    buf_release(&out);
    if (!copy)
        return err_set(err, ERR_LIMIT, "label_replace makes a label value larger than %zu bytes",
                       LABEL_VALUE_MAX);
    return set_label(ev, row, text_of(call->args[1]), span_of(copy, len), err);
}

static int check_label(struct span name, const char *function, struct err *err) {
    if (name.len && span_is_utf8(name)) return 0;
    return err_set(err, ERR_EXECUTION, "invalid destination label name in %s(): %.*s", function,
                   SPAN_ARG(name));
}

static int finish(struct eval *ev, struct rows *rows, struct sink *sink, struct err *err) {
    int rc = rows_merge(ev, rows, err);
    return rc ? rc : rows_push(rows, sink, err);
}

static int label_replace(struct eval *ev, const struct expr *expr, struct sink *sink, struct err *err) {
    const struct call *call = &expr->call;
    struct span pattern = text_of(call->args[4]);
    struct regex *regex;
    struct rows rows = {0};
    if (regex_create(&regex, pattern, NULL) != 0)
        return err_set(err, ERR_EXECUTION, "invalid regular expression in label_replace(): %.*s",
                       SPAN_ARG(pattern));
    int rc = check_label(text_of(call->args[1]), "label_replace", err);
    if (!rc) rc = rows_collect(ev, call->args[0], &rows, err);
    for (size_t i = 0; i < rows.count && !rc; i++) rc = replace_row(ev, &rows.items[i], regex, call, err);
    regex_destroy(regex);
    return rc ? rc : finish(ev, &rows, sink, err);
}

static int join_row(struct eval *ev, struct row *row, const struct call *call, struct err *err) {
    struct buf out;
    buf_init_budget(&out, LABEL_VALUE_MAX, &ev->query->budget);
    for (size_t i = 3; i < call->arg_count; i++) {
        if (i > 3) buf_span(&out, text_of(call->args[2]));
        buf_span(&out, labels_get(row->labels, text_of(call->args[i])));
    }
    const char *copy = out.failed ? NULL : arena_strndup(&ev->query->arena, out.data, out.len);
    size_t len = out.len;
    buf_release(&out);
    if (!copy)
        return err_set(err, ERR_LIMIT, "label_join makes a label value larger than %zu bytes",
                       LABEL_VALUE_MAX);
    return set_label(ev, row, text_of(call->args[1]), span_of(copy, len), err);
}

static int label_join(struct eval *ev, const struct expr *expr, struct sink *sink, struct err *err) {
    const struct call *call = &expr->call;
    struct rows rows = {0};
    int rc = check_label(text_of(call->args[1]), "label_join", err);
    for (size_t i = 3; i < call->arg_count && !rc; i++)
        if (!text_of(call->args[i]).len || !span_is_utf8(text_of(call->args[i])))
            rc = err_set(err, ERR_EXECUTION, "invalid source label name in label_join(): %.*s",
                         SPAN_ARG(text_of(call->args[i])));
    if (!rc) rc = rows_collect(ev, call->args[0], &rows, err);
    for (size_t i = 0; i < rows.count && !rc; i++) rc = join_row(ev, &rows.items[i], call, err);
    return rc ? rc : finish(ev, &rows, sink, err);
}

vector_function *label_function_of(enum function_id id) {
    return id == FN_label_replace ? label_replace : id == FN_label_join ? label_join : NULL;
}
