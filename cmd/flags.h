#pragma once
/*
 * flags.h - the server's command line, from the one table in flags.def.
 *
 * Spelled as Prometheus' are: --name=value, --name value, --name and --no-name for a bool, some repeatable.
 * The parsed values point into argv or into texts that live as long as the struct.
 */
#include "lib/base/buf.h"
#include "lib/base/err.h"
#include "lib/base/span.h"
#include "lib/base/vec.h"

#include <stdbool.h>
#include <stdint.h>

struct flag_texts {
    const char **items;
    size_t count, capacity;
};

typedef const char *flag_type_TEXT;
typedef struct flag_texts flag_type_TEXTS;
typedef bool flag_type_BOOL;
typedef uint64_t flag_type_COUNT;
typedef double flag_type_NUMBER;
typedef int64_t flag_type_DURATION; /* milliseconds */
typedef uint64_t flag_type_SIZE;    /* bytes */

enum flag_id {
#define FLAG(member, ...) FLAG_##member,
#include "cmd/flags.def"
#undef FLAG
    FLAG_COUNT_ALL
};

struct flags {
#define FLAG(member, type, ...) flag_type_##type member;
#include "cmd/flags.def"
#undef FLAG
    bool wants_help, wants_version, wants_man, wants_completion;
    bool is_given[FLAG_COUNT_ALL];
};

/* ERR_INVALID with kingpin's wording: unknown long flag '--x' (did you mean '--y'?). On failure nothing is
 * left to release. argv[0] is skipped. */
int flags_parse(struct flags *flags, int argc, char **argv, struct err *err);
void flags_release(struct flags *flags);

/* For /api/v1/status/flags: flag i of flag_count(), hidden ones included. */
size_t flag_count(void);
const char *flag_name(size_t i);
/* the value in force, as text: a given one as it was spelled, repeated ones joined by commas */
void flag_value_write(const struct flags *flags, size_t i, struct buf *out);

/* for what the program says of itself (help.h) */
struct flag_info {
    const char *name, *preset, *help;
    const char *const *choices; /* ended by NULL; NULL: any value */
    bool is_switch, is_repeated, is_hidden, is_idle;
};
struct flag_info flag_info(size_t i);
/* names, with --, of flags that were given a value other than the default but do nothing yet; comma separated
 */
void flags_write_idle(const struct flags *flags, struct buf *out);
