#!/usr/bin/env python3
"""Runs the built busbar as a person would: help, usage, configurations, keys, files, and a tampered folder.

usage: test_command_line.py BUSBAR [FOLDER]

FOLDER is what a finished `busbar demo` left; it is copied, never changed. Without it a demo of one period is run first.
Needs cryptography, for one signature. The last line is "N passed, N failed"; exits 0 only if none failed.
"""
import datetime
import hashlib
import json
import os
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
import unittest

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

BUSBAR = ""
DEMO = ""
SCRATCH = ""
VERBS = ["demo", "provision", "keygen", "install-bundle", "check-config", "run", "devices", "read", "scan", "dump", "limit",
         "capture", "replay", "simulate-bus", "simulate-meters", "doctor", "inspect", "verify", "bench", "status", "relay",
         "version"]
TOPOLOGY = """[group]
aggregators = 4
metersPerSet = 5
periodSeconds = 4
modulusBits = 2048
[network]
host = 127.0.0.1
basePort = 24000
clock = trusted
[meter]
bus = bus
"""


def busbar(*arguments, cwd=None):
    return subprocess.run([BUSBAR, *arguments], capture_output=True, text=True, timeout=60, cwd=cwd)


def flip(path, offset):
    with open(path, "r+b") as file:
        file.seek(offset, os.SEEK_END if offset < 0 else os.SEEK_SET)
        byte = file.read(1)[0]
        file.seek(-1, os.SEEK_CUR)
        file.write(bytes([byte ^ 1]))


class CommandLine(unittest.TestCase):
    """Each test has a folder of its own."""

    def setUp(self):
        self.folder = tempfile.mkdtemp(dir=SCRATCH)

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, text):
        with open(self.path(name), "w") as file:
            file.write(text)
        return self.path(name)

    def succeeds(self, *arguments, cwd=None):
        result = busbar(*arguments, cwd=cwd)
        self.assertEqual(result.returncode, 0, result.stderr)
        return result.stdout

    def fails(self, code, *arguments, cwd=None):
        """Exit code and one line on stderr; the line comes back."""
        result = busbar(*arguments, cwd=cwd)
        self.assertEqual(result.returncode, code, result)
        self.assertEqual(result.stderr.count("\n"), 1, result.stderr)
        if "--json" in arguments and code != 2:
            message = json.loads(result.stdout.splitlines()[-1])["error"]
            self.assertIn(message, result.stderr)
        else:
            self.assertEqual(result.stdout, "")
        return result.stderr.rstrip("\n")


class Help(CommandLine):
    def test_the_overview_names_every_verb(self):
        text = self.succeeds("--help")
        self.assertEqual(re.findall(r"^  ([a-z-]+)  ", text, re.M), VERBS)
        self.assertEqual(self.succeeds("help"), text)
        self.assertEqual(self.succeeds("-h"), text)

    def test_a_verbs_help_is_about_that_verb_only(self):
        for verb in VERBS:
            text = self.succeeds(verb, "--help")
            self.assertEqual(self.succeeds("help", verb), text)
            self.assertEqual(self.succeeds(verb, "--nonsense", "-h"), text)
            self.assertTrue(text.startswith(verb + ": "), text)
            self.assertIn(f"\nusage: busbar {verb}", text)
            self.assertRegex(text, r"\nexamples?:\n  busbar ")
            self.assertRegex(text, r"\nexit codes:\n  0  ")
            for other in VERBS:
                if other != verb:
                    self.assertNotIn(f"usage: busbar {other}", text)
            for line in text.splitlines():
                self.assertLessEqual(len(line), 120, line)

    def test_every_option_in_the_usage_is_explained(self):
        for verb in VERBS:
            text = self.succeeds(verb, "--help")
            usage = text.split("usage:")[1].split("\n")[0]
            for option in re.findall(r"--[a-z-]+", usage):
                self.assertRegex(text, rf"(?m)^  {option} .*\S", f"{verb} {option}")

    def test_what_reports_has_json(self):
        for verb in VERBS:
            if verb in ("run", "simulate-meters"):
                continue
            self.assertIn("--json", self.succeeds(verb, "--help"), verb)


class Usage(CommandLine):
    def test_no_verb(self):
        result = busbar()
        self.assertEqual((result.returncode, result.stdout), (2, ""))
        self.assertIn("usage: busbar VERB", result.stderr)

    def test_an_unknown_verb(self):
        for word in ["demoo", "", "Demo"]:
            self.assertEqual(self.fails(2, word), f"busbar: unknown verb {word}; see busbar --help")
        self.assertEqual(self.fails(2, "help", "demoo"), "busbar: unknown verb demoo; see busbar --help")
        self.assertEqual(self.fails(2, "--verbose"), "busbar: unknown option --verbose; see busbar --help")

    def test_an_unknown_option_of_every_verb(self):
        for verb in VERBS:
            for option in ["--nonsense", "-x", "--Json", "--json=1"]:
                self.assertEqual(
                    self.fails(2, verb, option), f"busbar: unknown option {option}; see busbar {verb} --help")

    def test_an_option_without_its_value_or_twice(self):
        for verb, option in [("demo", "--data"), ("keygen", "--out"), ("run", "--config"), ("read", "--port")]:
            line = f"busbar: {option} needs a value; see busbar {verb} --help"
            self.assertEqual(self.fails(2, verb, option), line)
            self.assertEqual(self.fails(2, verb, option, "--json"), line)
            self.assertEqual(
                self.fails(2, verb, option, "a", option, "b"),
                f"busbar: {option} is given twice; see busbar {verb} --help")

    def test_a_required_option_is_missing(self):
        for verb, option in [
            ("keygen", "--out FILE"), ("run", "--config FILE"), ("read", "--port PORT"), ("limit", "--port PORT"), ("scan", "--port PORT"),
            ("provision", "--topology FILE"), ("capture", "--out FILE"), ("install-bundle", "--data FOLDER"),
        ]:
            words = ["BUNDLE"] if verb == "install-bundle" else []
            self.assertEqual(self.fails(2, verb, *words), f"busbar: {option} is required; see busbar {verb} --help")
        self.assertIn("--genesis is required", self.fails(2, "verify", "certificate"))
        self.assertIn("--certificate is required", self.fails(2, "verify", "sum", "--genesis", DEMO + "/genesis.bin"))

    def test_too_many_or_too_few_words(self):
        for verb, needs in [("check-config", "FILE"), ("inspect", "[KIND] FILE"),
                            ("verify", "FOLDER | certificate | sum | modulus")]:
            self.assertEqual(self.fails(2, verb), f"busbar: {verb} needs {needs}; see busbar {verb} --help")
        for words in [["version", "x"], ["check-config", "a", "x"], ["inspect", "genesis", "a", "x"],
                      ["verify", "a", "x"], ["demo", "x"], ["keygen", "--out", "k", "x"]]:
            self.assertEqual(self.fails(2, *words), f"busbar: unexpected x; see busbar {words[0]} --help")

    def test_values_out_of_range(self):
        for arguments, line in [
            (["demo", "--periods", "0"], "--periods is not a whole number in 1...1000: 0"),
            (["demo", "--periods", "five"], "--periods is not a whole number in 1...1000: five"),
            (["demo", "--periods", "3", "--kill", "meter-1", "--at-period", "4"],
             "--at-period is not a whole number in 1...3: 4"),
            (["demo", "--at-period", "1"], "--at-period goes with --kill, --pause or --wipe"),
            (["demo", "--kill", "meter-1", "--wipe", "meter-2"], "--kill, --pause and --wipe exclude each other"),
            (["demo", "--targets", "mips"], "--targets knows armv6, armv7 and arm64, not mips"),
            (["read", "--port", "p", "--unit", "248"], "--unit is not a whole number in 1...247: 248"),
            (["read", "--port", "p", "--watch", "--unit", "1,0"], "--unit is not N[:MAP],... with N in 1...247: 1,0"),
            (["read", "--port", "p", "--watch", "--unit", "1,"], "--unit is not N[:MAP],... with N in 1...247: 1,"),
            (["read", "--port", "p", "--watch", "--unit", "1,1:sunspec"], "--unit names 1 twice"),
            (["read", "--port", "p", "--count", "2", "--interval", "3600001"],
             "--interval is not a whole number in 0...3600000: 3600001"),
            (["read", "--port", "p", "--interval", "10"], "--interval goes with --count"),
            (["read", "--port", "p", "--unit", "1,2"], "--unit is not a whole number in 1...247: 1,2"),
            (["read", "--port", "p", "--baud", "9601.5"], "--baud is not a whole number in 1200...115200: 9601.5"),
            (["read", "--port", "p", "--parity", "mark"], "--parity is mark, not one of none, even, odd"),
            (["simulate-bus", "--folder", "f", "--houses", "1025"], "--houses is not a whole number in 1...1024: 1025"),
        ]:
            self.assertEqual(self.fails(2, *arguments, cwd=self.folder), "busbar: " + line)
        self.assertIn("--map is eastron, neither a file nor one of those that busbar devices lists",
                      self.fails(2, "read", "--port", "p", "--map", "eastron"))
        self.assertEqual(os.listdir(self.folder), [])

    def test_a_wrong_node_to_kill_is_told_before_anything_starts(self):
        for name in ["aggregator-5", "aggregator-0", "meter-29", "bookkeeper-2", "bus", "meter"]:
            for option in ["--kill", "--pause", "--wipe"]:
                line = self.fails(2, "demo", option, name, "--at-period", "1", cwd=self.folder)
                self.assertIn(f"{option}: there is no node {name}", line)
        self.assertEqual(os.listdir(self.folder), [])

    def test_version(self):
        version = json.loads(self.succeeds("version", "--json"))["version"]
        self.assertEqual(self.succeeds("version"), f"busbar {version}\n")
        self.assertEqual(self.succeeds("--version"), f"busbar {version}\n")


class Keys(CommandLine):
    def test_keygen_makes_a_file_for_its_owner_alone(self):
        os.umask(0)
        try:
            keys = json.loads(self.succeeds("keygen", "--out", self.path("identity.key"), "--json"))
        finally:
            os.umask(0o022)
        self.assertEqual(os.stat(self.path("identity.key")).st_mode & 0o777, 0o600)
        self.assertEqual(os.listdir(self.folder), ["identity.key"])
        self.assertEqual(set(keys), {"verificationKey", "agreementKey"})
        shown = json.loads(self.succeeds("inspect", self.path("identity.key"), "--json"))
        self.assertEqual(shown, {"kind": "identity", **keys})

    def test_keygen_never_overwrites(self):
        path = self.write("identity.key", "precious")
        self.assertEqual(self.fails(1, "keygen", "--out", path), f"busbar: {path} exists; a key is never overwritten")
        self.fails(1, "keygen", "--out", path, "--json")
        with open(path) as file:
            self.assertEqual(file.read(), "precious")
        os.symlink("elsewhere", self.path("link"))
        self.fails(1, "keygen", "--out", self.path("link"))
        self.assertFalse(os.path.exists(self.path("elsewhere")))

    def test_a_paillier_key_has_a_proven_modulus_beside_it(self):
        key = self.path("p.key")
        told = json.loads(self.succeeds("keygen", "--paillier", "--out", key, "--bits", "2048", "--json"))
        self.assertEqual(told, {"key": key, "modulus": key + ".modulus", "modulusBits": 2048})
        self.assertEqual(os.stat(key).st_mode & 0o777, 0o600)
        self.assertEqual(json.loads(self.succeeds("verify", "modulus", "--modulus", key + ".modulus", "--json")),
                         {"modulusBits": 2048, "proof": True})
        self.succeeds("inspect", "paillier-key", key)
        self.assertEqual(self.fails(1, "keygen", "--paillier", "--out", key), f"busbar: {key} exists; a key is never overwritten")
        shutil.copy(key + ".modulus", self.path("other"))
        flip(self.path("other"), 10 + 256 * 8 + 100)
        self.assertEqual(self.fails(1, "verify", "modulus", "--modulus", self.path("other"), "--json"),
                         f"busbar: {self.path('other')}: root 7 of the modulus' proof is no n-th root of its challenge")
        flip(self.path("other"), 0)
        self.assertIn("wrong tag", self.fails(1, "verify", "modulus", "--modulus", self.path("other")))
        for words in [["--bits", "2048"], ["--paillier", "--bits", "1024"], ["--paillier", "--bits", "2049"]]:
            self.fails(2, "keygen", "--out", self.path("none"), *words)
        self.assertIn("--modulus is required", self.fails(2, "verify", "modulus"))
        self.assertIn("--modulus does not go with a folder", self.fails(2, "verify", DEMO, "--modulus", "x"))

    def test_two_keys_differ(self):
        first = self.succeeds("keygen", "--out", self.path("a"))
        self.assertNotEqual(first, self.succeeds("keygen", "--out", self.path("b")))

    def test_keygen_where_there_is_no_folder(self):
        self.assertIn("cannot be made", self.fails(1, "keygen", "--out", self.path("none/key")))

    def test_a_journal_remembers_that_the_modulus_was_looked_at(self):
        for node in ["aggregator-1", "bookkeeper-1", "meter-1"]:
            entries = [json.loads(line) for line in self.succeeds("inspect", f"{DEMO}/{node}/journal", "--json").splitlines()]
            network = json.loads(self.succeeds("inspect", f"{DEMO}/genesis.bin", "--json"))["network"]
            proven = [entry for entry in entries if entry.get("is") == "modulusProven"]
            self.assertEqual([entry["network"] for entry in proven], [network], node)

    def test_secrets_are_not_shown(self):
        for name in ["meter-1/identity.key", "bookkeeper-1/paillier.key"]:
            with open(f"{DEMO}/{name}", "rb") as file:
                secret = file.read()[-64:].hex()
            for form in [[], ["--json"]]:
                text = self.succeeds("inspect", f"{DEMO}/{name}", *form)
                for start in range(0, len(secret) - 32, 2):
                    self.assertNotIn(secret[start:start + 32], text)


