#!/usr/bin/env python3
"""Prints the golden vectors of byte_vectors.txt: docs/PROTOCOL.md written down a second time, in another language.

usage: byte_vectors.py > byte_vectors.txt        (needs cryptography, for Ed25519, X25519 and ChaCha20-Poly1305)
"""
import struct
from hashlib import blake2b

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat


def H(domain, *parts):
    assert len(domain) == 8
    return blake2b(domain + b"".join(parts), digest_size=32).digest()


def signing(seed):
    return Ed25519PrivateKey.from_private_bytes(bytes([seed]) * 32)


def agreement(seed):
    return X25519PrivateKey.from_private_bytes(bytes([seed]) * 32)


def raw(key):
    return key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)


def pattern(first, count, step=1):
    return bytes((first + step * i) % 256 for i in range(count))


# The group: four aggregators with 5, 3, 0 and 5 meters, of which meter 2 of set 0 and meter 3 of set 3 have no export.
SETS = [5, 3, 0, 5]
FEEDERS = [[0b11111, 0b111, 0, 0b11111], [0b11011, 0b111, 0, 0b10111]]
EPOCH, GROUP, OWNER, AUTHOR, PERIOD, POSITION = 2, 3, 0, 2, 1006, 5
FIRST_PERIOD, EXCLUSION_PERIODS = 1001, 48
MODULUS = pattern(0xC1, 32, 7)
ROOTS = pattern(0x17, 8 * 32, 3)
SLOTS = bytes([1, 2])
BOOKKEEPER = 0x20


def party(sign, agree):
    return raw(signing(sign)) + raw(agreement(agree))


def power(owner, meter):
    """Registered maximum, in watts."""
    return 69_000 + 1000 * owner + meter


def genesis():
    head = struct.pack("<8sQHHIHBxIQHH", b"BUSBARg3", EPOCH, GROUP, len(SETS), 900, 3, 1, EXCLUSION_PERIODS, FIRST_PERIOD,
                       len(MODULUS), len(SLOTS))
    body = head + SLOTS + MODULUS + ROOTS + party(BOOKKEEPER, 0x21)
    for index, count in enumerate(SETS):
        body += party(0x40 + index, 0x50 + index) + struct.pack("<H", count)
    for owner, count in enumerate(SETS):
        for meter in range(count):
            body += party(0x80 + 8 * owner + meter, 0xC0 + 8 * owner + meter) + struct.pack("<I", power(owner, meter))
    for slot in FEEDERS:
        for bits in slot:
            body += bits.to_bytes(64, "little")
    return body


# A round is (period, view).
ROUND = PERIOD, 1


def claimed(lock):
    """What a round change says of the round of its prepared certificate: one more than the view, or zeros for none."""
    return bytes(12) if lock is None else struct.pack("<QI", lock[0], lock[1] + 1)


def statement(network, kind, digest, signer, owner=OWNER, position=POSITION, round=ROUND, lock=None):
    data = b"BUSBAR/2" + bytes([kind, 0, 0, 0]) + network
    data += struct.pack("<QHH", EPOCH, GROUP, owner)
    data += struct.pack("<QQI", round[0], position, round[1])
    data += digest + claimed(lock) + struct.pack("<H", signer) + bytes(6)
    assert len(data) == 128
    return data


def quorum(network, digest, members, **fields):
    common = statement(network, 3, digest, 0, **fields)
    signatures = b"".join(signing(0x40 + i).sign(statement(network, 3, digest, i, **fields)) for i in members)
    return common + struct.pack("<Q", sum(1 << i for i in members)) + signatures


PREPARE, COMMIT, ROUND_CHANGE = 2, 3, 4


