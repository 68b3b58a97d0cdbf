#!/usr/bin/env python3
"""Makes the corpora that the fuzz targets start from, out of the golden vectors: python3 corpus.py TARGET…

What is written is in `corpus/`, which is not kept in the repository."""

from __future__ import annotations

import base64
import hashlib
import json
import sqlite3
import struct
import sys
import zlib
from pathlib import Path

HERE = Path(__file__).resolve().parent
VECTORS = HERE.parent / "tests" / "vectors"
GOLDEN = VECTORS / "ledger-v1"
EVENTS = HERE.parent / "crates" / "privyseal-core" / "testdata" / "events-v1.jsonl"


def read(*names: str) -> list[bytes]:
    return [(VECTORS / name).read_bytes() for name in names]


def base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def cosignatures() -> list[bytes]:
    head, policy = read("log/checkpoint.cosigned", "log/policy")
    return [head, head.splitlines()[-1], policy.split(b"\nwitness ")[1].split()[1], b"12\n"]


def policies() -> list[bytes]:
    (policy,) = read("log/policy")
    named = policy.rpartition(b"quorum")[0]
    return [policy, named + b"quorum none\n", b"# c\n" + named + b"group g any w1\n\tgroup h all g\nquorum h\n"]


def requests() -> list[bytes]:
    (head,) = read("log/checkpoint")
    proof = json.loads((VECTORS / "log/consistency.json").read_text())["proof_hex"]
    lines = b"".join(base64.b64encode(bytes.fromhex(node)) + b"\n" for node in proof)
    return [b"old 0\n\n" + head, b"old 7\n" + lines + b"\n" + head, b"old 12\n\n" + head]


def passkeys() -> list[bytes]:
    """What a browser sends of a new passkey, with the base point of P-256 as its key; two bytes say how long the client data are."""
    client_data = b'{"type":"webauthn.create","challenge":"Y2hhbGxlbmdl","origin":"http://localhost:8420","crossOrigin":false}'
    x = bytes.fromhex("6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296")
    y = bytes.fromhex("4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5")
    keys = [b"\xa5\x01\x02\x03\x26\x20\x01\x21\x58\x20" + x + b"\x22\x58\x20" + y, b"\xa4\x01\x01\x03\x27\x20\x06\x21\x58\x20" + x]
    found = []
    for key in keys:
        data = hashlib.sha256(b"localhost").digest() + b"\x45" + bytes(4) + bytes(16) + b"\x00\x04name" + key
        attestation = b"\xa3\x63fmt\x64none\x67attStmt\xa0\x68authData\x59" + struct.pack(">H", len(data)) + data
        found.append(struct.pack(">H", len(client_data)) + client_data + attestation)
    return found


def container(files: dict[str, bytes]) -> bytes:
    """A zip of the one form that packs have (docs/LEDGER.md, "Evidence packs")."""
    body = directory = b""
    for name in sorted(files, key=str.encode):
        plain = files[name]
        packer = zlib.compressobj(9, zlib.DEFLATED, -15)
        packed = packer.compress(plain) + packer.flush()
        common = struct.pack("<HHHHHIIIH", 20, 0x0800, 8, 0, 0x21, zlib.crc32(plain), len(packed), len(plain), len(name))
        directory += b"PK\x01\x02\x14\x03" + common + struct.pack("<HHHHII", 0, 0, 0, 0, 0o100644 << 16, len(body)) + name.encode()
        body += b"PK\x03\x04" + common + b"\x00\x00" + name.encode() + packed
    return body + directory + b"PK\x05\x06" + struct.pack("<HHHHIIH", 0, 0, len(files), len(files), len(directory), len(body), 0)


def root(leaves: list[bytes]) -> bytes:
    """RFC 6962, section 2.1."""
    if len(leaves) == 1:
        return leaves[0]
    left = 1 << (len(leaves) - 1).bit_length() - 1
    return hashlib.sha256(b"\1" + root(leaves[:left]) + root(leaves[left:])).digest()


