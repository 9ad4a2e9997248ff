#include "cmd/reload_door.h"

#include "lib/base/log.h"

#include <string.h>

void reload_door_init(struct reload_door *door, struct reload *reload, struct loop *loop) {
    *door = (struct reload_door){.reload = reload, .loop = loop};
    mutex_init(&door->lock);
    condition_init(&door->changed);
}

void reload_door_release(struct reload_door *door) {
    condition_release(&door->changed);
    mutex_release(&door->lock);
}

/* on the main loop; one reload answers all that asked before it began */
static void answer(void *argument) {
    struct reload_door *door = argument;
    mutex_lock(&door->lock);
    uint64_t asked = door->asked;
    bool is_needed = !door->is_closed && door->answered < asked;
    mutex_unlock(&door->lock);
    if (!is_needed) return;
    struct err err = {0};
    int rc = reload_now(door->reload, &err);
    mutex_lock(&door->lock);
    door->answered = asked;
    door->rc = rc;
    door->err = err;
    condition_broadcast(&door->changed);
    mutex_unlock(&door->lock);
}

int reload_door_ask(struct reload_door *door, struct err *err) {
    mutex_lock(&door->lock);
    uint64_t ticket = ++door->asked;
    if (!door->is_closed) loop_post(door->loop, answer, door);
    while (!door->is_closed && door->answered < ticket) condition_wait(&door->changed, &door->lock);
    bool is_answered = door->answered >= ticket;
    int rc = is_answered ? door->rc : ERR_CANCELED;
    if (rc) err_set(err, rc, "%s", is_answered ? door->err.text : "the server is stopping");
    mutex_unlock(&door->lock);
    return rc;
}

/* on the main loop */
static void look(void *argument) {
    struct reload_door *door = argument;
    if (!reload_is_due(door->reload)) return;
    LOG(LOG_INFO, "the configuration file has changed", "file", door->reload->path);
    (void)reload_now(door->reload, NULL); /* it logs what is wrong */
}

static void *watch(void *context) {
    struct reload_door *door = context;
    mutex_lock(&door->lock);
    while (!door->is_closed)
        if (!condition_wait_ms(&door->changed, &door->lock, door->interval_ms) && !door->is_closed)
            loop_post(door->loop, look, door);
    mutex_unlock(&door->lock);
    return NULL;
}

void reload_door_watch(struct reload_door *door, int64_t interval_ms) {
    door->interval_ms = interval_ms;
    door->has_watch = true;
    thread_start(&door->watch, "config-watch", watch, door);
}

void reload_door_close(struct reload_door *door) {
    mutex_lock(&door->lock);
    door->is_closed = true;
    condition_broadcast(&door->changed);
    mutex_unlock(&door->lock);
    if (door->has_watch) thread_join(&door->watch);
    door->has_watch = false;
}
