#!/usr/bin/env python3
"""What a flood costs an aggregator of a running group: CPU for each packet it drops, memory, and what the group still certifies.

A group of four aggregators, their meters and a bookkeeper runs as processes; the fourth aggregator is this program, with that
member's own keys. It sees what passes between aggregators 1 and 2, and floods aggregator 1 with 20,000 packets a second: junk
under headers that are right, from strange addresses and from the sender's own, replays, and bodies under its own valid seal that
do not decode or whose signatures do not hold. The node's own numbers (busbar status) say how many were dropped and why; the
kernel's say what CPU that took, less what the node uses in the same time when it is left alone.

usage: packet_attack.py BUSBAR [--seconds N] [--rate N] [--only NAME] [--out FILE]      a table, and JSON in FILE
Exit code 1 when a bound is missed.
"""
import argparse
import json
import os
import random
import socket
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "Peers"))
import protocol_peer as peer  # noqa: E402
from protocol_peer import CHUNK, RECORD, STATUS, VOTE, WANT, Genesis, identities, struct  # noqa: E402

MICROSECONDS, GROWTH = 5.0, 1 << 20
VICTIM, TAPPED, FAULTY = 0, 1, 3


class Tap(threading.Thread):
    """Stands between aggregators 1 and 2, passes everything on and keeps some of it."""

    def __init__(self, victim, other):
        super().__init__(daemon=True)
        self.victim, self.other, self.log = victim, other, []
        self.far, self.near = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
        for one in (self.far, self.near):
            one.bind(("127.0.0.1", 0))
            one.setblocking(False)

    def run(self):
        while True:
            quiet = True
            for one in (self.far, self.near):
                try:
                    data, source = one.recvfrom(2048)
                except (BlockingIOError, ConnectionRefusedError):
                    continue
                quiet = False
                if one is self.far:
                    if len(self.log) < 2000 or random.random() < 0.2:
                        self.log = self.log[-1999:] + [data]
                    self.near.sendto(data, self.victim)
                else:
                    self.far.sendto(data, self.other)
            if quiet:
                time.sleep(0.001)


class Faulty:
    """Aggregator 4: its keys, one socket, and what it knows of the victim's run."""

    def __init__(self, genesis, seeds, address, victim):
        signing, agreement = seeds[FAULTY][:2]
        self.genesis, self.victim = genesis, victim
        self.boot, self.sequence, self.run = int(time.time()), 0, os.urandom(16)
        self.identity = peer.X25519PrivateKey.from_private_bytes(agreement).exchange(genesis.party(VICTIM).agreement)
        secret = os.urandom(32)
        self.packet_key = peer.X25519PrivateKey.from_private_bytes(secret)
        public = peer.public(secret, peer.X25519PrivateKey)
        told = peer.packet_key_statement(genesis, FAULTY, 1, self.boot, self.run, public)
        self.told = public + peer.Ed25519PrivateKey.from_private_bytes(signing).sign(told)
        self.victim_boot = self.victim_key = 0
        self.victim_run = bytes(16)
        self.cipher = None
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(address)
        self.socket.settimeout(0.5)

    def seal(self, kind, body):
        keys = (0, 0) if kind == STATUS else (1, self.victim_key)
        clear = header(kind, len(body), FAULTY, self.boot, self.sequence, keys)
        nonce = bytes(4) + struct.pack("<Q", self.sequence)
        self.sequence += 1
        cipher = self.make(self.identity, FAULTY, VICTIM, self.boot, 0) if kind == STATUS else self.cipher
        return clear + cipher.encrypt(nonce, body, clear)

    def make(self, secret, sender, receiver, boot, other_boot, runs=bytes(32)):
        return peer.ChaCha20Poly1305(peer.sealing_key(self.genesis, secret, sender, receiver, boot, other_boot, runs))

    def status(self):
        clock = struct.pack("<QBB6x", time.time_ns(), 1, 0)
        return self.seal(STATUS, struct.pack("<QQII", 0, self.victim_boot, 1, self.victim_key) + self.told + self.run
                         + self.victim_run + clock)

    def greet(self):
        for _ in range(40):
            self.socket.sendto(self.status(), self.victim)
            try:
                while True:
                    datagram = self.socket.recv(2048)
                    sender, boot = struct.unpack_from("<I", datagram, 4)[0], struct.unpack_from("<Q", datagram, 16)[0]
                    if sender == VICTIM and datagram[1] == STATUS:
                        opener = self.make(self.identity, VICTIM, FAULTY, boot, 0)
                        body = opener.decrypt(bytes(4) + datagram[24:32], datagram[40:], datagram[:40])
                        self.victim_boot, self.victim_key = boot, struct.unpack_from("<I", body, 16)[0]
                        self.victim_run = body[120:136]
                        shared = self.packet_key.exchange(peer.X25519PublicKey.from_public_bytes(body[24:56]))
                        self.cipher = self.make(shared, FAULTY, VICTIM, self.boot, boot, self.run + self.victim_run)
                        self.socket.sendto(self.status(), self.victim)
                        self.socket.setblocking(False)
                        return
            except socket.timeout:
                continue
        raise SystemExit("the victim does not answer its faulty member")

    def drain(self):
        try:
            while True:
                self.socket.recv(2048)
        except (BlockingIOError, ConnectionRefusedError):
            pass


