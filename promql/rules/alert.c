#include "promql/rules/alert.h"

#include "lib/base/mem.h"

void alert_destroy(struct alert *alert) {
    mem_free((void *)alert->labels.items);
    mem_free((void *)alert->annotations.items);
    mem_free(alert);
}

void alerts_release(struct alerts *alerts) {
    for (size_t i = 0; i < alerts->items.count; i++) alert_destroy(alerts->items.items[i]);
    vec_release(&alerts->items);
    map_release(&alerts->index);
}

static bool identity_equal(uint32_t i, const void *key, const void *context) {
    const struct alerts *alerts = context;
    const struct hash128 *a = &alerts->items.items[i]->identity, *b = key;
    return a->low == b->low && a->high == b->high;
}

struct alert *alerts_find(const struct alerts *alerts, const struct hash128 *identity) {
    uint32_t i = map_find(&alerts->index, identity->low, identity, identity_equal, alerts);
    return i == MAP_NONE ? NULL : alerts->items.items[i];
}

void alerts_add(struct alerts *alerts, struct alert *alert) {
    map_insert(&alerts->index, alert->identity.low, (uint32_t)alerts->items.count);
    *vec_push(&alerts->items) = alert;
}

void alerts_remove(struct alerts *alerts, size_t i) {
    struct alert *alert = alerts->items.items[i];
    size_t last = alerts->items.count - 1;
    map_remove(&alerts->index, alert->identity.low, (uint32_t)i);
    if (i != last) {
        struct alert *moved = alerts->items.items[last];
        map_remove(&alerts->index, moved->identity.low, (uint32_t)last);
        map_insert(&alerts->index, moved->identity.low, (uint32_t)i);
        alerts->items.items[i] = moved;
    }
    alerts->items.count = last;
    alert_destroy(alert);
}

const char *alert_state_name(enum alert_state state) {
    static const char *const names[] = {"inactive", "pending", "firing"};
    return names[state];
}

enum alert_state alerts_state(const struct alerts *alerts) {
    enum alert_state state = ALERT_INACTIVE;
    for (size_t i = 0; i < alerts->items.count; i++)
        if (alerts->items.items[i]->state > state) state = alerts->items.items[i]->state;
    return state;
}
