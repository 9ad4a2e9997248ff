#include "web/api/exposition.h"

#include "lib/codec/number.h"

#include <strings.h>

/* ---- what the scraper takes ---- */

static struct span take_until(struct span *rest, char separator) {
    size_t end = span_find_byte(*rest, separator, 0);
    struct span part = span_trim(span_of(rest->ptr, end));
    size_t used = end < rest->len ? end + 1 : end;
    *rest = span_of(rest->ptr + used, rest->len - used);
    return part;
}

static bool is_word(struct span text, const char *word) {
    return text.len == strlen(word) && strncasecmp(text.ptr, word, text.len) == 0;
}

struct offer {
    struct span type, version, proto, encoding, escaping;
    double quality;
};

static struct offer read_offer(struct span text) {
    struct offer offer = {.type = take_until(&text, ';'), .quality = 1};
    while (text.len) {
        struct span value = take_until(&text, ';'), name = take_until(&value, '=');
        if (is_word(name, "version")) offer.version = value;
        if (is_word(name, "proto")) offer.proto = value;
        if (is_word(name, "encoding")) offer.encoding = value;
        if (is_word(name, "escaping")) offer.escaping = value;
        if (is_word(name, "q") && !number_parse(value, &offer.quality)) offer.quality = 0;
    }
    return offer;
}

/* false: it is not one of ours */
static bool form_of(const struct offer *offer, enum exposition_form *form) {
    if (is_word(offer->type, "application/vnd.google.protobuf")) {
        *form = EXPOSITION_PROTOBUF;
        return is_word(offer->proto, "io.prometheus.client.MetricFamily") &&
               is_word(offer->encoding, "delimited");
    }
    *form = is_word(offer->version, "1.0.0") ? EXPOSITION_TEXT_1_0_0 : EXPOSITION_TEXT;
    return is_word(offer->type, "text/plain") &&
           (!offer->version.len || *form == EXPOSITION_TEXT_1_0_0 || is_word(offer->version, "0.0.4"));
}

struct exposition exposition_choose(struct span accept) {
    struct exposition best = {.form = EXPOSITION_TEXT};
    double quality = 0;
    while (accept.len) {
        struct offer offer = read_offer(take_until(&accept, ','));
        enum exposition_form form;
        if (!form_of(&offer, &form) || !(offer.quality > quality)) continue;
        quality = offer.quality;
        best.form = form;
        best.takes_utf8 = form != EXPOSITION_TEXT && is_word(offer.escaping, "allow-utf-8");
    }
    return best;
}

const char *exposition_content_type(const struct exposition *exposition) {
#define PROTOBUF                                                                                             \
    "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited; "         \
    "escaping="
    static const char *const types[][2] = {
        [EXPOSITION_TEXT] = {"text/plain; version=0.0.4; charset=utf-8; escaping=underscores", NULL},
        [EXPOSITION_TEXT_1_0_0] = {"text/plain; version=1.0.0; charset=utf-8; escaping=underscores",
                                   "text/plain; version=1.0.0; charset=utf-8; escaping=allow-utf-8"},
        [EXPOSITION_PROTOBUF] = {PROTOBUF "underscores", PROTOBUF "allow-utf-8"},
    };
    return types[exposition->form][exposition->takes_utf8];
}

/* ---- text ---- */

void exposition_write_name(const struct exposition *exposition, struct span name, struct buf *out) {
    if (exposition->takes_utf8 || metric_name_is_legacy(name)) {
        buf_span(out, name);
        return;
    }
    for (size_t i = 0; i < name.len; i++) {
        unsigned char c = (unsigned char)name.ptr[i], lower = c | 0x20;
        bool is_digit = c >= '0' && c <= '9' && i > 0;
        if ((c & 0xc0) == 0x80) continue; /* of the character before */
        buf_putc(out, (lower >= 'a' && lower <= 'z') || is_digit || c == ':' ? (char)c : '_');
    }
}

static void write_quoted(struct span text, struct buf *out) {
    buf_putc(out, '"');
    for (size_t i = 0; i < text.len; i++) switch (text.ptr[i]) {
        case '\\': buf_puts(out, "\\\\"); break;
        case '"': buf_puts(out, "\\\""); break;
        case '\n': buf_puts(out, "\\n"); break;
        default: buf_putc(out, text.ptr[i]);
        }
    buf_putc(out, '"');
}

/* quoted where only quotes can hold it */
static void write_name(const struct exposition *exposition, struct span name, bool is_legacy,
                       struct buf *out) {
    if (exposition->takes_utf8 && !is_legacy)
        write_quoted(name, out);
    else
        exposition_write_name(exposition, name, out);
}

static void write_label(const struct exposition *exposition, const struct label *label, bool *is_open,
                        struct buf *out) {
    buf_putc(out, *is_open ? ',' : '{');
    *is_open = true;
    write_name(exposition, label->name, label_name_is_legacy(label->name), out);
    buf_putc(out, '=');
    write_quoted(label->value, out);
}

static void write_row(const struct exposition *exposition, const struct exposed_sample *sample,
                      struct labels extra, struct buf *out) {
    struct span name = labels_get(sample->labels, SPAN(LABEL_NAME));
    bool is_legacy = metric_name_is_legacy(name), is_open = exposition->takes_utf8 && !is_legacy;
    if (is_open) buf_putc(out, '{');
    write_name(exposition, name, is_legacy, out);
    for (uint32_t i = 0; i < sample->labels.count; i++)
        if (!span_is(sample->labels.items[i].name, LABEL_NAME))
            write_label(exposition, &sample->labels.items[i], &is_open, out);
    for (uint32_t i = 0; i < extra.count; i++)
        if (!labels_has(sample->labels, extra.items[i].name))
            write_label(exposition, &extra.items[i], &is_open, out);
    char value[NUMBER_MAX_TEXT];
    size_t len = number_write_general(sample->value, value);
    buf_puts(out, is_open ? "} " : " ");
    buf_append(out, value, len);
    buf_putc(out, ' ');
    buf_int(out, sample->time_ms);
    buf_putc(out, '\n');
}

static void write_text(const struct exposition *exposition, const struct exposed_sample *samples,
                       size_t count, struct labels extra, bool is_first, struct buf *out) {
    struct span name = labels_get(samples->labels, SPAN(LABEL_NAME));
    if (is_first) {
        buf_puts(out, "# TYPE ");
        write_name(exposition, name, metric_name_is_legacy(name), out);
        buf_puts(out, " untyped\n");
    }
    for (size_t i = 0; i < count; i++) write_row(exposition, &samples[i], extra, out);
}

/* ---- both ---- */

static bool is_gauge(const struct exposed_sample *sample) {
    return sample->histogram && sample->histogram->reset == HISTOGRAM_RESET_GAUGE;
}

bool exposition_same_family(const struct exposed_sample *a, const struct exposed_sample *b) {
    return !a->histogram == !b->histogram && is_gauge(a) == is_gauge(b) &&
           span_equal(labels_get(a->labels, SPAN(LABEL_NAME)), labels_get(b->labels, SPAN(LABEL_NAME)));
}

void exposition_write(const struct exposition *exposition, const struct exposed_sample *samples, size_t count,
                      struct labels extra, bool is_first, struct buf *out) {
    if (exposition->form == EXPOSITION_PROTOBUF)
        exposition_write_protobuf(exposition, samples, count, extra, out);
    else
        write_text(exposition, samples, count, extra, is_first, out);
}