def header(kind, length, sender, boot, sequence, keys=(1, 1)):
    return struct.pack("<BBHIIB3xQQII", 2, kind, length, sender, VICTIM, 2, boot, sequence, *keys)


def published(grid):
    """Names of published files, of all days."""
    return {name for _, _, files in os.walk(f"{grid}/published") for name in files}


class Group:
    def __init__(self, busbar, folder):
        self.busbar, self.processes = busbar, {}
        text = (f"[group]\naggregators = 4\nmetersPerSet = 5\nperiodSeconds = {peer.PERIOD}\nmodulusBits = 2048\n"
                f"[network]\nhost = 127.0.0.1\nbasePort = {random.randrange(20000, 30000, 40)}\nclock = trusted\n"
                f"[meter]\nbus = {folder}/bus\nratedPowerWatts = 31050000\n")
        open(f"{folder}/topology.ini", "w").write(text)
        self.grid = f"{folder}/grid"
        subprocess.run([busbar, "provision", "--topology", f"{folder}/topology.ini", "--out", self.grid], check=True,
                       capture_output=True)
        names = sorted(name for name in os.listdir(self.grid) if os.path.exists(f"{self.grid}/{name}/node.ini"))
        self.genesis = Genesis(open(f"{self.grid}/genesis.bin", "rb").read())
        self.seeds = identities(self.grid, names)
        self.victim, faulty = self.address("aggregator-1"), self.address("aggregator-4")
        self.tap = Tap(self.victim, self.address("aggregator-2"))
        self.place("aggregator-2", "aggregator-1", self.tap.far)
        self.place("aggregator-1", "aggregator-2", self.tap.near)
        self.tap.start()
        quiet = dict(stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.processes["bus"] = subprocess.Popen([busbar, "simulate-bus", "--houses", "20", "--folder", folder], **quiet)
        while not os.path.exists(f"{folder}/bus/meter-19"):
            time.sleep(0.05)
        for name in names:
            if name != "aggregator-4":
                self.processes[name] = subprocess.Popen([busbar, "run", "--config", f"{self.grid}/{name}/node.ini"], **quiet)
        self.faulty = Faulty(self.genesis, self.seeds, faulty, self.victim)

    def address(self, name):
        text = open(f"{self.grid}/{name}/node.ini").read()
        listen = next(line for line in text.splitlines() if line.startswith("listen"))
        return ("127.0.0.1", int(listen.rsplit(":", 1)[1]))

    def place(self, node, other, tap):
        """Has a node take one end of the tap for a peer."""
        path = f"{self.grid}/{node}/node.ini"
        head, peers = open(path).read().split("[peers]")
        lines = [f"{other} = 127.0.0.1:{tap.getsockname()[1]}" if line.split("=")[0].strip() == other else line
                 for line in peers.split("\n")]
        open(path, "w").write(head + "[peers]" + "\n".join(lines))

    def cpu(self):
        return int(open(f"/proc/{self.processes['aggregator-1'].pid}/schedstat").read().split()[0]) / 1e9

    def metrics(self):
        answer = subprocess.run([self.busbar, "status", f"{self.grid}/aggregator-1", "--json"], capture_output=True, text=True,
                                check=True)
        return json.loads(answer.stdout)["metrics"]

    def drops(self, metrics):
        return {key.split('"')[1]: value for key, value in metrics.items() if key.startswith("busbar_packets_dropped")}

    def certified(self, first, last):
        """Values and sums of whole periods, of as many sets as there were."""
        names = published(self.grid)
        return sum(f"{period}-{owner}.sum" in names for period in range(first, last) for owner in range(4)), 4 * (last - first)

    def stop(self):
        for process in self.processes.values():
            process.terminate()
        for process in self.processes.values():
            process.wait(timeout=20)


def floods(group, count):
    """Each a list of (socket, datagram): nothing is made while it is sent."""
    noise = os.urandom(4096)
    strangers = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(16)]
    log, faulty, tap = list(group.tap.log), group.faulty, group.tap
    boot, last = max(struct.unpack_from("<QQ", datagram, 16) for datagram in log if datagram[1] != STATUS)
    junk = lambda i: header(VOTE, 112, TAPPED, boot, last + 2000 + i % 100000) + noise[i % 3000:][:128]
    bodies = [os.urandom(random.randrange(1, 400)) for _ in range(64)]

    def sealed(make):
        result = []
        for i in range(count):
            kind, body = make(i)
            result.append((faulty.socket, faulty.seal(kind, body)))
        return result

    def unsigned(i):
        # A Contradiction in one CHUNK: member 2 prepared two values, and signed neither.
        body = struct.pack("<BBHHHQQ", 2, 0, 0, 1, 0, i, 0)
        for part in (i % 3000, (i + 1) % 3000):
            body += bytes(8) + noise[part:][:96]
        return CHUNK, struct.pack("<BBHHHQII", 8, 0, 0, 0, 1, i, len(body), 0) + body

    yield "junk, strange addresses", lambda: [(strangers[i % 16], junk(i)) for i in range(count)]
    yield "junk, sender's address", lambda: [(tap.near, junk(i)) for i in range(count)]
    yield "replays", lambda: [((strangers[i % 16], tap.near)[i % 2], log[i % len(log)]) for i in range(count)]
    yield "garbage, valid seal", lambda: sealed(lambda i: ((RECORD, VOTE, WANT, CHUNK)[i % 4], bodies[i % 64]))
    yield "bad signatures, valid seal", lambda: sealed(unsigned)


