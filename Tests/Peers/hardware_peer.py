#!/usr/bin/env python3
"""Our master against other people's slaves, and their masters against our simulated bus.

usage: hardware_peer.py BUSBAR [full]     (prints "N passed, N failed"; exits 0 only if none failed)

Slaves: pymodbus (RTU, TCP, RTU-over-TCP), modbus_tk, libmodbus. Masters: mbpoll, pysunspec2, libmodbus. `full` adds every
map against pymodbus, a holder of a limit that is killed, and programs for ARM under qemu.
"""
import asyncio, contextlib, json, os, pty, re, select, signal, struct, subprocess, sys, tempfile, threading, time, tty

import logging

logging.disable(logging.CRITICAL)  # refusals are part of the tests

from pymodbus.framer import FramerType
from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

from _tests import run as run_tests

BUSBAR, FOLDER = "", ""
HERE = os.path.dirname(os.path.abspath(__file__))


def run(*arguments, program=None, timeout=30):
    return subprocess.run([*(program or [BUSBAR]), *arguments], capture_output=True, text=True, timeout=timeout)


def read(*arguments, program=None):
    """What `busbar read --json` says, by quantity and phase."""
    result = run("read", "--json", *arguments, program=program)
    assert result.returncode == 0, result.stderr + result.stdout
    samples = json.loads(result.stdout)["samples"]
    assert all(sample["quality"] in ("good", "notImplemented") for sample in samples), samples
    return {(sample["quantity"], sample["phase"]): sample["value"] for sample in samples if sample["quality"] == "good"}


@contextlib.contextmanager
def simulated_bus(scenario=None):
    arguments = [BUSBAR, "simulate-bus"]
    if scenario:
        path = os.path.join(FOLDER, "scenario.ini")
        with open(path, "w") as file:
            file.write(scenario)
        arguments.append(path)
    bus = subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True)
    try:
        yield bus
    finally:
        bus.send_signal(signal.SIGTERM)
        assert bus.wait(5) == 0
        bus.stdout.close()


@contextlib.contextmanager
def pty_pair():
    """Two pseudoterminals whose far ends are joined: a cable with a plug at each end."""
    masters, slaves = zip(*(pty.openpty() for _ in range(2)))
    for slave in slaves:
        tty.setraw(slave)
    stop = threading.Event()

    def join():
        while not stop.is_set():
            for ready in select.select(masters, [], [], 0.05)[0]:
                os.write(masters[1 - masters.index(ready)], os.read(ready, 512))

    thread = threading.Thread(target=join)
    thread.start()
    try:
        yield [os.ttyname(slave) for slave in slaves]
    finally:
        stop.set()
        thread.join()
        for descriptor in masters + slaves:
            os.close(descriptor)


def floats(values):
    """Registers of big-endian binary32 values, by address."""
    registers = {}
    for address, value in values.items():
        registers[address], registers[address + 1] = struct.unpack(">2H", struct.pack(">f", value))
    return registers


# Written out by hand from the manufacturers' tables, not read from Devices/.
SDM630 = {0x00: 230.2, 0x02: 231.0, 0x04: 229.5, 0x06: 5.5, 0x08: 0.25, 0x0A: 0, 0x0C: 1234.5, 0x0E: -50.0, 0x10: 0,
          0x34: -1234.5, 0x38: 1300.0, 0x3C: -20.5, 0x3E: -0.95, 0x46: 50.0, 0x48: 12345.678, 0x4A: 0.001}
SDM630_EXPECTED = {
    ("voltage", 1): 230200, ("voltage", 2): 231000, ("voltage", 3): 229500, ("current", 1): 5500, ("current", 2): 250,
    ("activePower", 1): 1234500, ("activePower", 2): -50000, ("activePower", 0): -1234500,
    ("apparentPower", 0): 1300000, ("reactivePower", 0): -20500, ("powerFactor", 0): -950000, ("frequency", 0): 50000,
    ("activeEnergyExport", 0): 1000,
    ("activeEnergyImport", 0): round(struct.unpack(">f", struct.pack(">f", 12345.678))[0] * 1e6),
}


def sdm630_registers():
    return {address: 0 for address in range(0x80)} | floats(SDM630)


def expect(got, wanted):
    for key, value in wanted.items():
        tolerance = 1 if key[0] in ("voltage", "powerFactor") else 0
        assert key in got and abs(got[key] - value) <= tolerance, (key, got.get(key), value)


