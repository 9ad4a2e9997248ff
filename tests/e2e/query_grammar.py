"""query_grammar.py - random PromQL of known types over the series of query_data.py.

    Tree: kind (vector, matrix, scalar), pieces: text and trees      text() joins them      smaller() leaves something out

A grammar of types makes most queries mean something; parentheses are left out now and then, so that precedence and the errors of
what then does not fit are compared too.
"""
import random

from query_data import BEGIN, SECONDS

RANGE = ["rate", "increase", "irate", "delta", "idelta", "deriv", "changes", "resets", "avg_over_time", "min_over_time",
         "max_over_time", "sum_over_time", "count_over_time", "last_over_time", "present_over_time", "absent_over_time",
         "stddev_over_time", "stdvar_over_time"]
ELEMENT = ["abs", "ceil", "floor", "exp", "ln", "log2", "log10", "sqrt", "sgn", "deg", "rad", "round", "acos", "acosh", "asin",
           "asinh", "atan", "atanh", "cosh", "sinh", "tanh", "timestamp", "sort", "sort_desc", "absent"]
PERIODIC = ["sin", "cos", "tan"]
DATES = ["minute", "hour", "day_of_week", "day_of_month", "day_of_year", "days_in_month", "month", "year"]
AGGREGATES = ["sum", "avg", "min", "max", "count", "group", "stddev", "stdvar"]
ARITHMETIC = ["+", "-", "*", "/", "+", "-", "*", "/", "%", "^"] * 3 + ["atan2"]
COMPARISON = ["==", "!=", "<", "<=", ">", ">="]
SETS = ["and", "or", "unless", "and", "or", "unless", "AND"]
NUMBERS = ["0", "1", "2", "3", "0.5", "-1", "10", "1e3", "0x1F", ".25", "100", "-0.125", "Inf", "-Inf", "NaN"]
QUANTILES = ["0", "0.5", "0.9", "0.99", "1", "-0.5", "1.5", "NaN"]


class Tree:
    def __init__(self, kind, *pieces):
        self.kind, self.pieces = kind, pieces

    def text(self):
        return "".join(p if isinstance(p, str) else p.text() for p in self.pieces)

    def trees(self):
        return [(i, p) for i, p in enumerate(self.pieces) if isinstance(p, Tree)]

    def below(self):
        for _, tree in self.trees():
            yield tree
            yield from tree.below()

    def smaller(self):
        """trees of the same kind with one part replaced by a part of that part, largest steps first"""
        yield from (tree for tree in self.below() if tree.kind == self.kind)
        for i, tree in self.trees():
            for less in tree.smaller():
                yield Tree(self.kind, *self.pieces[:i], less, *self.pieces[i + 1:])


def values_by_label(all_series):
    """{metric: {label: [values]}}"""
    seen = {}
    for labels, _ in all_series:
        of = seen.setdefault(labels["__name__"], {})
        for name, value in labels.items():
            if name != "__name__" and value not in of.setdefault(name, []):
                of[name].append(value)
    return seen


