#pragma once
/*
 * one_file.h - a file system of one file, whose bytes are given: for parsers that read files.
 */
#include "lib/sys/file.h"

#include <errno.h>
#include <string.h>

struct one_file {
    struct file_system base; /* first */
    const uint8_t *bytes;
    size_t len;
};

static int one_file_do_open(struct file_system *fs, const char *path, enum file_mode mode, int *fd) {
    (void)fs;
    (void)path;
    *fd = 0;
    return mode == FILE_READ ? 0 : -EROFS;
}

static int one_file_do_close(struct file_system *fs, int fd) {
    (void)fs;
    return fd;
}

static ssize_t one_file_do_read(struct file_system *fs, int fd, void *data, size_t len, uint64_t offset) {
    const struct one_file *one = (const struct one_file *)fs;
    (void)fd;
    if (offset >= one->len) return 0;
    if (len > one->len - offset) len = one->len - (size_t)offset;
    memcpy(data, one->bytes + offset, len);
    return (ssize_t)len;
}

static int one_file_do_size(struct file_system *fs, int fd, uint64_t *size) {
    (void)fd;
    *size = ((const struct one_file *)fs)->len;
    return 0;
}

static const struct file_ops one_file_ops = {.open = one_file_do_open,
                                             .close = one_file_do_close,
                                             .read_at = one_file_do_read,
                                             .size = one_file_do_size};

static inline struct file_system *one_file_init(struct one_file *one, const void *bytes, size_t len) {
    *one = (struct one_file){{&one_file_ops}, bytes, len};
    return &one->base;
}

static inline struct file one_file_open(struct one_file *one, const void *bytes, size_t len) {
    struct file file = {0};
    (void)file_open(one_file_init(one, bytes, len), "input", FILE_READ, &file, NULL);
    return file;
}
