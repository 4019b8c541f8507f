#!/usr/bin/env python3
"""Groups of real processes from which something is taken away, and given back: the network between the aggregators, boards, meters
that tell the truth, clocks, the bookkeeper; or any process is killed at any moment. Then every set has to go on, and what was certified is
published.

Each group has four aggregators, their meters and a bookkeeper on loopback, with houses on a simulated bus, and is checked as
`busbar demo` checks: what was published for a set is what its meters hold as certified, to the watt-hour, and that and what is
pending is what their houses answered. Bounds are in periods that begin after healing. Healing is when what was taken away is there
again: relays pass packets on, nodes that were started answer `busbar status` and, if they are aggregators, may sign.

Scenarios run side by side, each with a group of its own: one takes 2 % of a core. A period in which this program itself was held up
for a quarter of it says nothing; then the next one counts, and the result says so.

usage: outages.py BUSBAR [--short] [--only WORD] [--outages N,N,...] [--period SECONDS] [--at-once N] [--keep FOLDER]
                  [--honest]              one line for each thing checked; "outages: N passed, M failed" last
--short takes a little more than a minute and its outages are of 10 periods of 4 s; else they are of 12, 50 and 200 periods of 3 s,
in a quarter of an hour. --only names scenarios, with commas between: network, boards, dead, bookkeeper, kills, runs, meters, clock,
clocks. With
--honest those that should lie keep to the rules, which shows that nothing else is wrong.
"""
import argparse
import collections
import concurrent.futures
import math
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from group import MEMBERS, Group, Stopped  # noqa: E402
from rogue import METER, LyingMeter, RunClaimer  # noqa: E402

SETS = range(MEMBERS)


class Results:
    def __init__(self):
        self.passed, self.failed, self.lock, self.start = 0, 0, threading.Lock(), time.time()

    def check(self, good, sentence, more=""):
        with self.lock:
            self.passed, self.failed = self.passed + bool(good), self.failed + (not good)
            print(f"{time.time() - self.start:7.1f} s  {'holds ' if good else 'FAILED'}  {sentence}{': ' if more else ''}{more}",
                  flush=True)
        return bool(good)


class Stalls(threading.Thread):
    """When this machine kept a sleeper from waking in time."""

    def __init__(self):
        super().__init__(daemon=True)
        self.late = collections.deque(maxlen=10_000)

    def run(self):
        while True:
            before = time.time()
            time.sleep(0.05)
            late = time.time() - before - 0.05
            if late > 0.1:
                self.late.append((before, late))

    def worst(self, start, end):
        return max((late for moment, late in list(self.late) if start <= moment + late and moment <= end), default=0.0)


class Scenario:
    """One group and what happens to it."""

    def __init__(self, options, results, stalls, folder):
        self.options, self.results, self.stalls, self.folder = options, results, stalls, folder
        self.busbar, self.library = options.busbar, options.library

    def group(self, **more):
        more.setdefault("meters", 5)
        more.setdefault("fewest", 3)
        more.setdefault("period", self.options.period)
        self.g = Group(self.busbar, self.folder, **more)
        return self.g

    def check(self, good, sentence, more=""):
        return self.results.check(good, sentence, more)

    def begins(self, sets=SETS):
        """Nothing can be taken away from a group that never worked."""
        until = self.g.genesis.first + 6
        works = self.g.wait(until, lambda: all(self.g.certified(owner) for owner in sets))
        if not works:
            silent = [owner for owner in sets if not self.g.certified(owner)]
            raise AssertionError(f"sets {silent} certified nothing before anything happened")

    def was_held_up(self, period):
        """Whether this machine stood still while the period was read, agreed on and published."""
        worst = self.stalls.worst((period + 1) * self.g.period, (period + 2) * self.g.period)
        return worst > self.g.period / 4

    def certifies(self, period, sentence, within=1, sets=SETS, more=""):
        """Each set certifies this period, or one of the `within` that begin with it. Returns which, by set, or None."""
        held_up, found, since = 0, {}, {}
        while True:
            last = period + within - 1 + held_up

            def enough():
                for owner in sets:
                    if owner not in found:
                        one = next((p for p in range(period, last + 1) if self.g.is_certified(p, owner)), None)
                        if one:
                            found[owner] = one
                            since[owner] = time.time() - (one + 1) * self.g.period
                return len(found) == len(sets)
            # It is decided while the period after it lasts, as a rule; and once that has passed it can only come late.
            if self.g.wait(last + 2.5, enough) or not self.was_held_up(last) or held_up == 3:
                break
            held_up += 1
        told = ", ".join(f"set {owner} " + (f"+{found[owner] - period} after {since[owner]:.1f} s" if owner in found else "not")
                         for owner in sets)
        told += f"; the machine stood still in {held_up} periods" if held_up else ""
        return found if self.check(len(found) == len(sets), sentence, told + more) else None

    def agrees(self, found, sentence):
        """Energy, at some moment within the next periods; then what was published, as a whole."""
        wrong, told = self.g.energy(found, self.g.now() + 6)
        good = self.check(not wrong, f"{sentence}, energy agrees to the watt-hour", wrong or told)
        broken = self.g.broken_chain()
        return self.check(not broken, f"{sentence}, each value follows on the one before, and none is there twice", broken) and good

    def comes_up(self, names, sentence):
        begun, up = time.time(), set()

        def enough():
            up.update(name for name in names if name not in up and self.g.is_up(name))
            return len(up) == len(names)
        good = self.g.wait(self.g.now() + 2 + 10 / self.g.period, enough)
        self.check(good, sentence, f"after {time.time() - begun:.1f} s" if good else f"not {sorted(set(names) - up)}")
        return good


