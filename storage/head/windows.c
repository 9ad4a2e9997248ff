#include "storage/head/windows.h"

#include "lib/base/hash.h"
#include "lib/base/mem.h"
#include "storage/head/chunks.h"

#include <string.h>

#define WINDOW_BYTES ((uint64_t)4 << 10)
#define WINDOW_ALL ((size_t)WINDOW_BYTES + CHUNK_RECORD_MAX)
#define NOWHERE UINT64_MAX

void windows_init(struct chunk_windows *windows) {
    *windows = (struct chunk_windows){0};
    for (size_t i = 0; i < WINDOW_SETS; i++) mutex_init(&windows->sets[i].lock);
    windows_forget(windows);
}

void windows_release(struct chunk_windows *windows) {
    for (size_t i = 0; i < WINDOW_SETS; i++) {
        for (size_t way = 0; way < WINDOW_WAYS; way++) mem_free(windows->sets[i].windows[way].bytes);
        mutex_release(&windows->sets[i].lock);
    }
}

void windows_forget(struct chunk_windows *windows) {
    for (size_t i = 0; i < WINDOW_SETS; i++) {
        mutex_lock(&windows->sets[i].lock);
        for (size_t way = 0; way < WINDOW_WAYS; way++) windows->sets[i].windows[way].place = NOWHERE;
        mutex_unlock(&windows->sets[i].lock);
    }
}

/* the set's lock is held */
static int fill(struct chunk_window *window, const struct file *file, uint64_t place, uint64_t offset,
                uint64_t written, struct err *err) {
    size_t want = written - offset < WINDOW_ALL ? (size_t)(written - offset) : WINDOW_ALL, len = 0, more;
    if (!window->bytes) window->bytes = mem_alloc(WINDOW_ALL);
    window->place = NOWHERE;
    do {
        int rc = file_read_some(file, window->bytes + len, want - len, offset + len, &more, err);
        if (rc) return rc;
        len += more;
    } while (more && len < want);
    window->place = place;
    window->len = len;
    return 0;
}

/* the window that begins at a place, or the oldest of the set */
static struct chunk_window *window_of(struct window_set *set, uint64_t place) {
    for (uint32_t way = 0; way < WINDOW_WAYS; way++)
        if (set->windows[way].place == place) return &set->windows[way];
    return &set->windows[set->next++ % WINDOW_WAYS];
}

int windows_read(struct chunk_windows *windows, const struct file *file, uint64_t place, uint64_t offset,
                 uint64_t written, uint8_t *bytes, size_t want, size_t *got, struct err *err) {
    uint64_t at = offset % WINDOW_BYTES, first = place - at;
    struct window_set *set = &windows->sets[hash_mix(0, first / WINDOW_BYTES) % WINDOW_SETS];
    int rc = 0;
    if (written - offset < want) want = (size_t)(written - offset);
    mutex_lock(&set->lock);
    struct chunk_window *window = window_of(set, first);
    if (window->place != first || at + want > window->len)
        rc = fill(window, file, first, offset - at, written, err);
    if (!rc) {
        *got = window->len <= at ? 0 : window->len - at < want ? window->len - at : want;
        memcpy(bytes, window->bytes + at, *got);
    }
    mutex_unlock(&set->lock);
    return rc;
}
