#!/usr/bin/env python3
"""Every device of `busbar devices` against a slave that was written apart from it.

usage: devices_peer.py BUSBAR     (prints "N passed, N failed"; exits 0 only if none failed)

The slave of _device_sets.py answers Modbus/TCP from the tables of _device_tables.py: a thousand random register sets for each
device, with negative power, big counters, export, values that are not there and values that cannot be. What `busbar read --json`
makes of each set has to be what Fraction makes of it, to the last digit. pymodbus then serves one set of each device.
"""
import asyncio, json, logging, os, random, subprocess, sys, time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from _device_sets import Slave, registers
from _device_tables import tables
from _tests import run as run_tests

logging.disable(logging.CRITICAL)
BUSBAR = ""
SETS = 1000


def read(name, port, count):
    result = subprocess.run(
        [BUSBAR, "read", "--json", "--map", name, "--port", f"tcp:127.0.0.1:{port}", "--count", str(count), "--interval", "0"],
        capture_output=True, text=True, timeout=120)
    assert result.returncode == 0, (name, result.stderr, result.stdout[-300:])
    for line in result.stdout.splitlines():
        samples = json.loads(line)["samples"]
        got = {(sample["quantity"], sample["phase"]): (sample["value"], sample["quality"]) for sample in samples}
        assert len(got) == len(samples), (name, "a value is given twice")
        yield got


def differences(got, wanted):
    return {key: (got.get(key), wanted.get(key)) for key in got.keys() | wanted.keys() if got.get(key) != wanted.get(key)}


# MARK: The tests

def every_device_has_a_table():
    listed = [json.loads(line) for line in subprocess.run(
        [BUSBAR, "devices", "--json"], capture_output=True, text=True, check=True).stdout.splitlines()]
    names = [device["map"] for device in listed if device["layout"] == "registers"]
    assert sorted(names) == sorted(tables()), set(names) ^ set(tables())
    for device in listed:
        if device["layout"] == "registers":
            assert device["unit"] == tables()[device["map"]].unit, device
    print(f"{len(names)} devices with registers of their own, and SunSpec")


def a_thousand_sets_of_every_device():
    compared = negative = big = absent = impossible = 0
    for name, table in tables().items():
        rng = random.Random(name)
        slave = Slave(table)
        plain = registers(table, rng, plain=True)
        # How many requests identify the device, and how many read it, is found out first.
        slave.sets = [plain[0]]
        counts = []
        for count in (1, 2):
            slave.requests, slave.each = 0, 1 << 40
            assert all(not differences(got, plain[1]) for got in read(name, slave.port, count)), (
                name, [differences(got, plain[1]) for got in read(name, slave.port, 1)])
            counts.append(slave.requests)
        slave.each = counts[1] - counts[0]
        slave.before = counts[0] - slave.each
        sets = [plain] + [registers(table, rng) for _ in range(SETS)]
        slave.sets, slave.requests = [held for held, _ in sets], 0
        lines = 0
        for (_, wanted), got in zip(sets, read(name, slave.port, len(sets))):
            assert not differences(got, wanted), (name, lines, differences(got, wanted))
            lines += 1
            for (quantity, _), (value, quality) in wanted.items():
                compared += 1
                negative += quantity == "activePower" and value < 0
                big += "Energy" in quantity and value > 10**12
                absent += quality == "notImplemented"
                impossible += quality == "outOfRange"
        assert lines == SETS + 1 and slave.requests == slave.before + slave.each * len(sets), (name, lines, slave.requests)
        exported = [wanted["activeEnergyExport", 0][0] for _, wanted in sets if ("activeEnergyExport", 0) in wanted]
        assert not exported or max(exported) > 10**12, (name, "no big export")
        slave.close()
    print(f"{len(tables())} devices, {SETS} sets each: {compared} values exact, {negative} of negative power, {big} counters above "
          f"1 GWh, {absent} not there, {impossible} impossible")


def another_device_is_not_taken_for_it():
    """A device whose registers say that it is another one is refused, and says so; so is one of another serial number."""
    def ask(name, held, *more):
        slave = Slave(tables()[name])
        slave.sets, slave.each = [held], 1 << 40
        result = subprocess.run([BUSBAR, "read", "--json", "--map", name, "--port", f"tcp:127.0.0.1:{slave.port}", *more],
                                capture_output=True, text=True, timeout=60)
        slave.close()
        if result.returncode:
            assert result.returncode == 1 and json.loads(result.stdout)["error"] == "notTheDevice", (name, result)
        return result.returncode == 0

    refused = numbered = 0
    for name, table in tables().items():
        held = registers(table, random.Random(name), plain=True)[0]
        for function, first, fixed, *serial in table.fixed:
            if serial:
                assert ask(name, held, "--serial", serial[0]), name
                assert not ask(name, held, "--serial", serial[0][:-1]), name
                numbered += 1
                continue
            assert not ask(name, {**held, (function, first): held[function, first] ^ 0x2020}), (name, first)
            refused += 1
    print(f"{refused} registers that name a device: refused when they name another; {numbered} serial numbers")


def pymodbus_serves_every_device():
    from pymodbus.server import ModbusTcpServer
    from pymodbus.simulator import DataType, SimData, SimDevice

    def blocks(held):
        result, start, values = [], None, []
        for address in sorted(held):
            if start is not None and address == start + len(values):
                values.append(held[address])
                continue
            if values:
                result.append(SimData(start, values=values, datatype=DataType.REGISTERS))
            start, values = address, [held[address]]
        return result + [SimData(start, values=values, datatype=DataType.REGISTERS)]

    async def serve(table, held, use):
        device = SimDevice(table.unit, simdata=blocks(held))
        server = ModbusTcpServer(device, address=("127.0.0.1", 0))
        await server.listen()
        try:
            return await asyncio.get_running_loop().run_in_executor(None, use, server.transport.sockets[0].getsockname()[1])
        finally:
            await server.shutdown()

    for name, table in tables().items():
        rng = random.Random(name + " of pymodbus")
        # One that names itself and has a mains frequency.
        held, wanted = registers(table, rng, plain=True)
        both = {address: word for (_, address), word in held.items()}
        assert len(both) == len(held), (name, "the same register by both functions")
        got = asyncio.run(serve(table, both, lambda port: list(read(name, port, 1))[0]))
        assert not differences(got, wanted), (name, differences(got, wanted))
    print(f"{len(tables())} devices served by pymodbus")


TESTS = [every_device_has_a_table, a_thousand_sets_of_every_device, another_device_is_not_taken_for_it,
         pymodbus_serves_every_device]

if __name__ == "__main__":
    BUSBAR = os.path.abspath(sys.argv[1])
    run_tests(TESTS)
