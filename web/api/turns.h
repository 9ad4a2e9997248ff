#pragma once
/*
 * turns.h - inside of web/api: exchanges of which only so many may be answered at once; the others wait in
 * line, and no thread with them.
 *
 *     turns_take: begins at once, or later, where the exchange goes on
 *     ... the answer is out: turns_give, and the first in line begins
 *
 * Threads: any.
 */
#include "web/http/exchange.h"

struct turn { /* lives in the exchange's arena */
    struct exchange *exchange;
    struct turn *next;
};

struct turns;

/* max 0: no limit */
struct turns *turns_create(size_t max);
/* all were given back */
void turns_destroy(struct turns *turns);
/* From a handler, instead of an answer: `begin` is called with the turn taken, now or as by reply_later. */
void turns_take(struct turns *turns, struct turn *turn, struct exchange *exchange, reply_resumed *begin,
                void *state);
void turns_give(struct turns *turns);
