"""Members and meters that lie: they have the keys of a node of the group, and a socket in its place. With `lies` false they keep to
the rules, as far as they do anything; so a test can show that it is the lie that does the harm.

Every layout is read from its table in docs/PROTOCOL.md, and every value is given by the field's name: a field that is new there
is a KeyError here that names it.
"""
import os
import socket
import struct
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "Peers"))
import protocol_peer as peer  # noqa: E402

STATUS, RECORD = peer.STATUS, peer.RECORD
METER = 0x10000
DOCUMENT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "docs", "PROTOCOL.md")


class Layout:
    """The fields of one table of the document, in order. `zero` bytes are zero, and so is what is called (…)."""

    def __init__(self, title):
        text = open(DOCUMENT).read().split(f"\n## {title}\n")[1].split("\n## ")[0]
        self.title, self.fields, self.size = title, [], 0
        for line in text.splitlines():
            cells = [cell.strip() for cell in line.strip("|").split("|")]
            if line.startswith("|") and cells[0].isdigit() and cells[1].isdigit():
                assert int(cells[0]) == self.size, f"{title}: {line}"
                self.fields.append((cells[2], self.size, int(cells[1])))
                self.size += int(cells[1])

    def pack(self, values):
        parts = []
        for name, _, size in self.fields:
            value = 0 if name == "zero" else values[name]
            parts.append(value if isinstance(value, bytes) else value.to_bytes(size, "little"))
            assert len(parts[-1]) == size, f"{self.title}: {name}"
        return b"".join(parts)

    def read(self, data):
        found = {}
        for name, start, size in self.fields:
            part = data[start:start + size]
            found[name] = int.from_bytes(part, "little") if size <= 8 else part
        return found


PACKET, STATUS_BODY, RECORD_BODY = Layout("PacketHeader"), Layout("StatusBody"), Layout("Record")


class Session:
    """What a rogue knows of one peer."""

    def __init__(self, node, address, secret):
        self.node, self.address, self.identity = node, address, secret
        self.run = self.key = 0
        self.process = bytes(16)
        self.cipher, self.names_us = None, False


class Rogue(threading.Thread):
    """Speaks to some nodes under the keys of one. What it does beside greeting them is for `act`, some fifty times a second."""

    VERSION, GREETS = 2, 0.5

    def __init__(self, group, name, node, peers, lies=True):
        super().__init__(daemon=True)
        self.lies = lies
        self.group, self.genesis, self.node, self.stopping, self.failure = group, group.genesis, node, False, None
        data = open(f"{group.grid}/{name}/identity.key", "rb").read()
        assert data[:8] == b"BUSBARid" and len(data) == 104
        self.signing = peer.Ed25519PrivateKey.from_private_bytes(data[8:40])
        agreement = peer.X25519PrivateKey.from_private_bytes(data[40:72])
        self.sessions = {number: Session(number, group.address(other), agreement.exchange(self.genesis.party(number).agreement))
                         for number, other in peers.items()}
        self.run_number, self.process, self.sequence = int(time.time()), os.urandom(16), 0
        secret = os.urandom(32)
        self.packet_key = peer.X25519PrivateKey.from_private_bytes(secret)
        self.public = peer.public(secret, peer.X25519PrivateKey)
        self.signature = self.signing.sign(peer.packet_key_statement(
            self.genesis, node, 1, self.run_number, self.process, self.public))
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(group.address(name))
        self.socket.settimeout(0.02)
        self.next_greeting = 0.0

    # Packets

    def key(self, secret, sender, receiver, run, other_run, processes=bytes(32)):
        return peer.ChaCha20Poly1305(peer.sealing_key(self.genesis, secret, sender, receiver, run, other_run, processes))

    def send(self, session, kind, body):
        keys = (0, 0) if kind == STATUS else (1, session.key)
        clear = PACKET.pack({
            "version": self.VERSION, "newestVersion": self.VERSION, "type": kind, "bodyLength": len(body), "sender": self.node,
            "receiver": session.node, "bootCounter": self.run_number, "packetSequence": self.sequence,
            "senderKeyNumber": keys[0], "receiverKeyNumber": keys[1]})
        nonce = bytes(4) + struct.pack("<Q", self.sequence)
        self.sequence += 1
        cipher = self.key(session.identity, self.node, session.node, self.run_number, 0) if kind == STATUS else session.cipher
        try:
            self.socket.sendto(clear + cipher.encrypt(nonce, body, clear), session.address)
        except (BlockingIOError, ConnectionRefusedError):
            pass

    def send_status(self, session, previous=0, known=0):
        """With a claim about the receiver's runs."""
        self.send(session, STATUS, STATUS_BODY.pack({
            "previousBootCounter": previous, "knownBootCounter": known, "keyNumber": 1, "knownKeyNumber": session.key,
            "packetKey": self.public, "signature": self.signature, "run": self.process,
            "knownRun": session.process if known == session.run else os.urandom(16), "wall": time.time_ns(), "clock": 1,
            "wantsAnswer": 0}))

    def hear(self, datagram):
        if len(datagram) < PACKET.size:
            return
        clear = PACKET.read(datagram)
        session = self.sessions.get(clear["sender"])
        if session is None or clear["type"] != STATUS:
            return
        opener = self.key(session.identity, session.node, self.node, clear["bootCounter"], 0)
        try:
            body = STATUS_BODY.read(opener.decrypt(bytes(4) + datagram[24:32], datagram[PACKET.size:], datagram[:PACKET.size]))
        except peer.InvalidTag:
            return
        told = (clear["bootCounter"], body["keyNumber"], body["run"])
        is_new = (session.run, session.key, session.process) != told
        session.run, session.key, session.process = told
        session.names_us = body["knownRun"] == self.process and body["knownKeyNumber"] > 0
        if is_new:
            shared = self.packet_key.exchange(peer.X25519PublicKey.from_public_bytes(body["packetKey"]))
            session.cipher = self.key(shared, self.node, session.node, self.run_number, session.run,
                                      self.process + session.process)
        self.heard(session)

    # What a kind of rogue does

    def heard(self, session):
        """A STATUS came. An honest node says what it knows."""
        if not session.names_us:
            self.send_status(session, known=session.run)

    def act(self):
        pass

    def greet(self):
        if time.monotonic() >= self.next_greeting:
            self.next_greeting = time.monotonic() + self.GREETS
            for session in self.sessions.values():
                if session.cipher is None:
                    self.send_status(session)

    def run(self):
        try:
            while not self.stopping:
                try:
                    self.hear(self.socket.recv(2048))
                except (socket.timeout, ConnectionRefusedError):
                    pass
                self.greet()
                self.act()
        except Exception as error:  # noqa: BLE001  A test that goes on without its liar proves nothing.
            self.failure = error
        finally:
            self.socket.close()

    def stop(self):
        self.stopping = True
        self.join()
        if self.failure:
            raise AssertionError(f"the rogue failed: {self.failure!r}")


