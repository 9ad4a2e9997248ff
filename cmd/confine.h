#pragma once
/*
 * confine.h - what the server gives up at its start (lib/sys/sandbox.h), before its first thread.
 */
#include "cmd/flags.h"

/* makes the data folder; logs what the kernel cannot do, and warns once when it runs as root */
void confine(const struct flags *flags);
