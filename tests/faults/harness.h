#pragma once
/*
 * harness.h - what the programs in this folder have in common: arguments, chance, counting, telling.
 *
 *     crash --seed 7 --point 120 --mode torn       one case again, as a failure's message says it
 *     crash --long                                 (or FERULA_LONG=1) the long form
 *
 * A program ends with "N passed, N failed". After a failure the rest goes on, up to a number of them.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arguments {
    bool is_long;
    bool has_seed, has_point, has_mode;
    uint64_t seed, seeds; /* seeds: how many, from seed on; 0: the program's choice */
    size_t point;
    const char *mode;
    const char *dump; /* folder for the files of a failing case */
};

/* ends the program when they make no sense */
struct arguments arguments_read(int count, char **texts);

/* Chance that is the same everywhere: splitmix64. */
uint64_t chance(uint64_t *state);
/* 0 .. below - 1 */
size_t chance_below(uint64_t *state, size_t below);

/* what is being tried, for the message of a failure and for how to try it again */
void trying(const char *format, ...) __attribute__((format(printf, 1, 2)));
void fail(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* counts as passed when nothing failed since the last call */
void passed(void);
size_t failures(void);
/* prints the counts; the program's exit status */
int finish(void);

/* lines of the server's log since the last reset; they are not printed */
void log_listen(void);
void log_reset(void);
bool log_has(const char *text);
const char *log_lines(void);
