#include "lib/sys/process.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

static void read_memory(struct process_info *info) {
    unsigned long long pages, resident;
    FILE *file = fopen("/proc/self/statm", "re");
    if (!file) return;
    if (fscanf(file, "%llu %llu", &pages, &resident) == 2) {
        uint64_t page_bytes = (uint64_t)sysconf(_SC_PAGESIZE);
        info->virtual_bytes = pages * page_bytes;
        info->resident_bytes = resident * page_bytes;
    }
    fclose(file);
}

/* field 22 of /proc/self/stat is in clock ticks since boot (proc(5)); the name in field 2 may hold anything
 * but its last ')' */
static void read_start(struct process_info *info) {
    char line[1024];
    unsigned long long ticks;
    struct timespec boot, wall;
    FILE *file = fopen("/proc/self/stat", "re");
    if (!file) return;
    char *behind_name = fgets(line, sizeof line, file) ? strrchr(line, ')') : NULL;
    fclose(file);
    if (!behind_name) return;
    if (sscanf(behind_name + 1,
               " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d %llu",
               &ticks) != 1)
        return;
    clock_gettime(CLOCK_BOOTTIME, &boot);
    clock_gettime(CLOCK_REALTIME, &wall);
    double up = (double)boot.tv_sec + (double)boot.tv_nsec * 1e-9;
    double now = (double)wall.tv_sec + (double)wall.tv_nsec * 1e-9;
    info->start_time_seconds = now - up + (double)ticks / (double)sysconf(_SC_CLK_TCK);
}

static void read_fds(struct process_info *info) {
    struct rlimit limit;
    DIR *dir = opendir("/proc/self/fd");
    if (dir) {
        while (readdir(dir)) info->open_fds++;
        closedir(dir);
        info->open_fds -= info->open_fds > 3 ? 3 : info->open_fds; /* ".", "..", and the folder itself */
    }
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) info->max_fds = limit.rlim_cur;
}

void process_info_read(struct process_info *info) {
    struct rusage usage;
    memset(info, 0, sizeof *info);
    if (getrusage(RUSAGE_SELF, &usage) == 0)
        info->cpu_seconds = (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
                            (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * 1e-6;
    read_memory(info);
    read_start(info);
    read_fds(info);
}