class RunClaimer(Rogue):
    """An aggregator that tells its victims, 16 times a second each, of a run of theirs that is later than any there was."""

    PER_SECOND = 16

    def __init__(self, group, name, node, peers, lies=True):
        super().__init__(group, name, node, peers, lies)
        self.claims = {number: int(time.time()) + 1000 for number in peers}
        self.next, self.sent = time.monotonic(), 0

    def heard(self, session):
        pass

    def greet(self):
        pass

    def act(self):
        if time.monotonic() < self.next:
            return
        self.next += 1 / self.PER_SECOND
        for session in self.sessions.values():
            # Above what the victim may have gone on to since the last claim.
            self.claims[session.node] = claim = max(self.claims[session.node], session.run) + 2
            if self.lies:
                self.send_status(session, previous=claim - 1, known=claim)
            else:
                self.send_status(session, known=session.run)
            self.sent += 1


class LyingMeter(Rogue):
    """A meter that signs two records of each period, both of no energy: the first for the two members that lead in views 0 and 1,
    the second for the others."""

    REPEATS, SECONDS = 4, 0.15

    def __init__(self, group, owner, index, lies=True):
        name = f"meter-{owner * group.meters + index + 1}"
        members = {member: f"aggregator-{member + 1}" for member in range(group.genesis.members)}
        super().__init__(group, name, METER + 512 * owner + index, members, lies)
        self.owner, self.index, self.covered = owner, index, self.genesis.first - 1
        self.square = self.genesis.n ** 2
        # Encryptions of zero; their product is another.
        self.step, self.zero = (pow(2 + int.from_bytes(os.urandom(200), "big"), self.genesis.n, self.square) for _ in range(2))
        self.period, self.records, self.sends, self.next, self.signed = self.genesis.first - 1, None, 0, 0.0, 0

    def ciphertext(self):
        self.zero = self.zero * self.step % self.square
        return self.zero.to_bytes(2 * self.genesis.length, "big")

    def record(self, through):
        g, ciphertext, closing = self.genesis, self.ciphertext(), os.urandom(72)
        first = self.covered + 1
        signed = (b"BUSBARrc" + g.network + struct.pack("<QHHH2xQQ", g.epoch, g.group, self.owner, self.index, first, through)
                  + g.key + peer.H(b"BUSBARct", ciphertext) + closing)
        assert len(signed) == 192
        return RECORD_BODY.pack({
            "owner": self.owner, "meter": self.index, "epoch": g.epoch, "from": first, "through": through,
            "keyIdentifier": g.key, "closing": closing, "signature": self.signing.sign(signed)}) + ciphertext

    def act(self):
        now = self.group.now()
        ended = int(now) - 1
        if ended > self.period and self.genesis.first <= ended:
            for period in range(self.covered + 1, ended):
                if self.index in self.group.contributors(period, self.owner):
                    self.covered = period
            first = self.record(ended)
            self.period, self.records, self.sends, self.next = ended, (first, self.record(ended) if self.lies else first), 0, 0.0
            self.signed += len(set(self.records))
        if self.records is None or self.sends == self.REPEATS or time.monotonic() < self.next:
            return
        self.sends, self.next = self.sends + 1, time.monotonic() + self.SECONDS
        for ahead in range(len(self.sessions)):
            rotation = self.period if self.genesis.rotation else 0
            session = self.sessions[(self.owner + rotation + ahead) % len(self.sessions)]
            if session.cipher:
                self.send(session, RECORD, self.records[ahead // 2])
