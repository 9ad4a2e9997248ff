#include "lib/model/labels.h"

#include "lib/base/bits.h"

struct span labels_get(struct labels labels, struct span name) {
    for (uint32_t i = 0; i < labels.count; i++)
        if (span_equal(labels.items[i].name, name)) return labels.items[i].value;
    return span_of(NULL, 0);
}

bool labels_has(struct labels labels, struct span name) {
    return labels_get(labels, name).len > 0;
}

bool labels_equal(struct labels a, struct labels b) {
    if (a.count != b.count) return false;
    for (uint32_t i = 0; i < a.count; i++)
        if (!span_equal(a.items[i].value, b.items[i].value) || !span_equal(a.items[i].name, b.items[i].name))
            return false;
    return true;
}

int labels_compare(struct labels a, struct labels b) {
    uint32_t shorter = a.count < b.count ? a.count : b.count;
    for (uint32_t i = 0; i < shorter; i++) {
        int order = span_compare(a.items[i].name, b.items[i].name);
        if (!order) order = span_compare(a.items[i].value, b.items[i].value);
        if (order) return order;
    }
    return a.count < b.count ? -1 : a.count > b.count;
}

static uint64_t hash_label(uint64_t hash, const struct label *label) {
    hash = hash_mix(hash, hash_bytes_keyed(label->name.ptr, label->name.len));
    return hash_mix(hash, hash_bytes_keyed(label->value.ptr, label->value.len));
}

uint64_t labels_hash(struct labels labels) {
    uint64_t hash = labels.count;
    for (uint32_t i = 0; i < labels.count; i++) hash = hash_label(hash, &labels.items[i]);
    return hash;
}

/* text with its length in front of it */
static size_t put_text(uint8_t *at, struct span text) {
    store_u32(at, (uint32_t)text.len);
    memcpy(at + 4, text.ptr, text.len);
    return 4 + text.len;
}

static struct span identity_span(const struct hash128 *identity) {
    return span_of((const char *)identity, sizeof *identity);
}

/* Lengths and texts, one behind the other, hashed by pieces: each piece begins with the hash of those before.
 */
struct hash128 labels_identity(struct labels labels) {
    uint8_t piece[2048];
    size_t len = 0;
    for (uint32_t i = 0; i < 2 * labels.count; i++) {
        struct span text = i % 2 ? labels.items[i / 2].value : labels.items[i / 2].name;
        struct hash128 hash = {0, 0};
        bool is_large = text.len + 4 > sizeof piece / 2;
        if (is_large) hash = hash_bytes_keyed_128(text.ptr, text.len);
        struct span put = is_large ? identity_span(&hash) : text;
        if (len + 4 + put.len > sizeof piece) {
            struct hash128 before = hash_bytes_keyed_128(piece, len);
            memcpy(piece, &before, sizeof before);
            len = sizeof before;
        }
        len += put_text(piece + len, put);
        if (is_large) store_u32(piece + len - put.len - 4, (uint32_t)text.len);
    }
    return hash_bytes_keyed_128(piece, len);
}

/* span_compare; most differ in their first bytes */
static inline int compare_names(struct span a, struct span b) {
    bool are_told = a.len && b.len && a.ptr[0] != b.ptr[0];
    return are_told ? (unsigned char)a.ptr[0] - (unsigned char)b.ptr[0] : span_compare(a, b);
}

/* Walks sorted labels and sorted names side by side; `next` is the first name not yet passed. */
static bool is_chosen(const struct label *label, const struct span *names, size_t name_count, size_t *next,
                      bool without) {
    while (*next < name_count && compare_names(names[*next], label->name) < 0) (*next)++;
    bool is_named = *next < name_count && span_equal(names[*next], label->name);
    return without ? !is_named && !span_is(label->name, LABEL_NAME) : is_named;
}

uint64_t labels_hash_for(struct labels labels, const struct span *names, size_t name_count, bool without) {
    uint64_t hash = 0;
    size_t next = 0;
    for (uint32_t i = 0; i < labels.count; i++)
        if (is_chosen(&labels.items[i], names, name_count, &next, without))
            hash = hash_label(hash, &labels.items[i]);
    return hash;
}

static uint32_t next_chosen(struct labels labels, uint32_t from, const struct span *names, size_t name_count,
                            size_t *next, bool without) {
    while (from < labels.count && !is_chosen(&labels.items[from], names, name_count, next, without)) from++;
    return from;
}

