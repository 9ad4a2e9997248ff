#include "storage/foreign/chunk.h"

#include "storage/foreign/histogram.h"
#include "storage/foreign/varbit.h"

#define HEADER_BYTES 2

/* the step's change: 0 | 10 + 14 | 110 + 17 | 1110 + 20 | 1111 + 64 */
static int64_t step_change(struct bit_reader *reader) {
    static const uint8_t sizes[] = {0, 14, 17, 20, 64};
    unsigned size = sizes[bits_unary(reader, 4)];
    return size ? varbit_sign(bits_read(reader, size), size) : 0;
}

static int read_xor(struct bit_reader *reader, size_t count, struct columns *columns, struct err *err) {
    struct xor_state value = {0};
    uint64_t time = 0, step = 0;
    int rc = columns_reserve(columns, count, err);
    for (size_t i = 0; i < count && !rc; i++) {
        if (i == 0) {
            time = (uint64_t)zigzag_decode(varbit_leb(reader));
            value.bits = bits_read(reader, 64);
        } else {
            step = i == 1 ? varbit_leb(reader) : step + (uint64_t)step_change(reader);
            time += step;
            (void)xor_read(reader, &value);
        }
        if (reader->failed) return err_set(err, ERR_CORRUPT, "chunk ends in sample %zu of %zu", i + 1, count);
        columns->times_ms[columns->count] = (int64_t)time;
        columns->values[columns->count++] = bits_double(value.bits);
    }
    return rc;
}

int foreign_chunk_read(uint8_t encoding, struct span data, struct columns *columns, struct err *err) {
    const uint8_t *bytes = (const uint8_t *)data.ptr;
    if (data.len < HEADER_BYTES) return err_set(err, ERR_CORRUPT, "chunk of %zu bytes", data.len);
    size_t count = (size_t)bytes[0] << 8 | bytes[1];
    if (encoding == FOREIGN_HISTOGRAM || encoding == FOREIGN_FLOAT_HISTOGRAM)
        return foreign_histograms_read(span_of(data.ptr + HEADER_BYTES, data.len - HEADER_BYTES), count,
                                       encoding == FOREIGN_HISTOGRAM, columns, err);
    if (encoding != FOREIGN_XOR) return err_set(err, ERR_UNSUPPORTED, "chunk encoding %u", encoding);
    struct bit_reader reader = {.bytes = bytes + HEADER_BYTES, .len = data.len - HEADER_BYTES};
    return read_xor(&reader, count, columns, err);
}
