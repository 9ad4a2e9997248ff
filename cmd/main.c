#include "cmd/cmd.h"

#include <string.h>

/* what jemalloc reads: one arena, as few threads allocate and each arena keeps room of its own; no thread
 * keeps large pieces for itself */
extern const char *malloc_conf;
const char *malloc_conf = "narenas:1,dirty_decay_ms:1000,muzzy_decay_ms:0,tcache_max:4096";

/*
 * The first argument names a subcommand; without one the program is the server.
 */

int main(int argc, char **argv) {
    static const struct {
        const char *name;
        int (*run)(int argc, char **argv);
    } commands[] = {
#define COMMAND(name, words, help) {#name, cmd_##name},
#include "cmd/commands.def"
#undef COMMAND
    };
    for (size_t i = 0; argc > 1 && i < sizeof commands / sizeof *commands; i++)
        if (strcmp(argv[1], commands[i].name) == 0) return commands[i].run(argc - 1, argv + 1);
    return cmd_server(argc, argv);
}
