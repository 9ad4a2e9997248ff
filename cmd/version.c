#include "cmd/version.h"

#ifndef FERULA_REVISION
#define FERULA_REVISION "unknown"
#endif
#ifndef FERULA_BRANCH
#define FERULA_BRANCH "unknown"
#endif
#if defined(__x86_64__)
#define PLATFORM "linux/amd64"
#elif defined(__aarch64__)
#define PLATFORM "linux/arm64"
#else
#define PLATFORM "linux"
#endif

#if defined(__clang__)
#define COMPILER "clang " __clang_version__
#else
#define COMPILER "gcc " __VERSION__
#endif

const struct version *version_of_program(void) {
    static const struct version version = {FERULA_VERSION, FERULA_REVISION, FERULA_BRANCH, PLATFORM,
                                           COMPILER};
    return &version;
}
