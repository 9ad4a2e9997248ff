#!/usr/bin/python3
"""sizes.py - asks about long files and long functions; refuses only far beyond.

A file past 600 lines or a function past 100 is printed as a question to its reader; past 800 or 150 the check fails.
A function is what starts in column 0, ends its head with " {" and closes with "}" in column 0 (as the formatter leaves it).
"""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
FILE_ASK, FILE_FAIL, FUNCTION_ASK, FUNCTION_FAIL = 600, 800, 100, 150
HEAD = re.compile(r"\b(\w+)\(")


def functions(lines):
    """yields (first line number, length, name)"""
    start, name = None, None
    for number, line in enumerate(lines, 1):
        if start is None:
            if line and (line[0].isalpha() or line[0] == "_") and "(" in line and not line.rstrip().endswith(";"):
                head = HEAD.search(line)
                start, name = number, head.group(1) if head else "?"
                if line.rstrip().endswith("}"):
                    start = None
        elif line.startswith("}"):
            yield start, number - start + 1, name
            start = None
        elif line and not line[0].isspace() and line.rstrip().endswith(";"):
            start = None


def main():
    asked, failed, sizes = [], [], []
    for top in ("lib", "storage", "promql", "web", "cmd", "tests", "benchmarks"):
        for path in sorted((ROOT / top).rglob("*")):
            if path.suffix not in (".c", ".h", ".cc") or "node_modules" in path.parts:
                continue
            lines = path.read_text(errors="replace").split("\n")
            shown = path.relative_to(ROOT)
            if len(lines) > FILE_ASK:
                (failed if len(lines) > FILE_FAIL else asked).append(f"{shown}: {len(lines)} lines")
            for first, length, name in functions(lines):
                sizes.append(length)
                if length > FUNCTION_ASK:
                    (failed if length > FUNCTION_FAIL else asked).append(f"{shown}:{first}: {name} has {length} lines")
    for line in asked:
        print("long:", line)
    for line in failed:
        print("TOO LONG:", line)
    sizes.sort()
    if sizes:
        print(f"{len(sizes)} functions, median {sizes[len(sizes) // 2]} lines, 90 % within {sizes[len(sizes) * 9 // 10]}, "
              f"longest {sizes[-1]}")
    return 1 if failed or not sizes else 0


sys.exit(main())
