#include "lib/template/value.h"

#include "lib/codec/number.h"

const char *value_type(const struct value *value) {
    switch (value->kind) {
    case VALUE_MISSING:
    case VALUE_NIL: return "<nil>";
    case VALUE_BOOL: return "bool";
    case VALUE_INT: return "int";
    case VALUE_FLOAT: return "float64";
    case VALUE_STRING: return "string";
    case VALUE_LABELS: return "map[string]string";
    case VALUE_SAMPLE: return "*template.sample";
    case VALUE_LIST: return "template.queryResult";
    case VALUE_MAP: return "map[string]interface {}";
    case VALUE_TIME: return "*time.Time";
    case VALUE_DURATION: return "*time.Duration";
    case VALUE_ROOT: break;
    }
    return "struct { Labels map[string]string; ExternalLabels map[string]string; ExternalURL string; Value "
           "interface {} }";
}

bool value_is_true(const struct value *value) {
    switch (value->kind) {
    case VALUE_MISSING:
    case VALUE_NIL: return false;
    case VALUE_BOOL: return value->flag;
    case VALUE_INT: return value->integer != 0;
    case VALUE_FLOAT: return value->number != 0;
    case VALUE_STRING: return value->text.len > 0;
    case VALUE_LABELS: return value->labels.count > 0;
    case VALUE_LIST:
    case VALUE_MAP: return value->list->count > 0;
    default: return true;
    }
}

static void print_labels(struct labels labels, struct buf *out) {
    buf_puts(out, "map[");
    for (uint32_t i = 0; i < labels.count; i++)
        buf_printf(out, "%s%.*s:%.*s", i ? " " : "", SPAN_ARG(labels.items[i].name),
                   SPAN_ARG(labels.items[i].value));
    buf_putc(out, ']');
}

static void print_sample(const struct template_sample *sample, struct buf *out) {
    struct value value = value_float(sample->value);
    buf_putc(out, '{');
    print_labels(sample->labels, out);
    buf_putc(out, ' ');
    value_print(&value, out);
    buf_putc(out, '}');
}

static void print_list(const struct value *value, struct buf *out) {
    buf_puts(out, value->kind == VALUE_MAP ? "map[" : "[");
    for (size_t i = 0; i < value->list->count; i++) {
        if (i) buf_putc(out, ' ');
        if (value->kind == VALUE_MAP) buf_printf(out, "arg%zu:", i);
        value_print(&value->list->items[i], out);
    }
    buf_putc(out, ']');
}

static void print_root(const struct template_env *env, struct buf *out) {
    struct value value = value_float(env->value.value);
    buf_putc(out, '{');
    print_labels(env->labels, out);
    buf_putc(out, ' ');
    print_labels(env->external_labels, out);
    buf_printf(out, " %.*s ", SPAN_ARG(env->external_url));
    value_print(&value, out);
    buf_putc(out, '}');
}

void value_print(const struct value *value, struct buf *out) {
    char text[NUMBER_MAX_TEXT];
    switch (value->kind) {
    case VALUE_MISSING: buf_puts(out, "<no value>"); break;
    case VALUE_NIL: buf_puts(out, "<nil>"); break;
    case VALUE_BOOL: buf_puts(out, value->flag ? "true" : "false"); break;
    case VALUE_INT: buf_int(out, value->integer); break;
    case VALUE_FLOAT: buf_append(out, text, number_write_general(value->number, text)); break;
    case VALUE_STRING: buf_span(out, value->text); break;
    case VALUE_LABELS: print_labels(value->labels, out); break;
    case VALUE_SAMPLE: print_sample(value->sample, out); break;
    case VALUE_LIST:
    case VALUE_MAP: print_list(value, out); break;
    case VALUE_TIME: time_print(value->integer, out); break;
    case VALUE_DURATION: duration_print(value->integer, out); break;
    case VALUE_ROOT: print_root(value->root, out); break;
    }
}

/* inside of Sprint and Sprintf there is no "no value" */
static void print_operand(const struct value *value, struct buf *out) {
    if (value->kind == VALUE_MISSING)
        buf_puts(out, "<nil>");
    else
        value_print(value, out);
}

void values_print(const struct value *values, size_t count, struct buf *out) {
    for (size_t i = 0; i < count; i++) {
        if (i && values[i].kind != VALUE_STRING && values[i - 1].kind != VALUE_STRING) buf_putc(out, ' ');
        print_operand(&values[i], out);
    }
}

void values_println(const struct value *values, size_t count, struct buf *out) {
    for (size_t i = 0; i < count; i++) {
        if (i) buf_putc(out, ' ');
        print_operand(&values[i], out);
    }
    buf_putc(out, '\n');
}
