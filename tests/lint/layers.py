#!/usr/bin/python3
"""layers.py - includes point down only.

The table is the DEPS lists of the folders' CMakeLists.txt. A source may include headers of its own folder, of the folders
in DEPS, and of what those depend on. storage never sees promql, promql never sees storage, nobody includes cmd, and the
DEPS themselves form no circle.
"""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"', re.M)
LIBRARY = re.compile(r"layer_library\(\s*(\w+)([^)]*)\)", re.S)


def read_table():
    """folder -> set of folders it may include directly"""
    names, deps = {}, {}
    for path in ROOT.glob("*/**/CMakeLists.txt"):
        folder = path.parent.relative_to(ROOT).as_posix()
        if folder.startswith(("build/", "tests")):
            continue
        found = LIBRARY.search(path.read_text())
        if not found:
            continue
        names[found.group(1)] = folder
        words = found.group(2).split()
        direct, taking = set(), False
        for word in words:
            if word.isupper():
                taking = word == "DEPS"
            elif taking:
                direct.add(word)
        deps[folder] = direct
    return {folder: {names[d] for d in direct if d in names} for folder, direct in deps.items()}


def closure(table):
    """the same, with what the direct folders reach; a circle is an error"""
    done = {}

    def visit(folder, path):
        if folder in path:
            raise SystemExit("circle: " + " -> ".join(path + [folder]))
        if folder not in done:
            reach = set()
            for below in table[folder]:
                reach |= {below} | visit(below, path + [folder])
            done[folder] = reach
        return done[folder]

    for folder in table:
        visit(folder, [])
    return done


def main():
    reach = closure(read_table())
    problems, checked = [], 0
    for top in ("storage", "promql"):
        other = "promql" if top == "storage" else "storage"
        for folder, below in reach.items():
            if folder.startswith(top) and any(b.startswith(other) for b in below):
                problems.append(f"{folder}: DEPS reach {other}")
    for folder, below in sorted(reach.items()):
        for source in sorted((ROOT / folder).iterdir()):
            if source.suffix not in (".c", ".h", ".cc", ".def"):
                continue
            for include in INCLUDE.findall(source.read_text()):
                checked += 1
                target = include.rsplit("/", 1)[0] if "/" in include else ""
                if target != folder and target not in below and (ROOT / include).exists():
                    problems.append(f"{folder}/{source.name}: includes \"{include}\", which is not below {folder}")
                elif target == "":
                    problems.append(f"{folder}/{source.name}: \"{include}\" is not written from the root")
    print("\n".join(problems))
    print(f"{checked} includes in {len(reach)} folders, {len(problems)} problems")
    return 1 if problems or not checked else 0


sys.exit(main())
