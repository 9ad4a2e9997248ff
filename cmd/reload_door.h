#pragma once
/*
 * reload_door.h - how other threads ask the main loop for a reload and hear how it went.
 *
 *     POST /-/reload --ask--> [asked 7] --loop_post--> main loop: reload_now --> [answered 7] --> 200 or 500
 *     the watch (--config.auto-reload) -- every interval --loop_post--> main loop: reload when the file
 * changed
 *
 * Before the main loop ends the door is closed: who waits, or comes later, is told that the server stops.
 */
#include "cmd/reload.h"
#include "lib/sys/loop.h"

struct reload_door {
    struct reload *reload;
    struct loop *loop;
    struct mutex lock; /* guards everything below but the watch */
    struct condition changed;
    uint64_t asked, answered;
    bool is_closed;
    int rc; /* of the last answer */
    struct err err;
    struct thread watch;
    bool has_watch;
    int64_t interval_ms;
};

void reload_door_init(struct reload_door *door, struct reload *reload, struct loop *loop);
/* after reload_door_close */
void reload_door_release(struct reload_door *door);
/* Waits for the main loop's answer; any thread but the main loop's. */
int reload_door_ask(struct reload_door *door, struct err *err);
/* looks for a change of the file every interval */
void reload_door_watch(struct reload_door *door, int64_t interval_ms);
void reload_door_close(struct reload_door *door);
