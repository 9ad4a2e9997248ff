/* ulid.c - identifiers that sort by time (the ULID specification: Crockford's base 32, 48 bits of time). */
#include "lib/base/hash.h"
#include "lib/sys/clock.h"
#include "storage/block/block.h"

#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

static const char digits[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

struct ulid ulid_make(int64_t now_ms) {
    static atomic_uint_least64_t counter;
    struct {
        uint64_t count;
        int64_t ns, pid;
    } moment = {atomic_fetch_add(&counter, 1), clock_monotonic_ns(), getpid()};
    struct ulid ulid;
    uint64_t random[2] = {hash_bytes_keyed(&moment, sizeof moment), 0};
    random[1] = hash_mix(random[0], moment.count);
    for (int i = 0; i < 6; i++) ulid.bytes[i] = (uint8_t)((uint64_t)now_ms >> (40 - 8 * i));
    memcpy(ulid.bytes + 6, random, 10);
    ulid.bytes[6] =
        (uint8_t)(moment.count >> 8); /* those of one millisecond are in the order they were made */
    ulid.bytes[7] = (uint8_t)moment.count;
    return ulid;
}

/* 130 bits: two zeros, then the 128 */
void ulid_text(struct ulid ulid, char text[ULID_TEXT + 1]) {
    for (int i = 0; i < ULID_TEXT; i++) {
        unsigned value = 0;
        for (int bit = 0; bit < 5; bit++) {
            int at = i * 5 + bit - 2;
            unsigned byte = at >= 0 ? ulid.bytes[at / 8] : 0;
            value = value << 1 | (byte >> ((unsigned)(7 - at) % 8) & 1u);
        }
        text[i] = digits[value];
    }
    text[ULID_TEXT] = 0;
}

bool ulid_parse(const char *text, struct ulid *ulid) {
    struct ulid parsed = {{0}};
    if (strlen(text) != ULID_TEXT || text[0] > '7') return false;
    for (int i = 0; i < ULID_TEXT; i++) {
        const char *digit = strchr(digits, text[i]);
        if (!digit) return false;
        for (int bit = 0; bit < 5; bit++) {
            int at = i * 5 + bit - 2;
            if (at >= 0 && (unsigned)(digit - digits) >> (4 - bit) & 1u)
                parsed.bytes[at / 8] |= (uint8_t)(1u << (7 - at % 8));
        }
    }
    *ulid = parsed;
    return true;
}
