#include "storage/send/send_answer.h"

#include "lib/codec/number.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define RETRY_AFTER_MAX_S ((int64_t)1 << 31)

enum send_verdict send_judge(long status, bool retry_on_429) {
    if (status / 100 == 2) return SEND_DONE;
    if (status == 0 || status / 100 == 5) return SEND_AGAIN;
    return status == 429 && retry_on_429 ? SEND_AGAIN : SEND_NEVER;
}

void send_pause_reset(struct send_pause *pause) {
    pause->next_ms = 0;
}

int64_t send_pause_next(struct send_pause *pause, struct span retry_after, int64_t now_ms) {
    int64_t asked_ms = send_retry_after_ms(retry_after, now_ms);
    int64_t wait_ms = asked_ms > 0 ? asked_ms : pause->next_ms ? pause->next_ms : pause->min_ms;
    pause->next_ms = wait_ms < pause->max_ms / 2 ? 2 * wait_ms : pause->max_ms;
    return wait_ms;
}

/* 1 to 12; 0: none */
static int month_of(const char *name) {
    static const char names[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    for (int i = 0; i < 12; i++)
        if (memcmp(names + 3 * i, name, 3) == 0) return i + 1;
    return 0;
}

/* the one form of a date that may be sent today (RFC 9110, 5.6.7) */
static bool read_date(struct span text, int64_t *time_ms) {
    char copy[30], month[4] = "";
    struct tm tm = {0};
    int end = 0;
    if (text.len != sizeof copy - 1) return false;
    memcpy(copy, text.ptr, text.len);
    copy[text.len] = '\0';
    int read = sscanf(copy, "%*3[A-Za-z], %2d %3[A-Za-z] %4d %2d:%2d:%2d GMT%n", &tm.tm_mday, month,
                      &tm.tm_year, &tm.tm_hour, &tm.tm_min, &tm.tm_sec, &end);
    tm.tm_mon = month_of(month) - 1;
    if (read != 6 || end != (int)text.len || tm.tm_mon < 0) return false;
    tm.tm_year -= 1900;
    *time_ms = (int64_t)timegm(&tm) * 1000;
    return true;
}

int64_t send_retry_after_ms(struct span text, int64_t now_ms) {
    int64_t seconds, date_ms;
    if (number_parse_int(text, &seconds))
        return seconds > 0 && seconds < RETRY_AFTER_MAX_S ? seconds * 1000 : 0;
    return read_date(text, &date_ms) ? date_ms - now_ms : 0;
}
