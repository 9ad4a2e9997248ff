#include "web/api/turns.h"

#include "lib/base/assert.h"
#include "lib/base/mem.h"
#include "lib/sys/thread.h"

struct turns {
    struct mutex lock;
    size_t max, taken;
    struct turn *first, *last; /* in line */
};

struct turns *turns_create(size_t max) {
    struct turns *turns = mem_zalloc(sizeof *turns);
    turns->max = max;
    mutex_init(&turns->lock);
    return turns;
}

void turns_destroy(struct turns *turns) {
    ASSERT(turns->taken == 0);
    mutex_release(&turns->lock);
    mem_free(turns);
}

void turns_take(struct turns *turns, struct turn *turn, struct exchange *exchange, reply_resumed *begin,
                void *state) {
    *turn = (struct turn){.exchange = exchange};
    mutex_lock(&turns->lock);
    bool has_room = !turns->max || turns->taken < turns->max;
    if (has_room) {
        turns->taken++;
    } else {
        reply_later(exchange, begin, state);
        *(turns->first ? &turns->last->next : &turns->first) = turn;
        turns->last = turn;
    }
    mutex_unlock(&turns->lock);
    if (has_room) begin(exchange, state);
}

void turns_give(struct turns *turns) {
    mutex_lock(&turns->lock);
    struct turn *next = turns->first;
    if (next)
        turns->first = next->next; /* the turn is handed on */
    else
        turns->taken--;
    mutex_unlock(&turns->lock);
    if (next) exchange_resume(next->exchange);
}
