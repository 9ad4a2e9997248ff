#include "promql/eval/active.h"

#include "lib/base/hash.h"
#include "lib/base/mem.h"
#include "lib/sys/clock.h"

#include <stdio.h>
#include <string.h>

struct active *active_create(void) {
    struct active *active = mem_zalloc(sizeof *active);
    mutex_init(&active->lock);
    for (size_t i = 0; i < TOP_MAX; i++) active->top[i].text = active->top_texts[i];
    return active;
}

void active_destroy(struct active *active) {
    mutex_release(&active->lock);
    mem_free(active);
}

/* whole characters only */
static void copy_text(char out[ACTIVE_TEXT_MAX], struct span text) {
    size_t len = text.len < ACTIVE_TEXT_MAX ? text.len : ACTIVE_TEXT_MAX - 1;
    while (len < text.len && len && ((unsigned char)text.ptr[len] & 0xc0) == 0x80) len--;
    if (len) memcpy(out, text.ptr, len);
    out[len] = '\0';
}

struct active_query *active_begin(struct active *active, struct span text, const char *client,
                                  int64_t start_ms, int64_t end_ms, int64_t step_ms) {
    struct active_query *place = NULL;
    mutex_lock(&active->lock);
    for (size_t i = 0; i < ACTIVE_MAX && !place; i++)
        if (!active->places[i].id) place = &active->places[i];
    if (place) {
        place->id = ++active->last_id;
        copy_text(place->text, text);
        snprintf(place->client, sizeof place->client, "%s", client ? client : "");
        place->start_ms = start_ms;
        place->end_ms = end_ms;
        place->step_ms = step_ms;
        place->begin_wall_ms = clock_wall_ms();
        place->begin_ns = clock_monotonic_ns();
        atomic_store(&place->samples, 0);
        atomic_store(&place->is_cancelled, false);
    }
    mutex_unlock(&active->lock);
    return place;
}

/* the place of a text: its own, a free one, or that of what cost least */
static struct top_query *top_place(struct active *active, uint64_t hash) {
    struct top_query *cheapest = &active->top[0];
    for (size_t i = 0; i < active->top_count; i++) {
        if (active->top[i].hash == hash) return &active->top[i];
        if (active->top[i].seconds < cheapest->seconds) cheapest = &active->top[i];
    }
    return active->top_count < TOP_MAX ? &active->top[active->top_count++] : cheapest;
}

void active_end(struct active *active, struct active_query *query, struct span text, uint64_t samples,
                double seconds) {
    uint64_t hash = hash_bytes_keyed(text.ptr, text.len);
    mutex_lock(&active->lock);
    if (query) query->id = 0;
    struct top_query *top = top_place(active, hash);
    if (top->hash != hash || !top->count) {
        *top = (struct top_query){.hash = hash, .text = top->text};
        copy_text(top->text, text);
    }
    top->count++;
    top->samples += samples;
    top->seconds += seconds;
    mutex_unlock(&active->lock);
}

void active_each(struct active *active, void (*each)(const struct active_query *query, void *context),
                 void *context) {
    mutex_lock(&active->lock);
    for (size_t i = 0; i < ACTIVE_MAX; i++)
        if (active->places[i].id) each(&active->places[i], context);
    mutex_unlock(&active->lock);
}

bool active_cancel(struct active *active, uint64_t id) {
    bool found = false;
    mutex_lock(&active->lock);
    for (size_t i = 0; i < ACTIVE_MAX && id && !found; i++) {
        if (active->places[i].id != id) continue;
        atomic_store(&active->places[i].is_cancelled, true);
        found = true;
    }
    mutex_unlock(&active->lock);
    return found;
}

void top_each(struct active *active, void (*each)(const struct top_query *query, void *context),
              void *context) {
    mutex_lock(&active->lock);
    for (size_t i = 0; i < active->top_count; i++) each(&active->top[i], context);
    mutex_unlock(&active->lock);
}