def blocks(registers):
    """SimData blocks of consecutive registers."""
    result, start, values = [], None, []
    for address in sorted(registers):
        if start is not None and address == start + len(values):
            values.append(registers[address])
            continue
        if values:
            result.append(SimData(start, values=values, datatype=DataType.REGISTERS))
        start, values = address, [registers[address]]
    result.append(SimData(start, values=values, datatype=DataType.REGISTERS))
    return result


@contextlib.contextmanager
def pymodbus_slave(registers, unit=1, framer=FramerType.SOCKET, action=None):
    """pymodbus as a slave on a TCP port; RTU frames with FramerType.RTU."""
    ready, box = threading.Event(), {}

    def serve():
        async def main():
            device = SimDevice(unit, simdata=blocks(registers), action=action)
            server = ModbusTcpServer(device, framer=framer, address=("127.0.0.1", 0), ignore_missing_devices=True)
            await server.listen()
            box["port"] = server.transport.sockets[0].getsockname()[1]
            box["loop"], box["stop"] = asyncio.get_running_loop(), asyncio.Event()
            ready.set()
            await box["stop"].wait()
            await server.shutdown()

        asyncio.run(main())

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    assert ready.wait(10)
    try:
        yield box["port"]
    finally:
        box["loop"].call_soon_threadsafe(box["stop"].set)
        thread.join(10)


@contextlib.contextmanager
def as_serial(port):
    """A pseudoterminal whose bytes go to and come from a TCP port of this machine."""
    import socket
    master, slave = pty.openpty()
    tty.setraw(slave)
    stop, connection = threading.Event(), socket.create_connection(("127.0.0.1", port))

    def join():
        while not stop.is_set():
            for ready in select.select([master, connection], [], [], 0.05)[0]:
                if ready is connection:
                    os.write(master, connection.recv(512))
                else:
                    connection.sendall(os.read(master, 512))

    thread = threading.Thread(target=join)
    thread.start()
    try:
        yield os.ttyname(slave)
    finally:
        stop.set()
        thread.join()
        connection.close()
        os.close(master)
        os.close(slave)


# MARK: Their slaves, our master

def pymodbus_over_rtu_tcp_and_rtu_over_tcp():
    for framer, word in ((FramerType.SOCKET, "tcp"), (FramerType.RTU, "rtu-tcp")):
        with pymodbus_slave(sdm630_registers(), framer=framer) as port:
            expect(read("--port", f"{word}:127.0.0.1:{port}"), SDM630_EXPECTED)
            refused = run("read", "--json", "--map", "chint-dtsu666", "--port", f"{word}:127.0.0.1:{port}")
            # A device that refuses every register asked for says so; one that answers otherwise is another.
            assert refused.returncode == 1 and json.loads(refused.stdout)["error"] in ("notTheDevice", "exception"), refused.stdout
            silent = run("read", "--json", "--unit", "9", "--port", f"{word}:127.0.0.1:{port}")
            # pymodbus answers for units it does not have with a device failure.
            assert silent.returncode == 1 and json.loads(silent.stdout)["error"] in ("timeout", "exception"), silent.stdout
    with pymodbus_slave(sdm630_registers(), framer=FramerType.RTU) as port, as_serial(port) as path:
        expect(read("--port", path), SDM630_EXPECTED)
        found = run("scan", "--json", "--port", path, "--last", "2")
        # Unit 2 is refused by pymodbus, which is an answer too.
        device = json.loads(found.stdout.splitlines()[0])
        # The SDM54 has the same registers, and nothing else to be known by.
        assert device["unit"] == 1 and device["map"] in ("eastron-sdm54", "eastron-sdm630"), found.stdout
        assert "eastron-sdm630" in device["candidates"], found.stdout


def modbus_tk_slave():
    import modbus_tk.defines, modbus_tk.modbus_rtu, serial
    with pty_pair() as (ours, theirs):
        server = modbus_tk.modbus_rtu.RtuServer(serial.Serial(theirs, 9600, timeout=0.05))
        slave = server.add_slave(1)
        slave.add_block("input", modbus_tk.defines.ANALOG_INPUTS, 0, 0x80)
        registers = sdm630_registers()
        slave.set_values("input", 0, [registers[address] for address in range(0x80)])
        server.start()
        try:
            expect(read("--port", ours), SDM630_EXPECTED)
        finally:
            server.stop()


