#!/usr/bin/env python3
"""Answers `OPERATION COUNT` with the CPU nanoseconds that phe takes, for paillier_bench.py. Arguments: p q, decimal."""
import sys, time

import gmpy2, phe
from phe.util import HAVE_GMP

assert HAVE_GMP, "phe without gmpy2 would make every ratio too good"
p, q = int(sys.argv[1]), int(sys.argv[2])
public = phe.PaillierPublicKey(p * q)
private = phe.PaillierPrivateKey(public, p, q)
a, b = public.encrypt(1234), public.encrypt(-5)
a.ciphertext(), b.ciphertext()  # be_secure's extra obfuscation happens here, not in the additions
operations = {
    "encrypt": lambda: public.encrypt(1234),
    "decrypt": lambda: private.decrypt(a),
    "aggregate": lambda: a + b,
}
print("ready phe", phe.__version__, gmpy2.mp_version().split()[-1], gmpy2.__file__, flush=True)
for line in sys.stdin:
    name, count = line.split()
    operation = operations[name]
    started = time.process_time_ns()
    for _ in range(int(count)):
        operation()
    print(time.process_time_ns() - started, flush=True)
