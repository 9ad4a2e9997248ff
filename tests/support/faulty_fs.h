#pragma once
/*
 * faulty_fs.h - a file system that fails when it is told to.
 *
 *     struct faulty_fs faulty;
 *     faulty_fs_init(&faulty, file_system_real());
 *     for (faulty.fail_at = 1;; faulty.fail_at++) {       the n-th call fails, for n = 1, 2, 3 ...
 *         faulty.calls = faulty.failures = 0;
 *         scenario(&faulty.base);
 *         if (!faulty.failures) break;                    ... until none is left
 *     }
 */
#include "lib/sys/file.h"
#include "lib/sys/thread.h"

#include <stdbool.h>
#include <stdint.h>

enum faulty_kind {
    FAULTY_OPEN = 1 << 0,
    FAULTY_READ = 1 << 1,
    FAULTY_WRITE = 1 << 2,
    FAULTY_SYNC = 1 << 3,
    FAULTY_TRUNCATE = 1 << 4,
    FAULTY_ALLOCATE = 1 << 5,
    FAULTY_SIZE = 1 << 6,
    FAULTY_LOCK = 1 << 7,
    FAULTY_RENAME = 1 << 8,
    FAULTY_UNLINK = 1 << 9,
    FAULTY_MKDIR = 1 << 10,
    FAULTY_SYNC_FOLDER = 1 << 11,
    FAULTY_LIST = 1 << 12,
    FAULTY_SPACE = 1 << 13,
    FAULTY_ANY = (1 << 14) - 1,
};

#define FAULTY_FILES 256

struct faulty_fs {
    struct file_system base; /* hand this one out */
    struct file_system *under;
    unsigned kinds;    /* which calls are counted; FAULTY_ANY at first */
    uint64_t calls;    /* counted so far */
    uint64_t fail_at;  /* 0: never; 1: the first call counted */
    bool persistent;   /* all later ones fail too */
    int error;         /* errno of the failures; EIO at first */
    bool tear;         /* a write that fails has written three quarters before */
    size_t write_most; /* not 0: no write takes more bytes than this (short counts) */
    size_t read_most;  /* and no read gives more */
    uint64_t failures; /* so far */
    /* A failed sync is never tried again on the same file: the second would succeed without the data. */
    uint64_t syncs_again;              /* how often it was done all the same, since the last restart */
    uint64_t paths[FAULTY_FILES];      /* hashes, by descriptor */
    uint64_t unsyncable[FAULTY_FILES]; /* hashes of the paths whose sync failed, 0: none */
    struct mutex lock;                 /* of calls, failures and what is above */
};

/* the program that saw the syncs fail has ended */
void faulty_fs_restart(struct faulty_fs *faulty);
void faulty_fs_init(struct faulty_fs *faulty, struct file_system *under);
