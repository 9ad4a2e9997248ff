#include "lib/codec/regex.h"

/* the digits or letters behind a $, with or without braces; false when there is no such reference */
static bool take_reference(struct span text, size_t *at, struct span *name) {
    size_t i = *at;
    bool braces = i < text.len && text.ptr[i] == '{';
    size_t start = i += braces;
    while (i < text.len &&
           ((text.ptr[i] >= '0' && text.ptr[i] <= '9') || (text.ptr[i] >= 'a' && text.ptr[i] <= 'z') ||
            (text.ptr[i] >= 'A' && text.ptr[i] <= 'Z') || text.ptr[i] == '_'))
        i++;
    *name = span_of(text.ptr + start, i - start);
    if (!name->len || (braces && (i == text.len || text.ptr[i] != '}'))) return false;
    *at = i + braces;
    return true;
}

/* a number, unless it begins with a zero that says nothing: 01 is a name */
static bool is_number(struct span name) {
    for (size_t i = 0; i < name.len; i++)
        if (name.ptr[i] < '0' || name.ptr[i] > '9') return false;
    return name.len == 1 || name.ptr[0] != '0';
}

static struct span group_of(const struct regex *regex, struct span name, const struct span *captures) {
    size_t index = 0;
    if (!is_number(name)) {
        int named = regex_group_index(regex, name);
        return named > 0 && named < REGEX_MAX_CAPTURES ? captures[named] : span_of(NULL, 0);
    }
    for (size_t i = 0; i < name.len && index < REGEX_MAX_CAPTURES; i++)
        index = index * 10 + (size_t)(name.ptr[i] - '0');
    return index < REGEX_MAX_CAPTURES && index <= regex_group_count(regex) ? captures[index]
                                                                           : span_of(NULL, 0);
}

void regex_expand(const struct regex *regex, struct span text, const struct span *captures, struct buf *out) {
    for (size_t i = 0; i < text.len;) {
        size_t plain = span_find_byte(text, '$', i);
        buf_append(out, text.ptr + i, plain - i);
        i = plain + 1;
        if (plain == text.len) break;
        struct span name;
        if (i < text.len && text.ptr[i] == '$') {
            buf_putc(out, '$');
            i++;
        } else if (take_reference(text, &i, &name)) {
            buf_span(out, group_of(regex, name, captures));
        } else {
            buf_putc(out, '$');
        }
    }
}
