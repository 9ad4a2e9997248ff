#pragma once
/*
 * value.h - inside of lib/template: what expressions are about, and how Go prints it.
 *
 * A value is small and copied; what it points to lives in the execution's arena or in its env.
 */
#include "lib/template/template.h"

enum value_kind {
    VALUE_MISSING, /* no value at all: a key that is not there */
    VALUE_NIL,
    VALUE_BOOL,
    VALUE_INT,
    VALUE_FLOAT,
    VALUE_STRING,
    VALUE_LABELS, /* map[string]string */
    VALUE_SAMPLE,
    VALUE_LIST, /* of samples: what query answers */
    VALUE_MAP,  /* of args */
    VALUE_TIME, /* milliseconds since the epoch, UTC */
    VALUE_DURATION,
    VALUE_ROOT, /* the data: .Labels, .Value ... */
};

struct value {
    enum value_kind kind;
    union {
        bool flag;
        int64_t integer; /* of a time milliseconds, of a duration nanoseconds */
        double number;
        struct span text;
        struct labels labels;
        const struct template_sample *sample;
        const struct value_list *list;
        const struct template_env *root;
    };
};

struct value_list { /* of a map the values of arg0, arg1 ... */
    struct value *items;
    size_t count;
};

static inline struct value value_string(struct span text) {
    return (struct value){.kind = VALUE_STRING, .text = text};
}
static inline struct value value_float(double number) {
    return (struct value){.kind = VALUE_FLOAT, .number = number};
}
static inline struct value value_int(int64_t integer) {
    return (struct value){.kind = VALUE_INT, .integer = integer};
}
static inline struct value value_bool(bool flag) {
    return (struct value){.kind = VALUE_BOOL, .flag = flag};
}

/* Go's name of the type: "float64" */
const char *value_type(const struct value *value);
/* what if and with ask: not false, 0, "", empty */
bool value_is_true(const struct value *value);

/* as %v */
void value_print(const struct value *value, struct buf *out);
/* Go's Sprint: blanks between operands of which neither is a string; Sprintln: between all, and a newline */
void values_print(const struct value *values, size_t count, struct buf *out);
void values_println(const struct value *values, size_t count, struct buf *out);
/* Go's Sprintf (format.c) */
void values_printf(struct span format, const struct value *values, size_t count, struct buf *out);

/* time.c: 2006-01-02 15:04:05.999 +0000 UTC; 1h2m3s */
void time_print(int64_t time_ms, struct buf *out);
void duration_print(int64_t nanoseconds, struct buf *out);
/* a method of a time or a duration: `name` called with args. 0, ERR_NOT_FOUND: there is none of that name */
int time_method(const struct value *receiver, struct span name, const struct value *args, size_t count,
                struct arena *arena, struct value *result, struct err *err);
