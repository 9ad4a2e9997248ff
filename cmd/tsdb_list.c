/*
 * tsdb_list.c - `tsdb list` and `tsdb verify`: what blocks there are, and whether they are sound.
 */
#include "cmd/tsdb.h"
#include "lib/sys/file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct found {
    VEC(struct ulid) list;
};

static void find_meta(const char *name, void *context) {
    struct found *found = context;
    char text[ULID_TEXT + 1];
    struct ulid ulid;
    size_t len = strlen(name);
    if (len != ULID_TEXT + 5 || strcmp(name + ULID_TEXT, ".meta") != 0) return;
    memcpy(text, name, ULID_TEXT);
    text[ULID_TEXT] = 0;
    if (ulid_parse(text, &ulid)) *vec_push(&found->list) = ulid;
}

static int compare_ulids(const void *a, const void *b) {
    return memcmp(a, b, sizeof(struct ulid));
}

/* Not block_list: that takes away what is not finished, and a server may be at work in the folder. */
static int find_blocks(const char *dir, struct buf *folder, struct found *found, struct err *err) {
    buf_init(folder, 4096);
    buf_printf(folder, "%s/blocks", dir);
    int rc = folder_list(file_system_real(), buf_text(folder), find_meta, found, err);
    if (!rc && found->list.count)
        qsort(found->list.items, found->list.count, sizeof *found->list.items, compare_ulids);
    return rc;
}

int tsdb_each_block(const char *dir, tsdb_block *each, void *context, struct err *err) {
    struct found found = {0};
    struct buf folder;
    int rc = find_blocks(dir, &folder, &found, err);
    for (size_t i = 0; i < found.list.count && !rc; i++) {
        struct block *block;
        rc = block_open(file_system_real(), buf_text(&folder), found.list.items[i], &block, err);
        if (rc) break;
        rc = each(block, context, err);
        block_release(block);
    }
    vec_release(&found.list);
    buf_release(&folder);
    return rc;
}

static void time_text(int64_t ms, char *out, size_t size) {
    time_t seconds = (time_t)(ms / 1000);
    struct tm parts;
    if (!gmtime_r(&seconds, &parts) || !strftime(out, size, "%Y-%m-%d %H:%M:%S +0000 UTC", &parts))
        out[0] = 0;
}

static void bytes_text(uint64_t bytes, char *out, size_t size) {
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
    double value = (double)bytes;
    size_t unit = 0;
    for (; value >= 1024 && unit + 1 < sizeof units / sizeof *units; unit++) value /= 1024;
    snprintf(out, size, "%.*f%s", unit ? 2 : 0, value, units[unit]);
}

static int show_block(struct block *block, void *context, struct err *err) {
    const struct block_meta *meta = block_meta(block);
    char ulid[ULID_TEXT + 1], mint[64], maxt[64], size[32];
    (void)err;
    ulid_text(meta->ulid, ulid);
    snprintf(mint, sizeof mint, "%lld", (long long)meta->mint);
    snprintf(maxt, sizeof maxt, "%lld", (long long)meta->maxt);
    snprintf(size, sizeof size, "%llu", (unsigned long long)meta->bytes);
    if (*(const bool *)context) {
        time_text(meta->mint, mint, sizeof mint);
        time_text(meta->maxt, maxt, sizeof maxt);
        bytes_text(meta->bytes, size, sizeof size);
    }
    int64_t seconds = (meta->maxt - meta->mint) / 1000;
    char duration[48];
    snprintf(duration, sizeof duration, "%lldh%lldm%lld.%03llds", (long long)(seconds / 3600),
             (long long)(seconds / 60 % 60), (long long)(seconds % 60),
             (long long)((meta->maxt - meta->mint) % 1000));
    printf("%-26s  %-29s  %-29s  %-16s  %-12llu  %-12llu  %-10llu  %s\n", ulid, mint, maxt, duration,
           (unsigned long long)meta->samples, (unsigned long long)meta->histograms,
           (unsigned long long)meta->series, size);
    return 0;
}

int tsdb_list(int argc, char **argv) {
    const char *dir = "data/";
    bool is_readable = false;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "-r") == 0 || strcmp(argv[i], "--human-readable") == 0)
            is_readable = true;
        else if (argv[i][0] == '-')
            return tsdb_usage();
        else
            dir = argv[i];
    }
    printf("%-26s  %-29s  %-29s  %-16s  %-12s  %-12s  %-10s  %s\n", "BLOCK ULID", "MIN TIME", "MAX TIME",
           "DURATION", "NUM SAMPLES", "HISTOGRAMS", "NUM SERIES", "SIZE");
    struct err err = {0};
    int rc = tsdb_each_block(dir, show_block, &is_readable, &err);
    if (rc) fprintf(stderr, "error: %s\n", err.text);
    return rc ? 1 : 0;
}

struct verifying {
    char ulid[ULID_TEXT + 1];
    size_t blocks, findings;
};

static void show_finding(void *context, const char *text) {
    struct verifying *verifying = context;
    verifying->findings++;
    printf("%s: %s\n", verifying->ulid, text);
}

/* goes on with the next block whatever this one has */
static int verify_folder(const char *dir, struct verifying *verifying, struct err *err) {
    struct found found = {0};
    struct buf folder;
    int rc = find_blocks(dir, &folder, &found, err);
    for (size_t i = 0; i < found.list.count && !rc; i++) {
        struct block *block;
        struct err why = {0};
        ulid_text(found.list.items[i], verifying->ulid);
        verifying->blocks++;
        if (block_open(file_system_real(), buf_text(&folder), found.list.items[i], &block, &why)) {
            show_finding(verifying, why.text);
            continue;
        }
        if (block_verify(block, show_finding, verifying, &why)) show_finding(verifying, why.text);
        block_release(block);
    }
    vec_release(&found.list);
    buf_release(&folder);
    return rc;
}

int tsdb_verify(int argc, char **argv) {
    if (argc > 2 || (argc == 2 && argv[1][0] == '-')) return tsdb_usage();
    struct verifying verifying = {0};
    struct err err = {0};
    int rc = verify_folder(argc == 2 ? argv[1] : "data/", &verifying, &err);
    if (rc) fprintf(stderr, "error: %s\n", err.text);
    printf("%zu blocks, %zu findings\n", verifying.blocks, verifying.findings);
    return rc || verifying.findings ? 1 : 0;
}
