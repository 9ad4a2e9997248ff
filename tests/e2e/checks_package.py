"""checks_package.py - what a package has beside the program: the unit, the manual page, the completion. tests/package.sh installs one."""
import re
import shutil

from harness import ROOT, run_once

EXPOSURE = 1.5  # systemd's measure, of 10


def unit(bench, binary):
    """the unit with the program that is here"""
    path = bench.folder / "ferula.service"
    path.write_text((ROOT / "configs/ferula.service").read_text().replace("ExecStart=/usr/bin/ferula", f"ExecStart={binary}"))
    return path


def is_verified(path):
    status, said = run_once(["systemd-analyze", "--man=no", "verify", path])
    assert status == 0 and not said.strip(), said
    return True


def exposure(path):
    _, said = run_once(["systemd-analyze", "security", "--offline=true", "--no-pager", path])
    found = re.search(r"Overall exposure level for ferula\.service: ([0-9.]+)", said)
    assert found and float(found[1]) <= EXPOSURE, said[-300:]
    return True


def text_of(bench, binary, flag, name):
    status, text = run_once([binary, flag])
    assert status == 0 and text
    (bench.folder / name).write_text(text)
    return bench.folder / name


def page_is_clean(page):
    status, said = run_once(["man", "--warnings", "-E", "UTF-8", "-l", "-Tutf8", "-Z", page])
    warnings = [line for line in said.splitlines() if re.search(r"^\S*(troff|groff|man).*(warning|error)", line)]
    assert status == 0 and not warnings, warnings
    return "storage" in said


COMPLETIONS = {
    ("ferula", "ch"): "check",
    ("ferula", "tsdb", "an"): "analyze",
    ("ferula", "--storage.tsdb.p"): "--storage.tsdb.path=",
    ("ferula", "--no-web.enable-l"): "--no-web.enable-lifecycle",
    ("ferula", "--log.level", "=", ""): "debug info warn error",
    ("ferula", "--log.level", "=", "w"): "warn",
    ("ferula", "--log.level", "="): "debug info warn error",
    ("ferula", "--config.file", "=", "/etc/host"): None,
    ("ferula", "check", "config", "/etc/hostn"): "/etc/hostname",
}


def completes(script, words, wanted):
    """bash's own way: COMP_WORDS in, COMPREPLY out"""
    status, said = run_once(["bash", "-c", '. "$0"; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _ferula; echo "${COMPREPLY[*]}"', script, *words])
    assert status == 0 and said.strip() == wanted if wanted else "/etc/hosts" in said, said
    return True


def run(bench, binary):
    if shutil.which("systemd-analyze"):
        path = unit(bench, binary)
        bench.check("systemd finds nothing wrong with the unit", lambda: is_verified(path))
        bench.check("the service is exposed little", lambda: exposure(path))
    page = text_of(bench, binary, "--help-man", "ferula.1")
    if shutil.which("man"):
        bench.check("the manual page is well formed", lambda: page_is_clean(page))
    script = text_of(bench, binary, "--completion-script-bash", "completion")
    for words, wanted in COMPLETIONS.items():
        bench.check(f"bash completes {' '.join(words)}", lambda words=words, wanted=wanted: completes(script, words, wanted))
