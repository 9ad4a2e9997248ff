#include "storage/head/turns.h"

void turns_init(struct turns *turns) {
    *turns = (struct turns){0};
    condition_init(&turns->has_left);
}

void turns_release(struct turns *turns) {
    condition_release(&turns->has_left);
}

unsigned turns_enter(struct turns *turns) {
    turns->active[turns->now]++;
    return turns->now;
}

void turns_leave(struct turns *turns, unsigned turn) {
    if (--turns->active[turn] == 0) condition_broadcast(&turns->has_left);
}

void turns_drain(struct turns *turns, struct mutex *lock) {
    unsigned before = turns->now;
    turns->now = before ^ 1;
    while (turns->active[before]) condition_wait(&turns->has_left, lock);
}
