#!/usr/bin/env python3
"""What an attacker does to a copy of a ledger, for tests/it/second_verifier.rs. Both verifiers must find every one of these.

    python3 tamper.py HOW TARGET

The worst of them holds everything the node holds, its signing key included: `typed-column` changes what SQL reads, records the new
file, and signs the whole log again. Only deriving every column from the signed entry finds that."""

from __future__ import annotations

import datetime
import json
import re
import sqlite3
import struct
import sys
from pathlib import Path
from typing import Any, Callable

import pyarrow
import pyarrow.parquet
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding

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


def last_body(change: Callable[[dict], dict]) -> Callable[[Path], None]:
    """The newest entry gets another content, is signed again if its kind is, and so is the whole log: nothing but its form is wrong."""

    def edit(folder: Path) -> None:
        stolen = Stolen(folder)
        entry = change(json.loads(stolen.entries()[-1]))
        data = verify.canonical(entry)
        stolen.store.execute("UPDATE entry SET entry = ?, leaf = ?, kind = ? WHERE seq = ?", (data, verify.leaf_of(data), entry["kind"], entry["seq"]))
        stolen.sign_again(stolen.entries())

    return edit


def replaces(change: Callable[[dict], dict]) -> Callable[[Path], None]:
    """The newest entry records a merged segment; it claims something else, with a file that is where it says."""

    def edit(folder: Path) -> None:
        stolen = Stolen(folder)
        entry, path = stolen.last_segment()
        body = entry["body"] | change(entry["body"])
        body["rows"] = body["last"] - body["first"] + 1
        body["path"] = f"{body['path'].rsplit('/', 1)[0]}/{body['first']:012}-{body['last']:012}.parquet"
        entry["body"] = {name: value for name, value in body.items() if value is not None}
        path.rename(folder / "ledger" / body["path"])
        stolen.record_again(entry, folder / "ledger" / body["path"])

    return edit


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


def rebuild(change: Callable[[dict[str, bytes]], None]) -> Callable[[Path], None]:
    """Changes the files of a pack, leaving a zip of the right form. What is not changed keeps its packed bytes."""

    def change_pack(path: Path) -> None:
        with path.open("rb") as source:
            pack = verify.Container(source)
            whole = {name: pack.read(name) for name in pack.files}
        files = {name: plain for name, (plain, _) in whole.items()}
        change(files)
        body, directory = b"", b""
        for name in sorted(files, key=lambda name: (name.startswith("seal/"), name.encode())):
            plain = files[name]
            packed = whole[name][1] if name in whole and whole[name][0] == plain else plain
            method = 0 if plain == packed else 8
            common = struct.pack("<HHHHHIII", 20, 0x0800, method, 0, 0x21, verify.zlib.crc32(plain), len(packed), len(plain))
            names = struct.pack("<H", len(name))
            directory += b"PK\x01\x02\x14\x03" + common + names + struct.pack("<HHHHII", 0, 0, 0, 0, 0o100644 << 16, len(body)) + name.encode()
            body += b"PK\x03\x04" + common + names + b"\x00\x00" + name.encode() + packed
        end = struct.pack("<HHHHIIH", 0, 0, len(files), len(files), len(directory), len(body), 0)
        path.write_bytes(body + directory + b"PK\x05\x06" + end)
        with path.open("rb") as source:
            verify.Container(source)

    return change_pack


def drop(files: dict[str, bytes], pattern: str) -> None:
    victims = [name for name in files if re.fullmatch(pattern, name)]
    assert victims, pattern
    del files[victims[0]]


def edit(pattern: str, change: Callable[[bytes], bytes]) -> Callable[[Path], None]:
    """Changes one file of a pack and lists the new one in the manifest, which nobody signs again."""

    def change_files(files: dict[str, bytes]) -> None:
        name = next(name for name in files if re.fullmatch(pattern, name))
        changed = change(files[name])
        assert changed != files[name]
        files[name] = changed
        if name.startswith("seal/"):
            return
        manifest = json.loads(files["seal/manifest.json"])
        digest = verify.to_base64url(verify.sha256(changed))
        for file in manifest["files"]:
            if file["path"] == name:
                file |= {"bytes": len(changed), "sha256": digest, "packed_sha256": digest}
        pairs = [[file["path"], file["sha256"]] for file in manifest["files"]]
        manifest["pack_digest"] = verify.to_base64url(verify.sha256(verify.canonical(pairs)))
        files["seal/manifest.json"] = verify.canonical(manifest)

    return rebuild(change_files)


