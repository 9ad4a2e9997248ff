/*
 * fuzz_push.c - "path\nbody": any path, and any body for its group. What is taken can be written and read
 * back as the same.
 */
// links: lib_push
#include "lib/base/assert.h"
#include "lib/push/path.h"
#include "lib/push/store.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_path(struct labels labels, struct arena *arena) {
    struct buf path;
    struct labels again;
    buf_init(&path, 1 << 20);
    push_path_write(labels, &path);
    ASSERT(push_path_read(buf_view(&path), arena, &again, NULL) == 0);
    ASSERT(labels_compare(labels, again) == 0);
    buf_release(&path);
}

static void write_twice(const struct push_request *request) {
    struct push_options options = {.limits = {.lines = 10000, .groups = 2, .labels = 20}};
    struct push_store *one = push_store_create(&options), *other = push_store_create(&options);
    struct push_request copy = *request;
    struct buf out, again;
    buf_init(&out, 1 << 26);
    buf_init(&again, 1 << 26);
    if (push_store_push(one, request, NULL) == 0) {
        push_store_write(one, 1, &out);
        copy.body = buf_view(&out);
        copy.format = PUSH_TEXT;
        ASSERT(out.failed || push_store_push(other, &copy, NULL) == 0);
        push_store_write(other, 1, &again);
        ASSERT(out.failed || span_equal(buf_view(&out), buf_view(&again)));
    }
    buf_release(&out);
    buf_release(&again);
    push_store_destroy(one);
    push_store_destroy(other);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct span all = span_of((const char *)data, size);
    size_t end = span_find_byte(all, '\n', 0), from = end < size ? end + 1 : end;
    struct push_request request = {
        .replaces = true, .now_ms = 1, .body = span_of(all.ptr + from, size - from)};
    struct arena arena;
    arena_init(&arena, 1 << 20, NULL);
    if (push_path_read(span_of(all.ptr, end), &arena, &request.group, NULL) == 0) {
        check_path(request.group, &arena);
        write_twice(&request);
        request.format = PUSH_PROTOBUF;
        write_twice(&request);
    }
    arena_release(&arena);
    return 0;
}
