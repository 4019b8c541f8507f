#!/usr/bin/env python3
"""Reads captured traffic of a running group with a decoder written from docs/PROTOCOL.md alone.

A group is provisioned whose nodes know each other only by the addresses of relays in this process; each relay keeps what
passes, and loses some of it, seeded. With the nodes' keys every packet is opened here, every body read field by field, written
again to the same bytes, every signature in it checked over the statement as the document builds it, and objects put together
from chunks are compared with what the group published.

usage: protocol_peer.py BUSBAR          prints "N passed, N failed" last
"""
import datetime
import hashlib
import json
import os
import random
import selectors
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

AGGREGATORS, METERS, PERIOD, KEY_SECONDS = 4, 5, 4, 3
STATUS, RECORD, RECEIPT, PROPOSAL, VOTE, WANT, CHUNK, PROOF, ACKNOWLEDGEMENT = range(1, 10)
NAMES = ["", "STATUS", "RECORD", "RECEIPT", "PROPOSAL", "VOTE", "WANT", "CHUNK", "PROOF", "ACKNOWLEDGEMENT"]
LOSS = 0.05


# The document.

def H(domain, *parts):
    assert len(domain) == 8
    return hashlib.blake2b(domain + b"".join(parts), digest_size=32).digest()


class Reader:
    """Reads a layout front to back; names give the values."""

    def __init__(self, data):
        self.data, self.place = data, 0

    def take(self, count):
        assert self.place + count <= len(self.data), "truncated"
        self.place += count
        return self.data[self.place - count:self.place]

    def number(self, size):
        return int.from_bytes(self.take(size), "little")

    def zeros(self, count):
        assert self.take(count) == bytes(count), "reserved bytes are not zero"

    def rest(self):
        return self.take(len(self.data) - self.place)

    def end(self):
        assert self.place == len(self.data), "bytes left over"


class Party:
    def __init__(self, reader):
        self.signing = Ed25519PublicKey.from_public_bytes(reader.take(32))
        self.agreement = X25519PublicKey.from_public_bytes(reader.take(32))


