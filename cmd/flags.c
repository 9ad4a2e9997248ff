#include "cmd/flags.h"

#include "lib/base/assert.h"
#include "lib/base/mem.h"
#include "lib/codec/number.h"
#include "lib/config/text.h"
#include "lib/model/duration.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

enum flag_type { TYPE_TEXT, TYPE_TEXTS, TYPE_BOOL, TYPE_COUNT, TYPE_NUMBER, TYPE_DURATION, TYPE_SIZE };
enum flag_traits { HIDDEN = 1, IDLE = 2 };

struct flag {
    const char *name, *preset, *help;
    enum flag_type type;
    unsigned traits;
    size_t offset;
};

static const struct flag table[] = {
#define FLAG(member, what, flag_name, default_text, help_text, flag_traits)                                  \
    {.name = (flag_name),                                                                                    \
     .preset = (default_text),                                                                               \
     .help = (help_text),                                                                                    \
     .type = TYPE_##what,                                                                                    \
     .traits = (flag_traits),                                                                                \
     .offset = offsetof(struct flags, member)},
#include "cmd/flags.def"
#undef FLAG
};

size_t flag_count(void) {
    return FLAG_COUNT_ALL;
}

const char *flag_name(size_t i) {
    return table[i].name;
}

static void *value_of(struct flags *flags, const struct flag *flag) {
    return (char *)flags + flag->offset;
}

static int parse_count(struct span text, uint64_t *value, struct err *err) {
    if (number_parse_uint(text, value)) return 0;
    return err_set(err, ERR_INVALID, "a whole number is expected, not \"%.*s\"", SPAN_ARG(text));
}

static int parse_number(struct span text, double *value, struct err *err) {
    if (number_parse(text, value)) return 0;
    return err_set(err, ERR_INVALID, "a number is expected, not \"%.*s\"", SPAN_ARG(text));
}

static int parse_bool(struct span text, bool *value, struct err *err) {
    if (!span_is(text, "true") && !span_is(text, "false"))
        return err_set(err, ERR_INVALID, "true or false is expected, not \"%.*s\"", SPAN_ARG(text));
    *value = span_is(text, "true");
    return 0;
}

/* one value into the struct; text lives as long as the struct */
static int store(struct flags *flags, const struct flag *flag, const char *text, struct err *err) {
    void *value = value_of(flags, flag);
    switch (flag->type) {
    case TYPE_TEXT: *(const char **)value = text; return 0;
    case TYPE_TEXTS: *vec_push((struct flag_texts *)value) = text; return 0;
    case TYPE_BOOL: return parse_bool(span_from(text), value, err);
    case TYPE_COUNT: return parse_count(span_from(text), value, err);
    case TYPE_NUMBER: return parse_number(span_from(text), value, err);
    case TYPE_DURATION: return duration_parse(span_from(text), value, err);
    case TYPE_SIZE: return size_parse(span_from(text), value, err);
    }
    return 0;
}

static const struct flag *find(struct span name) {
    for (size_t i = 0; i < FLAG_COUNT_ALL; i++)
        if (span_is(name, table[i].name)) return &table[i];
    return NULL;
}

static int unknown_flag(struct span name, struct err *err) {
    const char *names[FLAG_COUNT_ALL];
    for (size_t i = 0; i < FLAG_COUNT_ALL; i++) names[i] = table[i].name;
    const char *best = text_nearest(name, names, FLAG_COUNT_ALL);
    int length = (int)(name.len > 80 ? 80 : name.len);
    if (best)
        return err_set(err, ERR_INVALID, "unknown long flag '--%.*s' (did you mean '--%s'?)", length,
                       name.ptr, best);
    return err_set(err, ERR_INVALID, "unknown long flag '--%.*s'", length, name.ptr);
}

static int set_flag(struct flags *flags, const struct flag *flag, const char *text, struct err *err) {
    bool *is_given = &flags->is_given[flag - table];
    if (*is_given && flag->type != TYPE_TEXTS)
        return err_set(err, ERR_INVALID, "flag '%s' cannot be repeated", flag->name);
    int rc = store(flags, flag, text, err);
    if (rc) return err_wrap(err, rc, "--%s", flag->name);
    *is_given = true;
    return 0;
}

/* --name[=value] or --no-name; *used is 1, or 2 when the value is the next argument */
static int parse_long(struct flags *flags, const char *argument, const char *next, int *used,
                      struct err *err) {
    struct span text = span_from(argument + 2);
    size_t equals = span_find_byte(text, '=', 0);
    struct span name = span_of(text.ptr, equals);
    const char *value = equals < text.len ? text.ptr + equals + 1 : NULL;
    const struct flag *flag = find(name);
    if (!flag && span_starts_with(name, SPAN("no-"))) {
        flag = find(span_of(name.ptr + 3, name.len - 3));
        if (!flag || flag->type != TYPE_BOOL || value) return unknown_flag(name, err);
        return set_flag(flags, flag, "false", err);
    }
    if (!flag) return unknown_flag(name, err);
    if (flag->type == TYPE_BOOL && !value) value = "true";
    if (!value) {
        if (!next || (next[0] == '-' && next[1] == '-'))
            return err_set(err, ERR_INVALID, "expected argument for flag '--%s'", flag->name);
        value = next;
        *used = 2;
    }
    return set_flag(flags, flag, value, err);
}

