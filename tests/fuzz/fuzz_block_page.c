// links: storage_block
/*
 * Any bytes are a group that is refused or one whose pages can all be read. Input: the group without its
 * checksum, which is put in front, so that what lies behind it is reached.
 */
#include "lib/base/assert.h"
#include "lib/base/bits.h"
#include "lib/base/mem.h"
#include "lib/codec/crc32c.h"
#include "storage/block/group.h"
#include "tests/fuzz/one_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_pages(const struct group *group, bool only_markers) {
    static double values[PAGE_SAMPLES];
    static int64_t times[PAGE_SAMPLES];
    for (uint32_t page = 0; page < group->pages; page++) {
        struct columns columns;
        columns_init(&columns, NULL);
        ASSERT(group_page_count(group, page) >= 1 && group_page_count(group, page) <= PAGE_SAMPLES);
        struct column_part part = {.to = group_page_count(group, page), .only_markers = only_markers};
        int rc = group_page_values(group, page, &part, values, NULL);
        ASSERT(rc == 0 || group->kind != GROUP_VALUES); /* it was looked through when the group was read */
        if (group_page_histograms(group, page, times, 0, 0, &columns, NULL) == 0)
            ASSERT(columns.count == group_page_count(group, page));
        columns_release(&columns);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct group *group;
    struct one_file one;
    uint8_t *bytes = mem_alloc(size + 4);
    if (size) memcpy(bytes + 4, data, size);
    store_u32(bytes, crc32c(0, data, size));
    struct file file = one_file_open(&one, bytes, size + 4);
    for (int only_markers = 0; only_markers < 2; only_markers++) {
        int rc = group_read(&file, 0, size + 4, only_markers, &group, NULL);
        ASSERT(rc == 0 || rc == ERR_CORRUPT);
        if (rc) continue;
        read_pages(group, only_markers);
        shared_release(&group->shared);
    }
    file_close(&file);
    mem_free(bytes);
    return 0;
}
