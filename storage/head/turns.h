#pragma once
/*
 * turns.h - waiting for those who are there now, however many come meanwhile.
 *
 *     turn 0   a b c                   drain: who comes now is counted in turn 1; waits until 0 is empty
 *     turn 1         d e f ...         the next drain: the other way round; 0 is empty since this one
 *
 * Threads: all under a lock of the owner's, which drain gives up while it waits; one drains at a time, never
 * from within a turn.
 */
#include "lib/sys/thread.h"

#include <stddef.h>

struct turns {
    struct condition has_left;
    unsigned now;
    size_t active[2];
};

void turns_init(struct turns *turns);
void turns_release(struct turns *turns);
/* what turns_leave is given */
unsigned turns_enter(struct turns *turns);
void turns_leave(struct turns *turns, unsigned turn);
void turns_drain(struct turns *turns, struct mutex *lock);
