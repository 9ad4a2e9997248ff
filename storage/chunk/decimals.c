#include "storage/chunk/decimals.h"

#include "lib/base/bits.h"

#define NEAR ((uint64_t)1 << 51)
#define NEAR_BITS 0x4338000000000000u /* of the double in the middle: 2^52 + 2^51 */
#define NEAR_MIDDLE 6755399441055744.0

/* Those in [-2^51, 2^51) are offsets in the fraction of NEAR_MIDDLE, which is quick for several at once: few
 * processors have an instruction that converts 64 bits. */
static void to_doubles(const uint64_t *numbers, size_t count, double *values) {
    uint64_t beyond = 0;
    for (size_t i = 0; i < count; i++) beyond |= (numbers[i] + NEAR) >> 52;
    if (beyond) {
        for (size_t i = 0; i < count; i++) values[i] = (double)(int64_t)numbers[i];
        return;
    }
    for (size_t i = 0; i < count; i++) values[i] = bits_double(numbers[i] + NEAR_BITS) - NEAR_MIDDLE;
}

void decimals_to_doubles(const uint64_t *numbers, size_t count, unsigned scale, double *values) {
    to_doubles(numbers, count, values);
    for (size_t i = 0; scale && i < count; i++) values[i] /= decimal_powers[scale];
}