def flood(group, packets, seconds, rate):
    """Paced in hundredths of a second. Returns how many were sent and how long it took."""
    start, sent, step = time.time(), 0, rate // 100
    for tick in range(int(seconds * 100)):
        for one, datagram in packets[tick * step:(tick + 1) * step]:
            try:
                one.sendto(datagram, group.victim)
                sent += 1
            except (BlockingIOError, ConnectionRefusedError):
                pass
        if tick % 100 == 0:
            group.faulty.drain()
        time.sleep(max(0, start + (tick + 1) / 100 - time.time()))
    return sent, time.time() - start


def measure(group, name, packets, seconds, rate, idle):
    period = peer.PERIOD
    # Whole periods, from half of one: what they certify falls into the flood too.
    time.sleep(period - (time.time() - period / 2) % period)
    first = int(time.time()) // period
    before, cpu, start = group.metrics(), group.cpu(), time.time()
    sent, elapsed = flood(group, packets, seconds, rate)
    time.sleep(0.2)
    cpu, elapsed_all, after = group.cpu() - cpu, time.time() - start, group.metrics()
    last = int(time.time()) // period
    time.sleep(period)
    certified, sets = group.certified(first, last)
    told, was = group.drops(after), group.drops(before)
    drops = {reason: round(told[reason] - was.get(reason, 0)) for reason in told if told[reason] > was.get(reason, 0)}
    dropped = sum(drops.values())
    return {"flood": name, "sentPerSecond": round(sent / elapsed), "received": round(
                after["busbar_packets_received_total"] - before["busbar_packets_received_total"]),
            "dropped": dropped, "cpuSeconds": round(cpu, 3), "idleCpuSeconds": round(idle * elapsed_all, 3),
            "cpuMicrosecondsPerDroppedPacket": round((cpu - idle * elapsed_all) * 1e6 / dropped, 2) if dropped else None,
            "residentBytesBefore": before["busbar_resident_memory_bytes"],
            "residentBytesAfter": after["busbar_resident_memory_bytes"],
            "certified": certified, "sets": sets, "drops": drops}


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("busbar")
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--rate", type=int, default=20_000)
    parser.add_argument("--only")
    parser.add_argument("--out", default="build/bench/attack.json")
    options = parser.parse_args()
    results, missed = [], []
    with tempfile.TemporaryDirectory(prefix="busbar-") as folder:
        group = Group(os.path.abspath(options.busbar), folder)
        try:
            while not any(name.endswith(".sum") for name in published(group.grid)):
                time.sleep(0.2)
            group.faulty.greet()
            # Twice a period more, so that what grows at first has grown.
            time.sleep(2 * peer.PERIOD)
            quiet = measure(group, "none", [], options.seconds, 0, 0)
            idle = quiet["cpuSeconds"] / (options.seconds + 0.2)
            print(f"{'flood':28}{'packets/s':>10}{'dropped':>10}{'CPU µs each':>13}{'MB before':>11}{'after':>7}{'certified':>12}")
            for name, make in floods(group, int(options.seconds * options.rate)):
                if options.only and options.only != name:
                    continue
                one = measure(group, name, make(), options.seconds, options.rate, idle)
                results.append(one)
                print(f"{name:28}{one['sentPerSecond']:>10}{one['dropped']:>10}{one['cpuMicrosecondsPerDroppedPacket']:>13}"
                      f"{one['residentBytesBefore'] / 1e6:>11.1f}{one['residentBytesAfter'] / 1e6:>7.1f}"
                      f"{one['certified']:>7} of {one['sets']}")
                print("  " + ", ".join(f"{reason} {count}" for reason, count in one["drops"].items()), flush=True)
                if one["dropped"] < one["sentPerSecond"] * options.seconds / 2:
                    missed.append(f"{name}: most of the flood never came")
                elif one["cpuMicrosecondsPerDroppedPacket"] > MICROSECONDS:
                    missed.append(f"{name}: more than {MICROSECONDS} µs for a dropped packet")
                if one["residentBytesAfter"] - one["residentBytesBefore"] > GROWTH:
                    missed.append(f"{name}: memory grew")
                # (m − f)/m
                if 4 * one["certified"] < 3 * one["sets"]:
                    missed.append(f"{name}: {one['certified']} of {one['sets']} sets certified")
        finally:
            group.stop()
    os.makedirs(os.path.dirname(os.path.abspath(options.out)), exist_ok=True)
    with open(options.out, "w") as file:
        json.dump({"rate": options.rate, "seconds": options.seconds, "quiet": quiet, "floods": results, "missed": missed}, file,
                  indent=1)
    for line in missed:
        print("missed: " + line, file=sys.stderr)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
