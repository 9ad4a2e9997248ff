#include "lib/config/table.h"

#include <stdlib.h>

/*
 * The environment in values of the configuration.
 */

#define EXPANDED_MAX_BYTES ((size_t)1 << 20)

static bool is_everywhere;

void config_expand_environment(bool everywhere) {
    is_everywhere = everywhere;
}

bool environment_is_expanded_everywhere(void) {
    return is_everywhere;
}

static const char *environment(struct span name) {
    char text[256];
    if (name.len == 0 || name.len >= sizeof text) return "";
    memcpy(text, name.ptr, name.len);
    text[name.len] = 0;
    const char *value = getenv(text);
    return value ? value : "";
}

static bool is_word(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

/* the name after a $ at text[0]; how many bytes it takes, braces included */
static size_t variable_name(struct span text, struct span *name) {
    size_t end = 0;
    *name = span_of(text.ptr, 0);
    if (text.len && text.ptr[0] == '{') {
        end = span_find_byte(text, '}', 0);
        if (end == text.len) return 1; /* no end: the brace is eaten, as Go does */
        *name = span_of(text.ptr + 1, end - 1);
        return end + 1;
    }
    while (end < text.len && is_word(text.ptr[end])) end++;
    *name = span_of(text.ptr, end);
    return end;
}

/* $X and ${X} from the environment, $$ for a dollar */
void environment_expand(struct span text, struct buf *out) {
    for (size_t i = 0; i < text.len; i++) {
        struct span name, rest = span_of(text.ptr + i + 1, text.len - i - 1);
        if (text.ptr[i] != '$') {
            buf_putc(out, text.ptr[i]);
        } else if (rest.len && rest.ptr[0] == '$') {
            buf_putc(out, '$');
            i++;
        } else {
            size_t used = variable_name(rest, &name);
            if (used == 0)
                buf_putc(out, '$');
            else
                buf_puts(out, environment(name));
            i += used;
        }
    }
}

/* $1 and ${1} are groups of a regular expression, not the environment's */
static bool names_variable(struct span rest) {
    if (rest.len && rest.ptr[0] == '$') return true;
    size_t at = rest.len && rest.ptr[0] == '{' ? 1 : 0;
    if (at && span_find_byte(rest, '}', 0) == rest.len) return false;
    return at < rest.len && is_word(rest.ptr[at]) && !(rest.ptr[at] >= '0' && rest.ptr[at] <= '9');
}

static void expand_scalar(struct loader *l, struct ynode *node) {
    struct buf text;
    struct span rest = node->text;
    buf_init(&text, EXPANDED_MAX_BYTES);
    while (rest.len) {
        size_t dollar = span_find_byte(rest, '$', 0), end = dollar;
        buf_append(&text, rest.ptr, dollar);
        if (dollar == rest.len) break;
        struct span behind = span_of(rest.ptr + dollar + 1, rest.len - dollar - 1), name;
        if (names_variable(behind)) {
            end = dollar + 1 + (behind.ptr[0] == '$' ? 1 : variable_name(behind, &name));
            environment_expand(span_of(rest.ptr + dollar, end - dollar), &text);
        } else {
            buf_putc(&text, '$');
            end++;
        }
        rest = span_of(rest.ptr + end, rest.len - end);
    }
    const char *copy = loader_copy(l, buf_view(&text));
    if (text.failed || !span_is_utf8(buf_view(&text)))
        loader_error(l, node->mark, "the value with its environment variables is too long or not UTF-8");
    else if (copy)
        node->text = span_of(copy, text.len);
    buf_release(&text);
}

/* the tree is this loading's own, only its readers may not change it; its depth is limited */
static void expand_node(struct loader *l, const struct ynode *node) {
    struct ynode *own = (struct ynode *)node;
    if (own->is_done) return; /* an alias: the same node again */
    own->is_done = true;
    if (own->kind == YNODE_SCALAR && span_find_byte(own->text, '$', 0) < own->text.len) expand_scalar(l, own);
    for (uint32_t i = 0; own->kind == YNODE_LIST && i < own->count; i++) expand_node(l, own->items[i]);
    for (uint32_t i = 0; own->kind == YNODE_MAP && i < own->count; i++) expand_node(l, own->entries[i].value);
}

void environment_expand_tree(struct loader *l, const struct ynode *root) {
    if (is_everywhere) expand_node(l, root);
}
