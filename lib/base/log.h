#pragma once
/*
 * log.h - lines for the operator on stderr, in Prometheus 3's form.
 *
 *     time=2026-11-23T21:36:00.123Z level=INFO source=main.c:42 msg="server is ready" address=0.0.0.0:9090
 *
 * LOG takes a level, a message and any number of key, value pairs (both const char *); log_text formats a
 * value. LOG(LOG_WARN, "scrape failed", "target", url, "samples", log_text("%zu", count)); One write per
 * line, so lines of several threads do not mix. Secrets never reach this far.
 */
#include <stdbool.h>

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };

/* set once at start, before threads */
void log_configure(enum log_level lowest, bool as_json);
/* for tests: where lines go; NULL puts stderr back */
void log_capture(void (*sink)(const char *line, void *context), void *context);

#define LOG(level, ...) log_write((level), __FILE__, __LINE__, __VA_ARGS__, (const char *)0)
/* fields: key, value pairs of const char *, ended by NULL (LOG adds it) */
void log_write(enum log_level level, const char *file, int line, const char *message, ...)
    __attribute__((sentinel));
/* a formatted value for LOG's pairs, in a per-thread ring of 8 texts of 256 bytes */
const char *log_text(const char *format, ...) __attribute__((format(printf, 1, 2)));