def in_json(change: Callable[[Any], None]) -> Callable[[bytes], bytes]:
    def change_bytes(data: bytes) -> bytes:
        value = json.loads(data)
        change(value)
        return verify.canonical(value)

    return change_bytes


def less(value: dict[str, Any], member: str) -> None:
    value[member] -= 1


# ---------------------------------------------------------------------------------------------------------------- signed notes


def edit_line(path: Path, which: int, change: Callable[[bytes], bytes]) -> None:
    """Changes the bytes of one signature line of a note: 0 is the log's, the others are the witnesses'."""
    head = path / "ledger/checkpoint" if path.is_dir() else path
    text, lines = head.read_text().rsplit("\n\n", 1)
    lines = lines.splitlines()
    mark, name, data = lines[which].split(" ")
    changed = change(verify.base64.b64decode(data))
    lines[which] = f"{mark} {name} {verify.base64.b64encode(changed).decode()}"
    head.write_text(f"{text}\n\n" + "".join(line + "\n" for line in lines))


def flipped(at: int) -> Callable[[bytes], bytes]:
    return lambda data: bytes(byte ^ (place == at % len(data)) for place, byte in enumerate(data))


def without_last_line(path: Path) -> None:
    head = path / "ledger/checkpoint" if path.is_dir() else path
    head.write_text("".join(head.read_text().splitlines(keepends=True)[:-1]))


def strangers_line(path: Path) -> None:
    """A witness that nobody knows cosigns the head."""
    head = path / "ledger/checkpoint" if path.is_dir() else path
    note = head.read_bytes()
    key = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
    name = b"stranger.example"
    note_id = verify.sha256(name, b"\n\x04", key.public_key().public_bytes_raw())[:4]
    text = verify.parse_note(note).text
    line = note_id + (1_782_900_000).to_bytes(8, "big") + key.sign(b"cosignature/v1\ntime 1782900000\n" + text)
    head.write_bytes(note + "— ".encode() + name + b" " + verify.base64.b64encode(line) + b"\n")


def line_of_kept_head(folder: Path) -> None:
    """The witnesses' lines of an older head under the newest: an honest witness signed them, but not over this."""
    (older,) = [path for path in folder.glob("older-head")]
    head = folder / "ledger/checkpoint"
    own = head.read_text().rsplit("\n\n", 1)[1].splitlines()[0]
    text = head.read_text().rsplit("\n\n", 1)[0]
    others = older.read_text().rsplit("\n\n", 1)[1].splitlines()[1:]
    head.write_text(f"{text}\n\n" + "".join(line + "\n" for line in [own, *others]))
    older.unlink()


# ---------------------------------------------------------------------------------------------------------------- timestamps


def tlv(tag: int, *contents: bytes) -> bytes:
    data = b"".join(contents)
    if len(data) < 0x80:
        return bytes([tag, len(data)]) + data
    length = len(data).to_bytes((len(data).bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(length)]) + length + data


def object_id(text: str) -> bytes:
    first, second, *others = (int(number) for number in text.split("."))
    data = b""
    for number in [40 * first + second, *others]:
        septets = [number & 0x7F]
        while number := number >> 7:
            septets.append(number & 0x7F | 0x80)
        data += bytes(reversed(septets))
    return tlv(0x06, data)


