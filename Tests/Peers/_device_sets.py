"""Random register sets of the devices of _device_tables.py with what they mean, and a slave that answers from them."""
import random, socket, struct, threading
from fractions import Fraction

from _device_tables import WIDTH

# What every file allows, in the unit of `busbar read`; 40 to 70 Hz is the one span that all devices share.
HERTZ = (40_000, 70_000)
LIMITS = {"current": 100_000, "powerFactor": 10**6}
# Counters: integers of 32 bits to their last one, binary32 to 10 GWh, the others to 100 GWh.
COUNTERS = {"U32": 10**18, "S32": 10**18, "F32": 10**13}


def bits_of_float(kind, value):
    return struct.unpack(">I" if kind == "F32" else ">Q", struct.pack(">f" if kind == "F32" else ">d", value))[0]


def float_of_bits(kind, bits):
    return struct.unpack(">f" if kind == "F32" else ">d", struct.pack(">I" if kind == "F32" else ">Q", bits))[0]


def limit(table, row):
    """The greatest magnitude that is still plausible, in the unit of `busbar read`."""
    if row.quantity == "voltage":
        return table.volts * 1000
    if "Energy" in row.quantity:
        return COUNTERS.get(row.kind, 10**14)
    return LIMITS.get(row.quantity, table.watts * 1000)


def number(row, bits):
    """The number in a register's bits, exactly; None for one that is not there."""
    if row.kind[0] == "F":
        value = float_of_bits(row.kind, bits)
        return None if value != value else Fraction(value)
    if bits in row.none:
        return None
    width = 16 * WIDTH[row.kind]
    return bits - (1 << width) if row.kind[0] == "S" and bits >> (width - 1) else bits


def meaning(row, patterns):
    """(value, quality) as `busbar read` has to say it."""
    numbers = [number(row, bits) for bits in patterns]
    if None in numbers:
        return 0, "notImplemented"
    # Rounded half to even, as round() does with a Fraction.
    values = [round(one * row.factor) for one in numbers]
    value = values[0] - values[1] if row.minus else values[0]
    value = -value if row.turned else value
    if row.quantity == "frequency" and not HERTZ[0] <= value <= HERTZ[1]:
        return 0, "outOfRange"
    return value, "good"


def pattern(table, row, rng, plain):
    """Bits of one register."""
    width = 16 * WIDTH[row.kind]
    most = limit(table, row) / row.factor
    signed = row.kind[0] in "SF" and not row.minus and "Energy" not in row.quantity and row.quantity not in ("voltage", "frequency")
    dice = rng.random()
    if row.quantity == "frequency":
        lowest, highest = Fraction(45_000) / row.factor, Fraction(65_000) / row.factor
        if plain or dice > 0.1:
            value = Fraction(50_000) / row.factor if plain else lowest + (highest - lowest) * Fraction(rng.random())
        elif dice > 0.05 or not row.none and row.kind[0] != "F":
            value = rng.randrange(0, 1 << min(width, 15))
        else:
            value = None
    elif plain:
        value = Fraction(230_000) / row.factor if row.quantity == "voltage" else most * Fraction(rng.random())
    elif dice < 0.05 and (row.none or row.kind[0] == "F"):
        value = None
    elif dice < 0.12:
        value = 0
    elif dice < 0.2:
        value = most
    elif "Energy" in row.quantity:
        # Of every size, from nothing to the last one.
        value = most * Fraction(2) ** rng.randrange(-40, 0) * Fraction(rng.random())
    else:
        value = most * Fraction(rng.random())
    if value is None:
        return rng.choice(row.none) if row.kind[0] != "F" else bits_of_float(row.kind, float("nan"))
    if signed and rng.random() < 0.5:
        value = -value
    if row.kind[0] == "F":
        return bits_of_float(row.kind, float(value))
    top = (1 << (width - 1 if row.kind[0] == "S" else width)) - 1
    while top in row.none:
        top -= 1
    return max(-top, min(top, int(value))) % (1 << width)


def words(row, bits):
    count = WIDTH[row.kind]
    both = [bits >> (16 * (count - 1 - index)) & 0xFFFF for index in range(count)]
    return both[::-1] if row.low else both


def registers(table, rng, plain=False):
    """({(function, address): word}, {(quantity, phase): (value, quality)})"""
    return place(table, rng, lambda row: [pattern(table, row, rng, plain) for _ in range(2 if row.minus else 1)])


def place(table, rng, choose):
    """The same, of the patterns that `choose` gives for a row."""
    held, means = {}, {}
    for first, last in table.answers:
        for address in range(first, last + 1):
            held[table.function, address] = rng.randrange(0x10000)
    for row in table.rows:
        patterns = choose(row)
        if row.split:
            held[table.function, row.places[0]] = patterns[0] & 0xFFFF
            held[table.function, row.places[1]] = patterns[0] >> 16
        else:
            for first, bits in zip(row.places, patterns):
                for offset, word in enumerate(words(row, bits)):
                    held[table.function, first + offset] = word
        means[row.quantity, row.phase] = meaning(row, patterns)
    for function, first, fixed, *_ in table.fixed:
        for offset, word in enumerate(fixed):
            held[function, first + offset] = word
    return held, means


class Slave:
    """Serves one connection after the other; which set it answers from is a matter of how many requests there were."""

    def __init__(self, table):
        self.table, self.requests, self.sets, self.before, self.each = table, 0, [], 0, 1
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with connection:
                while self.answer(connection):
                    pass

    def receive(self, connection, count):
        data = b""
        while len(data) < count:
            more = connection.recv(count - len(data))
            if not more:
                return None
            data += more
        return data

    def answer(self, connection):
        request = self.receive(connection, 12)
        if not request:
            return False
        number, protocol, length, unit, function, first, count = struct.unpack(">HHHBBHH", request)
        assert (protocol, length) == (0, 6) and function in (3, 4), request
        if unit != self.table.unit:
            return True
        held = self.sets[max(0, self.requests - self.before) // self.each]
        self.requests += 1
        if count > self.table.largest:
            answer = bytes([function | 0x80, 3])
        else:
            try:
                data = struct.pack(f">{count}H", *[held[function, first + offset] for offset in range(count)])
                answer = bytes([function, 2 * count]) + data
            except KeyError:
                answer = bytes([function | 0x80, 2])
        connection.sendall(struct.pack(">HHHB", number, 0, len(answer) + 1, unit) + answer)
        return True

    def close(self):
        self.listener.close()
