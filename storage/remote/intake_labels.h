#pragma once
/*
 * intake_labels.h - inside of storage/remote: the labels of a series out of a write request.
 *
 *     0a len {0a len name, 12 len value}  0a len {...}  ...      in place: the text is not copied
 *
 * Labels without a value are no labels and are left out. Sorted by name; they may come in any order.
 */
#include "lib/model/labels.h"

/* of one series: more, or longer ones, are refused */
#define INTAKE_LABELS_MAX 128u
#define INTAKE_LABEL_NAME_MAX ((size_t)1 << 10)
#define INTAKE_LABEL_VALUE_MAX ((size_t)16 << 10)
#define INTAKE_LABELS_BYTES_MAX ((size_t)64 << 10)

/* Sorts them and leaves out those without a value; `bytes`: as long as they were written. ERR_INVALID, of the
   first trouble: labels that no series may have. */
int intake_labels_check(struct label *items, uint32_t *count, size_t bytes, struct err *err);
/* ERR_CORRUPT: not protobuf, or fields of wrong types. ERR_INVALID: labels that no series may have.
   ERR_LIMIT: the arena is full. */
int intake_labels_read(struct span raw, struct arena *arena, struct labels *labels, struct err *err);