class Provision(CommandLine):
    def test_a_group_is_made_whole_and_checks(self):
        out = self.path("grid")
        topology = self.write("topology.ini", TOPOLOGY)
        made = json.loads(self.succeeds("provision", "--topology", topology, "--out", out + "/", "--json"))
        self.assertEqual((made["folder"], made["nodes"]), (out, 25))
        for root, folders, files in os.walk(out):
            self.assertEqual(os.stat(root).st_mode & 0o077, 0, root)
            for name in files:
                if name.endswith(".key"):
                    self.assertEqual(os.stat(os.path.join(root, name)).st_mode & 0o777, 0o600, name)
        nodes = [name for name in os.listdir(out) if os.path.exists(f"{out}/{name}/node.ini")]
        self.assertEqual(len(nodes), 25)
        for name in nodes:
            checked = json.loads(self.succeeds("check-config", f"{out}/{name}/node.ini", "--json"))
            self.assertEqual((checked["name"], checked["network"]), (name, made["network"]))
            # A meter's port is not there; and two views do not fit into the 4 s of an aggregator's period.
            self.assertEqual(checked["warnings"], 0 if name.startswith("bookkeeper") else 1)
        genesis = json.loads(self.succeeds("inspect", out + "/genesis.bin", "--json"))
        self.assertEqual((genesis["network"], genesis["meters"], genesis["modulusBits"]), (made["network"], 20, 2048))
        self.assertFalse(os.path.exists(out + ".new"))
        self.assertEqual(self.fails(1, "provision", "--topology", topology, "--out", out),
                         f"busbar: {out} exists; name a fresh folder")

    def test_who_measures_what(self):
        few = "".join(f"[meter-{number}]\nmeasures = import\n" for number in (6, 7, 9))
        topology = self.write("few.ini", TOPOLOGY + few)
        reason = "set 1 has 2 meters that feed activeEnergyExport, below minimumContributors 5"
        for verb in [["check-config", topology], ["provision", "--topology", topology, "--out", self.path("grid")]]:
            self.assertIn(reason, self.fails(78, *verb))
        self.assertFalse(os.path.exists(self.path("grid")))
        text = TOPOLOGY.replace("metersPerSet = 5", "metersPerSet = 6\nminimumContributors = 3")
        topology = self.write("some.ini", text + "[meter-2]\nmeasures = import\nratedPowerWatts = 11000\n[meter-3]\nmeasures = import\n")
        result = busbar("provision", "--topology", topology, "--out", self.path("grid"))
        self.assertEqual((result.returncode, result.stderr.count("\n")), (0, 1), result.stderr)
        self.assertIn("slot activeEnergyExport: set 0 has as few as 4 feeders, 1 to spare", result.stderr)
        shown = json.loads(self.succeeds("inspect", self.path("grid/genesis.bin"), "--json"))
        self.assertEqual(shown["slots"], ["activeEnergyImport", "activeEnergyExport"])
        self.assertEqual(shown["fewestFeeders"], [6, 4])
        for number, watts in [(1, 69000), (2, 11000), (3, 69000)]:
            with open(self.path(f"grid/meter-{number}/node.ini")) as file:
                self.assertIn(f"ratedPowerWatts = {watts}\n", file.read())
        topology = self.write("none.ini", TOPOLOGY.replace("[meter]", "[meter]\nmeasures = import"))
        self.succeeds("provision", "--topology", topology, "--out", self.path("imports"))
        shown = json.loads(self.succeeds("inspect", self.path("imports/genesis.bin"), "--json"))
        self.assertEqual(shown["slots"], ["activeEnergyImport"])
        self.succeeds("check-config", self.path("imports/bookkeeper-1/node.ini"))
        for key, message in [("ratedPowerWatts = 0", "ratedPowerWatts is 0, outside 1...100000000"),
                             ("measures = export", "measures is export: every meter measures import")]:
            bad = self.write("bad.ini", TOPOLOGY + key + "\n")
            self.assertEqual(self.fails(78, "check-config", bad), f"{bad}:{len(TOPOLOGY.splitlines()) + 1}: {message}")

    def test_what_is_refused_makes_nothing(self):
        topology = self.write("topology.ini", TOPOLOGY)
        # Where the meters' lines are stands in their node.ini from the root.
        for folder, reason in [("x" * 190, "cannot stand in a configuration: meter-1/node.ini:14: line is longer than 198 bytes"),
                               ("a ;b", "port reads back as")]:
            os.mkdir(self.path(folder))
            self.assertIn(reason, self.fails(1, "provision", "--topology", topology, "--out", "grid", cwd=self.path(folder)))
            self.assertEqual(os.listdir(self.path(folder)), [])
            os.rmdir(self.path(folder))
        os.mkdir(self.path("grid.new"))
        self.assertIn("is left from a provisioning that was cut short",
                      self.fails(1, "provision", "--topology", topology, "--out", self.path("grid")))
        bad = self.write("bad.ini", TOPOLOGY.replace("aggregators = 4", "aggregators = 3"))
        self.assertEqual(self.fails(78, "provision", "--topology", bad, "--out", self.path("other")),
                         f"{bad}:2: aggregators is 3, outside 4...64")
        none = self.path("none.ini")
        self.assertEqual(self.fails(78, "provision", "--topology", none, "--out", self.path("other")),
                         f"{none}:0: cannot be read: not found (2)")
        self.assertEqual(sorted(os.listdir(self.folder)), ["bad.ini", "grid.new", "topology.ini"])


def keys_of(site):
    """Keys of each node of a topology, made once; and their public parts as files. A bookkeeper's key takes a second."""
    folder = os.path.join(SCRATCH, "keys-" + site)
    if not os.path.exists(folder):
        os.makedirs(folder + "/registrations")
        for name in SITE_NODES:
            role = name.split("-")[0]
            more = ["--bits", "2048"] if role == "bookkeeper" else []
            assert busbar("keygen", "--role", role, "--out", f"{folder}/{name}", *more).returncode == 0
            with open(f"{folder}/registrations/{name}.registration", "w") as file:
                file.write(busbar("keygen", "--registration", f"{folder}/{name}").stdout)
    return folder


SITE_NODES = [f"aggregator-{n}" for n in range(1, 5)] + ["bookkeeper-1"] + [f"meter-{n}" for n in range(1, 4)]
SITE = """[group]
periodSeconds = 5
minimumContributors = 3
modulusBits = 2048
[defaults]
clock = trusted
owner = aggregator-1
map = eastron-sdm630
port = /dev/none
unit = 1
""" + "".join(f"[{name}]\n" + ("udpPort = 25000\n" if name.startswith("meter") else f"host = 127.0.0.{number}\n")
              for number, name in enumerate(SITE_NODES, 1))