# 1. Outages

def no_network(s, outages):
    g = s.group(relays=True)
    s.begins()
    for number, periods in enumerate(outages):
        name = f"no network between the aggregators for {periods} periods"
        g.wait_for_phase(PHASES[number % len(PHASES)])
        g.relays.is_cut = True
        since = math.floor(g.now())
        g.wait(g.now() + periods)
        s.check(not any(g.is_certified(p, o) for p in range(since + 1, since + periods) for o in SETS),
                f"{name}: meanwhile nothing is certified")
        g.relays.is_cut = False
        found = s.certifies(g.first_period_after_now(), f"{name}: all four sets certify the first period that begins after it")
        if not found or not s.agrees(found, name):
            return


def boards_off(s, outages):
    g = s.group()
    s.begins()
    for number, periods in enumerate(outages):
        name, off = f"two of four boards off for {periods} periods", ["aggregator-3", "aggregator-4"]
        g.wait_for_phase(PHASES[number % len(PHASES)])
        for board in off:
            g.kill(board)
        g.wait(g.now() + periods)
        for board in off:
            g.start_node(board)
        if not s.comes_up(off, f"{name}: they come up"):
            return
        found = s.certifies(g.first_period_after_now(), f"{name}: all four sets certify the first period that begins after it")
        if not found or not s.agrees(found, name):
            return


def board_dead(s, outages):
    g = s.group()
    s.begins()
    g.kill("aggregator-4")
    for number, periods in enumerate(outages):
        name = f"one board dead and another off for {periods} periods"
        g.wait_for_phase(PHASES[number % len(PHASES)])
        g.kill("aggregator-3")
        g.wait(g.now() + periods)
        g.start_node("aggregator-3")
        if not s.comes_up(["aggregator-3"], f"{name}: it comes up"):
            return
        found = s.certifies(g.first_period_after_now(), f"{name}: all four sets certify one of the two periods that begin after it",
                            within=2)
        if not found or not s.agrees(found, name):
            return


# 2. Publication

def bookkeeper_off(s, periods):
    """Aggregators keep in memory what they decided in the last eight positions."""
    g = s.group()
    s.begins()
    name = f"the bookkeeper off for {periods} periods"
    g.wait_for_phase(PHASES[0])
    g.kill("bookkeeper-1")
    g.wait(g.now() + periods)
    g.start_node("bookkeeper-1")
    if not s.comes_up(["bookkeeper-1"], f"{name}: it comes up"):
        return
    first = g.first_period_after_now()

    # Chains are published in order, one sum a tenth of a second: first what was certified meanwhile.
    def is_published():
        return all(owner_periods and owner_periods[-1] >= first for owner_periods in map(g.certified, SETS))
    good = g.wait(first + 3 + 2 * MEMBERS * periods * 0.1 / g.period, is_published)
    counts = [len(g.certified(owner)) for owner in SETS]
    s.check(good and min(counts) >= periods, f"{name}: what was certified meanwhile and the first period that begins after it are published",
            f"{counts} periods, after {time.time() - first * g.period:.1f} s of that period")
    if good:
        s.agrees({owner: g.certified(owner)[-1] for owner in SETS}, name)