def consensus(out):
    """Position 9 of set 1 in a network of its own: prepared in round (6, 1), asked for and led again in (7, 0) by member 0."""
    network, value, first, later = pattern(0, 32), pattern(0x80, 32), (6, 1), (7, 0)

    def signed(kind, round, digest, member, lock=None):
        data = statement(network, kind, digest, member, owner=1, position=9, round=round, lock=lock)
        return data, signing(0x40 + member).sign(data)

    def vote(*fields):
        return b"".join(signed(*fields))

    def digest(name, data):
        out(name, H(b"BUSBARts", data))

    none = bytes(8)
    prepared = struct.pack("<QQI", 0b1011, *first) + value
    prepared += b"".join(signed(PREPARE, first, value, member)[1] for member in (0, 1, 3))
    assert len(prepared) == 52 + 64 * 3

    def new_round(value, certificate, asking):
        """asking: for each member whose round change is cited, the round and value of its certificate, or zeros."""
        data = vote(PREPARE, later, value, 0) + certificate
        data += struct.pack("<Q", sum(1 << member for member, _, _ in asking))
        for member, lock, digest in asking:
            cited = claimed(lock) + digest + signed(ROUND_CHANGE, later, digest, member, lock)[1]
            assert len(cited) == 108
            data += cited
        return data

    data, signature = signed(PREPARE, (6, 0), value, 3)
    out("statement", data)
    out("statementSignature", signature)
    digest("quorumCertificateDigest", quorum(network, value, (0, 1, 3), owner=1, position=9, round=(6, 0)))
    zero = bytes(32)
    digest("roundChangeDigest", vote(ROUND_CHANGE, later, zero, 2) + none)
    digest("lockedRoundChangeDigest", vote(ROUND_CHANGE, later, value, 1, first) + prepared)
    digest("lockedNewRoundDigest", new_round(value, prepared, [(0, None, zero), (1, first, value), (2, None, zero)]))
    digest("freeNewRoundDigest", new_round(bytes([9]) * 32, none, [(0, None, zero), (1, None, zero), (3, None, zero)]))
    digest("commitEntryDigest", vote(COMMIT, first, value, 3) + prepared)
    return {"commit": vote(COMMIT, first, value, 3), "prepared": prepared}


def merkle(hashes):
    """The root of the tree over the leaves, by halves: the left half is the largest power of two below the count."""
    if len(hashes) == 1:
        return hashes[0]
    half = 1
    while 2 * half < len(hashes):
        half *= 2
    return H(b"BUSBARmn", merkle(hashes[:half]), merkle(hashes[half:]))


def coverage(periods, excluded=()):
    """A period for each meter; then, of each that is excluded, the meter and the last period for which it is."""
    return struct.pack(f"<{len(periods)}Q", *periods) + b"".join(struct.pack("<HQ", *one) for one in excluded)


def leaf(meter, record_hash):
    return H(b"BUSBARml", struct.pack("<H", meter), record_hash)


