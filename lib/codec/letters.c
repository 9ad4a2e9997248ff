#include "lib/codec/letters.h"

#include <locale.h>
#include <pthread.h>
#include <wctype.h>

/* Only its table of letters is used. A system without it has ASCII letters. */
static locale_t unicode;

static void open_unicode(void) {
    unicode = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
}

static uint32_t changed(uint32_t letter, bool upper) {
    if (letter < 0x80) {
        char first = upper ? 'a' : 'A';
        return letter >= (uint32_t)first && letter < (uint32_t)first + 26 ? letter ^ 0x20 : letter;
    }
    if (!unicode) return letter;
    return upper ? (uint32_t)towupper_l((wint_t)letter, unicode)
                 : (uint32_t)towlower_l((wint_t)letter, unicode);
}

/* the code point at text[at], and its bytes; 0 bytes when it is none */
static size_t decode(struct span text, size_t at, uint32_t *letter) {
    unsigned char first = (unsigned char)text.ptr[at];
    size_t len = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    if (len > text.len - at || !span_is_utf8(span_of(text.ptr + at, len))) return 0;
    *letter = len == 1 ? first : first & (0x7fu >> len);
    for (size_t i = 1; i < len; i++) *letter = *letter << 6 | ((unsigned char)text.ptr[at + i] & 0x3f);
    return len;
}

static void put(uint32_t letter, struct buf *out) {
    if (letter < 0x80) {
        buf_putc(out, (char)letter);
        return;
    }
    unsigned more = letter < 0x800 ? 1 : letter < 0x10000 ? 2 : 3; /* bytes behind the first */
    buf_putc(out, (char)(0xf00u >> (more + 1) | letter >> 6 * more));
    while (more--) buf_putc(out, (char)(0x80 | (letter >> 6 * more & 0x3f)));
}

void letters_write(struct span text, bool upper, struct buf *out) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, open_unicode);
    for (size_t i = 0; i < text.len;) {
        uint32_t letter;
        size_t len = decode(text, i, &letter);
        if (len)
            put(changed(letter, upper), out);
        else
            buf_putc(out, text.ptr[i]);
        i += len ? len : 1;
    }
}
