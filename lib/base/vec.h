#pragma once
/*
 * vec.h - a typed growing array for components (work sized by a user belongs into an arena or a buf).
 *
 *     VEC(struct target *) targets = {0};
 *     *vec_push(&targets) = target;
 *     for (size_t i = 0; i < targets.count; i++) use(targets.items[i]);
 *     vec_release(&targets);
 */
#include "lib/base/mem.h"

#include <stddef.h>

#define VEC(type)                                                                                            \
    struct {                                                                                                 \
        type *items;                                                                                         \
        size_t count, capacity;                                                                              \
    }

/* makes room for `wanted` items in all */
#define vec_reserve(vec, wanted)                                                                             \
    ((wanted) <= (vec)->capacity                                                                             \
         ? (void)0                                                                                           \
         : (void)((vec)->capacity = vec_capacity((vec)->capacity, (wanted)),                                 \
                  (vec)->items = mem_resize((vec)->items, (vec)->capacity, sizeof *(vec)->items)))
/* the address of a new last item, not set */
#define vec_push(vec) (vec_reserve((vec), (vec)->count + 1), &(vec)->items[(vec)->count++])
/* gives back the room behind the last item */
#define vec_trim(vec)                                                                                        \
    ((vec)->count && (vec)->count < (vec)->capacity                                                          \
         ? (void)((vec)->capacity = (vec)->count,                                                            \
                  (vec)->items = mem_resize((vec)->items, (vec)->capacity, sizeof *(vec)->items))            \
         : (void)0)
#define vec_release(vec) (mem_free((vec)->items), (vec)->items = NULL, (vec)->count = (vec)->capacity = 0)

static inline size_t vec_capacity(size_t capacity, size_t wanted) {
    size_t next = capacity ? capacity + capacity / 2 + 1 : 8;
    return next > wanted ? next : wanted;
}
