#include "lib/codec/md5.h"

#include <string.h>

#define BLOCK 64

/* the first 32 bits of the fractions of |sin(1)|, |sin(2)| ... |sin(64)| */
static const uint32_t sines[64] = {
    0xd76aa478, 0xe8c7b756, 0x242070db, 0xc1bdceee, 0xf57c0faf, 0x4787c62a, 0xa8304613, 0xfd469501,
    0x698098d8, 0x8b44f7af, 0xffff5bb1, 0x895cd7be, 0x6b901122, 0xfd987193, 0xa679438e, 0x49b40821,
    0xf61e2562, 0xc040b340, 0x265e5a51, 0xe9b6c7aa, 0xd62f105d, 0x02441453, 0xd8a1e681, 0xe7d3fbc8,
    0x21e1cde6, 0xc33707d6, 0xf4d50d87, 0x455a14ed, 0xa9e3e905, 0xfcefa3f8, 0x676f02d9, 0x8d2a4c8a,
    0xfffa3942, 0x8771f681, 0x6d9d6122, 0xfde5380c, 0xa4beea44, 0x4bdecfa9, 0xf6bb4b60, 0xbebfbc70,
    0x289b7ec6, 0xeaa127fa, 0xd4ef3085, 0x04881d05, 0xd9d4d039, 0xe6db99e5, 0x1fa27cf8, 0xc4ac5665,
    0xf4292244, 0x432aff97, 0xab9423a7, 0xfc93a039, 0x655b59c3, 0x8f0ccc92, 0xffeff47d, 0x85845dd1,
    0x6fa87e4f, 0xfe2ce6e0, 0xa3014314, 0x4e0811a1, 0xf7537e82, 0xbd3af235, 0x2ad7d2bb, 0xeb86d391,
};

/* one round has 16 steps, which rotate by four numbers in turn */
static const uint8_t rotations[4][4] = {{7, 12, 17, 22}, {5, 9, 14, 20}, {4, 11, 16, 23}, {6, 10, 15, 21}};

static uint32_t read_word(const uint8_t *bytes) {
    return (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24;
}

static uint32_t rotate(uint32_t word, unsigned by) {
    return word << by | word >> (32 - by);
}

/* what round `round` mixes from b, c and d */
static uint32_t mixed(unsigned round, uint32_t b, uint32_t c, uint32_t d) {
    switch (round) {
    case 0: return (b & c) | (~b & d);
    case 1: return (d & b) | (~d & c);
    case 2: return b ^ c ^ d;
    default: return c ^ (b | ~d);
    }
}

static void add_block(uint32_t state[4], const uint8_t block[BLOCK]) {
    static const uint8_t strides[4] = {1, 5, 3, 7}, starts[4] = {0, 1, 5, 0};
    uint32_t a = state[0], b = state[1], c = state[2], d = state[3];
    for (unsigned i = 0; i < 64; i++) {
        unsigned round = i / 16, word = (strides[round] * i + starts[round]) % 16;
        uint32_t sum = a + mixed(round, b, c, d) + sines[i] + read_word(block + (size_t)4 * word);
        a = d;
        d = c;
        c = b;
        b += rotate(sum, rotations[round][i % 4]);
    }
    state[0] += a;
    state[1] += b;
    state[2] += c;
    state[3] += d;
}

void md5(struct span text, uint8_t digest[MD5_BYTES]) {
    uint32_t state[4] = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476};
    const uint8_t *bytes = (const uint8_t *)text.ptr;
    size_t left = text.len;
    for (; left >= BLOCK; left -= BLOCK, bytes += BLOCK) add_block(state, bytes);
    /* the rest, a one bit, zeros, and the length in bits: one block or two */
    uint8_t end[2 * BLOCK] = {0};
    if (left) memcpy(end, bytes, left);
    end[left] = 0x80;
    size_t end_len = left + 9 <= BLOCK ? BLOCK : 2 * BLOCK;
    for (unsigned i = 0; i < 8; i++) end[end_len - 8 + i] = (uint8_t)((uint64_t)text.len * 8 >> 8 * i);
    for (size_t i = 0; i < end_len; i += BLOCK) add_block(state, end + i);
    for (unsigned i = 0; i < MD5_BYTES; i++) digest[i] = (uint8_t)(state[i / 4] >> 8 * (i % 4));
}
