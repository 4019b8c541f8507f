"""Walks docs/DEPLOY.md: its commands are run in its order, on hosts that each have a network namespace and their own /etc, /var/lib,
/usr/local/bin, /tmp and /dev. What is changed stands at the end of that page.

Checked: each command succeeds and each node is who it should be; the sums that are certified are what the meters hold and what their
houses answered; and no private key is anywhere but on the host that made it: not in a file of another host, in what was copied, in what
a command printed, or in a frame on the network.
"""
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time

PERIOD, CLOCK_FACTOR = 5, 450
BOARDS = [f"aggregator-{n}" for n in range(1, 5)] + ["bookkeeper-1"] + [f"meter-{n}" for n in range(1, 4)]
METERS = [name for name in BOARDS if name.startswith("meter")]
NAMES = BOARDS + ["operator"]
NODE = "var-lib/busbar/node"
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

# Runs a command where the host's own folders stand in their places. $1 is the host's folder, $2 the line of a meter or nothing.
ENTER = r"""set -e
host=$1 line=$2; shift 2
mount --bind "$host/etc" /etc
mount --bind "$host/var-lib" /var/lib
mount --bind "$host/usr-local-bin" /usr/local/bin
mkdir -p "$host/dev/pts"
mount -t tmpfs -o mode=755 none "$host/dev"
mkdir "$host/dev/pts"
for device in null zero random urandom tty; do
  : > "$host/dev/$device"
  mount --bind "/dev/$device" "$host/dev/$device"
done
mount --bind /dev/pts "$host/dev/pts"
[ -z "$line" ] || ln -s "$line" "$host/dev/ttyUSB0"
mount --rbind "$host/dev" /dev
mount --bind "$host/tmp" /tmp
export SITE="${host%/*}" HOST_FOLDER="$host" PATH="${host%/*}/stand-ins:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin" HOME="$host/home"
cd "$host/home"
exec sh -ec "$1"
"""

STAND_INS = {
    "sudo": r"""#!/bin/sh
# sudo [-u USER] COMMAND...
if [ "$1" = -u ]; then
  user=$2; shift 2
  exec setpriv --reuid "$user" --regid "$user" --init-groups -- "$@"
fi
exec "$@"
""",
    "scp": r"""#!/bin/sh
# scp FILE... DESTINATION; HOST:PATH is below that host's home, or in its /tmp. A copy of all that passes is kept.
set -e
place() {
  case $1 in
    *:/tmp/*) echo "$SITE/${1%%:*}/tmp/${1#*:/tmp/}" ;;
    *:/*) echo "scp: $1: only /tmp and the home" >&2; exit 1 ;;
    *:*) echo "$SITE/${1%%:*}/home/${1#*:}" ;;
    *) echo "$1" ;;
  esac
}
for last in "$@"; do :; done
while [ $# -gt 1 ]; do
  from=$(place "$1")
  cp "$from" "$(place "$last")"
  cp "$from" "$SITE/carried/$$-$(basename "$from")"
  shift
done
""",
    "systemctl": r"""#!/bin/sh
# systemctl enable --now NAME: starts what /etc/systemd/system/NAME.service says, as its user.
set -e
[ "$1 $2" = "enable --now" ]
unit=/etc/systemd/system/$3.service
user=$(sed -n 's/^User=//p' "$unit")
command=$(sed -n 's/^ExecStart=//p' "$unit")
setsid setpriv --reuid "$user" --regid "$user" --init-groups -- $command > "$HOST_FOLDER/$3.log" 2>&1 < /dev/null &
echo $! > "$HOST_FOLDER/$3.pid"
""",
}

# Writes every frame that passes the hub into a file, until it is told to stop.
CAPTURE = r"""import signal, socket, sys
wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
with open(sys.argv[1], "wb", buffering=0) as file:
    print("ready", flush=True)
    while True:
        file.write(wire.recv(65536))
"""


def blocks(text):
    """(language, words behind it, content) of each fenced block."""
    return [(found[1].split()[0], found[1].split()[1:], found[2])
            for found in re.finditer(r"^```(\w[^\n]*)\n(.*?)^```$", text, re.M | re.S)]


def end(processes):
    """Ends all of them, by force after ten seconds."""
    for process in processes:
        process.terminate()
    for process in processes:
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