def aggregation(out):
    network = H(b"BUSBARgn", genesis())
    key = H(b"BUSBARky", MODULUS, struct.pack("<H", len(SLOTS)), SLOTS)[:16]
    out("genesis", genesis())
    out("networkIdentifier", network)
    out("keyIdentifier", key)

    ciphertext, closing, meter = pattern(5, 64, 3), pattern(9, 72, 5), 1
    sealed = struct.pack("<8s32sQHHH2xQQ16s32s72s", b"BUSBARrc", network, EPOCH, GROUP, OWNER, meter, 1005, PERIOD, key,
                         H(b"BUSBARct", ciphertext), closing)
    signature = signing(0x80 + 8 * OWNER + meter).sign(sealed)
    record_hash = H(b"BUSBARrh", sealed)
    out("ciphertext", ciphertext)
    out("ciphertextHash", H(b"BUSBARct", ciphertext))
    out("recordStatement", sealed)
    out("recordHash", record_hash)
    out("record", struct.pack("<HH4xQQQ16s72s64s", OWNER, meter, EPOCH, 1005, PERIOD, key, closing, signature))
    receipt = struct.pack("<8s32sQHHHHQQ32s", b"BUSBARr2", network, EPOCH, GROUP, OWNER, meter, AUTHOR, PERIOD, POSITION,
                          record_hash)
    out("receipt", receipt + signing(0x40 + AUTHOR).sign(receipt))

    for count in [1, 2, 3, 4, 5, 6, 7, 8, 9, 15, 16, 17, 255, 256, 257, 511, 512]:
        leaves = [leaf(x, blake2b(struct.pack("<I", x), digest_size=32).digest()) for x in range(count)]
        out(f"manifest{count}", merkle(leaves))

    # Meters 0, 1 and 3 contribute; meter 1 was covered through 1004, the others through 1005. Meter 2 is accused, so its records are
    # not counted from the next header on.
    covered = coverage([1005, 1004, 1005, 1005, 1005])
    after = coverage([PERIOD, PERIOD, 1005, PERIOD, 1005], [(2, PERIOD + EXCLUSION_PERIODS)])
    root = lambda table: H(b"BUSBARcv", struct.pack("<H", OWNER), table)
    out("coverageTable", covered)
    out("coverageRoot", root(covered))
    out("coverageTableAfter", after)
    out("coverageRootAfter", root(after))
    # The last period for which the exclusion stands, and the first one after it, when the meter is counted again and another excluded.
    last, over = PERIOD + EXCLUSION_PERIODS, PERIOD + EXCLUSION_PERIODS + 1
    out("coverageRootLast", root(coverage([last, last, 1005, PERIOD, 1005], [(2, last)])))
    out("coverageRootOver", root(coverage([over, last, over, PERIOD, 1005], [(0, over + EXCLUSION_PERIODS)])))
    manifest = merkle([leaf(0, pattern(0x30, 32)), leaf(1, record_hash), leaf(3, pattern(0x33, 32))])
    # Aggregator 3 and meter 2 are accused, and of other sets meter 1 of set 1 and meter 4 of set 3.
    elsewhere = struct.pack("<4I", 2 << 16 | 1, 4 << 16 | 4, 0, 0)
    header = struct.pack("<32sQHHHHQ16s32s32s32s32s64sQ64s16s", network, EPOCH, GROUP, OWNER, AUTHOR, 3, PERIOD, key,
                         pattern(0x60, 32), root(after), manifest, H(b"BUSBARct", ciphertext[::-1]), b"\x0b", 8, b"\x04",
                         elsewhere)
    digest = H(b"BUSBARhd", header)
    out("header", header)
    out("headerDigest", digest)
    # Two commits of aggregator 3 in one round, two round changes of which one claims a certificate, and two records of meter 1 that
    # differ in `closing`.
    def votes(kind, halves):
        data = struct.pack("<BxHH2xQQI4x", kind, OWNER, 3, PERIOD, POSITION, 1)
        for lock, value in halves:
            data += claimed(lock) + value + signing(0x43).sign(statement(network, kind, value, 3, lock=lock))
        assert len(data) == 248
        return data

    out("voteContradiction", votes(COMMIT, [(None, pattern(0x10, 32)), (None, pattern(0x90, 32))]))
    out("roundChangeContradiction", votes(ROUND_CHANGE, [(None, bytes(32)), ((PERIOD, 0), pattern(0x90, 32))]))
    other = sealed[:-72] + pattern(10, 72, 5)
    records = struct.pack("<BxHH2xQQ8x", 16, OWNER, meter, PERIOD, 1005)
    for signed in [sealed, other]:
        records += signed[88:] + signing(0x80 + 8 * OWNER + meter).sign(signed)
    assert len(records) == 368
    out("recordContradiction", records)
    out("certificate", b"BUSBARc2" + quorum(network, digest, [0, 2, 3]) + header)
    published = struct.pack("<8s32sQHH4xQ32s16s", b"BUSBARsm", network, EPOCH, GROUP, OWNER, PERIOD, digest, key)
    published += pattern(1, 32, 9) + pattern(2, 32, 11)
    out("sum", published + signing(BOOKKEEPER).sign(published))


def provisioning(out):
    """What meter 1 of set 0 and the bookkeeper show of their keys before there is a group, and the meter's bundle afterwards."""
    proven = b"BUSBARmp" + struct.pack("<H", len(MODULUS)) + MODULUS + ROOTS
    for name, role, keys, more in [("meterRegistration", 2, (0x81, 0xC1), b""),
                                   ("bookkeeperRegistration", 3, (BOOKKEEPER, 0x21), proven)]:
        signed = struct.pack("<8sB3x", b"BUSBARkr", role) + party(*keys) + more
        registration = signed + signing(keys[0]).sign(signed)
        out(name, registration)
        out(name + "Fingerprint", H(b"BUSBARkf", registration)[:16])
    text = b"[node]\nrole = meter\nowner = 0\nindex = 1\n"
    device_map = b"[device]\nname = house\n"
    summed = struct.pack("<8sIII", b"BUSBARnb", len(genesis()), len(text), len(device_map)) + genesis() + text + device_map
    out("bundle", summed + H(b"BUSBARnc", summed))