class Authority:
    """A timestamping authority for a test: a certificate that signs certificates, and one for timestamps below it."""

    def __init__(self) -> None:
        now = datetime.datetime.now(datetime.timezone.utc)
        self.time = now.replace(microsecond=0)
        root, self.key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())

        def certificate(name: str, key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
            builder = x509.CertificateBuilder().subject_name(x509.Name([x509.NameAttribute(x509.oid.NameOID.COMMON_NAME, name)]))
            builder = builder.issuer_name(x509.Name([x509.NameAttribute(x509.oid.NameOID.COMMON_NAME, "test authority")]))
            builder = builder.not_valid_before(now - datetime.timedelta(days=1)).not_valid_after(now + datetime.timedelta(days=1))
            return builder.public_key(key).serial_number(x509.random_serial_number())

        limits = x509.BasicConstraints(ca=True, path_length=0)
        self.root = certificate("test authority", root.public_key()).add_extension(limits, critical=True).sign(root, hashes.SHA256())
        purpose = x509.ExtendedKeyUsage([x509.oid.ExtendedKeyUsageOID.TIME_STAMPING])
        self.own = certificate("test stamps", self.key.public_key()).add_extension(purpose, critical=True).sign(root, hashes.SHA256())

    def stamp(self, text: bytes) -> bytes:
        """RFC 3161 by hand: `TimeStampResp` with a token of `SignedData`."""
        sha256 = tlv(0x30, object_id("2.16.840.1.101.3.4.2.1"), tlv(0x05))
        info = tlv(
            0x30, tlv(0x02, b"\x01"), object_id("1.2.3.4"), tlv(0x30, sha256, tlv(0x04, verify.sha256(text))), tlv(0x02, b"\x07"),
            tlv(0x18, self.time.strftime("%Y%m%d%H%M%SZ").encode()),
        )
        encoded = self.own.public_bytes(Encoding.DER)
        named = tlv(0x30, tlv(0x30, tlv(0x30, tlv(0x04, verify.sha256(encoded)))))
        attributes = b"".join(sorted([
            tlv(0x30, object_id(verify.CONTENT_TYPE), tlv(0x31, object_id(verify.TST_INFO))),
            tlv(0x30, object_id(verify.MESSAGE_DIGEST), tlv(0x31, tlv(0x04, verify.sha256(info)))),
            tlv(0x30, object_id(verify.SIGNING_CERTIFICATE_V2), tlv(0x31, named)),
        ]))
        number = self.own.serial_number
        serial = tlv(0x02, number.to_bytes(number.bit_length() // 8 + 1, "big"))
        signature = self.key.sign(tlv(0x31, attributes), ec.ECDSA(hashes.SHA256()))
        signer = tlv(
            0x30, tlv(0x02, b"\x01"), tlv(0x30, self.own.issuer.public_bytes(), serial), sha256, tlv(0xA0, attributes),
            tlv(0x30, object_id("1.2.840.10045.4.3.2")), tlv(0x04, signature),
        )
        content = tlv(0x30, object_id(verify.TST_INFO), tlv(0xA0, tlv(0x04, info)))
        signed = tlv(0x30, tlv(0x02, b"\x03"), tlv(0x31, sha256), content, tlv(0xA0, encoded), tlv(0x31, signer))
        return tlv(0x30, tlv(0x30, tlv(0x02, b"\x00")), tlv(0x30, object_id(verify.SIGNED_DATA), tlv(0xA0, signed)))


def stamp(folder: Path) -> None:
    """Timestamps of the published head and of an older one that the log keeps, with the authority's certificate in `ca.pem`."""
    authority = Authority()
    (folder / "ca.pem").write_bytes(authority.root.public_bytes(Encoding.PEM))
    (folder / "ledger/timestamps").mkdir()
    store = sqlite3.connect(folder / "log.sqlite")
    (older,) = store.execute("SELECT note FROM checkpoint ORDER BY size LIMIT 1").fetchone()
    for note in (older.encode(), (folder / "ledger/checkpoint").read_bytes()):
        text = verify.parse_note(note).text
        size = verify.parse_checkpoint(text)[1]
        (folder / f"ledger/timestamps/{size:012}.checkpoint").write_bytes(text)
        (folder / f"ledger/timestamps/{size:012}.tsr").write_bytes(authority.stamp(text))
    assert len(stamps(folder, "tsr")) == 2


def stamps(folder: Path, ending: str) -> list[Path]:
    return sorted((folder / "ledger/timestamps").glob(f"*.{ending}"))


def swap_stamps(folder: Path) -> None:
    """Each head gets the timestamp of the other."""
    one, two = stamps(folder, "tsr")
    data = one.read_bytes()
    one.write_bytes(two.read_bytes())
    two.write_bytes(data)


def rename_stamp(folder: Path) -> None:
    """The timestamp of the older head, text and all, under the size of the newer."""
    for ending in ("checkpoint", "tsr"):
        one, two = stamps(folder, ending)
        two.write_bytes(one.read_bytes())


def stamp_again(folder: Path) -> None:
    """Another authority stamps the newest head today, and its answer takes the place of the kept one."""
    text = stamps(folder, "checkpoint")[-1].read_bytes()
    stamps(folder, "tsr")[-1].write_bytes(Authority().stamp(text))


def stamp_beyond(folder: Path) -> None:
    """A timestamp of a head that the log never had."""
    for path in (folder / "ledger/timestamps").glob(f"{stamps(folder, 'tsr')[-1].stem}.*"):
        path.with_name(f"000000999999{path.suffix}").write_bytes(path.read_bytes())


# ---------------------------------------------------------------------------------------------------------------- others


def edit_disclosure(change: Callable[[dict], dict]) -> Callable[[Path], None]:
    return lambda path: path.write_bytes(verify.canonical(change(json.loads(path.read_bytes()))))


def edit_entry_of_proof(path: Path) -> None:
    lines = path.read_text().split("\n")
    entry = verify.base64.b64decode(lines[1].removeprefix("extra "))
    changed = entry.replace(b'"channel":"', b'"channel":"x', 1)
    assert changed != entry
    lines[1] = "extra " + verify.base64.b64encode(changed).decode()
    path.write_text("\n".join(lines))


def bundle(change: Callable[[list[bytes]], list[bytes]]) -> Callable[[Path], None]:
    def edit(folder: Path) -> None:
        (path,) = [path for path in (folder / "tile/entries").rglob("*") if path.is_file()]
        entries = change(verify.read_bundle(path.read_bytes()))
        path.write_bytes(b"".join(len(entry).to_bytes(2, "big") + entry for entry in entries))

    return edit


HOW = {
    "log-line-flipped": lambda path: edit_line(path, 0, flipped(-1)),
    "cosignature-flipped": lambda path: edit_line(path, -1, flipped(-1)),
    "cosignature-time": lambda path: edit_line(path, -1, flipped(11)),
    "cosignature-of-another-key": lambda path: edit_line(path, -1, flipped(0)),
    "cosignature-short": lambda path: edit_line(path, -1, lambda data: data[:-1]),
    "cosignature-removed": without_last_line,
    "cosignature-of-stranger": strangers_line,
    "cosignature-of-older-head": line_of_kept_head,
    "stamp": stamp,
    "stamps-swapped": swap_stamps,
    "stamp-under-another-size": rename_stamp,
    "stamp-by-another": stamp_again,
    "stamp-beyond": stamp_beyond,
    "disclosure-value": edit_disclosure(lambda given: given | {"value": str(given["value"]) + "."}),
    "disclosure-salt": edit_disclosure(lambda given: given | {"salt": "A" * 22}),
    "disclosure-of-another-field": edit_disclosure(lambda given: given | {"pointer": "/body/action"}),
    "disclosure-of-no-field": edit_disclosure(lambda given: given | {"pointer": "/body/nothing"}),
    "disclosure-of-another-log": edit_disclosure(lambda given: given | {"log": "elsewhere"}),
    "disclosure-of-no-event": edit_disclosure(lambda given: given | {"event_id": "01980000-0000-7000-8000-000000000001"}),
    "disclosure-with-more": edit_disclosure(lambda given: given | {"more": 1}),
    "proof-entry": edit_entry_of_proof,
    "bundle-entry-edited": bundle(lambda entries: [*entries[:3], entries[3].replace(b'"v":1}', b'"v":2}'), *entries[4:]]),
    "bundle-entry-removed": bundle(lambda entries: entries[:-1]),
    "bundle-entries-swapped": bundle(lambda entries: [*entries[:3], entries[4], entries[3], *entries[5:]]),
    "bundle-entry-added": bundle(lambda entries: [*entries, entries[-1]]),
    "typed-column": typed_column,
    "replaces-one-more": replaces(lambda body: {"replaces": body["replaces"] + 1}),
    "replaces-one-less": replaces(lambda body: {"replaces": body["replaces"] - 1}),
    "replaces-nothing": replaces(lambda body: {"replaces": None}),
    "replaces-with-gap": replaces(lambda body: {"first": body["first"] + 1}),
    "replaces-with-overlap": replaces(lambda body: {"last": body["last"] - 1}),
    "same-rows-again": same_rows_again,
    "recorded-again": recorded_again,
    "cut-tail": cut_tail,
    "body-unchanged": last_body(lambda entry: entry),
    "body-with-more": last_body(lambda entry: entry | {"body": entry["body"] | {"later": 1}}),
    "body-with-less": last_body(lambda entry: entry | {"body": {name: value for name, value in entry["body"].items() if name != "rows"}}),
    "body-of-another-type": last_body(lambda entry: entry | {"body": entry["body"] | {"bytes": "many"}}),
    "body-of-another-kind": last_body(lambda entry: entry | {"kind": "segment.unsealed"}),
    "request-where-none-belongs": last_body(lambda entry: entry | {"request_id": "01980000-0000-7000-8000-000000000001"}),
    "actor-of-no-kind": last_body(lambda entry: entry | {"actor": {**entry["actor"], "auth": {"amr": []}}}),
    "pack-as-it-was": rebuild(lambda files: None),
    "pack-without-file": rebuild(lambda files: drop(files, "results.json")),
    "pack-without-entries": rebuild(lambda files: drop(files, r"ledger/events/\d+\.parquet")),
    "pack-without-piece": rebuild(lambda files: [drop(files, r"ledger/events/.*") for _ in range(3)] and None),
    "pack-without-period": rebuild(lambda files: drop(files, "ledger/period.json")),
    "pack-without-heads": rebuild(lambda files: drop(files, "seal/heads.jsonl")),
    "pack-without-envelope": rebuild(lambda files: drop(files, "seal/manifest.dsse.json")),
    "pack-with-file": rebuild(lambda files: files.update({"zz.txt": b"hello"})),
    "pack-with-seal-file": rebuild(lambda files: files.update({"seal/zz": b"hello"})),
    "pack-entry": edit(r"ledger/events/\d+\.jsonl", lambda data: data.replace(b'"v":1}', b'"v":2}', 1)),
    "pack-entry-removed": edit(r"ledger/events/\d+\.jsonl", lambda data: data[: data.rindex(b"\n", 0, -1) + 1]),
    "pack-signature": edit(r"ledger/events/\d+\.signatures\.jsonl", lambda data: data[: data.rindex(b"\n", 0, -1) + 1]),
    "pack-period": edit(r"ledger/period\.json", in_json(lambda value: less(value["end"], "size"))),
    "pack-population": edit(r"tests/I01/population\.csv", lambda data: data[: data.rindex(b"\n", 0, -1) + 1]),
    "pack-run": edit(r"tests/I01/run\.json", in_json(lambda value: less(value, "rows"))),
    "pack-head": edit(r"seal/heads\.jsonl", lambda data: data.replace(b'"size":', b'"size":9', 1)),
    "pack-heads-none": edit(r"seal/heads\.jsonl", lambda data: b""),
    "pack-envelope": edit(r"seal/manifest\.dsse\.json", in_json(lambda value: value.update(payloadType="x"))),
    "pack-consistency": edit(r"seal/consistency\.json", lambda data: b"[]" if data != b"[]" else b'["' + b"A" * 43 + b'"]'),
}

if __name__ == "__main__":
    HOW[sys.argv[1]](Path(sys.argv[2]))
