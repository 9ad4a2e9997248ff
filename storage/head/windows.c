#include "storage/head/windows.h"

#include "lib/base/hash.h"
#include "lib/base/mem.h"
#include "storage/head/chunks.h"

#include <string.h>

#define WINDOW_BYTES ((uint64_t)8 << 10)
#define WINDOW_ALL ((size_t)WINDOW_BYTES + CHUNK_RECORD_MAX)
#define NOWHERE UINT64_MAX

void windows_init(struct chunk_windows *windows) {
    for (size_t i = 0; i < WINDOWS; i++) {
        mutex_init(&windows->windows[i].lock);
        windows->windows[i].place = NOWHERE;
        windows->windows[i].bytes = NULL;
    }
}

void windows_release(struct chunk_windows *windows) {
    for (size_t i = 0; i < WINDOWS; i++) {
        mem_free(windows->windows[i].bytes);
        mutex_release(&windows->windows[i].lock);
    }
}

void windows_forget(struct chunk_windows *windows) {
    for (size_t i = 0; i < WINDOWS; i++) {
        mutex_lock(&windows->windows[i].lock);
        windows->windows[i].place = NOWHERE;
        mutex_unlock(&windows->windows[i].lock);
    }
}

/* its lock is held */
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

int windows_read(struct chunk_windows *windows, const struct file *file, uint64_t place, uint64_t offset,
                 uint64_t written, uint8_t *bytes, size_t want, size_t *got, struct err *err) {
    uint64_t at = offset % WINDOW_BYTES;
    struct chunk_window *window = &windows->windows[hash_mix(0, (place - at) / WINDOW_BYTES) % WINDOWS];
    int rc = 0;
    if (written - offset < want) want = (size_t)(written - offset);
    mutex_lock(&window->lock);
    if (window->place != place - at || at + want > window->len)
        rc = fill(window, file, place - at, offset - at, written, err);
    if (!rc) {
        *got = window->len <= at ? 0 : window->len - at < want ? window->len - at : want;
        memcpy(bytes, window->bytes + at, *got);
    }
    mutex_unlock(&window->lock);
    return rc;
}