class Site(CommandLine):
    """Keys are made where they are used (docs/DEPLOY.md)."""

    def setUp(self):
        super().setUp()
        self.keys = self.path("keys")
        shutil.copytree(keys_of("a"), self.keys)
        self.registrations = self.keys + "/registrations"
        self.topology = self.write("topology.ini", SITE)

    def provision(self, *more, out="site", topology=None):
        return ["provision", "--topology", topology or self.topology, "--registrations", self.registrations, "--out",
                self.path(out), *more]

    def refuses(self, code, *words):
        """Nothing is made, or left behind."""
        before = sorted(os.listdir(self.folder))
        line = self.fails(code, *words)
        self.assertEqual(sorted(os.listdir(self.folder)), before)
        return line

    def secrets(self):
        """Every private key: the seeds of each identity, and the bookkeeper's primes."""
        found = []
        for name in SITE_NODES:
            seeds = open(f"{self.keys}/{name}/identity.key", "rb").read()[8:]
            found += [seeds[place:place + 32] for place in range(0, 96, 32)]
        key = open(f"{self.keys}/bookkeeper-1/paillier.key", "rb").read()
        return found + [key[-256:-128], key[-128:]]

    def test_a_node_makes_its_keys_and_shows_what_is_public(self):
        for role, files in [("meter", {"identity.key", "registration"}), ("aggregator", {"identity.key", "registration"}),
                            ("bookkeeper", {"identity.key", "paillier.key", "registration"})]:
            folder = self.path(role)
            more = ["--bits", "2048"] if role == "bookkeeper" else []
            made = json.loads(self.succeeds("keygen", "--role", role, "--out", folder, "--json", *more))
            self.assertEqual((made["folder"], made["role"], set(os.listdir(folder))), (folder, role, files))
            self.assertEqual(os.stat(folder).st_mode & 0o777, 0o700)
            for name in files - {"registration"}:
                self.assertEqual(os.stat(f"{folder}/{name}").st_mode & 0o777, 0o600)
            text = self.succeeds("keygen", "--registration", folder)
            self.assertTrue(all(len(line) == 64 for line in text.splitlines()[:-1]))
            shown = json.loads(self.succeeds("inspect", self.write(role + ".registration", text), "--json"))
            identity = json.loads(self.succeeds("inspect", folder + "/identity.key", "--json"))
            self.assertEqual((shown["kind"], shown["role"], shown["fingerprint"]), ("registration", role, made["fingerprint"]))
            self.assertEqual(shown["verificationKey"], identity["verificationKey"])
            self.assertEqual(shown.get("modulusBits"), 2048 if role == "bookkeeper" else None)
            as_json = json.loads(self.succeeds("keygen", "--registration", folder, "--json"))
            self.assertEqual((as_json["registration"], as_json["fingerprint"]), (text.replace("\n", ""), made["fingerprint"]))

    def test_keys_are_never_overwritten(self):
        folder = self.path("node")
        self.succeeds("keygen", "--role", "meter", "--out", folder)
        before = {name: open(f"{folder}/{name}", "rb").read() for name in os.listdir(folder)}
        self.assertEqual(self.fails(1, "keygen", "--role", "meter", "--out", folder),
                         f"busbar: {folder}/identity.key exists; a key is never overwritten")
        self.assertEqual({name: open(f"{folder}/{name}", "rb").read() for name in os.listdir(folder)}, before)
        # A service's folder is there before its keys are.
        os.mkdir(self.path("empty"))
        self.succeeds("keygen", "--role", "meter", "--out", self.path("empty"))

    def test_what_keygen_does_not_do(self):
        folder = self.path("node")
        for words, line in [
            (["--role", "boss", "--out", folder], "busbar: --role is boss, not one of aggregator, meter, bookkeeper"),
            (["--role", "meter", "--bits", "2048", "--out", folder], "busbar: --bits goes with --paillier or --role bookkeeper"),
            (["--role", "bookkeeper", "--bits", "2049", "--out", folder], "busbar: --bits is not a multiple of 16"),
            (["--role", "meter"], "busbar: --out FILE is required; see busbar keygen --help"),
            (["--role", "bookkeeper", "--paillier", "--out", folder],
             "busbar: --role and --paillier exclude each other: a bookkeeper gets both keys"),
            (["--registration", folder, "--out", folder], "busbar: --registration and --out exclude each other"),
            (["--registration", folder, "--role", "meter"], "busbar: --registration and --role exclude each other"),
        ]:
            self.assertEqual(self.refuses(2, "keygen", *words), line)
        self.assertIn("there are no keys of a node; make them: busbar keygen --role", self.fails(1, "keygen", "--registration", folder))

    def test_a_registration_is_that_of_the_key_beside_it(self):
        folder = f"{self.keys}/meter-1"
        shutil.copy(f"{self.keys}/meter-2/registration", folder)
        self.assertEqual(self.fails(1, "keygen", "--registration", folder),
                         f"busbar: {folder}/registration is not that of {folder}/identity.key")
        os.remove(folder + "/registration")
        self.assertIn("making them was cut short", self.fails(1, "keygen", "--registration", folder))

    def test_a_site_is_made_without_a_private_key(self):
        made = json.loads(self.succeeds(*self.provision("--json")))
        self.assertEqual([node["name"] for node in made["nodes"]], SITE_NODES)
        self.assertFalse(made["keysOnOneMachine"])
        for node in made["nodes"]:
            shown = json.loads(self.succeeds("inspect", f"{self.keys}/{node['name']}/registration", "--json"))
            self.assertEqual(node["fingerprint"], shown["fingerprint"])
            self.assertEqual("endpoint" in node, not node["name"].startswith("meter"))
        files = sorted(os.path.join(root, name)[len(self.path("site")) + 1:]
                       for root, _, names in os.walk(self.path("site")) for name in names)
        self.assertEqual(files, sorted(["genesis.bin", "topology.ini"] + [f"bundles/{name}.bundle" for name in SITE_NODES]))
        places = [f"{self.path('site')}/{name}" for name in files] + [
            f"{self.registrations}/{name}" for name in os.listdir(self.registrations)]
        for place in places:
            content = open(place, "rb").read()
            for secret in self.secrets():
                self.assertNotIn(secret, content)
                self.assertNotIn(secret.hex().encode(), content)
        # What is looked for would be found.
        self.assertIn(self.secrets()[0], open(f"{self.keys}/aggregator-1/identity.key", "rb").read())
        self.assertEqual(self.refuses(1, *self.provision()), f"busbar: {self.path('site')} exists; name a fresh folder")

    def test_each_node_joins_with_its_bundle_and_its_folder_can_move(self):
        made = json.loads(self.succeeds(*self.provision("--json")))
        for name in SITE_NODES:
            bundle = f"{self.path('site')}/bundles/{name}.bundle"
            shown = json.loads(self.succeeds("inspect", bundle, "--json"))
            self.assertEqual((shown["kind"], shown["network"]), ("bundle", made["network"]))
            told = json.loads(self.succeeds("install-bundle", bundle, "--data", f"{self.keys}/{name}/", "--json"))
            self.assertEqual((told["name"], told["network"], told["firstPeriodBegins"]),
                             (name, made["network"], made["firstPeriodBegins"]))
            with open(f"{self.keys}/{name}/node.ini") as file:
                self.assertEqual(file.read(), shown["configuration"])
            # Once more it is the same.
            self.succeeds("install-bundle", bundle, "--data", f"{self.keys}/{name}")
            os.rename(f"{self.keys}/{name}", self.path("moved"))
            for words, cwd in [([self.path("moved/node.ini")], "/"), (["moved/node.ini"], self.folder),
                               (["node.ini"], self.path("moved"))]:
                checked = json.loads(self.succeeds("check-config", *words, "--json", cwd=cwd))
                self.assertEqual((checked["name"], checked["firstPeriodBegins"]), (name, made["firstPeriodBegins"]))
            shutil.rmtree(self.path("moved"))

    def test_a_group_without_exports_has_a_bookkeeper_whose_key_fits(self):
        with open(self.topology, "a") as file:
            file.write("[meter-4]\nowner = aggregator-2\n[meter-5]\nowner = aggregator-2\n[meter-6]\nowner = aggregator-2\n")
        for number in (4, 5, 6):
            self.succeeds("keygen", "--role", "meter", "--out", f"{self.keys}/meter-{number}")
            with open(f"{self.registrations}/meter-{number}.registration", "w") as file:
                file.write(self.succeeds("keygen", "--registration", f"{self.keys}/meter-{number}"))
        text = open(self.topology).read().replace("[defaults]", "[defaults]\nmeasures = import")
        self.succeeds(*self.provision(topology=self.write("imports.ini", text)))
        data = f"{self.keys}/bookkeeper-1"
        before = open(f"{data}/paillier.key", "rb").read()
        self.succeeds("install-bundle", f"{self.path('site')}/bundles/bookkeeper-1.bundle", "--data", data)
        after = open(f"{data}/paillier.key", "rb").read()
        self.assertEqual((after[-256:], len(before) - len(after)), (before[-256:], 1))
        self.assertEqual(os.stat(f"{data}/paillier.key").st_mode & 0o777, 0o600)
        self.succeeds("check-config", f"{data}/node.ini")
        # Meters 4 to 6 are in the second set, and are numbered through both.
        told = self.succeeds("install-bundle", f"{self.path('site')}/bundles/meter-6.bundle", "--data", f"{self.keys}/meter-6")
        self.assertIn("this is meter-6 in network", told)

    def test_registrations_that_are_missing_wrong_or_not_of_a_node(self):
        def at(name):
            return f"{self.registrations}/{name}.registration"
        original = {name: open(at(name)).read() for name in SITE_NODES}
        def restored():
            for name in os.listdir(self.registrations):
                os.remove(f"{self.registrations}/{name}")
            for name, text in original.items():
                with open(at(name), "w") as file:
                    file.write(text)
        os.remove(at("meter-2"))
        self.assertEqual(self.refuses(1, *self.provision()),
                         f"busbar: {at('meter-2')} is missing; on meter-2: busbar keygen --registration FOLDER")
        restored()
        shutil.copy(at("meter-2"), at("meter-4"))
        self.assertEqual(self.refuses(1, *self.provision()), f"busbar: {at('meter-4')}: the topology has no meter-4")
        restored()
        shutil.copy(at("meter-1"), at("aggregator-2"))
        self.assertEqual(self.refuses(1, *self.provision()),
                         f"busbar: {at('aggregator-2')}: registers meter keys, not those of aggregator-2")
        restored()
        shutil.copy(at("meter-1"), at("meter-3"))
        self.assertEqual(self.refuses(1, *self.provision()),
                         f"busbar: {at('meter-3')}: the keys are those of meter-1; each node makes its own")
        restored()
        for place in [30, 100, 200]:
            text = original["meter-1"]
            with open(at("meter-1"), "w") as file:
                file.write(text[:place] + ("0" if text[place] != "0" else "1") + text[place + 1:])
            self.assertIn("its signature does not hold", self.refuses(1, *self.provision()))
        with open(at("meter-1"), "w") as file:
            file.write(original["meter-1"][:-11])
        self.assertIn("no registration: malformed: truncated", self.refuses(1, *self.provision()))
        with open(at("meter-1"), "w") as file:
            file.write("see attachment\n")
        self.assertIn("no registration: not hexadecimal digits", self.refuses(1, *self.provision()))
        restored()
        # A mail program's line ends and margins do no harm.
        with open(at("meter-1"), "w") as file:
            file.write(original["meter-1"].replace("\n", " \r\n  "))
        self.succeeds(*self.provision())
        none = self.path("none")
        self.assertEqual(self.refuses(1, "provision", "--topology", self.topology, "--registrations", none, "--out", self.path("x")),
                         f"busbar: {none}: not found (2)")

    def test_a_modulus_of_another_length_is_refused(self):
        topology = self.write("long.ini", SITE.replace("modulusBits = 2048\n", ""))
        self.assertEqual(self.refuses(1, *self.provision(topology=topology)),
                         f"busbar: {self.registrations}/bookkeeper-1.registration: its modulus has 2048 bits, and the topology "
                         "says modulusBits = 3072")

    def test_hosts_are_looked_up_and_must_be_callable(self):
        named = self.write("named.ini", SITE.replace("host = 127.0.0.1\n", "host = localhost\n"))
        told = json.loads(self.succeeds(*self.provision("--json", topology=named)))
        self.assertRegex(told["nodes"][0]["endpoint"], r"^(127\.0\.0\.1|\[::1\]):24000$")
        bundle = json.loads(self.succeeds("inspect", f"{self.path('site')}/bundles/meter-1.bundle", "--json"))
        self.assertIn(f"aggregator-1 = {told['nodes'][0]['endpoint']}\n", bundle["configuration"])
        self.assertNotIn("localhost", bundle["configuration"])
        line = SITE.splitlines().index("host = 127.0.0.1") + 1
        for host, reason in [("no-such-host.invalid", "no-such-host.invalid has no address: neither /etc/hosts nor a name server knows it"),
                             ("0.0.0.0", "host is 0.0.0.0: it means every address"),
                             ("[fe80::1%eth0]", "an address with a zone means something on one machine only")]:
            bad = self.write("bad.ini", SITE.replace("host = 127.0.0.1\n", f"host = {host}\n"))
            said = self.refuses(78, *self.provision(out="other", topology=bad))
            self.assertTrue(said.startswith(f"{bad}:{line}: "), said)
            self.assertIn(reason, said)
        far = self.write("far.ini", SITE.replace("host = 127.0.0.2\n", "host = 192.0.2.2\n"))
        self.assertIn(f"{far}:{line}: aggregator-1 is at 127.0.0.1:24000, which only its own machine can call",
                      self.refuses(78, *self.provision(out="other", topology=far)))

    def test_a_bench_and_a_site_are_not_confused(self):
        self.assertIn("busbar keygen --role ROLE --out FOLDER on each",
                      self.refuses(2, "provision", "--topology", self.topology, "--out", self.path("x")))
        bench = self.write("bench.ini", TOPOLOGY)
        self.assertIn("--registrations goes with a topology that has a section for each node", self.refuses(2, *self.provision(topology=bench)))
        told = self.succeeds("provision", "--topology", bench, "--out", self.path("grid"))
        self.assertIn("for a bench or a demo: the private keys of all nodes were made on this machine", told)
        self.assertIn("a valid site: 4 aggregators, 3 meters in 1 set", self.succeeds("check-config", self.topology))

    def test_a_bundle_that_is_damaged_or_another_nodes_changes_nothing(self):
        self.succeeds(*self.provision())
        bundle = f"{self.path('site')}/bundles/meter-1.bundle"
        data = f"{self.keys}/meter-1"
        before = sorted(os.listdir(data))
        content = open(bundle, "rb").read()
        for place in [0, 9, 13, 20, len(content) // 2, len(content) - 40, len(content) - 1]:
            with open(self.path("bad"), "wb") as file:
                file.write(content[:place] + bytes([content[place] ^ 1]) + content[place + 1:])
            self.assertRegex(self.fails(1, "install-bundle", self.path("bad"), "--data", data), "malformed|damaged: its checksum does not fit")
        for length in [0, 7, 16, len(content) - 1]:
            with open(self.path("bad"), "wb") as file:
                file.write(content[:length])
            self.assertIn("malformed", self.fails(1, "install-bundle", self.path("bad"), "--data", data))
        other = f"{self.path('site')}/bundles/meter-2.bundle"
        self.assertIn("made for other keys than those in", self.fails(1, "install-bundle", other, "--data", data))
        other = f"{self.path('site')}/bundles/aggregator-1.bundle"
        self.assertEqual(self.fails(1, "install-bundle", other, "--data", data),
                         f"busbar: {other}: a bundle of an aggregator, and {data} has the keys of a meter")
        self.assertIn("there are no keys of a node", self.fails(1, "install-bundle", bundle, "--data", self.path("none")))
        self.assertEqual(sorted(os.listdir(data)), before)

    def test_a_configuration_that_names_files_elsewhere_is_refused(self):
        self.succeeds(*self.provision())
        bundle = f"{self.path('site')}/bundles/meter-1.bundle"
        data = f"{self.keys}/meter-1"
        content = open(bundle, "rb").read()
        length = int.from_bytes(content[8:12], "little")
        genesis, text = content[20:20 + length], content[20 + length:-32].decode()
        def refusal(text, device_map=b""):
            other = text.encode()
            head = content[:12] + struct.pack("<II", len(other), len(device_map)) + genesis + other + device_map
            with open(self.path("bad"), "wb") as file:
                file.write(head + hashlib.blake2b(b"BUSBARnc" + head, digest_size=32).digest())
            return self.fails(1, "install-bundle", self.path("bad"), "--data", data)
        before = sorted(os.listdir(data))
        for old, new in [("data = .", "data = /etc"), ("genesis = genesis.bin", "genesis = ../genesis.bin"),
                         ("key = identity.key", "key = /root/.ssh/id"), ("clock", "packetKeyLog = keys.txt\nclock"),
                         ("clock", "board = b.ini\nclock"), ("map = eastron-sdm630", "map = ../map.ini"),
                         ("map = eastron-sdm630", "map = /root/house.ini")]:
            self.assertIn("its configuration names files outside of the node's folder", refusal(text.replace(old, new, 1)))
        self.assertIn("has a map that its configuration does not name", refusal(text, b"[device]\n"))
        named = text.replace("map = eastron-sdm630", "map = map.ini")
        self.assertIn("its configuration names a map that it does not have", refusal(named))
        self.assertIn("/map.ini:1: ", refusal(named, b"[devices]\n"))
        self.assertEqual(sorted(os.listdir(data)), before)

    def test_a_map_file_goes_with_the_bundle(self):
        device_map = Configurations.MAP
        os.mkdir(self.path("maps"))
        self.write("maps/house.ini", device_map)
        topology = self.write("own.ini", SITE.replace("map = eastron-sdm630", "map = maps/house.ini"))
        self.assertIn("a valid site", self.succeeds("check-config", topology))
        self.succeeds(*self.provision(topology=topology))
        data = f"{self.keys}/meter-1"
        bundle = f"{self.path('site')}/bundles/meter-1.bundle"
        self.assertEqual(json.loads(self.succeeds("inspect", bundle, "--json"))["mapBytes"], len(device_map))
        for _ in range(2):
            self.succeeds("install-bundle", bundle, "--data", data)
            with open(f"{data}/map.ini") as file:
                self.assertEqual(file.read(), device_map)
        shutil.rmtree(self.path("maps"))
        self.assertIn("map.ini unit ", self.succeeds("check-config", f"{data}/node.ini"))
        line = 1 + SITE.splitlines().index("map = eastron-sdm630")
        for refused, text in [("there is no file", None), ("kind is toaster", device_map.replace("kind = meter", "kind = toaster"))]:
            if text is not None:
                os.mkdir(self.path("maps"))
                self.write("maps/house.ini", text)
            for words in [("check-config", topology), self.provision(topology=topology, out="other")]:
                told = self.refuses(78, *words) if words[0] == "provision" else self.fails(78, *words)
                self.assertIn(refused, told)
                self.assertIn(f"own.ini:{line}: map" if text is None else "maps/house.ini:4: ", told)
        elsewhere = self.write("model.ini", SITE.replace("map = eastron-sdm630", "map = eastron-sdm630\nmodel = 203"))
        self.assertIn(f"model.ini:{line + 1}: model is for SunSpec devices", self.fails(78, "check-config", elsewhere))

    def test_a_node_joins_one_group(self):
        self.succeeds(*self.provision())
        self.succeeds(*self.provision("--first-period", "2031-01-01T00:00Z", out="again"))
        data = f"{self.keys}/meter-1"
        self.succeeds("install-bundle", f"{self.path('site')}/bundles/meter-1.bundle", "--data", data)
        before = {name: open(f"{data}/{name}", "rb").read() for name in os.listdir(data)}
        self.assertIn("genesis.bin exists and is another; a node joins one group once",
                      self.fails(1, "install-bundle", f"{self.path('again')}/bundles/meter-1.bundle", "--data", data))
        self.assertEqual({name: open(f"{data}/{name}", "rb").read() for name in os.listdir(data)}, before)

    def test_a_genesis_whose_modulus_is_not_proven_is_no_groups(self):
        path = f"{self.registrations}/bookkeeper-1.registration"
        # A root is changed and the registration signed again, as a bookkeeper could that has something to hide.
        seed = open(f"{self.keys}/bookkeeper-1/identity.key", "rb").read()[8:40]
        content = bytearray.fromhex(open(path).read())
        content[76 + 10 + 256 + 40] ^= 1
        key = Ed25519PrivateKey.from_private_bytes(seed)
        with open(path, "w") as file:
            file.write((bytes(content[:-64]) + key.sign(bytes(content[:-64]))).hex())
        self.assertEqual(self.refuses(1, *self.provision()),
                         f"busbar: {path}: root 0 of the modulus' proof is no n-th root of its challenge")

    def test_run_and_status_say_when_the_first_period_begins(self):
        start = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(hours=2)
        told = json.loads(self.succeeds(*self.provision("--json", "--first-period", start.strftime("%Y-%m-%dT%H:%M:%SZ"))))
        self.assertLess(told["firstPeriodBegins"] - start.timestamp(), 5)
        self.assertGreaterEqual(told["firstPeriodBegins"], int(start.timestamp()))
        data = f"{self.keys}/meter-1"
        self.succeeds("install-bundle", f"{self.path('site')}/bundles/meter-1.bundle", "--data", data)
        shown = datetime.datetime.fromtimestamp(told["firstPeriodBegins"], datetime.timezone.utc).strftime("%Y-%m-%d %H:%M:%S UTC")
        line = rf"the first period begins at {shown}, in (1 h 59 min|2 h)"
        checked = busbar("check-config", f"{data}/node.ini")
        self.assertRegex(checked.stdout, f"(?m)^{line}$")
        self.assertIn(f"which begins at {shown}", self.succeeds("inspect", f"{data}/genesis.bin"))
        node = subprocess.Popen([BUSBAR, "run", "--config", f"{data}/node.ini"], stderr=subprocess.PIPE, text=True)
        try:
            deadline = time.monotonic() + 20
            while (answer := busbar("status", data)).returncode != 0:
                self.assertLess(time.monotonic(), deadline)
                time.sleep(0.05)
            self.assertRegex(answer.stdout.splitlines()[0], f"^{line}$")
        finally:
            node.terminate()
            said = node.communicate(timeout=20)[1]
        self.assertRegex(said, f"(?m)^meter-1: {line}$")


class FirstPeriod(CommandLine):
    """A genesis is made for a time that a person can mean."""

    def at(self, year, *words):
        """As on a board whose clock says so."""
        library = os.path.join(SCRATCH, "clock.so")
        if not os.path.exists(library):
            source = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "Outages/clock.c")
            subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", library, source, "-ldl"], check=True)
        moment = datetime.datetime(year, 1, 1, tzinfo=datetime.timezone.utc).timestamp()
        with open(self.path("clock"), "wb") as file:
            file.write(int((moment - time.time()) * 1e9).to_bytes(8, sys.byteorder, signed=True))
        environment = {**os.environ, "LD_PRELOAD": library, "BUSBAR_TEST_CLOCK": self.path("clock")}
        return subprocess.run([BUSBAR, *words], capture_output=True, text=True, timeout=60, env=environment)

    def test_a_clock_that_was_never_set_makes_no_genesis(self):
        words = ["provision", "--topology", self.write("topology.ini", TOPOLOGY), "--out", self.path("grid")]
        for year in [1970, 2024]:
            refused = self.at(year, *words)
            self.assertEqual((refused.returncode, refused.stdout), (1, ""))
            self.assertRegex(refused.stderr, rf"^busbar: this clock says {year}-01-01 00:00:\d\d UTC, which cannot be; set it")
            self.assertIn("--first-period 2026-12-24T18:00Z", refused.stderr)
        self.assertFalse(os.path.exists(self.path("grid")))
        # Unless it is asked for; and from 2025 on a clock can be right.
        made = self.at(1970, *words, "--first-period", "2027-03-01T06:00Z", "--json")
        self.assertEqual(made.returncode, 0, made.stderr)
        self.assertEqual(json.loads(made.stdout)["firstPeriodBegins"], 1803880800)
        checked = self.at(1970, "check-config", self.path("grid/aggregator-1/node.ini"))
        self.assertRegex(checked.stdout, r"the first period begins at 2027-03-01 06:00:00 UTC, and this clock says 1970-01-01")
        shutil.rmtree(self.path("grid"))
        self.assertEqual(self.at(2025, *words).returncode, 0)

    def test_a_first_period_more_than_a_day_away_is_asked_for_or_not_made(self):
        def topology(seconds):
            return self.write("topology.ini", TOPOLOGY.replace("periodSeconds = 4", f"periodSeconds = {seconds}"))
        # At the first second of a year the next period begins a period later, and the first one that counts two.
        words = ["provision", "--topology", topology(86400), "--out", self.path("grid")]
        refused = self.at(2027, *words)
        self.assertEqual(refused.returncode, 1)
        self.assertRegex(refused.stderr, r"^busbar: the first period would begin at 2027-01-03 00:00:00 UTC, in (2 d|1 d 23 h), more than a day from now")
        self.assertFalse(os.path.exists(self.path("grid")))
        made = self.at(2027, *words, "--first-period", "2027-01-02T00:00:01Z", "--json")
        self.assertEqual(made.returncode, 0, made.stderr)
        # The first whole period from then on.
        self.assertEqual(json.loads(made.stdout)["firstPeriodBegins"], 1798934400)
        shutil.rmtree(self.path("grid"))
        topology(43200)
        self.assertEqual(self.at(2027, *words).returncode, 0)

    def test_a_time_that_is_none(self):
        words = ["provision", "--topology", self.write("topology.ini", TOPOLOGY), "--out", self.path("grid"), "--first-period"]
        for time_ in ["tomorrow", "2026-12-24", "2026-02-30T00:00Z"]:
            self.assertEqual(self.fails(2, *words, time_), f"busbar: --first-period is not a time as 2026-12-24T18:00Z: {time_}")
        self.assertEqual(self.fails(2, *words, "2024-12-31T23:59Z"),
                         "busbar: --first-period is 2024-12-31 23:59:00 UTC, before 2025-01-01 00:00:00 UTC")
        self.assertFalse(os.path.exists(self.path("grid")))


