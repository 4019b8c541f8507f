#!/usr/bin/env python3
"""CPU and memory of a running aggregator for each packet it drops, under floods of 20,000 packets a second.

The attacker is an outsider on loopback: noise, and headers under the names of members and of nobody. The node's own numbers
(busbar status) say how many arrived and why they were dropped; the kernel's say what CPU that took, less what the node uses idle.

usage: packet_attack.py BUSBAR FOLDER [SECONDS]      FOLDER is what a finished `busbar demo` left; it is not changed
"""
import json
import os
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import time

RATE = 20_000


class Node:
    def __init__(self, busbar, demo, folder):
        self.busbar, self.folder = busbar, folder + "/node"
        source = demo + "/aggregator-1"
        shutil.copytree(source, self.folder, ignore=shutil.ignore_patterns("status.socket"))
        text = open(self.folder + "/node.ini").read().replace(source, self.folder)
        open(self.folder + "/node.ini", "w").write(text)
        listen = next(line for line in text.splitlines() if line.startswith("listen"))
        self.address = ("127.0.0.1", int(listen.rsplit(":", 1)[1]))
        self.process = subprocess.Popen([busbar, "run", "--config", self.folder + "/node.ini"])
        for _ in range(200):
            if subprocess.run([busbar, "status", self.folder], capture_output=True).returncode == 0:
                return
            time.sleep(0.05)
        raise SystemExit("the node does not answer")

    def cpu(self):
        return int(open(f"/proc/{self.process.pid}/schedstat").read().split()[0]) / 1e9

    def metrics(self):
        answer = subprocess.run([self.busbar, "status", self.folder, "--json"], capture_output=True, text=True, check=True)
        return json.loads(answer.stdout)["metrics"]


def header(kind, length, sender, boot, sequence):
    return struct.pack("<BBHII4xQQ8x", 1, kind, length, sender, 0, boot, sequence)


NOISE = os.urandom(1232)
FLOODS = {
    "noise": lambda i: struct.pack("<Q", i) + NOISE[8:1216],
    "STATUS under members' names": lambda i: header(1, 16, 1 + i % 3, 2**40 + i, i) + NOISE[:32],
    "votes under members' names": lambda i: header(5, 112, 1 + i % 3, 2**40 + i, i) + NOISE[:128],
    "full packets of nobody": lambda i: header(5, 1176, 0x90000 + i % 9, 5, i) + NOISE[:1192],
}


def main():
    busbar, demo = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])
    seconds = float(sys.argv[3]) if len(sys.argv) > 3 else 5
    attacker = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with tempfile.TemporaryDirectory(prefix="busbar-") as folder:
        node = Node(busbar, demo, folder)
        try:
            before = node.cpu()
            time.sleep(2)
            idle = (node.cpu() - before) / 2
            for name, make in FLOODS.items():
                cpu, told, start, sent = node.cpu(), node.metrics(), time.time(), 0
                while time.time() - start < seconds:
                    for _ in range(20):
                        attacker.sendto(make(sent), node.address)
                        sent += 1
                    time.sleep(max(0, start + sent / RATE - time.time()))
                elapsed = time.time() - start
                time.sleep(0.3)
                cpu, after = node.cpu() - cpu - idle * elapsed, node.metrics()
                received = after["busbar_packets_received_total"] - told["busbar_packets_received_total"]
                drops = {key.split('"')[1]: value - told[key] for key, value in after.items()
                         if key.startswith("busbar_packets_dropped") and value > told[key]}
                grown = after["busbar_resident_memory_bytes"] - told["busbar_resident_memory_bytes"]
                print(json.dumps({"flood": name, "sentPerSecond": round(sent / elapsed), "received": received,
                                  "cpuMicrosecondsPerPacket": round(cpu * 1e6 / received, 2),
                                  "residentGrowthBytes": grown, "drops": drops}))
        finally:
            node.process.terminate()
            node.process.wait()


if __name__ == "__main__":
    main()
