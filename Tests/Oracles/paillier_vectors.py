#!/usr/bin/env python3
"""Paillier vectors from plain Python integers, independent of GMP and of the Swift sources.

Usage: paillier_vectors.py          prints `name hex` lines (paillier_vectors.txt)
       paillier_vectors.py --swift  prints Sources/busbar-selftest/PaillierVectors+Data.swift

Everything follows from the labels below through BLAKE2b, so two runs print the same.
"""
import hashlib
import math
import sys

SLOT = 64


def number(label, bits):
    """`bits` bits that depend on the label alone."""
    out, counter = b"", 0
    while 8 * len(out) < bits:
        out += hashlib.blake2b(f"{label}/{counter}".encode(), digest_size=64).digest()
        counter += 1
    return int.from_bytes(out, "big") >> (8 * len(out) - bits)


def is_prime(n):
    for small in (3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47):
        if n % small == 0:
            return n == small
    d, s = n - 1, 0
    while d % 2 == 0:
        d, s = d // 2, s + 1
    for round in range(40):
        a = 2 + number(f"witness/{round}", n.bit_length() + 64) % (n - 3)
        x = pow(a, d, n)
        if x in (1, n - 1):
            continue
        for _ in range(s - 1):
            x = x * x % n
            if x == n - 1:
                break
        else:
            return False
    return True


def blum_prime(label, bits):
    """A prime, 3 modulo 4, with the two top bits set."""
    candidate = number(label, bits) | 3 | 3 << (bits - 2)
    while not is_prime(candidate):
        candidate += 4
    return candidate


def alpha_prime(label, bits, factor):
    """A prime 2 * factor * t + 1 with the two top bits set and t odd, so that it is 3 modulo 4."""
    t = (number(label, bits) | 3 << (bits - 2)) // (2 * factor) | 1
    while not is_prime(2 * factor * t + 1):
        t += 2
    return 2 * factor * t + 1


def alpha_key():
    """Ma, Han & Lei 2021: P, Q, alpha_P, alpha_Q and h = -y^(2 beta) mod n."""
    a, b = blum_prime("alphaP", 224), blum_prime("alphaQ", 224)
    p, tries = alpha_prime("alpha/p", 1024, a), 0
    q = alpha_prime("alpha/q/0", 1024, b)
    while math.gcd(p - 1, q - 1) != 2:
        tries += 1
        q = alpha_prime(f"alpha/q/{tries}", 1024, b)
    n = p * q
    beta = (p - 1) * (q - 1) // (4 * a * b)
    h = -pow(number("alpha/y", 2040), 2 * beta, n) % n
    assert n.bit_length() == 2048 and pow(h, a, p) == p - 1 and pow(h, b, q) == q - 1
    return p, q, a, b, h


def pack(values, n):
    return sum(v << (SLOT * i) for i, v in enumerate(values)) % n


def plain(n, m, r):
    """Paillier 1999, Scheme 1, with g = n + 1, written the long way."""
    return pow(n + 1, m, n * n) * pow(r, n, n * n) % (n * n)


def djn(n, m, x, a):
    """Damgard, Jurik & Nielsen 2010, section 4.1."""
    h = -x * x % n
    h_s = pow(h, n, n * n)
    return (1 + m * n) * pow(h_s, a, n * n) % (n * n)


def decrypt(p, q, c):
    """With lambda = lcm(p-1, q-1) rather than by halves."""
    n = p * q
    lam = math.lcm(p - 1, q - 1)
    return (pow(c, lam, n * n) - 1) // n * pow((pow(n + 1, lam, n * n) - 1) // n, -1, n) % n


def root(p, q, c, s):
    """R with (1 + S n) R^n = c mod n^2, dividing the sum out first."""
    n = p * q
    rest = c * pow(1 + s * n, -1, n * n) % (n * n)
    r = pow(rest % n, pow(n, -1, math.lcm(p - 1, q - 1)), n)
    assert (1 + s * n) * pow(r, n, n * n) % (n * n) == c
    return r


def key_id(n, codes):
    data = n.to_bytes((n.bit_length() + 7) // 8, "big") + len(codes).to_bytes(2, "little") + bytes(codes)
    return hashlib.blake2b(b"BUSBARky" + data, digest_size=32).digest()[:16]


def vectors():
    def put(name, value, size):
        rows.append((name, value.to_bytes(size, "big").hex()))

    rows = []
    p, tries = blum_prime("p", 1024), 0
    q = blum_prime("q/0", 1024)
    while math.gcd(p - 1, q - 1) != 2:
        tries += 1
        q = blum_prime(f"q/{tries}", 1024)
    p, q = max(p, q), min(p, q)
    n = p * q
    assert n.bit_length() == 2048 and math.gcd(p - 1, q - 1) == 2 and math.gcd(n, (p - 1) * (q - 1)) == 1
    put("p", p, 128)
    put("q", q, 128)
    rows.append(("keyId", key_id(n, [1, 2]).hex()))
    readings = [[1234, 0], [0, -5], [-250, 98765]]
    product = 1
    for index, values in enumerate(readings):
        m = pack(values, n)
        x = number(f"x/{index}", 2040)
        a = number(f"a/{index}", 1024)
        c = djn(n, m, x, a)
        # What Python's phe gives for raw_encrypt(m, r_value = h^a mod n). (docs/CRYPTOGRAPHY.md, Equations)
        assert c == plain(n, m, pow(-x * x % n, a, n))
        assert decrypt(p, q, c) == m
        put(f"x{index}", x, 256)
        put(f"a{index}", a, 128)
        put(f"c{index}", c, 512)
        product = product * c % (n * n)
    s = decrypt(p, q, product)
    assert s == pack([984, 98760], n)
    put("product", product, 512)
    put("s", s, 256)
    put("r", root(p, q, product, s), 256)
    r = number("r", 2040)
    put("plainR", r, 256)
    put("plainC", plain(n, pack([7, 8], n), r), 512)
    p, q, a, b, h = alpha_key()
    n = p * q
    for name, value in (("alphaKeyP", p), ("alphaKeyQ", q), ("alphaP", a), ("alphaQ", b)):
        put(name, value, 128)
    put("alphaH", h, 256)
    m, exponent = pack([4321, -8], n), number("alpha/a", 448)
    c = (1 + m * n) * pow(pow(h, n, n * n), exponent, n * n) % (n * n)
    assert decrypt(p, q, c) == m
    # What an alpha key does instead of raising to lambda.
    order = 2 * a * b
    assert (pow(c, order, n * n) - 1) // n * pow(order, -1, n) % n == m
    put("alphaExponent", exponent, 56)
    put("alphaC", c, 512)
    put("alphaS", m, 256)
    put("alphaR", root(p, q, c, m), 256)
    return rows


def swift(rows):
    print("// Printed by Tests/Oracles/paillier_vectors.py --swift; do not edit.")
    print()
    print("/// A 2048-bit key, three DJN ciphertexts of the readings (1234, 0), (0, -5) and (-250, 98765), their product with")
    print("/// its sum and root, and one ciphertext of (7, 8) in the plain form; an alpha key with a ciphertext of (4321, -8).")
    print("/// Hexadecimal, big-endian.")
    print("enum PaillierVectors {")
    for name, text in rows:
        print(f"  static let {name} =")
        for start in range(0, len(text), 96):
            lead = "    " if start == 0 else "    + "
            print(f'{lead}"{text[start:start + 96]}"')
    print("}")


if __name__ == "__main__":
    table = vectors()
    if sys.argv[1:] == ["--swift"]:
        swift(table)
    else:
        for name, text in table:
            print(name, text)
