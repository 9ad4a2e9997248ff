#pragma once
/*
 * humanize.h - inside of lib/template: numbers for people, as Prometheus' functions write them.
 */
#include "lib/base/buf.h"
#include "lib/base/err.h"

#include <stdint.h>

void humanize(double number, struct buf *out);           /* 1.235k */
void humanize_1024(double number, struct buf *out);      /* 1.206ki */
void humanize_duration(double seconds, struct buf *out); /* 2h 46m 40s */
void humanize_percentage(double ratio, struct buf *out); /* 12.35% */
/* seconds since the epoch to milliseconds; ERR_INVALID when nanoseconds would overflow */
int humanize_time(double seconds, int64_t *time_ms, struct err *err);
