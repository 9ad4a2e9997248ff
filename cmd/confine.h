#pragma once
/*
 * confine.h - what the server gives up at its start (lib/sys/sandbox.h), before its first thread.
 */
#include "cmd/flags.h"

struct config;
/* Makes the data folder; logs what the kernel cannot do, and warns once when it runs as root. Files may be
 * changed in that folder and in those of the log files that the configuration names; a reload cannot add
 * others. */
void confine(const struct flags *flags, const struct config *config);
