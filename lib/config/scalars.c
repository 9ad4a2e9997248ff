#include "lib/codec/number.h"
#include "lib/codec/regex.h"
#include "lib/config/table.h"
#include "lib/model/duration.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

/*
 * One scalar of the file into one member. A reader returns false after reporting; the member is then as
 * before.
 */

#define MAX_SHOWN 80
#define SHOWN(s) (int)((s).len > MAX_SHOWN ? MAX_SHOWN : (s).len), (s).ptr

static const char *const http_schemes[] = {"http", "https", NULL};

static bool refuse(struct loader *l, const struct ynode *node, const char *wanted) {
    loader_error(l, node->mark, "%s is expected, not %s", wanted, ynode_describe(node));
    return false;
}

static const char *wanted_of(enum field_kind kind) {
    switch (kind) {
    case FIELD_BOOL: return "true or false";
    case FIELD_INT: return "an integer";
    case FIELD_UINT: return "an integer of 0 or more";
    case FIELD_DOUBLE: return "a number";
    case FIELD_DURATION: return "a duration like 15s or 1m30s";
    case FIELD_SIZE: return "a size like 512MB";
    case FIELD_URL: return "an URL";
    case FIELD_REGEX: return "a regular expression";
    default: return "a text";
    }
}

/* without the underscores that YAML allows between digits; false when it is longer than any number */
static bool strip_underscores(struct span text, char out[32]) {
    size_t length = 0;
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] == '_') continue;
        if (length == 31) return false;
        out[length++] = text.ptr[i];
    }
    out[length] = 0;
    return length > 0;
}

/* 12, -3, 1_000, 1e6, 0x1f, 0o17, 017, 0b11; false when it is no integer */
static bool integer_of(const struct ynode *node, int64_t *value) {
    double number;
    char text[32], *end;
    if (!node->is_plain || !strip_underscores(node->text, text)) return false;
    char *digits = text + (text[0] == '-' || text[0] == '+');
    bool is_binary = digits[0] == '0' && digits[1] == 'b', is_octal = digits[0] == '0' && digits[1] == 'o';
    if (is_binary || is_octal) memmove(digits, digits + 2, strlen(digits + 2) + 1);
    if (*digits < '0' || *digits > '9') return false;
    errno = 0;
    *value = strtoll(text, &end, is_binary ? 2 : is_octal ? 8 : 0);
    if (errno == 0 && *end == 0) return true;
    if (!number_parse(span_from(text), &number) || number != floor(number) || fabs(number) > 9e15)
        return false;
    *value = (int64_t)number;
    return true;
}

static bool read_number(struct loader *l, const struct field *field, void *member, const struct ynode *node) {
    int64_t integer = 0;
    double number = 0;
    switch (field->kind) {
    case FIELD_INT:
        if (!integer_of(node, &integer)) return refuse(l, node, wanted_of(field->kind));
        *(int64_t *)member = integer;
        return true;
    case FIELD_UINT:
        if (!integer_of(node, &integer) || integer < 0) return refuse(l, node, wanted_of(field->kind));
        *(uint64_t *)member = (uint64_t)integer;
        return true;
    default:
        if (!node->is_plain || !number_parse(node->text, &number) || !isfinite(number))
            return refuse(l, node, wanted_of(field->kind));
        *(double *)member = number;
        return true;
    }
}

static bool read_bool(struct loader *l, void *member, const struct ynode *node) {
    bool value;
    if (!ynode_bool(node, &value)) return refuse(l, node, wanted_of(FIELD_BOOL));
    *(bool *)member = value;
    return true;
}

static bool read_duration(struct loader *l, void *member, const struct ynode *node) {
    struct err err = {0};
    int64_t ms;
    if (duration_parse(node->text, &ms, &err)) {
        loader_error(l, node->mark, "%s", err.text);
        return false;
    }
    *(int64_t *)member = ms;
    return true;
}

static bool read_size(struct loader *l, void *member, const struct ynode *node) {
    struct err err = {0};
    uint64_t bytes;
    if (size_parse(node->text, &bytes, &err)) {
        loader_error(l, node->mark, "%s", err.text);
        return false;
    }
    *(uint64_t *)member = bytes;
    return true;
}

static bool check_regex(struct loader *l, const struct ynode *node) {
    struct err err = {0};
    struct regex *regex = NULL;
    int rc = regex_create(&regex, node->text, &err);
    regex_destroy(regex);
    if (rc) loader_error(l, node->mark, "%s", err.text);
    return rc == 0;
}

static bool check_choice(struct loader *l, const struct field *field, const struct ynode *node) {
    size_t count = 0;
    for (; field->choices[count]; count++)
        if (span_is(node->text, field->choices[count])) return true;
    loader_error_unknown(l, node->mark, "unknown value", node->text, field->choices, count);
    return false;
}

/* An empty text is as good as none, unless there is a default that it takes away (key is NULL for the items
 * of a list, which stay as they are). */
static bool is_absent(const struct field *field, const struct ynode *node) {
    return node->text.len == 0 && field->key && !field->preset;
}

static bool check_text(struct loader *l, const struct field *field, const struct ynode *node) {
    if (!span_is_utf8(node->text)) return refuse(l, node, "UTF-8");
    switch (field->kind) {
    case FIELD_REGEX: return check_regex(l, node);
    case FIELD_URL:
        return url_check(l, node->mark, node->text.ptr, field->choices ? field->choices : http_schemes);
    default: return !field->choices || check_choice(l, field, node);
    }
}

