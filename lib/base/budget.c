#include "lib/base/budget.h"

#include "lib/base/assert.h"

void budget_init(struct budget *budget, const char *name, size_t max_bytes, struct budget *parent) {
    atomic_init(&budget->used_bytes, 0);
    budget->max_bytes = max_bytes;
    budget->parent = parent;
    budget->name = name;
}

bool budget_take(struct budget *budget, size_t bytes) {
    size_t used = atomic_fetch_add(&budget->used_bytes, bytes);
    if (bytes <= budget->max_bytes && used <= budget->max_bytes - bytes &&
        (!budget->parent || budget_take(budget->parent, bytes)))
        return true;
    atomic_fetch_sub(&budget->used_bytes, bytes);
    return false;
}

void budget_charge(struct budget *budget, size_t bytes) {
    for (; budget; budget = budget->parent) atomic_fetch_add(&budget->used_bytes, bytes);
}

void budget_give(struct budget *budget, size_t bytes) {
    size_t used = atomic_fetch_sub(&budget->used_bytes, bytes);
    ASSERT(used >= bytes);
    if (budget->parent) budget_give(budget->parent, bytes);
}

void budget_release(struct budget *budget) {
    budget_give(budget, atomic_load(&budget->used_bytes));
}
