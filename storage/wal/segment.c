#include "storage/wal/segment.h"

#include "lib/base/bits.h"
#include "lib/codec/crc32c.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define COPY_AT 2048
#define HEADER_BYTES 40
#define VERSION 2u

enum { AT_MAGIC = 0, AT_VERSION = 8, AT_CRC = 12, AT_ID = 16, AT_FIRST = 24, AT_NUMBER = 32 };

static const char magic[8] = "ferulWAL"; /* without a terminator */

uint32_t segment_seed(uint64_t id) {
    return crc32c(0, &id, sizeof id);
}

static uint32_t header_crc(const uint8_t *at) {
    return crc32c(crc32c(0, at, AT_CRC), at + AT_ID, HEADER_BYTES - AT_ID);
}

void segment_header_write(const struct segment_header *header, uint8_t block[SEGMENT_RECORDS]) {
    memset(block, 0, SEGMENT_RECORDS);
    memcpy(block + AT_MAGIC, magic, sizeof magic);
    store_u32(block + AT_VERSION, VERSION);
    store_u64(block + AT_ID, header->id);
    store_u64(block + AT_FIRST, header->first_sequence);
    store_u64(block + AT_NUMBER, header->number);
    store_u32(block + AT_CRC, header_crc(block));
    memcpy(block + COPY_AT, block, HEADER_BYTES);
}

enum copy_state { COPY_GOOD, COPY_OTHER_VERSION, COPY_ZERO, COPY_BAD };

static enum copy_state look(const uint8_t *at) {
    static const uint8_t zeros[HEADER_BYTES];
    if (memcmp(at, zeros, sizeof zeros) == 0) return COPY_ZERO;
    if (memcmp(at + AT_MAGIC, magic, sizeof magic) != 0) return COPY_BAD;
    if (load_u32(at + AT_CRC) != header_crc(at)) return COPY_BAD;
    return load_u32(at + AT_VERSION) == VERSION ? COPY_GOOD : COPY_OTHER_VERSION;
}

int segment_header_read(const uint8_t block[SEGMENT_RECORDS], enum segment_state *state,
                        struct segment_header *header, int *copies_bad, struct err *err) {
    enum copy_state first = look(block), second = look(block + COPY_AT);
    const uint8_t *good = first == COPY_GOOD ? block : block + COPY_AT;
    if (first != COPY_GOOD && second != COPY_GOOD) {
        if (first == COPY_OTHER_VERSION || second == COPY_OTHER_VERSION)
            return err_set(err, ERR_UNSUPPORTED,
                           "written by another version of this program (format %" PRIu32 ")",
                           load_u32((first == COPY_OTHER_VERSION ? block : block + COPY_AT) + AT_VERSION));
        *state = first == COPY_ZERO && second == COPY_ZERO ? SEGMENT_NEVER_BEGUN : SEGMENT_DAMAGED;
        return 0;
    }
    *state = SEGMENT_GOOD;
    *copies_bad = (first != COPY_GOOD) + (second != COPY_GOOD);
    *header = (struct segment_header){load_u64(good + AT_ID), load_u64(good + AT_FIRST),
                                      load_u64(good + AT_NUMBER)};
    return 0;
}

int segment_path(const char *folder, uint64_t number, char path[SEGMENT_PATH_MAX], struct err *err) {
    int len = snprintf(path, SEGMENT_PATH_MAX, "%s/%08" PRIu64, folder, number);
    if (len < 0 || len >= SEGMENT_PATH_MAX)
        return err_set(err, ERR_LIMIT, "the name of the log's folder is too long");
    return 0;
}

static void collect(const char *name, void *context) {
    struct segment_numbers *numbers = context;
    uint64_t number = 0;
    size_t len = strlen(name);
    if (len < 8 || len > 18) return;
    for (size_t i = 0; i < len; i++) {
        if (name[i] < '0' || name[i] > '9') return;
        number = number * 10 + (uint64_t)(name[i] - '0');
    }
    *vec_push(&numbers->list) = number;
}

static int by_number(const void *a, const void *b) {
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

int segment_list(struct file_system *fs, const char *folder, struct segment_numbers *numbers,
                 struct err *err) {
    int rc = folder_list(fs, folder, collect, numbers, err);
    if (rc == ERR_NOT_FOUND) rc = 0;
    if (!rc && numbers->list.count)
        qsort(numbers->list.items, numbers->list.count, sizeof *numbers->list.items, by_number);
    return rc;
}