class Configurations(CommandLine):
    def node(self, name="meter-1", replace=()):
        """A changed copy of a node's file; every path in it is that of the same file."""
        with open(f"{DEMO}/{name}/node.ini") as file:
            text = re.sub(r"^(data|genesis|key|published|port) = (?!/)(.*)$",
                          lambda found: f"{found[1]} = " + os.path.normpath(f"{DEMO}/{name}/{found[2]}"), file.read(), flags=re.M)
        for old, new in replace:
            self.assertIn(old, text)
            text = text.replace(old, new, 1)
        return self.write("node.ini", text)

    def line(self, key):
        with open(self.path("node.ini")) as file:
            return next(n for n, line in enumerate(file, 1) if line.startswith(key))

    def refused(self, key, message, name="meter-1", replace=()):
        """By check-config and by run alike."""
        path = self.node(name, replace)
        line = f"{path}:{self.line(key)}: {message}"
        self.assertEqual(self.fails(78, "check-config", path), line)
        self.assertEqual(self.fails(78, "check-config", path, "--json"), line)
        self.assertEqual(self.fails(78, "run", "--config", path), line)

    def test_every_node_of_the_demo_is_right(self):
        for name in ["aggregator-1", "bookkeeper-1"]:
            self.assertIn(f"a valid {name.split('-')[0]}: {name} at",
                          self.succeeds("check-config", f"{DEMO}/{name}/node.ini"))
        self.assertIn("room for records takes 51 KiB",
                      self.succeeds("check-config", f"{DEMO}/aggregator-1/node.ini"))

    def test_every_store_is_named_and_they_add_up(self):
        for name, most in [("aggregator-1", 64), ("bookkeeper-1", 32), ("meter-1", 16)]:
            checked = json.loads(self.succeeds("check-config", f"{DEMO}/{name}/node.ini", "--json"))
            self.assertEqual(sum(checked["stores"].values()), checked["storeBytes"])
            self.assertTrue(all(value > 0 for value in checked["stores"].values()))
            self.assertLess(checked["storeBytes"], most << 20)
            text = self.succeeds("check-config", f"{DEMO}/{name}/node.ini")
            for store in checked["stores"]:
                self.assertIn(store, text)

    def test_a_board_that_is_too_small_is_refused_with_the_numbers(self):
        board = self.write("board.ini", "[board]\nname = tiny\ntarget = host\nmemoryBudgetMiB = 1\n[serial]\n"
                           "port = /dev/ttyUSB0\n[sysfs]\nroot = /sys\n")
        text = open(self.node("aggregator-1")).read().replace("[node]", f"[node]\nboard = {board}")
        line = self.fails(78, "check-config", self.write("node.ini", text))
        self.assertRegex(line, r"\d+ KiB of stores and \d+ KiB of program do not fit into the 1 MiB of tiny; the largest "
                               r"store is \d+ KiB, \w+")

    def test_what_the_parser_refuses(self):
        for key, message, replace in [
            ("[extra]", "unknown section [extra]", [("[peers]", "[extra]\nx = 1\n[peers]")]),
            ("colour", "unknown key colour in [node]", [("clock = trusted", "clock = trusted\ncolour = red")]),
            ("index", "index is not a whole number: one", [("index = 0", "index = one")]),
            ("index", "index is 512, outside 0...511", [("index = 0", "index = 512")]),
            ("unit", "unit is 0, outside 1...247", [("unit = 1", "unit = 0")]),
            ("role", "role is boss, not one of aggregator, meter, bookkeeper", [("role = meter", "role = boss")]),
            ("clock = s", "clock is given twice (first on line 7)", [("clock = trusted", "clock = trusted\nclock = s")]),
            ("data", "line is longer than 198 bytes", [("data = ", "data = " + "d" * 200)]),
            ("listen", "listen is not ADDRESS:PORT: here", [("listen = ", "listen = here ; ")]),
            ("words", "neither a section nor key = value", [("clock = trusted", "clock = trusted\nwords")]),
            ("data", "data is empty", [("data = ", "data = ; ")]),
            ("[meter]", "[meter] map is missing", [("map = eastron-sdm630\n", "")]),
        ]:
            with self.subTest(message):
                self.refused(key, message, replace=replace)

    def test_another_nodes_folder_is_refused_with_both_names(self):
        network = json.loads(self.succeeds("inspect", f"{DEMO}/genesis.bin", "--json"))["network"]
        for other, words in [("aggregator-1", "aggregator-1"), ("meter-1", "meter 0 of set 0")]:
            data = self.path("data")
            os.makedirs(data, exist_ok=True)
            shutil.copy(f"{DEMO}/{other}/journal", f"{data}/journal")
            before = open(f"{data}/journal", "rb").read()
            path = self.node("aggregator-2", [(f"data = {DEMO}/aggregator-2\n", f"data = {data}\n")])
            self.assertEqual(
                self.fails(78, "run", "--config", path),
                f"{data}/journal: the journal of {words} in network {network}, not of aggregator-2 in network {network}")
            self.assertEqual(open(f"{data}/journal", "rb").read(), before)

    def test_a_file_that_is_no_configuration(self):
        path = self.write("x.ini", "[colour]\nred = 1\n")
        self.assertEqual(self.fails(78, "check-config", path),
                         f"{path}:2: none of the sections [node], [group], [board] and [device] is here")
        none = self.path("none.ini")
        for verb in [["check-config"], ["run", "--config"]]:
            self.assertEqual(self.fails(78, *verb, none), f"{none}:0: cannot be read: not found (2)")
        self.assertIn(":0: cannot be read", self.fails(78, "check-config", self.folder))

    def test_the_files_it_names_are_looked_at(self):
        none = self.path("none")
        self.refused("genesis", f"genesis: {none}: not found (2)",
                     replace=[(f"genesis = {DEMO}/genesis.bin", f"genesis = {none}")])
        self.refused("key", f"key: {none}: not found (2)", replace=[(f"key = {DEMO}/meter-1/identity.key", f"key = {none}")])
        self.refused("data", f"data: there is no folder {none}", replace=[(f"data = {DEMO}/meter-1", f"data = {none}")])
        self.refused("published", f"published: there is no folder {none}", "bookkeeper-1",
                     [(f"published = {DEMO}/published", f"published = {none}")])
        self.refused("data", f"data: {self.folder}/paillier.key: not found (2)", "bookkeeper-1",
                     [(f"data = {DEMO}/bookkeeper-1", f"data = {self.folder}")])

    def test_a_genesis_that_does_not_decode(self):
        with open(f"{DEMO}/genesis.bin", "rb") as file:
            content = file.read()
        for name, bad, reason in [("short", content[:-1], "truncated: needs 64 bytes, has 63"),
                                  ("long", content + b"x", "1 bytes left over"), ("other", b"BUSBARce" + content[8:], "wrong tag")]:
            with open(self.path(name), "wb") as file:
                file.write(bad)
            self.refused("genesis", f"genesis: {self.path(name)}: {reason}",
                         replace=[(f"genesis = {DEMO}/genesis.bin", f"genesis = {self.path(name)}")])

    def test_a_genesis_whose_modulus_is_not_proven(self):
        genesis = self.path("genesis.bin")
        reason = "root 3 of the modulus' proof is no n-th root of its challenge"
        shutil.copy(f"{DEMO}/genesis.bin", genesis)
        with open(genesis, "rb") as file:
            length = int.from_bytes(file.read()[40:42], "little")
        flip(genesis, 46 + length * 5 - 1)
        data = self.path("data")
        shutil.copytree(f"{DEMO}/bookkeeper-1", data)
        os.remove(f"{data}/journal")
        self.refused("genesis", f"genesis: {genesis}: {reason}", "bookkeeper-1", [
            (f"genesis = {DEMO}/genesis.bin", f"genesis = {genesis}"), (f"data = {DEMO}/bookkeeper-1", f"data = {data}")])
        self.assertEqual(self.fails(1, "verify", self.folder), f"busbar: {genesis}: {reason}")
        with open(genesis, "r+b") as file:
            file.write(b"BUSBARg2")
        self.refused("genesis", f"genesis: {genesis}: written in version 2 of this format, which is not read any more",
                     replace=[(f"genesis = {DEMO}/genesis.bin", f"genesis = {genesis}")])
        self.assertIn("written in version 2", self.fails(1, "inspect", genesis))

    def test_a_key_that_others_may_read(self):
        key = self.path("identity.key")
        shutil.copy(f"{DEMO}/meter-1/identity.key", key)
        for mode in [0o644, 0o640, 0o604, 0o660, 0o620]:
            os.chmod(key, mode)
            self.refused("key", f"key: {key}: others may read it, or it is not yours (chmod 600)",
                         replace=[(f"key = {DEMO}/meter-1/identity.key", f"key = {key}")])
            self.assertIn("others may read it", self.fails(1, "inspect", key))
        for mode in [0o600, 0o400]:
            os.chmod(key, mode)
            self.succeeds("check-config", self.path("node.ini"))

    def test_a_paillier_key_that_others_may_read(self):
        data = self.path("data")
        shutil.copytree(f"{DEMO}/bookkeeper-1", data)
        os.chmod(data + "/paillier.key", 0o640)
        self.refused("data", f"data: {data}/paillier.key: others may read it, or it is not yours (chmod 600)",
                     "bookkeeper-1", [(f"data = {DEMO}/bookkeeper-1", f"data = {data}")])

    def test_a_key_of_another_node(self):
        other = f"{DEMO}/meter-2/identity.key"
        self.refused("key", f"key: {other} is not the key of meter-1 in {DEMO}/genesis.bin",
                     replace=[(f"key = {DEMO}/meter-1/identity.key", f"key = {other}")])
        self.refused("key", f"key: {DEMO}/meter-1/identity.key is not the key of meter-9 in {DEMO}/genesis.bin",
                     replace=[("owner = 0\nindex = 0", "owner = 1\nindex = 1")])
        broken = self.path("broken.key")
        shutil.copy(f"{DEMO}/meter-1/identity.key", broken)
        os.truncate(broken, 103)
        self.refused("key", f"key: {broken}: not an identity file",
                     replace=[(f"key = {DEMO}/meter-1/identity.key", f"key = {broken}")])

    def test_a_place_the_genesis_does_not_have(self):
        self.refused("index", "set 0 has 7 meters in the genesis, no index 7", replace=[("index = 0", "index = 7")])
        self.refused("owner", "the genesis has 4 sets, no owner 4", replace=[("owner = 0", "owner = 4")])
        self.refused("index", "the genesis has 4 aggregators, no index 4", "aggregator-1", [("index = 0", "index = 4")])
        self.refused("aggregator-5", "the genesis has 4 aggregators, no aggregator-5",
                     replace=[("aggregator-4 =", "aggregator-5 =")])
        self.refused("aggregator-65", "unknown peer aggregator-65: aggregator-1, aggregator-2, … or bookkeeper-1",
                     replace=[("aggregator-4 =", "aggregator-65 =")])

    def test_a_board_lends_what_is_left_out(self):
        board = self.write("board.ini", "[board]\nname = mine\ntarget = host\nmemoryBudgetMiB = 64\n[serial]\n"
                           "port = /dev/ttyUSB7\nbaud = 19200\nparity = even\n[sysfs]\nroot = /sys\n")
        self.assertIn("a valid board: mine for host, 64 MiB a node", self.succeeds("check-config", board))
        path = self.node(replace=[("clock = trusted", f"clock = trusted\nboard = {board}"),
                                  (f"port = {DEMO_BUS}/meter-0\n", ""), ("baud = 9600\nparity = none\n", "")])
        result = busbar("check-config", path)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn("reads eastron-sdm630 unit 1 on /dev/ttyUSB7, 19200 baud, parity even", result.stdout)
        self.assertEqual(result.stderr, f"{path}: warning: /dev/ttyUSB7 is not there now; the meter is read once it is\n")

    def test_a_board_that_is_wrong(self):
        none = self.path("none.ini")
        self.refused("board", f"board: there is no file {none}",
                     replace=[("clock = trusted", f"clock = trusted\nboard = {none}")])
        board = self.write("board.ini", "[board]\nname = mine\ntarget = host\nmemoryBudgetMiB = 64\nspeed = 9\n"
                           "[serial]\nport = p\n[sysfs]\nroot = /sys\n")
        path = self.node(replace=[("clock = trusted", f"clock = trusted\nboard = {board}")])
        self.assertEqual(self.fails(78, "run", "--config", path), f"{board}:5: unknown key speed in [board]")

    MAP = ("[device]\nname = mine\ntitle = My meter\nkind = meter\nfunction = 4\norder = abcd\nmaximumRegisters = 60\n"
           "gapMilliseconds = 20\nbaud = 9600\nparity = none\n[counter]\nratedPowerWatts = 23000\n"
           "quantumMilliwattHours = 1000\n[check]\n0x46 = f32 45...65\n0 = f32 0...500\n[ranges]\n"
           "activeEnergyImport = 0...16777216 kWh\nactiveEnergyExport = 0...16777216 kWh\n[points]\n"
           "activeEnergyImport.0 = 0x48 f32 kWh\nactiveEnergyExport.0 = 0x4A f32 kWh optional\n")

    def test_a_map_is_checked_by_itself(self):
        path = self.write("mine.ini", self.MAP)
        result = busbar("check-config", path)
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        self.assertEqual(result.stdout, f"{path}: a valid map: mine (My meter), 2 values in 1 requests of at most 60 registers\n")
        shown = json.loads(self.succeeds("check-config", path, "--json"))
        self.assertEqual((shown["kind"], shown["values"], shown["requests"], shown["checks"]), ("device", 2, 1, 2))
        alone = busbar("check-config", self.write("alone.ini", self.MAP.replace("0 = f32 0...500\n", "")))
        self.assertEqual(alone.returncode, 0)
        self.assertIn("warning: one measurement alone tells this device from another", alone.stderr)
        bad = self.write("bad.ini", self.MAP.replace("optional", "perhaps"))
        self.assertEqual(self.fails(78, "check-config", bad), f"{bad}:22: unknown option perhaps")
        root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
        for name in sorted(os.listdir(f"{root}/Devices")):
            self.assertIn(": a valid map: ", self.succeeds("check-config", f"{root}/Devices/{name}"))

    def test_a_meters_map_may_be_a_file(self):
        path = self.write("mine.ini", self.MAP + "[identity]\nserial = 100 text8\n")
        node = self.node(replace=[("map = eastron-sdm630", f"map = {path}\nserial = A1\ntimeoutMilliseconds = 5000")])
        self.assertIn(f"reads {path} unit 1 on ", self.succeeds("check-config", node))
        for key, message, text in [
            ("map", f"map: there is no file {self.folder}/./none.ini", "map = ./none.ini"),
            ("map", "map is none, neither a file (with a slash, or ending in .ini) nor one of ", "map = none"),
            ("serial", "the map eastron-sdm630 does not say where the serial number is", "map = eastron-sdm630\nserial = A1"),
            ("model", "model is for SunSpec devices, not for eastron-sdm630", "map = eastron-sdm630\nmodel = 203"),
            ("instance", "instance is for SunSpec devices, not for eastron-sdm630", "map = eastron-sdm630\ninstance = 2"),
            ("model", "model is 9, which the map sunspec does not know", "map = sunspec\nmodel = 9"),
            ("instance", "instance is 0, outside 1...64", "map = sunspec\ninstance = 0"),
            ("timeoutMilliseconds", "timeoutMilliseconds is 19, outside 20...60000", "map = sunspec\ntimeoutMilliseconds = 19"),
            ("connectDelayMilliseconds", "connectDelayMilliseconds is 30001, outside 0...30000",
             "map = sunspec\nconnectDelayMilliseconds = 30001"),
        ]:
            with self.subTest(message):
                bad = self.node(replace=[("map = eastron-sdm630", text)])
                line = 1 + [line.split(" =")[0] for line in open(bad).read().splitlines()].index(key)
                self.assertIn(f"{bad}:{line}: {message}", self.fails(78, "check-config", bad))
        broken = self.write("broken.ini", self.MAP.replace("kind = meter", "kind = toaster"))
        bad = self.node(replace=[("map = eastron-sdm630", f"map = {broken}")])
        self.assertEqual(self.fails(78, "check-config", bad), f"{broken}:4: kind is toaster, not one of meter, inverter")

    def test_the_boards_of_this_project(self):
        root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
        for name in ["simulated", "pi-zero"]:
            checked = json.loads(self.succeeds("check-config", f"{root}/Boards/{name}/board.ini", "--json"))
            self.assertEqual((checked["kind"], checked["name"]), ("board", name))


