#include "storage/wal/frame.h"

#include "lib/base/bits.h"
#include "lib/codec/crc32c.h"

enum { AT_CRC = 0, AT_LENGTH = 4, AT_SEQUENCE = 8, AT_PAYLOAD_CRC = 16, AT_TYPE = 20 };

void frame_put_draft(uint8_t *at, uint32_t length, uint8_t type) {
    memset(at, 0, FRAME_HEADER);
    store_u32(at + AT_LENGTH, length);
    at[AT_TYPE] = type;
}

void frame_draft_resize(uint8_t *at, uint32_t length) {
    store_u32(at + AT_LENGTH, length);
}

uint32_t frame_draft_length(const uint8_t *at) {
    return load_u32(at + AT_LENGTH);
}

void frame_seal(uint8_t *at, uint32_t seed, uint64_t sequence) {
    store_u64(at + AT_SEQUENCE, sequence);
    store_u32(at + AT_PAYLOAD_CRC, crc32c(seed, at + FRAME_HEADER, load_u32(at + AT_LENGTH)));
    store_u32(at + AT_CRC, crc32c(seed, at + AT_LENGTH, FRAME_HEADER - AT_LENGTH));
}

bool frame_read(const uint8_t *at, uint32_t seed, struct frame *frame) {
    /* the cheap looks first: a reader that lost the way comes here for every 8 bytes */
    if (!at[AT_TYPE] || at[AT_TYPE + 1] || at[AT_TYPE + 2] || at[AT_TYPE + 3]) return false;
    if (load_u32(at + AT_CRC) != crc32c(seed, at + AT_LENGTH, FRAME_HEADER - AT_LENGTH)) return false;
    *frame = (struct frame){.sequence = load_u64(at + AT_SEQUENCE),
                            .length = load_u32(at + AT_LENGTH),
                            .payload_crc = load_u32(at + AT_PAYLOAD_CRC),
                            .type = at[AT_TYPE]};
    return frame->length <= FRAME_MAX_PAYLOAD && frame->sequence <= FRAME_MAX_SEQUENCE;
}

bool frame_payload_is_good(const uint8_t *payload, uint32_t seed, const struct frame *frame) {
    return crc32c(seed, payload, frame->length) == frame->payload_crc;
}
