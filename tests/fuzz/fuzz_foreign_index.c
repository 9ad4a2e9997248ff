// links: storage_foreign
/*
 * Any bytes are an index or an error; labels of its series are sorted. As tombstones they are deletions or an
 * error. A bad checksum would hide everything behind it, so the input is also tried with good ones: of the
 * table of contents and of the symbols. Input: the file.
 */
#include "lib/base/assert.h"
#include "lib/codec/crc32c.h"
#include "storage/foreign/index.h"
#include "storage/foreign/tombstones.h"

#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#define TOC 52u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void try_index(const uint8_t *data, size_t size) {
    struct foreign_index index;
    struct err err;
    char path[64];
    int fd = memfd_create("index", 0);
    ASSERT(fd >= 0 && write(fd, data, size) == (ssize_t)size);
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    if (foreign_index_open(file_system_real(), path, &index, &err) == 0) {
        bool more = true;
        while (foreign_index_next(&index, &more, &err) == 0 && more)
            for (size_t i = 1; i < index.labels.count; i++)
                ASSERT(span_compare(index.labels.items[i - 1].name, index.labels.items[i].name) < 0);
        foreign_index_close(&index);
    }
    close(fd);
}

static void set_crc(uint8_t *bytes, size_t len) {
    uint32_t crc = __builtin_bswap32(crc32c(0, bytes, len));
    memcpy(bytes + len, &crc, sizeof crc);
}

static void make_good(uint8_t *bytes, size_t size) {
    if (size < TOC + 5) return;
    set_crc(bytes + size - TOC, TOC - 4);
    uint64_t symbols = load_be64(bytes + size - TOC), series = load_be64(bytes + size - TOC + 8);
    if (symbols < size && size - symbols >= 8 && load_be32(bytes + symbols) <= size - symbols - 8)
        set_crc(bytes + symbols + 4, load_be32(bytes + symbols));
    /* the first series, of a length of one byte */
    if (series < size && size - series >= 5u && bytes[series] < 0x80 && bytes[series] <= size - series - 5)
        set_crc(bytes + series + 1, bytes[series]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct foreign_deletions deletions = {0};
    (void)foreign_tombstones_parse(span_of((const char *)data, size), &deletions, NULL);
    vec_release(&deletions.list);
    try_index(data, size);
    uint8_t *copy = mem_alloc(size + 1);
    memcpy(copy, data, size);
    make_good(copy, size);
    try_index(copy, size);
    mem_free(copy);
    return 0;
}
