#!/usr/bin/env python3
"""Checks both directions against phe (python-paillier) and its pheutil: keys, ciphertexts, sums, proofs, known answers.

usage: paillier_peer.py BUSBAR [--count N]      (needs phe and click; busbar-lab stands beside BUSBAR)
"""
import argparse, base64, json, os, random, subprocess, sys, tempfile

import phe

passed = failed = 0


def check(ok, name):
    global passed, failed
    if ok:
        passed += 1
    else:
        failed += 1
        print("failed:", name)


def base64_number(text):
    return int.from_bytes(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)), "big")


class Lab:
    def __init__(self, program):
        self.program = program

    def run(self, *words):
        return subprocess.run([self.program, "paillier", *map(str, words)], text=True, capture_output=True)


class Batch:
    """One process that answers many requests."""

    def __init__(self, program, key):
        self.process = subprocess.Popen(
            [program, "paillier", "batch", key], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, *words):
        self.process.stdin.write(" ".join(map(str, words)) + "\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().strip()

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def integers(generator, n, count):
    """Small and large ones of both signs, and the limits of phe's range."""
    limit = n // 3 - 1
    yield from (0, 1, -1, limit, -limit)
    for index in range(count - 5):
        bits = generator.choice((8, 48, 64, 128, n.bit_length() - 3))
        yield generator.choice((1, -1)) * generator.getrandbits(bits)


def both_directions(program, key, count, seed):
    with open(key) as file:
        private = json.load(file)
    p, q = base64_number(private["p"]), base64_number(private["q"])
    public = phe.PaillierPublicKey(p * q)
    secret = phe.PaillierPrivateKey(public, p, q)
    generator, batch = random.Random(seed), Batch(program, key)
    ours = theirs = 0
    for index, value in enumerate(integers(generator, public.n, count)):
        # The plain form costs fifteen times the short one, so it takes every fourth turn.
        mine = int(batch.ask("plain" if index % 4 == 0 else "encrypt", value))
        if secret.decrypt(phe.EncryptedNumber(public, mine)) == value:
            ours += 1
        if batch.ask("decrypt", public.encrypt(value).ciphertext()) == str(value):
            theirs += 1
    check(ours == count, f"phe decrypts {ours} of our {count} ciphertexts")
    check(theirs == count, f"we decrypt {theirs} of phe's {count} ciphertexts")
    # The same bytes: h_s^a = (h^a mod n)^n, so phe's raw encryption under r = h^a is the DJN ciphertext of (h, a).
    for _ in range(3):
        x, a = generator.randrange(2, public.n), generator.getrandbits(public.n.bit_length() // 2)
        m, h = generator.getrandbits(100), -x * x % public.n
        check(batch.ask("djn", x, a, m) == str(public.raw_encrypt(m, r_value=pow(h, a, public.n))), "DJN bytes")
        r = generator.randrange(2, public.n)
        check(batch.ask("given", r, m) == str(public.raw_encrypt(m, r_value=r)), "plain bytes")
    batch.close()


def command_line(lab, folder):
    pheutil = os.path.join(os.path.dirname(sys.executable), "pheutil")

    def path(name):
        return os.path.join(folder, name)

    def their(*words):
        done = subprocess.run([pheutil, *words], text=True, capture_output=True)
        return done.stdout.strip()

    def save(name, text):
        with open(path(name), "w") as file:
            file.write(text)

    check(lab.run("keygen", "--bits", 2048, path("ours.json")).returncode == 0, "keygen")
    check(os.stat(path("ours.json")).st_mode & 0o777 == 0o600, "a private key has mode 0600")
    check(lab.run("keygen", "--bits", 2048, path("ours.json")).returncode == 1, "a key is never overwritten")
    check(lab.run("extract", path("ours.json"), path("public.json")).returncode == 0, "extract")
    their("genpkey", "--keysize", "2048", path("phe.json"))
    their("extract", path("phe.json"), path("phe-public.json"))
    # pheutil's numbers are floats: these are exact.
    for private, public in (("ours.json", "public.json"), ("phe.json", "phe-public.json")):
        save("a.json", lab.run("encrypt", path(public), "--", -12345).stdout)
        save("b.json", lab.run("encrypt", path(public), "--", 345).stdout)
        save("sum.json", lab.run("add", path(public), path("a.json"), path("b.json")).stdout)
        check(their("decrypt", path(private), path("sum.json")) == "-12000", f"pheutil decrypts our sum, {private}")
        done = lab.run("decrypt", "--proof", path("proof.json"), path(private), path("sum.json"))
        check(done.stdout == "-12000\n", f"we decrypt our sum, {private}")
        check(lab.run("verify", path(public), path("sum.json"), path("proof.json")).returncode == 0, "the proof holds")
        with open(path("proof.json")) as file:
            proof = json.load(file)
        with open(path(public)) as file:
            n = base64_number(json.load(file)["n"])
        for s, r in ((int(proof["s"]) + n, int(proof["r"])), (int(proof["s"]) ^ 1, int(proof["r"])),
                     (int(proof["s"]), n - int(proof["r"])), (int(proof["s"]), 0)):
            save("bad.json", json.dumps({"s": str(s), "r": str(r)}))
            check(lab.run("verify", path(public), path("sum.json"), path("bad.json")).returncode == 1, "a false proof")
        save("theirs.json", their("encrypt", path(public), "--", "-77"))
        check(lab.run("decrypt", path(private), path("theirs.json")).stdout == "-77\n", f"we decrypt pheutil's, {private}")
    with open(path("public.json")) as file:
        good = json.load(file)
    good_cipher = lab.run("encrypt", path("public.json"), 5).stdout
    with open(path("ours.json")) as file:
        secret = json.load(file)
    n = base64_number(good["n"])

    def encoded(number):
        return base64.urlsafe_b64encode(number.to_bytes((number.bit_length() + 7) // 8, "big")).decode().rstrip("=")

    for name, change in (("even n", {"n": encoded(n + 1)}), ("small n", {"n": encoded(n >> 64 | 1)}), ("a g", {"g": "AQ"}),
                         ("no n", {"n": 5}), ("another type", {"kty": "RSA"}), ("no base64", {"n": "*"}), ("0", {"n": "AA"})):
        save("bad.json", json.dumps({**good, **change}))
        done = lab.run("encrypt", path("bad.json"), 5)
        check(done.returncode == 1 and not done.stdout and "bad.json" in done.stderr, f"a public key with {name}")
    for name, change in (("p = q", {"q": secret["p"]}), ("even p", {"p": encoded(base64_number(secret["p"]) - 1)}),
                         ("another n", {"pub": {**good, "n": encoded(n - 2)}}), ("p = 1", {"p": "AQ"}),
                         ("swapped sizes", {"p": encoded(n), "q": "AQ"})):
        save("bad.json", json.dumps({**secret, **change}))
        save("c.json", good_cipher)
        done = lab.run("decrypt", path("bad.json"), path("c.json"))
        check(done.returncode == 1 and not done.stdout, f"a private key with {name}")
    for name, text in (("0", '{"v": "0", "e": 0}'), ("n", json.dumps({"v": str(n), "e": 0})),
                       ("n squared", json.dumps({"v": str(n * n), "e": 0})), ("-1", '{"v": "-1", "e": 0}'),
                       ("a number", '{"v": 5, "e": 0}'), ("no e", '{"v": "5"}'), ("text", '{"v": "5x", "e": 0}'),
                       ("a huge e", '{"v": "5", "e": 100000000}'), ("no JSON", "{"), ("too long", json.dumps({"v": "9" * 99999, "e": 0}))):
        save("bad.json", text)
        done = lab.run("decrypt", path("ours.json"), path("bad.json"))
        check(done.returncode == 1 and not done.stdout, f"a ciphertext of {name}")
    for text in (str(n), str(-n), str(n // 3 + 1), "x", "1.5", ""):
        done = lab.run("encrypt", path("public.json"), "--", text)
        check(done.returncode == 1 and not done.stdout, f"the plaintext {text[:20]}")
    check(lab.run("keygen", "--bits", 1024, path("small.json")).returncode == 1, "1024 bits")
    check(lab.run("frobnicate").returncode == 2, "an unknown verb")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("busbar")
    # Every script is told so by `make test-peers`; here --count says how much.
    parser.add_argument("full", nargs="?", choices=["full"])
    parser.add_argument("--count", type=int, default=150)
    arguments = parser.parse_args()
    program = os.path.join(os.path.dirname(arguments.busbar), "busbar-lab")
    lab = Lab(program)
    with tempfile.TemporaryDirectory() as folder:
        command_line(lab, folder)
        for bits in (2048, 3072):
            key = os.path.join(folder, f"{bits}.json")
            check(lab.run("keygen", "--bits", bits, key).returncode == 0, f"keygen of {bits} bits")
            seed = random.SystemRandom().getrandbits(32)
            print(f"{bits} bits: {arguments.count} numbers each way, seed {seed}", flush=True)
            both_directions(program, key, arguments.count, seed)
    print(f"{passed} passed, {failed} failed")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
