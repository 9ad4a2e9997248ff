/* replay.c - runs a fuzz target over every file of its corpus folder, so that each finding stays a test in
 * every build. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int replay_file(const char *path) {
    FILE *file = fopen(path, "rb");
    if (!file) {
        fprintf(stderr, "cannot open %s\n", path);
        return 1;
    }
    static uint8_t data[4 << 20];
    size_t size = fread(data, 1, sizeof data, file);
    fclose(file);
    /* an exact heap copy lets the address sanitizer see a read past the end */
    uint8_t *copy = malloc(size ? size : 1);
    memcpy(copy, data, size);
    (void)LLVMFuzzerTestOneInput(copy, size); /* targets always answer 0 */
    free(copy);
    return 0;
}

int main(int argc, char **argv) {
    int failed = argc != 2, count = 0;
    DIR *dir = argc == 2 ? opendir(argv[1]) : NULL;
    if (!dir) {
        fprintf(stderr, "usage: %s CORPUS_FOLDER (must exist and hold at least one file)\n", argv[0]);
        return 1;
    }
    for (struct dirent *entry; (entry = readdir(dir));) {
        if (entry->d_name[0] == '.') continue;
        char path[4096];
        snprintf(path, sizeof path, "%s/%s", argv[1], entry->d_name);
        failed += replay_file(path);
        count++;
    }
    closedir(dir);
    printf("%d inputs replayed, %d failed\n", count, failed);
    return failed || count == 0;
}
