#include "lib/codec/shim.h"

#include <charconv>
#include <cmath>
#include <cstring>
#include <new>
#include <re2/re2.h>

struct shim_regex {
    RE2 re;
    shim_regex(const re2::StringPiece &pattern, const RE2::Options &options) : re(pattern, options) {
    }
};

static const int max_captures = 32;

static void say(char *error, size_t size, const char *text) {
    if (!size) return;
    std::strncpy(error, text, size - 1);
    error[size - 1] = '\0';
}

extern "C" struct shim_regex *shim_regex_create(const char *pattern, size_t len, int64_t max_mem, char *error,
                                                size_t error_size) {
    try {
        RE2::Options options;
        options.set_log_errors(false);
        options.set_max_mem(max_mem);
        options.set_dot_nl(true);
        auto *regex = new (std::nothrow) shim_regex(re2::StringPiece(pattern, len), options);
        if (!regex) return say(error, error_size, "out of memory"), nullptr;
        if (regex->re.ok()) return regex;
        say(error, error_size, regex->re.error().c_str());
        delete regex;
    } catch (...) {
        say(error, error_size, "the pattern could not be compiled");
    }
    return nullptr;
}

extern "C" void shim_regex_destroy(struct shim_regex *regex) {
    delete regex;
}

extern "C" bool shim_regex_matches(const struct shim_regex *regex, const char *text, size_t len) {
    return regex->re.Match(re2::StringPiece(text, len), 0, len, RE2::ANCHOR_BOTH, nullptr, 0);
}

static bool find(const RE2 &re, const char *text, size_t len, size_t from, RE2::Anchor anchor,
                 const char **starts, size_t *lens, size_t count) {
    re2::StringPiece found[max_captures];
    if (count > (size_t)max_captures) count = (size_t)max_captures;
    if (!re.Match(re2::StringPiece(text, len), from, len, anchor, found, (int)count)) return false;
    for (size_t i = 0; i < count; i++) {
        starts[i] = found[i].data();
        lens[i] = found[i].size();
    }
    return true;
}

extern "C" bool shim_regex_captures(const struct shim_regex *regex, const char *text, size_t len,
                                    const char **starts, size_t *lens, size_t count) {
    return find(regex->re, text, len, 0, RE2::ANCHOR_BOTH, starts, lens, count);
}

extern "C" bool shim_regex_find(const struct shim_regex *regex, const char *text, size_t len, size_t from,
                                const char **starts, size_t *lens, size_t count) {
    return find(regex->re, text, len, from, RE2::UNANCHORED, starts, lens, count);
}

extern "C" int shim_regex_groups(const struct shim_regex *regex) {
    return regex->re.NumberOfCapturingGroups();
}

extern "C" int shim_regex_group_index(const struct shim_regex *regex, const char *name, size_t len) {
    try {
        const auto &groups = regex->re.NamedCapturingGroups();
        auto found = groups.find(std::string(name, len));
        return found == groups.end() ? -1 : found->second;
    } catch (...) {
        return -1;
    }
}

extern "C" size_t shim_double_digits(double value, char *out, size_t size) {
    auto result = std::to_chars(out, out + size, value, std::chars_format::scientific);
    return (size_t)(result.ptr - out);
}

extern "C" int shim_double_parse(const char *text, size_t len, double *value) {
    double parsed = 0;
    auto result = std::from_chars(text, text + len, parsed, std::chars_format::general);
    if (result.ec == std::errc::invalid_argument || result.ptr != text + len) return 1;
    if (result.ec == std::errc::result_out_of_range) return 2;
    *value = parsed;
    return 0;
}
