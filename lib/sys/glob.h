#pragma once
/*
 * glob.h - files named by a path with at most one *, in its last element: targets/x-*.json
 */
#include "lib/base/err.h"

#include <stdbool.h>

#define GLOB_MAX_FILES 10000

struct file_system;

/* Calls each for every file that the pattern names, in order of their names; a pattern without * names its
 * file when that is there. Names with a leading dot are no match of a leading *. No file at all, also for a
 * folder that is not there, is fine. */
int glob_each(struct file_system *fs, const char *pattern, void (*each)(const char *path, void *context),
              void *context, struct err *err);
