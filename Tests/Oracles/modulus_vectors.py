#!/usr/bin/env python3
"""Proofs that gcd(n, phi(n)) = 1, from plain Python integers, independent of GMP and of the Swift sources.
(Goldberg, Reyzin, Sagga & Baldimtsi, "Efficient Noninteractive Certification of RSA Moduli and Beyond", 2019)

Usage: modulus_vectors.py          prints `name hex` lines (modulus_vectors.txt)
       modulus_vectors.py --swift  prints Sources/busbar-selftest/ModulusVectors+Data.swift

Everything follows from labels through BLAKE2b, so two runs print the same. Tests/Peers/modulus_peer.py checks with `refusal` what
busbar made, and busbar with what is committed here.
"""
import hashlib
import math
import struct
import sys

from paillier_vectors import blum_prime, is_prime, number

CHALLENGES, SMALLEST, SURPLUS = 8, 1 << 16, 16
DOMAIN = b"BUSBARmc"


def H(domain, *parts):
    return hashlib.blake2b(domain + b"".join(parts), digest_size=32).digest()


def challenge(n, index, domain=DOMAIN):
    """A hash of 16 bytes more than n has, modulo n."""
    length = (n.bit_length() + 7) // 8
    data = b"".join(H(domain, n.to_bytes(length, "big"), struct.pack("<HH", index, block))
                    for block in range(-(-(length + SURPLUS) // 32)))
    return int.from_bytes(data[:length + SURPLUS], "big") % n


def primes_below(limit):
    sieve = bytearray([1]) * limit
    sieve[:2] = b"\0\0"
    for candidate in range(2, math.isqrt(limit) + 1):
        if sieve[candidate]:
            sieve[candidate * candidate::candidate] = bytes(len(range(candidate * candidate, limit, candidate)))
    return [candidate for candidate in range(limit) if sieve[candidate]]


SMALL_PRIMES = primes_below(SMALLEST)


def refusal(n, roots):
    """None when the proof holds; else why it does not."""
    for prime in SMALL_PRIMES:
        if n % prime == 0:
            return f"divisible by {prime}"
    # A number that is no power of 2 to the n - 1 is composite; one that is may still be.
    if pow(2, n - 1, n) == 1 and is_prime(n):
        return "prime"
    if len(roots) != CHALLENGES:
        return "length"
    for index, root in enumerate(roots):
        if not 0 < root < n:
            return f"root {index} out of range"
        asked = challenge(n, index)
        if math.gcd(asked, n) != 1:
            return f"challenge {index} not coprime"
        if pow(root, n, n) != asked:
            return f"root {index} does not hold"
    return None


def roots(n, order, domain=DOMAIN):
    """Roots of the challenges, as far as they have one: `order` is a multiple of the order of every unit with one, coprime to n."""
    exponent = pow(n, -1, order)
    return [pow(challenge(n, index, domain), exponent, n) for index in range(CHALLENGES)]


def next_prime(candidate, step=2):
    while not is_prime(candidate):
        candidate += step
    return candidate


def key(label, bits):
    """Two primes as a key has them: gcd(p - 1, q - 1) = 2."""
    p, q = blum_prime(f"{label}/p", bits // 2), blum_prime(f"{label}/q", bits // 2)
    while math.gcd(p - 1, q - 1) != 2:
        q = next_prime(q + 4, 4)
    return p, q


def cases():
    """name, n, roots, and what is wrong with them."""
    p, q = key("modulus", 3072)
    yield "good", p * q, roots(p * q, (p - 1) * (q - 1)), None
    n = p * q
    yield "otherDomain", n, roots(n, (p - 1) * (q - 1), b"BUSBARmd"), "root 0 does not hold"
    changed = roots(n, (p - 1) * (q - 1))
    changed[5] = n - changed[5]
    yield "negated", n, changed, "root 5 does not hold"
    p, q = key("modulus/small", 2048)
    other = roots(p * q, (p - 1) * (q - 1))
    yield "small", p * q, other, None
    a, b = key("modulus/other", 2048)
    yield "ofAnother", a * b, other, "root 0 does not hold"
    # The greatest prime below 2^16 and the least above it: with both, n shares no factor with phi(n).
    for name, factor, wrong in [("below", 65521, "divisible by 65521"), ("above", 65537, None)]:
        p = next_prime(number(f"modulus/{name}", 2032) | 1 << 2031 | 1 << 2030 | 1)
        n = factor * p
        assert math.gcd(n, (factor - 1) * (p - 1)) == 1
        yield name, n, roots(n, (factor - 1) * (p - 1)), wrong
    # Where a prime divides n and phi(n), a cheat knows all there is to know, and most challenges have no root.
    n = 251 ** 385
    yield "power", n, roots(n, 250), "divisible by 251"
    p, q = blum_prime("modulus/square/p", 683), blum_prime("modulus/square/q", 682)
    yield "square", p * p * q, roots(p * p * q, (p - 1) * (q - 1)), "root 0 does not hold"
    p = blum_prime("modulus/related/p", 1000)
    k = number("modulus/related/k", 48) | 1 << 47
    while not is_prime(2 * k * p + 1):
        k += 1
    q = 2 * k * p + 1
    assert (q - 1) % p == 0
    yield "related", p * q, roots(p * q, (p - 1) * (2 * k)), "root 0 does not hold"
    p = next_prime(number("modulus/prime", 2048) | 1 << 2047 | 1)
    # Modulo a prime every challenge is its own p-th root.
    yield "prime", p, [challenge(p, index) for index in range(CHALLENGES)], "prime"


def hexadecimal(n, values):
    length = (n.bit_length() + 7) // 8
    return b"".join(value.to_bytes(length, "big") for value in values).hex()


def vectors():
    for name, n, values, wrong in cases():
        assert refusal(n, values) == wrong, (name, refusal(n, values))
        print(f"{name}Modulus {hexadecimal(n, [n])}")
        print(f"{name}Roots {hexadecimal(n, values)}")


def swift():
    p, q = key("modulus", 3072)
    proof = bytes.fromhex(hexadecimal(p * q, roots(p * q, (p - 1) * (q - 1))))
    print("// Printed by Tests/Oracles/modulus_vectors.py --swift; do not edit.")
    print()
    print("/// A 3072-bit key, and the digest of the proof of its modulus. Hexadecimal, big-endian.")
    print("enum ModulusVectors {")
    for name, text in [("p", p.to_bytes(192, "big").hex()), ("q", q.to_bytes(192, "big").hex()),
                       ("proofDigest", H(b"BUSBARts", proof).hex())]:
        print(f"  static let {name} =")
        for start in range(0, len(text), 96):
            print(("    " if start == 0 else "    + ") + f'"{text[start:start + 96]}"')
    print("}")


if __name__ == "__main__":
    swift() if sys.argv[1:] == ["--swift"] else vectors()