def libmodbus_program():
    program = os.path.join(FOLDER, "libmodbus_peer")
    if not os.path.exists(program):
        subprocess.run(["cc", "-O1", "-Wall", "-o", program, os.path.join(HERE, "libmodbus_peer.c"), "-I/usr/include/modbus",
                        "-lmodbus"], check=True)
    return program


def libmodbus_slave():
    registers = sdm630_registers()
    with pty_pair() as (ours, theirs):
        server = subprocess.Popen(
            [libmodbus_program(), "server", theirs, "1", "0", *(str(registers[address]) for address in range(0x80))],
            stdout=subprocess.PIPE, text=True)
        try:
            assert server.stdout.readline() == "ready\n"
            expect(read("--port", ours), SDM630_EXPECTED)
        finally:
            server.kill()
            server.wait()
            server.stdout.close()


# MARK: Their masters, our simulated bus

def masters_read_our_meter():
    with simulated_bus() as bus:
        meter = json.loads(bus.stdout.readline())
        assert (meter["unit"], meter["map"]) == (1, "eastron-sdm630"), meter
        ours = read("--port", meter["port"])
        # mbpoll counts from 0 with -0, and puts binary32 together high word first with -B.
        shown = subprocess.run(
            ["mbpoll", "-m", "rtu", "-a", "1", "-b", "9600", "-P", "none", "-t", "3:float", "-B", "-0", "-r", "70", "-c", "3",
             "-1", "-o", "2", meter["port"]], capture_output=True, text=True, timeout=20)
        assert shown.returncode == 0, shown.stdout + shown.stderr
        values = [float(value) for value in re.findall(r"(?m)^\[\d+\]:\s+(\S+)", shown.stdout)]
        assert abs(values[0] * 1000 - ours["frequency", 0]) <= 61 and len(values) == 3, shown.stdout
        energy = ours["activeEnergyImport", 0]
        assert abs(values[1] * 1e6 - energy) <= energy * 1e-4, (values, energy)
        program = libmodbus_program()
        text = run("client", meter["port"], "1", "4", "72", "2", program=[program]).stdout
        high, low = map(int, text.split())
        again = struct.unpack(">f", struct.pack(">2H", high, low))[0]
        assert abs(again * 1e6 - energy) <= energy * 1e-4, (again, energy)
        refused = run("client", meter["port"], "1", "4", "5000", "1", program=[program])
        assert "Illegal data address" in refused.stdout, refused.stdout


def masters_limit_our_inverter():
    import sunspec2.modbus.client as client
    with simulated_bus() as bus:
        bus.stdout.readline()
        inverter = json.loads(bus.stdout.readline())
        assert (inverter["unit"], inverter["map"]) == (126, "sunspec"), inverter
        device = client.SunSpecModbusClientDeviceRTU(slave_id=126, name=inverter["port"], baudrate=9600, parity="N", timeout=2)
        device.scan()
        assert [model for model in device.models if isinstance(model, int)] == [1, 103, 120, 121, 123], device.models
        assert device.common[0].Md.cvalue == "Simulated inverter"
        measured, control = device.models[103][0], device.models[123][0]
        assert measured.W.cvalue == 4500 and device.models[121][0].WMax.cvalue == 5000
        control.WMaxLimPct.cvalue, control.WMaxLimPct_RvrtTms.value, control.WMaxLim_Ena.value = 40, 2, 1
        control.write()
        start = time.monotonic()
        while measured.W.cvalue > 2000:
            assert time.monotonic() - start < 5
            time.sleep(0.1)
            measured.read()
        proven = time.monotonic() - start
        control.read()
        assert (control.WMaxLimPct.cvalue, control.WMaxLim_Ena.value) == (40, 1)
        while measured.W.cvalue < 4500:
            assert time.monotonic() - start < 8
            time.sleep(0.1)
            measured.read()
        device.close()
        program = libmodbus_program()
        # Function 6 and function 16, and a percentage beyond 100.
        assert run("write", inverter["port"], "126", "40187", "300", program=[program]).returncode == 0
        assert run("write", inverter["port"], "126", "40187", "250", "0", "60", "0", "1", program=[program]).returncode == 0
        assert run("client", inverter["port"], "126", "3", "40187", "5", program=[program]).stdout.split()[::2] == ["250", "60", "1"]
        refused = run("write", inverter["port"], "126", "40187", "1001", program=[program])
        assert refused.returncode == 1 and "Illegal data value" in refused.stdout, refused.stdout
        print(f"pysunspec2 saw its limit kept after {proven:.1f} s")


