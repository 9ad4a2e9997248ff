#include "storage/wal/window.h"

#include "lib/base/assert.h"
#include "storage/wal/frame.h"

#define WINDOW_STEP ((size_t)256 << 10)

void window_init(struct window *window) {
    *window = (struct window){0};
    buf_init(&window->bytes, WINDOW_STEP + FRAME_HEADER + FRAME_MAX_PAYLOAD);
}

void window_release(struct window *window) {
    buf_release(&window->bytes);
}

int window_open(struct window *window, const struct file *file, struct err *err) {
    int rc = file_size(file, &window->size, err);
    window->file = file;
    window->begin = 0;
    buf_reset(&window->bytes);
    return rc;
}

static int fill(struct window *window, uint64_t offset, size_t len, struct err *err) {
    uint64_t left = window->size - offset;
    size_t step = len > WINDOW_STEP ? len : WINDOW_STEP;
    if (step > left) step = (size_t)left;
    buf_reset(&window->bytes);
    if (!buf_reserve(&window->bytes, step)) return err_set(err, ERR_LIMIT, "a record of %zu bytes", len);
    int rc = file_read(window->file, window->bytes.data, step, offset, err);
    if (rc) return rc;
    window->bytes.len = step;
    window->begin = offset;
    return 0;
}

int window_at(struct window *window, uint64_t offset, size_t len, const uint8_t **bytes, struct err *err) {
    ASSERT(offset <= window->size && len <= window->size - offset);
    bool is_inside = offset >= window->begin && offset - window->begin <= window->bytes.len &&
                     len <= window->bytes.len - (offset - window->begin);
    int rc = is_inside ? 0 : fill(window, offset, len, err);
    if (!rc) *bytes = (const uint8_t *)window->bytes.data + (offset - window->begin);
    return rc;
}