class Grammar:
    def __init__(self, all_series, seed):
        self.random, self.metrics = random.Random(f"queries {seed}"), values_by_label(all_series)

    def one(self, *choices):
        return self.random.choice(choices)

    def chance(self, share):
        return self.random.random() < share

    # ---- small parts ----

    def duration(self):
        return self.one("45s", "1m", "3m", "2m", "2m30s", "5m", "5m", "7m", "10m", "17m", "1h", "90s", "61s", "400ms")

    def instant(self):
        return f"{BEGIN + self.random.randrange(-300, SECONDS + 300)}.1"

    def shift(self):
        """@ and offset behind a selector or subquery"""
        parts = []
        if self.chance(0.12):
            parts.append(f" offset {self.one('', '', '-')}{self.duration()}")
        if self.chance(0.06):
            parts.append(f" @ {self.one(self.instant(), 'start()', 'end()')}")
        self.random.shuffle(parts)
        return "".join(parts)

    def metric(self):
        return self.random.choice(list(self.metrics))

    def matcher(self, metric):
        label = self.one("nosuch", "job") if self.chance(0.1) else self.random.choice(list(self.metrics[metric]))
        values = self.metrics[metric].get(label, ["", "web"])
        value = self.random.choice(values)
        pattern = self.one(value.replace("+", "\\\\+"), ".+", ".*", "|".join(v for v in values if "+" not in v) or "x",
                           f"[{value[:1] if value[:1].isalnum() else 'x'}].*", "")
        kind, operand = self.one(("=", value), ("!=", value), ("=~", pattern), ("=~", pattern), ("!~", pattern))
        quote = self.one('"', '"', "'")
        return f"{label}{kind}{quote}{operand}{quote}"

    def selector(self, metric=None):
        metric = metric or self.metric()
        if self.chance(0.03):
            return f'{{__name__=~"{metric[:4]}.*"}}'
        count = self.one(0, 0, 0, 0, 0, 1, 1, 2)
        return metric + ("{" + ", ".join(self.matcher(metric) for _ in range(count)) + "}" if count else "")

    def labels(self, metric=None):
        pool = list(self.metrics[metric or self.metric()]) + ["job", "instance"]
        return ", ".join(sorted(set(self.random.sample(pool, min(len(pool), self.one(0, 1, 1, 2))))))

    def inner(self, tree):
        """an operand, mostly in parentheses"""
        return Tree(tree.kind, "(", tree, ")") if self.chance(0.85) else tree

    # ---- by type ----

    def scalar(self, depth):
        if depth <= 0 or self.chance(0.7):
            return Tree("scalar", self.one(*NUMBERS[:11], self.one(*NUMBERS)))
        return self.one(
            lambda: Tree("scalar", "time()"),
            lambda: Tree("scalar", "pi()"),
            lambda: Tree("scalar", "scalar(", self.vector(depth - 1), ")"),
            lambda: Tree("scalar", "-", self.inner(self.scalar(depth - 1))),
            lambda: Tree("scalar", self.inner(self.scalar(depth - 1)), f" {self.one(*ARITHMETIC)} ", self.inner(self.scalar(depth - 1))),
            lambda: Tree("scalar", self.inner(self.scalar(depth - 1)), f" {self.one(*COMPARISON)} bool ",
                         self.inner(self.scalar(depth - 1))))()

    def matrix(self, depth, metric=None):
        if depth <= 0 or self.chance(0.8):
            return Tree("matrix", f"{self.selector(metric)}[{self.duration()}]{self.shift()}")
        step = self.one("", "30s", "1m", "15s", "77s", "5m")
        return Tree("matrix", self.inner(self.vector(depth - 1)), f"[{self.one('5m', '10m', '13m', '30m', '1h')}:{step}]{self.shift()}")

    def vector(self, depth, metric=None):
        if depth <= 0:
            return Tree("vector", f"{self.selector(metric)}{self.shift()}")
        make = self.random.choices(
            [self.leaf, self.ranged, self.element, self.aggregate, self.ranked, self.with_scalar, self.matched, self.sets,
             self.quantile, self.relabeled, self.shaped], [10, 26, 12, 20, 6, 12, 16, 5, 5, 4, 6])[0]
        return make(depth, metric)

    def leaf(self, depth, metric):
        if self.chance(0.1):
            return Tree("vector", "vector(", self.scalar(depth - 1), ")")
        return self.vector(0, metric)

    def ranged(self, depth, metric):
        if self.chance(0.08):
            return Tree("vector", "quantile_over_time(", self.quantile_of(depth), ", ", self.matrix(depth - 1, metric), ")")
        if self.chance(0.05):
            return Tree("vector", "predict_linear(", self.matrix(depth - 1, metric), ", ", self.scalar(depth - 1), ")")
        if self.chance(0.03):
            return Tree("vector", "double_exponential_smoothing(", self.matrix(depth - 1, metric),
                        f", {self.one('0.5', '0.1', '0.9', '0.3', '1.5')}, {self.one('0.5', '0.1', '0.7', '0')})")
        function = self.one(*RANGE, "rate", "rate", "increase")
        if function in ("rate", "increase", "irate", "resets") and not metric and self.chance(0.7):
            metric = self.one("requests_total", "cpu_seconds_total", "latency_seconds_bucket", "latency_seconds_count")
        return Tree("vector", f"{function}(", self.matrix(depth - 1, metric), ")")

    def element(self, depth, metric):
        if self.chance(0.15):  # of numbers: what a NaN is as a date depends on Prometheus' processor
            return Tree("vector", f"{self.one(*DATES)}(", self.vector(0, self.one("memory", "requests_total", "up")),
                        f" * {self.one('1', '77777', '-1e5')})") if self.chance(0.7) else Tree("vector", f"{self.one(*DATES)}()")
        if self.chance(0.08):  # of small numbers: of large ones the last digit decides
            return Tree("vector", f"{self.one(*PERIODIC)}(clamp(", self.vector(depth - 1, metric), ", -100, 100))")
        vector = self.vector(depth - 1, metric)
        return Tree("vector", f"{self.one(*ELEMENT)}(", self.inner(vector) if self.chance(0.1) else vector, ")")

    def shaped(self, depth, metric):
        vector, scalar = self.vector(depth - 1, metric), self.scalar(depth - 1)
        return self.one(
            lambda: Tree("vector", "clamp(", vector, ", ", scalar, ", ", self.scalar(depth - 1), ")"),
            lambda: Tree("vector", "clamp_min(", vector, ", ", scalar, ")"),
            lambda: Tree("vector", "clamp_max(", vector, ", ", scalar, ")"),
            lambda: Tree("vector", "round(", vector, f", {self.one('0.5', '2', '10', '0.1', '0')})"),
            lambda: Tree("vector", "-", self.inner(vector)),
            lambda: Tree("vector", "+", self.inner(vector)))()

    def grouping(self, metric=None):
        return self.one("", "", f" by ({self.labels(metric)}) ", f" by ({self.labels(metric)}) ",
                        f" without ({self.labels(metric)}) ")

    def aggregate(self, depth, metric):
        name, grouping = self.one(*AGGREGATES), self.grouping(metric)
        if self.chance(0.05):
            name, grouping = name.upper(), grouping.replace("by", "BY")
        if self.chance(0.2):
            return Tree("vector", f"{name}(", self.vector(depth - 1, metric), f"){grouping.rstrip()}")
        return Tree("vector", f"{name}{grouping}(", self.vector(depth - 1, metric), ")")

    def quantile_of(self, depth):
        return Tree("scalar", self.one(*QUANTILES[:5], self.one(*QUANTILES))) if self.chance(0.9) else self.scalar(depth - 1)

    def ranked(self, depth, metric):
        by, kind = self.grouping(metric), self.one("topk", "bottomk", "quantile", "quantile", "count_values")
        if kind == "quantile":
            return Tree("vector", f"quantile{by}(", self.quantile_of(depth), ", ", self.vector(depth - 1, metric), ")")
        if kind == "count_values":
            return Tree("vector", f'count_values{by}("{self.one("value", "code")}", ', self.vector(depth - 1, metric), ")")
        values = self.vector(0, self.one("requests_total", "cpu_seconds_total", "latency_seconds_sum", "latency_seconds_bucket"))
        return Tree("vector", f"{kind}{by}({self.one('1', '2', '2', '3', '5', '0', '-1')}, ", values, ")")

    def comparison(self):
        return self.one(*COMPARISON) + self.one("", "", " bool")

    def with_scalar(self, depth, metric):
        sides = [self.inner(self.vector(depth - 1, metric)), self.inner(self.scalar(depth - 1))]
        self.random.shuffle(sides)
        return Tree("vector", sides[0], f" {self.one(self.one(*ARITHMETIC), self.comparison())} ", sides[1])

    def matched(self, depth, metric):
        operator = self.one(self.one(*ARITHMETIC), self.one(*ARITHMETIC), self.comparison())
        metric = metric or self.metric()
        how = self.random.random()
        if how < 0.4:  # series of one metric with themselves
            return Tree("vector", self.inner(self.vector(depth - 1, metric)), f" {operator} ", self.inner(self.vector(depth - 1, metric)))
        if how < 0.6:  # groups with groups
            labels = self.labels(metric)
            sides = [Tree("vector", f"{self.one(*AGGREGATES)} by ({labels}) (", self.vector(depth - 1, m), ")")
                     for m in (metric, self.metric())]
            return Tree("vector", sides[0], f" {operator} on ({labels}) ", sides[1])
        if how < 0.9:  # many with one of a group
            labels = self.one("instance", "instance, job", "job")
            group = Tree("vector", f"{self.one(*AGGREGATES)} by ({labels}{self.one('', ', version')}) (",
                         self.vector(depth - 1, self.one("build_info", "build_info", "memory", metric)), ")")
            many, side = self.inner(self.vector(depth - 1, metric)), self.one("left", "left", "right")
            sides = (many, group) if side == "left" else (group, many)
            return Tree("vector", sides[0], f" {operator} on ({labels}) group_{side} ({self.one('', 'version', 'job')}) ", sides[1])
        return Tree("vector", self.inner(self.vector(depth - 1, metric)),
                    f" {operator} {self.one('on', 'ignoring')} ({self.labels(metric)}) ", self.inner(self.vector(depth - 1)))

    def sets(self, depth, metric):
        matching = self.one("", "", f"{self.one('on', 'ignoring')} ({self.labels(metric)}) ")
        return Tree("vector", self.inner(self.vector(depth - 1, metric)), f" {self.one(*SETS)} {matching}",
                    self.inner(self.vector(depth - 1, self.one(metric, None))))

    def quantile(self, depth, metric):
        buckets = Tree("vector", self.one("rate", "increase", "rate"), "(", self.matrix(0, "latency_seconds_bucket"), ")")
        if self.chance(0.5):
            buckets = Tree("vector", f"sum by ({self.one('le', 'le, job', 'le, instance')}) (", buckets, ")")
        elif self.chance(0.3):
            buckets = self.vector(depth - 1, "latency_seconds_bucket")
        return Tree("vector", "histogram_quantile(", self.quantile_of(depth), ", ", buckets, ")")

    def relabeled(self, depth, metric):
        vector = self.vector(depth - 1, metric)
        if self.chance(0.4):
            return Tree("vector", "label_join(", vector, f', "{self.one("joined", "job")}", "{self.one("-", "")}", "job", "instance")')
        pattern, replacement = self.one(("(.*)", "$1"), ("(.).*", "$1-x"), ("web", "y"), ("(.+)", ""), ("w(?P<rest>.*)", "${rest}"))
        return Tree("vector", "label_replace(", vector,
                    f', "{self.one("new", "job", "code")}", "{replacement}", "{self.one("job", "instance", "nosuch")}", "{pattern}")')

    # ---- whole queries ----

    def query(self):
        """(tree, parameters of the API without the query's text)"""
        depth = self.one(1, 2, 2, 3, 3, 4)
        start = BEGIN + self.random.randrange(SECONDS)
        if self.chance(0.4):
            tree = self.random.choices([self.vector, self.matrix, self.scalar], [90, 6, 4])[0](depth)
            return tree, {"time": f"{start}.1"}
        tree = self.vector(depth) if self.chance(0.97) else self.scalar(depth)
        step = self.one(15, 30, 47, 60, 60, 61, 300)
        return tree, {"start": f"{start}.1", "end": f"{start + step * self.random.randrange(1, 40)}.1", "step": step}