class Deployment:
    def __init__(self, busbar, folder, network, family):
        self.busbar, self.folder, self.network, self.family = busbar, folder, network, family
        self.processes, self.said = {}, {name: "" for name in NAMES}
        self.lines = {}
        # Users of the hosts pass through here.
        os.chmod(folder, 0o755)
        for name in ["carried", "stand-ins"]:
            os.mkdir(f"{folder}/{name}")
        for name, text in STAND_INS.items():
            with open(f"{folder}/stand-ins/{name}", "w") as file:
                file.write(text)
            os.chmod(f"{folder}/stand-ins/{name}", 0o755)
        for name in NAMES:
            self.make_host(name)
        self.make_operator()
        self.start_houses()
        self.start("capture", ["ip", "netns", "exec", network.hub, sys.executable, "-c", CAPTURE, f"{folder}/frames"],
                   stdout=subprocess.PIPE)
        self.processes["capture"].stdout.readline()

    def make_host(self, name):
        host = f"{self.folder}/{name}"
        for place in ["var-lib", "usr-local-bin", "dev", "tmp", "home"]:
            os.makedirs(f"{host}/{place}")
        os.chmod(f"{host}/tmp", 0o1777)
        shutil.copytree("/etc", f"{host}/etc", symlinks=True, ignore=shutil.ignore_patterns("ssl", "alternatives", "java*"))
        os.makedirs(f"{host}/etc/systemd/system", exist_ok=True)
        with open(f"{host}/etc/nsswitch.conf", "w") as file:
            file.write("passwd: files\ngroup: files\nshadow: files\nhosts: files\n")
        with open(f"{host}/etc/hosts", "w") as file:
            file.write("127.0.0.1 localhost\n")
            # The operator's network knows the names; a board knows its own, as Debian writes it.
            if name == "operator":
                file.writelines(f"{self.network.addresses(board)[self.family == 6]} {board}\n" for board in BOARDS)
            else:
                file.write(f"127.0.1.1 {name}\n")

    def make_operator(self):
        home = f"{self.folder}/operator/home"
        for place in [".build/release", "build/arm64"]:
            os.makedirs(f"{home}/{place}")
            shutil.copy(self.busbar, f"{home}/{place}/busbar")

    def start_houses(self):
        bus = f"{self.folder}/houses"
        self.start("houses", [self.busbar, "simulate-bus", "--houses", str(len(METERS)), "--folder", bus],
                   stdout=subprocess.DEVNULL)
        for number, name in enumerate(METERS):
            while not os.path.exists(f"{bus}/bus/meter-{number}"):
                if self.processes["houses"].poll() is not None:
                    raise AssertionError("the houses stopped")
                time.sleep(0.05)
            self.lines[name] = os.path.realpath(f"{bus}/bus/meter-{number}")
            # As the serial adapter of a board is the group's that a node is in.
            shutil.chown(self.lines[name], group="dialout")
            os.chmod(self.lines[name], 0o660)

    def start(self, name, words, **more):
        self.processes[name] = subprocess.Popen(words, **more)

    # The page

    def run(self, name, command, may_fail=False):
        done = subprocess.run(
            ["ip", "netns", "exec", self.network.full(name), "unshare", "--mount", "--propagation", "private", "bash", "-c", ENTER,
             "enter", f"{self.folder}/{name}", self.lines.get(name, ""), command],
            capture_output=True, text=True, timeout=120)
        self.said[name] += done.stdout + done.stderr
        if done.returncode != 0 and not may_fail:
            raise AssertionError(f"docs/DEPLOY.md on {name}: {command.strip()}\n  exit {done.returncode}: {done.stdout}{done.stderr}")
        return done

    def walk(self, results):
        """Runs the page up to its certified sums."""
        text = open(f"{ROOT}/docs/DEPLOY.md").read()
        self.commands, certified = 0, []
        for language, words, content in blocks(text):
            if language == "ini":
                with open(f"{self.folder}/operator/home/{words[0]}", "w") as file:
                    file.write(self.changed(content) if words[0] == "topology.ini" else content)
                continue
            if language != "sh":
                raise AssertionError(f"docs/DEPLOY.md: a block of {language}")
            on, marks = words[0], words[1:]
            boards = BOARDS if "each" in marks else METERS if "meters" in marks else [on]
            if "certified" in marks:
                certified.append((on, boards, content))
                continue
            for board in boards:
                self.run_block(on, board, content, results)
        self.wait_for_sums()
        for on, boards, content in certified:
            for board in boards:
                self.run_block(on, board, content, results)
        results.check(len(certified) == 2 and self.commands > 80, f"deploy: {self.commands} commands were run")

    def changed(self, topology):
        for old, new in [("periodSeconds = 1800", f"periodSeconds = {PERIOD}"), ("clock = synchronised", "clock = trusted"),
                         ("ratedPowerWatts = 69000", f"ratedPowerWatts = {69_000 * CLOCK_FACTOR}")]:
            if topology.count(old) != 1:
                raise AssertionError(f"docs/DEPLOY.md: topology.ini has no {old}")
            topology = topology.replace(old, new)
        return topology

    def run_block(self, on, board, content, results):
        host = board if on == "meter-1" else on
        text = content.replace("meter-1", board).replace("--role meter", "--role " + board.split("-")[0])
        for command in text.splitlines():
            self.commands += 1
            if " doctor " in command:
                self.examine(host, command, results)
                continue
            if " status " in command:
                self.wait_for_status(host)
            self.run(host, command)

    def examine(self, host, command, results):
        """A node that reads its meter just then holds the port, so the doctor may look again."""
        for _ in range(5):
            bad = [line for line in self.run(host, command, may_fail=True).stdout.splitlines() if line.startswith("BAD")]
            bad = [line for line in bad if line.split()[1] != "clock"]
            if not bad:
                break
            time.sleep(0.5)
        results.check(not bad, f"deploy: the doctor is content with {host}: {bad}")

    def wait_for_status(self, host):
        """A person is not so quick after starting it."""
        deadline = time.time() + 20
        while subprocess.run([self.busbar, "status", f"{self.folder}/{host}/{NODE}"], capture_output=True).returncode != 0:
            if time.time() > deadline:
                raise AssertionError(f"{host} does not run: " + self.log(host))
            time.sleep(0.1)

    def log(self, host):
        try:
            return open(f"{self.folder}/{host}/busbar.log").read().strip()
        except FileNotFoundError:
            return "it was not started"

    # What came of it

    def sums(self):
        """(contributors, Wh of import and export) of each period of the set of aggregator-1."""
        node = f"{self.folder}/bookkeeper-1/{NODE}"
        found = {}
        for day in sorted(os.listdir(f"{node}/published")):
            for name in sorted(os.listdir(f"{node}/published/{day}")):
                stem, kind = os.path.splitext(f"{node}/published/{day}/{name}")
                if kind != ".sum" or not os.path.exists(stem + ".certificate"):
                    continue
                genesis = ["--genesis", f"{node}/genesis.bin", "--json"]
                header = json.loads(self.say("inspect", stem + ".certificate", *genesis))
                value = json.loads(self.say("inspect", stem + ".sum", "--certificate", stem + ".certificate", *genesis))
                period, owner = map(int, os.path.basename(stem).split("-"))
                found[period, owner] = header["contributors"], list(value["sumWattHours"].values())
        return found

    def say(self, *words):
        done = subprocess.run([self.busbar, *words], capture_output=True, text=True, timeout=60)
        if done.returncode != 0:
            raise AssertionError(f"busbar {' '.join(words)}: {done.stderr.strip()}")
        return done.stdout

    def states(self):
        result = []
        for name in METERS:
            try:
                numbers = [int(word) for word in open(f"{self.folder}/{name}/{NODE}/state").read().split()]
            except FileNotFoundError:
                return None
            if len(numbers) != 8 or numbers[0] < 0:
                return None
            result.append(numbers)
        return result

    def wait_for_sums(self, count=3):
        """Until so many sums are published and all meters know their energy certified through one period that has one."""
        deadline = time.time() + 20 * PERIOD
        while time.time() < deadline:
            for name in BOARDS:
                if not os.path.exists(f"/proc/{self.pid(name)}"):
                    raise AssertionError(f"{name} stopped: " + self.log(name))
            states = self.states()
            through = {state[6] for state in states or []}
            if len(through) == 1:
                sums = self.sums()
                if len(sums) >= count and (min(through), 0) in sums:
                    self.settled = states, min(through), sums
                    return
            time.sleep(0.2)
        raise AssertionError(f"no sums after {20 * PERIOD} s: " + "; ".join(f"{name}: {self.log(name)}" for name in BOARDS))

    def pid(self, name):
        return int(open(f"{self.folder}/{name}/busbar.pid").read())

    def judge(self, results):
        states, through, sums = self.settled
        results.check({owner for _, owner in sums} == {0}, "deploy: the set of aggregator-1 alone has sums")
        results.check(all(count == 3 for count, _ in sums.values()), f"deploy: each is of three meters: {sums}")
        published = [sum(values[slot] for (period, _), (_, values) in sums.items() if period <= through) for slot in range(2)]
        certified = [sum(state[2 + slot] - state[slot] for state in states) / 1000 for slot in range(2)]
        results.check(published == certified and published[0] > 0, f"deploy: {published} Wh are published, meters hold {certified} Wh")
        for number, state in enumerate(states):
            answers = {tuple(map(int, line.split()[1:])) for line in open(f"{self.folder}/houses/truth/meter-{number}.txt")}
            results.check(tuple(state[0:2]) in answers and tuple(state[4:6]) in answers,
                          f"deploy: {METERS[number]} counted what its house answered")
        said = self.said["bookkeeper-1"]
        results.check("checked       it opens to the certified product" in said, f"deploy: the page shows sums: {said[-400:]}")
        for name in METERS:
            results.check(re.search(r"(?m)^(-?\d+ ){7}\d+$", self.said[name]), f"deploy: the page shows the state of {name}")
        networks = set(re.findall(r"this is \S+ in network (\w+)", "".join(self.said.values())))
        results.check(len(networks) == 1, f"deploy: every node shows one network: {networks}")
        for name in BOARDS:
            results.check(f"this is {name} in network" in self.said[name], f"deploy: {name} is itself")

    def secrets(self):
        """(host, bytes) of every private key there is."""
        for name in BOARDS:
            seeds = open(f"{self.folder}/{name}/{NODE}/identity.key", "rb").read()[8:]
            for place in range(0, 96, 32):
                yield name, seeds[place:place + 32]
        key = open(f"{self.folder}/bookkeeper-1/{NODE}/paillier.key", "rb").read()
        length = int.from_bytes(key[8:10], "little")
        # A part of a prime is enough to find it, wherever a format would begin or end it.
        for place in (len(key) - 2 * length, len(key) - length):
            yield "bookkeeper-1", key[place + 8:place + 72]

    def search(self, results):
        """For each secret: it is found on its own host, and nowhere else."""
        places = {name: [] for name in NAMES + ["carried", "network"]}
        for name in NAMES + ["carried"]:
            for root, folders, names in os.walk(f"{self.folder}/{name}"):
                folders[:] = [folder for folder in folders if os.path.join(root, folder) != f"{self.folder}/{name}/etc"]
                for file in names:
                    path = os.path.join(root, file)
                    if os.path.isfile(path) and not os.path.islink(path) and os.path.getsize(path) < 8 << 20:
                        content = open(path, "rb").read()
                        # A text may have line ends within its digits.
                        places[name].append((path, content, content.replace(b"\n", b"")))
        frames = open(f"{self.folder}/frames", "rb").read()
        places["network"].append(("frames", frames))
        for name in NAMES:
            said = self.said[name].encode()
            places["network"].append((f"what commands on {name} printed", said, said.replace(b"\n", b"")))
        leaks, count = [], 0
        for owner, secret in self.secrets():
            count += 1
            forms = [secret, secret.hex().encode(), secret.hex().upper().encode()]
            found = {(place, path) for place, files in places.items() for path, *contents in files
                     if any(form in content for form in forms for content in contents)}
            results.check(any(place == owner for place, _ in found), f"deploy: a key of {owner} is where it was made")
            leaks += [(owner, path) for place, path in found if place != owner]
        results.check(leaks == [] and count == 3 * len(BOARDS) + 2, f"deploy: of {count} private keys these left their hosts: {leaks}")
        # Public keys, which are searched for in the same way, did travel.
        shown = json.loads(self.say("inspect", f"{self.folder}/meter-1/{NODE}/registration", "--json"))
        public = bytes.fromhex(shown["verificationKey"])
        carried = b"".join(content for _, content, _ in places["carried"])
        results.check(public in carried and shown["verificationKey"].encode() in carried.replace(b"\n", b""),
                      "deploy: a public key is found in what was carried")
        results.check(len(frames) > 100_000, f"deploy: {len(frames)} bytes of frames were looked through")

    def stop(self):
        for name in BOARDS:
            try:
                os.kill(self.pid(name), signal.SIGTERM)
            except (FileNotFoundError, ProcessLookupError, ValueError):
                pass
        end(self.processes.values())
        deadline = time.time() + 10
        for name in BOARDS:
            try:
                while os.path.exists(f"/proc/{self.pid(name)}") and time.time() < deadline:
                    time.sleep(0.05)
            except (FileNotFoundError, ValueError):
                pass


def deploy(busbar, folder, network, family, results):
    site = Deployment.__new__(Deployment)
    try:
        site.__init__(busbar, folder, network, family)
        site.walk(results)
        site.judge(results)
    finally:
        if hasattr(site, "said"):
            site.stop()
    site.search(results)
