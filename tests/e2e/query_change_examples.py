"""query_change_examples.py - for each change of query_changes.py a query that it concerns and one that it does not, so that a
predicate neither misses what it is for nor explains what it is not for."""
import re

from query_changes import CHANGES, rewritings

VALUE, SERIES, ERROR = "{} at 1 is 2, not 3", "series {} is missing", "execution multiple matches for labels"

# in the order of CHANGES: (a query it concerns, a difference it explains, a query or a difference it does not)
EXAMPLES = [
    ("a atan2 b", VALUE, ("atan2(a)", VALUE)),
    ("rate(a[5m])", VALUE, ("irate(a[5m])", VALUE)),
    ("stddev by (x) (a)", VALUE, ("stddev_over_time(a[5m])", VALUE)),
    ("avg_over_time(a[5m])", VALUE, ("avg(a)", ERROR)),
    ("sum_over_time(a[5m])", "{} at 1 is Inf, not NaN", ("sum_over_time(a[5m])", VALUE)),
    ("a == on (x) b", ERROR, ("a == bool b", ERROR)),
    ("max_over_time(rate(a[5m:1m])[1h:5m])", VALUE, ("max_over_time(a[1h:5m])", VALUE)),
    ("predict_linear(a[5m] @ 100, time())", VALUE, ("rate(a[5m] @ 100)", VALUE)),
    ("timestamp(a @ 100 offset 5m)", VALUE, ("timestamp(a offset 5m)", VALUE)),
    ("topk by (x) (2, a)", SERIES, ("topk(2, a)", ERROR)),
    ("a > b", VALUE, ("a > b", ERROR)),
    ("floor(a)", VALUE, ("floor(a)", ERROR)),
    ("round(a, 5)", VALUE, ("abs(a)", VALUE)),
    ("acos(a)", VALUE, ("cos(a)", VALUE)),
    ("changes(a[5m])", VALUE, ("changes(a[5m])", ERROR)),
    ("a % b", VALUE, ("a * b", VALUE)),
    ('count_values by (x) ("v", a)', SERIES, ("count(a)", SERIES)),
]


def explains(change, text, difference):
    return any(names == [change.name] and re.search(change.pattern, text, re.I) for names, _ in rewritings(text, difference))


def holds(change, example):
    text, difference, (other, other_difference) = example
    assert explains(change, text, difference), f"{text} is not seen"
    rewritten = re.sub(change.pattern, change.replacement, text, flags=re.I)
    assert rewritten != text, f"{text} stays as it is"
    assert not explains(change, other, other_difference), f"{other} is explained"
    return True


def check(bench):
    assert len(EXAMPLES) == len(CHANGES)
    for change, example in zip(CHANGES, EXAMPLES):
        bench.check(f"the predicate of: {change.name}", lambda change=change, example=example: holds(change, example))
