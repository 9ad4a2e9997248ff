/*
 * intake_translate.c - io.prometheus.write.v2.Request to prometheus.WriteRequest, as whose bytes it is then
 * read: texts that the message has once, as symbols, are put where they are meant.
 *
 *     symbols: "", "__name__", "up"    timeseries: { labels_refs: 1 2, samples, histograms, exemplars,
 * metadata }
 *
 * A series that refers to no symbol, or has no sample, is left out and told: the others can be stored.
 */
#include "lib/codec/protobuf.h"
#include "storage/remote/intake_inside.h"
#include "storage/remote/intake_labels.h"

/* field numbers of the second version: Request, TimeSeries, Exemplar, Metadata ... */
enum { FROM_SYMBOLS = 4, FROM_SERIES = 5 };
enum { FROM_SAMPLES = 2, FROM_HISTOGRAMS = 3, FROM_EXEMPLARS = 4, FROM_METADATA = 5 };
enum { LABELS_REFS = 1 }; /* of both */
enum { EXEMPLAR_VALUE = 2, EXEMPLAR_TIMESTAMP = 3 };
enum { METADATA_TYPE = 1, METADATA_HELP = 3, METADATA_UNIT = 4 };
/* ... and of the first */
enum { TO_SERIES = 1, TO_METADATA = 3 };
enum { TO_LABELS = 1, TO_SAMPLES = 2, TO_EXEMPLARS = 3, TO_HISTOGRAMS = 4 };
enum { TO_TYPE = 1, TO_FAMILY = 2, TO_HELP = 4, TO_UNIT = 5 };
enum { TO_NAME = 1, TO_VALUE = 2 };

struct translation {
    struct intake_request *request;
    const struct span *symbols;
    size_t symbol_count;
    struct buf series, part, deep; /* what is being written, message in message */
    struct span name;              /* __name__ of the series at hand */
    struct buf family;             /* of the metadata written last */
};

static int malformed(struct err *err) {
    return err_set(err, ERR_CORRUPT, "proto: malformed write request");
}

static bool find_symbol(const struct translation *t, uint64_t ref, struct span *text) {
    if (ref >= t->symbol_count) return false;
    *text = t->symbols[ref];
    return true;
}

/* what could not be written inside is not written outside either */
static void put_message(struct buf *out, uint32_t number, const struct buf *message) {
    if (message->failed)
        out->failed = true;
    else
        protobuf_put_bytes(out, number, buf_view(message));
}

/* ---- labels ---- */

struct pairs {
    struct span name; /* of the pair at hand, once has_name */
    bool has_name;
    bool is_wrong; /* some reference was to no symbol */
    size_t bytes;  /* of all texts */
};

/* out: NULL to look only */
static void take_ref(struct translation *t, uint64_t ref, struct pairs *pairs, struct buf *out) {
    struct span text = {0};
    if (!find_symbol(t, ref, &text)) pairs->is_wrong = true;
    pairs->bytes += text.len;
    if (!pairs->has_name) {
        pairs->name = text;
    } else if (out) {
        if (span_is(pairs->name, LABEL_NAME)) t->name = text;
        buf_reset(&t->deep);
        protobuf_put_bytes(&t->deep, TO_NAME, pairs->name);
        protobuf_put_bytes(&t->deep, TO_VALUE, text);
        put_message(out, TO_LABELS, &t->deep);
    }
    pairs->has_name = !pairs->has_name;
}

/* all labels_refs of a message: name and value in turn, one by one or packed */
static int take_refs(struct translation *t, struct span bytes, struct pairs *pairs, struct buf *out,
                     struct err *err) {
    struct cursor message = cursor_of(bytes.ptr, bytes.len);
    struct protobuf_field field;
    while (protobuf_next(&message, &field)) {
        if (field.number != LABELS_REFS) continue;
        if (field.type == PROTOBUF_VARINT) take_ref(t, field.value, pairs, out);
        struct cursor refs = cursor_of(field.bytes.ptr, field.bytes.len);
        while (cursor_left(&refs)) take_ref(t, protobuf_varint(&refs), pairs, out);
        if (refs.failed) return malformed(err);
    }
    return message.failed ? malformed(err) : 0;
}

