#include "lib/codec/regex.h"

#include "lib/base/buf.h"
#include "lib/base/hash.h"
#include "lib/base/map.h"
#include "lib/base/mem.h"
#include "lib/base/vec.h"
#include "lib/codec/shim.h"

#define REGEX_MAX_PATTERN ((size_t)64 << 10)
#define REGEX_MAX_NESTING 250
#define REGEX_MAX_MEMORY ((int64_t)64 << 20)
#define REGEX_SET_HASHED 8 /* sets at least this large are looked up by hash */

/* What the pattern is, when it is simple enough to be decided without the automaton. */
enum regex_kind {
    REGEX_SET,
    REGEX_PREFIX,
    REGEX_SUFFIX,
    REGEX_CONTAINS,
    REGEX_ANY,
    REGEX_ANY_NONEMPTY,
    REGEX_GENERAL
};

struct regex {
    enum regex_kind kind;
    char *text;                /* owned: the literals, unescaped */
    VEC(struct span) literals; /* of REGEX_SET: all; of PREFIX, SUFFIX, CONTAINS: one */
    struct map by_hash;
    struct shim_regex *automaton; /* always there: captures need it */
};

static bool is_meta(char c) {
    return c != '\0' && strchr("\\.+*?()|[]{}^$", c) != NULL;
}

static bool is_escapable(char c) {
    return is_meta(c) || (c != '\0' && strchr("-/:,;=@#%&~!\"' ", c) != NULL);
}

/* Unescapes a run of literal text from pattern[*at]; stops at a bare metacharacter. False on an escape that
 * is not plain. */
static bool take_literal(struct span pattern, size_t *at, struct buf *text) {
    while (*at < pattern.len) {
        char c = pattern.ptr[*at];
        if (c == '\\') {
            if (*at + 1 >= pattern.len || !is_escapable(pattern.ptr[*at + 1])) return false;
            buf_putc(text, pattern.ptr[*at + 1]);
            *at += 2;
        } else if (is_meta(c)) {
            break;
        } else {
            buf_putc(text, c);
            (*at)++;
        }
    }
    /* a repetition operator would belong to the last character of the run */
    return *at == pattern.len || strchr("*+?{", pattern.ptr[*at]) == NULL;
}

/* Offsets into `text` become spans only when it has stopped growing. */
struct pieces {
    struct buf text;
    VEC(size_t) ends;
};

static bool take_set(struct span pattern, struct pieces *pieces) {
    size_t at = 0;
    for (;;) {
        if (!take_literal(pattern, &at, &pieces->text)) return false;
        *vec_push(&pieces->ends) = pieces->text.len;
        if (at == pattern.len) return true;
        if (pattern.ptr[at] != '|') return false;
        at++;
    }
}

/* (a|b|c) and (?:a|b|c) around the whole pattern say nothing else than a|b|c */
static struct span without_group(struct span pattern) {
    size_t skip = span_starts_with(pattern, SPAN("(?:")) ? 3 : span_starts_with(pattern, SPAN("(")) ? 1 : 0;
    if (!skip || pattern.len < skip + 1 || pattern.ptr[pattern.len - 1] != ')') return pattern;
    struct span inner = span_of(pattern.ptr + skip, pattern.len - skip - 1);
    for (size_t i = 0; i < inner.len; i++)
        if (inner.ptr[i] == '(' || inner.ptr[i] == ')' || inner.ptr[i] == '\\') return pattern;
    return inner;
}

static enum regex_kind classify(struct span whole, struct pieces *pieces) {
    struct span pattern = without_group(whole);
    if (span_is(pattern, ".*")) return REGEX_ANY;
    if (span_is(pattern, ".+")) return REGEX_ANY_NONEMPTY;
    if (take_set(pattern, pieces)) return REGEX_SET;
    pieces->text.len = 0;
    pieces->ends.count = 0;
    bool before = span_starts_with(pattern, SPAN(".*")), after = span_ends_with(pattern, SPAN(".*"));
    if (before) pattern = span_of(pattern.ptr + 2, pattern.len - 2);
    if (after && pattern.len >= 2) pattern.len -= 2;
    size_t at = 0;
    if ((!before && !after) || !take_literal(pattern, &at, &pieces->text) || at != pattern.len)
        return REGEX_GENERAL;
    /* x\.* ends in an escaped dot and a star: take_literal has refused the lone backslash */
    *vec_push(&pieces->ends) = pieces->text.len;
    return before && after ? REGEX_CONTAINS : before ? REGEX_SUFFIX : REGEX_PREFIX;
}

