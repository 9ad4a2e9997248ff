#include "promql/parse/function.h"

static const struct function functions[] = {
#define FUNCTION(name, result, args, optional, state, doc)                                                   \
    {FN_##name, #name, VALUE_##result, args, optional, FUNCTION_##state, doc},
#include "promql/parse/function.def"
#undef FUNCTION
};

const struct function *function_find(struct span name) {
    int low = 0, high = FN_COUNT - 1; /* the table is sorted by name */
    while (low <= high) {
        int middle = (low + high) / 2;
        int order = span_compare(name, span_from(functions[middle].name));
        if (order == 0) return &functions[middle];
        if (order < 0)
            high = middle - 1;
        else
            low = middle + 1;
    }
    return NULL;
}

const struct function *function_at(enum function_id id) {
    return &functions[id];
}
