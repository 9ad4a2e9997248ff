#pragma once
/*
 * search_score.h - inside of web/api: how well a text is what somebody began to type, from 0 (not at all)
 * to 1.
 *
 *     subsequence   "hreq" in "http_requests_total": the characters in order; runs count, gaps cost
 *     jarowinkler   "htp_requests": alike though not the same; a text that holds the term is 0.9, and 1 at
 * its beginning
 *
 * Only the first SEARCH_TEXT_MAX characters of either are looked at. Upper and lower case are those of ASCII.
 */
#include "lib/base/span.h"

#include <stdbool.h>
#include <stdint.h>

#define SEARCH_TEXT_MAX 512

enum search_likeness { SEARCH_SUBSEQUENCE, SEARCH_JARO_WINKLER };

struct search_term {
    uint32_t characters[SEARCH_TEXT_MAX]; /* code points, lower case unless it matters */
    uint32_t count;
};

struct search_terms {
    struct search_term *items; /* count 0: everything is taken */
    size_t count;
    enum search_likeness likeness;
    bool is_case_sensitive;
    double threshold; /* 0 to 1; of jarowinkler, 0: only texts that hold a term */
};

void search_term_init(struct search_term *term, struct span text, bool is_case_sensitive);
/* the best of the terms; false: none of them is near enough */
bool search_score(const struct search_terms *terms, struct span text, double *score);
