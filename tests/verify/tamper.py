#!/usr/bin/env python3
"""What an attacker does to a copy of a ledger, for tests/it/second_verifier.rs. Both verifiers must find every one of these.

    python3 tamper.py HOW TARGET

The worst of them holds everything the node holds, its signing key included: `typed-column` changes what SQL reads, records the new
file, and signs the whole log again. Only deriving every column from the signed entry finds that."""

from __future__ import annotations

import json
import sqlite3
import struct
import sys
from pathlib import Path

import pyarrow
import pyarrow.parquet
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

import verify


class Stolen:
    """A data folder in the hands of somebody who has its key as well."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.store = sqlite3.connect(folder / "log.sqlite")
        self.origin, seed = (folder / "keys/node.key").read_text().split()
        self.key = Ed25519PrivateKey.from_private_bytes(verify.from_base64url(seed, 32))

    def entries(self) -> list[bytes]:
        return [entry for (entry,) in self.store.execute("SELECT entry FROM entry ORDER BY seq")]

    def sign_again(self, entries: list[bytes]) -> None:
        """Head, kept head, published head and tiles as if these had always been the entries."""
        tree = verify.Tree()
        for entry in entries:
            tree.push(verify.leaf_of(entry))
        text = f"{self.origin}\n{tree.size}\n{verify.base64.b64encode(tree.root()).decode()}\n"
        public = self.key.public_key().public_bytes_raw()
        note_id = verify.sha256(self.origin.encode(), b"\n\x01", public)[:4]
        line = verify.base64.b64encode(note_id + self.key.sign(text.encode())).decode()
        note = f"{text}\n— {self.origin} {line}\n"
        self.store.execute("UPDATE head SET size = ?, peaks = ?, checkpoint = ?", (tree.size, b"".join(tree.peaks), note))
        self.store.execute("DELETE FROM checkpoint WHERE size >= ?", (tree.size,))
        self.store.execute("INSERT INTO checkpoint SELECT ?, ?, time FROM head", (tree.size, note))
        self.store.commit()
        (self.folder / "ledger/checkpoint").write_text(note)
        levels = [[verify.leaf_of(entry) for entry in entries]]
        while len(levels[-1]) >= 256:
            last = levels[-1]
            levels.append([verify.root_of_full(last[at : at + 256]) for at in range(0, len(last) // 256 * 256, 256)])
        for path in (self.folder / "ledger/tile").rglob("*"):
            if path.is_file():
                path.unlink()
        for level, hashes in enumerate(levels):
            for index in range((len(hashes) + 255) // 256):
                tile = hashes[index * 256 : index * 256 + 256]
                path = self.folder / verify.Tiles.name(level, index, len(tile))
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(b"".join(tile))

    def last_segment(self) -> tuple[dict, Path]:
        entry = json.loads(self.entries()[-1])
        assert entry["kind"] == "segment.sealed", "the log must end with the record of a segment"
        return entry, self.folder / "ledger" / entry["body"]["path"]

    def record_again(self, entry: dict, path: Path) -> None:
        entry["body"] |= {"bytes": path.stat().st_size, "sha256": verify.to_base64url(verify.sha256_of(path))}
        data = verify.canonical(entry)
        self.store.execute("UPDATE entry SET entry = ?, leaf = ? WHERE seq = ?", (data, verify.leaf_of(data), entry["seq"]))
        self.sign_again(self.entries())


def rewrite(path: Path, change) -> None:
    table = pyarrow.parquet.read_table(path)
    pyarrow.parquet.write_table(change(table).cast(verify.SEGMENT_SCHEMA), path, compression="zstd", coerce_timestamps="us")


def set_cell(name: str, value: str):
    def change(table: pyarrow.Table) -> pyarrow.Table:
        cells = table[name].to_pylist()
        cells[len(cells) // 2] = value
        at = table.schema.get_field_index(name)
        return table.set_column(at, table.schema.field(at), pyarrow.array(cells, table.schema.field(at).type))

    return change


def typed_column(folder: Path) -> None:
    stolen = Stolen(folder)
    entry, path = stolen.last_segment()
    rewrite(path, set_cell("actor_id", "mallory"))
    stolen.record_again(entry, path)


def same_rows_again(folder: Path) -> None:
    """A file with the same rows in other bytes: harmless to read, but not the one that was recorded."""
    _, path = Stolen(folder).last_segment()
    rewrite(path, lambda table: table)


def recorded_again(folder: Path) -> None:
    """The same, recorded and signed again with the stolen key: nothing in it is false, and without a remembered head nothing shows."""
    stolen = Stolen(folder)
    entry, path = stolen.last_segment()
    rewrite(path, lambda table: table)
    stolen.record_again(entry, path)


def cut_tail(folder: Path) -> None:
    """The log as it was at an earlier head that the node itself signed; the published head is what remembers."""
    stolen = Stolen(folder)
    size, note = stolen.store.execute("SELECT size, note FROM checkpoint ORDER BY size DESC LIMIT 1 OFFSET 1").fetchone()
    stolen.store.execute("DELETE FROM entry WHERE seq >= ?", (size,))
    stolen.store.execute("DELETE FROM checkpoint WHERE size > ?", (size,))
    tree = verify.Tree()
    for entry in stolen.entries():
        tree.push(verify.leaf_of(entry))
    stolen.store.execute("UPDATE head SET size = ?, peaks = ?, checkpoint = ?", (size, b"".join(tree.peaks), note))
    stolen.store.commit()


def zip_without(path: Path, victim: str | None = None, extra: str | None = None) -> None:
    """Takes a file out of a pack, or puts one in, leaving a zip of the right form."""
    files = verify.read_zip(path.read_bytes())
    packed = {name: (plain, packed) for name, (plain, packed) in files.items() if name != victim}
    assert victim is None or victim in files
    if extra is not None:
        packed[extra] = (b"hello", b"hello")
    body, directory = b"", b""
    for name in sorted(packed, key=str.encode):
        plain, stored = packed[name]
        method = 0 if plain == stored else 8
        common = struct.pack("<HHHHHIII", 20, 0x0800, method, 0, 0x21, verify.zlib.crc32(plain), len(stored), len(plain))
        names = struct.pack("<H", len(name))
        directory += b"PK\x01\x02\x14\x03" + common + names + struct.pack("<HHHHII", 0, 0, 0, 0, 0o100644 << 16, len(body)) + name.encode()
        body += b"PK\x03\x04" + common + names + b"\x00\x00" + name.encode() + stored
    end = struct.pack("<HHHHIIH", 0, 0, len(packed), len(packed), len(directory), len(body), 0)
    path.write_bytes(body + directory + b"PK\x05\x06" + end)
    verify.read_zip(path.read_bytes())


HOW = {
    "typed-column": typed_column,
    "same-rows-again": same_rows_again,
    "recorded-again": recorded_again,
    "cut-tail": cut_tail,
    "pack-without-file": lambda path: zip_without(path, victim="results.json"),
    "pack-without-entries": lambda path: zip_without(path, victim="ledger/events.parquet"),
    "pack-with-file": lambda path: zip_without(path, extra="zz.txt"),
    "pack-with-seal-file": lambda path: zip_without(path, extra="seal/zz"),
    "pack-as-it-was": zip_without,
}

if __name__ == "__main__":
    HOW[sys.argv[1]](Path(sys.argv[2]))