bool labels_equal_for(struct labels a, struct labels b, const struct span *names, size_t name_count,
                      bool without) {
    uint32_t i = 0, k = 0;
    size_t next_a = 0, next_b = 0;
    for (;; i++, k++) {
        i = next_chosen(a, i, names, name_count, &next_a, without);
        k = next_chosen(b, k, names, name_count, &next_b, without);
        if (i == a.count || k == b.count) return i == a.count && k == b.count;
        if (!span_equal(a.items[i].name, b.items[k].name) || !span_equal(a.items[i].value, b.items[k].value))
            return false;
    }
}

static struct span copy_text(char **place, struct span text) {
    if (text.len) memcpy(*place, text.ptr, text.len);
    struct span copy = span_of(*place, text.len);
    *place += text.len;
    return copy;
}

int labels_copy(struct labels from, struct arena *arena, struct labels *copy, struct err *err) {
    size_t bytes = 0;
    for (uint32_t i = 0; i < from.count; i++) bytes += from.items[i].name.len + from.items[i].value.len;
    struct label *items = arena_array(arena, from.count, sizeof *items);
    char *text = arena_alloc(arena, bytes);
    if (!items || !text) return arena_limit(arena, "a label set", err);
    for (uint32_t i = 0; i < from.count; i++) {
        items[i].name = copy_text(&text, from.items[i].name);
        items[i].value = copy_text(&text, from.items[i].value);
    }
    *copy = (struct labels){items, from.count};
    return 0;
}

static bool is_name_byte(char c, bool is_first, bool allow_colon) {
    if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_') return true;
    return (c >= '0' && c <= '9' && !is_first) || (c == ':' && allow_colon);
}

static bool is_legacy(struct span name, bool allow_colon) {
    for (size_t i = 0; i < name.len; i++)
        if (!is_name_byte(name.ptr[i], i == 0, allow_colon)) return false;
    return name.len > 0;
}

bool label_name_is_legacy(struct span name) {
    return is_legacy(name, false);
}

bool metric_name_is_legacy(struct span name) {
    return is_legacy(name, true);
}

bool label_name_is_valid(struct span name, bool legacy) {
    return legacy ? label_name_is_legacy(name) : name.len && span_is_utf8(name);
}

bool labels_are_valid(struct labels labels, bool legacy) {
    for (uint32_t i = 0; i < labels.count; i++) {
        struct label label = labels.items[i];
        if (!label_name_is_valid(label.name, legacy) || !span_is_utf8(label.value)) return false;
        if (legacy && span_is(label.name, LABEL_NAME) && !metric_name_is_legacy(label.value)) return false;
    }
    return true;
}

static size_t utf8_sequence(struct span text, size_t at) {
    for (size_t len = 1; len <= 4 && at + len <= text.len; len++)
        if (span_is_utf8(span_of(text.ptr + at, len))) return len;
    return 0;
}

static void write_escaped_byte(unsigned char c, struct buf *out) {
    static const char letters[] = "abtnvfr"; /* 7 to 13 */
    if (c == '"' || c == '\\')
        buf_printf(out, "\\%c", c);
    else if (c >= 7 && c <= 13)
        buf_printf(out, "\\%c", letters[c - 7]);
    else
        buf_printf(out, "\\x%02x", c);
}

void text_write_quoted(struct span text, struct buf *out) {
    buf_putc(out, '"');
    for (size_t i = 0; i < text.len;) {
        unsigned char c = (unsigned char)text.ptr[i];
        size_t len = c < 0x80 ? 1 : utf8_sequence(text, i);
        if (len > 1 || (len == 1 && c >= 0x20 && c < 0x7f && c != '"' && c != '\\'))
            buf_append(out, text.ptr + i, len);
        else
            write_escaped_byte(c, out);
        i += len ? len : 1;
    }
    buf_putc(out, '"');
}

void labels_write(struct labels labels, struct buf *out) {
    struct span name = labels_get(labels, SPAN(LABEL_NAME));
    bool name_first = metric_name_is_legacy(name);
    bool has_items = false;
    if (name_first) {
        buf_span(out, name);
        if (labels.count == 1) return;
    }
    buf_putc(out, '{');
    if (name.len && !name_first) {
        text_write_quoted(name, out);
        has_items = true;
    }
    for (uint32_t i = 0; i < labels.count; i++) {
        if (span_is(labels.items[i].name, LABEL_NAME)) continue;
        if (has_items) buf_puts(out, ", ");
        has_items = true;
        if (label_name_is_legacy(labels.items[i].name))
            buf_span(out, labels.items[i].name);
        else
            text_write_quoted(labels.items[i].name, out);
        buf_putc(out, '=');
        text_write_quoted(labels.items[i].value, out);
    }
    buf_putc(out, '}');
}
