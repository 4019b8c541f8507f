#!/usr/bin/env python3
"""Checks that each committed Tests/Oracles/*.txt is what its script prints, so that no vector was made to fit our code.

usage: oracle_vectors.py BUSBAR      (BUSBAR is not used; exits 0 only if all agree)
"""
import pathlib, subprocess, sys

passed = failed = 0
for script in sorted((pathlib.Path(__file__).parent.parent / "Oracles").glob("*.py")):
    printed = subprocess.run([sys.executable, "-B", script], capture_output=True, text=True, check=True).stdout
    committed = script.with_suffix(".txt").read_text()
    for line in sorted(set(printed.splitlines()) | set(committed.splitlines())):
        agrees = line in printed.splitlines() and line in committed.splitlines()
        passed, failed = passed + agrees, failed + (not agrees)
        if not agrees:
            print(f"{script.stem}: {line.split()[0] if line else 'an empty line'} differs")
print(f"{passed} passed, {failed} failed")
sys.exit(0 if failed == 0 and passed > 0 else 1)