static bool literal_equal(uint32_t index, const void *key, const void *context) {
    const struct regex *regex = context;
    return span_equal(regex->literals.items[index], *(const struct span *)key);
}

static uint64_t literal_hash(uint32_t index, const void *context) {
    const struct regex *regex = context;
    return hash_bytes(regex->literals.items[index].ptr, regex->literals.items[index].len);
}

static void keep_literals(struct regex *regex, struct pieces *pieces) {
    regex->text = mem_strndup(pieces->text.data ? pieces->text.data : "", pieces->text.len);
    size_t start = 0;
    for (size_t i = 0; i < pieces->ends.count; i++) {
        *vec_push(&regex->literals) = span_of(regex->text + start, pieces->ends.items[i] - start);
        start = pieces->ends.items[i];
    }
    if (regex->kind != REGEX_SET || regex->literals.count < REGEX_SET_HASHED) return;
    for (uint32_t i = 0; i < regex->literals.count; i++) {
        uint64_t hash = literal_hash(i, regex);
        if (map_find(&regex->by_hash, hash, &regex->literals.items[i], literal_equal, regex) == MAP_NONE)
            map_insert(&regex->by_hash, hash, i);
    }
}

static int check_shape(struct span pattern, struct err *err) {
    if (pattern.len > REGEX_MAX_PATTERN)
        return err_set(err, ERR_LIMIT, "regular expression is longer than %zu bytes", REGEX_MAX_PATTERN);
    int depth = 0;
    bool in_class = false;
    for (size_t i = 0; i < pattern.len; i++) {
        char c = pattern.ptr[i];
        if (c == '\\') {
            if (i + 1 < pattern.len && pattern.ptr[i + 1] == 'C')
                return err_set(err, ERR_INVALID, "error parsing regexp: invalid escape sequence: `\\C`");
            i++;
        } else if (in_class) {
            in_class = c != ']';
        } else if (c == '[') {
            in_class = true;
            if (i + 1 < pattern.len && pattern.ptr[i + 1] == '^') i++;
            if (i + 1 < pattern.len && pattern.ptr[i + 1] == ']') i++;
        } else if (c == '(' && ++depth > REGEX_MAX_NESTING) {
            return err_set(err, ERR_LIMIT, "error parsing regexp: expression nests too deeply");
        } else if (c == ')') {
            depth--;
        }
    }
    return 0;
}

/* RE2's reasons in Go's words; both say "reason: `piece`". */
static int say_why(struct span pattern, const char *reason, struct err *err) {
    static const struct {
        const char *re2, *go;
    } words[] = {
        {"missing )", "missing closing )"},
        {"missing ]", "missing closing ]"},
        {"no argument for repetition operator", "missing argument to repetition operator"},
        {"bad repetition operator", "invalid nested repetition operator"},
        {"invalid repetition size", "invalid repeat count"},
        {"trailing \\", "trailing backslash at end of expression"},
        {"invalid perl operator", "invalid or unsupported Perl syntax"},
        {"invalid named capture group", "invalid named capture"},
        {"pattern too large - compile failed", "expression too large"},
    };
    const char *colon = strstr(reason, ": ");
    struct span what = span_of(reason, colon ? (size_t)(colon - reason) : strlen(reason));
    struct span piece = colon ? span_from(colon + 2) : pattern;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (span_is(what, words[i].re2)) what = span_from(words[i].go);
    return err_set(err, ERR_INVALID, "error parsing regexp: %.*s: `%.*s`", SPAN_ARG(what), SPAN_ARG(piece));
}

/* Newer Go also takes (?<name>...), this RE2 only (?P<name>...). */
static void write_for_re2(struct span pattern, struct buf *out) {
    for (size_t i = 0; i < pattern.len; i++) {
        struct span rest = span_of(pattern.ptr + i, pattern.len - i);
        bool is_escape = pattern.ptr[i] == '\\' && i + 1 < pattern.len;
        if (is_escape) {
            buf_append(out, pattern.ptr + i++, 2);
        } else if (span_starts_with(rest, SPAN("(?<")) && rest.len > 3 && rest.ptr[3] != '=' &&
                   rest.ptr[3] != '!') {
            buf_puts(out, "(?P<");
            i += 2;
        } else {
            buf_putc(out, pattern.ptr[i]);
        }
    }
}