/* As label fields. ERR_INVALID: they are wrong, and nothing was copied: a few bytes may refer to long texts.
 */
static int put_labels(struct translation *t, struct span bytes, struct buf *out, struct err *err) {
    struct pairs pairs = {0};
    int rc = take_refs(t, bytes, &pairs, NULL, err);
    if (rc) return rc;
    if (pairs.is_wrong || pairs.has_name)
        return err_set(err, ERR_INVALID, "labels_refs do not refer to pairs of symbols: invalid sample");
    if (pairs.bytes > INTAKE_LABELS_BYTES_MAX)
        return err_set(err, ERR_INVALID, "labels too long (length: %zu, limit: %zu)", pairs.bytes,
                       INTAKE_LABELS_BYTES_MAX);
    return take_refs(t, bytes, &pairs, out, err);
}

/* ---- what a series has beside its samples ---- */

/* one that makes no sense is left out, as in the first version */
static int put_exemplar(struct translation *t, struct span bytes, struct err *err) {
    struct cursor message = cursor_of(bytes.ptr, bytes.len);
    struct protobuf_field field;
    struct span name = t->name;
    buf_reset(&t->part);
    int rc = put_labels(t, bytes, &t->part, err);
    t->name = name;
    if (rc) return rc == ERR_INVALID ? 0 : rc;
    while (protobuf_next(&message, &field)) {
        if (field.number == EXEMPLAR_VALUE && field.type == PROTOBUF_FIXED64)
            protobuf_put_double(&t->part, EXEMPLAR_VALUE, bits_double(field.value));
        if (field.number == EXEMPLAR_TIMESTAMP && field.type == PROTOBUF_VARINT)
            protobuf_put_varint(&t->part, EXEMPLAR_TIMESTAMP, field.value);
    }
    put_message(&t->series, TO_EXEMPLARS, &t->part);
    return 0;
}

/* the series of a histogram or summary are of one family */
static struct span family_of(struct span name, uint64_t type) {
    static const char *const suffixes[] = {"_bucket", "_count", "_sum"};
    enum { HISTOGRAM = 3, GAUGE_HISTOGRAM = 4, SUMMARY = 5 };
    for (size_t i = 0; i < 3 && type >= HISTOGRAM && type <= SUMMARY; i++)
        if (span_ends_with(name, span_from(suffixes[i])))
            return span_of(name.ptr, name.len - strlen(suffixes[i]));
    return name;
}

/* once for a run of series of one family */
static int put_metadata(struct translation *t, struct span bytes, struct buf *out, struct err *err) {
    struct cursor message = cursor_of(bytes.ptr, bytes.len);
    struct protobuf_field field;
    struct span help = {0}, unit = {0};
    uint64_t type = 0;
    while (protobuf_next(&message, &field)) {
        if (field.number == METADATA_TYPE) type = field.value;
        if (field.number == METADATA_HELP) (void)find_symbol(t, field.value, &help); /* else none */
        if (field.number == METADATA_UNIT) (void)find_symbol(t, field.value, &unit);
    }
    if (message.failed) return malformed(err);
    struct span family = family_of(t->name, type);
    if (!family.len || (!type && !help.len && !unit.len)) return 0;
    if (span_equal(family, buf_view(&t->family))) return 0;
    buf_reset(&t->family);
    buf_span(&t->family, family);
    buf_reset(&t->part);
    protobuf_put_varint(&t->part, TO_TYPE, type);
    protobuf_put_bytes(&t->part, TO_FAMILY, family);
    protobuf_put_bytes(&t->part, TO_HELP, help);
    protobuf_put_bytes(&t->part, TO_UNIT, unit);
    put_message(out, TO_METADATA, &t->part);
    return 0;
}

