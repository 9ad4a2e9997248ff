#pragma once
/*
 * process.h - what the operating system says of this process; and its code given back.
 */
#include <stdint.h>

struct process_info {
    double cpu_seconds;
    uint64_t resident_bytes, virtual_bytes;
    double start_time_seconds; /* since the epoch */
    uint64_t open_fds, max_fds, max_virtual_bytes, threads;
};

/* what the machine has, or less when a cgroup (version 2) of this process says so */
uint64_t process_memory_bytes(void);

/* Pages of the program and its libraries that are only read leave this process until it comes to them again:
 * the page cache has them. Most are those that only a start runs through. A debugger's breakpoints go too. */
void process_release_code(void);

/* What cannot be read stays 0. */
void process_info_read(struct process_info *info);
