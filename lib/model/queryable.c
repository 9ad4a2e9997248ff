#include "lib/model/queryable.h"

#include "lib/base/mem.h"

#define COLUMN_ROW_BYTES (sizeof(int64_t) + sizeof(double))
#define COLUMNS_SMALLEST ((size_t)128)

void columns_init(struct columns *columns, struct budget *budget) {
    *columns = (struct columns){.budget = budget};
}

void columns_release(struct columns *columns) {
    if (columns->budget) budget_give(columns->budget, columns->capacity * COLUMN_ROW_BYTES);
    mem_free(columns->times_ms);
    mem_free(columns->values);
    columns_init(columns, columns->budget);
}

int columns_reserve(struct columns *columns, size_t more, struct err *err) {
    if (more <= columns->capacity - columns->count) return 0;
    size_t wanted, capacity = columns->capacity ? columns->capacity * 2 : COLUMNS_SMALLEST;
    if (__builtin_add_overflow(columns->count, more, &wanted) || wanted > SIZE_MAX / (4 * COLUMN_ROW_BYTES))
        return err_set(err, ERR_LIMIT, "too many samples");
    if (capacity < wanted) capacity = wanted;
    if (columns->budget && !budget_take(columns->budget, (capacity - columns->capacity) * COLUMN_ROW_BYTES))
        return err_set(err, ERR_LIMIT, "%s limit of %zu bytes reached while reading samples",
                       columns->budget->name, columns->budget->max_bytes);
    columns->times_ms = mem_resize(columns->times_ms, capacity, sizeof *columns->times_ms);
    columns->values = mem_resize(columns->values, capacity, sizeof *columns->values);
    columns->capacity = capacity;
    return 0;
}
