#include "web/api/search_score.h"

#include <string.h>

/* the next code point; a byte that begins none stands for itself */
static uint32_t take_character(struct span text, size_t *at) {
    unsigned char first = (unsigned char)text.ptr[(*at)++];
    int more = first >= 0xf0 ? 3 : first >= 0xe0 ? 2 : first >= 0xc0 ? 1 : 0;
    uint32_t code = more ? first & (0x3fu >> more) : first;
    for (; more && *at < text.len && ((unsigned char)text.ptr[*at] & 0xc0) == 0x80; more--)
        code = code << 6 | ((unsigned char)text.ptr[(*at)++] & 0x3f);
    return code;
}

void search_term_init(struct search_term *term, struct span text, bool is_case_sensitive) {
    term->count = 0;
    for (size_t at = 0; at < text.len && term->count < SEARCH_TEXT_MAX;) {
        uint32_t c = take_character(text, &at);
        if (!is_case_sensitive && c >= 'A' && c <= 'Z') c += 'a' - 'A';
        term->characters[term->count++] = c;
    }
}

static bool stands_at(const struct search_term *term, const struct search_term *text, uint32_t at) {
    return at + term->count <= text->count &&
           memcmp(term->characters, text->characters + at, term->count * sizeof *term->characters) == 0;
}

static bool holds(const struct search_term *term, const struct search_term *text) {
    for (uint32_t at = 0; at + term->count <= text->count; at++)
        if (stands_at(term, text, at)) return true;
    return false;
}

/* ---- subsequence ---- */

/* Taking each character as early as it comes from `start` on: the squares of the runs' lengths, less each gap
   (half of the last one) over the text's length; false when the characters do not all come. */
static bool score_from(const struct search_term *term, const struct search_term *text, uint32_t start,
                       double *score) {
    uint32_t taken = 0, free_from = 0;
    double lost = 0;
    *score = 0;
    for (uint32_t i = start; taken < term->count;) {
        while (i < text->count && text->characters[i] != term->characters[taken]) i++;
        if (i == text->count) return false;
        uint32_t run = i;
        while (taken < term->count && i < text->count && text->characters[i] == term->characters[taken]) {
            taken++;
            i++;
        }
        lost += run - free_from;
        *score += (double)(i - run) * (i - run);
        free_from = i;
    }
    lost += 0.5 * (text->count - free_from);
    *score -= lost / text->count;
    return true;
}

static double score_subsequence(const struct search_term *term, const struct search_term *text) {
    double best = 0, score;
    if (stands_at(term, text, 0)) return 1;
    for (uint32_t at = 0; at + term->count <= text->count; at++) {
        if (text->characters[at] != term->characters[0]) continue;
        if (!score_from(term, text, at, &score)) break; /* later there is even less */
        if (score > best) best = score;
    }
    return best / ((double)term->count * term->count);
}

/* ---- Jaro and Winkler ---- */

/* marks characters of both that are the same and not too far apart; how many */
static uint32_t mark_common(const struct search_term *a, const struct search_term *b, bool *in_a,
                            bool *in_b) {
    uint32_t longer = a->count > b->count ? a->count : b->count, common = 0;
    uint32_t reach = longer / 2 > 0 ? longer / 2 - 1 : 0;
    for (uint32_t i = 0; i < a->count; i++) {
        uint32_t from = i > reach ? i - reach : 0,
                 until = i + reach + 1 < b->count ? i + reach + 1 : b->count;
        for (uint32_t j = from; j < until; j++) {
            if (in_b[j] || a->characters[i] != b->characters[j]) continue;
            in_a[i] = in_b[j] = true;
            common++;
            break;
        }
    }
    return common;
}

static double score_jaro_winkler(const struct search_term *a, const struct search_term *b) {
    bool in_a[SEARCH_TEXT_MAX] = {false}, in_b[SEARCH_TEXT_MAX] = {false};
    uint32_t common = mark_common(a, b, in_a, in_b), displaced = 0, prefix = 0;
    if (!common) return 0;
    for (uint32_t i = 0, j = 0; i < a->count; i++) {
        if (!in_a[i]) continue;
        while (!in_b[j]) j++;
        displaced += a->characters[i] != b->characters[j++];
    }
    double m = common;
    double jaro = (m / a->count + m / b->count + (m - displaced / 2) / m) / 3; /* whole transpositions */
    while (prefix < 4 && prefix < a->count && prefix < b->count &&
           a->characters[prefix] == b->characters[prefix])
        prefix++;
    return jaro + 0.1 * prefix * (1 - jaro);
}

/* ---- both ---- */

static bool score_term(const struct search_terms *terms, const struct search_term *term,
                       const struct search_term *text, double *score) {
    *score = 1;
    if (!term->count) return true;
    if (terms->likeness == SEARCH_SUBSEQUENCE) {
        *score = text->count ? score_subsequence(term, text) : 0;
        return *score > 0 && *score >= terms->threshold;
    }
    if (stands_at(term, text, 0)) return true;
    *score = 0.9;
    if (holds(term, text)) return true;
    *score = text->count ? score_jaro_winkler(term, text) : 0;
    return terms->threshold > 0 && *score >= terms->threshold;
}

bool search_score(const struct search_terms *terms, struct span text, double *score) {
    struct search_term characters;
    double best = terms->count ? -1 : 1, one;
    if (terms->count) search_term_init(&characters, text, terms->is_case_sensitive);
    for (size_t i = 0; i < terms->count; i++)
        if (score_term(terms, &terms->items[i], &characters, &one) && one > best) best = one;
    *score = best;
    return best >= 0;
}
