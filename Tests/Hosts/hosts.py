#!/usr/bin/env python3
"""A group whose nodes are hosts: each in a network namespace of its own, with one interface, an address of each family and
nothing else in common, on one bridge. Four aggregators, a bookkeeper and twelve meters run for some periods, over IPv4 and then
over IPv6; in the second period one aggregator and one meter are given other addresses, as a NAT or a provider would.

Before that, over the first of them, docs/DEPLOY.md is walked; see deploy.py.

Checked: every set of every period is certified, but for one led by who just moved, busbar verify holds, each set's sums are what its meters hold as
certified and what their houses answered, and who moved is heard from its new address.

usage: hosts.py BUSBAR [--periods N] [--family 4|6] [--only deploy|moves]      "N passed, N failed"; exit code 1 also where there are no namespaces
"""
import datetime
import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time

import deploy

MEMBERS, METERS, FEWEST, PERIOD, PORT = 4, 4, 3, 5, 24000
MOVED, MOVED_MEMBER = ("aggregator-4", "meter-1"), 3
# As metrics call it: its set and its number there.
METER_MOVED = "meter-0.0"
PREFIX = f"busbar-{os.getpid()}"


class Refused(Exception):
    pass


def command(*words):
    """Runs one; what it says when it fails is why there are no hosts here."""
    try:
        done = subprocess.run(words, capture_output=True, text=True)
    except FileNotFoundError:
        raise Refused(f"there is no {words[0]} (Debian: iproute2)") from None
    if done.returncode != 0:
        raise Refused(f"{' '.join(words)}: {done.stderr.strip() or done.stdout.strip()}")


class Network:
    """A bridge in one namespace, and a namespace for each host."""

    def __init__(self, names):
        self.names, self.spaces = names, []
        self.hub = self.space("hub")
        self.inside(self.hub, "link", "add", "bridge0", "type", "bridge")
        self.inside(self.hub, "link", "set", "bridge0", "up")
        for number, name in enumerate(names):
            host = self.space(name)
            self.inside(self.hub, "link", "add", f"port{number}", "type", "veth", "peer", "name", "eth0", "netns", host)
            self.inside(self.hub, "link", "set", f"port{number}", "master", "bridge0")
            self.inside(self.hub, "link", "set", f"port{number}", "up")
            for address in self.addresses(name):
                self.give(name, address)
            for link in ("lo", "eth0"):
                self.inside(host, "link", "set", link, "up")

    def space(self, name):
        name = self.full(name)
        command("ip", "netns", "add", name)
        self.spaces.append(name)
        return name

    def full(self, name):
        return f"{PREFIX}-{name}"

    def inside(self, space, *words):
        command("ip", "-n", space, *words)

    def addresses(self, name, moved=False):
        number = self.names.index(name) + (100 if moved else 1)
        return f"10.77.0.{number}", f"fd77::{number:x}"

    def give(self, name, address):
        length = ("/64", "nodad") if ":" in address else ("/24",)
        self.inside(self.full(name), "address", "add", address + length[0], "dev", "eth0", *length[1:])

    def move(self, name):
        """Another address, and nobody is at the old one."""
        for old, new in zip(self.addresses(name), self.addresses(name, moved=True)):
            # In this order: of IPv4, the addresses of a network go with the first of them.
            self.inside(self.full(name), "address", "delete", old + ("/64" if ":" in old else "/24"), "dev", "eth0")
            self.give(name, new)

    def remove(self):
        for name in self.spaces:
            subprocess.run(["ip", "netns", "delete", name], capture_output=True)


