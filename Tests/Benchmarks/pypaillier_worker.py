#!/usr/bin/env python3
"""Answers `OPERATION COUNT` with the CPU nanoseconds that pypaillier takes, for paillier_bench.py. Argument: bits.

It makes a key of its own, of safe primes. It works on batches over all cores: CPU time adds those up.
"""
import importlib.metadata, sys, time

import paillier

public, secret = paillier.generate_keypair(int(sys.argv[1]))
one = paillier.encrypt_integers(public, [1234])
operations = {
    "encrypt": lambda count: paillier.encrypt_integers(public, [1234] * count),
    "decrypt": lambda count: paillier.decrypt_many(secret, one * count),
    "aggregate": lambda count: paillier.add_many(public, one * count),
}
print("ready pypaillier", importlib.metadata.version("pypaillier"), flush=True)
for line in sys.stdin:
    name, count = line.split()
    started = time.process_time_ns()
    operations[name](int(count))
    print(time.process_time_ns() - started, flush=True)