static int compile(struct span pattern, struct shim_regex **automaton, struct err *err) {
    struct buf text;
    char reason[200];
    buf_init(&text, 2 * REGEX_MAX_PATTERN);
    write_for_re2(pattern, &text);
    *automaton =
        shim_regex_create(text.data ? text.data : "", text.len, REGEX_MAX_MEMORY, reason, sizeof reason);
    buf_release(&text);
    return *automaton ? 0 : say_why(pattern, reason, err);
}

int regex_create(struct regex **result, struct span pattern, struct err *err) {
    struct shim_regex *automaton;
    int rc = check_shape(pattern, err);
    if (!rc && !span_is_utf8(pattern)) rc = err_set(err, ERR_INVALID, "error parsing regexp: invalid UTF-8");
    if (!rc) rc = compile(pattern, &automaton, err);
    if (rc) return rc;
    struct regex *regex = mem_zalloc(sizeof *regex);
    struct pieces pieces = {0};
    buf_init(&pieces.text, 2 * REGEX_MAX_PATTERN);
    regex->automaton = automaton;
    regex->kind = classify(pattern, &pieces);
    keep_literals(regex, &pieces);
    buf_release(&pieces.text);
    vec_release(&pieces.ends);
    *result = regex;
    return 0;
}

void regex_destroy(struct regex *regex) {
    if (!regex) return;
    shim_regex_destroy(regex->automaton);
    map_release(&regex->by_hash);
    vec_release(&regex->literals);
    mem_free(regex->text);
    mem_free(regex);
}

static bool set_has(const struct regex *regex, struct span text) {
    if (regex->by_hash.count)
        return map_find(&regex->by_hash, hash_bytes(text.ptr, text.len), &text, literal_equal, regex) !=
               MAP_NONE;
    for (size_t i = 0; i < regex->literals.count; i++)
        if (span_equal(regex->literals.items[i], text)) return true;
    return false;
}

bool regex_matches(const struct regex *regex, struct span text) {
    struct span literal = regex->literals.count ? regex->literals.items[0] : span_of("", 0);
    switch (regex->kind) {
    case REGEX_ANY: return true;
    case REGEX_ANY_NONEMPTY: return text.len > 0;
    case REGEX_SET: return set_has(regex, text);
    case REGEX_PREFIX: return span_starts_with(text, literal);
    case REGEX_SUFFIX: return span_ends_with(text, literal);
    case REGEX_CONTAINS:
        return literal.len == 0 || (text.len && memmem(text.ptr, text.len, literal.ptr, literal.len) != NULL);
    case REGEX_GENERAL: break;
    }
    return shim_regex_matches(regex->automaton, text.ptr ? text.ptr : "", text.len);
}

bool regex_captures(const struct regex *regex, struct span text, struct span *captures, size_t count) {
    const char *starts[REGEX_MAX_CAPTURES] = {0};
    size_t lens[REGEX_MAX_CAPTURES] = {0};
    if (count > REGEX_MAX_CAPTURES) count = REGEX_MAX_CAPTURES;
    if (!shim_regex_captures(regex->automaton, text.ptr ? text.ptr : "", text.len, starts, lens, count))
        return false;
    for (size_t i = 0; i < count; i++) captures[i] = span_of(starts[i], starts[i] ? lens[i] : 0);
    return true;
}

bool regex_find(const struct regex *regex, struct span text, size_t from, struct span *captures,
                size_t count) {
    const char *starts[REGEX_MAX_CAPTURES] = {0};
    size_t lens[REGEX_MAX_CAPTURES] = {0};
    if (count > REGEX_MAX_CAPTURES) count = REGEX_MAX_CAPTURES;
    if (!shim_regex_find(regex->automaton, text.ptr ? text.ptr : "", text.len, from, starts, lens, count))
        return false;
    for (size_t i = 0; i < count; i++) captures[i] = span_of(starts[i], starts[i] ? lens[i] : 0);
    return true;
}

size_t regex_group_count(const struct regex *regex) {
    return (size_t)shim_regex_groups(regex->automaton);
}

int regex_group_index(const struct regex *regex, struct span name) {
    return shim_regex_group_index(regex->automaton, name.ptr ? name.ptr : "", name.len);
}

size_t regex_literals(const struct regex *regex, const struct span **literals) {
    if (regex->kind != REGEX_SET) return 0;
    *literals = regex->literals.items;
    return regex->literals.count;
}
