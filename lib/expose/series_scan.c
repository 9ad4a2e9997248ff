#include "lib/expose/series_scan.h"

static char peek(const struct series_scan *scan) {
    return scan->at < scan->text.len ? scan->text.ptr[scan->at] : '\0';
}

static void skip(struct series_scan *scan, const char *bytes) {
    while (peek(scan) && strchr(bytes, peek(scan))) scan->at++;
}

/* up to one of `ends`, or what is inside of quotes */
static struct span take(struct series_scan *scan, const char *ends) {
    size_t start = scan->at;
    if (peek(scan) != '"') {
        while (peek(scan) && !strchr(ends, peek(scan))) scan->at++;
        return span_of(scan->text.ptr + start, scan->at - start);
    }
    size_t end = start + 1;
    while (end < scan->text.len && scan->text.ptr[end] != '"') end += scan->text.ptr[end] == '\\' ? 2 : 1;
    if (end > scan->text.len) end = scan->text.len;
    scan->at = end + 1;
    return span_of(scan->text.ptr + start + 1, end - start - 1);
}

void series_scan_init(struct series_scan *scan, struct span series) {
    *scan = (struct series_scan){.text = series};
    scan->metric = take(scan, "{ \t");
    skip(scan, " \t");
    if (peek(scan) == '{') scan->at++;
}

bool series_scan_next(struct series_scan *scan, struct span *name, struct span *value) {
    for (;;) {
        skip(scan, ", \t");
        if (!peek(scan) || peek(scan) == '}') return false;
        size_t before = scan->at;
        *name = take(scan, "=,} \t");
        skip(scan, " \t");
        if (peek(scan) == '=') break;
        if (scan->at == before) return false;
        scan->metric = *name;
    }
    scan->at++;
    skip(scan, " \t");
    if (peek(scan) != '"') return false;
    *value = take(scan, "");
    return true;
}

struct span series_scan_metric(struct span series) {
    struct series_scan scan;
    struct span name, value;
    series_scan_init(&scan, series);
    while (!scan.metric.len && series_scan_next(&scan, &name, &value)) {
    }
    return scan.metric;
}
