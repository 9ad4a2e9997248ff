#pragma once
/*
 * assert.h - assertions that stay in every build.
 *
 * ASSERT states what a caller promised; it is never used on input. CHECK_OBJ guards long-lived objects: each
 * begins with `uint32_t magic`, set at creation and cleared at destruction, so that a stale or foreign
 * pointer stops the program where it enters a module.
 */
#include <stddef.h>
#include <stdint.h>

_Noreturn void assert_failed(const char *file, int line, const char *what);

#define ASSERT(condition) ((condition) ? (void)0 : assert_failed(__FILE__, __LINE__, #condition))
#define CHECK_OBJ(object, wanted_magic) ASSERT((object) != NULL && (object)->magic == (wanted_magic))
