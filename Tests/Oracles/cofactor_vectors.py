#!/usr/bin/env python3
"""Prints what the two equations of Ed25519 say of the vectors in Sources/Cryptography/CofactorlessCheck.swift.

usage: cofactor_vectors.py > cofactor_vectors.txt        (needs cryptography, whose OpenSSL checks without the cofactor)

Plain arithmetic on the curve, slow and short: RFC 8032, section 5.1.
"""
import hashlib
import pathlib
import re

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P


def add(a, b):
    (x1, y1), (x2, y2) = a, b
    t = D * x1 * x2 * y1 * y2 % P
    return ((x1 * y2 + x2 * y1) * pow(1 + t, P - 2, P) % P, (y1 * y2 + x1 * x2) * pow(1 - t, P - 2, P) % P)


def multiply(k, point):
    result = (0, 1)
    while k:
        if k & 1:
            result = add(result, point)
        point = add(point, point)
        k >>= 1
    return result


def decode(data):
    y = int.from_bytes(data, "little")
    sign, y = y >> 255, y & (1 << 255) - 1
    assert y < P
    xx = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(xx, (P + 3) // 8, P)
    if (x * x - xx) % P:
        x = x * pow(2, (P - 1) // 4, P) % P
    assert (x * x - xx) % P == 0
    return (P - x if x & 1 != sign else x, y)


BASE = decode((4 * pow(5, P - 2, P) % P).to_bytes(32, "little"))


def verdicts(message, key, signature):
    """Without the cofactor, with it."""
    r, s = signature[:32], int.from_bytes(signature[32:], "little")
    assert s < L
    h = int.from_bytes(hashlib.sha512(r + key + message).digest(), "little") % L
    left, right = multiply(s, BASE), add(decode(r), multiply(h, decode(key)))
    return left == right, multiply(8, left) == multiply(8, right)


def openssl(message, key, signature):
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signature, message)
        return True
    except InvalidSignature:
        return False


def main():
    source = pathlib.Path(__file__).resolve().parents[2] / "Sources/Cryptography/CofactorlessCheck.swift"
    for name, body in re.findall(r"static let (accepted|refused) = Vector\((.*?)\)\n", source.read_text(), re.S):
        fields = bytes.fromhex("".join(re.findall(r'"([0-9a-f]+)"', body)))
        message, key, signature = fields[:32], fields[32:64], fields[64:]
        assert len(signature) == 64
        without, with_cofactor = verdicts(message, key, signature)
        print(f"{name} S*B = R + h*A: {without}")
        print(f"{name} 8*S*B = 8*R + 8*h*A: {with_cofactor}")
        print(f"{name} OpenSSL: {openssl(message, key, signature)}")
        for what, point in (("A", decode(key)), ("R", decode(signature[:32]))):
            print(f"{name} {what} of mixed order: {multiply(L, point) != (0, 1) and multiply(8, point) != (0, 1)}")


if __name__ == "__main__":
    main()
