#include "storage/remote/intake_notes.h"

#include "lib/codec/protobuf.h"
#include "storage/remote/intake_labels.h"
#include "storage/remote/note_fields.h"

static int malformed(const char *what, struct err *err) {
    return err_set(err, ERR_CORRUPT, "proto: malformed %s", what);
}

/* labels: its label fields one behind the other */
static int read_exemplar(struct span bytes, struct buf *labels, struct exemplar *exemplar, struct err *err) {
    struct cursor message = cursor_of(bytes.ptr, bytes.len);
    struct protobuf_field field;
    while (protobuf_next(&message, &field)) {
        if (field.number == EXEMPLAR_LABELS && field.type == PROTOBUF_BYTES)
            protobuf_put_bytes(labels, EXEMPLAR_LABELS, field.bytes);
        else if (field.number == EXEMPLAR_VALUE && field.type == PROTOBUF_FIXED64)
            exemplar->value = bits_double(field.value);
        else if (field.number == EXEMPLAR_TIMESTAMP && field.type == PROTOBUF_VARINT)
            exemplar->time_ms = (int64_t)field.value;
    }
    if (message.failed) return malformed("exemplar", err);
    return labels->failed ? err_set(err, ERR_LIMIT, "no memory for the exemplars of a request") : 0;
}

int intake_add_exemplar(struct intake_request *request, struct span series, struct span bytes,
                        struct err *err) {
    struct exemplar exemplar = {0};
    struct labels of_series;
    struct buf labels;
    arena_release(&request->scratch);
    buf_init_budget(&labels, INTAKE_DECODED_MAX, &request->budget);
    int rc = read_exemplar(bytes, &labels, &exemplar, err);
    if (!rc) rc = intake_labels_read(series, &request->scratch, &of_series, err);
    if (!rc && labels.len)
        rc = intake_labels_read(buf_view(&labels), &request->scratch, &exemplar.labels, err);
    if (!rc) rc = append_batch_add_exemplar(request->batch, of_series, 0, &exemplar, err);
    buf_release(&labels);
    return rc == ERR_INVALID ? 0 : rc;
}

int intake_add_metadata(struct intake_request *request, struct span bytes, struct err *err) {
    struct cursor message = cursor_of(bytes.ptr, bytes.len);
    struct protobuf_field field;
    struct metric_metadata item = {.type = span_from(metadata_types[0])};
    while (protobuf_next(&message, &field)) {
        if (field.number == METADATA_TYPE && field.value < METADATA_TYPES)
            item.type = span_from(metadata_types[field.value]);
        if (field.type != PROTOBUF_BYTES) continue;
        if (field.number == METADATA_FAMILY) item.family = field.bytes;
        if (field.number == METADATA_HELP) item.help = field.bytes;
        if (field.number == METADATA_UNIT) item.unit = field.bytes;
    }
    if (message.failed) return malformed("metadata", err);
    bool is_text = span_is_utf8(item.family) && span_is_utf8(item.help) && span_is_utf8(item.unit);
    return item.family.len && is_text ? append_batch_add_metadata(request->batch, &item, err) : 0;
}
