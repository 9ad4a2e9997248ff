#include "lib/model/matcher.h"

#include "lib/codec/regex.h"

int matcher_init(struct matcher *matcher, enum matcher_type type, struct span name, struct span value,
                 struct err *err) {
    struct regex *regex = NULL;
    if (type == MATCH_REGEX || type == MATCH_NOT_REGEX) {
        int rc = regex_create(&regex, value, err);
        if (rc) return rc;
    }
    *matcher = (struct matcher){type, name, value, regex};
    return 0;
}

void matcher_release(struct matcher *matcher) {
    regex_destroy(matcher->regex);
    matcher->regex = NULL;
}

bool matcher_matches(const struct matcher *matcher, struct span value) {
    switch (matcher->type) {
    case MATCH_EQUAL: return span_equal(matcher->value, value);
    case MATCH_NOT_EQUAL: return !span_equal(matcher->value, value);
    case MATCH_REGEX: return regex_matches(matcher->regex, value);
    case MATCH_NOT_REGEX: return !regex_matches(matcher->regex, value);
    }
    return false;
}

bool matcher_matches_empty(const struct matcher *matcher) {
    return matcher_matches(matcher, span_of("", 0));
}

bool matchers_match(const struct matcher *matchers, size_t count, struct labels labels) {
    for (size_t i = 0; i < count; i++)
        if (!matcher_matches(&matchers[i], labels_get(labels, matchers[i].name))) return false;
    return true;
}

const char *matcher_symbol(enum matcher_type type) {
    static const char *const symbols[] = {"=", "!=", "=~", "!~"};
    return symbols[type];
}
