"""query_changes.py - what Prometheus 3 answers otherwise than the 2.42 of Debian, so that a difference from it is no mistake.

A change has a part in a difference when the query uses what has changed, and both servers agree once that is replaced by something
that has not changed. The last ones are none of version 3: which of equal elements is among the best nobody promises, and sums and functions
of numbers may end in another digit, which is within the tolerance until a jump shows it. A difference that no change explains is a
failure, and so are more than SHARE of all queries explained.
"""
import re
import typing

SHARE = 0.02

class Change(typing.NamedTuple):
    name: str         # what is otherwise now
    pattern: str      # of what in a query it concerns
    replacement: str  # what has not changed
    uses: str = ""    # what must be found in the query, too
    shows: str = ""   # what must be found in the difference


COMPARED = r" (==|!=|<=?|>=?) "
NO_ERROR = "^(?!execution|bad_data)"

CHANGES = [
    Change("atan2 takes the metric's name away", r" atan2 ", " - "),
    Change("rate and increase of a series that begins close to 0: a gap before it is judged before the way to 0 is",
           r"\b(rate|increase)\(", "delta("),
    Change("stddev and stdvar of one NaN or Inf are NaN, not 0", r"\bstd(dev|var)\b(?!_over)", "max"),
    Change("avg and avg_over_time divide a compensated sum", r"\bavg(?=_over_time|\b)", "max", shows=NO_ERROR),
    Change("sums over time that overflow are Inf, not NaN", r"\b(sum|avg|stddev|stdvar)_over_time\(", "max_over_time(", shows="Inf, not NaN"),
    Change("several elements meeting one are an error even where a filter drops all but one", COMPARED + "(?!bool)", " - ",
           shows="^execution multiple matches"),
    Change("ranges are open to the left: a subquery in a subquery loses the point at its very start",
           r"\[(\w+):", r"[\g<1>1ms:", uses=r"\[\w+:.*\[\w+:"),
    Change("a range under @ stays where it is beside an argument that changes with the steps",
           r" @ (start\(\)|end\(\)|[\d.]+)", "", uses=r"(predict_linear|quantile_over_time|double_exponential_smoothing)\("),
    Change("timestamp heeds an offset beside @, which Prometheus forgets, version 3 too", r" offset -?\w+", "", uses=r"timestamp\(.* @ "),
    Change("which of equal elements is taken", r"\b(top|bottom)k((?: (?:by|without) \([^)]*\) )?)\([\d-]+, ", r"quantile\g<2>(0.5, ",
           shows="^series|has values at"),
    Change("the last digit, seen through a comparison", COMPARED + "(bool )?", " - ", shows=NO_ERROR),
    Change("the last digit, seen through rounding", r"\b(ceil|floor|sgn)\(", "abs(", shows=NO_ERROR),
    Change("the last digit, seen through rounding", r"\bround\(", "clamp_max(", shows=NO_ERROR),
    Change("the last digit, seen where a curve is steep", r"\b(acos|asin|acosh|atanh)\(", "abs(", shows=NO_ERROR),
    Change("the last digit, seen as a change", r"\b(changes|resets)\(", "sum_over_time(", shows=NO_ERROR),
    Change("the last digit, seen through %", " % ", " + ", shows=NO_ERROR),
    Change("the last digit, seen as text", r'count_values((?: (?:by|without) \([^)]*\) )?)\("\w+", ', r"max\g<1>(", shows=NO_ERROR),
]


def rewritings(text, difference):
    """[(names of changes, the query without what they changed)]: one by one, then all together"""
    using = [change for change in CHANGES
             if re.search(change.pattern, text, re.I) and re.search(change.uses, text) and re.search(change.shows, difference)]
    whole = text
    for change in using:
        yield [change.name], re.sub(change.pattern, change.replacement, text, flags=re.I)
        whole = re.sub(change.pattern, change.replacement, whole, flags=re.I)
    if len(using) > 1:
        yield [change.name for change in using], whole


def for_peer(text):
    """the query in the words of 2.42"""
    return text.replace("double_exponential_smoothing", "holt_winters")
