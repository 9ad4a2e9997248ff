#pragma once
/*
 * column_form.h - inside of storage/block: the first byte of a page of values or times.
 */
enum form { FORM_CONSTANT, FORM_WHOLE, FORM_XOR };

/* form, then for FORM_WHOLE the order of differences and the scale */
#define FORM_BITS 2
#define ORDER_TWO 4u
#define SPARSE 8u
#define SCALE_SHIFT 4
#define SCALE_MAX 6u

static inline enum form form_of(unsigned head) {
    return (enum form)(head & ((1u << FORM_BITS) - 1));
}

static const double column_powers[SCALE_MAX + 1] = {1, 10, 100, 1e3, 1e4, 1e5, 1e6};
