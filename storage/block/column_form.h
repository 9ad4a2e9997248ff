#pragma once
/*
 * column_form.h - inside of storage/block: the first byte of a page of values or times.
 */
#include "storage/chunk/decimals.h"

enum form { FORM_CONSTANT, FORM_WHOLE, FORM_XOR };

/* form, then for FORM_WHOLE the order of differences and the scale */
#define FORM_BITS 2
#define ORDER_TWO 4u
#define SPARSE 8u
#define SCALE_SHIFT 4
#define SCALE_MAX DECIMAL_SCALE_MAX

static inline enum form form_of(unsigned head) {
    return (enum form)(head & ((1u << FORM_BITS) - 1));
}