def random_kills(s, periods):
    """Every process is killed now and then, at any moment; the bookkeeper is never away for longer than 3 s."""
    g = s.group()
    s.begins()
    name = f"random kill -9 of all roles for {periods} periods"
    dice, kills, back, until = random.Random(periods), 0, [], g.now() + periods
    while g.now() < until:
        if len(back) < 3:
            role = dice.choice(["aggregator", "aggregator", "bookkeeper", "meter"])
            node = dice.choice([node for node in g.names if node.startswith(role)])
            if node in g.processes:
                g.kill(node)
                kills += 1
                back.append((time.time() + dice.uniform(0, 3), node))
        g.wait(g.now() + dice.uniform(0, 0.4))
        for moment, node in list(back):
            if time.time() >= moment:
                back.remove((moment, node))
                g.start_node(node)
    for _, node in back:
        g.start_node(node)
    if not s.comes_up(g.names, f"{name}: all come up"):
        return
    # A meter that was killed while it closed may be counted in the period after.
    found = s.certifies(g.first_period_after_now(), f"{name}: all four sets certify one of the two periods that begin after it", within=2)
    if found:
        s.agrees(found, f"{name}: {kills} kills")


# 3. Runs

def claimed_runs(s, periods):
    """The claimer takes the place of aggregator 4: it votes nothing, so the other three have to."""
    g = s.group(rogues=["aggregator-4"])
    name, victims = "one aggregator claims later runs, 16 times a second", ["aggregator-1", "meter-1"]
    s.begins()
    claimer = RunClaimer(g, "aggregator-4", 3, {0: victims[0], METER: victims[1]}, not s.options.honest)
    claimer.start()
    try:
        g.wait_for_phase(PHASES[0])
        for node in victims:
            g.kill(node)
        for node in victims:
            g.start_node(node)
        # Who is up is back when its set certifies it; what it says of itself is not asked.
        g.wait(g.now() + 3 / g.period, lambda: all(g.is_up(node) for node in victims))
        first = g.first_period_after_now()
        found = s.certifies(first, f"{name}: an aggregator and a meter restart, and all four sets certify one of the two "
                            "periods that begin after it", within=2)
        if not found:
            return

        def is_back():
            return 0 in g.contributors(found[0], 0) and g.state(0)[6] >= first
        s.check(g.wait(first + 4, is_back), f"{name}: the meter that restarted is counted again")
        later = s.certifies(first + periods, f"{name}: {periods} periods later all four sets still certify", within=2)
        if later:
            s.agrees(later, name)
        s.check(claimer.sent >= 16 * len(victims) * g.period, f"{name}: it did", f"{claimer.sent} claims")
    finally:
        claimer.stop()


# 4. Contradicting meters

def contradicting_meters(s, periods):
    count, liars, lies = 16, set(range(9, 16)), not s.options.honest
    g = s.group(meters=count, rogues=[f"meter-{x + 1}" for x in liars])
    rogues = [LyingMeter(g, 0, x, lies) for x in liars]
    for rogue in rogues:
        rogue.start()
    try:
        name = f"{len(liars)} of {count} meters of a set sign two records each period"
        s.begins(sets=range(1, MEMBERS))
        first, found = g.first_period_after_now(), None
        for period in range(first, first + periods):
            found = s.certifies(period, f"{name}: period {period - first + 1} of {periods} is certified by all four sets")
            if not found:
                break
            missing = set(range(count)) - liars - g.contributors(found[0], 0)
            s.check(not missing, f"{name}: in it the honest ones of that set are counted",
                    f"not {sorted(missing)}" if missing else "")
        accused = set()
        for owner in SETS:
            for period in g.certified(owner):
                accused |= g.accused_meters(period, owner)
        s.check(accused == ({(0, x) for x in liars} if lies else set()), f"{name}: they are accused, and nobody else",
                ", ".join(f"meter {meter} of set {owner}" for owner, meter in sorted(accused)) or "nobody is")
        if found:
            there = g.contributors(found[0], 0) & liars
            s.check(not there if lies else there == liars, f"{name}: in the end they are not counted",
                    f"{sorted(there)} are" if there else "")
            s.agrees(found, name)
        signed = [rogue.signed for rogue in rogues]
        s.check(not found or min(signed) >= periods * (2 if lies else 1), f"{name}: they did", f"{sum(signed)} records")
    finally:
        for rogue in rogues:
            rogue.stop()


# 5. Clocks

