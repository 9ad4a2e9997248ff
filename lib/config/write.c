#include "lib/codec/number.h"
#include "lib/codec/url.h"
#include "lib/config/table.h"
#include "lib/model/duration.h"

/*
 * A struct back into YAML, by its table, as Prometheus prints its effective configuration: block style, lists
 * not indented below their key, defaults filled in, secrets hidden.
 *
 *     scrape_configs:
 *     - job_name: node
 *       static_configs:
 *       - targets:
 *         - localhost:9100
 */

#define HIDDEN "<secret>"

struct writer {
    struct buf *out;
    unsigned indent;
    bool after_dash; /* the next line continues behind "- " */
    bool is_bare;    /* secrets in clear */
};

struct list { /* what LIST(type) looks like */
    const void *items;
    size_t count;
};

static void start_line(struct writer *w) {
    if (!w->after_dash)
        for (unsigned i = 0; i < w->indent; i++) buf_puts(w->out, "  ");
    w->after_dash = false;
}

/* the dash of a list's item, one level above the item's keys */
static void start_item(struct writer *w) {
    start_line(w);
    buf_puts(w->out, "- ");
    w->after_dash = true;
}

/* would plain text be taken for null, a bool, a number or a date? */
static bool looks_typed(struct span text) {
    struct ynode node = {.kind = YNODE_SCALAR, .is_plain = true, .text = text};
    bool value;
    double number;
    if (ynode_is_null(&node) || ynode_bool(&node, &value) || number_parse(text, &number)) return true;
    if (text.len == 0 || !strchr("+-.0123456789", text.ptr[0]))
        return span_is(text, "<<") || span_is(text, "=");
    for (size_t i = 0; i < text.len; i++)
        if (!strchr("+-_:0123456789abcdefxABCDEFT", text.ptr[i])) return false;
    return true;
}

static bool is_plain_safe(struct span text) {
    if (strchr(" -?:,[]{}#&*!|>'\"%@`", text.ptr[0]) || text.ptr[text.len - 1] == ' ') return false;
    if (text.ptr[text.len - 1] == ':') return false;
    for (size_t i = 0; i + 1 < text.len; i++) {
        if (text.ptr[i] == ':' && text.ptr[i + 1] == ' ') return false;
        if (text.ptr[i] == ' ' && text.ptr[i + 1] == '#') return false;
    }
    return true;
}

static bool is_printable(struct span text) {
    for (size_t i = 0; i < text.len; i++)
        if ((unsigned char)text.ptr[i] < ' ' || (unsigned char)text.ptr[i] >= 127) return false;
    return true;
}

static void write_double_quoted(struct buf *out, struct span text) {
    buf_putc(out, '"');
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        if (c == '"' || c == '\\')
            buf_printf(out, "\\%c", c);
        else if (c == '\n')
            buf_puts(out, "\\n");
        else if (c == '\t')
            buf_puts(out, "\\t");
        else if (c < ' ' || c == 127)
            buf_printf(out, "\\x%02X", c);
        else if (c == 0xc2 && i + 1 < text.len && (unsigned char)text.ptr[i + 1] < 0xa0) {
            buf_printf(out, "\\x%02X", (unsigned char)text.ptr[++i]); /* U+0080 .. U+009F */
        } else if (c == 0xef && i + 2 < text.len && (unsigned char)text.ptr[i + 1] >= 0xbb) {
            unsigned b = (unsigned char)text.ptr[++i], a = (unsigned char)text.ptr[++i];
            buf_printf(out, "\\u%04X",
                       0xf000u | (b & 63) << 6 | (a & 63)); /* U+FEFF, U+FFFE and neighbours */
        } else
            buf_putc(out, (char)c);
    }
    buf_putc(out, '"');
}

static void write_text(struct buf *out, struct span text) {
    if (looks_typed(text) || !is_printable(text)) {
        write_double_quoted(out, text);
    } else if (is_plain_safe(text)) {
        buf_span(out, text);
    } else {
        buf_putc(out, '\'');
        for (size_t i = 0; i < text.len; i++) {
            if (text.ptr[i] == '\'') buf_putc(out, '\'');
            buf_putc(out, text.ptr[i]);
        }
        buf_putc(out, '\'');
    }
}

static void write_url(struct buf *out, struct span url) {
    struct buf shown;
    buf_init(&shown, url.len + 16);
    url_write_redacted(url, &shown);
    write_text(out, buf_view(&shown));
    buf_release(&shown);
}

static void write_key(struct writer *w, struct span key) {
    start_line(w);
    write_text(w->out, key);
    buf_putc(w->out, ':');
}

static void write_pair(struct writer *w, struct span key, struct span value) {
    write_key(w, key);
    buf_putc(w->out, ' ');
    write_text(w->out, value);
    buf_putc(w->out, '\n');
}

static void write_strings(struct writer *w, const struct strings *strings, bool is_hidden) {
    buf_puts(w->out, strings->count ? "\n" : " []\n");
    for (size_t i = 0; i < strings->count; i++) {
        start_item(w);
        w->after_dash = false;
        write_text(w->out, is_hidden && !w->is_bare ? SPAN(HIDDEN) : span_from(strings->items[i]));
        buf_putc(w->out, '\n');
    }
}

