#include "lib/scrape/agenda.h"

#include "lib/base/assert.h"

#include <stddef.h>

void agenda_release(struct agenda *agenda) {
    vec_release(&agenda->items);
}

static void rise(struct agenda *agenda, size_t at, struct appointment item) {
    struct appointment *items = agenda->items.items;
    for (size_t above; at && items[above = (at - 1) / 2].due_ms > item.due_ms; at = above)
        items[at] = items[above];
    items[at] = item;
}

static void sink(struct agenda *agenda, size_t at, struct appointment item) {
    struct appointment *items = agenda->items.items;
    size_t count = agenda->items.count;
    for (size_t below; (below = 2 * at + 1) < count; at = below) {
        if (below + 1 < count && items[below + 1].due_ms < items[below].due_ms) below++;
        if (items[below].due_ms >= item.due_ms) break;
        items[at] = items[below];
    }
    items[at] = item;
}

void agenda_add(struct agenda *agenda, struct target *target, int64_t due_ms) {
    (void)vec_push(&agenda->items);
    rise(agenda, agenda->items.count - 1, (struct appointment){due_ms, target});
}

void agenda_remove(struct agenda *agenda, const struct target *target) {
    size_t at = 0;
    while (at < agenda->items.count && agenda->items.items[at].target != target) at++;
    if (at == agenda->items.count) return;
    struct appointment last = agenda->items.items[--agenda->items.count];
    if (at == agenda->items.count) return;
    if (at && agenda->items.items[(at - 1) / 2].due_ms > last.due_ms)
        rise(agenda, at, last);
    else
        sink(agenda, at, last);
}

int64_t agenda_next_ms(const struct agenda *agenda) {
    return agenda->items.count ? agenda->items.items[0].due_ms : INT64_MAX;
}

struct target *agenda_due(const struct agenda *agenda, int64_t now_ms) {
    return agenda_next_ms(agenda) <= now_ms ? agenda->items.items[0].target : NULL;
}

void agenda_move_first(struct agenda *agenda, int64_t due_ms) {
    ASSERT(agenda->items.count);
    sink(agenda, 0, (struct appointment){due_ms, agenda->items.items[0].target});
}
