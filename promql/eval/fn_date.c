#include "promql/eval/call.h"

#include <math.h>
#include <time.h>

#define SECONDS_MAX 67768036191676799.0 /* the last second whose year fits an int */

static bool calendar_of(double seconds, struct tm *utc) {
    if (!(fabs(seconds) < SECONDS_MAX)) return false;
    time_t whole = (time_t)seconds;
    return gmtime_r(&whole, utc) != NULL;
}

static int days_in(int year, int month) {
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    return days[month] + (month == 1 && is_leap);
}

#define CALENDAR(name, formula)                                                                              \
    static bool fn_##name(double x, const double *p, size_t n, double *result) {                             \
        struct tm utc;                                                                                       \
        (void)p;                                                                                             \
        (void)n;                                                                                             \
        *result = calendar_of(x, &utc) ? (double)(formula) : (double)NAN;                                    \
        return true;                                                                                         \
    }

CALENDAR(minute, utc.tm_min)
CALENDAR(hour, utc.tm_hour)
CALENDAR(day_of_week, utc.tm_wday)
CALENDAR(day_of_month, utc.tm_mday)
CALENDAR(day_of_year, utc.tm_yday + 1)
CALENDAR(days_in_month, days_in(utc.tm_year + 1900, utc.tm_mon))
CALENDAR(month, utc.tm_mon + 1)
CALENDAR(year, utc.tm_year + 1900)

element_function *date_function_of(enum function_id id) {
    switch (id) {
    case FN_minute: return fn_minute;
    case FN_hour: return fn_hour;
    case FN_day_of_week: return fn_day_of_week;
    case FN_day_of_month: return fn_day_of_month;
    case FN_day_of_year: return fn_day_of_year;
    case FN_days_in_month: return fn_days_in_month;
    case FN_month: return fn_month;
    case FN_year: return fn_year;
    default: return NULL;
    }
}