static void write_map(struct writer *w, const struct field *field, const void *member) {
    buf_putc(w->out, '\n');
    w->indent++;
    const struct labels *labels = member;
    const struct pairs *pairs = member;
    const struct params *params = member;
    if (field->kind == FIELD_LABELS)
        for (uint32_t i = 0; i < labels->count; i++)
            write_pair(w, labels->items[i].name, labels->items[i].value);
    else if (field->kind == FIELD_PAIRS)
        for (size_t i = 0; i < pairs->count; i++)
            write_pair(w, span_from(pairs->items[i].name), span_from(pairs->items[i].value));
    else
        for (size_t i = 0; i < params->count; i++) {
            write_key(w, span_from(params->items[i].name));
            write_strings(w, &params->items[i].values, field->flags & SECRET_VALUES);
        }
    w->indent--;
}

static bool names_secret(struct span key) {
    static const char *const words[] = {"secret", "password", "token", "credential", "key", "auth"};
    char lower[64];
    size_t length = key.len < sizeof lower - 1 ? key.len : sizeof lower - 1;
    for (size_t i = 0; i < length; i++) lower[i] = (char)(key.ptr[i] | 0x20);
    lower[length] = 0;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strstr(lower, words[i])) return true;
    return false;
}

/* Text kept as it was read. Nobody has told which of its fields are secret: the key's name decides, for all
 * that is below it. */
static void write_verbatim(struct writer *w, const struct ynode *node, bool is_hidden) {
    if (node->kind == YNODE_SCALAR || node->count == 0) {
        w->after_dash = false;
        if (node->kind != YNODE_SCALAR)
            buf_puts(w->out, node->kind == YNODE_LIST ? "[]" : "{}");
        else if (is_hidden && !w->is_bare && node->text.len)
            buf_puts(w->out, HIDDEN);
        else if (node->is_plain && looks_typed(node->text))
            buf_span(w->out, node->text);
        else
            write_text(w->out, node->text);
        buf_putc(w->out, '\n');
        return;
    }
    for (uint32_t i = 0; i < node->count; i++) {
        if (node->kind == YNODE_LIST) {
            start_item(w);
            w->indent++;
            write_verbatim(w, node->items[i], is_hidden);
            w->indent--;
            continue;
        }
        const struct yentry *entry = &node->entries[i];
        bool is_block = entry->value->kind != YNODE_SCALAR && entry->value->count;
        bool deeper = entry->value->kind == YNODE_MAP;
        write_key(w, entry->key->text);
        buf_putc(w->out, is_block ? '\n' : ' ');
        w->indent += deeper;
        write_verbatim(w, entry->value, is_hidden || names_secret(entry->key->text));
        w->indent -= deeper;
    }
}

static void write_fields(struct writer *w, const struct section *section, const void *object);

/* a map below its key; the key is taken back when nothing follows it */
static void write_nested(struct writer *w, const struct field *field, const void *object) {
    struct writer before = *w;
    size_t length = w->out->len;
    write_key(w, span_from(field->key));
    buf_putc(w->out, '\n');
    size_t empty = w->out->len;
    w->indent++;
    write_fields(w, field->section, object);
    w->indent--;
    if (w->out->len > empty) return;
    w->out->len = length;
    *w = before;
    if (!(field->flags & ALWAYS) && field->kind != FIELD_OPTIONAL) return;
    write_key(w, span_from(field->key));
    buf_puts(w->out, " {}\n");
}

static void write_sections(struct writer *w, const struct field *field, const struct list *list) {
    write_key(w, span_from(field->key));
    buf_puts(w->out, list->count ? "\n" : " []\n");
    for (size_t i = 0; i < list->count; i++) {
        start_item(w);
        size_t before = w->out->len;
        w->indent++;
        write_fields(w, field->section, (const char *)list->items + i * field->section->size);
        w->indent--;
        if (w->out->len == before) buf_puts(w->out, "{}\n");
        w->after_dash = false;
    }
}

static void write_named(struct writer *w, const struct field *field, const struct list *list) {
    write_key(w, span_from(field->key));
    buf_putc(w->out, '\n');
    w->indent++;
    for (size_t i = 0; i < list->count; i++) {
        const char *object = (const char *)list->items + i * field->section->size;
        struct field item = {.key = *(const char *const *)(object + field->name_offset),
                             .kind = FIELD_OPTIONAL,
                             .section = field->section};
        write_nested(w, &item, object);
    }
    w->indent--;
}

