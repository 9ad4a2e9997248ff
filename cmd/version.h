#pragma once
/*
 * version.h - what this program is called and which one it is.
 */
#define PROGRAM_NAME "ferula"

struct version {
    const char *version, *revision, *branch; /* revision: of the sources, when the build was configured */
    const char *platform;                    /* linux/amd64 */
    const char *compiler;
};

const struct version *version_of_program(void);
