#pragma once
/*
 * agenda.h - inside of lib/scrape: which target is due next.
 *
 *     a heap in one array, sooner above later:      0
 *     below i stand 2i + 1 and 2i + 2             1   2
 *                                                3 4 5 6
 *
 * Times and targets lie side by side, so moving the first of ten thousand to its next time looks at a few
 * cache lines of the agenda and at no target: a timer of libuv for each would look at a dozen of them. A
 * target is there once. Not thread-safe.
 */
#include "lib/base/vec.h"

#include <stdint.h>

struct target;

struct appointment {
    int64_t due_ms; /* on whatever clock its user has */
    struct target *target;
};

struct agenda { /* all zero: empty */
    VEC(struct appointment) items;
};

void agenda_release(struct agenda *agenda);
void agenda_add(struct agenda *agenda, struct target *target, int64_t due_ms);
/* nothing when it is not there; looks at all */
void agenda_remove(struct agenda *agenda, const struct target *target);
/* the next; INT64_MAX: none */
int64_t agenda_next_ms(const struct agenda *agenda);
/* the next, if it is due now; else NULL */
struct target *agenda_due(const struct agenda *agenda, int64_t now_ms);
/* the next gets another time */
void agenda_move_first(struct agenda *agenda, int64_t due_ms);
