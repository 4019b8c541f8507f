#!/usr/bin/env python3
"""Proofs of moduli, both ways: what busbar proves is checked by Tests/Oracles/modulus_vectors.py, which was written from the paper,
and busbar checks what that made, good and bad.

usage: modulus_peer.py BUSBAR [full]      (standard library only; `full` also makes keys of 2048 and 4096 bits, three of each)
"""
import json, os, pathlib, subprocess, sys, tempfile

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "Oracles"))
import modulus_vectors as oracle  # noqa: E402

passed = failed = 0
# What the oracle's words are in busbar's.
REASONS = {"does not hold": "is no n-th root of its challenge", "prime": "the modulus is prime", "divisible": "the modulus is divisible by"}


def check(ok, name):
    global passed, failed
    passed, failed = passed + bool(ok), failed + (not ok)
    if not ok:
        print("failed:", name)


def encode(n, roots):
    length = (n.bit_length() + 7) // 8
    return b"BUSBARmp" + length.to_bytes(2, "little") + bytes.fromhex(oracle.hexadecimal(n, [n, *roots]))


def decode(data):
    assert data[:8] == b"BUSBARmp"
    length = int.from_bytes(data[8:10], "little")
    assert len(data) == 10 + 9 * length
    values = [int.from_bytes(data[start:start + length], "big") for start in range(10, len(data), length)]
    return values[0], values[1:]


def committed():
    """Tests/Oracles/modulus_vectors.txt, which oracle_vectors.py compares with what its script prints."""
    lines = dict(line.split() for line in pathlib.Path(oracle.__file__).with_suffix(".txt").read_text().splitlines())
    for name in [name.removesuffix("Modulus") for name in lines if name.endswith("Modulus")]:
        n, data = int(lines[name + "Modulus"], 16), bytes.fromhex(lines[name + "Roots"])
        length = len(data) // oracle.CHALLENGES
        yield name, n, [int.from_bytes(data[start:start + length], "big") for start in range(0, len(data), length)]


def main():
    busbar, full = sys.argv[1], "full" in sys.argv[2:]
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/modulus"
        for number, bits in enumerate([3072] + ([2048] * 3 + [4096] * 3 if full else [])):
            key = f"{folder}/{number}.key"
            told = json.loads(subprocess.run([busbar, "keygen", "--paillier", "--out", key, "--bits", str(bits), "--json"],
                                             check=True, capture_output=True, text=True).stdout)
            check(told["modulusBits"] == bits and os.stat(key).st_mode & 0o777 == 0o600, "what keygen says")
            n, roots = decode(open(key + ".modulus", "rb").read())
            check(n.bit_length() == bits and oracle.refusal(n, roots) is None, f"a proof of {bits} bits holds for the oracle")
        for name, n, roots in committed():
            wrong = oracle.refusal(n, roots)
            with open(path, "wb") as file:
                file.write(encode(n, roots))
            run = subprocess.run([busbar, "verify", "modulus", "--modulus", path], capture_output=True, text=True)
            if wrong is None:
                check(run.returncode == 0, f"{name} holds: {run.stderr}")
                continue
            reason = next(ours for theirs, ours in REASONS.items() if theirs in wrong)
            check(run.returncode == 1 and reason in run.stderr, f"{name} is refused: {run.stderr}")
            for word in wrong.split():
                if word.isdigit():
                    check(word in run.stderr.split(), f"{name} is refused for {word}: {run.stderr}")
    print(f"{passed} passed, {failed} failed")
    sys.exit(0 if failed == 0 and passed > 0 else 1)


main()
