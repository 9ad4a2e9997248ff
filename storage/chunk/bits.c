#include "storage/chunk/bits.h"

static void word_place(uint64_t word, unsigned count, uint8_t *bytes, size_t position) {
    uint8_t *p = bytes + position / 8;
    unsigned used = (unsigned)(position % 8);
    uint8_t kept = (uint8_t)(*p & ~(0xffu >> used));
    *p = (uint8_t)(kept | (word >> (56 + used)));
    for (unsigned done = 8 - used; done < count; done += 8) *++p = (uint8_t)(word << done >> 56);
}

void piece_place(const struct bit_piece *piece, uint8_t *bytes, size_t position) {
    for (unsigned done = 0, word = 0; done < piece->count; done += 64, word++) {
        unsigned left = piece->count - done;
        word_place(piece->words[word], left < 64 ? left : 64, bytes, position + done);
    }
}
