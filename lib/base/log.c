#include "lib/base/log.h"

#include "lib/base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define LOG_LINE_MAX ((size_t)8192)

static enum log_level lowest_level = LOG_INFO;
static bool json_lines;
static void (*capture_sink)(const char *line, void *context);
static void *capture_context;

void log_configure(enum log_level lowest, bool as_json) {
    lowest_level = lowest;
    json_lines = as_json;
}

void log_capture(void (*sink)(const char *line, void *context), void *context) {
    capture_sink = sink;
    capture_context = context;
}

const char *log_text(const char *format, ...) {
    static _Thread_local char ring[8][256];
    static _Thread_local unsigned next;
    char *text = ring[next++ % 8];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof ring[0], format, args);
    va_end(args);
    return text;
}

static void put_quoted(struct buf *line, const char *text) {
    buf_putc(line, '"');
    for (const unsigned char *p = (const unsigned char *)text; *p; p++) {
        if (*p == '"' || *p == '\\')
            buf_printf(line, "\\%c", *p);
        else if (*p == '\n')
            buf_puts(line, "\\n");
        else if (*p < 0x20 || *p == 0x7f)
            buf_printf(line, "\\u%04x", *p);
        else
            buf_putc(line, (char)*p);
    }
    buf_putc(line, '"');
}

static bool needs_quotes(const char *text) {
    if (!*text) return true;
    for (; *text; text++)
        if ((unsigned char)*text <= ' ' || strchr("=\"\\", *text) || *text == 0x7f) return true;
    return false;
}

static void put_pair(struct buf *line, const char *key, const char *value) {
    if (json_lines) {
        buf_putc(line, line->len ? ',' : '{');
        put_quoted(line, key);
        buf_putc(line, ':');
        put_quoted(line, value);
        return;
    }
    if (line->len) buf_putc(line, ' ');
    buf_puts(line, key);
    buf_putc(line, '=');
    if (needs_quotes(value))
        put_quoted(line, value);
    else
        buf_puts(line, value);
}

static void put_time(struct buf *line) {
    struct timespec now;
    struct tm utc;
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &utc);
    char text[64];
    snprintf(text, sizeof text, "%04d-%02d-%02dT%02d:%02d:%02d.%03ldZ", utc.tm_year + 1900, utc.tm_mon + 1,
             utc.tm_mday, utc.tm_hour, utc.tm_min, utc.tm_sec, now.tv_nsec / 1000000);
    put_pair(line, "time", text);
}

static void write_line(struct buf *line) {
    buf_putc(line, '\n');
    if (capture_sink) {
        capture_sink(buf_text(line), capture_context);
        return;
    }
    /* a log that cannot be written has nobody left to tell */
    (void)!write(STDERR_FILENO, line->data, line->len);
}

void log_write(enum log_level level, const char *file, int line_number, const char *message, ...) {
    static const char *const names[] = {"DEBUG", "INFO", "WARN", "ERROR"};
    if (level < lowest_level) return;
    const char *slash = strrchr(file, '/');
    struct buf line;
    buf_init(&line, LOG_LINE_MAX);
    put_time(&line);
    put_pair(&line, "level", names[level]);
    put_pair(&line, "source", log_text("%s:%d", slash ? slash + 1 : file, line_number));
    put_pair(&line, "msg", message);
    va_list args;
    va_start(args, message);
    for (const char *key; (key = va_arg(args, const char *));) {
        const char *value = va_arg(args, const char *);
        put_pair(&line, key, value ? value : "");
    }
    va_end(args);
    if (json_lines) buf_putc(&line, '}');
    line.failed = false; /* a line over the maximum loses its last pieces, not all */
    write_line(&line);
    buf_release(&line);
}
