#pragma once
/*
 * self.h - what the process says of itself: prometheus_build_info, prometheus_ready, process_*.
 */
#include "lib/instrument/instrument.h"

struct self_metrics {
    struct registry *registry;
    struct gauge *ready;
    struct counter *cpu;
    struct gauge *resident, *virtual_memory, *start, *open_fds, *max_fds, *max_virtual, *threads;
};

void self_init(struct self_metrics *self, struct registry *registry);
void self_release(struct self_metrics *self);
