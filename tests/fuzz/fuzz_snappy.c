/*
 * fuzz_snappy.c - any bytes as a snappy block, and as a stream: never more memory than the limit, and what is
 * read can be written and read again.
 */
// links: lib_codec
#include "lib/base/assert.h"
#include "lib/codec/snappy.h"

#include <stdint.h>

#define LIMIT ((size_t)1 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void write_and_read(struct span contents) {
    struct buf packed, again;
    buf_init(&packed, 2 * LIMIT);
    buf_init(&again, LIMIT);
    ASSERT(snappy_write(contents, &packed, NULL) == 0);
    ASSERT(snappy_read(buf_view(&packed), &again, NULL) == 0);
    ASSERT(span_equal(buf_view(&again), contents));
    buf_release(&packed);
    buf_release(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct budget budget;
    struct buf out;
    struct err err = {0};
    budget_init(&budget, "decoded", LIMIT, NULL);
    buf_init_budget(&out, LIMIT, &budget);
    int rc = snappy_read(span_of((const char *)data, size), &out, &err);
    ASSERT(rc == 0 || rc == ERR_INVALID || rc == ERR_LIMIT);
    ASSERT(rc ? out.len == 0 && err.text[0] : out.len <= LIMIT);
    if (!rc) write_and_read(buf_view(&out));
    buf_reset(&out);
    rc = snappy_read_frames(span_of((const char *)data, size), &out, &err);
    ASSERT(rc == 0 || rc == ERR_INVALID || rc == ERR_LIMIT);
    ASSERT(out.len <= LIMIT);
    buf_release(&out);
    ASSERT(budget.used_bytes == 0);
    return 0;
}
