#pragma once
/*
 * shim.h - the C++ behind regex.h and number.h: RE2, std::to_chars, std::from_chars. Only those two files
 * call it.
 *
 * No exception leaves these functions.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct shim_regex;

/* NULL on failure, with a terminated reason in error */
struct shim_regex *shim_regex_create(const char *pattern, size_t len, int64_t max_mem, char *error,
                                     size_t error_size);
void shim_regex_destroy(struct shim_regex *regex);
bool shim_regex_matches(const struct shim_regex *regex, const char *text, size_t len);
/* starts[i] and lens[i] for i < count; starts[i] is NULL for a group that took no part */
bool shim_regex_captures(const struct shim_regex *regex, const char *text, size_t len, const char **starts,
                         size_t *lens, size_t count);
/* the same for the leftmost match anywhere at or after from */
bool shim_regex_find(const struct shim_regex *regex, const char *text, size_t len, size_t from,
                     const char **starts, size_t *lens, size_t count);
int shim_regex_groups(const struct shim_regex *regex);
int shim_regex_group_index(const struct shim_regex *regex, const char *name, size_t len);

/* shortest scientific form d.ddde[+-]xx, not terminated; at least 32 bytes; returns the length */
size_t shim_double_digits(double value, char *out, size_t size);
/* 0 ok, 1 not a number or not used whole, 2 out of range (value is then HUGE_VAL or 0 with the sign) */
int shim_double_parse(const char *text, size_t len, double *value);

#ifdef __cplusplus
}
#endif
