#!/usr/bin/python3
"""mutants.py [--only NAME] - takes the store's defences out one at a time; the programs of this folder must notice each.

    copy of the tree --> one text replaced --> build --> crash, faults, flips, model (short forms): one of them must fail

By hand, before a release and when the store's code around a defence changes (a text that is not found any more is an error).
"""
import argparse
import pathlib
import subprocess
import sys
import tempfile
import threading

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAMS = ["flips", "faults", "crash", "model"]
SECONDS = 1200  # a program that takes longer hangs: they are done in a few, alone on the machine

# name, file, text, what it becomes
MUTANTS = [
    ("an acknowledged batch is not synced", "storage/wal/syncer.c",
     "syncer->rc = file_sync(syncer->file, &syncer->err);", "syncer->rc = 0;"),
    ("a failed sync is tried again on the same file", "storage/wal/syncer.c",
     "syncer->rc = file_sync(syncer->file, &syncer->err);",
     "if ((syncer->rc = file_sync(syncer->file, &syncer->err))) syncer->rc = file_sync(syncer->file, &syncer->err);"),
    ("a batch does not wait for the sync", "storage/wal/writer.c",
     "if (waits_for_sync(writer, encoded->batch))", "if (!writer)"),
    ("a failed write is answered as stored", "storage/wal/writer.c",
     "finish(writer, writer->encoded.items[i].batch, rc);", "finish(writer, writer->encoded.items[i].batch, 0 * rc);"),
    ("a segment's header is not synced", "storage/wal/wal.c",
     "if (!rc) rc = file_sync(file, err);\n    return rc ? rc : folder_sync(wal->fs, wal->folder, err);",
     "return rc ? rc : folder_sync(wal->fs, wal->folder, err);"),
    ("the name of a segment is not synced", "storage/wal/wal.c",
     "return rc ? rc : folder_sync(wal->fs, wal->folder, err);", "return rc;"),
    ("the name of a made folder is not synced", "lib/sys/file.c",
     "int sync_rc = fs->ops->sync_folder(fs, parent);", "int sync_rc = 0;"),
    ("the log's tail is not synced at the start", "storage/wal/wal.c",
     "wal->tail_is_synced = settle_tail(wal, report);", "wal->tail_is_synced = true; if (!fs) settle_tail(wal, report);"),
    ("series of a tail that is not synced count as logged", "storage/tsdb/log.c",
     "if (!wal_tail_is_synced(tsdb->wal))", "if (!tsdb)"),
    ("a torn write is not cut off", "storage/wal/wal.c",
     "if (file_truncate(&wal->file, wal->end, NULL) == 0)\n        wal->allocated = wal->end;\n    else\n        leave_segment(wal);",
     "wal->end += len;"),
    ("the checksum of a record's payload is not looked at", "storage/wal/frame.c",
     "return crc32c(seed, payload, frame->length) == frame->payload_crc;", "return crc32c(seed, payload, frame->length) != 1;"),
    ("a later segment does not overrule an earlier one", "storage/wal/replay.c",
     "if (sequence >= segment->bound || ", "if ("),
    ("a snapshot is not synced before it is renamed", "storage/tsdb/snapshot.c",
     "if (!rc) rc = file_sync(&file, err);", ""),
    ("a snapshot does not sync what it leans on", "storage/tsdb/snapshot.c",
     "if (!rc) rc = sync_rest(tsdb, err);", "if (!tsdb) rc = sync_rest(tsdb, err);"),
    ("the name of a snapshot is not synced before the log is cut", "storage/tsdb/snapshot.c",
     "if (!rc) return folder_sync(tsdb->fs, folder, err);", "if (!rc) return 0;"),
    ("the log is cut at the newest snapshot", "storage/tsdb/snapshot.c",
     "struct cut cut = {tsdb, tsdb->snapshots.sequences[SNAPSHOTS_KEPT - 1]};",
     "struct cut cut = {tsdb, tsdb->snapshots.sequences[0]};"),
    ("the checksum of a head chunk is not looked at", "storage/head/chunks.c",
     " && crc32c(0, record + 4, len - 4) == load_u32(record)", ""),
]


def run(words, folder):
    return subprocess.run(words, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def build(folder):
    return run(["ninja", "-C", "build/m", "-j2", *(f"faults_{p}" for p in PROGRAMS)], folder)


def caught_by(folder):
    """the first program that fails; its first failure is enough"""
    for program in PROGRAMS:
        running = subprocess.Popen(["stdbuf", "-oL", folder / f"build/m/tests/faults/faults_{program}"], cwd=folder,
                                   stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        alarm = threading.Timer(SECONDS, running.kill)
        alarm.start()
        has_failed = any(line.startswith("FAIL") for line in running.stdout)
        alarm.cancel()
        if has_failed:
            running.kill()
        if running.wait():
            return program if has_failed else f"{program} (it ends with {running.returncode}, or hangs)"
    return None


def try_mutant(folder, name, path, text, becomes):
    file = folder / path
    original = file.read_text()
    if original.count(text) != 1:
        return f"the text to replace is in {path} {original.count(text)} times"
    file.write_text(original.replace(text, becomes))
    built = build(folder)
    problem = None
    if built.returncode:
        problem = "does not build: " + built.stdout[-600:]
    else:
        program = caught_by(folder)
        problem = None if program else "nobody noticed"
        print(f"{'ok   ' if program else 'FAIL '} {name}: {program or problem}", flush=True)
    file.write_text(original)
    return problem


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--only", default="")
    wanted = parser.parse_args().only
    failed = passed = 0
    with tempfile.TemporaryDirectory(prefix="ferula-mutants-") as name:
        folder = pathlib.Path(name) / "tree"
        folder.mkdir()
        files = run(["git", "ls-files"], ROOT).stdout
        subprocess.run(["tar", "cf", "../tree.tar", "-C", str(ROOT), "-T", "-"], cwd=folder, input=files, text=True, check=True)
        subprocess.run(["tar", "xf", "../tree.tar"], cwd=folder, check=True)
        run(["cmake", "-S", ".", "-B", "build/m", "-G", "Ninja", "-DCMAKE_BUILD_TYPE=Debug", "-DCMAKE_C_FLAGS_DEBUG=-O1"], folder)
        built = build(folder)
        problem = built.stdout[-600:] if built.returncode else caught_by(folder)
        if problem:
            print(f"without a mutation it does not build or does not pass: {problem}\n0 passed, 1 failed")
            return 1
        for mutant in MUTANTS:
            if wanted not in mutant[0]:
                continue
            problem = try_mutant(folder, *mutant)
            if problem and problem != "nobody noticed":
                print(f"FAIL  {mutant[0]}: {problem}", flush=True)
            failed, passed = failed + bool(problem), passed + (not problem)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


sys.exit(main())