static int parse_argument(struct flags *flags, const char *argument, const char *next, int *used,
                          struct err *err) {
    *used = 1;
    if (strcmp(argument, "-h") == 0 || strcmp(argument, "--help") == 0) {
        flags->wants_help = true;
        return 0;
    }
    if (strcmp(argument, "--version") == 0) {
        flags->wants_version = true;
        return 0;
    }
    if (strcmp(argument, "--help-man") == 0) {
        flags->wants_man = true;
        return 0;
    }
    if (strcmp(argument, "--completion-script-bash") == 0) {
        flags->wants_completion = true;
        return 0;
    }
    if (strncmp(argument, "--", 2) == 0 && argument[2]) return parse_long(flags, argument, next, used, err);
    if (argument[0] == '-' && argument[1])
        return err_set(err, ERR_INVALID, "unknown short flag '%.80s'", argument);
    return err_set(err, ERR_INVALID, "unexpected %.80s", argument);
}

static const struct {
    const char *name, *choices[5];
    size_t member;
} choices[] = {
    {"log.level", {"debug", "info", "warn", "error"}, offsetof(struct flags, log_level)},
    {"log.format", {"logfmt", "json"}, offsetof(struct flags, log_format)},
    {"storage.wal-sync", {"ack", "1s", "off"}, offsetof(struct flags, storage_wal_sync)},
};

static int check_choices(const struct flags *flags, struct err *err) {
    for (size_t i = 0; i < sizeof choices / sizeof *choices; i++) {
        const char *given = *(char *const *)((const char *)flags + choices[i].member);
        char list[64] = "";
        bool is_choice = false;
        for (const char *const *choice = choices[i].choices; *choice; choice++) {
            size_t len = strlen(list);
            is_choice |= strcmp(given, *choice) == 0;
            (void)snprintf(list + len, sizeof list - len, "%s%s", len ? ", " : "", *choice);
        }
        if (!is_choice)
            return err_set(err, ERR_INVALID, "--%s: one of %s is expected, not \"%.80s\"", choices[i].name,
                           list, given);
    }
    return 0;
}

/* defaults of what was not given; a repeatable flag without a default stays empty */
static void fill_in(struct flags *flags) {
    for (size_t i = 0; i < FLAG_COUNT_ALL; i++) {
        if (flags->is_given[i] || (table[i].type == TYPE_TEXTS && !*table[i].preset)) continue;
        int rc = store(flags, &table[i], table[i].preset, NULL);
        ASSERT(rc == 0);
    }
}

int flags_parse(struct flags *flags, int argc, char **argv, struct err *err) {
    struct flags parsed = {0};
    int rc = 0, used;
    for (int i = 1; i < argc && !rc; i += used)
        rc = parse_argument(&parsed, argv[i], i + 1 < argc ? argv[i + 1] : NULL, &used, err);
    if (!rc) fill_in(&parsed);
    if (!rc) rc = check_choices(&parsed, err);
    if (rc)
        flags_release(&parsed);
    else
        *flags = parsed;
    return rc;
}

void flags_release(struct flags *flags) {
    for (size_t i = 0; i < FLAG_COUNT_ALL; i++)
        if (table[i].type == TYPE_TEXTS) vec_release((struct flag_texts *)value_of(flags, &table[i]));
}

void flag_value_write(const struct flags *flags, size_t i, struct buf *out) {
    const struct flag *flag = &table[i];
    const void *value = (const char *)flags + flag->offset;
    const struct flag_texts *texts = value;
    char number[NUMBER_MAX_TEXT];
    switch (flag->type) {
    case TYPE_TEXT: buf_puts(out, *(const char *const *)value); break;
    case TYPE_TEXTS:
        for (size_t j = 0; j < texts->count; j++) buf_printf(out, "%s%s", j ? "," : "", texts->items[j]);
        break;
    case TYPE_BOOL: buf_puts(out, *(const bool *)value ? "true" : "false"); break;
    case TYPE_COUNT: buf_uint(out, *(const uint64_t *)value); break;
    case TYPE_NUMBER: buf_append(out, number, number_write_general(*(const double *)value, number)); break;
    case TYPE_DURATION: duration_write(*(const int64_t *)value, out); break;
    case TYPE_SIZE: size_write(*(const uint64_t *)value, out); break;
    }
}

struct flag_info flag_info(size_t i) {
    const struct flag *flag = &table[i];
    struct flag_info info = {.name = flag->name,
                             .preset = flag->preset,
                             .help = flag->help,
                             .is_switch = flag->type == TYPE_BOOL,
                             .is_repeated = flag->type == TYPE_TEXTS,
                             .is_hidden = flag->traits & HIDDEN,
                             .is_idle = flag->traits & IDLE};
    for (size_t k = 0; k < sizeof choices / sizeof *choices; k++)
        if (strcmp(choices[k].name, flag->name) == 0) info.choices = choices[k].choices;
    return info;
}

void flags_write_idle(const struct flags *flags, struct buf *out) {
    struct flags defaults = {0};
    struct buf given, preset;
    buf_init(&given, 1 << 16);
    buf_init(&preset, 1 << 16);
    fill_in(&defaults);
    for (size_t i = 0; i < FLAG_COUNT_ALL; i++) {
        if (!(table[i].traits & IDLE)) continue;
        buf_reset(&given);
        buf_reset(&preset);
        flag_value_write(flags, i, &given);
        flag_value_write(&defaults, i, &preset);
        if (span_equal(buf_view(&given), buf_view(&preset))) continue;
        buf_printf(out, "%s--%s", out->len ? ", " : "", table[i].name);
    }
    buf_release(&given);
    buf_release(&preset);
    flags_release(&defaults);
}
