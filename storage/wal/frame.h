#pragma once
/*
 * frame.h - one record as it lies in a segment: a header of 24 bytes, the payload, zeros up to a multiple
 * of 8.
 *
 *     | crc | length | sequence 8 | payload crc | type 0 0 0 | payload ... | 0 0 |
 *
 * Inward. Layout and rules: storage/FORMAT.md, "Record".
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FRAME_HEADER ((size_t)24)
#define FRAME_ALIGN ((size_t)8)
#define FRAME_MAX_PAYLOAD ((uint32_t)64 << 20)
#define FRAME_MAX_SEQUENCE ((uint64_t)INT64_MAX)

struct frame {
    uint64_t sequence;
    uint32_t length, payload_crc;
    uint8_t type;
};

/* bytes of a whole frame */
static inline size_t frame_size(uint32_t length) {
    return (FRAME_HEADER + length + FRAME_ALIGN - 1) & ~(FRAME_ALIGN - 1);
}

/* length and type, not sealed yet */
void frame_put_draft(uint8_t *at, uint32_t length, uint8_t type);
void frame_draft_resize(uint8_t *at, uint32_t length);
uint32_t frame_draft_length(const uint8_t *at);
/* gives the frame its sequence and both checksums; also again, for another segment */
void frame_seal(uint8_t *at, uint32_t seed, uint64_t sequence);
/* false unless the 24 bytes are a valid header */
bool frame_read(const uint8_t *at, uint32_t seed, struct frame *frame);
bool frame_payload_is_good(const uint8_t *payload, uint32_t seed, const struct frame *frame);
