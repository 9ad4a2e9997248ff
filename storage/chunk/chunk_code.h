#pragma once
/*
 * chunk_code.h - inside of storage/chunk: what the encoder and the decoders of floats share (chunk.h).
 */
#include "lib/base/bits.h"
#include "storage/chunk/chunk.h"

/* payload widths by the number of 1 bits in front; the last has no 0 behind its ones */
static const uint8_t chunk_time_widths[] = {0, 7, 12, 20, 44, 64};
#define TIME_LAST 5u

/* 1 bits in front of the codes of numbers */
enum { SAME_STEP, SAME_NUMBER, CHANGE, CHANGE_WIDTH, RAW };

static inline unsigned scale_of(uint8_t encoding) {
    return encoding >> 4 & 7;
}

/* The step that the next one is expected to take: this one, unless expecting it was worse than expecting
 * none (the change has more bits than the step), or it is too long to be kept. */
static inline int32_t chunk_next_step(uint64_t step, uint64_t change) {
    uint64_t own = zigzag_encode((int64_t)step), other = zigzag_encode((int64_t)change);
    bool is_good = (other & ~own) <= own;
    bool is_short = (int64_t)step == (int32_t)step;
    return is_good && is_short ? (int32_t)step : 0;
}