def faults_of_our_bus():
    """Each fault of a simulated meter is told by its own word, and one fault in three is got over."""
    for fault, word in [("silence", "timeout"), ("crc", "crc"), ("wrongUnit", "timeout"), ("exception", "exception"),
                        ("truncated", "timeout")]:
        with simulated_bus(f"[port a]\nkind = pty\n[device a]\nport = a\nkind = house\nfault = {fault}\n") as bus:
            port = json.loads(bus.stdout.readline())["port"]
            result = run("read", "--json", "--port", port)
            assert result.returncode == 1 and json.loads(result.stdout)["error"] == word, (fault, result.stdout)
    with simulated_bus("[port a]\nkind = tcp\nlisten = 127.0.0.1:0\n[port b]\nkind = rtu-tcp\nlisten = 127.0.0.1:0\n"
                       "[device a]\nport = a\nkind = house\nfault = silence\nfaultEvery = 3\n"
                       "[device b]\nport = b\nkind = house\nfault = echo\n") as bus:
        for _ in range(2):
            read("--port", json.loads(bus.stdout.readline())["port"])


# MARK: A limit on somebody else's inverter

class Inverter:
    """A SunSpec inverter of models 1, 103, 120, 121 and 123 on pymodbus, whose power follows its limit."""

    RATED, SUN, BASE = 5000, 4500, 40000

    def __init__(self):
        self.until = None
        self.registers = dict.fromkeys(range(40000, 40210), 0)
        text = lambda string, count: struct.unpack(f">{count}H", string.encode().ljust(2 * count, b"\0"))
        self.put(40000, 0x5375, 0x6E53, 1, 66, *text("pymodbus", 16), *text("inverter", 16))
        self.put(40070, 103, 50)
        # Not implemented: of unsigned and signed points.
        for offset in range(2, 52):
            self.put(40070 + offset, 0xFFFF)
        self.put(40084, self.SUN, 0, 5000, 0xFFFE)
        self.put(40070 + 24, 0, 4711, 0)
        self.put(40122, 120, 26, 4, self.RATED, 0)
        self.put(40150, 121, 30, self.RATED)
        self.put(40172, 0)
        self.put(40182, 123, 24, 0, 0, 1, 1000, 0, 0, 0, 0)
        self.put(40182 + 23, 0xFFFF)
        self.put(40208, 0xFFFF, 0)

    def put(self, address, *values):
        for offset, value in enumerate(values):
            self.registers[address + offset] = value & 0xFFFF

    def power(self, registers):
        """Of the device's own copy of its registers, at its own offsets."""
        at = lambda address: registers[address - self.BASE]
        if self.until and time.monotonic() > self.until:
            registers[40191 - self.BASE], self.until = 0, None
        return min(self.SUN, at(40187) * self.RATED // 1000) if at(40191) else self.SUN

    async def act(self, function, start, address, count, current, values):
        if values is None:
            current[40084 - start] = self.power(current)
            return None
        after = dict(zip(range(address, address + len(values)), values))
        if after.get(40187, 0) > 1000:
            from pymodbus.constants import ExcCodes
            return ExcCodes.ILLEGAL_VALUE
        if after.get(40191) == 1:
            seconds = after.get(40189, current[40189 - start])
            self.until = time.monotonic() + seconds if seconds else None
        return None


def power_of(port):
    return read("--map", "sunspec", "--port", port)["activePower", 0]


def a_limit_is_held_and_given_back():
    inverter = Inverter()
    with pymodbus_slave(inverter.registers, unit=126, framer=FramerType.RTU, action=inverter.act) as number:
        port = f"rtu-tcp:127.0.0.1:{number}"
        assert power_of(port) == 4_500_000
        holder = subprocess.Popen(
            [BUSBAR, "limit", "--json", "--port", port, "--watts", "2000", "--ttl", "4", "--budget", FOLDER + "/writes"],
            stdout=subprocess.PIPE, text=True)
        start = time.monotonic()
        states = [json.loads(holder.stdout.readline())]
        while states[-1]["state"] != "active":
            states.append(json.loads(holder.stdout.readline()))
        proven = time.monotonic() - start
        assert states[0]["state"] == "pending" and proven < 5, states
        assert states[-1]["limitMilliwatts"] == 2_000_000 and states[-1]["measuredMilliwatts"] <= 2_100_000, states
        # Held beyond its time to live, by renewing.
        time.sleep(6)
        assert holder.poll() is None and power_of(port) <= 2_000_000
        holder.send_signal(signal.SIGTERM)
        assert json.loads(holder.stdout.readline())["state"] == "released" and holder.wait(5) == 0
        holder.stdout.close()
        assert power_of(port) == 4_500_000
        print(f"limit proven by measured power after {proven:.1f} s")


def a_holder_that_is_killed_lets_go():
    inverter = Inverter()
    with pymodbus_slave(inverter.registers, unit=126, framer=FramerType.RTU, action=inverter.act) as number:
        port = f"rtu-tcp:127.0.0.1:{number}"
        holder = subprocess.Popen([BUSBAR, "limit", "--json", "--port", port, "--watts", "1000", "--ttl", "4"],
                                  stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        while json.loads(holder.stdout.readline())["state"] != "active":
            pass
        holder.kill()
        holder.wait()
        holder.stdout.close()
        start = time.monotonic()
        assert power_of(port) <= 1_000_000
        while power_of(port) < 4_500_000:
            assert time.monotonic() - start < 4.5, "the limit outlived its time"
            time.sleep(0.1)
        print(f"limit lapsed {time.monotonic() - start:.1f} s after SIGKILL, of a time to live of 4 s")


# MARK: Full

def low_word_first(value):
    return struct.unpack(">2H", struct.pack(">i", value))[::-1]


def every_map():
    """Each map against registers written out here from the manufacturers' tables."""
    def ints(values):
        registers = dict.fromkeys(range(0x100), 0)
        for address, value in values.items():
            registers[address], registers[address + 1] = low_word_first(value)
        return registers
    gavazzi = {0x00: 2302, 0x02: 2310, 0x04: 2295, 0x0C: 5500, 0x12: 12345, 0x28: -12345}
    em24 = ints(gavazzi | {0x3E: 123456, 0x42: 654321, 0x46: 41152, 0x5C: 7}) | {0x32: 0xFC4A, 0x37: 500}
    em340 = ints(gavazzi | {0x34: 123456, 0x40: 41152, 0x4E: 7}) | {0x2E: 0xFC4A, 0x33: 500}
    both = {("voltage", 1): 230200, ("voltage", 3): 229500, ("current", 1): 5500, ("activePower", 1): 1234500,
            ("activePower", 0): -1234500, ("powerFactor", 1): -950000, ("frequency", 0): 50000,
            ("activeEnergyImport", 0): 12345600000, ("activeEnergyImport", 1): 4115200000,
            ("activeEnergyExport", 0): 700000}
    chint = floats({0x2006: 2302, 0x200C: 5500, 0x2012: -12345, 0x2014: 12345, 0x201A: -205, 0x202A: -950, 0x2044: 5000,
                    0x101E: 12345.5, 0x1028: 0.5})
    chint = dict.fromkeys([*range(0x2000, 0x2050), *range(0x101E, 0x102A)], 0) | chint
    single = {("voltage", 1): 230200, ("current", 1): 5500, ("activePower", 0): 1234500, ("frequency", 0): 50000}
    cases = [
        ("carlo-gavazzi-em24", em24, both), ("carlo-gavazzi-em340", em340, both), ("carlo-gavazzi-et340", em340, both),
        ("chint-dtsu666", chint, {
            ("voltage", 1): 230200, ("current", 1): 5500, ("activePower", 0): -1234500, ("activePower", 1): 1234500,
            ("reactivePower", 0): -20500, ("powerFactor", 0): -950000, ("frequency", 0): 50000,
            ("activeEnergyImport", 0): 12345500000, ("activeEnergyExport", 0): 500000}),
        ("eastron-sdm120", sdm630_registers(), single), ("eastron-sdm230", sdm630_registers(), single),
        ("eastron-sdm72", sdm630_registers(), {("activePower", 0): -1234500, ("activeEnergyExport", 0): 1000}),
        ("eastron-sdm630", sdm630_registers(), SDM630_EXPECTED),
    ]
    for name, registers, wanted in cases:
        with pymodbus_slave(registers) as port:
            expect(read("--map", name, "--port", f"tcp:127.0.0.1:{port}"), wanted)
            found = run("scan", "--json", "--port", f"tcp:127.0.0.1:{port}", "--map", name, "--last", "1")
            assert json.loads(found.stdout)["map"] == name, found.stdout


def models_of_the_alliance():
    """Devices/sunspec.ini against the information models that pysunspec2 carries."""
    import sunspec2.mdef
    folder = os.path.join(os.path.dirname(sunspec2.__file__), "models", "json")
    words = {"A": "current", "AphA": "current", "V": "voltage", "W": "activePower"}
    names = {
        ("current", 0): {"A"}, ("current", 1): {"AphA", "AL1"}, ("current", 2): {"AphB", "AL2"},
        ("current", 3): {"AphC", "AL3"}, ("voltage", 0): {"PhV", "LNV"}, ("voltage", 1): {"PhVphA", "VL1"},
        ("voltage", 2): {"PhVphB", "VL2"}, ("voltage", 3): {"PhVphC", "VL3"}, ("activePower", 0): {"W"},
        ("activePower", 1): {"WphA", "WL1"}, ("activePower", 2): {"WphB", "WL2"}, ("activePower", 3): {"WphC", "WL3"},
        ("apparentPower", 0): {"VA"}, ("reactivePower", 0): {"VAr", "VAR", "Var"}, ("powerFactor", 0): {"PF"},
        ("frequency", 0): {"Hz"}, ("activeEnergyExport", 0): {"WH", "TotWhExp", "TotWhInj"},
        ("activeEnergyImport", 0): {"TotWhImp", "TotWhAbs"},
    }
    types = {"u16": "uint16", "i16": "int16", "u32": "uint32", "i32": "int32", "u64": "uint64", "i64": "int64",
             "acc32": "acc32", "acc64": "acc64", "f32": "float32"}
    checked, model, points, length = 0, None, {}, 0
    for line in open(os.path.join(HERE, "..", "..", "Devices", "sunspec.ini")):
        line = line.split(";")[0].strip()
        if head := re.match(r"\[model (\d+)\]", line):
            model, points, offset = head[1], {}, 0
            group = json.load(open(os.path.join(folder, f"model_{model}.json")))["group"]
            for point in group["points"]:
                points[offset] = point
                offset += point["size"]
            length = offset - 2
        elif model and line.startswith("length"):
            assert int(line.split("=")[1]) == length, (model, line, length)
        elif model and (point := re.match(r"(\w+)\.(\d) = (\d+) (\w+) (\S+)(?: sf=(\d+))?", line)):
            quantity, phase, offset, kind, unit, scale = point.groups()
            found = points[int(offset)]
            assert found["name"] in names[quantity, int(phase)] and found["type"] == types[kind], (model, line, found)
            assert (points[int(scale)]["name"] if scale else None) == found.get("sf"), (model, line, found)
            assert (found.get("units") == "Pct") == (unit == "%"), (model, line, found)
            checked += 1
    assert checked > 150, checked
    print(f"{checked} points agree with the alliance's models")


def boards_read_a_slave():
    """The very binaries of the boards, under qemu, read pymodbus over a pseudoterminal and over TCP."""
    root = os.path.join(HERE, "..", "..")
    for target in ("armv6", "arm64"):
        path = os.path.join(root, "build", target, "busbar")
        assert os.path.exists(path), f"no {path}; make cross makes it"
        program = [os.path.join(root, "Toolchain", "run"), target, "--", path]
        with pymodbus_slave(sdm630_registers(), framer=FramerType.RTU) as port, as_serial(port) as serial_port:
            expect(read("--port", serial_port, program=program), SDM630_EXPECTED)
        with pymodbus_slave(sdm630_registers()) as port:
            expect(read("--port", f"tcp:127.0.0.1:{port}", program=program), SDM630_EXPECTED)


SHORT = [pymodbus_over_rtu_tcp_and_rtu_over_tcp, modbus_tk_slave, libmodbus_slave, masters_read_our_meter,
         masters_limit_our_inverter, a_limit_is_held_and_given_back, a_holder_that_is_killed_lets_go]
FULL = [faults_of_our_bus, every_map, models_of_the_alliance, boards_read_a_slave]

if __name__ == "__main__":
    BUSBAR = os.path.abspath(sys.argv[1])
    with tempfile.TemporaryDirectory() as FOLDER:
        run_tests(SHORT + (FULL if "full" in sys.argv[2:] else []))