def packs() -> list[bytes]:
    """Of the shape of a pack, its manifest right, its signatures those of something else: the keys of the golden ledger are gone."""
    store = sqlite3.connect(f"file:{GOLDEN / 'log.sqlite'}?mode=ro&immutable=1", uri=True)
    rows = list(store.execute("SELECT seq, entry, signature, key_id FROM entry ORDER BY seq LIMIT 21"))
    signed = [{"key_id": key_id, "seq": seq, "signature": base64url(signature)} for seq, _, signature, key_id in rows if signature]
    checkpoint = (GOLDEN / "ledger/checkpoint").read_text()
    files = {
        "README.txt": b"hello hello hello hello",
        "ledger/events.jsonl": b"".join(entry + b"\n" for _, entry, _, _ in rows),
        "ledger/signatures.jsonl": b"".join(json.dumps(line, separators=(",", ":")).encode() + b"\n" for line in signed),
        "ledger/events.parquet": next(iter(sorted(GOLDEN.glob("ledger/events/*/*/*.parquet")))).read_bytes(),
    }
    for path in GOLDEN.glob("ledger/blobs/sha256/*/*"):
        files[f"ledger/blobs/{path.parent.name}{path.name}"] = path.read_bytes()
    listed = []
    for name in sorted(files, key=str.encode):
        packer = zlib.compressobj(9, zlib.DEFLATED, -15)
        packed = packer.compress(files[name]) + packer.flush()
        digests = {"packed_sha256": base64url(hashlib.sha256(packed).digest()), "sha256": base64url(hashlib.sha256(files[name]).digest())}
        listed.append({"bytes": len(files[name]), "path": name, **digests})
    pairs = json.dumps([[file["path"], file["sha256"]] for file in listed], separators=(",", ":")).encode()
    manifest = {
        "built_at": "2026-07-01T00:00:00.000000Z", "files": listed, "format": 1, "frameworks": [], "log": checkpoint.split("\n")[0],
        "pack_digest": base64url(hashlib.sha256(pairs).digest()),
        "period": {"end": "2026-07-01T00:00:00.000000Z", "start": "2026-01-01T00:00:00.000000Z"},
        "snapshot": {"root": base64url(root([hashlib.sha256(b"\0" + entry).digest() for _, entry, _, _ in rows])), "size": 21}, "software": "corpus",
    }
    text = json.dumps(manifest, separators=(",", ":"), sort_keys=True).encode()
    files["seal/manifest.json"] = text
    line = checkpoint.split("\n\n")[1]
    files["seal/manifest.note"] = f"privyseal/pack/v1\n{base64url(hashlib.sha256(text).digest())}\n\n{line}".encode()
    files["seal/checkpoint"] = checkpoint.encode()
    files["seal/consistency.json"] = b"[]"
    return [container(files), container({"a": b""}), container({})]


SEEDS = {
    "event": lambda: EVENTS.read_bytes().splitlines(),
    "canonical": lambda: EVENTS.read_bytes().splitlines() + read("action.json", "hidden-value.json", "disclosure.json", "log/consistency.json"),
    "note": lambda: [*read("log/checkpoint", "log/checkpoint.cosigned"), (GOLDEN / "ledger/checkpoint").read_bytes()],
    "segment": lambda: [path.read_bytes() for path in GOLDEN.glob("ledger/events/*/*/*.parquet")],
    "tile": lambda: [b"0/000", b"1/000.p/3", b"0/x001/067", b"63/x123/x456/789.p/255"],
    "pack": packs,
    "cosignature": cosignatures,
    "policy": policies,
    "proof": lambda: read("log/entry-6.tlog-proof"),
    "witness_request": requests,
    "disclosure": lambda: read("disclosure.json"),
    "grant_token": lambda: read("grant.jws"),
    "bundle": lambda: read("log/tile/entries/000.p/12"),
    "passkey": passkeys,
    "timestamp": lambda: read("timestamp/p256.tsr", "timestamp/rsa.tsr", "timestamp/ca.pem"),
}

if __name__ == "__main__":
    for target in sys.argv[1:]:
        folder = HERE / "corpus" / target
        folder.mkdir(parents=True, exist_ok=True)
        for data in SEEDS[target]():
            (folder / hashlib.sha256(data).hexdigest()[:40]).write_bytes(data)
