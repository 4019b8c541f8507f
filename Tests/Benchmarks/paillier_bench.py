#!/usr/bin/env python3
"""Paillier beside phe, pypaillier and bare mpz: CPU time, every implementation in a process of its own on one pinned
core, rounds interleaved. Times are medians over the rounds, ratios the medians of each round's own. Prints a table and
writes build/bench/paillier.json.

usage: paillier_bench.py BUSBAR_LAB [--rounds N] [--bits 2048,3072] [--without-pypaillier]

phe, mpz and our standard key use the same n; alpha keys and pypaillier's are others of the same size. Exits 1 only when
an operation of ours allocated after warm-up or a worker failed; speeds decide nothing here.
"""
import argparse, json, os, platform, statistics, subprocess, sys, tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
OUTPUT = os.path.join(HERE, "..", "..", "build", "bench", "paillier.json")
SLICE = 0.012  # seconds an operation is repeated for in each round


def base64_number(text):
    import base64
    return int.from_bytes(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)), "big")


class Worker:
    def __init__(self, command):
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.about = self.process.stdout.readline().split()
        if not self.about or self.about[0] != "ready":
            raise SystemExit(f"no worker: {' '.join(command[:3])}")

    def run(self, operation, count):
        """CPU seconds and allocations of `count` repetitions."""
        self.process.stdin.write(f"{operation} {count}\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline().split()
        if not answer:
            raise SystemExit(f"a worker died in {operation}")
        return int(answer[0]) / 1e9, int(answer[1]) if len(answer) > 1 else None

    def close(self):
        self.process.stdin.close()
        self.process.wait()


class Row:
    def __init__(self, implementation, operation, request, profile="fast", exponent=None, key="standard"):
        self.implementation, self.operation, self.request = implementation, operation, request
        self.profile, self.exponent, self.key = profile, exponent, key
        self.samples, self.allocations, self.count = [], 0, 1


def rows_for(bits, pypaillier):
    half, short = bits // 2, 448 if bits < 3072 else 512
    rows = [
        Row("phe", "encrypt", "encrypt", exponent=bits),
        Row("phe", "decrypt", "decrypt"),
        Row("phe", "aggregate", "aggregate"),
        Row("mpz", "aggregate", "mpz-aggregate"),
        Row("mpz", "powm", "mpz-powm", exponent=bits),
        Row("busbar", "encrypt", "encrypt-fast-half", exponent=half),
        Row("busbar", "encrypt", "encrypt-hardened-half", "hardened", half),
        Row("busbar 2 MiB table" if bits == 2048 else "busbar 3 MiB table", "encrypt", "encrypt-fast-half-large",
            exponent=half),
        Row("busbar", "encrypt", "encrypt-fast-short", exponent=short),
        Row("busbar", "encrypt", "encrypt-hardened-short", "hardened", short),
        Row("busbar", "encrypt", "encrypt-fast-alpha", exponent=short, key="alpha"),
        Row("busbar", "encrypt", "encrypt-hardened-alpha", "hardened", short, "alpha"),
        Row("busbar", "decrypt", "decrypt-fast"),
        Row("busbar", "decrypt", "decrypt-hardened", "hardened"),
        Row("busbar", "decrypt", "decrypt-fast-alpha", key="alpha"),
        Row("busbar", "decrypt", "decrypt-hardened-alpha", "hardened", key="alpha"),
        Row("busbar", "aggregate", "aggregate"),
        Row("busbar", "pooledEncrypt", "pooledEncrypt", "hardened", half),
        Row("busbar", "prove", "prove", "hardened"),
        Row("busbar", "verifyProof", "verifyProof"),
    ]
    if pypaillier:
        rows += [
            Row("pypaillier", "encrypt", "encrypt", "hardened", half),
            Row("pypaillier", "decrypt", "decrypt", "hardened"),
            Row("pypaillier", "aggregate", "aggregate", "hardened"),
        ]
    return rows


def measure(bits, arguments, folder):
    key = os.path.join(folder, f"{bits}.json")
    subprocess.run([arguments.lab, "paillier", "keygen", "--bits", str(bits), key], check=True)
    with open(key) as file:
        private = json.load(file)
    p, q = base64_number(private["p"]), base64_number(private["q"])
    core = str(sorted(os.sched_getaffinity(0))[-1])
    workers = {
        "busbar": Worker(["taskset", "-c", core, arguments.lab, "paillier", "bench-worker", key]),
        "phe": Worker(["taskset", "-c", core, sys.executable, os.path.join(HERE, "phe_worker.py"), str(p), str(q)]),
    }
    if not arguments.without_pypaillier:
        workers["pypaillier"] = Worker(
            ["taskset", "-c", core, sys.executable, os.path.join(HERE, "pypaillier_worker.py"), str(bits)])
    ours = workers["busbar"]
    gmp = {"busbar": ours.about[1], "phe": workers["phe"].about[3]}
    if gmp["busbar"] != gmp["phe"]:
        raise SystemExit(f"phe runs on GMP {gmp['phe']}, busbar on {gmp['busbar']}: not a fair comparison")
    rows = rows_for(bits, "pypaillier" in workers)
    for row in rows:  # warm up, and find how often an operation fits a slice
        row.worker = workers.get(row.implementation, ours)
        seconds, _ = row.worker.run(row.request, 2)
        row.count = max(1, min(64 if row.operation == "pooledEncrypt" else 4000, int(SLICE / max(seconds / 2, 1e-7))))
        row.worker.run(row.request, row.count)
    for _ in range(arguments.rounds):
        for row in rows:
            seconds, allocations = row.worker.run(row.request, row.count)
            row.samples.append(seconds / row.count * 1e6)
            row.allocations = max(row.allocations, allocations or 0)
    for worker in workers.values():
        worker.close()
    return rows, gmp["busbar"]


def samples(rows, implementation, operation, profile=None, exponent=None, key="standard"):
    for row in rows:
        if (row.implementation, row.operation, row.key) == (implementation, operation, key) and profile in (
                None, row.profile) and exponent in (None, row.exponent):
            return row.samples
    raise KeyError(operation)


def quotient(numerators, denominators):
    """The median over the rounds of one round's quotient: what slows a round slows both sides of it."""
    return statistics.median(a / b for a, b in zip(numerators, denominators))


def acceptance(results):
    """The table of the requirement: what was asked, and what this run found."""
    lines = []

    def ratio(name, value, must, stretch, least=True):
        met = value >= must if least else value <= must
        sign = ">=" if least else "<="
        lines.append((name, f"{sign} {must:g}", stretch, f"{value:.3g}", "met" if met else "NOT MET"))

    for bits, rows in results.items():
        half, short = bits // 2, 448 if bits < 3072 else 512
        encrypt, decrypt = samples(rows, "phe", "encrypt"), samples(rows, "phe", "decrypt")
        ours = lambda *rest, **named: samples(rows, "busbar", *rest, **named)
        limits = {
            2048: ((17, "22 (2 MiB)"), (11, "13"), (38, "50"), (24, "28"), (1.25, "1.33"), "5.7", (0.85, "0.67")),
            3072: ((13, "17"), (8.5, "9.5"), None, None, (1.3, "1.39"), "7.6", (1.0, "0.8")),
        }.get(bits)
        if limits is None:
            continue
        ratio(f"encrypt {bits} n/2 fast", quotient(encrypt, ours("encrypt", "fast", half)), *limits[0])
        ratio(f"encrypt {bits} n/2 fast, {2 if bits == 2048 else 3} MiB table",
              quotient(encrypt, samples(rows, f"busbar {2 if bits == 2048 else 3} MiB table", "encrypt")), *limits[0])
        ratio(f"encrypt {bits} n/2 hardened", quotient(encrypt, ours("encrypt", "hardened", half)), *limits[1])
        if limits[2]:
            ratio(f"encrypt {bits} {short}-bit fast", quotient(encrypt, ours("encrypt", "fast", short)), *limits[2])
            ratio(f"encrypt {bits} {short}-bit hardened", quotient(encrypt, ours("encrypt", "hardened", short)),
                  *limits[3])
        ratio(f"decrypt {bits} hardened", quotient(decrypt, ours("decrypt", "hardened")), *limits[4])
        ratio(f"decrypt {bits} alpha hardened", quotient(decrypt, ours("decrypt", "hardened", key="alpha")), 5,
              limits[5])
        ratio(f"aggregate {bits} against mpz", quotient(ours("aggregate"), samples(rows, "mpz", "aggregate")),
              *limits[6],
              least=False)
        ratio(f"pooled encrypt {bits}", quotient(encrypt, ours("pooledEncrypt")), 2500, "-")
        powm = samples(rows, "mpz", "powm")
        ratio(f"prove {bits}, raw powm", quotient(ours("prove"), powm), 1.1, "1.1", least=False)
        ratio(f"verify {bits}, raw powm", quotient(ours("verifyProof"), powm), 1.1, "1.1", least=False)
    return lines


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("lab")
    parser.add_argument("--rounds", type=int, default=61)
    parser.add_argument("--bits", default="2048,3072")
    parser.add_argument("--without-pypaillier", action="store_true")
    arguments = parser.parse_args()
    results, gmp = {}, ""
    with tempfile.TemporaryDirectory() as folder:
        for bits in (int(text) for text in arguments.bits.split(",")):
            results[bits], gmp = measure(bits, arguments, folder)
    out = []
    print(f"{'implementation':20} {'bits':>5} {'operation':14} {'profile':9} {'exp':>5} {'key':9}"
          f" {'median us':>11} {'x phe':>8} {'allocations':>11}")
    for bits, rows in results.items():
        for row in rows:
            middle = statistics.median(row.samples)
            against = {"pooledEncrypt": "encrypt"}.get(row.operation, row.operation)
            try:
                to_phe = round(quotient(samples(rows, "phe", against), row.samples), 3)
            except KeyError:
                to_phe = None
            out.append({
                "implementation": row.implementation, "bits": bits, "operation": row.operation,
                "profile": row.profile, "exponentBits": row.exponent, "key": row.key,
                "medianMicroseconds": round(middle, 3), "ratioToPhe": to_phe, "allocations": row.allocations})
            print(f"{row.implementation:20} {bits:5} {row.operation:14} {row.profile:9} {row.exponent or '-':>5}"
                  f" {row.key:9} {middle:11.2f} {to_phe if to_phe is not None else '-':>8} {row.allocations:11}")
    os.makedirs(os.path.dirname(OUTPUT), exist_ok=True)
    machine = platform.machine()
    with open("/proc/cpuinfo") as info:
        names = [line.split(":", 1)[1].strip() for line in info if line.startswith("model name")]
    with open(OUTPUT, "w") as file:
        json.dump({"machine": f"{machine}, {names[0] if names else 'unknown'}", "gmp": gmp, "rows": out}, file, indent=1)
    print()
    for name, must, stretch, found, verdict in acceptance(results):
        print(f"{name:36} must {must:8} stretch {stretch:12} found {found:>7}  {verdict}")
    allocating = [row for row in out if row["implementation"].startswith("busbar") and row["allocations"]]
    if allocating:
        print("allocated after warm-up:", [(row["operation"], row["bits"]) for row in allocating])
        sys.exit(1)


if __name__ == "__main__":
    main()
