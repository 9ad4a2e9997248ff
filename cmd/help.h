#pragma once
/*
 * help.h - what the program says of its command line, from flags.def and commands.def: nothing of it is
 * written down twice, so the manual page and the completion of a package are those of its program.
 */
#include "lib/base/buf.h"

void help_write(struct buf *out);            /* --help */
void help_write_man(struct buf *out);        /* --help-man: ferula(1) */
void help_write_completion(struct buf *out); /* --completion-script-bash */
