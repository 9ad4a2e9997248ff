#include "lib/sys/process.h"

#include <dirent.h>
#include <link.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
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

/* Fields 20 and 22 of /proc/self/stat: threads; clock ticks since boot (proc(5)). The name in field 2 may
 * hold anything but its last ')' */
static void read_stat(struct process_info *info) {
    char line[1024];
    unsigned long long threads, ticks;
    struct timespec boot, wall;
    FILE *file = fopen("/proc/self/stat", "re");
    if (!file) return;
    char *behind_name = fgets(line, sizeof line, file) ? strrchr(line, ')') : NULL;
    fclose(file);
    if (!behind_name) return;
    if (sscanf(behind_name + 1,
               " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %llu %*d %llu", &threads,
               &ticks) != 2)
        return;
    info->threads = threads;
    clock_gettime(CLOCK_BOOTTIME, &boot);
    clock_gettime(CLOCK_REALTIME, &wall);
    double up = (double)boot.tv_sec + (double)boot.tv_nsec * 1e-9;
    double now = (double)wall.tv_sec + (double)wall.tv_nsec * 1e-9;
    info->start_time_seconds = now - up + (double)ticks / (double)sysconf(_SC_CLK_TCK);
}

static void read_limits(struct process_info *info) {
    struct rlimit limit;
    DIR *dir = opendir("/proc/self/fd");
    if (dir) {
        while (readdir(dir)) info->open_fds++;
        closedir(dir);
        info->open_fds -= info->open_fds > 3 ? 3 : info->open_fds; /* ".", "..", and the folder itself */
    }
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) info->max_fds = limit.rlim_cur;
    if (getrlimit(RLIMIT_AS, &limit) == 0) info->max_virtual_bytes = limit.rlim_cur;
}

/* memory.max of a folder of cgroups; UINT64_MAX: no limit */
static uint64_t limit_of(const char *group) {
    char path[1200];
    unsigned long long bytes;
    (void)snprintf(path, sizeof path, "/sys/fs/cgroup%s/memory.max", group);
    FILE *file = fopen(path, "re");
    if (!file) return UINT64_MAX;
    bool is_number = fscanf(file, "%llu", &bytes) == 1; /* "max" is none */
    fclose(file);
    return is_number ? bytes : UINT64_MAX;
}

/* the least of the limits from our group up to the root */
static uint64_t cgroup_limit(void) {
    char line[1100];
    FILE *file = fopen("/proc/self/cgroup", "re");
    uint64_t least = UINT64_MAX;
    if (!file) return least;
    bool found = false;
    while (!found && fgets(line, sizeof line, file)) found = strncmp(line, "0::/", 4) == 0;
    fclose(file);
    if (!found) return least;
    char *group = line + 3;
    group[strcspn(group, "\n")] = 0;
    for (char *slash; *group; *slash = 0) {
        uint64_t limit = limit_of(group);
        if (limit < least) least = limit;
        slash = strrchr(group, '/');
    }
    return least;
}

uint64_t process_memory_bytes(void) {
    uint64_t limit = cgroup_limit();
    uint64_t machine = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);
    return limit < machine ? limit : machine;
}

void process_info_read(struct process_info *info) {
    struct rusage usage;
    memset(info, 0, sizeof *info);
    if (getrusage(RUSAGE_SELF, &usage) == 0)
        info->cpu_seconds = (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
                            (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * 1e-6;
    read_memory(info);
    read_stat(info);
    read_limits(info);
}

/* segments that are never written, not even by relocations */
static int release_object(struct dl_phdr_info *object, size_t size, void *context) {
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    (void)size, (void)context;
    for (size_t i = 0; i < object->dlpi_phnum; i++) {
        const ElfW(Phdr) *part = &object->dlpi_phdr[i];
        if (part->p_type != PT_LOAD || part->p_flags & PF_W) continue;
        uintptr_t from = (object->dlpi_addr + part->p_vaddr) & ~(page - 1);
        uintptr_t to = object->dlpi_addr + part->p_vaddr + part->p_memsz;
        (void)madvise((void *)from, to - from, MADV_DONTNEED); /* refused: they stay */
    }
    return 0;
}

void process_release_code(void) {
    dl_iterate_phdr(release_object, NULL);
}
