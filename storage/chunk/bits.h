#pragma once
/*
 * bits.h - inside of storage/chunk and of the log: bits written and read high bit first.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* The codes of one sample before they are placed: at most 5 + 64 and 13 + 64 bits. */
struct bit_piece {
    uint64_t words[3]; /* left-aligned */
    unsigned count;
};

/* the low `count` bits of value; 1 <= count <= 64 */
static inline void piece_push(struct bit_piece *piece, uint64_t value, unsigned count) {
    unsigned word = piece->count / 64, used = piece->count % 64;
    uint64_t left = value << (64 - count);
    piece->words[word] |= left >> used;
    if (used && used + count > 64) piece->words[word + 1] |= left << (64 - used);
    piece->count += count;
}

/* Bits one behind the other into memory that has 8 bytes more than they take. All zero but for `at`. */
struct bit_writer {
    uint8_t *at;   /* whole words are in front of it */
    uint64_t word; /* left-aligned */
    unsigned used;
};

/* the low `count` bits of value; 1 <= count <= 64 */
static inline void writer_push(struct bit_writer *writer, uint64_t value, unsigned count) {
    uint64_t left = value << (64 - count);
    unsigned used = writer->used;
    writer->word |= left >> used;
    writer->used += count;
    if (writer->used < 64) return;
    uint64_t stored = __builtin_bswap64(writer->word);
    memcpy(writer->at, &stored, sizeof stored);
    writer->at += sizeof stored;
    writer->word = used ? left << (64 - used) : 0;
    writer->used -= 64;
}

/* the end of the last byte, whose bits behind it are 0 */
static inline uint8_t *writer_end(struct bit_writer *writer) {
    uint64_t stored = __builtin_bswap64(writer->word);
    memcpy(writer->at, &stored, sizeof stored);
    return writer->at + (writer->used + 7) / 8;
}

/* writes the piece behind the first `position` bits of bytes, leaving those as they are */
void piece_place(const struct bit_piece *piece, uint8_t *bytes, size_t position);

struct bit_reader {
    const uint8_t *bytes;
    size_t len;
    size_t position; /* in bits */
    bool failed;     /* read past the end; all further reads are 0 */
};

/* at least 57 bits from the position, left-aligned, zeros behind the end */
static inline uint64_t bits_peek(const struct bit_reader *reader) {
    size_t at = reader->position / 8;
    uint64_t window = 0;
    if (reader->len >= 8 && at <= reader->len - 8)
        memcpy(&window, reader->bytes + at, 8);
    else if (at < reader->len)
        memcpy(&window, reader->bytes + at, reader->len - at);
    return __builtin_bswap64(window) << (reader->position % 8);
}

static inline void bits_skip(struct bit_reader *reader, unsigned count) {
    reader->position += count;
    if (reader->position > reader->len * 8) {
        reader->position = reader->len * 8;
        reader->failed = true;
    }
}

/* 1 <= count <= 64 */
static inline uint64_t bits_read(struct bit_reader *reader, unsigned count) {
    uint64_t value = 0;
    if (count > 32) {
        value = bits_peek(reader) >> 32;
        bits_skip(reader, 32);
        count -= 32;
    }
    value = (value << count) | (bits_peek(reader) >> (64 - count));
    bits_skip(reader, count);
    return reader->failed ? 0 : value;
}

/* the number of 1 bits before the first 0, at most `most`; the 0 is consumed too when there is one */
static inline unsigned bits_unary(struct bit_reader *reader, unsigned most) {
    uint64_t inverted = ~bits_peek(reader);
    unsigned ones = inverted ? (unsigned)__builtin_clzll(inverted) : 64;
    if (ones > most) ones = most;
    bits_skip(reader, ones < most ? ones + 1 : most);
    return ones;
}
