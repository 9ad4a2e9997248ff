#pragma once
/*
 * clock.h - what time it is. Wall time is for samples and logs, monotonic time for intervals: the wall may
 * jump.
 */
#include <stdint.h>

int64_t clock_wall_ms(void);      /* milliseconds since the epoch */
int64_t clock_monotonic_ms(void); /* from an arbitrary start, never back */
int64_t clock_monotonic_ns(void);
