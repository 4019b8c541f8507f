"""A group of real processes on loopback whose network, nodes and clocks a test may take away and give back."""
import json
import math
import os
import random
import re
import selectors
import socket
import struct
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "Peers"))
from protocol_peer import Genesis, H  # noqa: E402

MEMBERS = 4
# From docs/PROTOCOL.md: a certificate ends with its Header, if it has one, and a Header says who follows on whom.
HEADER_BYTES, PREVIOUS, CONTRIBUTORS = 352, slice(72, 104), slice(200, 264)


class Stopped(Exception):
    """The test is asked to end."""


class Relays(threading.Thread):
    """Stand between each two aggregators, each of which takes the near end for the other. What is cut passes nothing on."""

    def __init__(self):
        super().__init__(daemon=True)
        self.selector, self.is_cut, self.stopping, self.lost = selectors.DefaultSelector(), False, False, 0

    def between(self, one, other):
        """The ports at which `one` will find `other` and `other` will find `one`."""
        ends = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2)]
        for end in ends:
            end.bind(("127.0.0.1", 0))
            end.setblocking(False)
            end.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        self.selector.register(ends[0], selectors.EVENT_READ, (ends[1], other))
        self.selector.register(ends[1], selectors.EVENT_READ, (ends[0], one))
        return [end.getsockname()[1] for end in ends]

    def run(self):
        while not self.stopping:
            for key, _ in self.selector.select(0.1):
                far, target = key.data
                while True:
                    try:
                        data = key.fileobj.recv(2048)
                    except BlockingIOError:
                        break
                    except ConnectionRefusedError:
                        # Nobody listened where the last one went: that board is off.
                        continue
                    if self.is_cut:
                        self.lost += 1
                        continue
                    try:
                        far.sendto(data, target)
                    except (BlockingIOError, ConnectionRefusedError):
                        self.lost += 1


class ClockFile:
    """What clock.c adds to the wall clock of every process that was given this file."""

    def __init__(self, path):
        self.path = path
        open(path, "wb").write(bytes(8))

    def set(self, seconds):
        # In place, in one write: the processes have the file mapped.
        with open(self.path, "r+b", buffering=0) as file:
            file.write(struct.pack("=q", round(seconds * 1e9)))


