#!/usr/bin/env python3
"""Makes the golden packets and bodies a second time, from docs/PROTOCOL.md and the RFCs alone, and compares.

usage: packet_vectors.py [BUSBAR]     compares with Tests/PacketsTests/vectors.txt and with the self-test's vectors
       packet_vectors.py --print      prints what vectors.txt must hold
needs cryptography >= 42 (RFC 7748, RFC 8439); keyed BLAKE2b is Python's own (RFC 7693)
"""
import hashlib, pathlib, re, struct, sys

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

ROOT = pathlib.Path(__file__).resolve().parents[2]
NETWORK, EPOCH = bytes(range(32)), 2
SEEDS = {1: b"\x41" * 32, 2: b"\x42" * 32}
STATUS, RECORD, WANT = 1, 2, 6


def shared(own, other):
    public = X25519PrivateKey.from_private_bytes(SEEDS[other]).public_key().public_bytes_raw()
    return X25519PrivateKey.from_private_bytes(SEEDS[own]).exchange(X25519PublicKey.from_public_bytes(public))


def key(sender, receiver, sender_boot, receiver_boot):
    context = b"BUSBARpk" + NETWORK + struct.pack("<QIIQQ", EPOCH, sender, receiver, sender_boot, receiver_boot)
    return hashlib.blake2b(context, digest_size=32, key=shared(sender, receiver)).digest()


def header(kind, length, sender, receiver, boot, sequence):
    return struct.pack("<BBHII4xQQ", 1, kind, length, sender, receiver, boot, sequence)


def packet(kind, body, sender, receiver, sender_boot, receiver_boot, sequence):
    clear = header(kind, len(body), sender, receiver, sender_boot, sequence)
    nonce = bytes(4) + struct.pack("<Q", sequence)
    secret = key(sender, receiver, sender_boot, 0 if kind == STATUS else receiver_boot)
    return clear + ChaCha20Poly1305(secret).encrypt(nonce, body, clear)


def vectors():
    want = struct.pack("<BxHHxxQ", 3, 4, 5, 6) + bytes(range(64))
    chunk = struct.pack("<BxHHHQI4x", 2, 4, 1, 2, 6, 1034) + b"piece"
    proof = struct.pack("<HHHHQ", 4, 5, 2, 1, 6) + bytes(range(0x80, 0xA0)) + bytes(8) + bytes(range(64))
    full = bytes(7 * place & 255 for place in range(1232 - 32 - 16))
    return {
        "header": header(WANT, 80, 1, 2, 9, 1),
        "statusBody": struct.pack("<QQ", 9, 7),
        "wantBody": want,
        "chunkBody": chunk,
        "proofBody": proof,
        "sharedSecret": shared(1, 2),
        "firstStatus": packet(STATUS, struct.pack("<QQ", 9, 0), 1, 2, 9, 0, 0),
        "answerStatus": packet(STATUS, struct.pack("<QQ", 7, 9), 2, 1, 7, 9, 0),
        "wantPacket": packet(WANT, want, 1, 2, 9, 7, 1),
        "emptyPacket": packet(RECORD, b"", 2, 1, 7, 9, 1),
        "fullPacketDigest": hashlib.blake2b(packet(RECORD, full, 1, 2, 9, 7, 2), digest_size=32).digest(),
    }


def main():
    made = {name: value.hex() for name, value in vectors().items()}
    if "--print" in sys.argv:
        for name, value in made.items():
            print(name, value)
        return 0
    lines = (ROOT / "Tests/PacketsTests/vectors.txt").read_text().splitlines()
    committed = dict(line.split() for line in lines if line and not line.startswith("#"))
    source = (ROOT / "Sources/busbar-selftest/PacketsVectors.swift").read_text()
    literals = re.findall(r'"([0-9a-f]+)"', re.sub(r'"\s*\+\s*"', "", source))
    passed = failed = 0

    def check(ok, name):
        nonlocal passed, failed
        passed, failed = passed + ok, failed + (not ok)
        if not ok:
            print("failed:", name)

    check(committed.keys() == made.keys(), "the names in vectors.txt")
    for name, value in made.items():
        check(committed.get(name) == value, name)
    check(len(literals) >= 3, "the self-test's vectors were found")
    for literal in literals:
        check(literal in made.values(), f"self-test vector {literal[:16]}…")
    # Both sides agree on the secret, and the other direction's key is another one.
    check(shared(1, 2) == shared(2, 1), "X25519 is symmetric")
    check(key(1, 2, 9, 7) != key(2, 1, 7, 9), "one key a direction")
    sealed = bytes.fromhex(committed["wantPacket"])
    for secret, opens in ((key(1, 2, 9, 7), True), (key(1, 2, 9, 6), False), (key(1, 2, 8, 7), False)):
        try:
            body = ChaCha20Poly1305(secret).decrypt(bytes(4) + sealed[24:32], sealed[32:], sealed[:32])
            check(opens and body.hex() == committed["wantBody"], "the WANT opens")
        except InvalidTag:
            check(not opens, "only the key of both runs opens the WANT")
    print(f"{passed} passed, {failed} failed")
    return failed != 0


if __name__ == "__main__":
    sys.exit(main())