static bool read_text(struct loader *l, const struct field *field, void *member, const struct ynode *node) {
    const char *text = NULL;
    if (!is_absent(field, node)) {
        if (!check_text(l, field, node)) return false;
        text = field->kind == FIELD_PATH ? path_resolve(l, node->text.ptr) : node->text.ptr;
        if (!text) return false;
    }
    *(const char **)member = text;
    return true;
}

bool scalar_read(struct loader *l, const struct field *field, void *member, const struct ynode *node) {
    if (node->kind != YNODE_SCALAR) return refuse(l, node, wanted_of(field->kind));
    switch (field->kind) {
    case FIELD_BOOL: return read_bool(l, member, node);
    case FIELD_INT:
    case FIELD_UINT:
    case FIELD_DOUBLE: return read_number(l, field, member, node);
    case FIELD_DURATION: return read_duration(l, member, node);
    case FIELD_SIZE: return read_size(l, member, node);
    default: return read_text(l, field, member, node);
    }
}

/* filepath.Join of the file's folder and a relative path, as Prometheus does */
const char *path_resolve(struct loader *l, const char *path) {
    if (!*path || *path == '/') return path;
    while (path[0] == '.' && path[1] == '/' && path[2]) path += 2;
    const char *slash = strrchr(l->file_name, '/');
    if (!slash) return path;
    size_t folder = (size_t)(slash - l->file_name) + 1;
    char *joined = loader_alloc(l, folder + strlen(path) + 1, 1);
    if (!joined) return NULL;
    memcpy(joined, l->file_name, folder);
    memcpy(joined + folder, path, strlen(path) + 1);
    return joined;
}

static bool is_port(struct span port) {
    uint64_t number;
    return port.len == 0 || (port.len <= 5 && number_parse_uint(port, &number) && number <= 65535);
}

/* what follows :// up to the path: [user[:password]@]host[:port] */
static const char *authority_problem(struct span authority) {
    size_t at = authority.len;
    while (at > 0 && authority.ptr[at - 1] != '@') at--;
    struct span host = span_of(authority.ptr + at, authority.len - at);
    size_t end;
    if (host.len && host.ptr[0] == '[') {
        end = span_find_byte(host, ']', 0);
        if (end == host.len) return "missing ']' in host";
        end++;
        if (end < host.len && host.ptr[end] != ':') return "invalid port after host";
    } else {
        end = span_find_byte(host, ':', 0);
    }
    if (end == 0) return "host is missing in URL";
    if (end < host.len && !is_port(span_of(host.ptr + end + 1, host.len - end - 1)))
        return "invalid port after host";
    return NULL;
}

bool url_check(struct loader *l, struct ymark mark, const char *url, const char *const *schemes) {
    const char *problem = NULL, *colon = strstr(url, "://");
    bool is_known = false;
    for (size_t i = 0; colon && schemes[i]; i++)
        is_known |= span_is(span_of(url, (size_t)(colon - url)), schemes[i]);
    for (const char *p = url; *p; p++)
        if ((unsigned char)*p <= ' ' || *p == 127) problem = "invalid character in URL";
    if (!problem && !is_known)
        problem = schemes[2] ? "unknown URL scheme" : "URL scheme must be 'http' or 'https'";
    if (!problem) problem = authority_problem(span_of(colon + 3, strcspn(colon + 3, "/?#")));
    if (!problem) return true;
    loader_error(l, mark, "%s", problem); /* the URL itself may hold a password */
    return false;
}

static const char size_units[] = "BKMGTPE";

/* the unit at the start of text, as a power of 1024, and how long it is; -1 when there is none */
static int unit_of(struct span text, size_t *length) {
    if (!text.len) return -1;
    char first = text.ptr[0] == 'k' ? 'K' : text.ptr[0];
    const char *found = memchr(size_units, first, sizeof size_units - 1);
    if (!found) return -1;
    *length = 1;
    if (first == 'B') return 0;
    if (text.len > 2 && text.ptr[1] == 'i' && text.ptr[2] == 'B')
        *length = 3;
    else if (text.len > 1 && text.ptr[1] == 'B')
        *length = 2;
    else
        return -1;
    return (int)(found - size_units);
}

int size_parse(struct span text, uint64_t *bytes, struct err *err) {
    double total = 0;
    struct span rest = text;
    bool is_valid = text.len > 0;
    if (span_is(text, "0")) rest.len = 0;
    while (is_valid && rest.len) {
        size_t digits = 0, unit_length = 0;
        while (digits < rest.len &&
               (rest.ptr[digits] == '.' || (rest.ptr[digits] >= '0' && rest.ptr[digits] <= '9')))
            digits++;
        double number = 0;
        struct span unit = span_of(rest.ptr + digits, rest.len - digits);
        int power = unit_of(unit, &unit_length);
        is_valid = digits && power >= 0 && number_parse(span_of(rest.ptr, digits), &number);
        if (is_valid) total += ldexp(number, 10 * power);
        rest = span_of(unit.ptr + unit_length, unit.len - unit_length);
    }
    if (!is_valid || total >= 9.2e18)
        return err_set(err, ERR_INVALID, "not a valid size: \"%.*s\" (a size has a unit: 512MB, 1GiB)",
                       SHOWN(text));
    *bytes = (uint64_t)total;
    return 0;
}

void size_write(uint64_t bytes, struct buf *out) {
    int power = 0;
    while (bytes && power < 6 && bytes % 1024 == 0) {
        bytes /= 1024;
        power++;
    }
    buf_uint(out, bytes);
    if (power)
        buf_printf(out, "%ciB", size_units[power]);
    else if (bytes)
        buf_puts(out, "B");
}
