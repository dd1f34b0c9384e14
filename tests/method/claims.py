#!/usr/bin/env python3
# SPDX-FileCopyrightText: The Duet authors
# SPDX-License-Identifier: MIT
"""Does the method claim what isn't there, and see what is?

Sets an arm against itself again and again, and against one that does 5 % more work, on a backend that
carries nothing out: how much each operation costs is known exactly, and the machine's own unrest is as
it is. At most 1 in 100 claims may be false, and the 5 % has to be seen in 9 of 10 runs.

usage: claims.py PROGRAM [RUNS]   (200)
Prints one line a question, and at last "N passed, N failed". Exit status 0, 1 or 3 (not measured).
"""
import json
import subprocess
import sys
import tempfile

WORK = 20000
METRICS = ("cpu_per_operation_ns", "latency_p50_ns")
FALSE_AT_MOST, SEEN_AT_LEAST = 0.01, 0.9


def verdicts(program, zeros, other, seed):
    """What one comparison of two arms says of each metric."""
    words = [program, "compare", "file", "--file", zeros, "--block", "512", "--depth", "8",
             "--a", f"null:work={WORK}", "--b", f"null:work={other}", "--rounds", "15",
             "--duration", "0.01", "--warmup", "0.002", "--repeats", "15",
             "--seed", str(seed), "--quiet", "--json", "-"]
    run = subprocess.run(words, capture_output=True, text=True, check=False)
    if run.returncode:
        print(run.stderr.strip(), file=sys.stderr)
        sys.exit(3)
    cell = json.loads(run.stdout)["cells"][0]
    return {metric["key"]: metric["comparisons"][0]["verdict"] for metric in cell["metrics"]}


def share(program, zeros, runs, other, claims):
    """Of all verdicts on METRICS, those among the claims."""
    found = 0
    for run in range(runs):
        said = verdicts(program, zeros, other, run + 1)
        found += sum(said[metric] in claims for metric in METRICS)
        if sys.stderr.isatty():
            print(f"\r{run + 1} of {runs}, {found} claims ", end="", file=sys.stderr)
    if sys.stderr.isatty():
        print("\r\033[K", end="", file=sys.stderr)
    return found, runs * len(METRICS)


def main():
    program = sys.argv[1]
    runs = int(sys.argv[2]) if len(sys.argv) > 2 else 200
    with tempfile.NamedTemporaryFile() as zeros:
        zeros.truncate(1 << 20)
        false, asked = share(program, zeros.name, runs, WORK, ("a lower", "b lower"))
        seen, sought = share(program, zeros.name, runs, WORK * 21 // 20, ("a lower",))
    quiet = false <= asked * FALSE_AT_MOST
    sharp = seen >= sought * SEEN_AT_LEAST
    print(f"an arm against itself: {false} of {asked} verdicts claim a difference "
          f"(at most 1 in 100): {'holds' if quiet else 'falls short'}")
    print(f"an arm against 5 % more work: {seen} of {sought} verdicts see it "
          f"(at least 9 in 10): {'holds' if sharp else 'falls short'}")
    print(f"{quiet + sharp} passed, {2 - quiet - sharp} failed")
    return 0 if quiet and sharp else 1


sys.exit(main())