def clock_ahead(s, cases, during):
    g = s.group(clocks=s.library)
    s.begins()
    for ahead, words in cases:
        name = f"one meter's clock {words} ahead for {during} periods, then right"
        g.wait_for_phase(PHASES[1])
        g.clock(ahead * g.period, ["meter-1"])
        first = math.floor(g.now())
        for period in range(first, first + during):
            s.certifies(period, f"{name}: meanwhile all four sets certify")
        # The last of these was certified in the period after it.
        g.wait_for_phase(PHASES[1])
        g.clock(0, ["meter-1"])
        after = g.first_period_after_now()
        found = s.certifies(after, f"{name}: all four sets certify the first period that begins after it")
        good = g.wait(after + 2.5, lambda: g.state(0)[6] >= after and 0 in g.contributors(after, 0))
        s.check(good, f"{name}: the meter is counted in it",
                "" if good else f"it holds its energy certified up to {after - g.state(0)[6]} periods before")
        if not found or not good or not s.agrees(found, name):
            return


def all_clocks_ahead(s, ahead, during):
    """A set's periods only grow, so what was certified for the wrong time stands; the next one is the first that begins after
    healing and is later than that."""
    g = s.group(clocks=s.library)
    name = f"all clocks {ahead} periods ahead for {during} periods, then right"
    s.begins()
    g.wait_for_phase(PHASES[1])
    g.clock(ahead * g.period)
    g.wait(g.now() + during)
    g.clock(0)
    right = g.first_period_after_now()
    # What was under way with the wrong clocks is over.
    g.wait(right + 0.5)
    newest = [g.certified(owner)[-1] for owner in SETS]
    after = max([right] + [period + 1 for period in newest])
    found = s.certifies(after, f"{name}: all four sets certify the first period that begins after it and after what they certified",
                        more=f"; that was {after - right} periods later than with no clock wrong")
    if found:
        s.agrees(found, name)


# In which part of a period something is taken away, and given back.
PHASES = (0.4, 0.2, 0.6)


def scenarios(options):
    """Name, and what to do; those that take longest first."""
    short = options.short
    outages = options.outages or ([10] if short else [12, 50, 200])
    yield "network", lambda s: no_network(s, outages)
    yield "boards", lambda s: boards_off(s, outages)
    yield "dead", lambda s: board_dead(s, outages)
    yield "bookkeeper", lambda s: bookkeeper_off(s, 10 if short else 14)
    yield "kills", lambda s: random_kills(s, 8 if short else 20)
    yield "meters", lambda s: contradicting_meters(s, 5 if short else 12)
    yield "clocks", lambda s: all_clocks_ahead(s, *((5, 2) if short else (12, 3)))
    twelve, year = (12, "12 periods"), (31_557_600 // options.period, "a year")
    yield "clock", lambda s: clock_ahead(s, [twelve] if short else [twelve, year], 2 if short else 3)
    yield "runs", lambda s: claimed_runs(s, 2 if short else 16)


def run(name, work, options, results, stalls, folder):
    scenario = Scenario(options, results, stalls, f"{folder}/{name}")
    scenario.g = None
    try:
        work(scenario)
    except Stopped:
        pass
    except Exception as error:  # noqa: BLE001  The other scenarios go on.
        results.check(False, f"{name}: {error if isinstance(error, AssertionError) else repr(error)}")
    finally:
        if scenario.g:
            scenario.g.stop()


def compile_clock(folder):
    source = os.path.join(os.path.dirname(os.path.abspath(__file__)), "clock.c")
    library = f"{folder}/clock.so"
    subprocess.run(["cc", "-O1", "-shared", "-fPIC", "-o", library, source], check=True)
    return library


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("busbar", type=os.path.abspath)
    parser.add_argument("--short", action="store_true")
    parser.add_argument("--only", default="")
    parser.add_argument("--outages", type=lambda text: [int(word) for word in text.split(",")])
    parser.add_argument("--period", type=int)
    parser.add_argument("--at-once", type=int, default=9)
    parser.add_argument("--keep")
    parser.add_argument("--honest", action="store_true")
    options = parser.parse_args()
    options.period = options.period or (4 if options.short else 3)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    if options.honest:
        print("whoever should lie keeps to the rules")
    results, stalls = Results(), Stalls()
    stalls.start()
    with tempfile.TemporaryDirectory(prefix="busbar-outages-") as folder:
        if options.keep:
            folder = os.path.abspath(options.keep)
            os.makedirs(folder)
        options.library = compile_clock(folder)
        with concurrent.futures.ThreadPoolExecutor(options.at_once) as pool:
            try:
                work = [pool.submit(run, name, what, options, results, stalls, folder)
                        for name, what in scenarios(options) if name in options.only.split(",") or not options.only]
                for one in work:
                    one.result()
            finally:
                pool.shutdown(wait=False, cancel_futures=True)
                for group in Group.opened:
                    group.stop()
    print(f"outages: {results.passed} passed, {results.failed} failed")
    return 1 if results.failed or not results.passed else 0


if __name__ == "__main__":
    sys.exit(main())