/* ---- a series ---- */

static bool has_rows(struct span bytes) {
    struct cursor message = cursor_of(bytes.ptr, bytes.len);
    struct protobuf_field field;
    while (protobuf_next(&message, &field))
        if (field.number == FROM_SAMPLES || field.number == FROM_HISTOGRAMS) return true;
    return message.failed; /* which is told when it is read */
}

static int put_rest(struct translation *t, struct span bytes, struct buf *out, struct err *err) {
    struct cursor message = cursor_of(bytes.ptr, bytes.len);
    struct protobuf_field field;
    int rc = 0;
    while (!rc && protobuf_next(&message, &field)) {
        if (field.number < FROM_SAMPLES || field.number > FROM_METADATA) continue;
        if (field.type != PROTOBUF_BYTES) return malformed(err);
        if (field.number == FROM_SAMPLES) protobuf_put_bytes(&t->series, TO_SAMPLES, field.bytes);
        if (field.number == FROM_HISTOGRAMS) protobuf_put_bytes(&t->series, TO_HISTOGRAMS, field.bytes);
        if (field.number == FROM_EXEMPLARS) rc = put_exemplar(t, field.bytes, err);
        if (field.number == FROM_METADATA) rc = put_metadata(t, field.bytes, out, err);
    }
    return rc;
}

static int put_series(struct translation *t, struct span bytes, struct buf *out, struct err *err) {
    buf_reset(&t->series);
    t->name = (struct span){0};
    int rc = has_rows(bytes)
                 ? put_labels(t, bytes, &t->series, err)
                 : err_set(err, ERR_INVALID, "TimeSeries must contain at least one sample or histogram");
    if (rc) return rc == ERR_INVALID ? intake_note(t->request, err) : rc;
    rc = put_rest(t, bytes, out, err);
    if (rc) return rc;
    put_message(out, TO_SERIES, &t->series);
    return out->failed ? err_set(err, ERR_LIMIT, "no memory for the series of a request") : 0;
}

/* ---- the whole ---- */

static int find_symbols(struct translation *t, struct span body, struct err *err) {
    for (int pass = 0; pass < 2; pass++) {
        struct cursor message = cursor_of(body.ptr, body.len);
        struct protobuf_field field;
        struct span *symbols =
            pass ? arena_array(&t->request->arena, t->symbol_count + 1, sizeof *symbols) : NULL;
        if (pass && !symbols) return arena_limit(&t->request->arena, "symbols", err);
        t->symbol_count = 0;
        while (protobuf_next(&message, &field)) {
            bool is_known = field.number == FROM_SYMBOLS || field.number == FROM_SERIES;
            if (is_known && field.type != PROTOBUF_BYTES) return malformed(err);
            if (field.number != FROM_SYMBOLS) continue;
            if (pass) symbols[t->symbol_count] = field.bytes;
            t->symbol_count++;
        }
        if (message.failed) return malformed(err);
        t->symbols = symbols;
    }
    return 0;
}

int intake_translate(struct intake_request *request, struct err *err) {
    struct translation t = {.request = request};
    struct buf *bufs[] = {&t.series, &t.part, &t.deep, &t.family}, out;
    for (size_t i = 0; i < 4; i++) buf_init_budget(bufs[i], INTAKE_REQUEST_MEMORY, &request->budget);
    buf_init_budget(&out, INTAKE_REQUEST_MEMORY, &request->budget);
    struct cursor message = cursor_of(request->body.data, request->body.len);
    struct protobuf_field field;
    int rc = find_symbols(&t, buf_view(&request->body), err);
    while (!rc && protobuf_next(&message, &field))
        if (field.number == FROM_SERIES) rc = put_series(&t, field.bytes, &out, err);
    for (size_t i = 0; i < 4; i++) buf_release(bufs[i]);
    if (rc) {
        buf_release(&out);
        return rc;
    }
    buf_release(&request->body);
    request->body = out;
    return 0;
}
