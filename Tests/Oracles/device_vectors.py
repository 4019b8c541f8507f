#!/usr/bin/env python3
"""Prints device_vectors.txt: registers of each device that is built in, and what they mean.

A line is MAP, FUNCTION:ADDRESS=WORDS in hexadecimal joined by ";", and QUANTITY.PHASE=VALUE joined by ";". Power is negative, one
phase apart; a power factor too; counters are near the last one that their type holds. From the tables of
Tests/Peers/_device_tables.py, which were typed from the makers' and other people's tables.
"""
import os, random, sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "Peers"))
from _device_sets import bits_of_float, limit, place as placed
from _device_tables import WIDTH, tables

# By phase, in the unit of `busbar read`.
WANTED = {"voltage": (230_000, 230_100, 231_200, 229_300), "current": (0, 5_500, -250, 12_000), "frequency": (49_980,),
          "activePower": (-4_321_000, -1_234_000, 345_000, -3_432_000), "reactivePower": (-205_000, 12_000, -3_000, -214_000),
          "apparentPower": (4_400_000,), "powerFactor": (-950_000, -999_000, 500_000, -1_000_000)}


def patterns(table, row):
    width = 16 * WIDTH[row.kind]
    last = (1 << (width - (row.kind[0] == "S"))) - 2
    if "Energy" in row.quantity:
        # No two of a device are the same.
        place = 2 * row.phase + row.quantity.endswith("Export")
        top = limit(table, row) / row.factor
        wanted = top * (99 - place) / 100 if row.kind[0] == "F" else min(last, top) - place
    else:
        wanted = WANTED[row.quantity][row.phase] / row.factor
    sign = -1 if row.turned else 1
    if row.minus:
        return [int(wanted) + 1000, 1000] if wanted > 0 else [1000, 1000 - int(wanted)]
    if row.kind[0] == "F":
        return [bits_of_float(row.kind, float(sign * wanted))]
    if row.kind[0] == "U":
        return [min(last, abs(int(wanted)))]
    return [max(-last, min(last, sign * int(wanted))) % (1 << width)]


for name, table in sorted(tables().items()):
    held, means = placed(table, random.Random(0), lambda row: patterns(table, row))
    stretches, at = [], None
    for function, address in sorted(held):
        if at != (function, address):
            stretches.append(f"{function}:{address}=")
        stretches[-1] += f"{held[function, address]:04x}"
        at = function, address + 1
    values = [f"{quantity}.{phase}={value}" for (quantity, phase), (value, _) in sorted(means.items())]
    print(name, ";".join(stretches), ";".join(values))
    assert all(quality == "good" for _, quality in means.values()), (name, means)
    assert len({value for (quantity, _), (value, _) in means.items() if "Energy" in quantity}) == sum(
        "Energy" in row.quantity for row in table.rows), name
