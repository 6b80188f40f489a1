#!/usr/bin/env python3
"""A second verifier of a Sluice audit log, from the published formats alone.

usage: verify.py DIR VKEY

Reads checkpoint, cp/*, tile/ and tile/entries/ (C2SP tlog-checkpoint,
tlog-tiles, signed-note) and nothing of the gateway's own. It checks every
signature (Ed25519, RFC 8032, written out below), every record's hash, every
tile and the root of every kept checkpoint, and that each record is canonical
JSON with gapless session numbers. Standard library only.
"""
import base64
import hashlib
import json
import os
import sys

P = 2**255 - 19
D = -121665 * pow(121666, P - 2, P) % P
Q = 2**252 + 27742317777372353535851937790883648493


def recover_x(y, sign):
    x2 = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(x2, (P + 3) // 8, P)
    if (x * x - x2) % P:
        x = x * pow(2, (P - 1) // 4, P) % P
    if (x * x - x2) % P or y >= P or (x == 0 and sign):
        raise ValueError("not a point")
    return P - x if x & 1 != sign else x


def add(a, b):
    s, t = (a[1] - a[0]) * (b[1] - b[0]) % P, (a[1] + a[0]) * (b[1] + b[0]) % P
    c, d = 2 * a[3] * b[3] * D % P, 2 * a[2] * b[2] % P
    e, f, g, h = t - s, d - c, d + c, t + s
    return e * f % P, g * h % P, f * g % P, e * h % P


def mul(k, p):
    q = (0, 1, 1, 0)
    while k:
        if k & 1:
            q = add(q, p)
        p = add(p, p)
        k >>= 1
    return q


def point(b):
    n = int.from_bytes(b, "little")
    y, sign = n & (2**255 - 1), n >> 255
    x = recover_x(y, sign)
    return x, y, 1, x * y % P


BASE_Y = 4 * pow(5, P - 2, P) % P
BASE_X = recover_x(BASE_Y, 0)
BASE = (BASE_X, BASE_Y, 1, BASE_X * BASE_Y % P)


def ed25519_verify(public, message, signature):
    if len(signature) != 64:
        return False
    try:
        a, r = point(public), point(signature[:32])
    except ValueError:
        return False
    s = int.from_bytes(signature[32:], "little")
    if s >= Q:
        return False
    h = int.from_bytes(hashlib.sha512(signature[:32] + public + message).digest(), "little") % Q
    left, right = mul(s, BASE), add(r, mul(h, a))
    return (left[0] * right[2] - right[0] * left[2]) % P == 0 and (left[1] * right[2] - right[1] * left[2]) % P == 0


def fail(message):
    sys.exit("NOT OK: " + message)


def open_checkpoint(path, vkey):
    name, key_hash, key = vkey.split("+", 2)
    key = base64.b64decode(key)
    if key[0] != 1 or hashlib.sha256(name.encode() + b"\n" + key).hexdigest()[:8] != key_hash:
        fail("the verifier key is malformed")
    with open(path, encoding="utf-8", errors="surrogateescape") as f:
        text, sep, signatures = f.read().rpartition("\n\n")
    text += "\n"
    for line in signatures.splitlines():
        parts = line.split(" ")
        if sep and len(parts) == 3 and parts[0] == "\u2014" and parts[1] == name:
            raw = base64.b64decode(parts[2])
            if raw[:4].hex() == key_hash and ed25519_verify(key[1:], text.encode("utf-8", "surrogateescape"), raw[4:]):
                break
    else:
        fail(f"{path}: no signature by {name}+{key_hash}")
    lines = text.split("\n")
    if len(lines) != 4 or lines[0] != name or lines[3]:
        fail(f"{path}: not a checkpoint of {name}")
    return int(lines[1]), base64.b64decode(lines[2])


def tile_path(directory, level, n, width):
    name = "%03d" % (n % 1000)
    while n >= 1000:
        n //= 1000
        name = "x%03d/%s" % (n % 1000, name)
    if width < 256:
        name += ".p/%d" % width
    return os.path.join(directory, "tile", str(level), name)


def read(path):
    try:
        with open(path, "rb") as f:
            return f.read()
    except OSError as e:
        fail(str(e))


def node(a, b):
    return hashlib.sha256(b"\x01" + a + b).digest()


def merkle(hashes):
    if not hashes:
        return hashlib.sha256(b"").digest()
    if len(hashes) == 1:
        return hashes[0]
    k = 1 << (len(hashes) - 1).bit_length() - 1
    return node(merkle(hashes[:k]), merkle(hashes[k:]))


def bundles(directory, size):
    for n in range((size + 255) // 256):
        width = min(256, size - n * 256)
        data = read(tile_path(directory, "entries", n, width))
        hashes = read(tile_path(directory, 0, n, width))
        if len(hashes) != 32 * width:
            fail(f"tile {n} of level 0 has {len(hashes)} bytes")
        at = 0
        for i in range(width):
            length = int.from_bytes(data[at:at + 2], "big")
            record = data[at + 2:at + 2 + length]
            at += 2 + length
            leaf = hashlib.sha256(b"\x00" + record).digest()
            if leaf != hashes[32 * i:32 * i + 32]:
                fail(f"record {n * 256 + i} does not have the hash in its tile")
            yield n * 256 + i, record, leaf
        if at != len(data):
            fail(f"bundle {n} has bytes after its last record")


def unique(pairs):
    keys = [k for k, _ in pairs]
    if len(set(keys)) != len(keys):
        raise ValueError("a key twice")
    return dict(pairs)


def canonical(value):
    if isinstance(value, dict):
        keys = sorted(value, key=lambda k: k.encode("utf-16-be"))
        return "{" + ",".join(canonical(k) + ":" + canonical(value[k]) for k in keys) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(canonical, value)) + "]"
    if isinstance(value, float):
        raise ValueError("a float")
    return json.dumps(value, ensure_ascii=False)


def check_record(index, record, origin, sessions):
    try:
        value = json.loads(record.decode(), object_pairs_hook=unique)
        if canonical(value).encode() != record:
            raise ValueError("not canonical")
    except (ValueError, UnicodeDecodeError) as e:
        fail(f"record {index}: {e}")
    if value.get("log") != origin:
        fail(f"record {index} belongs to the log {value.get('log')}")
    if "session_seq" in value:
        session = value["session"]
        if value["session_seq"] != sessions.get(session, 0) + 1:
            fail(f"record {index}: a gap in session {session}")
        sessions[session] = value["session_seq"]


def main(directory, vkey):
    size, root = open_checkpoint(os.path.join(directory, "checkpoint"), vkey)
    roots = {}
    for name in os.listdir(os.path.join(directory, "cp")):
        n, r = open_checkpoint(os.path.join(directory, "cp", name), vkey)
        if str(n) != name:
            fail(f"cp/{name} is over {n} records")
        roots[n] = r
    if roots.get(size) != root or max(roots) != size:
        fail("the latest checkpoint is not the newest in cp")
    leaves, sessions, good = [], {}, 0
    for index, record, leaf in bundles(directory, size):
        leaves.append(leaf)
        if index + 1 in roots:
            if merkle(leaves) != roots[index + 1]:
                fail(f"records {good} to {index}: the root is not the signed one")
            good = index + 1
        check_record(index, record, vkey.split("+")[0], sessions)
    level, hashes = 1, [merkle(leaves[i:i + 256]) for i in range(0, len(leaves) - 255, 256)]
    while hashes:
        for n in range((len(hashes) + 255) // 256):
            part = hashes[n * 256:n * 256 + 256]
            if read(tile_path(directory, level, n, len(part))) != b"".join(part):
                fail(f"tile {n} of level {level} is wrong")
        level, hashes = level + 1, [merkle(hashes[i:i + 256]) for i in range(0, len(hashes) - 255, 256)]
    print(f"ok: {size} records, {len(roots)} checkpoints, {len(sessions)} sessions, root {base64.b64encode(root).decode()}")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(sys.argv[1], sys.argv[2])