class Genesis:
    def __init__(self, data):
        r = Reader(data)
        assert r.take(8) == b"BUSBARg3"
        self.network = H(b"BUSBARgn", data)
        self.epoch, self.group, self.members = r.number(8), r.number(2), r.number(2)
        self.seconds, self.minimum, self.rotation = r.number(4), r.number(2), r.number(1)
        r.zeros(1)
        self.exclusion = r.number(4)
        self.first = r.number(8)
        length, slots = r.number(2), r.number(2)
        self.slots = r.take(slots)
        modulus = r.take(length)
        self.roots = [int.from_bytes(r.take(length), "big") for _ in range(8)]
        self.n = int.from_bytes(modulus, "big")
        self.length = length
        self.key = H(b"BUSBARky", modulus, struct.pack("<H", slots), self.slots)[:16]
        self.bookkeeper = Party(r)
        self.aggregators, self.counts, self.meters = [], [], []
        for _ in range(self.members):
            self.aggregators.append(Party(r))
            self.counts.append(r.number(2))
        for count in self.counts:
            self.meters.append([])
            for _ in range(count):
                self.meters[-1].append(Party(r))
                self.meters[-1][-1].power = r.number(4)
        self.feeders = [[r.number(64) for _ in self.counts] for _ in self.slots]
        assert self.minimum >= 3
        for slot, sets in zip(self.slots, self.feeders):
            for bits, count in zip(sets, self.counts):
                assert bits >> count == 0 and (count == 0 or bits.bit_count() >= self.minimum)
                assert slot != 1 or bits == (1 << count) - 1, "every meter has an import"
        r.end()
        f = (self.members - 1) // 3
        self.quorum = -(-(self.members + f + 1) // 2)

    def day(self, period):
        """The UTC day in which a period begins: the folder that its published files are in."""
        return str(datetime.date(1970, 1, 1) + datetime.timedelta(days=period * self.seconds // 86_400))

    def party(self, node):
        if node < 64:
            return self.aggregators[node]
        if node == 0x100:
            return self.bookkeeper
        return self.meters[(node - 0x10000) // 512][(node - 0x10000) % 512]

    def statement(self, kind, owner, position, round, digest, signer, claim=bytes(12)):
        """What a vote signs. A round is (period, view)."""
        fields = [
            b"BUSBAR/2", bytes([kind]), bytes(3), self.network, self.epoch.to_bytes(8, "little"),
            self.group.to_bytes(2, "little"), owner.to_bytes(2, "little"), round[0].to_bytes(8, "little"),
            position.to_bytes(8, "little"), round[1].to_bytes(4, "little"), digest, claim, signer.to_bytes(2, "little"),
            bytes(6),
        ]
        assert len(claim) == 12 and sum(map(len, fields)) == 128
        return b"".join(fields)

    def primary(self, owner, round):
        return (owner + (round[0] if self.rotation else 0) + round[1]) % self.members

    def signers(self, bitmap):
        """Exactly q members, in the order of the bits."""
        members = [i for i in range(64) if bitmap >> i & 1]
        assert len(members) == self.quorum and max(members) < self.members
        return members


def packet_key_statement(genesis, node, number, boot, run, key):
    """What a node signs of its packet key."""
    statement = b"BUSBARdk" + genesis.network + struct.pack("<QIIQ", genesis.epoch, node, number, boot) + run + key
    assert len(statement) == 112
    return statement


def sealing_key(genesis, secret, sender, receiver, sender_boot, receiver_boot, runs=bytes(32)):
    """Of one direction; the receiver's boot and both runs are 0 for STATUS."""
    context = b"BUSBARpk" + genesis.network + struct.pack("<QIIQQ", genesis.epoch, sender, receiver, sender_boot,
                                                          receiver_boot) + runs
    assert len(context) == 104
    return hashlib.blake2b(context, key=secret, digest_size=32).digest()


class Decoder:
    """Every layout of the document that travels. A wrong signature or field is an assertion."""

    def __init__(self, genesis):
        self.g = genesis
        self.objects = {}
        self.seen = {}
        self.complete = []
        self.records = {}
        self.headers = {}
        self.chain = {}
        self.keys = {}
        self.runs = {}
        self.boot = 0

    def count(self, what):
        self.seen[what] = self.seen.get(what, 0) + 1

    def verify(self, key, signature, data):
        key.verify(signature, data)
        self.count("signatures")

    def body(self, kind, data, sender, receiver):
        getattr(self, NAMES[kind].lower())(Reader(data), data, sender, receiver)
        self.count(NAMES[kind])

    def record_hash(self, owner, meter, epoch, first, through, key, closing, ciphertext):
        assert epoch == self.g.epoch and key == self.g.key
        sealed = (b"BUSBARrc" + self.g.network + struct.pack("<QHHH2xQQ", epoch, self.g.group, owner, meter, first,
                  through) + key + H(b"BUSBARct", ciphertext) + closing)
        assert len(sealed) == 192
        return sealed, H(b"BUSBARrh", sealed)

    def record(self, r, data, sender, receiver):
        owner, meter = r.number(2), r.number(2)
        r.zeros(4)
        epoch, first, through = r.number(8), r.number(8), r.number(8)
        key, closing, signature = r.take(16), r.take(72), r.take(64)
        ciphertext = r.rest()
        assert len(ciphertext) == 2 * self.g.length
        assert 0 < int.from_bytes(ciphertext, "big") < self.g.n ** 2
        assert first <= through
        sealed, digest = self.record_hash(owner, meter, epoch, first, through, key, closing, ciphertext)
        self.verify(self.g.meters[owner][meter].signing, signature, sealed)
        if sender >= 0x10000:
            assert sender == 0x10000 + 512 * owner + meter
        self.records[(owner, meter, through)] = (digest, ciphertext, closing)
        again = struct.pack("<HH4xQQQ", owner, meter, epoch, first, through) + key + closing + signature + ciphertext
        assert again == data

    def receipt(self, r, data, sender, receiver):
        assert r.take(8) == b"BUSBARr2" and r.take(32) == self.g.network
        epoch, group, owner, meter, signer = r.number(8), r.number(2), r.number(2), r.number(2), r.number(2)
        period, position, digest, signature = r.number(8), r.number(8), r.take(32), r.take(64)
        r.end()
        assert (epoch, group, signer) == (self.g.epoch, self.g.group, sender)
        assert receiver == 0x10000 + 512 * owner + meter and position >= 1 and period >= self.g.first
        self.verify(self.g.aggregators[signer].signing, signature, data[:104])
        # The promise names a record that went by.
        if (owner, meter, period) in self.records:
            assert self.records[(owner, meter, period)][0] == digest
            self.count("receipts of records seen")

    def header(self, data):
        assert len(data) == 352
        r = Reader(data)
        assert r.take(32) == self.g.network
        h = dict(epoch=r.number(8), group=r.number(2), owner=r.number(2), author=r.number(2), count=r.number(2),
                 period=r.number(8), key=r.take(16), previous=r.take(32), coverage=r.take(32), manifest=r.take(32),
                 product=r.take(32), contributors=r.number(64), members=r.number(8), meters=r.number(64), elsewhere=r.take(16))
        r.end()
        assert (h["epoch"], h["group"], h["key"]) == (self.g.epoch, self.g.group, self.g.key)
        assert bin(h["contributors"]).count("1") == h["count"] >= self.g.minimum
        assert h["members"] >> self.g.members == 0 and h["meters"] >> self.g.counts[h["owner"]] == 0
        # Nobody lies in a demo.
        assert h["members"] == h["meters"] == 0 and h["elsewhere"] == bytes(16)
        h["digest"] = H(b"BUSBARhd", data)
        self.headers[h["digest"]] = h
        return h

    def signed(self, member, signature, statement):
        self.verify(self.g.aggregators[member].signing, signature, statement)

    def vote_body(self, r, sender):
        kind = r.number(1)
        r.zeros(1)
        owner, view, period, position = r.number(2), r.number(4), r.number(8), r.number(8)
        digest, signature = r.take(32), r.take(64)
        assert kind in (2, 3) and position >= 1
        round = period, view
        self.signed(sender, signature, self.g.statement(kind, owner, position, round, digest, sender))
        return kind, owner, round, digest

    def vote(self, r, data, sender, receiver):
        self.vote_body(r, sender)
        r.end()

    def proposal(self, r, data, sender, receiver):
        # Of the first round of a position, which begins a period.
        kind, owner, round, digest = self.vote_body(r, sender)
        assert kind == 2 and round[1] == 0 and sender == self.g.primary(owner, round)
        h = self.header(r.rest())
        assert h["digest"] == digest and (h["owner"], h["period"], h["author"]) == (owner, round[0], sender)

    def whole_vote(self, r):
        """A Vote: a statement with its signature, which must be by the member it names."""
        statement, signature = r.take(128), r.take(64)
        f = Reader(statement)
        assert f.take(8) == b"BUSBAR/2"
        v = dict(kind=f.number(1))
        f.take(3 + 32 + 8 + 2)
        v.update(owner=f.number(2), period=f.number(8), position=f.number(8), view=f.number(4), digest=f.take(32),
                 claim=f.take(12), signer=f.number(2))
        v["round"] = v["period"], v["view"]
        assert statement == self.g.statement(v["kind"], v["owner"], v["position"], v["round"], v["digest"], v["signer"],
                                             v["claim"])
        self.signed(v["signer"], signature, statement)
        return v

    def prepared(self, r, owner, position):
        """A PreparedCertificate: its round and value, or neither."""
        bitmap = r.number(8)
        if bitmap == 0:
            return None, bytes(32)
        round, digest = (r.number(8), r.number(4)), r.take(32)
        for member in self.g.signers(bitmap):
            self.signed(member, r.take(64), self.g.statement(2, owner, position, round, digest, member))
        return round, digest

    def claim_of(self, lock):
        """(period, view + 1), or zeros for none."""
        return bytes(12) if lock is None else lock[0].to_bytes(8, "little") + (lock[1] + 1).to_bytes(4, "little")

    def lock_of(self, claim):
        period, after = int.from_bytes(claim[:8], "little"), int.from_bytes(claim[8:], "little")
        assert after or period == 0
        return (period, after - 1) if after else None

    def following_header(self, r, digest):
        if r.place < len(r.data):
            assert self.header(r.rest())["digest"] == digest

    def round_change(self, data, owner):
        r = Reader(data)
        v = self.whole_vote(r)
        lock, digest = self.prepared(r, owner, v["position"])
        assert (v["kind"], v["owner"], v["digest"], v["claim"]) == (4, owner, digest, self.claim_of(lock))
        assert lock is None or lock < v["round"]
        self.following_header(r, digest)
        r.end()
        self.count("round changes")

    def new_round(self, data, owner):
        r = Reader(data)
        v = self.whole_vote(r)
        assert (v["kind"], v["owner"], v["claim"]) == (2, owner, bytes(12))
        assert v["signer"] == self.g.primary(owner, v["round"])
        lock, digest = self.prepared(r, owner, v["position"])
        highest = None
        for member in self.g.signers(r.number(8)):
            claim, claimed, signature = r.take(12), r.take(32), r.take(64)
            self.signed(member, signature,
                        self.g.statement(4, owner, v["position"], v["round"], claimed, member, claim))
            asked = self.lock_of(claim)
            highest = asked if highest is None or asked is not None and asked > highest else highest
        if lock is None:
            assert highest is None
        else:
            assert v["digest"] == digest and lock < v["round"] and (highest is None or highest <= lock)
        self.following_header(r, v["digest"])
        r.end()
        self.count("new rounds")

    def acknowledgement(self, r, data, sender, receiver):
        epoch, count, last = r.number(8), r.number(2), -1
        r.zeros(6)
        assert epoch == self.g.epoch and 1 <= count <= 20
        assert 0x100 in (sender, receiver), "between the bookkeeper and an aggregator"
        for _ in range(count):
            owner = r.number(2)
            r.zeros(6)
            position, digest, open_ = r.number(8), r.take(32), r.number(8)
            assert last < owner < self.g.members and position >= 1 and open_ >> position == 0
            # Of a header that went by, it is that header's.
            header = self.headers.get(digest)
            assert header is None or header["owner"] == owner
            last = owner
        r.end()

    def want(self, r, data, sender, receiver):
        kind = r.number(1)
        r.zeros(1)
        owner, meter = r.number(2), r.number(2)
        r.zeros(2)
        position, period, digest, missing = r.number(8), r.number(8), r.take(32), r.number(64)
        highest, received, held = r.number(8), r.number(8), r.number(4)
        r.zeros(4)
        r.end()
        assert len(data) == 144
        assert kind in (1, 2, 3, 4, 5, 8, 9) and owner < self.g.members
        assert received <= highest + 1, "more packets opened than were numbered"
        if kind == 3:
            assert missing and missing >> self.g.counts[owner] == 0 and period >= self.g.first
        if kind in (3, 9):
            assert position >= 1 and digest != bytes(32)
        # Records are asked for among members: a bookkeeper could decrypt one.
        assert kind not in (3, 4, 8, 9) or sender < 64
        again = struct.pack("<BxHH2xQQ", kind, owner, meter, position, period) + digest + missing.to_bytes(64, "little")
        assert again + struct.pack("<QQI4x", highest, received, held) == data

    def chunk(self, r, data, sender, receiver):
        kind = r.number(1)
        r.zeros(1)
        owner, index, total, position, length = r.number(2), r.number(2), r.number(2), r.number(8), r.number(4)
        r.zeros(4)
        piece = r.rest()
        assert kind in (1, 2, 4, 6, 7, 8, 9) and index < total == -(-length // 1024) and position >= 1
        assert kind in (1, 2) or sender < 64 and receiver < 64
        assert len(piece) == min(1024, length - 1024 * index)
        parts = self.objects.setdefault((sender, receiver, kind, owner, position, length), {})
        parts[index] = piece
        if len(parts) == total:
            self.objects.pop((sender, receiver, kind, owner, position, length))
            self.object(kind, owner, position, b"".join(parts[i] for i in range(total)))

    def object(self, kind, owner, position, data):
        if kind == 1:
            self.certificate(data, owner, position)
        elif kind == 2:
            assert len(data) == 2 * self.g.length
            self.count("products")
        elif kind == 4:
            self.head(data, owner, position)
        elif kind == 6:
            self.round_change(data, owner)
        elif kind == 7:
            self.new_round(data, owner)
        elif kind == 9:
            self.manifest(data, owner)
        # Nobody lies in a demo, so there is no contradiction.
        assert kind != 8
        self.complete.append((kind, owner, position, data))

    def head(self, data, owner, position):
        """The certificate of a set's head, and the coverage table that its header has the root of."""
        length = 8 + 136 + 64 * self.g.quorum + 352
        h = self.certificate(data[:length], owner, position)
        table = data[length:]
        assert h["coverage"] == H(b"BUSBARcv", struct.pack("<H", owner), table)
        covered = struct.unpack_from(f"<{self.g.counts[owner]}Q", table)
        assert len(table) == 8 * len(covered), "somebody is excluded"
        for meter, through in enumerate(covered):
            assert self.g.first - 1 <= through <= h["period"]
            assert (through == h["period"]) == bool(h["contributors"] >> meter & 1)
        self.count("heads")

    def manifest(self, data, owner):
        h = self.header(data[:352])
        hashes = [data[i:i + 32] for i in range(352, len(data), 32)]
        meters = [meter for meter in range(512) if h["contributors"] >> meter & 1]
        assert h["owner"] == owner and len(hashes) == len(meters) == h["count"] and len(data) == 352 + 32 * len(hashes)
        level = [H(b"BUSBARml", struct.pack("<H", meter), one) for meter, one in zip(meters, hashes)]
        while len(level) > 1:
            pairs = [level[i:i + 2] for i in range(0, len(level), 2)]
            level = [H(b"BUSBARmn", *pair) if len(pair) == 2 else pair[0] for pair in pairs]
        assert level[0] == h["manifest"]
        self.count("manifests")

    def quorum(self, r, owner):
        """A QuorumCertificate: the round in which q members committed, and to what."""
        f = Reader(r.take(128))
        f.take(8 + 1 + 3 + 32 + 8 + 2 + 2)
        period, position, view, digest = f.number(8), f.number(8), f.number(4), f.take(32)
        round = period, view
        common = self.g.statement(3, owner, position, round, digest, 0)
        assert f.data == common, "not the common statement of commits of this set"
        for member in self.g.signers(r.number(8)):
            self.signed(member, r.take(64), self.g.statement(3, owner, position, round, digest, member))
        return position, round, digest

    def certificate(self, data, owner, position=None):
        r = Reader(data)
        assert r.take(8) == b"BUSBARc2"
        place, round, digest = self.quorum(r, owner)
        h = self.header(r.rest())
        assert h["digest"] == digest and h["owner"] == owner
        # A lock may have been decided in a later period than its own, never in an earlier one.
        assert place >= 1 and h["period"] <= round[0] and position in (None, place)
        # One header a position: members hold different certificates of it.
        assert self.chain.setdefault((owner, place), digest) == digest
        before = self.g.network if place == 1 else self.chain.get((owner, place - 1), h["previous"])
        assert h["previous"] == before
        h["position"] = place
        self.count("certificates")
        return h

    def proof(self, r, data, sender, receiver):
        owner, meter, leaf, count = r.number(2), r.number(2), r.number(2), r.number(2)
        first, through, cipher, closing = r.number(8), r.number(8), r.take(32), r.take(72)
        siblings = [r.take(32) for _ in range(count)]
        r.end()
        assert count <= 9 and (receiver < 64 or receiver == 0x10000 + 512 * owner + meter)
        sealed = (b"BUSBARrc" + self.g.network + struct.pack("<QHHH2xQQ", self.g.epoch, self.g.group, owner, meter, first,
                  through) + self.g.key + cipher + closing)
        node = H(b"BUSBARml", struct.pack("<H", meter), H(b"BUSBARrh", sealed))
        for h in self.headers.values():
            if (h["owner"], h["period"]) == (owner, through):
                root = self.climb(node, leaf, h["count"], list(siblings))
                assert root == h["manifest"]
                assert bin(h["contributors"] & (1 << meter) - 1).count("1") == leaf
                self.count("proofs that hold")

    def climb(self, node, index, count, siblings):
        # "nodes H(left, right); a node without a sibling moves up unchanged."
        while count > 1:
            if index ^ 1 < count:
                sibling = siblings.pop(0)
                node = H(b"BUSBARmn", sibling, node) if index & 1 else H(b"BUSBARmn", node, sibling)
            index, count = index // 2, (count + 1) // 2
        assert not siblings
        return node

    def status(self, r, data, sender, receiver):
        previous, known, number, known_key = r.number(8), r.number(8), r.number(4), r.number(4)
        key, signature, run, known_run = r.take(32), r.take(64), r.take(16), r.take(16)
        wall, synchronised, wants_answer = r.number(8), r.number(1), r.number(1)
        r.zeros(6)
        r.end()
        assert previous <= known and number >= 1 and run != bytes(16)
        assert synchronised in (0, 1) and wants_answer in (0, 1) and (known > 0 or known_run == bytes(16))
        # "the sender's clock": of this machine, as all are.
        assert not synchronised or abs(wall / 1e9 - time.time()) < 600
        # "16 random bytes": one process has one.
        assert self.runs.setdefault((sender, self.boot), run) == run
        assert len(set(self.runs.values())) == len(self.runs)
        told = packet_key_statement(self.g, sender, number, self.boot, run, key)
        self.verify(self.g.party(sender).signing, signature, told)
        # "drawn at random": one number of one run is one key.
        assert self.keys.setdefault((sender, self.boot, number), key) == key
        assert (struct.pack("<QQII", previous, known, number, known_key) + key + signature + run + known_run
                + struct.pack("<QBB6x", wall, synchronised, wants_answer)) == data


class Capture:
    """Opens what passed between the parties whose identities are given."""

    def __init__(self, genesis, seeds, packet_seeds):
        self.g, self.seeds, self.packet_seeds, self.decoder = genesis, seeds, packet_seeds, Decoder(genesis)
        self.boots, self.runs, self.shared, self.unopened, self.highest_key = {}, {}, {}, 0, 0

    def secret(self, one, other):
        """Of two parties' keys: the node's number, its run and the key's number; run 0 for the identity's own key."""
        pair = (min(one, other), max(one, other))
        if pair not in self.shared:
            own, theirs = (X25519PrivateKey.from_private_bytes(self.packet_seeds[name] if name[1] else
                                                               self.seeds[name[0]][1]) for name in (one, other))
            self.shared[pair] = own.exchange(theirs.public_key())
        return self.shared[pair]

    def key(self, sender, receiver, sender_boot, receiver_boot, numbers):
        is_status = numbers == (0, 0)
        secret = self.secret((sender, 0 if is_status else sender_boot, numbers[0]),
                             (receiver, 0 if is_status else receiver_boot, numbers[1]))
        runs = bytes(32) if is_status else self.runs[sender, sender_boot] + self.runs[receiver, receiver_boot]
        return sealing_key(self.g, secret, sender, receiver, sender_boot, receiver_boot, runs)

    def learn_run(self, datagram):
        """Of a STATUS: which process speaks under that boot counter."""
        sender, receiver = struct.unpack_from("<II", datagram, 4)
        boot, sequence = struct.unpack_from("<QQ", datagram, 16)
        key = self.key(sender, receiver, boot, 0, (0, 0))
        data = ChaCha20Poly1305(key).decrypt(bytes(4) + struct.pack("<Q", sequence), datagram[40:], datagram[:40])
        self.runs[sender, boot] = data[120:136]

    def packet(self, datagram):
        assert 56 <= len(datagram) <= 1232
        r = Reader(datagram[:40])
        assert r.number(1) == 2
        kind, length, sender, receiver = r.number(1), r.number(2), r.number(4), r.number(4)
        assert r.number(1) == 2
        r.zeros(3)
        boot, sequence = r.number(8), r.number(8)
        numbers = r.number(4), r.number(4)
        assert (numbers[0] == 0) == (numbers[1] == 0) == (kind == STATUS)
        assert len(datagram) == 40 + length + 16 and 1 <= kind <= 9
        self.boots[sender] = max(boot, self.boots.get(sender, 0))
        key = self.key(sender, receiver, boot, 0 if kind == STATUS else self.boots.get(receiver, 0), numbers)
        nonce = bytes(4) + struct.pack("<Q", sequence)
        data = ChaCha20Poly1305(key).decrypt(nonce, datagram[40:], datagram[:40])
        self.decoder.boot = boot
        self.highest_key = max(self.highest_key, *numbers)
        self.decoder.body(kind, data, sender, receiver)


# The group and its relays.

class Relays(threading.Thread):
    def __init__(self, seed):
        super().__init__(daemon=True)
        self.selector, self.random, self.log, self.lost = selectors.DefaultSelector(), random.Random(seed), [], 0
        self.stopping = False

    def between(self, target):
        """A port that stands for `target` to whoever is told of it."""
        near, far = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
        for end in (near, far):
            end.bind(("127.0.0.1", 0))
            end.setblocking(False)
        link = {"near": near, "far": far, "asker": None, "target": target}
        self.selector.register(near, selectors.EVENT_READ, (link, True))
        self.selector.register(far, selectors.EVENT_READ, (link, False))
        return near.getsockname()[1]

    def run(self):
        while not self.stopping:
            for key, _ in self.selector.select(0.1):
                link, is_near = key.data
                try:
                    while True:
                        data, source = key.fileobj.recvfrom(2048)
                        if is_near:
                            link["asker"] = source
                        self.log.append(data)
                        if self.random.random() < LOSS:
                            self.lost += 1
                        elif is_near:
                            link["far"].sendto(data, link["target"])
                        elif link["asker"]:
                            link["near"].sendto(data, link["asker"])
                except (BlockingIOError, ConnectionRefusedError):
                    pass


def make_group(busbar, folder, relays):
    text = (f"[group]\naggregators = {AGGREGATORS}\nmetersPerSet = {METERS}\nperiodSeconds = {PERIOD}\n"
            f"modulusBits = 2048\n[network]\nhost = 127.0.0.1\nbasePort = {random.randrange(20000, 30000, 40)}\n"
            # The simulated houses live 450 times faster than their meters' rating allows.
            f"clock = trusted\n[meter]\nbus = {folder}/bus\nratedPowerWatts = 31050000\n")
    with open(f"{folder}/topology.ini", "w") as file:
        file.write(text)
    grid = f"{folder}/grid"
    subprocess.run([busbar, "provision", "--topology", f"{folder}/topology.ini", "--out", grid], check=True,
                   capture_output=True)
    names = sorted(name for name in os.listdir(grid) if os.path.exists(f"{grid}/{name}/node.ini"))
    for name in names:
        path = f"{grid}/{name}/node.ini"
        head, peers = open(path).read().split("[peers]")
        lines = []
        for line in peers.split("\n"):
            if "=" in line:
                peer, address = (part.strip() for part in line.split("="))
                if peer == name:
                    continue
                host, port = address.rsplit(":", 1)
                line = f"{peer} = 127.0.0.1:{relays.between((host, int(port)))}"
            lines.append(line)
        # Keys that change while the group works, and a log of them to read its traffic by.
        head = head.replace("[node]", f"[node]\npacketKeySeconds = {KEY_SECONDS}\npacketKeyLog = {grid}/{name}/keys.txt")
        with open(path, "w") as file:
            file.write(head + "[peers]" + "\n".join(lines))
    return grid, names


def node_of(name):
    kind, number = name.rsplit("-", 1)
    number = int(number) - 1
    return {"aggregator": number, "bookkeeper": 0x100,
            "meter": 0x10000 + 512 * (number // METERS) + number % METERS}[kind]


def identities(grid, names):
    seeds = {}
    for name in names:
        data = open(f"{grid}/{name}/identity.key", "rb").read()
        assert data[:8] == b"BUSBARid" and len(data) == 104
        seeds[node_of(name)] = (data[8:40], data[40:72], data[72:104])
    return seeds


def packet_keys(grid, names):
    """Secrets by node, run and number, as docs/CONFIGURATION.md has packetKeyLog."""
    seeds = {}
    for name in names:
        path = f"{grid}/{name}/keys.txt"
        assert os.stat(path).st_mode & 0o777 == 0o600, "others may read packet keys"
        for line in open(path):
            boot, number, secret = line.split()
            seeds[(node_of(name), int(boot), int(number))] = bytes.fromhex(secret)
    return seeds


def published_sum(g, data, header, product):
    r = Reader(data)
    assert r.take(8) == b"BUSBARsm" and r.take(32) == g.network
    assert (r.number(8), r.number(2), r.number(2)) == (g.epoch, g.group, header["owner"])
    r.zeros(4)
    assert (r.number(8), r.take(32), r.take(16)) == (header["period"], header["digest"], g.key)
    total, root = (int.from_bytes(r.take(g.length), "big") for _ in range(2))
    signature = r.take(64)
    r.end()
    g.bookkeeper.signing.verify(signature, data[:-64])
    c = (1 + total * g.n) * pow(root, g.n, g.n ** 2) % g.n ** 2
    raw = c.to_bytes(2 * g.length, "big")
    assert H(b"BUSBARct", raw) == header["product"]
    assert product is None or product == raw


def public(seed, kind):
    return kind.from_private_bytes(seed).public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)


class Results:
    def __init__(self):
        self.passed = self.failed = 0

    def check(self, name, good, more=""):
        self.passed, self.failed = self.passed + bool(good), self.failed + (not good)
        if not good:
            print(f"FAILED: {name} {more}")


def main():
    busbar = os.path.abspath(sys.argv[1])
    results, relays, processes = Results(), Relays(1), []
    with tempfile.TemporaryDirectory(prefix="busbar-") as folder:
        grid, names = make_group(busbar, folder, relays)
        relays.start()
        try:
            quiet = dict(stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            processes.append(subprocess.Popen([busbar, "simulate-bus", "--houses", str(AGGREGATORS * METERS), "--folder",
                                               folder], **quiet))
            while not os.path.exists(f"{folder}/bus/meter-{AGGREGATORS * METERS - 1}"):
                time.sleep(0.05)
            for name in names:
                processes.append(subprocess.Popen([busbar, "run", "--config", f"{grid}/{name}/node.ini"], **quiet))
            genesis = Genesis(open(f"{grid}/genesis.bin", "rb").read())
            end = (genesis.first + 3) * PERIOD
            while time.time() < end:
                time.sleep(0.1)
        finally:
            for process in processes:
                process.terminate()
            for process in processes:
                process.wait(timeout=20)
            relays.stopping = True
            relays.join()
        examine(busbar, grid, names, genesis, relays, results)
    print(f"{results.passed} passed, {results.failed} failed")
    return 1 if results.failed else 0


def examine(busbar, grid, names, genesis, relays, results):
    seeds = identities(grid, names)
    for node, (signing, agreement, _) in seeds.items():
        raw = genesis.party(node)
        results.check("an identity's keys are the genesis'",
                      public(signing, Ed25519PrivateKey) == raw.signing.public_bytes(Encoding.Raw, PublicFormat.Raw)
                      and public(agreement, X25519PrivateKey) == raw.agreement.public_bytes(Encoding.Raw,
                                                                                           PublicFormat.Raw))
    logged = packet_keys(grid, names)
    results.check("no two packet keys are the same", len(set(logged.values())) == len(logged))
    capture = Capture(genesis, seeds, logged)
    told = json.loads(subprocess.run([busbar, "inspect", f"{grid}/genesis.bin", "--json"], check=True,
                                     capture_output=True, text=True).stdout.splitlines()[0])
    results.check("the network identifier is what busbar says", genesis.network.hex() in json.dumps(told))
    # A receiver's boot and run are known from the capture as soon as it has sent anything, which may be after the first packets
    # to it.
    for datagram in relays.log:
        sender, boot = struct.unpack_from("<I", datagram, 4)[0], struct.unpack_from("<Q", datagram, 16)[0]
        capture.boots[sender] = max(boot, capture.boots.get(sender, 0))
        if datagram[1] == STATUS:
            capture.learn_run(datagram)
    for datagram in relays.log:
        try:
            capture.packet(datagram)
            results.check("packet", True)
        except (AssertionError, InvalidTag, InvalidSignature) as error:
            results.check(f"packet of type {datagram[1]}", False, repr(error))
    d = capture.decoder
    results.check("packets were sealed under later keys than the first", capture.highest_key >= 3, capture.highest_key)
    for name, key in d.keys.items():
        results.check("the key that was told is the logged one's", public(logged[name], X25519PrivateKey) == key)
    for kind in range(STATUS, ACKNOWLEDGEMENT + 1):
        results.check(f"{NAMES[kind]} was seen", d.seen.get(NAMES[kind], 0) > 0)
    for what in ["certificates", "products", "proofs that hold", "receipts of records seen"]:
        results.check(f"{what} were seen", d.seen.get(what, 0) > 0, d.seen)
    results.check("packets were lost on the way, and records asked for again", relays.lost > 0)
    agree(grid, genesis, d, results)
    # A decoder that accepts everything would prove nothing.
    sample = next(datagram for datagram in relays.log if datagram[1] == VOTE)
    for place in range(0, len(sample)):
        damaged = bytearray(sample)
        damaged[place] ^= 1
        try:
            capture.packet(bytes(damaged))
            results.check(f"a packet with a bit wrong in byte {place} is refused", False)
        except Exception:
            results.check("damaged packet", True)
    print(f"{len(relays.log)} packets, {relays.lost} of them lost; " + ", ".join(
        f"{count} {what}" for what, count in sorted(d.seen.items())))


def agree(grid, genesis, d, results):
    """What was put together from chunks is what was published, and what was published is what the document says."""
    files = sorted(f"{day}/{name}" for day in os.listdir(f"{grid}/published") for name in os.listdir(f"{grid}/published/{day}"))
    results.check("something was published", len(files) >= 8, files)
    certificates = {(owner, position): data for kind, owner, position, data in d.complete if kind == 1}
    products = {(owner, position): data for kind, owner, position, data in d.complete if kind == 2}
    compared = 0
    for name in files:
        stem, suffix = name.split(".")
        day, last = stem.split("/")
        period, owner = (int(part) for part in last.split("-"))
        results.check(f"{name} is in the folder of its day", day == genesis.day(period))
        data = open(f"{grid}/published/{name}", "rb").read()
        try:
            header = d.certificate(data if suffix == "certificate" else
                                   open(f"{grid}/published/{stem}.certificate", "rb").read(), owner)
            assert header["period"] == period
            place = owner, header["position"]
            if suffix == "sum":
                published_sum(genesis, data, header, products.get(place))
                multiplied(genesis, d, header)
            elif place in certificates:
                travelled = Decoder(genesis).certificate(certificates[place], owner, header["position"])
                # Other members' signatures may make it up; the value is the same.
                assert travelled["digest"] == header["digest"]
                compared += 1
            results.check(name, True)
        except (AssertionError, InvalidSignature) as error:
            results.check(name, False, repr(error))
    results.check("certificates that travelled were compared with published ones", compared > 0)


def multiplied(g, d, header):
    """The product of the captured ciphertexts is the certified one, if all of them went by."""
    product = 1
    for meter in range(512):
        if header["contributors"] >> meter & 1:
            found = d.records.get((header["owner"], meter, header["period"]))
            if not found:
                return
            product = product * int.from_bytes(found[1], "big") % g.n ** 2
    assert H(b"BUSBARct", product.to_bytes(2 * g.length, "big")) == header["product"]
    d.count("products multiplied again")


if __name__ == "__main__":
    sys.exit(main())
