"""What meters and inverters hold in which register, typed from the makers' tables and from other people's readers, never
from Devices/. Numbers are those of the source: `base` turns them into what is on the wire.

A row is (quantity and phase, number or numbers, type, step, unit) and what else there is:
  minus      the value is the first register minus the second
  split      the low word is in the first register, the high word in the second
  turned     the device's sign is the other way round
  none       patterns by which the device says that it has no such value
  low        the type's words come low word first
"""
from fractions import Fraction

WIDTH = {"U16": 1, "S16": 1, "U32": 2, "S32": 2, "U64": 4, "S64": 4, "F32": 2, "F64": 4}
# The unit of the source in the units of `busbar read`: mV, mA, mW, mvar, mVA, mHz, ppm, mWh.
UNITS = {"V": 1000, "A": 1000, "W": 1000, "kW": 10**6, "var": 1000, "kvar": 10**6, "VA": 1000, "kVA": 10**6, "Hz": 1000,
         "1": 10**6, "Wh": 1000, "kWh": 10**6}
NO = {"U16": 0xFFFF, "S16": 0x7FFF, "U32": 0xFFFFFFFF, "S32": 0x7FFFFFFF, "U64": 0xFFFFFFFFFFFFFFFF}
SMA_NO = {"U32": 0xFFFFFFFF, "S32": 0x80000000, "U64": 0xFFFFFFFFFFFFFFFF}


class Row:
    def __init__(self, name, place, kind, step, unit, minus=False, split=False, turned=False, none=(), low=None, base=0):
        quantity, phase = name.split()
        self.quantity, self.phase = quantity, int(phase)
        places = place if isinstance(place, tuple) else (place,)
        self.places = tuple(number + base for number in places)
        self.kind, self.minus, self.split, self.turned, self.low = kind, minus, split, turned, low
        self.none = none if isinstance(none, tuple) else (none,)
        self.factor = Fraction(step) * UNITS[unit]
        assert (len(self.places) == 2) == (minus or split), name


class Table:
    def __init__(self, function, low=False, base=0, unit=1, fixed=(), answers=(), largest=125, watts=20_000, volts=300):
        self.function, self.low, self.base, self.unit, self.largest = function, low, base, unit, largest
        self.watts, self.volts = watts, volts
        # (function, first register, registers): what tells the device; and its serial number as text, where it is that.
        self.fixed = list(fixed)
        # Stretches, both ends included, in which the device answers for registers that nobody wants.
        self.answers = list(answers)
        self.rows = []

    def add(self, name, place, kind, step, unit, **more):
        self.rows.append(Row(name, place, kind, step, unit, base=self.base, **{"low": self.low, **more}))
        return self

    def phases(self, quantity, places, kind, step, unit, **more):
        for index, place in enumerate(places):
            self.add(f"{quantity} {index + 1}", place, kind, step, unit, **more)
        return self


def text(string, registers):
    both = string.encode().ljust(2 * registers, b"\0")
    return [both[index] << 8 | both[index + 1] for index in range(0, 2 * registers, 2)]


