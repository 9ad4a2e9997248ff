#pragma once
/*
 * letters.h - small and capital letters, of all scripts, whatever the environment's
 * locale. Letters without a counterpart of one letter stay, as do bytes that are no UTF-8.
 */
#include "lib/base/buf.h"
#include "lib/base/span.h"

#include <stdbool.h>

void letters_write(struct span text, bool upper, struct buf *out);