# Packets: node 1 in its 9th run and node 2 in its 7th.
BOOT = {1: 9, 2: 7}
RUN = {1: bytes([0x81]) * 16, 2: bytes([0x82]) * 16}
NETWORK = pattern(0, 32)
STATUS, RECORD, VOTE, WANT, CHUNK, PROOF = 1, 2, 5, 6, 7, 8


def packet_header(kind, body, sender, receiver, boot, sequence):
    key = 0 if kind == STATUS else 1
    return struct.pack("<BBHIIB3xQQII", 2, kind, len(body), sender, receiver, 2, boot, sequence, key, key)


# The identity's agreement key of a node grows from 0x40 and its number, its first packet key from 0x60.
def packet_key(sender, receiver, sender_boot, receiver_boot):
    first = 0x60 if receiver_boot else 0x40
    shared = agreement(first + sender).exchange(agreement(first + receiver).public_key())
    runs = RUN[sender] + RUN[receiver] if receiver_boot else bytes(32)
    context = struct.pack("<8s32sQIIQQ32s", b"BUSBARpk", NETWORK, EPOCH, sender, receiver, sender_boot, receiver_boot,
                          runs)
    return blake2b(context, key=shared, digest_size=32).digest()


def packet(kind, body, sender, receiver, sequence):
    clear = packet_header(kind, body, sender, receiver, BOOT[sender], sequence)
    key = packet_key(sender, receiver, BOOT[sender], 0 if kind == STATUS else BOOT[receiver])
    return clear + ChaCha20Poly1305(key).encrypt(bytes(4) + struct.pack("<Q", sequence), body, clear)


def told_key(node):
    public = raw(agreement(0x60 + node))
    statement = struct.pack("<8s32sQIIQ16s32s", b"BUSBARdk", NETWORK, EPOCH, node, 1, BOOT[node], RUN[node], public)
    return statement, public + signing(0x20 + node).sign(statement)


def status_body(node, known_boot, known_key, wall=0, synchronised=0, wants_answer=0):
    """`known_boot` is 0 or the other node's."""
    known_run = RUN[3 - node] if known_boot else bytes(16)
    return (struct.pack("<QQII", 0, known_boot, 1, known_key) + told_key(node)[1] + RUN[node] + known_run
            + struct.pack("<QBB6x", wall, synchronised, wants_answer))


def packets(out):
    want = struct.pack("<BxHH2xQQ32s64sQQI4x", 3, 4, 5, 6, 7, pattern(0xA0, 32), pattern(0, 64), 8, 9, 10)
    out("packetKeyStatement", told_key(1)[0])
    out("packetHeader", packet_header(WANT, want, 1, 2, 9, 3))
    out("want", want)
    out("chunk", struct.pack("<BxHHHQI4x", 2, 4, 1, 2, 6, 1034))
    out("acknowledgement", struct.pack("<QH6x", 3, 2))
    out("acknowledgedPosition", struct.pack("<H6xQ32sQ", 4, 6, pattern(0xA0, 32), 0b101001))
    out("proof", struct.pack("<HHHHQQ32s72s", 4, 5, 2, 1, 5, 6, pattern(0x80, 32), pattern(1, 72)))
    out("status", status_body(2, 9, 1, 1_700_000_000_123_456_789, 1, 1))
    out("sharedSecret", agreement(0x41).exchange(agreement(0x42).public_key()))
    out("packetSecret", agreement(0x61).exchange(agreement(0x62).public_key()))
    out("keyFromFirst", packet_key(1, 2, 9, 7))
    out("keyFromSecond", packet_key(2, 1, 7, 9))
    out("statusKeyFromFirst", packet_key(1, 2, 9, 0))
    # A STATUS that knows nothing, its answer, then traffic both ways.
    out("firstStatus", packet(STATUS, status_body(1, 0, 0), 1, 2, 0))
    out("answerStatus", packet(STATUS, status_body(2, 9, 1), 2, 1, 0))
    out("wantPacket", packet(WANT, want, 1, 2, 1))
    out("emptyPacket", packet(RECORD, b"", 2, 1, 1))
    full = packet(RECORD, pattern(0, 1232 - 40 - 16, 7), 1, 2, 2)
    assert len(full) == 1232
    out("fullPacketDigest", blake2b(full, digest_size=32).digest())