class Group:
    """One run: keys, houses, nodes."""

    def __init__(self, busbar, folder, network, family):
        self.busbar, self.network, self.family, self.processes = busbar, network, family, {}
        self.grid, self.bus = f"{folder}/grid", f"{folder}/houses"
        open(f"{folder}/topology.ini", "w").write(
            f"[group]\naggregators = {MEMBERS}\nmetersPerSet = {METERS}\nminimumContributors = {FEWEST}\n"
            f"periodSeconds = {PERIOD}\nmodulusBits = 2048\n"
            f"[network]\nhost = 127.0.0.1\nbasePort = {PORT}\nclock = trusted\n"
            f"[meter]\nbus = {self.bus}/bus\nratedPowerWatts = {69_000 * 450}\n")
        self.say("provision", "--topology", f"{folder}/topology.ini", "--out", self.grid)
        self.first = json.loads(self.say("inspect", f"{self.grid}/genesis.bin", "--json"))["firstPeriod"]
        self.start("houses", [busbar, "simulate-bus", "--houses", str(MEMBERS * METERS), "--folder", self.bus])
        while not os.path.exists(f"{self.bus}/bus/meter-{MEMBERS * METERS - 1}"):
            self.look()
            time.sleep(0.05)
        for name in network.names:
            self.place(name)
            self.start(name, ["ip", "netns", "exec", network.full(name), busbar, "run", "--config",
                              f"{self.grid}/{name}/node.ini"])

    def say(self, *words):
        done = subprocess.run([self.busbar, *words], capture_output=True, text=True, timeout=60)
        if done.returncode != 0:
            raise AssertionError(f"busbar {' '.join(words)}: {done.stderr.strip()}")
        return done.stdout

    def start(self, name, words):
        with open(f"{self.grid}/{name}.log", "w") as log:
            self.processes[name] = subprocess.Popen(words, stdout=log, stderr=log)

    def look(self):
        for name, process in self.processes.items():
            if process.poll() is not None:
                raise AssertionError(f"{name} stopped: " + open(f"{self.grid}/{name}.log").read().strip())

    def endpoint(self, name):
        address = self.network.addresses(name)[self.family == 6]
        return f"[{address}]:{PORT}" if self.family == 6 else f"{address}:{PORT}"

    def place(self, name):
        """Each node has its own host now; it listens on any of that host's addresses, which may change."""
        path, lines = f"{self.grid}/{name}/node.ini", []
        for line in open(path).read().splitlines():
            key = line.split("=")[0].strip()
            if key == "listen":
                line = f"listen = [::]:{PORT}" if self.family == 6 else f"listen = 0.0.0.0:{PORT}"
            elif key in self.network.names:
                line = f"{key} = {self.endpoint(key)}"
            lines.append(line)
        open(path, "w").write("\n".join(lines) + "\n")

    # What came of it

    def stem(self, period, owner):
        day = datetime.date(1970, 1, 1) + datetime.timedelta(days=period * PERIOD // 86_400)
        return f"{self.grid}/published/{day}/{period}-{owner}"

    def published(self, period, owner):
        return all(os.path.exists(f"{self.stem(period, owner)}.{kind}") for kind in ("certificate", "sum"))

    def sum(self, period, owner):
        """Contributors, and watt-hours of import and export; None while there is no value."""
        stem = self.stem(period, owner)
        if not self.published(period, owner):
            return None
        genesis = ("--genesis", f"{self.grid}/genesis.bin")
        header = json.loads(self.say("inspect", stem + ".certificate", *genesis, "--json"))
        values = json.loads(self.say("inspect", stem + ".sum", *genesis, "--certificate", stem + ".certificate", "--json"))
        return header["contributors"], list(values["sumWattHours"].values())

    def state(self, meter):
        """activation, certified and latest in mWh, import and export; covered through, closed through."""
        try:
            numbers = [int(word) for word in open(f"{self.grid}/meter-{meter + 1}/state").read().split()]
        except FileNotFoundError:
            return None
        return numbers if len(numbers) == 8 else None

    def answers(self, meter):
        return {tuple(map(int, line.split()[1:])) for line in open(f"{self.bus}/truth/meter-{meter}.txt")}

    def heard_age(self, listener, peer):
        metrics = json.loads(self.say("status", f"{self.grid}/{listener}", "--json"))["metrics"]
        return metrics.get(f'busbar_peer_last_heard_age_seconds{{peer="{peer}"}}')

    def stop(self):
        deploy.end(self.processes.values())


class Results:
    def __init__(self):
        self.passed, self.failed = 0, 0

    def check(self, ok, name):
        self.passed, self.failed = self.passed + bool(ok), self.failed + (not ok)
        if not ok:
            print(f"FAILED: {name}", flush=True)


def settled(group, last):
    """A period up to which each set's meters all hold their energy as certified, and its sums; None before."""
    result = []
    for owner in range(MEMBERS):
        states = [group.state(owner * METERS + meter) for meter in range(METERS)]
        if None in states or len({state[6] for state in states}) != 1:
            return None
        through = states[0][6]
        if through < last or not group.published(through, owner):
            return None
        result.append((through, states))
    return result


def run(busbar, folder, network, family, periods, results):
    group = Group(busbar, folder, network, family)
    try:
        last, has_moved = group.first + periods - 1, False
        # The last period's sets may need most of the next one, and its proofs some time more.
        end, found = (last + 3) * PERIOD, None
        while time.time() < end and not found:
            group.look()
            if not has_moved and time.time() >= (group.first + 1.5) * PERIOD:
                for name in MOVED:
                    network.move(name)
                has_moved, since = True, time.time()
            if time.time() >= (last + 1) * PERIOD:
                found = settled(group, last)
            time.sleep(0.1)
        examine(group, periods, found, results, f"IPv{family}")
        results.check(has_moved, f"IPv{family}: somebody moved")
        for name in MOVED:
            # Several times in each period they have something to say.
            age = group.heard_age("aggregator-1", name if name.startswith("aggregator") else METER_MOVED)
            results.check(age is not None and age < time.time() - since and age < 2 * PERIOD,
                          f"IPv{family}: {name} is heard where it went: {age} s ago")
    finally:
        group.stop()


def examine(group, periods, found, results, label):
    for period in range(group.first, group.first + periods):
        for owner in range(MEMBERS):
            decided = group.sum(period, owner)
            # Until it has missed its meters for a period and told them, who moved may lead its set to no sum at all; later sums show
            # that the energy is in the next period's.
            if period == group.first + 1 and (period + owner) % MEMBERS == MOVED_MEMBER:
                continue
            # A record that came late on a busy machine is in the next period's too.
            results.check(decided and decided[0] >= FEWEST, f"{label}: period {period} set {owner} is certified: {decided}")
    verified = subprocess.run([group.busbar, "verify", group.grid], capture_output=True, text=True)
    results.check(verified.returncode == 0, f"{label}: busbar verify: {verified.stdout}{verified.stderr}")
    results.check(found is not None, f"{label}: every meter knows its energy certified")
    for owner, (through, states) in enumerate(found or []):
        total = [0, 0]
        for period in range(group.first, through + 1):
            decided = group.sum(period, owner)
            if decided:
                total = [total[slot] + decided[1][slot] for slot in range(2)]
        certified = [sum(state[2 + slot] - state[slot] for state in states) / 1000 for slot in range(2)]
        results.check(total == certified, f"{label}: set {owner} published {total} Wh, its meters hold {certified} Wh")
        for meter, state in enumerate(states):
            house = owner * METERS + meter
            answers = group.answers(house)
            results.check(tuple(state[0:2]) in answers and tuple(state[4:6]) in answers,
                          f"{label}: meter-{house + 1} counted what its house answered")


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("busbar")
    parser.add_argument("--periods", type=int, default=4)
    parser.add_argument("--family", type=int, choices=(4, 6))
    parser.add_argument("--only", choices=("deploy", "moves"))
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    names = ([f"aggregator-{n + 1}" for n in range(MEMBERS)] + ["bookkeeper-1"]
             + [f"meter-{n + 1}" for n in range(MEMBERS * METERS)])
    results = Results()
    families = (options.family,) if options.family else (4, 6)
    runs = [("moves", names, family) for family in families]
    runs.insert(0, ("deploy", deploy.NAMES, families[0]))
    for kind, hosts, family in runs:
        if options.only not in (None, kind):
            continue
        network = Network.__new__(Network)
        try:
            network.__init__(hosts)
            # Not below /tmp, which hosts of a deployment have of their own.
            with tempfile.TemporaryDirectory(prefix="busbar-hosts-", dir="/var/tmp") as folder:
                if kind == "deploy":
                    deploy.deploy(os.path.abspath(options.busbar), folder, network, family, results)
                else:
                    run(os.path.abspath(options.busbar), folder, network, family, options.periods, results)
        except Refused as refusal:
            print(f"hosts: this machine does not allow network namespaces, or not all that hosts need:\n  {refusal}\n"
                  "They take root, or a user namespace with a network and mounts of its own; nothing was tested.",
                  file=sys.stderr)
            return 1
        except AssertionError as failure:
            results.check(False, f"{kind}, IPv{family}: {failure}")
        finally:
            network.remove()
    print(f"hosts: {results.passed} passed, {results.failed} failed")
    return 1 if results.failed or not results.passed else 0


if __name__ == "__main__":
    sys.exit(main())
