#!/usr/bin/env python3
"""Checks both directions against pymodbus: its master reads our simulated bus, and `busbar read` reads its slave.

usage: modbus_peer.py BUSBAR        (needs pymodbus >= 3.7 and pyserial; exits 0 only if everything agrees)
"""
import json, os, pty, select, signal, struct, subprocess, sys, tempfile, threading, time, tty

from pymodbus.client import ModbusSerialClient
from pymodbus.framer import FramerRTU
from pymodbus.pdu import DecodePDU
from pymodbus.pdu.register_message import ReadInputRegistersResponse


def master_reads_our_bus(busbar):
    with tempfile.TemporaryDirectory() as folder:
        bus = subprocess.Popen(
            [busbar, "simulate-bus", "--houses", "2", "--folder", folder, "--seed", "7"],
            stdout=subprocess.PIPE, text=True)
        try:
            devices = [json.loads(bus.stdout.readline()) for _ in range(2)]
            for index, device in enumerate(devices):
                assert device["unit"] == 1 and device["map"] == "eastron-sdm630", device
                client = ModbusSerialClient(device["port"], baudrate=9600, parity="N", timeout=2)
                assert client.connect()
                read = []
                for _ in range(5):
                    answer = client.read_input_registers(0x48, count=4, device_id=device["unit"])
                    assert not answer.isError(), answer
                    words = struct.pack(">4H", *answer.registers)
                    read.append(tuple(round(value * 1e6) for value in struct.unpack(">2f", words)))
                refused = client.read_input_registers(0x1388, count=1, device_id=1)
                assert refused.isError() and refused.exception_code == 2, refused
                client.close()
                with open(f"{folder}/truth/meter-{index}.txt") as file:
                    truth = [tuple(map(int, line.split()[1:])) for line in file]
                assert truth == read, (truth, read)
        finally:
            bus.send_signal(signal.SIGTERM)
            assert bus.wait(5) == 0


def serve_slave(master, registers, stop):
    """One slave: requests are taken apart and answers built by pymodbus."""
    framer, pending = FramerRTU(DecodePDU(True)), b""
    while not stop.is_set():
        if not select.select([master], [], [], 0.1)[0]:
            continue
        pending += os.read(master, 256)
        while pending:
            used, unit, _, body = framer.decode(pending)
            if not used:
                break
            pending = pending[used:]
            if body and unit == 1 and body[0] == 4:
                start, count = struct.unpack(">HH", body[1:5])
                values = [registers.get(address, 0) for address in range(start, start + count)]
                answer = ReadInputRegistersResponse(registers=values, dev_id=1)
                os.write(master, framer.encode(bytes([4]) + answer.encode(), 1, 0))


def our_master_reads_slave(busbar):
    values = {0x00: 230.25, 0x06: 5.5, 0x0C: 1234.5, 0x34: -1234.5, 0x46: 50.0, 0x48: 12345.678, 0x4A: 0.001}
    registers = {}
    for address, value in values.items():
        registers[address], registers[address + 1] = struct.unpack(">2H", struct.pack(">f", value))
    master, slave = pty.openpty()
    tty.setraw(slave)
    stop = threading.Event()
    thread = threading.Thread(target=serve_slave, args=(master, registers, stop))
    thread.start()
    try:
        result = subprocess.run(
            [busbar, "read", "--map", "eastron-sdm630", "--port", os.ttyname(slave), "--unit", "1", "--baud", "9600",
             "--parity", "none", "--json"], capture_output=True, text=True, timeout=20)
    finally:
        stop.set()
        thread.join()
    assert result.returncode == 0, result.stderr
    samples = {(s["quantity"], s["phase"]): s for s in json.loads(result.stdout)["samples"]}
    expected_import = round(struct.unpack(">f", struct.pack(">f", 12345.678))[0] * 1e6)
    expected = {
        ("voltage", 1): 230250, ("current", 1): 5500, ("activePower", 1): 1234500, ("activePower", 0): -1234500,
        ("frequency", 0): 50000, ("activeEnergyImport", 0): expected_import, ("activeEnergyExport", 0): 1000,
    }
    for key, value in expected.items():
        assert samples[key]["value"] == value and samples[key]["quality"] == "good", (key, samples[key])


if __name__ == "__main__":
    master_reads_our_bus(sys.argv[1])
    our_master_reads_slave(sys.argv[1])
    print("modbus peer: both directions agree")
    print("2 passed, 0 failed")