def journal(out):
    """Of node 7 of a network whose identifier counts up: one entry, in a journal and in a snapshot."""
    network, entry = bytes(range(32)), bytes([0xAA, 0xBB])
    for name, flag in ("journal", 0), ("snapshot", 1):
        head = struct.pack("<8s32sIB3x", b"BUSBARj3", network, 7, flag)
        chain = H(b"BUSBARjl", bytes(16), head)[:16]
        file = head + chain
        chain = H(b"BUSBARjl", chain, entry)[:16]
        file += struct.pack("<IB3x", len(entry), 0) + chain + entry
        if flag:
            mark = struct.pack("<Q", 1)
            file += struct.pack("<IB3x", len(mark), 1) + H(b"BUSBARjs", chain, mark)[:16] + mark
        out(name, file)
    out("cellDigest", H(b"BUSBARcl", struct.pack("<HQ", 1, 64), bytes([0xAA, 0xBB])))
    spans = struct.pack("<3Q", 3, 4, 6) + bytes(72)
    # Import: believed at 5 Wh, 1,005 Wh in the register, a jump to 9 kWh disbelieved since; export: never there.
    out("countersStanding", struct.pack("<BqqQQq", 2 | 4 | 8, 5_000, 1_005_000, 7, 8, 9_000_000) + struct.pack("<B40x", 1))
    out("closing", struct.pack("<qqqq", 5_000, 70, 1_000, -1))
    out("meterStanding", struct.pack("<BQQQqqqqqq", 7, 7, 9, 2, 5, -6, 1, 2, 8, 0) + spans)


def entries(out, known):
    """Journal entries, of each kind one; `known` are the vectors before."""
    certificate, product, place = known["certificate"], pattern(2, 64, 3), struct.pack("<HH", 3, 1)
    told = struct.pack("<H6xQ32sQ", 2, 6, pattern(0xA0, 32), 0b101001)
    contributors = bytes([0b1011]) + bytes(63)

    def counted(data):
        return struct.pack("<H", len(data)) + data

    def entry(name, kind, *parts):
        out(name + "Entry", bytes([kind]) + b"".join(parts))

    entry("boot", 1, struct.pack("<Q", 1_700_000_000))
    entry("vote", 2, known["commit"], known["prepared"])
    entry("record", 3, known["record"], known["ciphertext"])
    entry("decided", 4, counted(certificate), product)
    entry("baseline", 5, struct.pack("<Qqq", 1004, 7_000, -8))
    entry("closed", 6, struct.pack("<qqqq", 7_900, -8, 7_000, -9), known["record"], known["ciphertext"])
    entry("certified", 7, known["recordHash"])
    entry("proposal", 8, known["header"])
    entry("recovered", 9, struct.pack("<Qqq", PERIOD, 7_000, -9))
    entry("head", 10, counted(certificate), counted(known["coverageTableAfter"]), product)
    entry("peerBoot", 11, struct.pack("<IQ", 3, 9))
    entry("votingFloor", 12, struct.pack("<Q", 1008))
    entry("contradiction", 13, known["recordContradiction"])
    entry("takenBack", 14, struct.pack("<Q", 1005))
    entry("modulusProven", 15, known["networkIdentifier"])
    # Meters 0, 1 and 3 contributed.
    shown = [struct.pack("<Q32s72s", 1000 + x, pattern(0x30 + x, 32), pattern(x, 72, 5)) for x in (0, 1, 3)]
    entry("shown", 16, counted(certificate), *shown)
    entry("meterStanding", 17, known["meterStanding"])
    entry("named", 18, place, struct.pack("<Q", PERIOD))
    entry("published", 20, struct.pack("<Q", 1005), told, contributors)
    entry("unreadable", 21, struct.pack("<Q", 1005), told, contributors, counted(b"cer"), counted(b"pr"), b"S")
    entry("acknowledged", 22, told)
    entry("inclusion", 23, counted(certificate), known["proof"], pattern(3, 32))
    entry("knownCoverage", 24, struct.pack("<HQ4Q", 2, 6, 1005, 1005, 1000, 1005))
    entry("counters", 25, known["countersStanding"])


if __name__ == "__main__":
    known = {}

    def out(name, value):
        known[name] = value
        print(name, value.hex())

    known.update(consensus(out))
    aggregation(out)
    provisioning(out)
    packets(out)
    journal(out)
    entries(out, known)
