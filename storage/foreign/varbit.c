#include "storage/foreign/varbit.h"

static unsigned varbit_size(struct bit_reader *reader) {
    static const uint8_t sizes[] = {0, 3, 6, 9, 12, 18, 25, 56, 64};
    return sizes[bits_unary(reader, 8)];
}

uint64_t varbit_uint(struct bit_reader *reader) {
    unsigned size = varbit_size(reader);
    return size ? bits_read(reader, size) : 0;
}

int64_t varbit_sign(uint64_t value, unsigned count) {
    if (count < 64 && value > (uint64_t)1 << (count - 1)) value -= (uint64_t)1 << count;
    return (int64_t)value;
}

int64_t varbit_int(struct bit_reader *reader) {
    unsigned size = varbit_size(reader);
    return size ? varbit_sign(bits_read(reader, size), size) : 0;
}

uint64_t varbit_leb(struct bit_reader *reader) {
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
        uint64_t byte = bits_read(reader, 8);
        value |= (byte & 0x7f) << shift;
        if (!(byte & 0x80)) return value;
    }
    reader->failed = true;
    return 0;
}

double bits_read_double(struct bit_reader *reader) {
    return bits_double(bits_read(reader, 64));
}

double xor_read(struct bit_reader *reader, struct xor_state *state) {
    if (bits_read(reader, 1) == 0) return bits_double(state->bits);
    if (bits_read(reader, 1) == 1) {
        unsigned leading = (unsigned)bits_read(reader, 5), length = (unsigned)bits_read(reader, 6);
        if (length == 0) length = 64;
        if (leading + length > 64) {
            reader->failed = true;
            return 0;
        }
        state->leading = (uint8_t)leading;
        state->trailing = (uint8_t)(64 - leading - length);
    }
    unsigned length = 64u - state->leading - state->trailing;
    state->bits ^= bits_read(reader, length) << state->trailing;
    return bits_double(state->bits);
}
