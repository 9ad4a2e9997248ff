#pragma once
/*
 * version.h - what this program is called and which one it is.
 */
#define PROGRAM_NAME "ferula"

#ifndef FERULA_REVISION
#define FERULA_REVISION "unknown"
#endif
#ifndef FERULA_BRANCH
#define FERULA_BRANCH "unknown"
#endif
#if defined(__x86_64__)
#define PROGRAM_PLATFORM "linux/amd64"
#elif defined(__aarch64__)
#define PROGRAM_PLATFORM "linux/arm64"
#else
#define PROGRAM_PLATFORM "linux"
#endif
