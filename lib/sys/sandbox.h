#pragma once
/*
 * sandbox.h - rights given up for good, so that a hole in the program is worth less.
 *
 *     no new privileges    no program that is started later gains any
 *     not dumpable         no core file, no look into the memory by others of the same user
 *     Landlock             files are changed below the writable paths only, and none is executed; reading
 *                          stays as it is, since a reload may name new files
 *     seccomp              no execve, ptrace, mount, bpf, io_uring, keys, modules ...: EPERM; sockets of the
 *                          internet and of this machine only
 *
 * Landlock holds for the calling thread and those it starts: enter before the first thread.
 */
#include "lib/base/err.h"

#include <stdbool.h>
#include <stddef.h>

struct sandbox { /* what the kernel could do */
    bool has_landlock, has_seccomp;
};

/* Paths that are not there are left out. ERR_UNSUPPORTED names what this kernel has not; the rest is in force
 * all the same. */
int sandbox_enter(const char *const *writable, size_t count, struct sandbox *sandbox, struct err *err);
