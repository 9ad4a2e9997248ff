"""query_deaths.py - the matrix of queries of death: what others died of, or worked on long after their client had left.

    REFUSED    hopeless, and seen to be before any work
    SURVIVED   an answer or a refusal, as long as the server lives, its memory stays within what queries may have, and
               /-/healthy answers
"""
X = "m1"  # the series that are there

REFUSED = {
    "a subquery of 100 years": f"max_over_time(vector(1)[100y:1s])",
    "a subquery of a million hours": "sum_over_time(vector(1)[1000000h:1ms])",
    "a range no duration can be": f"rate({X}[999999999999999999y])",
    "an offset no duration can be": f"{X} offset 999999999999999999y",
    "a step no duration can be": f"max_over_time({X}[5m:999999999999999999y])",
    "a range of nothing": f"rate({X}[0s])",
    "a text of 1 MiB": "1" + "+1" * (1 << 19),
    "a name of 3 MiB": "a" * (3 << 20),
    "a million open parentheses": "(" * 1000000,
    "100,000 parentheses": "(" * 100000 + "1" + ")" * 100000,
    "100,000 open brackets": "m1[" * 100000,
    "100,000 minus signs": "-" * 100000 + "1",
    "100,000 signs of both kinds": "-+" * 50000 + "1",
    "100,000 powers": "1" + "^1" * 100000,
    "100,000 calls": "abs(" * 100000 + X + ")" * 100000,
    "100,000 aggregations": "sum(" * 100000 + X + ")" * 100000,
    "100,000 subqueries": "m1" + "[1h:1m]" * 100000,
    "100,000 offsets": "m1" + " offset 1s" * 100000,
    "an open string": '"' + "a" * 1000,
    "an open comment": "#" * 100000,
    "a repetition of repetitions": f'count({{__name__=~"(a{{1000}}){{1000}}"}})',
    "repetitions, three deep": '{__name__=~"((a{100}){100}){100}"}',
    "an expression of 10,000 groups": '{__name__=~"' + "(" * 10000 + "a" + ")" * 10000 + '"}',
    "an open class": '{__name__=~"[a"}',
    "no selector at all": '{__name__=~".*"}',
    "bytes that are no text": "m1{a=\"\udcff\udcfe\"}",
    "a zero byte": "m1{a=\"\0\"",
    "a number that is none": "1e999999999999999999999x",
    "an unknown function, 100,000 arguments": "nothing(" + ",".join(["1"] * 100000) + ")",
    "too many arguments": "abs(" + ",".join([X] * 5000) + ")",
    "a range of a range": f"rate({X}[5m][5m])",
}


def tower(levels, step):
    query = X
    for _ in range(levels):
        query = f"max_over_time({query}[1h:{step}])"
    return query


def doubled(levels):
    query = f'label_replace({X}, "a", "12345678", "instance", ".*")'
    for _ in range(levels):
        query = f'label_join({query}, "a", "", "a", "a")'
    return query


SURVIVED = {
    "100,000 terms": "1" + "+1" * 100000,
    "a label doubled 28 times": doubled(28),
    "a label doubled 40 times": doubled(40),
    "a label of 1,000 labels": f'label_join({X}, "a", "-", ' + ", ".join(['"instance"'] * 1000) + ")",
    "a replacement of itself, often": f'label_replace({X}, "a", "' + "$1" * 10000 + '", "instance", "(.*)")',
    "subqueries, two deep": tower(2, "1s"),
    "subqueries, three deep": tower(3, "1s"),
    "subqueries, six deep": tower(6, "1m"),
    "a fine subquery": "count_over_time(m1[2h:1ms])",
    "a fine subquery of nothing": "sum(max_over_time(max_over_time(vector(1)[15m:5ms])[2h:1s]))",
    "100 columns at once": "sum(" + " + ".join(f"count_over_time(vector({n})[10h:1s])" for n in range(100)) + ")",
    "everything with everything": f"{X} * on () group_left () {X}",
    "everything with itself, often": " and ".join([X] * 300),
    "a union, often": " or ".join([X] * 300),
    "values as labels": f'count_values("v", {X})',
    "values as labels, of everything": 'count_values("v", {job!=""})',
    "quantiles of two hours": "quantile_over_time(0.9, m1[2h])",
    "a rate of everything": 'sum by (instance) (rate({job!=""}[1h]))',
    "the distance of everything": 'mad_over_time({job!=""}[2h])',
    "an evil alternation": '{job!="", instance=~"' + "|".join("(a|aa)+" for _ in range(200)) + '"}',
    "a long alternation": '{job!="", instance=~"' + "|".join(f"host{n}.*" for n in range(5000)) + '"}',
    "a class of everything, often": '{__name__=~"' + r"[\\pL\\pN]{999}" * 20 + '"}',
    "evil backtracking": '{job!="", instance=~"(a+)+(a+)+(a+)+$"}',
    "not, 1,000 times": "m1{" + ",".join(f'instance!~".*{n}.*"' for n in range(1000)) + "}",
    "absent labels": "absent(m1{" + ",".join(f'l{n}="x"' for n in range(2000)) + "})",
    "sorted by many labels": f"sort_by_label({X}, " + ", ".join(f'"l{n}"' for n in range(1000)) + ")",
    "grouped by many labels": f"sum by ({', '.join(f'l{n}' for n in range(5000))}) ({X})",
}

# (path, parameters): steps and matchers instead of expressions
RANGES = {
    "all series at 1 s": ("/api/v1/query_range", {"query": '{job!=""}', "seconds": 10800, "step": "1"}),
    "all series at 15 s, with a window": ("/api/v1/query_range", {"query": 'rate({job!=""}[1h])', "seconds": 10800, "step": "15"}),
    "5,000 match[] parameters": ("/api/v1/series", {"match[]": ["m1"] * 5000}),
}
TOO_MANY_STEPS = {"query": "vector(1)", "seconds": 1e9, "step": "0.001"}
