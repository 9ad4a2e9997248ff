#pragma once
/*
 * json_read.h - a JSON text as the tree of yaml.h, so that its readers need one code for both.
 *
 *     {"a": ["b", 1]}    MAP: key "a" -> LIST of the text "b" and the plain scalar "1"
 *
 * Strict (RFC 8259): UTF-8, no NUL in texts, no comments, nothing behind the value; the last of equal keys
 * counts, as in Go. Limits are those of yaml.h. Texts are never plain; numbers, true, false and null are.
 * Nodes carry no marks.
 */
#include "lib/codec/yaml.h"

/* On failure *where is the place (0:0 when there is none). Any thread. */
int json_read(struct span text, struct arena *arena, const struct ynode **root, struct ymark *where,
              struct err *err);