static bool is_empty(const struct field *field, const void *member) {
    switch (field->kind) {
    case FIELD_BOOL: return !*(const bool *)member;
    case FIELD_INT:
    case FIELD_UINT:
    case FIELD_DURATION:
    case FIELD_SIZE: return *(const uint64_t *)member == 0;
    case FIELD_DOUBLE: return *(const double *)member == 0; /* +0 and -0 */
    case FIELD_LABELS: return ((const struct labels *)member)->count == 0;
    case FIELD_STRINGS:
    case FIELD_PATHS:
    case FIELD_SECRETS:
    case FIELD_PAIRS:
    case FIELD_PARAMS:
    case FIELD_SECTIONS:
    case FIELD_NAMED: return ((const struct list *)member)->count == 0;
    case FIELD_SECTION:
    case FIELD_INLINE: return false;
    default: return *(const void *const *)member == NULL;
    }
}

static void write_scalar(const struct writer *w, const struct field *field, const void *member) {
    struct buf *out = w->out;
    const char *text = field->kind <= FIELD_SECRET ? *(const char *const *)member : NULL;
    char number[NUMBER_MAX_TEXT];
    switch (field->kind) {
    case FIELD_BOOL: buf_puts(out, *(const bool *)member ? "true" : "false"); break;
    case FIELD_INT: buf_int(out, *(const int64_t *)member); break;
    case FIELD_UINT: buf_uint(out, *(const uint64_t *)member); break;
    case FIELD_DOUBLE: buf_append(out, number, number_write_plain(*(const double *)member, number)); break;
    case FIELD_DURATION: duration_write(*(const int64_t *)member, out); break;
    case FIELD_SIZE: size_write(*(const uint64_t *)member, out); break;
    case FIELD_SECRET: write_text(out, w->is_bare ? span_from(text) : SPAN(HIDDEN)); break;
    case FIELD_URL:
        if (!w->is_bare) {
            write_url(out, span_from(text));
            break;
        }
        /* fall through */
    default: write_text(out, span_from(text)); break;
    }
}

static void write_verbatim_field(struct writer *w, const struct field *field, const struct verbatim *member) {
    bool is_block = member->node->count, deeper = field->kind == FIELD_VERBATIM_MAP;
    write_key(w, span_from(field->key));
    buf_putc(w->out, is_block ? '\n' : ' ');
    w->indent += deeper;
    write_verbatim(w, member->node, false);
    w->indent -= deeper;
}

static void write_field(struct writer *w, const struct field *field, const void *member) {
    switch (field->kind) {
    case FIELD_INLINE: write_fields(w, field->section, member); return;
    case FIELD_SECTION: write_nested(w, field, member); return;
    case FIELD_OPTIONAL: write_nested(w, field, *(const void *const *)member); return;
    case FIELD_SECTIONS: write_sections(w, field, member); return;
    case FIELD_NAMED: write_named(w, field, member); return;
    case FIELD_VERBATIM_MAP:
    case FIELD_VERBATIM_MAPS: write_verbatim_field(w, field, member); return;
    default: break;
    }
    write_key(w, span_from(field->key));
    switch (field->kind) {
    case FIELD_STRINGS:
    case FIELD_PATHS: write_strings(w, member, false); break;
    case FIELD_SECRETS: write_strings(w, member, true); break;
    case FIELD_LABELS:
    case FIELD_PAIRS:
    case FIELD_PARAMS: write_map(w, field, member); break;
    default:
        buf_putc(w->out, ' ');
        write_scalar(w, field, member);
        buf_putc(w->out, '\n');
    }
}

/* a pointer that is not there cannot be written, whatever the flags say; an empty list can */
static bool is_written(const struct field *field, const void *member) {
    if (field->flags & SILENT) return false;
    if (!is_empty(field, member)) return true;
    if (!(field->flags & ALWAYS))
        return field->preset && field->kind >= FIELD_BOOL && field->kind <= FIELD_SIZE;
    switch (field->kind) {
    case FIELD_TEXT:
    case FIELD_PATH:
    case FIELD_URL:
    case FIELD_REGEX:
    case FIELD_CHOICE:
    case FIELD_SECRET:
    case FIELD_OPTIONAL:
    case FIELD_NAMED:
    case FIELD_LABELS:
    case FIELD_PAIRS:
    case FIELD_PARAMS:
    case FIELD_VERBATIM_MAP:
    case FIELD_VERBATIM_MAPS: return false;
    default: return true;
    }
}

static void write_fields(struct writer *w, const struct section *section, const void *object) {
    for (size_t i = 0; i < section->field_count; i++) {
        const struct field *field = &section->fields[i];
        const void *member = (const char *)object + field->offset;
        if (is_written(field, member)) write_field(w, field, member);
    }
}

void section_write(const struct section *section, const void *object, struct buf *out) {
    struct writer w = {.out = out};
    write_fields(&w, section, object);
}

void section_write_bare(const struct section *section, const void *object, struct buf *out) {
    struct writer w = {.out = out, .is_bare = true};
    write_fields(&w, section, object);
}

void config_write_yaml(const struct config *config, struct buf *out) {
    section_write(&config_section, config, out);
}

void config_write_remote_write(const struct remote_write_config *remote, bool with_secrets, struct buf *out) {
    (with_secrets ? section_write_bare : section_write)(&remote_write_section, remote, out);
}

void config_write_job_yaml(const struct scrape_config *job, struct buf *out) {
    section_write(&scrape_section, job, out);
}
