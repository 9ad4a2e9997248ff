#include "storage/send/send_message.h"

#include "lib/base/assert.h"
#include "lib/base/hash.h"
#include "lib/codec/protobuf.h"
#include "lib/codec/snappy.h"
#include "storage/remote/note_fields.h"
#include "storage/remote/read_message.h"

/* as receivers take them at most */
#define MESSAGE_MAX_BYTES ((size_t)32 << 20)

/* field numbers of both versions */
struct form {
    uint32_t series, exemplars, histograms;
};
static const struct form forms[] = {{.series = 1, .exemplars = 3, .histograms = 4},
                                    {.series = 5, .exemplars = 4, .histograms = 3}};
enum { REQUEST_SYMBOLS = 4, SERIES_LABELS = 1 };

void send_message_init(struct send_message *message, size_t max_samples, bool is_v2, struct budget *budget) {
    ASSERT(max_samples > 0);
    *message = (struct send_message){.max_samples = max_samples, .is_v2 = is_v2};
    buf_init_budget(&message->plain, MESSAGE_MAX_BYTES, budget);
    buf_init_budget(&message->packed, MESSAGE_MAX_BYTES, budget);
}

void send_message_release(struct send_message *message) {
    buf_release(&message->plain);
    buf_release(&message->packed);
    vec_release(&message->symbols);
    vec_release(&message->refs);
    vec_release(&message->starts);
    map_release(&message->by_text);
}

void send_message_reset(struct send_message *message) {
    buf_reset(&message->plain);
    message->samples = message->symbols.count = message->starts.count = 0;
    map_release(&message->by_text);
}

bool send_message_is_full(const struct send_message *message) {
    return message->samples >= message->max_samples || message->plain.len >= SEND_MESSAGE_BYTES;
}

/* ---- symbols of 2.0: in front of the series that first uses them ---- */

static struct span symbol_text(const struct send_message *message, uint32_t symbol) {
    const struct send_symbol *place = &message->symbols.items[symbol];
    return span_of(message->plain.data + place->at, place->len);
}

static bool symbol_is(uint32_t symbol, const void *key, const void *context) {
    return span_equal(symbol_text(context, symbol), *(const struct span *)key);
}

static uint32_t add_symbol(struct send_message *message, struct span text) {
    uint64_t hash = hash_bytes(text.ptr, text.len);
    uint32_t symbol = map_find(&message->by_text, hash, &text, symbol_is, message);
    if (symbol != MAP_NONE) return symbol;
    symbol = (uint32_t)message->symbols.count;
    protobuf_put_bytes(&message->plain, REQUEST_SYMBOLS, text);
    if (message->plain.failed) return 0;
    *vec_push(&message->symbols) = (struct send_symbol){message->plain.len - text.len, text.len};
    map_insert(&message->by_text, hash, symbol);
    return symbol;
}

static void find_refs(struct send_message *message, struct labels labels) {
    message->refs.count = 0;
    if (!message->symbols.count) add_symbol(message, SPAN(""));
    for (uint32_t i = 0; i < labels.count; i++) {
        *vec_push(&message->refs) = add_symbol(message, labels.items[i].name);
        *vec_push(&message->refs) = add_symbol(message, labels.items[i].value);
    }
}

static void put_refs(const struct send_message *message, uint32_t number, struct buf *out) {
    size_t refs = read_message_begin(out, number);
    for (size_t i = 0; i < message->refs.count; i++) buf_varint(out, message->refs.items[i]);
    read_message_end(out, refs);
}

/* what was added since is taken back */
static void undo(struct send_message *message, size_t len, size_t symbols) {
    while (message->symbols.count > symbols) {
        uint32_t last = (uint32_t)--message->symbols.count;
        struct span text = symbol_text(message, last);
        map_remove(&message->by_text, hash_bytes(text.ptr, text.len), last);
    }
    message->plain.failed = false;
    message->plain.len = len;
}

/* ---- series ---- */

/* the same memory, other ends */
static struct columns part_of(const struct columns *columns, size_t from, size_t count) {
    struct columns part = *columns;
    part.times_ms += from;
    part.values += from;
    if (part.histograms) part.histograms += from;
    part.count = count;
    return part;
}

static void put_exemplar(struct send_message *message, const struct exemplar *exemplar, uint32_t number) {
    struct buf *out = &message->plain;
    size_t at = read_message_begin(out, number);
    if (message->is_v2) {
        find_refs(message, exemplar->labels); /* known by now */
        put_refs(message, EXEMPLAR_LABELS, out);
    } else {
        read_message_labels(exemplar->labels, EXEMPLAR_LABELS, out);
    }
    protobuf_put_double(out, EXEMPLAR_VALUE, exemplar->value);
    protobuf_put_varint(out, EXEMPLAR_TIMESTAMP, (uint64_t)exemplar->time_ms);
    read_message_end(out, at);
}

/* false: no memory, nothing is changed */
static bool add_series(struct send_message *message, struct labels labels, const struct columns *rows,
                       struct send_exemplars exemplars) {
    const struct form *form = &forms[message->is_v2];
    struct buf *out = &message->plain;
    size_t len = out->len, symbols = message->symbols.count;
    for (size_t i = 0; message->is_v2 && i < exemplars.count; i++)
        find_refs(message, exemplars.items[i]->labels); /* symbols stand in front of the series */
    if (message->is_v2) find_refs(message, labels);
    size_t start = out->len, series = read_message_begin(out, form->series);
    if (message->is_v2)
        put_refs(message, SERIES_LABELS, out);
    else
        read_message_labels(labels, SERIES_LABELS, out);
    read_message_rows(rows, form->histograms, out);
    for (size_t i = 0; i < exemplars.count; i++) put_exemplar(message, exemplars.items[i], form->exemplars);
    read_message_end(out, series);
    if (out->failed) {
        undo(message, len, symbols);
        return false;
    }
    *vec_push(&message->starts) = start;
    return true;
}

int send_message_add(struct send_message *message, struct labels labels, const struct columns *columns,
                     struct send_exemplars exemplars, size_t *row, struct err *err) {
    if (send_message_is_full(message)) return 0;
    size_t left = columns->count - *row, room = message->max_samples - message->samples;
    size_t count = left < room ? left : room;
    if (!count) return 0;
    for (; count; count /= 2) {
        struct columns part = part_of(columns, *row, count);
        if (add_series(message, labels, &part, exemplars)) break;
    }
    if (!count) return err_set(err, ERR_LIMIT, "no memory for a message of remote write");
    message->samples += count;
    *row += count;
    return 0;
}

int send_message_pack(struct send_message *message, size_t from, size_t to, struct span *body,
                      struct err *err) {
    size_t begin = from ? message->starts.items[from] : 0,
           end = to < message->starts.count ? message->starts.items[to] : message->plain.len;
    ASSERT(!message->is_v2 || (begin == 0 && end == message->plain.len)); /* symbols may stand before */
    buf_reset(&message->packed);
    int rc = snappy_write(span_of(message->plain.data + begin, end - begin), &message->packed, err);
    if (!rc) *body = buf_view(&message->packed);
    return rc;
}