class ConfigurationsOnBoards(Configurations):
    """The same with the program as built for boards: Embedded Swift once read another list of sections than the source's."""

    def setUp(self):
        global BUSBAR
        super().setUp()
        self.addCleanup(globals().update, BUSBAR=BUSBAR)
        root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
        BUSBAR = f"{root}/build/embedded-x86_64/busbar"
        self.assertTrue(os.path.exists(BUSBAR), "Toolchain/cross.sh embedded-x86_64 has to come first")


class Inspect(CommandLine):
    def test_each_kind_is_known_by_its_tag(self):
        stem = published(DEMO)[0]
        for name, kind in [
            ("genesis.bin", "genesis"), (f"published/{stem}.certificate", "certificate"), (f"published/{stem}.sum", "sum"),
            ("meter-1/identity.key", "identity"), ("bookkeeper-1/paillier.key", "paillier-key"),
            ("topology.ini", "topology"), ("meter-1/node.ini", "node"),
        ]:
            shown = json.loads(self.succeeds("inspect", f"{DEMO}/{name}", "--json").splitlines()[-1])
            self.assertEqual(shown["kind"], kind)
            word = "configuration" if name.endswith(".ini") else kind
            self.assertEqual(json.loads(self.succeeds("inspect", word, f"{DEMO}/{name}", "--json")), shown)
            self.assertTrue(self.succeeds("inspect", f"{DEMO}/{name}"))

    def test_a_journal_is_told_entry_by_entry(self):
        for node, kinds in [
            ("meter-1", {"boot", "baseline", "closed", "certified"}), ("bookkeeper-1", {"boot", "modulusProven", "published"}),
            ("aggregator-1", {"boot", "record", "proposal", "vote", "head"}),
        ]:
            path = f"{DEMO}/{node}/journal"
            lines = [json.loads(line) for line in self.succeeds("inspect", path, "--json").splitlines()]
            self.assertEqual(lines[-1]["kind"], "journal")
            self.assertEqual((lines[-1]["entries"], lines[-1]["bytes"]), (len(lines) - 1, os.path.getsize(path)))
            self.assertEqual(lines[-1]["restBytes"], 0)
            self.assertLessEqual(kinds, {line["is"] for line in lines[:-1]})
            self.assertNotIn("unknown", {line["is"] for line in lines[:-1]})
            self.assertEqual(len(self.succeeds("inspect", "journal", path).splitlines()), len(lines))

    def test_a_journal_tells_whose_it_is(self):
        genesis = json.loads(self.succeeds("inspect", f"{DEMO}/genesis.bin", "--json"))
        line = json.loads(self.succeeds("inspect", f"{DEMO}/aggregator-2/journal", "--json").splitlines()[-1])
        self.assertEqual(line["owner"], f"aggregator-2 in network {genesis['network']}")
        self.assertIsNone(line["snapshotEntries"])

    def test_a_journal_of_an_earlier_version_is_refused_by_name(self):
        for tag, version in [(b"BUSBARjn", 1), (b"BUSBARj2", 2)]:
            path = self.path("journal")
            with open(path, "wb") as file:
                file.write(tag + bytes(40))
            self.assertIn(f"written in version {version} of this format", self.fails(1, "inspect", path))
            self.assertIn("an older version", self.fails(1, "inspect", "journal", path))

    def test_a_households_registers_are_not_shown(self):
        with open(f"{DEMO}/meter-1/state") as file:
            # Small ones, such as the 0 of a house at night, are also numbers of entries.
            registers = [number for number in file.read().split()[:6] if len(number) > 3]
        self.assertTrue(registers)
        for form in [[], ["--json"]]:
            text = self.succeeds("inspect", f"{DEMO}/meter-1/journal", *form)
            for register in registers:
                self.assertNotIn(register, re.findall(r"\d+", text))

    def test_a_torn_or_damaged_journal_is_said_to_be(self):
        path = self.path("journal")
        shutil.copy(f"{DEMO}/meter-1/journal", path)
        whole = len(self.succeeds("inspect", path).splitlines()) - 1
        os.truncate(path, os.path.getsize(path) - 1)
        text = self.succeeds("inspect", path)
        self.assertIn(f"journal of {whole - 1} entries", text)
        self.assertIn("torn off by a crash, or damaged", text)
        flip(path, 64 + 24)
        self.assertEqual(json.loads(self.succeeds("inspect", path, "--json").splitlines()[-1])["entries"], 0)

    def test_a_journal_of_version_1_is_refused_by_name(self):
        path = self.path("journal")
        with open(f"{DEMO}/meter-1/journal", "rb") as file:
            entries = file.read()[8:]
        with open(path, "wb") as file:
            file.write(b"BUSBARjn" + entries)
        line = self.fails(1, "inspect", path)
        self.assertEqual(line, f"busbar: {path}: written in version 1 of this format, which is not read any more")
        for form in [[], ["--json"]]:
            line = self.fails(1, "inspect", "journal", path, *form)
            self.assertEqual(line, f"busbar: {path}: written in an older version of the format")

    def test_a_certificate_and_a_sum_are_checked_when_asked(self):
        genesis = f"{DEMO}/genesis.bin"
        stem = next(s for s in published(DEMO) if os.path.exists(f"{DEMO}/published/{s}.sum"))
        certificate, total = (f"{DEMO}/published/{stem}.{suffix}" for suffix in ("certificate", "sum"))
        self.assertFalse(json.loads(self.succeeds("inspect", certificate, "--json"))["checked"])
        shown = json.loads(self.succeeds("inspect", certificate, "--genesis", genesis, "--json"))
        self.assertTrue(shown["checked"])
        self.assertEqual(f"{shown['period']}-{shown['owner']}", stem.split("/")[1])
        shown = json.loads(self.succeeds("inspect", total, "--genesis", genesis, "--certificate", certificate, "--json"))
        self.assertTrue(shown["checked"])
        verified = json.loads(self.succeeds(
            "verify", "sum", "--genesis", genesis, "--certificate", certificate, "--sum", total, "--json"))
        self.assertEqual(shown["sumWattHours"], verified["sumWattHours"])
        self.assertEqual(set(verified["sumWattHours"]), {"activeEnergyImport", "activeEnergyExport"})

    def test_what_is_no_file_of_ours(self):
        path = self.write("letter.txt", "Dear reader, this is none of them.")
        self.assertEqual(self.fails(1, "inspect", path), f"busbar: {path}: not a file of busbar: no known tag")
        self.assertIn("not found", self.fails(1, "inspect", self.path("none")))
        self.assertIn("inspect knows genesis, certificate, sum, journal, identity, paillier-key, registration, bundle, capture, configuration, not letter",
                      self.fails(2, "inspect", "letter", path))
        for kind in ["genesis", "certificate", "sum", "journal", "identity", "paillier-key"]:
            self.assertIn(path, self.fails(1, "inspect", kind, path, "--json") if kind not in ("identity", "paillier-key")
                          else self.fails(1, "inspect", kind, path))
        for tag in [b"BUSBARgn", b"BUSBARce", b"BUSBARsm", b"BUSBARid", b"BUSBARsk"]:
            with open(self.path("stub"), "wb") as file:
                file.write(tag)
            os.chmod(self.path("stub"), 0o600)
            self.assertIn("stub", self.fails(1, "inspect", self.path("stub")))


def published(folder):
    """DAY/PERIOD-OWNER of each certificate, in order."""
    return sorted(f"{day}/{name[:-12]}" for day in os.listdir(folder + "/published")
                  for name in os.listdir(f"{folder}/published/{day}") if name.endswith(".certificate"))


