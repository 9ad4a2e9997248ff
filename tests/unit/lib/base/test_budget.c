#include "lib/base/budget.h"

#include "tests/check_main.h"

START_TEST(a_take_is_from_all_levels_or_from_none) {
    struct budget all, part;
    budget_init(&all, "all", 100, NULL);
    budget_init(&part, "part", 80, &all);
    ck_assert(budget_take(&part, 50));
    ck_assert(budget_take(&all, 40));
    ck_assert(!budget_take(&part, 20)); /* all has 10 left */
    ck_assert(!budget_take(&part, 31)); /* so many has part itself not */
    ck_assert_uint_eq(part.used_bytes, 50);
    ck_assert_uint_eq(all.used_bytes, 90);
    budget_release(&part);
    ck_assert_uint_eq(all.used_bytes, 40);
}
END_TEST

START_TEST(what_is_charged_beyond_the_maximum_stops_takes_until_it_is_given) {
    struct budget all, part;
    budget_init(&all, "all", 100, NULL);
    budget_init(&part, "part", 80, &all);
    budget_charge(&part, 150);
    ck_assert_uint_eq(all.used_bytes, 150);
    ck_assert(!budget_take(&part, 1));
    ck_assert(!budget_take(&all, 1));
    budget_give(&part, 60);
    ck_assert(!budget_take(&part, 1));
    ck_assert(budget_take(&all, 10));
    budget_give(&part, 20);
    ck_assert(budget_take(&part, 10));
    ck_assert_uint_eq(part.used_bytes, 80);
    ck_assert_uint_eq(all.used_bytes, 90);
}
END_TEST

CHECK_MAIN("budget", a_take_is_from_all_levels_or_from_none,
           what_is_charged_beyond_the_maximum_stops_takes_until_it_is_given)
