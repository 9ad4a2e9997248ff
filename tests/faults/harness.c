#include "tests/faults/harness.h"

#include "lib/base/log.h"
#include "lib/sys/thread.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MOST_FAILURES 20
#define MOST_OF_ONE 3

static size_t passed_count, failed_count, failed_before;
static char attempt[512];
static size_t failed_now; /* of this attempt */

/* ---- arguments ---- */

static uint64_t number(const char *text) {
    char *end;
    uint64_t value = text ? strtoull(text, &end, 0) : 0;
    if (text && *text && !*end) return value;
    (void)fprintf(stderr, "not a number: %s\n", text ? text : "(missing)");
    exit(2);
}

struct arguments arguments_read(int count, char **texts) {
    struct arguments arguments = {.seed = 1};
    const char *wants_long = getenv("FERULA_LONG");
    arguments.is_long = wants_long && *wants_long && strcmp(wants_long, "0") != 0;
    for (int i = 1; i < count; i++) {
        const char *value = i + 1 < count ? texts[i + 1] : NULL;
        if (strcmp(texts[i], "--long") == 0) {
            arguments.is_long = true;
            continue;
        }
        if (strcmp(texts[i], "--seed") == 0) {
            arguments.has_seed = true;
            arguments.seed = number(value);
        } else if (strcmp(texts[i], "--seeds") == 0) {
            arguments.seeds = number(value);
        } else if (strcmp(texts[i], "--point") == 0) {
            arguments.has_point = true;
            arguments.point = (size_t)number(value);
        } else if (strcmp(texts[i], "--mode") == 0 && value) {
            arguments.has_mode = true;
            arguments.mode = value;
        } else if (strcmp(texts[i], "--dump") == 0 && value) {
            arguments.dump = value;
        } else {
            (void)fprintf(
                stderr,
                "usage: %s [--long] [--seed N] [--seeds COUNT] [--point N] [--mode NAME] [--dump FOLDER]\n",
                texts[0]);
            exit(2);
        }
        i++;
    }
    return arguments;
}

/* ---- chance ---- */

uint64_t chance(uint64_t *state) {
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

size_t chance_below(uint64_t *state, size_t below) {
    return (size_t)(chance(state) % below);
}

/* ---- counting ---- */

void trying(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(attempt, sizeof attempt, format, arguments);
    va_end(arguments);
    failed_now = 0;
}

void fail(const char *format, ...) {
    va_list arguments;
    if (++failed_now > MOST_OF_ONE) return;
    va_start(arguments, format);
    (void)printf("FAIL [%s] ", attempt);
    (void)vprintf(format, arguments);
    (void)putchar('\n');
    (void)fflush(stdout);
    va_end(arguments);
    if (++failed_count < MOST_FAILURES) return;
    (void)printf("too many failures, the rest is not tried\n");
    exit(finish());
}

void passed(void) {
    if (failed_count == failed_before) passed_count++;
    failed_before = failed_count;
}

size_t failures(void) {
    return failed_count;
}

int finish(void) {
    (void)printf("%zu passed, %zu failed\n", passed_count, failed_count);
    (void)fflush(stdout);
    return failed_count ? EXIT_FAILURE : EXIT_SUCCESS;
}

/* ---- the log ---- */

static struct mutex log_lock;
static char log_text_all[1 << 16];
static size_t log_len;

static void take_line(const char *line, void *context) {
    (void)context;
    size_t len = strlen(line);
    mutex_lock(&log_lock);
    if (log_len + len < sizeof log_text_all) {
        memcpy(log_text_all + log_len, line, len + 1);
        log_len += len;
    }
    mutex_unlock(&log_lock);
}

void log_listen(void) {
    mutex_init(&log_lock);
    log_capture(take_line, NULL);
}

void log_reset(void) {
    mutex_lock(&log_lock);
    log_len = 0;
    log_text_all[0] = '\0';
    mutex_unlock(&log_lock);
}

bool log_has(const char *text) {
    mutex_lock(&log_lock);
    bool has = strstr(log_text_all, text) != NULL;
    mutex_unlock(&log_lock);
    return has;
}

const char *log_lines(void) {
    return log_text_all;
}