def day_of(period, seconds):
    return str(datetime.date(1970, 1, 1) + datetime.timedelta(days=period * seconds // 86_400))


class Verify(CommandLine):
    def copy(self):
        """A folder to verify, with a certificate and the sum of a decided value."""
        shutil.copytree(DEMO + "/published", self.path("published"))
        shutil.copy(DEMO + "/genesis.bin", self.path("genesis.bin"))
        self.stems = [s for s in published(self.folder) if os.path.exists(self.path(f"published/{s}.sum"))]
        return self.path(f"published/{self.stems[0]}.certificate"), self.path(f"published/{self.stems[0]}.sum")

    def reason(self):
        reason = self.fails(1, "verify", self.folder)
        self.assertEqual(self.fails(1, "verify", self.folder, "--json"), reason)
        return reason

    def test_a_folder_that_holds(self):
        counts = json.loads(self.succeeds("verify", DEMO, "--json"))
        self.copy()
        whole = counts.pop("whole")
        self.assertEqual(counts, {"certificates": len(published(DEMO)), "decryptions": len(self.stems), "unreadable": 0,
                                  "gaps": 0})
        text = f"{counts['certificates']} certificates and {counts['decryptions']} decryptions hold\n"
        self.assertEqual([one["owner"] for one in whole], list(range(len(whole))))
        for one in whole:
            periods = sorted(int(s.split("/")[1].split("-")[0]) for s in self.stems if s.endswith(f"-{one['owner']}"))
            self.assertEqual((one["firstPosition"], one["lastPosition"]), (1, len(periods)))
            self.assertEqual((one["firstPeriod"], one["lastPeriod"]), (periods[0], periods[-1]))
            text += (f"set {one['owner']}: whole from position 1, period {periods[0]}, to position {len(periods)}, "
                     f"period {periods[-1]}\n")
        self.assertEqual(self.succeeds("verify", self.folder), text)

    def test_files_are_in_the_folder_of_their_periods_day(self):
        self.copy()
        seconds = json.loads(self.succeeds("inspect", f"{DEMO}/genesis.bin", "--json"))["periodSeconds"]
        for stem in self.stems:
            day, name = stem.split("/")
            self.assertEqual(day, day_of(int(name.split("-")[0]), seconds))
        os.rename(self.path(f"published/{day}"), self.path("published/1999-12-31"))
        self.assertIn("its period does not begin on the day of its folder", self.reason())
        os.rename(self.path("published/1999-12-31"), self.path("published/someday"))
        self.assertEqual(self.reason(), f"busbar: {self.folder}/published/someday: not a folder YYYY-MM-DD")

    def gap(self, *options):
        """What a folder with a gap is told; stdout has what is whole."""
        result = busbar("verify", self.folder, *options)
        self.assertEqual(result.returncode, 1, result)
        told = busbar("verify", self.folder, *options, "--json")
        self.assertEqual(told.returncode, 1)
        lines = [json.loads(line) for line in told.stdout.splitlines()]
        self.assertEqual(f"busbar: {lines[1]['error']}\n", result.stderr)
        return result.stderr, lines[0]

    def test_each_gap_is_named(self):
        """A certificate and its sum are gone from the middle of a chain, or from its beginning; or all of a set but the last."""
        self.copy()
        # Where a period was late its energy is in the next one's value, so not every set has as many.
        owner = max(range(4), key=lambda owner: sum(s.endswith(f"-{owner}") for s in self.stems))
        chain = [s for s in self.stems if s.endswith(f"-{owner}")]
        self.assertGreaterEqual(len(chain), 2)
        def remove(stem):
            for suffix in ["certificate", "sum"]:
                os.remove(self.path(f"published/{stem}.{suffix}"))
        period = [int(stem.split("/")[1].split("-")[0]) for stem in chain]
        remove(chain[0])
        text, told = self.gap()
        self.assertIn(f"set {owner}: a gap before position 2, period {period[1]}; the chain begins with 1", text)
        self.assertEqual(told["gaps"], 1)
        self.assertEqual(json.loads(self.succeeds("verify", self.folder, "--from", str(period[1]), "--json"))["gaps"], 0)
        # A folder that begins later may do so; it is the operator who says that.
        self.assertIn("--from is not a period", self.fails(2, "verify", self.folder, "--from", "x"))
        if len(chain) > 2:
            shutil.rmtree(self.path("published"))
            shutil.copytree(DEMO + "/published", self.path("published"))
            remove(chain[1])
            text, told = self.gap()
            self.assertIn(f"set {owner}: a gap between position 1, period {period[0]}, and position 3, period {period[2]}", text)
            self.assertEqual([(one["firstPosition"], one["lastPosition"]) for one in told["whole"] if one["owner"] == owner],
                             [(1, 1), (3, len(chain))])

    def test_what_cannot_be_read_is_walked_over_and_counted_apart(self):
        certificate, total = self.copy()
        os.rename(certificate, certificate.replace(".certificate", ".unreadable"))
        os.remove(total)
        told = json.loads(self.succeeds("verify", self.folder, "--json"))
        self.assertEqual((told["unreadable"], told["gaps"], told["decryptions"]), (1, 0, len(self.stems) - 1))
        self.assertIn("cannot be read; its energy is open", self.succeeds("verify", self.folder))
        # It is there twice.
        shutil.copy(certificate.replace(".certificate", ".unreadable"), certificate)
        shutil.copy(f"{DEMO}/published/{self.stems[0]}.sum", total)
        self.assertIn("follow on the same header", self.reason())

    def test_a_byte_of_a_certificate(self):
        certificate, _ = self.copy()
        # Tag, kind, zero, statement tag, statement's period, signers, each signature, header, last byte.
        for offset in [0, 8, 9, 16, 16 + 56, 16 + 120, 144, 144 + 64, 144 + 128, 144 + 192, 144 + 192 + 168, -1]:
            flip(certificate, offset)
            with self.subTest(offset):
                self.assertIn(certificate + ": ", self.reason())
            flip(certificate, offset)
        self.succeeds("verify", self.folder)

    def test_a_byte_of_a_sum(self):
        _, total = self.copy()
        size = os.path.getsize(total)
        # Tag, network, period, header, key, first and last byte of S and of R, signature.
        middle = 112 + (size - 112 - 64) // 2
        for offset in [0, 8, 52, 56, 64, 96, 112, middle - 1, middle, size - 65, size - 64, -1]:
            flip(total, offset)
            with self.subTest(offset):
                self.assertIn(total + ": ", self.reason())
            flip(total, offset)
        self.succeeds("verify", self.folder)

    def test_a_shorter_and_a_longer_file(self):
        for path in self.copy():
            with open(path, "ab") as file:
                file.write(b"\0")
            self.assertIn(f"{path}: malformed: ", self.reason())
            os.truncate(path, os.path.getsize(path) - 2)
            self.assertIn(f"{path}: malformed: ", self.reason())
            os.truncate(path, 0)
            self.assertIn(f"{path}: malformed: ", self.reason())
            shutil.copy(path.replace(self.folder, DEMO), path)

    def test_swapped_sums(self):
        _, total = self.copy()
        other = self.path(f"published/{self.stems[1]}.sum")
        os.rename(total, self.path("x"))
        os.rename(other, total)
        os.rename(self.path("x"), other)
        self.assertEqual(self.reason(), f"busbar: {total}: the sum belongs to another certificate")

    def test_names_that_are_not_what_is_inside(self):
        certificate, total = self.copy()
        day, name = self.stems[0].split("/")
        period, owner = name.split("-")
        for stem in [f"{int(period) + 100}-{owner}", f"{period}-63", f"0{period}-{owner}", "decision"]:
            moved = self.path(f"published/{day}/{stem}")
            os.rename(certificate, moved + ".certificate")
            os.rename(total, moved + ".sum")
            self.assertEqual(self.reason(), f"busbar: {moved}.certificate: it is the certificate of period {period}, "
                             f"set {owner}, not what its name says")
            os.rename(moved + ".certificate", certificate)
            os.rename(moved + ".sum", total)
        shutil.copy(certificate, self.path(f"published/{day}/{period}-9.certificate"))
        self.assertIn("not what its name says", self.reason())

    def test_one_without_the_other(self):
        certificate, total = self.copy()
        os.rename(total, self.path("x"))
        self.assertEqual(self.reason(), f"busbar: {certificate}: its sum is missing")
        os.rename(self.path("x"), total)
        os.remove(certificate)
        self.assertEqual(self.reason(), f"busbar: {total}: its certificate is missing")

    def test_other_files(self):
        self.copy()
        day = self.stems[0].split("/")[0]
        self.write(f"published/{day}/1-0.sum.new", "what a crash left")
        self.succeeds("verify", self.folder)
        letter = self.write(f"published/{day}/letter", "hello")
        self.assertEqual(self.reason(), f"busbar: {letter}: neither PERIOD-OWNER.certificate nor PERIOD-OWNER.sum nor "
                         "PERIOD-OWNER.unreadable")
        os.remove(letter)
        # Where all files were in one folder before.
        flat = self.write("published/1-0.certificate", "hello")
        self.assertEqual(self.reason(), f"busbar: {flat}: not a folder YYYY-MM-DD")

    def test_another_groups_genesis_and_an_empty_folder(self):
        self.copy()
        flip(self.path("genesis.bin"), 24)
        self.assertIn("another network, epoch or group", self.reason())
        shutil.copy(DEMO + "/genesis.bin", self.path("genesis.bin"))
        shutil.rmtree(self.path("published"))
        self.assertEqual(self.reason(), f"busbar: {self.folder}/published: not found (2)")
        os.mkdir(self.path("published"))
        self.assertEqual(self.reason(), f"busbar: {self.folder}/published: there is nothing to verify")
        self.assertIn("not found", self.fails(1, "verify", self.path("none"), "--json"))
        self.assertIn("--sum does not go with a folder", self.fails(2, "verify", self.folder, "--sum", "x"))

    def test_single_files(self):
        certificate, total = self.copy()
        genesis = self.path("genesis.bin")
        both = ["--genesis", genesis, "--certificate", certificate]
        shown = json.loads(self.succeeds("verify", "certificate", *both, "--json"))
        self.assertEqual((shown["position"] >= 1, shown["checked"]), (True, True))
        self.assertIn("the sum holds: activeEnergyImport ", self.succeeds("verify", "sum", *both, "--sum", total))
        flip(total, 112 + 100)
        self.assertIn(total, self.fails(1, "verify", "sum", *both, "--sum", total, "--json"))
        flip(certificate, 150)
        self.assertIn(certificate, self.fails(1, "verify", "certificate", *both, "--json"))


class Devices(CommandLine):
    def test_the_files_are_the_list(self):
        """docs/HARDWARE.md, Supported devices: one list, from the files."""
        folder = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "Devices")
        files = [name[:-4] for name in sorted(os.listdir(folder)) if name.endswith(".ini")]
        listed = [json.loads(line) for line in self.succeeds("devices", "--json").splitlines()]
        self.assertEqual([device["map"] for device in listed], files)
        lines = self.succeeds("devices").splitlines()
        for device, line in zip(listed, lines, strict=True):
            with open(os.path.join(folder, device["map"] + ".ini")) as file:
                text = file.read()
            self.assertEqual(line.split(None, 1), [device["map"], device["title"]])
            self.assertIn(f"\ntitle = {device['title']}\n", text)
            self.assertIn(f"\nkind = {device['kind']}\n", text)
            self.assertIn(f"\nbaud = {device['baud']}\nparity = {device['parity']}\n", text)
            self.assertEqual(device["layout"] == "sunspec", "\nlayout = sunspec\n" in text)
            self.assertEqual(device["limits"], "\n[limit]\n" in text)
            self.assertEqual(set(device["quantities"]), set(re.findall(r"(?m)^(\w+)\.\d = ", text)))


class Bus(CommandLine):
    def test_readings_come_as_often_as_asked(self):
        bus = subprocess.Popen([BUSBAR, "simulate-bus"], stdout=subprocess.PIPE, text=True)
        try:
            inverter = [json.loads(bus.stdout.readline()) for _ in range(2)][1]
            for interval, least, most in [("0", 0, 2.5), ("1000", 3, 8)]:
                start = time.monotonic()
                shown = self.succeeds("read", "--json", "--map", "sunspec", "--port", inverter["port"], "--count", "4",
                                      "--interval", interval)
                took = time.monotonic() - start
                self.assertEqual(len(shown.splitlines()), 4)
                self.assertTrue(least <= took <= most, (interval, took))
        finally:
            bus.send_signal(signal.SIGTERM)
            self.assertEqual(bus.wait(10), 0)
            bus.stdout.close()

    def test_a_simulated_house_is_read(self):
        bus = subprocess.Popen([BUSBAR, "simulate-bus", "--folder", self.folder], stdout=subprocess.PIPE, text=True)
        try:
            device = json.loads(bus.stdout.readline())
            shown = json.loads(self.succeeds("read", "--port", device["port"], "--json"))
            self.assertEqual(shown["device"], device["port"])
            self.assertIn("activeEnergyImport", {sample["quantity"] for sample in shown["samples"]})
            self.assertIn("activeEnergyImport ", self.succeeds("read", "--port", device["port"]))
        finally:
            bus.send_signal(signal.SIGTERM)
            self.assertEqual(bus.wait(10), 0)
            bus.stdout.close()

    def test_a_bench_without_a_scenario(self):
        bus = subprocess.Popen([BUSBAR, "simulate-bus"], stdout=subprocess.PIPE, text=True)
        try:
            meter, inverter = (json.loads(bus.stdout.readline()) for _ in range(2))
            self.assertEqual((meter["unit"], meter["map"]), (1, "eastron-sdm630"))
            self.assertEqual((inverter["unit"], inverter["map"]), (126, "sunspec"))
            found = json.loads(self.succeeds("scan", "--json", "--port", inverter["port"], "--first", "126", "--last", "126"))
            self.assertEqual(found["map"], "sunspec")
            self.assertIn("model 123 at 40182, length 24", self.succeeds("dump", "--map", "sunspec", "--port", inverter["port"]))
            self.assertIn("0x5375", self.succeeds(
                "dump", "--map", "sunspec", "--port", inverter["port"], "--address", "40000", "--registers", "1"))
            capture = self.path("a.capture")
            read = self.succeeds("capture", "--json", "--port", meter["port"], "--out", capture, "--count", "2")
            again = self.succeeds("replay", "--json", capture)
            self.assertEqual(read.replace(meter["port"], f"replay:{capture}"), again)
            shown = json.loads(self.succeeds("inspect", capture, "--json"))
            self.assertEqual((shown["kind"], shown["framing"], shown["failures"]), ("capture", "rtu", 0))
            # Four measurements that tell the device, then two readings of four blocks; each request has 8 bytes.
            self.assertEqual((shown["requests"], shown["sentBytes"]), (12, 96))
            self.assertIn("capture of a port that speaks Modbus RTU\n", self.succeeds("inspect", capture))
            with open(capture, "r+b") as file:
                file.truncate(os.path.getsize(capture) - 1)
            self.assertEqual(json.loads(self.succeeds("inspect", capture, "--json"))["records"], shown["records"] - 1)
            other = busbar("read", "--json", "--port", inverter["port"], "--unit", "126")
            self.assertEqual((other.returncode, json.loads(other.stdout)["error"]), (1, "exception"))
            limit = subprocess.run([BUSBAR, "limit", "--json", "--port", meter["port"], "--watts", "1", "--ttl", "9",
                                    "--unit", "1"], capture_output=True, text=True)
            self.assertEqual(limit.returncode, 1)
            self.assertEqual(json.loads(limit.stdout)["error"], "notSunSpec")
        finally:
            bus.send_signal(signal.SIGTERM)
            self.assertEqual(bus.wait(10), 0)
            bus.stdout.close()

    def test_devices_of_one_bus_are_watched(self):
        """Of four on a bus one is dead from the start, and two fall silent: a meter, and an inverter at night."""
        link = self.path("bus")
        scenario = (f"[port bus]\nkind = pty\nlink = {link}\n[device one]\nport = bus\nkind = house\nunit = 1\n"
                    "[device two]\nport = bus\nkind = house\nunit = 2\nfault = silence\nfaultFirst = 14\n"
                    "[device sun]\nport = bus\nkind = inverter\nunit = 126\navailableWatts = 0\nfault = silence\n"
                    "faultFirst = 14\n")
        bus = subprocess.Popen([BUSBAR, "simulate-bus", self.write("bench.ini", scenario)], stdout=subprocess.PIPE, text=True)
        watch = None
        try:
            for _ in range(3):
                bus.stdout.readline()
            watch = subprocess.Popen(
                [BUSBAR, "read", "--port", link, "--baud", "9600", "--unit", "1,2,126:sunspec,7", "--watch", "--json"],
                stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
            seen, times, errors, deadline = {1: set(), 2: set(), 126: set()}, set(), {}, time.monotonic() + 40
            while time.monotonic() < deadline and not (
                    "stale" in seen[2] and "asleep" in seen[126] and len(times) >= 6 and 7 in errors):
                shown = json.loads(watch.stdout.readline())
                if "error" in shown:
                    errors[shown["unit"]] = shown["error"]
                    continue
                for sample in shown["samples"]:
                    seen[shown["unit"]].add(sample["quality"])
                    self.assertEqual("ageMilliseconds" in sample, sample["quality"] == "stale")
                    if sample["quality"] == "asleep":
                        self.assertEqual(sample["value"], 0)
                    if (shown["unit"], sample["quantity"], sample["phase"]) == (1, "activePower", 0):
                        times.add(sample["monotonicNanoseconds"])
            self.assertIn("stale", seen[2])
            self.assertIn("asleep", seen[126])
            # A 0 of the export is doubted until it was read three times.
            self.assertLessEqual(seen[1], {"good", "suspectCounter"})
            self.assertEqual((errors.get(7), errors.get(2), errors.get(126)), ("timeout",) * 3)
            self.assertGreaterEqual(len(times), 6)
        finally:
            for process in filter(None, [watch, bus]):
                process.send_signal(signal.SIGTERM)
                self.assertEqual(process.wait(10), 0)
                process.stdout.close()

    def test_meter_nodes_read_through_gateways(self):
        """Three aggregators of the demo go on, as many as must bear a meter's clock out, and two of its meters, with empty disks,
        read houses over TCP."""
        scenario = "".join(
            f"[port {kind}]\nkind = {kind}\nlisten = 127.0.0.1:0\n[device {kind}]\nport = {kind}\nkind = house\nseed = {seed}\n"
            for seed, kind in enumerate(["tcp", "rtu-tcp"], 5))
        grid = self.path("grid")
        shutil.copytree(DEMO, grid, symlinks=True)
        processes = [subprocess.Popen([BUSBAR, "simulate-bus", self.write("bench.ini", scenario)], stdout=subprocess.PIPE,
                                      text=True)]
        try:
            ports = [json.loads(processes[0].stdout.readline())["port"] for _ in range(2)]
            self.assertEqual([port.split(":")[0] for port in ports], ["tcp", "rtu-tcp"])
            for name in ["aggregator-1", "aggregator-2", "aggregator-3", "meter-1", "meter-2"]:
                path = f"{grid}/{name}/node.ini"
                text = open(path).read()
                if name.startswith("meter"):
                    port = ports[int(name[-1]) - 1]
                    text = re.sub(r"^port = .*$", f"port = {port}", text, flags=re.M)
                    for file in ["journal", "state"]:
                        os.remove(f"{grid}/{name}/{file}")
                    if name == "meter-2":
                        # Files that only tell of it cannot be written: what is in their way is a folder.
                        for file in ["state.new", "meter-2.prom.new"]:
                            os.mkdir(f"{grid}/{name}/{file}")
                with open(path, "w") as file:
                    file.write(text)
                if name.startswith("meter"):
                    self.assertIn(f"reads eastron-sdm630 unit 1 on {port}\n", self.succeeds("check-config", path))
                processes.append(subprocess.Popen([BUSBAR, "run", "--config", path]))
            for number, port in enumerate(ports, 1):
                state = f"{grid}/meter-{number}/state"
                deadline = time.monotonic() + 30
                if number == 2:
                    while "baseline" not in busbar("inspect", f"{grid}/meter-2/journal").stdout:
                        self.assertLess(time.monotonic(), deadline)
                        time.sleep(0.05)
                    self.assertFalse(os.path.exists(state))
                    self.assertEqual([process.poll() for process in processes], [None] * len(processes))
                    for file in ["state.new", "meter-2.prom.new"]:
                        os.rmdir(f"{grid}/meter-2/{file}")
                while not os.path.exists(state) and time.monotonic() < deadline:
                    time.sleep(0.05)
                with open(state) as file:
                    activation = [int(word) for word in file.read().split()[:2]]
                shown = json.loads(self.succeeds("read", "--port", port, "--json"))
                values = {(sample["quantity"], sample["phase"]): sample["value"] for sample in shown["samples"]}
                for value, quantity in zip(activation, ["activeEnergyImport", "activeEnergyExport"]):
                    self.assertLess(abs(value - values[quantity, 0]), 1_000_000, (port, quantity))
        finally:
            for process in processes:
                process.send_signal(signal.SIGTERM)
            self.assertEqual([process.wait(10) for process in processes], [0] * len(processes))
            processes[0].stdout.close()

    def test_bad_maps_and_scenarios_are_told_with_their_line(self):
        path = self.path("x.ini")
        with open(path, "w") as file:
            file.write("[device]\nname = x\ntitle = X\nkind = toaster\nfunction = 3\n")
        self.assertEqual(self.fails(78, "read", "--port", "p", "--map", path), f"{path}:4: kind is toaster, not one of meter, inverter")
        with open(path, "w") as file:
            file.write("[port a]\nkind = pty\n[device b]\nport = c\n")
        self.assertEqual(self.fails(78, "simulate-bus", path), f"{path}:4: there is no [port c]")

    def test_addresses_and_times_that_a_port_cannot_have(self):
        for words in [["--unit", "0"], ["--unit", "248"], ["--timeout", "19"], ["--timeout", "60001"],
                      ["--connect-delay", "30001"], ["--model", "103"], ["--instance", "2"], ["--serial", "A"]]:
            with self.subTest(words):
                self.assertEqual(busbar("read", "--port", self.path("none"), *words).returncode, 2)
        for unit in ["0", "248", "255"]:
            result = busbar("read", "--port", "tcp:127.0.0.1:1", "--json", "--unit", unit)
            self.assertEqual((result.returncode, json.loads(result.stdout)["error"]), (1, "busGone"))
        self.assertEqual(busbar("read", "--port", "tcp:127.0.0.1:1", "--unit", "256").returncode, 2)

    def test_the_doctor_names_a_remedy(self):
        result = busbar("doctor", "--json", "--port", self.path("none"))
        self.assertEqual(result.returncode, 1)
        findings = {finding["check"]: finding for finding in map(json.loads, result.stdout.splitlines())}
        self.assertEqual(set(findings), {"clock", "battery", "rights", "disk"})
        self.assertFalse(findings["rights"]["ok"])
        self.assertIn("/dev/serial/by-id", findings["rights"]["remedy"])

    def test_a_meter_that_is_not_there(self):
        result = busbar("read", "--port", self.path("none"), "--json")
        self.assertEqual(result.returncode, 1)
        self.assertEqual(json.loads(result.stdout)["error"], "notFound")
        self.assertIn(self.path("none"), result.stderr)


class Status(CommandLine):
    def names(self):
        return [name for name in sorted(os.listdir(DEMO)) if os.path.exists(f"{DEMO}/{name}/node.ini")]

    def test_every_node_left_a_file_that_prometheus_reads(self):
        self.assertEqual(len(self.names()), 33)
        for name in self.names():
            with self.subTest(node=name):
                text = open(f"{DEMO}/{name}/{name}.prom").read()
                check = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, text=True,
                                       timeout=20)
                self.assertEqual((check.returncode, check.stdout, check.stderr), (0, "", ""))
                self.assertIn(f'node="{name}"', text)
                self.assertIn("busbar_packets_received_total", text)
                self.assertNotIn("\nbusbar_packets_received_total 0\n", text)

    def test_promtool_would_find_a_wrong_file(self):
        text = open(f"{DEMO}/meter-1/meter-1.prom").read().replace("# TYPE busbar_uptime_seconds gauge", "# TYPE x y")
        check = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, text=True, timeout=20)
        self.assertNotEqual(check.returncode, 0)

    def test_decisions_are_a_histogram(self):
        text = open(f"{DEMO}/aggregator-1/aggregator-1.prom").read()
        counts = [int(n) for n in re.findall(r'busbar_decision_latency_seconds_bucket\{le="[^"]+"\} (\d+)', text)]
        self.assertEqual(len(counts), 11)
        self.assertEqual(counts, sorted(counts))
        decided = sum(int(n) for n in re.findall(r'busbar_positions_decided_total\{way="\w+"\} (\d+)', text))
        self.assertEqual(counts[-1], decided)
        self.assertGreaterEqual(decided, 4)

    def test_a_node_that_does_not_run_says_nothing(self):
        line = self.fails(1, "status", self.folder)
        self.assertIn("no node runs there", line)
        # A node that was killed leaves its socket; nobody listens at it.
        with socket.socket(socket.AF_UNIX) as left:
            left.bind(self.path("status.socket"))
        self.assertIn("no node runs there", self.fails(1, "status", self.folder))
        line = self.fails(1, "status", f"{DEMO}/bookkeeper-1")
        self.assertIn("no node runs there", line)

    def test_a_running_node_answers(self):
        # On a copy: other tests look at what the demo left.
        folder = self.path("bookkeeper-1")
        shutil.copytree(f"{DEMO}/bookkeeper-1", folder)
        for name in ["genesis.bin", "published"]:
            os.symlink(f"{DEMO}/{name}", self.path(name))
        node = subprocess.Popen([BUSBAR, "run", "--config", f"{folder}/node.ini"], stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, text=True)
        try:
            for _ in range(200):
                answer = busbar("status", folder, "--json")
                if answer.returncode == 0:
                    break
                time.sleep(0.05)
            self.assertEqual(answer.returncode, 0, answer.stderr)
            status = json.loads(answer.stdout)
            self.assertEqual(status["node"], "bookkeeper-1")
            self.assertEqual(status["metrics"]["busbar_clock_synchronised"], 1)
            start, *lines = busbar("status", folder).stdout.splitlines()
            self.assertRegex(start, r"^the first period began at \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC$")
            genesis = json.loads(self.succeeds("inspect", f"{DEMO}/genesis.bin", "--json"))
            self.assertEqual(status["metrics"]["busbar_first_period_start_seconds"],
                             genesis["firstPeriod"] * genesis["periodSeconds"])
            names = {line.rsplit(None, 1)[0].strip() for line in lines}
            self.assertEqual(names, set(status["metrics"]))
            mode = os.stat(f"{folder}/status.socket").st_mode
            self.assertEqual(mode & 0o777, 0o600)
        finally:
            node.terminate()
            node.communicate(timeout=20)
        self.assertEqual(node.returncode, 0)


