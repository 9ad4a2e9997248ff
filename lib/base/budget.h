#pragma once
/*
 * budget.h - a number of bytes that may be taken, and a parent it is taken from too.
 *
 *     process budget 1 GiB          every take is checked against all levels; a refusal
 *       +- one query 512 MiB        leaves all of them as they were
 *
 * Owner: whoever embeds it. Threads: take and give are atomic.
 */
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

struct budget {
    atomic_size_t used_bytes;
    size_t max_bytes;
    struct budget *parent; /* may be NULL; outlives this one */
    const char *name;      /* for the message of a refusal, a literal: "query memory" */
};

void budget_init(struct budget *budget, const char *name, size_t max_bytes, struct budget *parent);
/* false when this level or one above has not that much left */
bool budget_take(struct budget *budget, size_t bytes);
/* also beyond the maximum: for what is there already and cannot be refused; takes fail until enough was given
 */
void budget_charge(struct budget *budget, size_t bytes);
void budget_give(struct budget *budget, size_t bytes);
/* hands back everything still used, to the parents too */
void budget_release(struct budget *budget);
