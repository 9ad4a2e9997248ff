#pragma once
/*
 * number.h - numbers in text, as Go's strconv writes and reads them.
 */
#include "lib/base/buf.h"
#include "lib/base/err.h"
#include "lib/base/span.h"

#include <stdbool.h>
#include <stdint.h>

#define NUMBER_MAX_TEXT 352 /* longest text of number_write_plain */

/* Shortest digits that read back the same, plain decimals ('f', -1): 1e23 -> 100000000000000000000000. NaN,
 * +Inf, -Inf. */
size_t number_write_plain(double value, char out[NUMBER_MAX_TEXT]);
/* The JSON API's form: plain, but 'e' form when |x| < 1e-6 (and not 0) or >= 1e21: 1e-07, 1e+21. */
size_t number_write_json(double value, char out[NUMBER_MAX_TEXT]);
/* Go's 'g', -1 form: an exponent when it is below -4 or at least 6 (1e+06): le labels and exposition. */
size_t number_write_general(double value, char out[NUMBER_MAX_TEXT]);
size_t number_write_uint(uint64_t value, char out[20]);
bool buf_number(struct buf *buf, double value); /* number_write_json appended */

/* Decimal float as strconv.ParseFloat takes it, without hex and underscores; Inf, +Inf, -Inf, Infinity, NaN
   in any case. Overflow is refused (false), underflow is 0. The whole text must be used. */
bool number_parse(struct span text, double *value);
/* The bytes of the plain decimal, digits and perhaps a point among them, that text begins with; what follows
   is not looked at. 0: there is none, or it is none that a double can be made of by one division. */
#define NUMBER_SCAN_MAX ((size_t)19) /* no more of text is looked at */
size_t number_scan(struct span text, double *value);
/* decimal digits with optional sign, whole text, no overflow */
bool number_parse_int(struct span text, int64_t *value);
bool number_parse_uint(struct span text, uint64_t *value);