class Demo(CommandLine):
    def test_a_folder_that_is_there_is_not_touched(self):
        line = self.fails(1, "demo", "--data", self.folder, "--json")
        self.assertEqual(line, f"busbar: {self.folder} exists; name a fresh folder")
        self.assertEqual(os.listdir(self.folder), [])

    def interrupted(self, number, after):
        """Stops a demo once a file is there; every process must be gone with it."""
        data = self.path("data")
        demo = subprocess.Popen([BUSBAR, "demo", "--data", data, "--json"], stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, text=True, start_new_session=True)
        deadline = time.monotonic() + 40
        while not os.path.exists(f"{data}/{after}") and time.monotonic() < deadline:
            time.sleep(0.02)
        # To the whole group, as a terminal's Ctrl-C.
        os.killpg(demo.pid, number) if number == signal.SIGINT else demo.send_signal(number)
        out, error = demo.communicate(timeout=20)
        self.assertEqual(demo.returncode, 1, error)
        self.assertIn("interrupted: every node was stopped", json.loads(out.splitlines()[-1])["error"])
        self.assertIn("interrupted: every node was stopped", error)
        with self.assertRaises(ProcessLookupError):
            os.killpg(demo.pid, 0)

    def test_ctrl_c_stops_every_process(self):
        self.interrupted(signal.SIGINT, "meter-28/journal")

    def test_sigterm_stops_every_process(self):
        self.interrupted(signal.SIGTERM, "aggregator-4/journal")


class Fleet(CommandLine):
    def test_a_small_fleet_agrees_with_its_registers(self):
        data, report = self.path("fleet"), self.path("fleet.json")
        run = busbar("bench", "fleet", "--meters", "3", "--seconds", "4", "--periods", "2", "--bits", "2048",
                     "--data", data, "--report", report, "--json")
        self.assertEqual(run.returncode, 0, run.stderr)
        told = json.loads(run.stdout)
        self.assertEqual(told, json.load(open(report)))
        self.assertTrue(told["agrees"])
        self.assertEqual(len(told["publishedMilliseconds"]), 8)
        names = [process["name"] for process in told["processes"]]
        self.assertEqual(names, [f"aggregator-{number}" for number in range(1, 5)] + ["bookkeeper-1", "meters"])
        for process in told["processes"][:4]:
            self.assertGreater(process["sentBytes"], 0)
            self.assertGreater(process["receivedBytes"], 0)
            self.assertGreater(process["residentKilobytes"], 1000)
        self.assertEqual(busbar("verify", data).returncode, 0)

    def test_a_bench_is_a_program_beside_this_one(self):
        alone = shutil.copy(BUSBAR, self.path("busbar"))
        for words in [("bench", "crypto", "--json"), ("simulate-meters", "--folder", "fleet")]:
            run = subprocess.run([alone, *words], capture_output=True, text=True, timeout=60)
            self.assertEqual(run.returncode, 1, run)
            self.assertIn(f"there is no {os.path.realpath(self.folder)}/busbar-bench; Toolchain/build.sh builds it", run.stderr)
        self.assertIn("bench knows crypto", self.fails(2, "bench", "fast"))

    def test_one_round_of_an_aggregator_in_its_own_process(self):
        run = busbar("bench", "round", "--aggregators", "4", "--meters", "5", "--json")
        self.assertEqual(run.returncode, 0, run.stderr)
        told = json.loads(run.stdout)
        self.assertGreater(told["ratio"], 1)
        self.assertGreater(told["residentKilobytes"], told["residentFileKilobytes"])
        self.assertGreaterEqual(told["residentPeakKilobytes"], told["residentKilobytes"])
