#include "storage/remote/intake_labels.h"

#include "lib/codec/protobuf.h"

#include <stdlib.h>

/* field numbers of prometheus.Label */
enum { LABEL_FIELD_NAME = 1, LABEL_FIELD_VALUE = 2 };

static int read_label(struct span bytes, struct label *label, struct err *err) {
    struct cursor message = cursor_of(bytes.ptr, bytes.len);
    struct protobuf_field field;
    *label = (struct label){0};
    while (protobuf_next(&message, &field)) {
        if (field.number > LABEL_FIELD_VALUE) continue;
        if (field.type != PROTOBUF_BYTES)
            return err_set(err, ERR_CORRUPT, "proto: wrong wireType = %u for field %s of a label", field.type,
                           field.number == LABEL_FIELD_NAME ? "Name" : "Value");
        *(field.number == LABEL_FIELD_NAME ? &label->name : &label->value) = field.bytes;
    }
    return message.failed ? err_set(err, ERR_CORRUPT, "proto: malformed label") : 0;
}

/* for messages: not more than fits */
#define SHOWN(s) (int)((s).len < 60 ? (s).len : 60), (s).ptr ? (s).ptr : ""

static int check_label(const struct label *label, struct err *err) {
    if (label->name.len == 0) return err_set(err, ERR_INVALID, "a label with an empty name: invalid sample");
    if (label->name.len > INTAKE_LABEL_NAME_MAX)
        return err_set(err, ERR_INVALID, "label name too long (label: %.*s, length: %zu, limit: %zu)",
                       SHOWN(label->name), label->name.len, INTAKE_LABEL_NAME_MAX);
    if (label->value.len > INTAKE_LABEL_VALUE_MAX)
        return err_set(err, ERR_INVALID, "label value too long (label: %.*s, length: %zu, limit: %zu)",
                       SHOWN(label->name), label->value.len, INTAKE_LABEL_VALUE_MAX);
    if (!span_is_utf8(label->name))
        return err_set(err, ERR_INVALID, "a label name is not valid UTF-8: invalid sample");
    if (!span_is_utf8(label->value))
        return err_set(err, ERR_INVALID, "value of label \"%.*s\" is not valid UTF-8: invalid sample",
                       SHOWN(label->name));
    if (span_is(label->name, LABEL_NAME) && !label->value.len)
        return err_set(err, ERR_INVALID, "metric name is empty: invalid sample");
    return 0;
}

static int by_name(const void *a, const void *b) {
    return span_compare(((const struct label *)a)->name, ((const struct label *)b)->name);
}

static int sort(struct label *items, uint32_t count, struct err *err) {
    bool is_sorted = true;
    for (uint32_t i = 1; i < count && is_sorted; i++) is_sorted = by_name(&items[i - 1], &items[i]) < 0;
    if (is_sorted) return 0;
    qsort(items, count, sizeof *items, by_name);
    for (uint32_t i = 1; i < count; i++)
        if (by_name(&items[i - 1], &items[i]) == 0)
            return err_set(err, ERR_INVALID, "label name \"%.*s\" is not unique: invalid sample",
                           SHOWN(items[i].name));
    return 0;
}

static uint32_t drop_empty(struct label *items, uint32_t count) {
    uint32_t kept = 0;
    for (uint32_t i = 0; i < count; i++)
        if (items[i].value.len) items[kept++] = items[i];
    return kept;
}

int intake_labels_check(struct label *items, uint32_t *count, size_t bytes, struct err *err) {
    if (*count > INTAKE_LABELS_MAX)
        return err_set(err, ERR_INVALID, "label_limit exceeded (number of labels: %u, limit: %u)", *count,
                       INTAKE_LABELS_MAX);
    if (bytes > INTAKE_LABELS_BYTES_MAX)
        return err_set(err, ERR_INVALID, "labels too long (length: %zu, limit: %zu)", bytes,
                       INTAKE_LABELS_BYTES_MAX);
    for (uint32_t i = 0; i < *count; i++) {
        int rc = check_label(&items[i], err);
        if (rc) return rc;
    }
    int rc = sort(items, *count, err);
    if (rc) return rc;
    *count = drop_empty(items, *count);
    return *count ? 0 : err_set(err, ERR_INVALID, "empty labelset: invalid sample");
}

/* all labels are read, also those beyond the limit: the bytes must be sound in any case */
static int read_all(struct span raw, struct label *items, size_t *count, struct err *err) {
    struct cursor message = cursor_of(raw.ptr, raw.len);
    struct protobuf_field field;
    while (protobuf_next(&message, &field)) {
        struct label label;
        int rc = read_label(field.bytes, &label, err);
        if (rc) return rc;
        if (*count < INTAKE_LABELS_MAX) items[*count] = label;
        ++*count;
    }
    return message.failed ? err_set(err, ERR_CORRUPT, "proto: malformed labels") : 0;
}

int intake_labels_read(struct span raw, struct arena *arena, struct labels *labels, struct err *err) {
    struct label items[INTAKE_LABELS_MAX];
    size_t found = 0;
    int rc = read_all(raw, items, &found, err);
    if (!rc && found > INTAKE_LABELS_MAX)
        rc = err_set(err, ERR_INVALID, "label_limit exceeded (number of labels: %zu, limit: %u)", found,
                     INTAKE_LABELS_MAX);
    uint32_t count = (uint32_t)found;
    if (!rc) rc = intake_labels_check(items, &count, raw.len, err);
    if (rc) return rc;
    struct label *copy = arena_alloc(arena, count * sizeof *copy);
    if (!copy) return arena_limit(arena, "labels of new series", err);
    memcpy(copy, items, count * sizeof *copy);
    *labels = (struct labels){copy, count};
    return 0;
}