class Group:
    """Keys, houses and nodes. Periods are counted on this machine's clock.

    `rogues` are nodes that the test plays itself: they have keys and addresses, and no process. With `clocks` (the library made
    of clock.c) each node has a clock file, and `clock` sets them."""

    opened, lock = [], threading.Lock()
    random = random.Random()

    def __init__(self, busbar, folder, period, meters, fewest=5, relays=False, rogues=(), clocks=None):
        self.busbar, self.folder, self.period, self.meters = busbar, folder, period, meters
        self.grid, self.processes, self.rogues, self.off = f"{folder}/grid", {}, set(rogues), set()
        self.clocks, self.library, self.relays = {}, clocks, Relays() if relays else None
        self.stopped = False
        os.makedirs(folder)
        with Group.lock:
            Group.opened.append(self)
            base = self.free_ports(MEMBERS + 1 + MEMBERS * meters)
            with open(f"{folder}/topology.ini", "w") as file:
                file.write(f"[group]\naggregators = {MEMBERS}\nmetersPerSet = {meters}\nminimumContributors = {fewest}\n"
                           f"periodSeconds = {period}\nmodulusBits = 2048\n"
                           f"[network]\nhost = 127.0.0.1\nbasePort = {base}\nclock = trusted\n"
                           # The simulated houses live 450 times faster than their meters' rating allows.
                           f"[meter]\nbus = {folder}/houses/bus\nratedPowerWatts = {69_000 * 450}\n")
            self.say("provision", "--topology", f"{folder}/topology.ini", "--out", self.grid)
            self.start("houses", [busbar, "simulate-bus", "--houses", str(MEMBERS * meters), "--folder", f"{folder}/houses"])
            self.genesis = Genesis(open(f"{self.grid}/genesis.bin", "rb").read())
            self.names = ([f"aggregator-{n + 1}" for n in range(MEMBERS)] + ["bookkeeper-1"]
                          + [f"meter-{n + 1}" for n in range(MEMBERS * meters)])
            if self.relays:
                self.place_relays()
            while not os.path.exists(f"{folder}/houses/bus/meter-{MEMBERS * meters - 1}"):
                self.look()
                time.sleep(0.02)
            for name in self.names:
                self.start_node(name)

    # Processes

    @classmethod
    def free_ports(cls, count):
        """The first of so many ports that nobody has. Below those that the kernel gives out."""
        while True:
            base, taken = cls.random.randrange(15000, 32000 - count), []
            try:
                for port in range(base, base + count):
                    taken.append(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
                    taken[-1].bind(("127.0.0.1", port))
                return base
            except OSError:
                continue
            finally:
                for one in taken:
                    one.close()

    def place_relays(self):
        ports = {}
        for one in range(MEMBERS):
            for other in range(one):
                names = f"aggregator-{one + 1}", f"aggregator-{other + 1}"
                places = self.relays.between(*(self.address(name) for name in names))
                ports[names], ports[names[::-1]] = places
        for node in self.names[:MEMBERS]:
            path = f"{self.grid}/{node}/node.ini"
            head, peers = open(path).read().split("[peers]")
            lines = []
            for line in peers.split("\n"):
                port = ports.get((node, line.split("=")[0].strip()))
                lines.append(f"{line.split('=')[0]}= 127.0.0.1:{port}" if port else line)
            with open(path, "w") as file:
                file.write(head + "[peers]" + "\n".join(lines))
        self.relays.start()

    def address(self, name):
        text = open(f"{self.grid}/{name}/node.ini").read()
        listen = next(line for line in text.splitlines() if line.startswith("listen"))
        return "127.0.0.1", int(listen.rsplit(":", 1)[1])

    def start(self, name, words, **more):
        if self.stopped:
            raise Stopped()
        with open(f"{self.folder}/{name}.log", "a") as log:
            self.processes[name] = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=log, **more)

    def start_node(self, name):
        if name in self.rogues:
            return
        self.off.discard(name)
        environment = dict(os.environ)
        if self.library:
            clock = self.clocks.setdefault(name, ClockFile(f"{self.folder}/{name}.clock"))
            environment.update(LD_PRELOAD=self.library, BUSBAR_TEST_CLOCK=clock.path)
        self.start(name, [self.busbar, "run", "--config", f"{self.grid}/{name}/node.ini"], env=environment)

    def kill(self, name):
        """As a board that loses its power, but for what its disk had not written."""
        self.off.add(name)
        self.processes[name].kill()
        self.processes.pop(name).wait()

    def clock(self, seconds, names=None):
        """Sets nodes' clocks so much ahead of this machine's."""
        for name in names or self.clocks:
            self.clocks[name].set(seconds)

    def look(self):
        if self.stopped:
            raise Stopped()
        for name, process in list(self.processes.items()):
            if process.poll() is not None:
                raise AssertionError(f"{name} stopped: " + open(f"{self.folder}/{name}.log").read().strip()[-400:])

    def stop(self):
        self.stopped = True
        for process in list(self.processes.values()):
            process.terminate()
        for process in list(self.processes.values()):
            try:
                process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        if self.relays and self.relays.is_alive():
            self.relays.stopping = True
            self.relays.join()

    def say(self, *words):
        done = subprocess.run([self.busbar, *words], capture_output=True, text=True, timeout=60)
        if done.returncode != 0:
            raise AssertionError(f"busbar {' '.join(words)}: {done.stderr.strip()}")
        return done.stdout

    # Time

    def now(self):
        """In periods."""
        return time.time() / self.period

    def wait(self, until, enough=lambda: False):
        """Until this many periods since 1970 have passed, or it is enough. Returns whether it was."""
        while True:
            self.look()
            if enough():
                return True
            if self.now() >= until:
                return False
            time.sleep(min(0.1, self.period / 20))

    def wait_for_phase(self, phase):
        """Until this part of a period has passed."""
        until = math.floor(self.now()) + phase
        self.wait(until if until > self.now() else until + 1)

    def is_up(self, name):
        done = subprocess.run([self.busbar, "status", f"{self.grid}/{name}", "--json"], capture_output=True, text=True, timeout=60)
        if done.returncode != 0:
            return False
        # Of an aggregator: others know of its run, so that it may sign.
        return json.loads(done.stdout)["metrics"].get("busbar_confirmed", 1) == 1

    def first_period_after_now(self):
        return math.floor(self.now()) + 1

    # What was published

    def stem(self, period, owner):
        return f"{self.grid}/published/{self.genesis.day(period)}/{period}-{owner}"

    def header(self, period, owner):
        """The header that was certified; None while there is none, and for a decision without a value."""
        try:
            data = open(self.stem(period, owner) + ".certificate", "rb").read()
        except FileNotFoundError:
            return None
        # A certificate's kind; those of older versions may have decided nothing.
        return data[-HEADER_BYTES:]

    def is_certified(self, period, owner):
        return os.path.exists(self.stem(period, owner) + ".sum") and self.header(period, owner) is not None

    def certified(self, owner):
        """Periods with a value and its sum, ascending."""
        names = (name for _, _, files in os.walk(f"{self.grid}/published") for name in files)
        periods = (int(name.split("-")[0]) for name in names if name.endswith(f"-{owner}.sum"))
        return sorted(period for period in periods if self.is_certified(period, owner))

    def contributors(self, period, owner):
        header = self.header(period, owner)
        return {x for x in range(self.meters) if int.from_bytes(header[CONTRIBUTORS], "little") >> x & 1} if header else set()

    def accused_meters(self, period, owner):
        """(set, meter) of each meter that this header accuses."""
        text = self.say("inspect", self.stem(period, owner) + ".certificate", "--genesis", f"{self.grid}/genesis.bin")
        line = next((line for line in text.splitlines() if line.startswith("accused")), "")
        return {(int(set_ or owner), int(meter)) for meter, set_ in re.findall(r"meter (\d+) of (?:the set|set (\d+))", line)}

    def sum(self, period, owner):
        """Watt-hours of import and export, checked against the certificate."""
        stem = self.stem(period, owner)
        told = self.say("inspect", stem + ".sum", "--genesis", f"{self.grid}/genesis.bin", "--certificate",
                        stem + ".certificate", "--json")
        return list(json.loads(told)["sumWattHours"].values())

    def broken_chain(self):
        """What does not hold in the published folder; empty when every value of a set follows on the one before."""
        for attempt in range(20):
            done = subprocess.run([self.busbar, "verify", self.grid], capture_output=True, text=True)
            # The bookkeeper writes a certificate first.
            if done.returncode == 0 or "its sum is missing" not in done.stderr:
                break
            time.sleep(0.2)
        if done.returncode != 0:
            return done.stderr.strip()
        for owner in range(MEMBERS):
            last = self.genesis.network
            for period in self.certified(owner):
                header = self.header(period, owner)
                if header[PREVIOUS] != last:
                    return f"period {period} of set {owner} does not follow on the value published before it"
                last = H(b"BUSBARhd", header)
        return ""

    # Energy

    def state(self, meter):
        """activation, certified and latest in mWh, import and export; covered through, closed through."""
        try:
            numbers = [int(word) for word in open(f"{self.grid}/meter-{meter + 1}/state").read().split()]
        except FileNotFoundError:
            return None
        return numbers[:8] if len(numbers) >= 8 else None

    def answers(self, meter):
        return {tuple(map(int, line.split()[1:])) for line in open(f"{self.folder}/houses/truth/meter-{meter}.txt")}

    def honest(self, owner):
        return [owner * self.meters + x for x in range(self.meters) if f"meter-{owner * self.meters + x + 1}" not in self.rogues]

    def settled(self, owner, least):
        """The period up to which all of a set's meters hold their energy as certified, not before `least`, and their states."""
        states = {meter: self.state(meter) for meter in self.honest(owner)}
        if None in states.values() or len({state[6] for state in states.values()}) != 1:
            return None
        through = next(iter(states.values()))[6]
        return (through, states) if through >= least and self.is_certified(through, owner) else None

    def energy(self, least, until):
        """Waits until each set's meters stand at one point, and compares: what was published for a set is what its meters hold
        as certified, and that and what is pending is what their houses answered. Returns what is wrong, and what was found."""
        found = {}
        def enough():
            for owner in range(MEMBERS):
                if owner not in found:
                    one = self.settled(owner, least[owner])
                    if one:
                        found[owner] = one
            return len(found) == MEMBERS
        if not self.wait(until, enough):
            missing = [owner for owner in range(MEMBERS) if owner not in found]
            return f"meters of sets {missing} do not know their energy certified up to one period", None
        certified_all = pending_all = 0
        for owner, (through, states) in found.items():
            published = [sum(slot) for slot in zip(*(self.sum(p, owner) for p in self.certified(owner) if p <= through))]
            certified = [sum(state[2 + slot] - state[slot] for state in states.values()) for slot in range(2)]
            if [1000 * value for value in published] != certified:
                return f"set {owner}: {published} Wh were published, its meters hold {certified} mWh as certified", None
            for meter, state in states.items():
                answers = self.answers(meter)
                if tuple(state[0:2]) not in answers or tuple(state[4:6]) not in answers:
                    return f"meter-{meter + 1} did not count what its house answered", None
                if not all(state[4 + slot] >= state[2 + slot] for slot in range(2)):
                    return f"meter-{meter + 1} holds more as certified than it counted: {state}", None
                pending_all += sum(state[4:6]) - sum(state[2:4])
            certified_all += sum(certified) // 1000
        return "", f"{certified_all} Wh certified and {pending_all} mWh pending"