class Relay(CommandLine):
    """Two sockets of ours with the relay between them, on ports the kernel had free."""

    def links(self, count=4):
        sockets = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
            each.settimeout(10)
        ports = [each.getsockname()[1] for each in sockets]
        # The relay binds the two in the middle itself.
        sockets[1].close()
        sockets[2].close()
        return sockets[0], sockets[3], ports

    def carry(self, path, seed, datagrams):
        """Sends numbered datagrams one way; what arrived, and the relay's own numbers of that direction."""
        a, b, (a_port, for_a, for_b, b_port) = self.links()
        link = ",".join(f"127.0.0.1:{port}" for port in (a_port, for_a, b_port, for_b))
        relay = subprocess.Popen(
            [BUSBAR, "relay", path, link, "--seed", str(seed), "--json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            text=True)
        try:
            self.assertEqual(relay.stderr.readline(), "relay: listening for 1 links\n")
            arrived = []

            def drain(seconds):
                b.settimeout(seconds)
                try:
                    while True:
                        data, source = b.recvfrom(100)
                        self.assertEqual(source, ("127.0.0.1", for_b))
                        arrived.append(int(data))
                except TimeoutError:
                    pass

            for number in range(datagrams):
                a.sendto(b"%d" % number, ("127.0.0.1", for_a))
                if number % 16 == 15:
                    drain(0.002)  # no socket's buffer is to overflow
            drain(2)
        finally:
            relay.send_signal(signal.SIGTERM)
            output, _ = relay.communicate(timeout=10)
            a.close()
            b.close()
        self.assertEqual(relay.returncode, 0)
        return arrived, json.loads(output.splitlines()[0])

    def test_what_does_no_harm_carries_everything_in_order(self):
        arrived, numbers = self.carry(self.write("good.path", "# nothing\n"), 1, 200)
        self.assertEqual(arrived, list(range(200)))
        self.assertEqual((numbers["received"], numbers["lost"], numbers["delivered"]), (200, 0, 200))

    def test_the_same_seed_loses_the_same_datagrams(self):
        path = self.write("lossy.path", "loss 300\nmeanBurst 4\n")
        first, numbers = self.carry(path, 7, 400)
        self.assertEqual(numbers["received"], 400)
        self.assertEqual(numbers["delivered"], len(first))
        self.assertEqual(numbers["lost"], 400 - len(first))
        self.assertGreater(numbers["lost"], 40)
        self.assertEqual(self.carry(path, 7, 400)[0], first)
        self.assertNotEqual(self.carry(path, 8, 400)[0], first)

    def test_duplicates_and_late_ones_arrive(self):
        path = self.write("odd.path", "delayMicroseconds 20000\nreordering 200\nduplication 200\n")
        arrived, numbers = self.carry(path, 3, 200)
        self.assertEqual(set(arrived), set(range(200)))
        self.assertGreater(len(arrived), 210)
        self.assertNotEqual(arrived, sorted(arrived))

    def test_what_is_wrong_is_said(self):
        link = "127.0.0.1:1,127.0.0.1:2,127.0.0.1:3,127.0.0.1:4"
        path = self.write("wrong.path", "loss 10\nloss many\n")
        self.assertEqual(
            self.fails(78, "relay", path, link),
            f"{path}:2: not `key value` of a path, or a value out of range")
        good = self.write("good.path", "")
        for word in ["127.0.0.1:1", link + ",", link[:-2], "a,b,c,d"]:
            self.assertEqual(
                self.fails(2, "relay", good, word), f"busbar: {word} is not A,FOR_A,B,FOR_B, each ADDRESS:PORT")
        self.assertEqual(
            self.fails(2, "relay", good), "busbar: relay needs PATH LINK...; see busbar relay --help")


class Surroundings(CommandLine):
    """What stands in a node's way on this machine: its address, its journal, its clock; and other runs of its key."""

    def node(self, name="meter-1", replace=(), label=None):
        """A copy of a node of the demo, with its folder; the path of its node.ini."""
        folder = self.path(label or name)
        shutil.copytree(f"{DEMO}/{name}", folder)
        with open(f"{folder}/node.ini") as file:
            text = file.read().replace(f"{DEMO}/{name}", folder).replace("= ../", f"= {DEMO}/")
        for old, new in replace:
            self.assertRegex(text, old)
            text = re.sub(old, new, text, count=1)
        with open(f"{folder}/node.ini", "w") as file:
            file.write(text)
        return f"{folder}/node.ini"

    def line(self, path, key):
        with open(path) as file:
            return next(n for n, line in enumerate(file, 1) if line.startswith(key))

    def doctor(self, path, environment=None):
        result = subprocess.run([BUSBAR, "doctor", "--config", path, "--json"], capture_output=True, text=True, timeout=60,
                                env=environment)
        findings = [json.loads(line) for line in result.stdout.splitlines()]
        self.assertEqual(result.returncode, 0 if all(each["ok"] for each in findings) else 1, result.stderr)
        return {each["check"]: each for each in findings}

    def free_port(self):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as holder:
            holder.bind(("127.0.0.1", 0))
            return holder.getsockname()[1]

    def test_a_foreign_address_is_named_with_file_line_and_what_to_do(self):
        path = self.node("bookkeeper-1", [("listen = .*", "listen = 192.0.2.77:24007")])
        told = "listen: 192.0.2.77:24007: the address is none of this machine's (99); ip -brief address lists this"
        line = self.fails(1, "run", "--config", path)
        self.assertIn(f"busbar: {path}:{self.line(path, 'listen')}: {told}", line)
        checked = busbar("check-config", path)
        self.assertEqual((checked.returncode, checked.stderr.count("warning")), (0, 1), checked.stderr)
        self.assertIn(f"{path}: warning: {told}", checked.stderr)
        found = self.doctor(path)["listen"]
        self.assertFalse(found["ok"])
        self.assertIn("192.0.2.77:24007", found["detail"])
        self.assertIn("ip -brief address", found["remedy"])

    def test_an_address_that_is_in_use_is_named_with_who_has_it(self):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as holder:
            holder.bind(("127.0.0.1", 0))
            port = holder.getsockname()[1]
            path = self.node("bookkeeper-1", [("listen = .*", f"listen = 127.0.0.1:{port}")])
            line = self.fails(1, "run", "--config", path)
            self.assertIn(f"listen: 127.0.0.1:{port}: the address is in use (98); ss -ulpn 'sport = :{port}' tells", line)
            self.assertIn("in use (98)", busbar("check-config", path).stderr)
            self.assertFalse(self.doctor(path)["listen"]["ok"])
        self.assertNotIn("warning: listen", busbar("check-config", path).stderr)
        self.assertTrue(self.doctor(path)["listen"]["ok"])

    def test_other_addresses_that_cannot_be_listened_at(self):
        for address, words in [("[fe80::1]:4000", "begins with fe80"), ("[2001:db8::77]:4000", "none of this machine's")]:
            with self.subTest(address):
                path = self.node("bookkeeper-1", [("listen = .*", f"listen = {address}")], label=f"at {address[1:5]}")
                self.assertIn(words, self.fails(1, "run", "--config", path))

    def test_a_damaged_journal_is_told_with_place_and_remedy_for_each_role(self):
        for name, remedy in [("meter-1", "gets its certified registers back"), ("aggregator-1", "at most f aggregators"),
                             ("bookkeeper-1", "what is published stays")]:
            with self.subTest(name):
                path = self.node(name)
                journal = self.path(f"{name}/journal")
                size = os.path.getsize(journal)
                with open(journal, "r+b") as file:
                    file.seek(size // 2)
                    file.write(bytes(64))
                before = open(journal, "rb").read()
                shown = json.loads(self.succeeds("inspect", journal, "--json").splitlines()[-1])
                good = size - shown["restBytes"]
                told = f"{journal}: damaged at byte {good} of {size}, behind entry {shown['entries'] - 1}: "
                for arguments in [["run", "--config", path], ["check-config", path]]:
                    line = self.fails(1, *arguments)
                    self.assertTrue(line.startswith("busbar: " + told), line)
                    self.assertIn(remedy, line)
                found = self.doctor(path)["journal"]
                self.assertFalse(found["ok"])
                self.assertTrue(found["detail"].startswith(told), found)
                self.assertIn(remedy, found["remedy"])
                self.assertEqual(open(journal, "rb").read(), before)

    def test_a_node_whose_damaged_journal_was_moved_away_starts(self):
        path = self.node("meter-1", [("listen = .*", f"listen = 127.0.0.1:{self.free_port()}")])
        os.rename(self.path("meter-1/journal"), self.path("meter-1/damaged"))
        self.assertIn("has not run", self.doctor(path)["journal"]["detail"])
        with self.running(path) as node:
            self.await_status(self.path("meter-1"))
            self.assertIsNone(node.poll())

    def test_a_torn_tail_is_told_and_no_fault(self):
        path = self.node()
        with open(self.path("meter-1/journal"), "ab") as file:
            file.write(b"\x40\0\0\0\0\0\0\0 and a part")
        found = self.doctor(path)["journal"]
        self.assertTrue(found["ok"])
        self.assertIn("the last 19 bytes were torn off", found["detail"])
        self.succeeds("check-config", path)

    def test_another_nodes_journal_is_found_without_a_start(self):
        path = self.node()
        shutil.copy(f"{DEMO}/meter-2/journal", self.path("meter-1/journal"))
        line = self.fails(78, "check-config", path)
        self.assertIn("the journal of meter", line)
        self.assertIn("a folder of its own", line)
        self.assertFalse(self.doctor(path)["journal"]["ok"])

    def test_a_file_that_is_far_too_long_is_no_full_disk(self):
        path = self.node()
        with open(self.path("long"), "wb") as file:
            file.truncate(9 << 20)
        text = open(path).read().replace(f"genesis = {DEMO}/genesis.bin", f"genesis = {self.path('long')}")
        open(path, "w").write(text)
        line = self.fails(78, "check-config", path)
        self.assertIn("longer than 8388608 bytes, so it is no file of this kind", line)
        self.assertNotIn("space", line)

    def clock(self, seconds):
        """An environment in which the wall clock is so many seconds ahead."""
        library = os.path.join(SCRATCH, "clock.so")
        if not os.path.exists(library):
            source = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "Outages", "clock.c")
            subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", library, source, "-ldl"], check=True, timeout=60)
        # The program has the file in its memory: it is written in place.
        with open(self.path("shift"), "r+b" if os.path.exists(self.path("shift")) else "wb") as file:
            file.write((seconds * 10**9).to_bytes(8, "little", signed=True))
        return dict(os.environ, LD_PRELOAD=library, BUSBAR_TEST_CLOCK=self.path("shift"))

    def test_a_clock_that_was_never_set_is_told(self):
        path = self.node()
        environment = self.clock(86400 - int(time.time()))
        result = subprocess.run([BUSBAR, "check-config", path], capture_output=True, text=True, timeout=60, env=environment)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn("warning: the clock says 1970-01-02, which is before 2025", result.stderr)
        self.assertIn("warning: period", result.stderr)
        found = self.doctor(path, environment)
        self.assertFalse(found["clock"]["ok"])
        self.assertIn("1970-01-02", found["clock"]["detail"])
        self.assertFalse(found["period"]["ok"])
        self.assertIn("the clock is behind what was certified", found["period"]["remedy"])
        self.assertNotIn("before 2025", busbar("check-config", path).stderr)

    def test_the_time_since_the_last_period_is_told_for_each_role(self):
        newest = {}
        for name in ["meter-1", "aggregator-1", "bookkeeper-1"]:
            path = self.node(name)
            found = self.doctor(path, self.clock(10 * 86400 + 3 * 3600))["period"]
            # Nobody runs: that it is long ago is no fault.
            self.assertTrue(found["ok"], found)
            match = re.match(r"period (\d+), the newest in the journal, ended 10 d 3 h ago, and the node does not run now",
                             found["detail"])
            self.assertTrue(match, found)
            newest[name] = int(match[1])
        self.assertLessEqual(max(newest.values()) - min(newest.values()), 1)
        self.assertIn(str(newest["bookkeeper-1"]), " ".join(name for _, _, names in os.walk(f"{DEMO}/published")
                                                            for name in names))

    def test_a_clock_that_jumps_is_told_with_how_far_and_which_way(self):
        path = self.node("bookkeeper-1", [("listen = .*", f"listen = 127.0.0.1:{self.free_port()}")])
        with self.running(path, self.clock(0)):
            self.await_status(self.path("bookkeeper-1"))
            time.sleep(0.5)
            self.clock(600)
            self.await_words(path, r"bookkeeper-1: the wall clock jumped (600\.\d|599\.9)\d\d s ahead")
            # To and fro within ten seconds is one message.
            self.clock(0)
            time.sleep(0.5)
            with open(path + ".log") as file:
                self.assertEqual(file.read().count("jumped"), 1)
            time.sleep(10)
            self.clock(-3600)
            self.await_words(path, r"jumped (3600\.\d|3599\.9)\d\d s back")
            # What a time daemon corrects is not told.
            with open(path + ".log") as file:
                before = file.read().count("jumped")
            time.sleep(10.5)
            self.clock(-3599)
            time.sleep(0.5)
            with open(path + ".log") as file:
                self.assertEqual(file.read().count("jumped"), before)

    def await_words(self, path, pattern, seconds=10):
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            with open(path + ".log") as file:
                text = file.read()
            if re.search(pattern, text):
                return
            time.sleep(0.1)
        self.fail(f"{pattern} is not in {text!r}")

    def running(self, path, environment=None):
        """A node that is ended with the test, its words in the file beside its node.ini."""
        class Running:
            def __enter__(self):
                self.log = open(path + ".log", "w")
                self.node = subprocess.Popen([BUSBAR, "run", "--config", path], stdout=self.log, stderr=self.log,
                                             env=environment)
                return self.node

            def __exit__(self, *_):
                self.node.terminate()
                self.node.wait(timeout=20)
                self.log.close()
        return Running()

    def await_status(self, folder, accepts=lambda metrics: True, seconds=30):
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            answer = busbar("status", folder, "--json")
            if answer.returncode == 0 and accepts(json.loads(answer.stdout)["metrics"]):
                return json.loads(answer.stdout)["metrics"]
            time.sleep(0.1)
        self.fail(f"{folder}: {answer.stdout} {answer.stderr}")

    def test_a_running_nodes_own_address_and_journal_are_no_fault(self):
        path = self.node("bookkeeper-1", [("listen = .*", f"listen = 127.0.0.1:{self.free_port()}")])
        with self.running(path):
            self.await_status(self.path("bookkeeper-1"))
            found = self.doctor(path)
            self.assertTrue(found["listen"]["ok"])
            self.assertIn("by the node that runs here", found["listen"]["detail"])
            self.assertTrue(found["journal"]["ok"])
            self.assertNotIn("in use", busbar("check-config", path).stderr)
            line = self.fails(1, "run", "--config", path)
            self.assertIn("journal: another process has it open; busbar status", line)

    def test_of_two_runs_of_one_key_the_older_ends_with_a_message_and_others_say_so_once(self):
        paths = [self.node(f"aggregator-{number}") for number in range(1, 5)]
        copy = self.node("aggregator-1", [("listen = .*", f"listen = 127.0.0.1:{self.free_port()}")], label="copy")
        with self.running(paths[0]) as older, self.running(paths[1]), self.running(paths[2]), self.running(paths[3]):
            for number in range(1, 5):
                self.await_status(self.path(f"aggregator-{number}"), lambda told: told["busbar_confirmed"] == 1)
            # Boot numbers are of whole seconds.
            time.sleep(1.1)
            with self.running(copy) as newer:
                self.assertEqual(older.wait(timeout=60), 78)
                with open(paths[0] + ".log") as file:
                    words = file.read()
                self.assertRegex(words, r"aggregator-1: another run of this node's key began after this one: number \d+, this is \d+")
                self.assertEqual(words.count("another run of this node's key"), 1)
                self.await_status(self.path("copy"), lambda told: told["busbar_confirmed"] == 1)
                self.assertIsNone(newer.poll())
                told = [self.await_status(self.path(f"aggregator-{number}"))["busbar_double_runs_total"]
                        for number in range(2, 5)]
                self.assertGreater(sum(told), 0)
                for number, count in zip(range(2, 5), told):
                    with open(paths[number - 1] + ".log") as file:
                        self.assertEqual(file.read().count("two runs of aggregator-1 are alive"), count)


class Editors(CommandLine):
    """Files as editors of other systems save them."""

    def save(self, name, data):
        with open(self.path(name), "wb") as file:
            file.write(data)
        return self.path(name)

    def test_a_byte_order_mark_is_skipped_by_every_verb_that_reads_a_configuration(self):
        mark = b"\xef\xbb\xbf"
        topology = self.save("topology.ini", mark + TOPOLOGY.replace("\n", "\r\n").encode())
        self.succeeds("check-config", topology)
        self.succeeds("provision", "--topology", topology, "--out", self.path("grid"))
        self.succeeds("check-config", self.path("grid/aggregator-1/node.ini"))
        with open(f"{DEMO}/aggregator-1/node.ini", "rb") as file:
            text = re.sub(rb"(?m)^(data|genesis|key) = ", rb"\g<0>" + f"{DEMO}/aggregator-1/".encode(), file.read())
            self.succeeds("check-config", self.save("node.ini", mark + text))
        line = self.fails(78, "simulate-bus", self.save("bench.ini", mark + b"[port a]\nkind = pty\n[device b]\nport = c\n"))
        self.assertIn("bench.ini:4: there is no [port c]", line)
        line = self.fails(78, "read", "--port", "p", "--map",
                          self.save("map.ini", mark + b"[device]\nname = x\ntitle = X\nkind = toaster\nfunction = 3\n"))
        self.assertIn("map.ini:4: kind is toaster", line)

    def test_what_cannot_be_read_is_named(self):
        for name, data, told in [
            ("a.ini", TOPOLOGY.encode("utf-16"), "1: saved as UTF-16; save it as UTF-8"),
            ("b.ini", TOPOLOGY.encode("utf-16-be"), "1: saved as UTF-16; save it as UTF-8"),
            ("c.ini", TOPOLOGY.encode("utf-32"), "1: saved as UTF-32; save it as UTF-8"),
            ("d.ini", TOPOLOGY.replace("host =", "host\u00a0=").encode(),
             "7: column 5: a no-break space (U+00A0), which cannot be seen; type it anew"),
            ("e.ini", TOPOLOGY.replace("bus = bus", "bus = b\u00fcs").encode("latin-1"),
             "11: column 8: byte 0xFC is no UTF-8; save the file as UTF-8"),
        ]:
            with self.subTest(name):
                path = self.save(name, data)
                for verb in [["check-config", path], ["provision", "--topology", path, "--out", self.path("none")]]:
                    self.assertEqual(self.fails(78, *verb), f"{path}:{told}")


class Summary(unittest.TextTestResult):
    passed = 0

    def addSuccess(self, test):
        super().addSuccess(test)
        Summary.passed += 1


def main():
    global BUSBAR, DEMO, DEMO_BUS, SCRATCH
    if len(sys.argv) not in (2, 3):
        print(__doc__.split("\n\n")[1], file=sys.stderr)
        return 2
    BUSBAR = os.path.abspath(sys.argv[1])
    with tempfile.TemporaryDirectory(prefix="busbar-") as SCRATCH:
        DEMO = os.path.join(SCRATCH, "demo")
        given = sys.argv[2] if len(sys.argv) == 3 else None
        if given:
            shutil.copytree(given, DEMO, symlinks=True, ignore=shutil.ignore_patterns("status.socket"))
        else:
            demo = busbar("demo", "--data", DEMO, "--periods", "3")
            if demo.returncode != 0:
                print(demo.stdout + demo.stderr + "the demo to test with failed\n0 passed, 1 failed")
                return 1
        DEMO_BUS = DEMO + "/bus"
        tests = unittest.defaultTestLoader.loadTestsFromModule(sys.modules[__name__])
        result = unittest.TextTestRunner(stream=sys.stdout, resultclass=Summary).run(tests)
    # A test with several failed parts counts once.
    failed = {str(getattr(test, "test_case", test)) for test, _ in result.failures + result.errors}
    print(f"{Summary.passed} passed, {len(failed)} failed")
    return 0 if not failed else 1


if __name__ == "__main__":
    sys.exit(main())