def tables():
    t = {}

    # Huawei, Solar Inverter Modbus Interface Definitions: power meter collection, 37100 to 37137.
    h = Table(3, fixed=[(3, 30000, text("SUN2000-10KTL-M1", 15)), (3, 30015, text("HV2140012345", 10), "HV2140012345")],
              answers=[(37100, 37137)])
    h.phases("voltage", (37101, 37103, 37105), "S32", "0.1", "V", none=NO["S32"])
    h.phases("current", (37107, 37109, 37111), "S32", "0.01", "A", turned=True, none=NO["S32"])
    h.add("activePower 0", 37113, "S32", "1", "W", turned=True, none=NO["S32"])
    h.phases("activePower", (37132, 37134, 37136), "S32", "1", "W", turned=True, none=NO["S32"])
    h.add("frequency 0", 37118, "U16", "0.01", "Hz", none=NO["U16"])
    h.add("activeEnergyExport 0", 37119, "S32", "0.01", "kWh", none=NO["S32"])
    h.add("activeEnergyImport 0", 37121, "S32", "0.01", "kWh", none=NO["S32"])
    t["huawei-sun2000"] = h

    # SMA Modbus profile: Metering.GridMs of a Sunny Home Manager 2.0 (OpenEMS MeterSmaShm20, evcc sma-homemanager-modbus).
    s = Table(3, unit=3)
    s.add("activePower 0", (30865, 30867), "S32", "1", "W", minus=True, none=SMA_NO["S32"])
    s.add("activePower 1", (31265, 31259), "U32", "1", "W", minus=True, none=SMA_NO["U32"])
    s.add("activePower 2", (31267, 31261), "U32", "1", "W", minus=True, none=SMA_NO["U32"])
    s.add("activePower 3", (31269, 31263), "U32", "1", "W", minus=True, none=SMA_NO["U32"])
    s.phases("voltage", (31253, 31255, 31257), "U32", "0.01", "V", none=SMA_NO["U32"])
    s.phases("current", (31435, 31437, 31439), "S32", "0.001", "A", none=SMA_NO["S32"])
    s.add("frequency 0", 31447, "U32", "0.01", "Hz", none=SMA_NO["U32"])
    s.add("activeEnergyImport 0", 30581, "U32", "1", "Wh", none=SMA_NO["U32"])
    s.add("activeEnergyExport 0", 30583, "U32", "1", "Wh", none=SMA_NO["U32"])
    t["sma-meter"] = s

    # SMA Modbus profile: GridMs and Metering.TotWhOut of an inverter (nymea sma-solar-inverter, evcc sma-inverter-modbus).
    s = Table(3, unit=3, fixed=[(3, 30051, [0, 8001]), (3, 30057, [0x77, 0x3594], "7812500")])
    s.add("activeEnergyExport 0", 30513, "U64", "1", "Wh", none=SMA_NO["U64"])
    s.add("activePower 0", 30775, "S32", "1", "W", none=SMA_NO["S32"])
    s.phases("activePower", (30777, 30779, 30781), "S32", "1", "W", none=SMA_NO["S32"])
    s.phases("voltage", (30783, 30785, 30787), "U32", "0.01", "V", none=SMA_NO["U32"])
    t["sma-inverter"] = s

    # Growatt, Inverter Modbus RTU Protocol II: Fac 37, Vac1 38, Pactouser total 1021, Pactogrid total 1029, Etouser_total 1046,
    # Etogrid_total 1050. The serial number is in holding registers 23 to 27.
    g = Table(4, fixed=[(3, 23, text("ABC1234567", 5), "ABC1234567")], answers=[(1009, 1063)], largest=45)
    g.add("frequency 0", 37, "U16", "0.01", "Hz").add("voltage 1", 38, "U16", "0.1", "V")
    g.add("activePower 0", (1021, 1029), "U32", "0.1", "W", minus=True)
    g.add("activeEnergyImport 0", 1046, "U32", "0.1", "kWh").add("activeEnergyExport 0", 1050, "U32", "0.1", "kWh")
    t["growatt-sph"] = g

    # The same, TL-X and TL-XH: Fac 3025, Vac1 to Vac3 3026, 3030, 3034, Ptouser 3041, Ptogrid 3043, Etouser_total 3069,
    # Etogrid_total 3073.
    g = Table(4, fixed=[(3, 23, text("XYZ7654321", 5), "XYZ7654321")], answers=[(3000, 3124)], largest=45)
    g.add("frequency 0", 3025, "U16", "0.01", "Hz")
    g.phases("voltage", (3026, 3030, 3034), "U16", "0.1", "V")
    g.add("activePower 0", (3041, 3043), "U32", "0.1", "W", minus=True)
    g.add("activeEnergyImport 0", 3069, "U32", "0.1", "kWh").add("activeEnergyExport 0", 3073, "U32", "0.1", "kWh")
    t["growatt-min"] = g

    # Sungrow, Communication Protocol of Residential Hybrid Inverter V1.1.5, in the manual's numbers.
    s = Table(4, low=True, base=-1, fixed=[(4, 4999, [0xE03]), (4, 4989, text("A2211234567", 10), "A2211234567")])
    s.add("frequency 0", 5036, "U16", "0.1", "Hz", none=NO["U16"])
    s.phases("activePower", (5603, 5605, 5607), "S32", "1", "W", none=NO["S32"])
    s.phases("voltage", (5741, 5742, 5743), "U16", "0.1", "V", none=NO["U16"])
    s.phases("current", (5744, 5745, 5746), "U16", "0.01", "A", none=NO["U16"])
    s.add("activePower 0", 13010, "S32", "1", "W", turned=True, none=NO["S32"])
    s.add("activeEnergyImport 0", 13037, "U32", "0.1", "kWh", none=NO["U32"]).add("activeEnergyExport 0", 13046, "U32", "0.1", "kWh", none=NO["U32"])
    t["sungrow-sh"] = s

    # Sungrow, Communication Protocol of PV Grid-Connected String Inverters, in the manual's numbers.
    s = Table(4, low=True, base=-1, fixed=[(4, 4999, [0x2433]), (4, 4989, text("B2011234567", 10), "B2011234567")])
    s.phases("voltage", (5019, 5020, 5021), "U16", "0.1", "V", none=NO["U16"])
    s.add("frequency 0", 5036, "U16", "0.1", "Hz", none=NO["U16"])
    s.add("activePower 0", 5083, "S32", "1", "W", none=NO["S32"])
    s.phases("activePower", (5085, 5087, 5089), "S32", "1", "W", none=NO["S32"])
    s.add("activeEnergyExport 0", 5095, "U32", "0.1", "kWh", none=NO["U32"]).add("activeEnergyImport 0", 5099, "U32", "0.1", "kWh", none=NO["U32"])
    t["sungrow-sg"] = s

    # ABB, B23/B24 user manual: mapping tables of the total and phase counters and of the instantaneous values.
    def abb(name, kind):
        a = Table(3, fixed=[(3, 0x8960, text(kind, 2)), (3, 0x8900, [0x000A, 0x1234], "660020")])
        t[name] = a
        return a.add("activeEnergyImport 0", 0x5000, "U64", "0.01", "kWh", none=NO["U64"]).add(
            "activeEnergyExport 0", 0x5004, "U64", "0.01", "kWh", none=NO["U64"]).add(
            "activePower 0", 0x5B14, "S32", "0.01", "W", none=NO["S32"]).add(
            "frequency 0", 0x5B2C, "U16", "0.01", "Hz").add("powerFactor 0", 0x5B3A, "S16", "0.001", "1", none=NO["S16"])
    a = abb("abb-b23", "B23 ")
    a.phases("activeEnergyImport", (0x5460, 0x5464, 0x5468), "U64", "0.01", "kWh", none=NO["U64"])
    a.phases("activeEnergyExport", (0x546C, 0x5470, 0x5474), "U64", "0.01", "kWh", none=NO["U64"])
    a.phases("voltage", (0x5B00, 0x5B02, 0x5B04), "U32", "0.1", "V", none=NO["U32"])
    a.phases("current", (0x5B0C, 0x5B0E, 0x5B10), "U32", "0.01", "A", none=NO["U32"])
    a.phases("activePower", (0x5B16, 0x5B18, 0x5B1A), "S32", "0.01", "W", none=NO["S32"])
    a.phases("powerFactor", (0x5B3B, 0x5B3C, 0x5B3D), "S16", "0.001", "1", none=NO["S16"])
    a = abb("abb-b21", "B21 ")
    a.add("voltage 1", 0x5B00, "U32", "0.1", "V").add("current 1", 0x5B0C, "U32", "0.01", "A")

    # Schneider, iEM3100/iEM3200/iEM3300 user manual: register list, in the manual's numbers.
    i = Table(3, base=-1, fixed=[(3, 49, text("iEM3155", 20)), (3, 129, [0x0001, 0x86A0], "100000")])
    i.phases("current", (3000, 3002, 3004), "F32", "1", "A").phases("voltage", (3028, 3030, 3032), "F32", "1", "V")
    i.phases("activePower", (3054, 3056, 3058), "F32", "1", "kW").add("activePower 0", 3060, "F32", "1", "kW")
    i.add("reactivePower 0", 3068, "F32", "1", "kvar").add("apparentPower 0", 3076, "F32", "1", "kVA")
    i.add("frequency 0", 3110, "F32", "1", "Hz")
    i.add("activeEnergyImport 0", 3204, "S64", "1", "Wh", none=1 << 63)
    i.add("activeEnergyExport 0", 3208, "S64", "1", "Wh", none=1 << 63)
    t["schneider-iem3000"] = i

    # Kostal, Interface description MODBUS (TCP) & SunSpec: 152 to 172 and 320, "little-endian" (CDAB).
    k = Table(3, low=True, unit=71, answers=[(152, 173)],
              fixed=[(3, 4, [71]), (3, 5, [0]), (3, 32, [3]), (3, 14, text("90342AAD0000B", 8), "90342AAD0000B")])
    k.add("frequency 0", 152, "F32", "1", "Hz").phases("current", (154, 160, 166), "F32", "1", "A")
    k.phases("activePower", (156, 162, 168), "F32", "1", "W").phases("voltage", (158, 164, 170), "F32", "1", "V")
    k.add("activePower 0", 172, "F32", "1", "W").add("activeEnergyExport 0", 320, "F32", "1", "Wh")
    t["kostal-plenticore"] = k

    # Kostal Smart Energy Meter (B-control EM300): P+ 0, P- 2, f 26, P1+ 40, P1- 42, I1 60, U1 62 ..., A+ 512, A- 516.
    k = Table(3, unit=71, answers=[(0, 151)])
    k.add("activePower 0", (0, 2), "U32", "0.1", "W", minus=True).add("frequency 0", 26, "U32", "0.001", "Hz")
    for phase, first in enumerate((40, 80, 120), 1):
        k.add(f"activePower {phase}", (first, first + 2), "U32", "0.1", "W", minus=True)
        k.add(f"current {phase}", first + 20, "U32", "0.001", "A").add(f"voltage {phase}", first + 22, "U32", "0.001", "V")
    k.add("activeEnergyImport 0", 512, "U64", "0.1", "Wh").add("activeEnergyExport 0", 516, "U64", "0.1", "Wh")
    t["kostal-ksem"] = k

    # Deye, MODBUS RTU of single-phase storage inverters (kellerza/sunsynk single_phase.py, evcc deye-storage).
    d = Table(3, low=True, fixed=[(3, 0, [3]), (3, 1, [1]), (3, 3, text("2211012345", 5), "2211012345")], answers=[(60, 120)])
    d.add("activeEnergyImport 0", (78, 80), "U32", "0.1", "kWh", split=True).add("frequency 0", 79, "U16", "0.01", "Hz")
    d.add("activeEnergyExport 0", 81, "U32", "0.1", "kWh").add("voltage 1", 150, "U16", "0.1", "V")
    d.add("current 1", 160, "S16", "0.01", "A").add("activePower 0", 169, "S16", "1", "W")
    t["deye-hybrid-1p"] = d

    # Deye, MODBUS RTU V105.1 of three-phase storage inverters (ha-solarman deye_p3.yaml, in hexadecimal there).
    d = Table(3, low=True, fixed=[(3, 0, [0x0500]), (3, 1, [1]), (3, 3, text("2303012345", 5), "2303012345")], answers=[(0x256, 0x271)])
    d.add("activeEnergyImport 0", 0x20A, "U32", "0.1", "kWh").add("activeEnergyExport 0", 0x20C, "U32", "0.1", "kWh")
    d.phases("voltage", (0x256, 0x257, 0x258), "U16", "0.1", "V").add("frequency 0", 0x261, "U16", "0.01", "Hz")
    d.phases("current", (0x265, 0x266, 0x267), "S16", "0.01", "A")
    d.phases("activePower", (0x26E, 0x26F, 0x270), "S16", "1", "W").add("activePower 0", 0x271, "S16", "1", "W")
    t["deye-hybrid-3p"] = d

    # Eastron, the 3xxxx numbers of the manuals.
    def eastron(name):
        t[name] = Table(4, base=-30001, largest=60)
        return t[name]
    for name in ("eastron-sdm72-v2", "eastron-sdm54"):
        e = eastron(name)
        e.answers = [(0, 0x4B)]
        e.phases("voltage", (30001, 30003, 30005), "F32", "1", "V").phases("current", (30007, 30009, 30011), "F32", "1", "A")
        e.phases("activePower", (30013, 30015, 30017), "F32", "1", "W").add("activePower 0", 30053, "F32", "1", "W")
        e.add("apparentPower 0", 30057, "F32", "1", "VA").add("reactivePower 0", 30061, "F32", "1", "var")
        e.add("powerFactor 0", 30063, "F32", "1", "1").add("frequency 0", 30071, "F32", "1", "Hz")
        e.add("activeEnergyImport 0", 30073, "F32", "1", "kWh").add("activeEnergyExport 0", 30075, "F32", "1", "kWh")
    e.phases("activeEnergyImport", (30347, 30349, 30351), "F32", "1", "kWh")
    e.phases("activeEnergyExport", (30353, 30355, 30357), "F32", "1", "kWh")
    e = eastron("eastron-sdm220")
    e.add("voltage 1", 30001, "F32", "1", "V").add("current 1", 30007, "F32", "1", "A")
    e.add("activePower 0", 30013, "F32", "1", "W").add("apparentPower 0", 30019, "F32", "1", "VA")
    e.add("reactivePower 0", 30025, "F32", "1", "var").add("powerFactor 0", 30031, "F32", "1", "1")
    e.add("frequency 0", 30071, "F32", "1", "Hz")
    e.add("activeEnergyImport 0", 30073, "F32", "1", "kWh").add("activeEnergyExport 0", 30075, "F32", "1", "kWh")

    # Janitza B series, Modbus address list in hexadecimal (mbmd): 4A38 is 19000.
    j = Table(3, answers=[(0x4A38, 0x4A85)])
    j.phases("voltage", (0x4A38, 0x4A3A, 0x4A3C), "F32", "1", "V").phases("current", (0x4A44, 0x4A46, 0x4A48), "F32", "1", "A")
    j.phases("activePower", (0x4A4C, 0x4A4E, 0x4A50), "F32", "1", "W").add("activePower 0", 0x4A52, "F32", "1", "W")
    j.add("reactivePower 0", 0x4A62, "F32", "1", "var").phases("powerFactor", (0x4A64, 0x4A66, 0x4A68), "F32", "1", "1")
    j.add("frequency 0", 0x4A6A, "F32", "1", "Hz")
    j.phases("activeEnergyImport", (0x4A76, 0x4A78, 0x4A7A), "F32", "1", "Wh").add("activeEnergyImport 0", 0x4A7C, "F32", "1", "Wh")
    j.phases("activeEnergyExport", (0x4A7E, 0x4A80, 0x4A82), "F32", "1", "Wh").add("activeEnergyExport 0", 0x4A84, "F32", "1", "Wh")
    t["janitza-umg"] = j

    # Carlo Gavazzi communication protocols, in their 300001 numbers.
    def gavazzi(name, **more):
        t[name] = Table(4, low=True, base=-300001, **more)
        return t[name]
    for name, fixed in (("carlo-gavazzi-em24-e1", [(4, 0x0B, [1651]), (3, 0xA000, [7]),
                                                  (3, 0x5000, text("BF1234567890X", 7), "BF1234567890X")]),
                        ("carlo-gavazzi-em530", [])):
        c = gavazzi(name, fixed=fixed)
        c.phases("voltage", (300001, 300003, 300005), "S32", "0.1", "V", none=NO["S32"])
        c.phases("current", (300013, 300015, 300017), "S32", "0.001", "A", none=NO["S32"])
        c.phases("activePower", (300019, 300021, 300023), "S32", "0.1", "W", none=NO["S32"])
        c.add("activePower 0", 300041, "S32", "0.1", "W", none=NO["S32"])
        c.phases("powerFactor", (300047, 300048, 300049), "S16", "0.001", "1", none=NO["S16"])
        c.add("frequency 0", 300052, "U16", "0.1", "Hz")
        c.add("activeEnergyImport 0", 300053, "S32", "0.1", "kWh", none=NO["S32"])
        c.phases("activeEnergyImport", (300065, 300067, 300069), "S32", "0.1", "kWh", none=NO["S32"])
        c.add("activeEnergyExport 0", 300079, "S32", "0.1", "kWh", none=NO["S32"])
    c = gavazzi("carlo-gavazzi-em100", largest=11)
    c.add("voltage 1", 300001, "S32", "0.1", "V", none=NO["S32"]).add("current 1", 300003, "S32", "0.001", "A", none=NO["S32"])
    c.add("activePower 0", 300005, "S32", "0.1", "W", none=NO["S32"])
    c.add("apparentPower 0", 300007, "S32", "0.1", "VA", none=NO["S32"])
    c.add("reactivePower 0", 300009, "S32", "0.1", "var", none=NO["S32"]).add("frequency 0", 300016, "U16", "0.1", "Hz")
    c.add("activeEnergyImport 0", 300017, "S32", "0.1", "kWh", none=NO["S32"])
    c.add("activeEnergyExport 0", 300033, "S32", "0.1", "kWh", none=NO["S32"])

    # ORNO OR-WE-516, list of registers in decimal (ya-modbus): values from 14 on, counters from 256 on.
    o = Table(3, answers=[(0, 59)])
    o.phases("voltage", (14, 16, 18), "F32", "1", "V").add("frequency 0", 20, "F32", "1", "Hz")
    o.phases("current", (22, 24, 26), "F32", "1", "A").add("activePower 0", 28, "F32", "1", "kW")
    o.phases("activePower", (30, 32, 34), "F32", "1", "kW").add("reactivePower 0", 36, "F32", "1", "kvar")
    o.add("apparentPower 0", 44, "F32", "1", "kVA").add("powerFactor 0", 52, "F32", "1", "1")
    o.add("activeEnergyImport 0", 256 + 8, "F32", "1", "kWh").add("activeEnergyExport 0", 256 + 16, "F32", "1", "kWh")
    o.phases("activeEnergyImport", (256 + 10, 256 + 12, 256 + 14), "F32", "1", "kWh")
    o.phases("activeEnergyExport", (256 + 18, 256 + 20, 256 + 22), "F32", "1", "kWh")
    t["orno-we516"] = o

    # ORNO, Register description OR-WE-514 and OR-WE-515, in decimal.
    o = Table(3)
    o.add("frequency 0", 304, "U16", "0.01", "Hz").add("voltage 1", 305, "U16", "0.01", "V")
    o.add("current 1", 313, "U32", "0.001", "A").add("activePower 0", 320, "S32", "0.001", "kW")
    o.add("reactivePower 0", 328, "S32", "0.001", "kvar").add("apparentPower 0", 336, "S32", "0.001", "kVA")
    o.add("powerFactor 0", 344, "S16", "0.001", "1").add("activeEnergyImport 0", 40960, "U32", "0.01", "kWh")
    t["orno-we514"] = o

    # ORNO OR-WE-504, list of registers: 0 to 8.
    o = Table(3, watts=18_000)
    o.add("voltage 1", 0, "U16", "0.1", "V").add("current 1", 1, "U16", "0.1", "A").add("frequency 0", 2, "U16", "0.1", "Hz")
    o.add("activePower 0", 3, "U16", "1", "W").add("reactivePower 0", 4, "U16", "1", "var")
    o.add("apparentPower 0", 5, "U16", "1", "VA").add("powerFactor 0", 6, "U16", "0.001", "1")
    o.add("activeEnergyImport 0", 7, "U32", "0.001", "kWh")
    t["orno-we504"] = o

    # Siemens 7KM PAC2200: measured variables by offset, energy as Double in Wh.
    p = Table(3, answers=[(1, 72)])
    p.phases("voltage", (1, 3, 5), "F32", "1", "V").phases("current", (13, 15, 17), "F32", "1", "A")
    p.phases("activePower", (25, 27, 29), "F32", "1", "W").add("frequency 0", 55, "F32", "1", "Hz")
    p.add("apparentPower 0", 63, "F32", "1", "VA").add("activePower 0", 65, "F32", "1", "W")
    p.add("reactivePower 0", 67, "F32", "1", "var").add("powerFactor 0", 69, "F32", "1", "1")
    p.add("activeEnergyImport 0", 801, "F64", "1", "Wh").add("activeEnergyExport 0", 809, "F64", "1", "Wh")
    t["siemens-pac2200"] = p

    # Chint DDSU666, as the default configuration of Tasmota's Modbus bridge has it.
    c = Table(3, answers=[(0x2000, 0x200F)])
    c.add("voltage 1", 0x2000, "F32", "1", "V").add("current 1", 0x2002, "F32", "1", "A")
    c.add("activePower 0", 0x2004, "F32", "1", "kW").add("reactivePower 0", 0x2006, "F32", "1", "kvar")
    c.add("powerFactor 0", 0x200A, "F32", "1", "1").add("frequency 0", 0x200E, "F32", "1", "Hz")
    c.add("activeEnergyImport 0", 0x4000, "F32", "1", "kWh").add("activeEnergyExport 0", 0x400A, "F32", "1", "kWh")
    t["chint-ddsu666"] = c

    # GoodWe ET: meter data (marcelblijleven/goodwe et.py, evcc goodwe-hybrid).
    g = Table(3, unit=247, fixed=[(3, 35003, text("9010KETU22AW0001", 8), "9010KETU22AW0001")], answers=[(36003, 36057)])
    g.add("frequency 0", 36014, "U16", "0.01", "Hz")
    g.add("activeEnergyExport 0", 36015, "F32", "0.001", "kWh").add("activeEnergyImport 0", 36017, "F32", "0.001", "kWh")
    g.phases("activePower", (36019, 36021, 36023), "S32", "1", "W", turned=True)
    g.add("activePower 0", 36025, "S32", "1", "W", turned=True)
    g.phases("voltage", (36052, 36053, 36054), "U16", "0.1", "V", none=NO["U16"])
    g.phases("current", (36055, 36056, 36057), "U16", "0.1", "A", none=NO["U16"])
    t["goodwe-et"] = g

    # Solis hybrid: meter data from 33251 on (homeassistant-solax-modbus plugin_solis: power in thousandths of a kW).
    s = Table(4, answers=[(33251, 33286)])
    s.phases("voltage", (33251, 33253, 33255), "U16", "0.1", "V").phases("current", (33252, 33254, 33256), "U16", "0.01", "A")
    s.phases("activePower", (33257, 33259, 33261), "S32", "0.001", "kW", turned=True)
    s.add("activePower 0", 33263, "S32", "0.001", "kW", turned=True).add("frequency 0", 33282, "U16", "0.01", "Hz")
    s.add("activeEnergyImport 0", 33283, "U32", "0.01", "kWh").add("activeEnergyExport 0", 33285, "U32", "0.01", "kWh")
    t["solis-hybrid"] = s

    # SolaX hybrid G4, in hexadecimal (openWB, nymea): feed-in power 46, its counters 48 and 4A, the meter's values from C8 on.
    s = Table(4, low=True, fixed=[(3, 0, text("H34A10J1234567", 7), "H34A10J1234567")])
    s.add("activePower 0", 0x46, "S32", "1", "W", turned=True)
    s.add("activeEnergyExport 0", 0x48, "U32", "0.01", "kWh").add("activeEnergyImport 0", 0x4A, "U32", "0.01", "kWh")
    s.add("frequency 0", 0xC8, "U16", "0.01", "Hz").phases("voltage", (0xCA, 0xCB, 0xCC), "U16", "0.1", "V")
    s.phases("current", (0xCE, 0xCF, 0xD0), "S16", "0.1", "A")
    t["solax-hybrid"] = s

    # Victron, attributes.csv of dbus_modbustcp: com.victronenergy.grid.
    v = Table(3, unit=30, fixed=[(3, 2609, text("BQ2135ABCDEF0", 7), "BQ2135ABCDEF0")])
    v.phases("voltage", (2616, 2618, 2620), "U16", "0.1", "V", none=NO["U16"])
    v.phases("current", (2617, 2619, 2621), "S16", "0.1", "A", none=NO["S16"])
    v.phases("activeEnergyImport", (2622, 2624, 2626), "U32", "0.01", "kWh", none=NO["U32"])
    v.phases("activeEnergyExport", (2628, 2630, 2632), "U32", "0.01", "kWh", none=NO["U32"])
    v.add("activeEnergyImport 0", 2634, "U32", "0.01", "kWh", none=NO["U32"])
    v.add("activeEnergyExport 0", 2636, "U32", "0.01", "kWh", none=NO["U32"])
    v.phases("activePower", (2638, 2640, 2642), "S32", "1", "W", none=NO["S32"]).add("frequency 0", 2644, "U16", "0.01", "Hz")
    t["victron-gx-grid"] = v

    # inepro PRO380, in decimal (nymea pro380-registers.json).
    i = Table(3, answers=[(20480, 20505)])
    i.add("frequency 0", 20488, "F32", "1", "Hz").phases("voltage", (20482, 20484, 20486), "F32", "1", "V")
    i.phases("current", (20492, 20494, 20496), "F32", "1", "A").add("activePower 0", 20498, "F32", "1", "kW")
    i.phases("activePower", (20500, 20502, 20504), "F32", "1", "kW")
    i.add("activeEnergyImport 0", 24588, "F32", "1", "kWh").add("activeEnergyExport 0", 24600, "F32", "1", "kWh")
    i.phases("activeEnergyImport", (24594, 24596, 24598), "F32", "1", "kWh")
    i.phases("activeEnergyExport", (24606, 24608, 24610), "F32", "1", "kWh")
    t["inepro-pro380"] = i

    # Fronius Smart Meter 63A-3 on RS-485 (openWB 1.9, in thousandths and hundredths).
    f = Table(3)
    f.phases("voltage", (4096, 4098, 4100), "U32", "0.001", "V").phases("current", (4102, 4104, 4106), "U32", "0.001", "A")
    f.add("activePower 0", 4116, "S32", "0.01", "W").phases("activePower", (4140, 4142, 4144), "S32", "0.01", "W")
    f.add("activeEnergyImport 0", 4124, "U32", "0.001", "kWh").add("activeEnergyExport 0", 4128, "U32", "0.001", "kWh")
    f.add("frequency 0", 4134, "U16", "0.1", "Hz")
    t["fronius-smart-meter-63a"] = f

    # Eastron SDM630, SDM230, SDM120 and the first SDM72D-M.
    e = eastron("eastron-sdm630")
    e.largest, e.answers = 80, [(0, 0x4B)]
    e.phases("voltage", (30001, 30003, 30005), "F32", "1", "V").phases("current", (30007, 30009, 30011), "F32", "1", "A")
    e.phases("activePower", (30013, 30015, 30017), "F32", "1", "W").add("activePower 0", 30053, "F32", "1", "W")
    e.add("apparentPower 0", 30057, "F32", "1", "VA").add("reactivePower 0", 30061, "F32", "1", "var")
    e.add("powerFactor 0", 30063, "F32", "1", "1").add("frequency 0", 30071, "F32", "1", "Hz")
    e.add("activeEnergyImport 0", 30073, "F32", "1", "kWh").add("activeEnergyExport 0", 30075, "F32", "1", "kWh")
    for name in ("eastron-sdm230", "eastron-sdm120"):
        e = eastron(name)
        e.add("voltage 1", 30001, "F32", "1", "V").add("current 1", 30007, "F32", "1", "A")
        e.add("activePower 0", 30013, "F32", "1", "W").add("apparentPower 0", 30019, "F32", "1", "VA")
        e.add("reactivePower 0", 30025, "F32", "1", "var").add("powerFactor 0", 30031, "F32", "1", "1")
        e.add("frequency 0", 30071, "F32", "1", "Hz")
        e.add("activeEnergyImport 0", 30073, "F32", "1", "kWh").add("activeEnergyExport 0", 30075, "F32", "1", "kWh")
    e = eastron("eastron-sdm72")
    e.add("activePower 0", 30053, "F32", "1", "W").add("activeEnergyImport 0", 30073, "F32", "1", "kWh")
    e.add("activeEnergyExport 0", 30075, "F32", "1", "kWh")

    # Carlo Gavazzi EM24 on RS-485 (Victron dbus-cgwacs, Tinkerforge): kWh (+) total at 003E, not the partial counter at 0042.
    c = gavazzi("carlo-gavazzi-em24", largest=11)
    c.phases("voltage", (300001, 300003, 300005), "S32", "0.1", "V", none=NO["S32"])
    c.phases("current", (300013, 300015, 300017), "S32", "0.001", "A", none=NO["S32"])
    c.phases("activePower", (300019, 300021, 300023), "S32", "0.1", "W", none=NO["S32"])
    c.add("activePower 0", 300041, "S32", "0.1", "W", none=NO["S32"])
    c.phases("powerFactor", (300051, 300052, 300053), "S16", "0.001", "1", none=NO["S16"])
    c.add("frequency 0", 300056, "S16", "0.1", "Hz", none=NO["S16"])
    c.add("activeEnergyImport 0", 300063, "S32", "0.1", "kWh", none=NO["S32"])
    c.phases("activeEnergyImport", (300071, 300073, 300075), "S32", "0.1", "kWh", none=NO["S32"])
    c.add("activeEnergyExport 0", 300093, "S32", "0.1", "kWh", none=NO["S32"])
    for name in ("carlo-gavazzi-em340", "carlo-gavazzi-et340"):
        c = gavazzi(name, largest=11)
        c.phases("voltage", (300001, 300003, 300005), "S32", "0.1", "V", none=NO["S32"])
        c.phases("current", (300013, 300015, 300017), "S32", "0.001", "A", none=NO["S32"])
        c.phases("activePower", (300019, 300021, 300023), "S32", "0.1", "W", none=NO["S32"])
        c.add("activePower 0", 300041, "S32", "0.1", "W", none=NO["S32"])
        c.phases("powerFactor", (300047, 300048, 300049), "S16", "0.001", "1", none=NO["S16"])
        c.add("frequency 0", 300052, "S16", "0.1", "Hz", none=NO["S16"])
        c.add("activeEnergyImport 0", 300053, "S32", "0.1", "kWh", none=NO["S32"])
        c.phases("activeEnergyImport", (300065, 300067, 300069), "S32", "0.1", "kWh", none=NO["S32"])
        c.add("activeEnergyExport 0", 300079, "S32", "0.1", "kWh", none=NO["S32"])

    # Chint DTSU666, user manual: binary32 in tenths, thousandths and hundredths.
    c = Table(3, answers=[(0x2000, 0x2045)])
    c.phases("voltage", (0x2006, 0x2008, 0x200A), "F32", "0.1", "V").phases("current", (0x200C, 0x200E, 0x2010), "F32", "0.001", "A")
    c.add("activePower 0", 0x2012, "F32", "0.1", "W").phases("activePower", (0x2014, 0x2016, 0x2018), "F32", "0.1", "W")
    c.add("reactivePower 0", 0x201A, "F32", "0.1", "var").phases("reactivePower", (0x201C, 0x201E, 0x2020), "F32", "0.1", "var")
    c.add("powerFactor 0", 0x202A, "F32", "0.001", "1").phases("powerFactor", (0x202C, 0x202E, 0x2030), "F32", "0.001", "1")
    c.add("frequency 0", 0x2044, "F32", "0.01", "Hz")
    c.add("activeEnergyImport 0", 0x101E, "F32", "1", "kWh").add("activeEnergyExport 0", 0x1028, "F32", "1", "kWh")
    t["chint-dtsu666"] = c
    return t
