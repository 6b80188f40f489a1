#!/usr/bin/env python3
"""Reads the segments of a Sluice audit log as FORMAT.md describes them.

usage: segments.py DIR

Checks names, headers, checksums, the chain, padding and that the records are
those of the entry bundles. Prints the number of records. Standard library only.
"""
import hashlib
import os
import struct
import sys

BLOCK = 4096
TABLE = []
for n in range(256):
    for _ in range(8):
        n = n >> 1 ^ (0x82F63B78 if n & 1 else 0)
    TABLE.append(n)


def crc32c(*parts):
    crc = 0xFFFFFFFF
    for part in parts:
        for byte in part:
            crc = crc >> 8 ^ TABLE[(crc ^ byte) & 0xFF]
    return crc ^ 0xFFFFFFFF


def fail(message):
    sys.exit("NOT OK: " + message)


def sha256(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


def segment(path, index, chain, records):
    with open(path, "rb") as f:
        data = f.read()
    head = data[:BLOCK]
    if head[:16] != b"sluice log 1\n\0\0\0" or struct.unpack(">I", head[4092:])[0] != crc32c(head[:4092]):
        fail(f"{path}: header")
    first, oldest = struct.unpack(">QQ", head[16:32])
    if first != index or oldest > first or head[32:64] != chain:
        fail(f"{path} does not follow on record {index}")
    if os.path.basename(path) != f"{first:014d}.seg":
        fail(f"{path} begins with record {first}")
    at, begins = BLOCK, True
    while at < len(data):
        (length,) = struct.unpack(">I", data[at : at + 4])
        if length == 0:
            if at % BLOCK == 0:
                break
            end = -(-at // BLOCK) * BLOCK
            if any(data[at:end]):
                fail(f"{path}: padding at {at}")
            at, begins = end, True
            continue
        begins = begins or at % BLOCK == 0 and length >> 31 == 1
        if (length >> 31 == 1) != begins or begins and at % BLOCK:
            fail(f"{path}: a batch at {at}")
        size, begins = length & 0x7FFFFFFF, False
        frame = data[at : at + 40 + size]
        if struct.unpack(">I", frame[4:8])[0] != crc32c(frame[:4], frame[8:]):
            fail(f"{path}: checksum of record {index} at {at}")
        record = frame[40:]
        chain = sha256(chain, sha256(b"\0", record))
        if frame[8:40] != chain:
            fail(f"{path}: chain of record {index}")
        end = -(-(at + 40 + size) // 8) * 8
        if any(data[at + 40 + size : end]):
            fail(f"{path}: padding after record {index}")
        records.append(record)
        at, index = end, index + 1
    if any(data[at:]):
        fail(f"{path}: data after the end")
    return index, chain


def bundles(directory, records):
    """Compares the full bundles, and the last partial one."""
    for n in range(-(-len(records) // 256)):
        name = f"{n % 1000:03d}"
        rest = n // 1000
        while rest:
            name, rest = f"x{rest % 1000:03d}/{name}", rest // 1000
        path = os.path.join(directory, "tile", "entries", name)
        width = min(256, len(records) - 256 * n)
        if width < 256:
            path += f".p/{width}"
        want = b"".join(struct.pack(">H", len(r)) + r for r in records[256 * n : 256 * n + width])
        with open(path, "rb") as f:
            if f.read() != want:
                fail(f"{path} is not what the segments hold")


def main():
    directory = sys.argv[1]
    wal = os.path.join(directory, "wal")
    records, index, chain = [], 0, bytes(32)
    for name in sorted(n for n in os.listdir(wal) if n.endswith(".seg")):
        index, chain = segment(os.path.join(wal, name), index, chain, records)
    bundles(directory, records)
    print(f"ok: {index} records")


main()
