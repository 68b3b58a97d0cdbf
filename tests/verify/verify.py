#!/usr/bin/env python3
"""The second verifier: says whether a Privyseal ledger or evidence pack is what was signed.

Written from docs/LEDGER.md alone, in another language, with other libraries and by other hands than `privyseal verify`, so that
nobody has to believe either of the two. One file on purpose, although it is long: an auditor can read it, keep it and run it.
Needs Python 3.11 and, from PyPI, `cryptography` and `pyarrow` (requirements.txt beside it). Names in comments are sections of
docs/LEDGER.md.

    python3 verify.py TARGET [--trusted-key KEY] [--policy FILE] [--timestamp-ca FILE] [--head CHECKPOINT] [--sealed] [--json]
    python3 verify.py --proof FILE [--trusted-key KEY] [--policy FILE]
    python3 verify.py TARGET --disclosure FILE

TARGET is a data folder, its public part `ledger/`, what `privyseal checkpoint export` wrote, an evidence pack, or a proof file.
Exit code 0: verified, 1: tampered, 2: could not tell.
Whether each event has the members that docs/EVENTS.md lists is checked by reading that page (--events), and left out, with a word, where
it is not.
"""

from __future__ import annotations

import argparse
import base64
import binascii
import csv
import hashlib
import io
import json
import re
import sqlite3
import struct
import sys
import zlib
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any, BinaryIO, Callable, Iterator
from urllib.parse import quote

import pyarrow
import pyarrow.parquet
from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding

VERIFIED, TAMPERED, UNSURE = "verified", "tampered", "could not tell"
EXIT_CODES = {VERIFIED: 0, TAMPERED: 1, UNSURE: 2}


class Bad(Exception):
    """Something is not what docs/LEDGER.md says it must be."""


# ---------------------------------------------------------------------------------------------------------------- report


@dataclass
class Report:
    """What was found. Everything wrong is collected, so that one run names every place."""

    log: str = ""
    key: str = ""
    key_trusted: bool = False
    entries: int = 0
    signatures: int = 0
    passkeys: int = 0
    heads: int = 0
    cosignatures: int = 0
    timestamps: int = 0
    files: int = 0
    size: int = 0
    root: str = ""
    # The page of events, to hold each against.
    schema: Schema | None = None
    notes: list[str] = field(default_factory=list)
    problems: list[tuple[str, str, str]] = field(default_factory=list)

    def tampered(self, place: str, what: object) -> None:
        self.problems.append((TAMPERED, place, str(what)))

    def unsure(self, place: str, what: object) -> None:
        self.problems.append((UNSURE, place, str(what)))

    @property
    def verdict(self) -> str:
        sorts = {sort for sort, _, _ in self.problems}
        return TAMPERED if TAMPERED in sorts else UNSURE if UNSURE in sorts else VERIFIED

    def as_json(self) -> str:
        value = {
            "verdict": self.verdict, "log": self.log, "key": self.key, "key_trusted": self.key_trusted, "entries": self.entries,
            "signatures": self.signatures, "passkeys": self.passkeys, "heads": self.heads, "cosignatures": self.cosignatures,
            "timestamps": self.timestamps, "files": self.files,
            "head": [self.size, self.root], "notes": self.notes,
            "problems": [{"sort": sort, "place": place, "what": what} for sort, place, what in self.problems[:1000]],
            "problem_count": len(self.problems),
        }
        return json.dumps(value, indent=2)

    def as_text(self) -> str:
        lines = [self.verdict if self.verdict != TAMPERED else "TAMPERED"]
        lines += [f"  {place}: {what}" for _, place, what in self.problems[:50]]
        if len(self.problems) > 50:
            lines.append(f"  and {len(self.problems) - 50} more")
        lines.append(f"checked {self.entries} entries, {self.signatures} event signatures, {self.passkeys} passkey signatures, "
                     f"{self.heads} signed heads, {self.cosignatures} cosignatures, {self.timestamps} timestamps, {self.files} files")
        lines.append(f"log {self.log} at size {self.size}, root {self.root}")
        trust = "as you gave it" if self.key_trusted else "as the log itself names it: compare it with a copy you trust (--trusted-key)"
        lines.append(f"key {self.key} {trust}")
        return "\n".join(lines + self.notes)


# ---------------------------------------------------------------------------------------------------------------- small forms


def from_base64url(text: object, length: int | None = None) -> bytes:
    """base64url without padding, in its only spelling."""
    if not isinstance(text, str) or not re.fullmatch(r"[A-Za-z0-9_-]*", text):
        raise Bad("is not base64url without padding")
    try:
        data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except binascii.Error as error:
        raise Bad("is not base64url without padding") from error
    if to_base64url(data) != text or (length is not None and len(data) != length):
        raise Bad("is not base64url of the right length")
    return data


def to_base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def from_base64(text: str) -> bytes:
    """Standard base64 with padding, in its only spelling."""
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise Bad("is not base64") from error
    if base64.b64encode(data).decode() != text:
        raise Bad("is not base64 in its only spelling")
    return data


TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")
EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


def microseconds(text: object) -> int:
    """A time of an entry as microseconds since 1970."""
    if not isinstance(text, str) or not TIME.fullmatch(text):
        raise Bad(f"`{text}` is not a time")
    try:
        moment = datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=timezone.utc)
    except ValueError as error:
        raise Bad(f"`{text}` is not a time") from error
    return (moment - EPOCH) // timedelta(microseconds=1)


def sha256(*parts: bytes) -> bytes:
    return hashlib.sha256(b"".join(parts)).digest()


def leaf_of(entry: bytes) -> bytes:
    return sha256(b"\x00", entry)


def node_of(left: bytes, right: bytes) -> bytes:
    return sha256(b"\x01", left, right)


# ---------------------------------------------------------------------------------------------------------------- canonical JSON ("Entry")

LARGEST = 2**53 - 1
DEEPEST = 64
LONGEST = 65_535


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise Bad("a member stands twice")
    return members


def _refuse_number(text: str) -> Any:
    raise Bad(f"`{text}` is not an integer")


_DECODER = json.JSONDecoder(object_pairs_hook=_object, parse_float=_refuse_number, parse_constant=_refuse_number)
_ENCODER = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False)


def _check_value(value: Any, depth: int) -> None:
    if depth > DEEPEST:
        raise Bad(f"is nested deeper than {DEEPEST} levels")
    if isinstance(value, (dict, list)):
        for child in value.values() if isinstance(value, dict) else value:
            _check_value(child, depth + 1)
        if isinstance(value, dict):
            for name in value:
                if not all(" " <= letter <= "~" for letter in name):
                    raise Bad("a member name is not printable ASCII")
    elif isinstance(value, int) and not isinstance(value, bool) and abs(value) > LARGEST:
        raise Bad("a number is outside of ±(2^53-1)")


def canonical(value: Any) -> bytes:
    """The one spelling of a value: names are ASCII, so the order by code point that Python has is JCS's order."""
    _check_value(value, 0)
    return _ENCODER.encode(value).encode("utf-8")


def parse_canonical(data: bytes) -> Any:
    """Reads bytes that must already be in canonical form."""
    try:
        value = _DECODER.decode(data.decode("utf-8"))
        again = canonical(value)
    except (ValueError, RecursionError) as error:
        raise Bad(f"is not canonical JSON: {error}") from error
    if again != data:
        raise Bad("is not in canonical form")
    return value


# ---------------------------------------------------------------------------------------------------------------- Ed25519, strict ("Signatures")

_P = 2**255 - 19
_L = 2**252 + 27742317777372353535851937790883648493
_D = -121665 * pow(121666, -1, _P) % _P


def _roots(square: int) -> list[int]:
    """The square roots modulo p = 5 (mod 8), RFC 8032 section 5.1.3."""
    root = pow(square, (_P + 3) // 8, _P)
    if root * root % _P != square % _P:
        root = root * pow(2, (_P - 1) // 4, _P) % _P
    return [root, -root % _P] if root * root % _P == square % _P else []


def _small_order_ys() -> frozenset[int]:
    """The y of every point whose order divides 8; a point and its negative share it.

    Order 1, 2 and 4 have y = 1, -1 and 0. A point of order 8 doubles to one with y = 0, so y^2 = -x^2, and on the curve
    -x^2 + y^2 = 1 + d x^2 y^2 that leaves d y^4 + 2 y^2 - 1 = 0."""
    found = {0, 1, _P - 1}
    for root in _roots(1 + _D):
        for y in _roots((root - 1) * pow(_D, -1, _P)):
            found.add(y)
    return frozenset(found)


_SMALL_ORDER = _small_order_ys()


def _strict_point(data: bytes) -> bool:
    """Whether an encoded point is canonical and not of small order. That it lies on the curve is checked by the library.

    x = 0 with a set sign bit is the one other non-canonical spelling; its points, y = 1 and -1, are of small order."""
    y = int.from_bytes(data, "little") & (2**255 - 1)
    return y < _P and y not in _SMALL_ORDER


def ed25519_strict(public: bytes, message: bytes, signature: bytes) -> bool:
    """RFC 8032 with canonical S, A and R, no small-order points, without cofactor.

    The library under `cryptography` computes R' = S*B - h*A and compares its bytes with R, which is the rule without cofactor and
    leaves R in its canonical spelling; what it would let through is refused before."""
    if len(public) != 32 or len(signature) != 64:
        return False
    if int.from_bytes(signature[32:], "little") >= _L or not _strict_point(public) or not _strict_point(signature[:32]):
        return False
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


def es256(public: bytes, message: bytes, signature: bytes) -> bool:
    """ECDSA on P-256 with SHA-256; public key as uncompressed point, signature as DER."""
    try:
        key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), public)
        key.verify(signature, message, ec.ECDSA(SHA256()))
    except (InvalidSignature, ValueError):
        return False
    return True


# ---------------------------------------------------------------------------------------------------------------- keys and notes ("Keys", "Head")


@dataclass
class Key:
    """A key of the log and the positions at which its signature counts."""

    name: str
    public: bytes
    purposes: frozenset[str]
    after: int
    until: int | None = None
    revoked_since: int | None = None
    # Whether the signature of the entry that enrolled it could be checked.
    proven: bool = True
    # Newest position signed by it, to find signatures that a later revocation makes worthless.
    newest_event: int = -1
    newest_head: int = -1

    @property
    def note_id(self) -> bytes:
        return sha256(self.name.encode(), b"\n\x01", self.public)[:4]

    @property
    def key_id(self) -> str:
        return self.note_id.hex()

    def counts_at(self, position: int, purpose: str) -> bool:
        return purpose in self.purposes and self.after < position and (self.until is None or position <= self.until)


SIGNS_NOTES, COSIGNS = 1, 4  # the first byte of a verifier key's data: what its signatures are over


def split_vkey(text: object) -> tuple[str, str, bytes]:
    """Name, key hash in hex, and data of a verifier-key text of any type."""
    parts = text.split("+", 2) if isinstance(text, str) else []
    if len(parts) != 3 or not parts[0] or re.search(r"\s", parts[0]):
        raise Bad("is not a verifier key")
    raw = from_base64(parts[2])
    if not raw or not re.fullmatch(r"[0-9a-f]{8}", parts[1]):
        raise Bad("is not a verifier key")
    return parts[0], parts[1], raw


def parse_vkey(text: object, sort: int = SIGNS_NOTES) -> tuple[str, bytes]:
    """Verifier-key text: name, key hash in hex, base64 of the type and the public key, joined by `+`."""
    name, key_id, raw = split_vkey(text)
    if len(raw) != 33 or raw[0] != sort:
        raise Bad(f"is not a verifier key of Ed25519, type {sort}")
    if sha256(name.encode(), b"\n", raw)[:4].hex() != key_id:
        raise Bad("is a verifier key whose hash is not that of its name and key")
    if not _strict_point(raw[1:]):
        raise Bad("is a verifier key of small order or not in canonical form")
    return name, raw[1:]


@dataclass
class Note:
    text: bytes
    signatures: list[tuple[str, bytes, bytes]]


def parse_note(data: bytes) -> Note:
    """A C2SP signed note: text, empty line, signature lines."""
    if len(data) > 1_000_000:
        raise Bad("is longer than a note can be")
    try:
        whole = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Bad("is not UTF-8") from error
    if any(letter < " " and letter != "\n" or letter == "\x7f" for letter in whole):
        raise Bad("has control characters")
    text, gap, lines = whole.rpartition("\n\n")
    if not gap or not lines.endswith("\n"):
        raise Bad("is not a signed note")
    signatures = []
    for line in lines[:-1].split("\n"):
        match = re.fullmatch(r"— (\S+) (\S+)", line)
        if not match or "+" in match[1]:
            raise Bad("has a line that is not a signature")
        raw = from_base64(match[2])
        if len(raw) < 5:
            raise Bad("has a signature that is too short")
        signatures.append((match[1], raw[:4], raw[4:]))
    if len(signatures) > 100:
        raise Bad("has more than 100 signature lines")
    return Note((text + "\n").encode(), signatures)


def signers(note: Note, keys: list[Key]) -> list[Key]:
    """The keys that signed a note. Lines of unknown keys say nothing; a wrong line of a known key refuses the note."""
    found = []
    for name, note_id, signature in note.signatures:
        for key in keys:
            if key.name == name and key.note_id == note_id:
                if not ed25519_strict(key.public, note.text, signature):
                    raise Bad(f"the signature of {key.key_id} is wrong")
                found.append(key)
    return found


def parse_checkpoint(text: bytes) -> tuple[str, int, bytes]:
    """Origin, size and root of a C2SP checkpoint; further lines are extensions."""
    lines = text.decode().split("\n")
    if len(lines) < 4 or lines[-1] or not all(lines[:-1]) or not re.fullmatch(r"0|[1-9]\d{0,18}", lines[1]):
        raise Bad("is not a checkpoint")
    root = from_base64(lines[2])
    if len(root) != 32:
        raise Bad("is a checkpoint whose root has not 32 bytes")
    return lines[0], int(lines[1]), root


# ---------------------------------------------------------------------------------------------------------------- witnesses ("Witnesses")


@dataclass
class Witness:
    """A witness as a policy names it; one whose key is of a type that is not known here has no public key and never counts."""

    key_name: str
    note_id: bytes
    public: bytes | None


@dataclass
class Policy:
    """C2SP tlog-policy: which logs and witnesses count, and how many are enough."""

    logs: list[Key] = field(default_factory=list)
    names_logs: bool = False
    witnesses: dict[str, Witness] = field(default_factory=dict)
    groups: dict[str, tuple[int, list[str]]] = field(default_factory=dict)
    quorum: str = ""

    def witnessed(self, name: str, cosigners: set[str]) -> bool:
        # Groups name only what stands before them, so one pass in the order of the file settles all of them.
        found = {"none"} | cosigners & self.witnesses.keys()
        for group, (enough, members) in self.groups.items():
            if sum(member in found for member in members) >= enough:
                found.add(group)
        return name in found

    def cosigners(self, note: Note) -> set[str]:
        """The witnesses of the policy that cosigned a head. A wrong line of one of them refuses the note."""
        found = set()
        for name, note_id, signature in note.signatures:
            for own_name, witness in self.witnesses.items():
                if witness.key_name == name and witness.note_id == note_id and witness.public is not None:
                    time = int.from_bytes(signature[:8], "big")
                    if len(signature) != 72 or time >= 2**63:
                        raise Bad(f"the cosignature of `{own_name}` has not the form of one")
                    message = b"cosignature/v1\ntime %d\n" % time + note.text
                    if not ed25519_strict(witness.public, message, signature[8:]):
                        raise Bad(f"the cosignature of `{own_name}` is wrong")
                    found.add(own_name)
        return found


def parse_policy(data: bytes) -> Policy:
    policy = Policy()
    used: set[str] = set()
    publics: set[bytes] = set()
    if any(byte < 0x20 and byte not in b"\t\n" or byte == 0x7F for byte in data):
        raise Bad("has control characters")
    log_keys: set[bytes] = set()

    def known(name: str) -> bool:
        return name in policy.witnesses or name in policy.groups

    for number, line in enumerate(decoded(data).split("\n"), 1):
        words = [word for word in re.split(r"[ \t]+", line) if word]
        if not words or words[0].startswith("#"):
            continue
        try:
            match words:
                case ["log", vkey] | ["log", vkey, _]:
                    _, _, raw = split_vkey(vkey)
                    if raw[1:] in log_keys:
                        raise Bad("names a log twice")
                    log_keys.add(raw[1:])
                    policy.names_logs = True
                    # Keys of other types are let pass, because the file is written for other readers as well; they never count here.
                    if raw[0] in (SIGNS_NOTES, COSIGNS):
                        name, public = parse_vkey(vkey)
                        policy.logs.append(Key(name, public, frozenset({"log"}), -1))
                case ["witness", name, vkey] | ["witness", name, vkey, _]:
                    if name == "none" or known(name):
                        raise Bad(f"`{name}` is taken")
                    key_name, key_id, raw = split_vkey(vkey)
                    public = parse_vkey(vkey, COSIGNS)[1] if raw[0] in (SIGNS_NOTES, COSIGNS) else None
                    if raw[1:] in publics:
                        raise Bad("names a witness twice")
                    publics.add(raw[1:])
                    policy.witnesses[name] = Witness(key_name, bytes.fromhex(key_id), public)
                case ["group", name, count, first, *others]:
                    members = [first, *others]
                    if name == "none" or known(name):
                        raise Bad(f"`{name}` is taken")
                    if not all(known(member) for member in members):
                        raise Bad("has a member that no line before it defines")
                    if len(set(members)) != len(members) or used & set(members):
                        raise Bad("has a member that is already in a group")
                    if not re.fullmatch(r"all|any|[1-9]\d{0,8}", count, re.ASCII):
                        raise Bad("has neither `all`, `any` nor a number")
                    enough = {"all": len(members), "any": 1}.get(count) or int(count)
                    if enough > len(members):
                        raise Bad("asks for more members than it has")
                    used |= set(members)
                    policy.groups[name] = (enough, members)
                case ["quorum", name]:
                    if policy.quorum:
                        raise Bad("is a second quorum")
                    if name != "none" and not known(name):
                        raise Bad(f"`{name}` is not defined before")
                    policy.quorum = name
                case _:
                    raise Bad("is not a line of a policy")
        except Bad as error:
            raise Bad(f"line {number}: {error}") from error
    if not policy.quorum:
        raise Bad("has no quorum")
    return policy


def decoded(data: bytes) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Bad("is not UTF-8") from error


# ---------------------------------------------------------------------------------------------------------------- tree ("Leaf, chain, tree")


class Tree:
    """RFC 6962 tree that grows leaf by leaf and keeps only the roots of its full subtrees."""

    def __init__(self) -> None:
        self.size = 0
        self.peaks: list[bytes] = []

    def push(self, leaf: bytes) -> None:
        size, node = self.size, leaf
        while size & 1:
            node = node_of(self.peaks.pop(), node)
            size >>= 1
        self.peaks.append(node)
        self.size += 1

    def root(self) -> bytes:
        if not self.peaks:
            return sha256()
        node = self.peaks[-1]
        for peak in reversed(self.peaks[:-1]):
            node = node_of(peak, node)
        return node


def root_of_full(hashes: list[bytes]) -> bytes:
    while len(hashes) > 1:
        hashes = [node_of(hashes[at], hashes[at + 1]) for at in range(0, len(hashes), 2)]
    return hashes[0]


def included(index: int, size: int, leaf: bytes, root: bytes, proof: list[bytes]) -> bool:
    """RFC 6962 section 2.1.1, checked as RFC 9162 section 2.1.3.2 describes."""
    if index >= size or len(leaf) != 32:
        return False
    at, last, node = index, size - 1, leaf
    for other in proof:
        if last == 0:
            return False
        if at & 1 or at == last:
            node = node_of(other, node)
            while at and not at & 1:
                at, last = at >> 1, last >> 1
        else:
            node = node_of(node, other)
        at, last = at >> 1, last >> 1
    return last == 0 and node == root


def consistent(old_size: int, old_root: bytes, new_size: int, new_root: bytes, proof: list[bytes]) -> bool:
    """RFC 6962 section 2.1.2, checked as RFC 9162 section 2.1.4.2 describes."""
    if old_size == 0 or old_size > new_size:
        return False
    if old_size == new_size:
        return not proof and old_root == new_root
    path = list(proof)
    if old_size & (old_size - 1) == 0:
        path.insert(0, old_root)
    if not path:
        return False
    first, last = old_size - 1, new_size - 1
    while first & 1:
        first, last = first >> 1, last >> 1
    old = new = path[0]
    for node in path[1:]:
        if last == 0:
            return False
        if first & 1 or first == last:
            old, new = node_of(node, old), node_of(node, new)
            while first and not first & 1:
                first, last = first >> 1, last >> 1
        else:
            new = node_of(new, node)
        first, last = first >> 1, last >> 1
    return last == 0 and old == old_root and new == new_root


class Tiles:
    """The tile files of a folder, compared with the tree as it grows ("Tiles")."""

    NAME = re.compile(r"([0-9]|[1-5][0-9]|6[0-3]|entries)/((?:x[0-9]{3}/)*[0-9]{3})(?:\.p/([1-9][0-9]{0,2}))?")
    ENTRIES = -1

    def __init__(self, folder: Path, report: Report) -> None:
        self.folder, self.report = folder, report
        self.found: dict[tuple[int, int, int], Path] = {}
        self.bundles: dict[tuple[int, int], Path] = {}
        self.checked: set[tuple[int, int, int]] = set()
        self.rows: list[list[bytes]] = []
        self.full: list[int] = []
        for path in sorted(folder.rglob("*")):
            if path.is_dir() and not path.is_symlink():
                continue
            which = self.which(path.relative_to(folder).as_posix())
            if which is None or not path.is_file() or path.is_symlink():
                report.unsure(self.place(path), "is not the name of a tile")
            elif which[0] == self.ENTRIES:
                self.bundles[which[1:]] = path
            else:
                self.found[which] = path

    def place(self, path: Path) -> str:
        return f"ledger/tile/{path.relative_to(self.folder).as_posix()}"

    @classmethod
    def which(cls, name: str) -> tuple[int, int, int] | None:
        """Level, position and width of a tile by its name; the level of an entry bundle is `ENTRIES`."""
        match = cls.NAME.fullmatch(name)
        if not match:
            return None
        level = cls.ENTRIES if match[1] == "entries" else int(match[1])
        which = (level, int(match[2].replace("/", "").replace("x", "")), int(match[3] or 256))
        # The one spelling: `x000/001` and a partial tile of full width are none.
        return which if cls.name(*which) == f"ledger/tile/{name}" else None

    @classmethod
    def name(cls, level: int, index: int, width: int) -> str:
        groups = [f"{index % 1000:03}"]
        while index >= 1000:
            index //= 1000
            groups.insert(0, f"x{index % 1000:03}")
        kind = "entries" if level == cls.ENTRIES else level
        return f"ledger/tile/{kind}/{'/'.join(groups)}" + (f".p/{width}" if width < 256 else "")

    def push(self, node: bytes, level: int = 0) -> None:
        if level == len(self.rows):
            self.rows.append([])
            self.full.append(0)
        row = self.rows[level]
        row.append(node)
        which = (level, self.full[level], len(row))
        path = self.found.get(which)
        if path is not None:
            self.checked.add(which)
            self.report.files += 1
            try:
                if path.read_bytes() != b"".join(row):
                    self.report.tampered(self.place(path), "does not hold the hashes of the tree")
            except OSError as error:
                self.report.unsure(self.place(path), f"cannot be read: {error}")
        if len(row) == 256:
            self.rows[level] = []
            self.full[level] += 1
            self.push(root_of_full(row), level + 1)

    def finish(self, published: int) -> None:
        level, width = 0, published
        while width:
            wanted = [(level, index, 256) for index in range(width // 256)]
            if width % 256:
                wanted.append((level, width // 256, width % 256))
            for which in wanted:
                # Partial tiles may go once a wider one or the full one is there.
                wider = which[2] < 256 and any(which[:2] == found[:2] and which[2] < found[2] for found in self.found)
                if which not in self.found and not wider:
                    self.report.tampered(self.name(*which), "the tile is missing")
            level, width = level + 1, width // 256
        for which, path in self.found.items():
            if which not in self.checked:
                self.report.tampered(self.place(path), "holds more than the log has")


# ---------------------------------------------------------------------------------------------------------------- passkeys ("What people sign")


@dataclass
class Credential:
    principal: str
    algorithm: str
    public: bytes
    rp_id: str
    revoked: bool = False


def check_passkey(domain: bytes, statement: Any, assertion: Any, credential: Credential) -> None:
    challenge = sha256(domain, b"\n", canonical(statement))
    client_data = from_base64url(assertion["client_data_json"])
    authenticator = from_base64url(assertion["authenticator_data"])
    signature = from_base64url(assertion["signature"])
    try:
        client = json.loads(client_data.decode("utf-8"))
    except ValueError as error:
        raise Bad("the client data is not JSON") from error
    if not isinstance(client, dict) or client.get("type") != "webauthn.get" or client.get("challenge") != to_base64url(challenge):
        raise Bad("the client data is not about this statement")
    if client.get("crossOrigin") is True:
        raise Bad("the client data says that another site asked")
    match = re.fullmatch(r"(https?)://([a-z0-9.-]+)(?::\d{1,5})?", str(client.get("origin")))
    below = match and (match[2] == credential.rp_id or match[2].endswith("." + credential.rp_id))
    if not match or not below or (match[1] == "http" and match[2] != "localhost"):
        raise Bad(f"the origin `{client.get('origin')}` is not one of `{credential.rp_id}`")
    if len(authenticator) < 37 or authenticator[:32] != sha256(credential.rp_id.encode()):
        raise Bad("the authenticator data is not for this relying party")
    flags = authenticator[32]
    if flags & 0x05 != 0x05 or (flags & 0x10 and not flags & 0x08):
        raise Bad("the authenticator data does not say that the person was present and verified")
    verify = {"ES256": es256, "EdDSA": ed25519_strict}.get(credential.algorithm)
    if verify is None or not verify(credential.public, authenticator + sha256(client_data), signature):
        raise Bad("the passkey's signature is wrong")


# ---------------------------------------------------------------------------------------------------------------- events (docs/EVENTS.md)

EVENTS = Path(__file__).resolve().parents[2] / "docs" / "EVENTS.md"
NAME = re.compile(r"[A-Za-z0-9._@:/+-]+")


@dataclass
class Shape:
    """Members of an object or of a kind's body: type, and whether one must stand there."""

    members: dict[str, tuple[str, bool, bool]] = field(default_factory=dict)
    request: str = ""


class Schema:
    """The tables of docs/EVENTS.md, as they stand on the page: its headings name kinds and shared objects, its rows their members."""

    def __init__(self, page: str) -> None:
        self.kinds: dict[str, Shape] = {}
        self.objects: dict[str, Shape] = {}
        shape = Shape()
        for line in page.split("\n"):
            if heading := re.fullmatch(r"### (`?)([^`]+)`?", line):
                shape = Shape()
                (self.kinds if heading[1] else self.objects)[heading[2]] = shape
            elif line.startswith("## "):
                shape = Shape()
                self.objects[line.removeprefix("## ").lower()] = shape
            elif request := re.search(r" Request: (always|never|when concerned)\.", line):
                shape.request = request[1]
            elif (row := [cell.strip() for cell in line.strip("|").split("|")]) and len(row) == 4 and re.fullmatch(r"`[a-z0-9_]+`", row[0]):
                optional = row[3] != "never"
                shape.members[row[0].strip("`")] = (row[1], optional, optional or " null " in f" {row[2].lower()} ")
        if "ledger.opened" not in self.kinds or "actor" not in self.objects:
            raise Bad("is not the page of events")

    def check(self, event: dict[str, Any]) -> None:
        shape = self.kinds.get(event["kind"])
        if shape is None:
            raise Bad(f"is of no kind of schema 1: `{event['kind']}`")
        if (shape.request, "request_id" in event) in (("always", False), ("never", True)):
            raise Bad(f"its kind has a request {shape.request}")
        self.check_members("actor", self.objects["actor"], event["actor"])
        self.check_members("body", shape, event["body"])

    def check_members(self, place: str, shape: Shape, value: Any) -> None:
        if not isinstance(value, dict):
            raise Bad(f"`{place}` is not an object")
        for name, (sort, optional, nullable) in shape.members.items():
            if name not in value:
                if not optional:
                    raise Bad(f"`{place}` lacks `{name}`")
            elif value[name] is not None or not nullable:
                self.check_value(f"{place}.{name}", sort, value[name])

    def check_value(self, place: str, sort: str, value: Any) -> None:
        if sort.startswith("list of "):
            if not isinstance(value, list):
                raise Bad(f"`{place}` is not a list")
            for item in value:
                self.check_value(place, sort.removeprefix("list of "), item)
        elif link := re.fullmatch(r"\[([^\]]+)\]\(#[a-z-]+\)", sort):
            self.check_members(place, self.objects[link[1]], value)
        elif not self.holds(sort, value):
            raise Bad(f"`{place}` is not {sort}")

    @staticmethod
    def holds(sort: str, value: Any) -> bool:
        if sort == "hideable text" and isinstance(value, dict) and value.keys() == {"#"}:
            return bool(from_base64url(value["#"], 32))
        match sort:
            case "text" | "hideable text":
                return isinstance(value, str)
            case "integer":
                return isinstance(value, int) and not isinstance(value, bool)
            case "boolean":
                return isinstance(value, bool)
            case "object":
                return isinstance(value, dict)
            case "time":
                return microseconds(value) is not None
            case "digest":
                return bool(from_base64url(value, 32))
            case "uuid":
                return isinstance(value, str) and bool(UUID7.fullmatch(value))
            case "principal" | "person" | "role" | "credential" | "action":
                return isinstance(value, str) and bool(NAME.fullmatch(value))
        raise Bad(f"is described with a type that this program does not know: {sort}")


# ---------------------------------------------------------------------------------------------------------------- the log

SIGNED_PREFIXES = ("review.", "grant.", "breakglass.", "policy.", "key.", "role.", "delegation.", "access_review.")
SIGNED_KINDS = {
    "request.approved", "request.denied", "request.expired", "request.withdrawn", "exception.answered", "redaction.made", "report.generated",
}
ENDS_REQUEST = {"request.approved", "request.denied", "request.expired", "request.withdrawn"}
# Entries that pruning leaves in the log.
STAY_IN_LOG = {
    "ledger.opened", "key.enrolled", "key.retired", "key.revoked", "segment.sealed", "policy.published", "report.generated", "evidence.downloaded",
}
ENVELOPE = {"actor", "body", "id", "kind", "log", "prev", "seq", "time", "v"}
UUID7 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
REVIEW = {"action_digest", "comment_digest", "log", "policy_digest", "request_id", "reviewer", "shown_at", "verdict"}
JUDGEMENT = {"comment_digest", "grant_id", "log", "outcome", "request_id", "reviewer"}


@dataclass
class Row:
    """An entry as a source gives it, with what the source says about it in columns of its own."""

    seq: int
    entry: bytes
    signature: bytes | None
    key_id: str | None
    columns: dict[str, Any]
    place: str


class Log:
    """Takes the entries in order and checks everything that can be known from them and the signatures beside them."""

    def __init__(self, report: Report, trusted: tuple[str, bytes] | None, policy: Policy | None = None, with_signatures: bool = True) -> None:
        self.report, self.trusted, self.policy, self.with_signatures = report, trusted, policy, with_signatures
        self.schema = report.schema
        # Heads of at most this size have the cosignatures that the policy asks for.
        self.witnessed = 0
        self.unsigned = 0
        self.tree = Tree()
        self.whole = True
        self.origin = ""
        self.time = -1
        self.previous: bytes | None = None
        self.keys: list[Key] = []
        self.credentials: dict[str, Credential] = {}
        # What was asked and under which policy, of requests that have not ended.
        self.requests: dict[str, dict[str, str]] = {}
        self.segments: list[tuple[int, dict[str, Any]]] = []
        self.blobs: dict[str, tuple[int, bool]] = {}
        self.heads: dict[int, list[bytes]] = {}
        self.on_leaf: Callable[[bytes], None] = lambda leaf: None

    def take(self, row: Row) -> None:
        place = f"entry {self.tree.size}"
        leaf = leaf_of(row.entry)
        try:
            self.check(row, leaf)
        except Bad as error:
            self.report.tampered(place, error)
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            self.report.tampered(place, f"has not the members of its kind: {error!r}")
        self.report.entries += 1
        self.push(leaf)

    def push(self, leaf: bytes) -> None:
        self.previous = leaf
        self.tree.push(leaf)
        self.on_leaf(leaf)
        for root in self.heads.get(self.tree.size, ()):
            if self.whole and root != self.tree.root():
                self.report.tampered(f"head {self.tree.size}", "the root that was signed is not the root of the entries")

    def check(self, row: Row, leaf: bytes) -> None:
        seq = self.tree.size
        if len(row.entry) > LONGEST:
            raise Bad(f"is longer than {LONGEST} bytes")
        event = parse_canonical(row.entry)
        if not isinstance(event, dict) or not ENVELOPE <= event.keys() <= ENVELOPE | {"request_id"}:
            raise Bad("has not the members of an entry")
        kind, body, time = event["kind"], event["body"], microseconds(event["time"])
        if event["v"] != 1 or not isinstance(body, dict) or not isinstance(kind, str) or not UUID7.fullmatch(event["id"]):
            raise Bad("has not the members of an entry")
        if "request_id" in event and not UUID7.fullmatch(event["request_id"]):
            raise Bad("`request_id` is not a UUID of version 7")
        if event["seq"] != seq:
            raise Bad(f"says that it is entry {event['seq']}")
        if time < self.time:
            raise Bad("is older than the entry before it")
        self.time = time
        if (event["prev"] is None) != (seq == 0) or (kind == "ledger.opened") != (seq == 0):
            raise Bad("only entry 0 opens the log")
        if seq and self.previous is not None and from_base64url(event["prev"], 32) != self.previous:
            raise Bad("`prev` is not the leaf of the entry before")
        if seq == 0:
            self.open(body)
        if event["log"] != self.origin:
            raise Bad(f"is of another log, `{event['log']}`")
        self.check_columns(row, event, leaf, time)
        self.check_signature(row, kind, leaf, seq)
        if self.schema is not None:
            self.schema.check(event)
        self.learn(kind, body, event, seq)

    def open(self, body: dict[str, Any]) -> None:
        name, public = parse_vkey(body["key"])
        if body["format"] != 1:
            raise Bad(f"opens a log of format {body['format']}, which this program does not know")
        self.origin = self.report.log = name
        self.report.key = body["key"]
        self.keys.append(Key(name, public, frozenset({"log", "node"}), -1))
        if self.trusted is not None:
            if self.trusted != (name, public):
                raise Bad("the log's first key is not the trusted one")
            self.report.key_trusted = True

    @staticmethod
    def check_columns(row: Row, event: dict[str, Any], leaf: bytes, time: int) -> None:
        actor = event["actor"]
        derived = {
            "seq": event["seq"], "time": time, "id": event["id"], "kind": event["kind"], "actor_id": actor["id"], "actor_kind": actor["kind"],
            "actor_channel": actor["channel"], "request_id": event.get("request_id"), "leaf": leaf,
        }
        for name, value in row.columns.items():
            if derived[name] != value:
                raise Bad(f"{row.place}: column `{name}` is not what the entry says")

    def check_signature(self, row: Row, kind: str, leaf: bytes, seq: int) -> None:
        signed = kind.startswith(SIGNED_PREFIXES) or kind in SIGNED_KINDS
        if not self.with_signatures:
            self.unsigned += signed
            return
        if not signed:
            if row.signature is not None or row.key_id is not None:
                raise Bad("carries a signature, and its kind has none")
            return
        if row.signature is None or row.key_id is None:
            raise Bad("its signature is missing")
        key = next((key for key in self.keys if key.key_id == row.key_id and key.counts_at(seq, "node")), None)
        if key is None:
            raise Bad(f"is signed with key {row.key_id}, which may not sign events here")
        if not ed25519_strict(key.public, b"privyseal/event/v1\n" + leaf, row.signature):
            raise Bad("its signature is wrong")
        key.newest_event = seq
        self.report.signatures += 1

    def learn(self, kind: str, body: dict[str, Any], event: dict[str, Any], seq: int) -> None:
        """What later entries are judged by."""
        if kind == "key.enrolled":
            name, public = parse_vkey(body["key"])
            if body["purpose"] not in ("log", "node") or name != self.origin:
                raise Bad("enrols a key for a purpose or a log that is not known")
            key = Key(name, public, frozenset({body["purpose"]}), seq, proven=self.with_signatures)
            if any(other.note_id == key.note_id and (other.until is not None or key.purposes <= other.purposes) for other in self.keys):
                raise Bad(f"enrols key {key.key_id} again; a key has one life")
            self.keys.append(key)
        elif kind in ("key.retired", "key.revoked"):
            known = [key for key in self.keys if key.key_id == body["key_id"] and key.until is None]
            if not known:
                raise Bad(f"ends key {body['key_id']}, which is not in use")
            for key in known:
                key.until = seq
                key.revoked_since = body.get("since_seq")
        elif kind == "credential.enrolled" and body["key"]["type"] == "passkey":
            key = body["key"]
            public = from_base64url(key["public_key"])
            self.credentials[body["credential"]] = Credential(body["principal"], key["alg"], public, key["rp_id"])
        elif kind == "credential.revoked" and body["credential"] in self.credentials:
            self.credentials[body["credential"]].revoked = True
        elif kind == "request.submitted":
            digest = sha256(canonical({name: body[name] for name in ("action", "inputs", "parameters", "resource")}))
            if from_base64url(body["action_digest"], 32) != digest:
                raise Bad("`action_digest` is not the digest of the action")
            self.requests[event["request_id"]] = {"action": body["action_digest"], "policy": body["assessment"]["policy"]["digest"]}
            for file in body["inputs"]:
                self.blobs.setdefault(from_base64url(file["sha256"], 32).hex(), (seq, False))
        elif kind in ENDS_REQUEST:
            self.requests.pop(event["request_id"], None)
        elif kind in ("policy.published", "catalog.published"):
            for file in body["files"]:
                self.blobs[from_base64url(file["sha256"], 32).hex()] = (seq, True)
        elif kind == "review.recorded":
            self.check_review(body, event)
        elif kind == "breakglass.reviewed":
            self.check_judgement(body, event)
        elif kind == "segment.sealed":
            self.segments.append((seq, body))

    def credential_for(self, assertion: dict[str, Any], principal: str) -> Credential:
        credential = self.credentials.get(assertion["credential"])
        if credential is None or credential.principal != principal:
            raise Bad("the passkey was not enrolled for the reviewer before")
        if credential.revoked:
            raise Bad("the passkey was revoked before")
        return credential

    def check_review(self, body: dict[str, Any], event: dict[str, Any]) -> None:
        if ("statement" in body) != ("assertion" in body) or ("statement" in body) != (body["assurance"] == "passkey"):
            raise Bad("a review has a statement, an assertion and the assurance `passkey`, or none of them")
        request = self.requests.get(event["request_id"])
        if request is None:
            raise Bad("is about a request that was never submitted, or had ended")
        if body["shown_digest"] != request["action"] or body["policy_digest"] != request["policy"]:
            raise Bad("what was shown is not what was asked")
        if "comment" not in body or isinstance(body["comment"], str):
            if from_base64url(body["comment_digest"], 32) != sha256(body.get("comment", "").encode()):
                raise Bad("`comment_digest` is not the digest of the comment")
        if "statement" not in body:
            return
        statement = body["statement"]
        said = {
            "action_digest": request["action"], "comment_digest": body["comment_digest"], "log": self.origin,
            "policy_digest": body["policy_digest"], "request_id": event["request_id"], "reviewer": event["actor"]["id"],
            "shown_at": body["shown_at"], "verdict": body["verdict"],
        }
        if statement != said or body["reviewer"]["principal"] != event["actor"]["id"]:
            raise Bad("the statement that was signed is not what the entry says")
        credential = self.credential_for(body["assertion"], event["actor"]["id"])
        check_passkey(b"privyseal/review/v1", statement, body["assertion"], credential)
        self.report.passkeys += 1

    def check_judgement(self, body: dict[str, Any], event: dict[str, Any]) -> None:
        if ("statement" in body) != ("assertion" in body):
            raise Bad("a judgement has a statement and an assertion, or neither")
        if "statement" not in body:
            return
        statement = body["statement"]
        said = {
            "grant_id": body["grant_id"], "log": self.origin, "outcome": body["outcome"], "request_id": event["request_id"],
            "reviewer": event["actor"]["id"],
        }
        digest = from_base64url(statement["comment_digest"], 32)
        if {**said, "comment_digest": statement["comment_digest"]} != statement or body["reviewer"]["principal"] != event["actor"]["id"]:
            raise Bad("the statement that was signed is not what the entry says")
        if isinstance(body["comment"], str) and digest != sha256(body["comment"].encode()):
            raise Bad("`comment_digest` is not the digest of the comment")
        credential = self.credential_for(body["assertion"], event["actor"]["id"])
        check_passkey(b"privyseal/breakglass-review/v1", statement, body["assertion"], credential)
        self.report.passkeys += 1

    # -- heads

    def expect_head(self, size: int, root: bytes) -> None:
        """A head read before the entries: its root is compared when the tree has that size."""
        self.heads.setdefault(size, []).append(root)

    def check_head(self, place: str, data: bytes) -> tuple[int, bytes] | None:
        """Who signed a head; after the entries, because they say which keys may."""
        try:
            note = parse_note(data)
            origin, size, root = parse_checkpoint(note.text)
            if origin != self.origin:
                raise Bad(f"is of another log, `{origin}`")
            counting = [key for key in signers(note, self.keys) if self.mark(key, size)]
            if not counting:
                raise Bad("no key that may sign heads here signed it")
            by_policy = self.by_policy(place, note, size, wanted=place == "ledger/checkpoint")
        except (Bad, UnicodeDecodeError) as error:
            self.report.tampered(place, error)
            return None
        if not by_policy and not any(key.proven for key in counting):
            self.report.unsure(place, "is signed by keys only whose enrolment cannot be checked here (--policy with a line for the log)")
        self.report.heads += 1
        return size, root

    def by_policy(self, place: str, note: Note, size: int, wanted: bool) -> bool:
        """Whether a log of the policy signed a head; of the published one, whatever the policy asks for."""
        if self.policy is None:
            return False
        origin = parse_checkpoint(note.text)[0]
        by_log = bool(signers(note, [key for key in self.policy.logs if key.name == origin]))
        cosigners = self.policy.cosigners(note)
        self.report.cosignatures += len(cosigners)
        enough = self.policy.witnessed(self.policy.quorum, cosigners)
        if enough and self.policy.quorum != "none":
            self.witnessed = max(self.witnessed, size)
        if wanted and self.policy.names_logs and not by_log:
            self.report.unsure(place, "no log of the policy signed it")
        if wanted and not enough:
            self.report.unsure(place, f"the witnesses that cosigned it ({', '.join(sorted(cosigners)) or 'none'}) are not enough for the policy")
        return by_log

    @staticmethod
    def mark(key: Key, size: int) -> bool:
        # A head stands at the last entry under it.
        if not key.counts_at(size - 1, "log"):
            return False
        key.newest_head = max(key.newest_head, size - 1)
        return True

    def finish(self) -> None:
        for key in self.keys:
            newest = max(key.newest_event, key.newest_head)
            if key.revoked_since is not None and newest >= max(key.revoked_since, self.witnessed):
                what = f"was declared compromised since entry {key.revoked_since}: what it signed from there on proves nothing by itself"
                self.report.unsure(f"key {key.key_id}", what)
        self.report.size, self.report.root = self.tree.size, self.tree.root().hex()


# ---------------------------------------------------------------------------------------------------------------- segments ("Segments")

SEGMENT_SCHEMA = pyarrow.schema([
    pyarrow.field("seq", pyarrow.int64(), nullable=False),
    pyarrow.field("time", pyarrow.timestamp("us", tz="UTC"), nullable=False),
    pyarrow.field("id", pyarrow.string(), nullable=False),
    pyarrow.field("kind", pyarrow.string(), nullable=False),
    pyarrow.field("actor_id", pyarrow.string(), nullable=False),
    pyarrow.field("actor_kind", pyarrow.string(), nullable=False),
    pyarrow.field("actor_channel", pyarrow.string(), nullable=False),
    pyarrow.field("request_id", pyarrow.string()),
    pyarrow.field("leaf", pyarrow.binary(32), nullable=False),
    pyarrow.field("signature", pyarrow.binary(64)),
    pyarrow.field("key_id", pyarrow.string()),
    pyarrow.field("entry", pyarrow.binary(), nullable=False),
])


def read_segment(source: Any, place: str) -> Iterator[Row]:
    try:
        parquet = pyarrow.parquet.ParquetFile(source)
        if not parquet.schema_arrow.equals(SEGMENT_SCHEMA):
            raise Bad("has not the columns of a segment")
        for batch in parquet.iter_batches(batch_size=4096):
            columns = {}
            for name, column in zip(batch.schema.names, batch.columns, strict=True):
                columns[name] = (column.cast(pyarrow.int64()) if name == "time" else column).to_pylist()
            derived = [name for name in columns if name not in ("entry", "signature", "key_id")]
            for at, seq in enumerate(columns["seq"]):
                values = {name: columns[name][at] for name in derived}
                yield Row(seq, columns["entry"][at], columns["signature"][at], columns["key_id"][at], values, place)
    except (pyarrow.ArrowException, OSError, ValueError) as error:
        raise Bad(f"cannot be read: {error}") from error


def sha256_of(path: Path) -> bytes:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()


# ---------------------------------------------------------------------------------------------------------------- trust


@dataclass
class Trust:
    """What the caller knows from elsewhere and believes."""

    key: tuple[str, bytes] | None = None
    policy: Policy | None = None
    authority: list[x509.Certificate] = field(default_factory=list)


# ---------------------------------------------------------------------------------------------------------------- timestamps ("Timestamps")

Item = tuple[int, bytes, bytes]  # tag, contents, and both with the length as they stand

INTEGER, BITS, OCTETS, NULL, OID, GENERALIZED, SEQUENCE, SET = 0x02, 0x03, 0x04, 0x05, 0x06, 0x18, 0x30, 0x31
SIGNED_DATA, TST_INFO = "1.2.840.113549.1.7.2", "1.2.840.113549.1.9.16.1.4"
CONTENT_TYPE, MESSAGE_DIGEST = "1.2.840.113549.1.9.3", "1.2.840.113549.1.9.4"
SIGNING_CERTIFICATE, SIGNING_CERTIFICATE_V2 = "1.2.840.113549.1.9.16.2.12", "1.2.840.113549.1.9.16.2.47"
DIGESTS: dict[str, hashes.HashAlgorithm] = {
    "2.16.840.1.101.3.4.2.1": hashes.SHA256(), "2.16.840.1.101.3.4.2.2": hashes.SHA384(), "2.16.840.1.101.3.4.2.3": hashes.SHA512(),
}
# What a signature algorithm says of the digest; plain rsaEncryption says nothing, and the signer's digest algorithm holds.
RSA_DIGESTS: dict[str, str | None] = {
    "1.2.840.113549.1.1.1": None, "1.2.840.113549.1.1.11": "2.16.840.1.101.3.4.2.1", "1.2.840.113549.1.1.12": "2.16.840.1.101.3.4.2.2",
    "1.2.840.113549.1.1.13": "2.16.840.1.101.3.4.2.3",
}
ECDSA_DIGESTS = {
    "1.2.840.10045.4.3.2": "2.16.840.1.101.3.4.2.1", "1.2.840.10045.4.3.3": "2.16.840.1.101.3.4.2.2", "1.2.840.10045.4.3.4": "2.16.840.1.101.3.4.2.3",
}
ED25519 = "1.3.101.112"


def der(data: bytes) -> list[Item]:
    """The values in some bytes of DER, one after the other: tags of one byte, definite lengths in their shortest form."""
    items, at = [], 0
    while at < len(data):
        start, tag, at = at, data[at], at + 1
        if tag & 0x1F == 0x1F or at >= len(data):
            raise Bad("is not DER")
        length, at = data[at], at + 1
        if length >= 0x80:
            count = length & 0x7F
            octets = data[at : at + count]
            length, at = int.from_bytes(octets, "big"), at + count
            if not 1 <= count <= 4 or len(octets) != count or octets[0] == 0 or length < 0x80:
                raise Bad("is not DER")
        if at + length > len(data):
            raise Bad("is not DER: a value reaches beyond its end")
        items.append((tag, data[at : at + length], data[start : at + length]))
        at += length
    return items


def parts(item: Item, *tags: int) -> list[Item]:
    """What a value consists of; the first of it must have these tags."""
    found = der(item[1])
    if [tag for tag, _, _ in found[: len(tags)]] != list(tags):
        raise Bad("has not the form of a timestamp")
    return found


def oid(item: Item) -> str:
    tag, data, _ = item
    if tag != OID or not data or data[-1] & 0x80:
        raise Bad("has not the form of a timestamp")
    numbers, value = [], 0
    for byte in data:
        value = value << 7 | byte & 0x7F
        if not byte & 0x80:
            numbers.append(value)
            value = 0
    first = min(numbers[0] // 40, 2)
    return ".".join(str(number) for number in [first, numbers[0] - 40 * first, *numbers[1:]])


def digest_of(algorithm: str, data: bytes) -> bytes:
    if algorithm not in DIGESTS:
        raise Bad(f"uses the digest {algorithm}, which is not accepted")
    digest = hashes.Hash(DIGESTS[algorithm])
    digest.update(data)
    return digest.finalize()


class Token:
    """An RFC 3161 `TimeStampResp` with its token (RFC 5652 `SignedData`), taken apart."""

    def __init__(self, answer: bytes) -> None:
        try:
            self.read(answer)
        except Bad:
            raise
        # `cryptography` has an exception of its own for every way in which a certificate can be wrong; all mean the same here.
        except Exception as error:
            raise Bad(f"is not a timestamp: {error!r}") from error

    def read(self, answer: bytes) -> None:
        (response,) = der(answer)
        status, *token = parts((response[0], response[1], b""), SEQUENCE) if response[0] == SEQUENCE else [None]
        # 0 is granted, 1 granted with modifications.
        if status is None or parts(status, INTEGER)[0][1] not in (b"\x00", b"\x01") or len(token) != 1:
            raise Bad("is not an answer that grants a timestamp")
        kind, content = parts(token[0], OID, 0xA0)
        if oid(kind) != SIGNED_DATA:
            raise Bad("is not signed data")
        (signed,) = parts(content, SEQUENCE)
        _, _, inner, *rest = parts(signed, INTEGER, SET, SEQUENCE)
        inner_kind, wrapped = parts(inner, OID, 0xA0)
        if oid(inner_kind) != TST_INFO:
            raise Bad("does not hold the information of a timestamp")
        ((_, self.info, _),) = parts(wrapped, OCTETS)
        self.certificates = [x509.load_der_x509_certificate(item[2]) for tag, data, _ in rest if tag == 0xA0 for item in der(data)]
        (signer,) = der(rest[-1][1])
        self.read_signer(signer)
        self.read_info()

    def read_signer(self, signer: Item) -> None:
        _, self.signer_id, digest, *rest = parts(signer, INTEGER)
        self.digest = oid(parts(digest, OID)[0])
        if rest[0][0] != 0xA0:
            raise Bad("has no signed attributes")
        # What is signed are the attributes as a SET, not under the tag that they have here.
        self.signed = b"\x31" + rest[0][2][1:]
        self.attributes: dict[str, Item] = {}
        for attribute in der(rest[0][1]):
            kind, values = parts(attribute, OID, SET)
            (value,) = der(values[1])
            if oid(kind) in self.attributes:
                raise Bad("has an attribute twice")
            self.attributes[oid(kind)] = value
        if rest[1][0] != SEQUENCE or rest[2][0] != OCTETS:
            raise Bad("has not the form of a timestamp")
        self.algorithm, self.signature = oid(parts(rest[1], OID)[0]), rest[2][1]

    def read_info(self) -> None:
        (info,) = der(self.info)
        version, _, imprint, _, time, *_ = parts(info, INTEGER, OID, SEQUENCE, INTEGER, GENERALIZED)
        algorithm, imprinted = parts(imprint, SEQUENCE, OCTETS)
        if version[1] != b"\x01":
            raise Bad("is a timestamp of another version")
        self.imprint_digest, self.imprint = oid(parts(algorithm, OID)[0]), imprinted[1]
        match = re.fullmatch(rb"([0-9]{14})(\.[0-9]+)?Z", time[1])
        if not match:
            raise Bad("has no time")
        self.time = datetime.strptime(match[1].decode(), "%Y%m%d%H%M%S").replace(tzinfo=timezone.utc)

    def check(self, stamped: bytes, authority: list[x509.Certificate]) -> None:
        """Without an authority, only that the answer is about these bytes and was not changed since its own certificate signed it."""
        if self.imprint != digest_of(self.imprint_digest, stamped):
            raise Bad("the timestamp is of something else")
        try:
            certificate = self.signer(authority)
            self.check_signature(certificate)
            if authority and certificate not in authority and not self.trusted(certificate, authority, 0):
                raise Bad("the timestamp is not of the authority that you trust")
        except Bad:
            raise
        except Exception as error:  # as above
            raise Bad(f"the timestamp's certificates cannot be checked: {error!r}") from error

    def signer(self, authority: list[x509.Certificate]) -> x509.Certificate:
        """The certificate that the signed attributes name by its digest (RFC 2634, RFC 5035) and the signer by issuer and number."""
        if SIGNING_CERTIFICATE_V2 in self.attributes:
            first = der(parts(self.attributes[SIGNING_CERTIFICATE_V2], SEQUENCE)[0][1])[0]
            fields = der(first[1])
            algorithm = oid(parts(fields.pop(0), OID)[0]) if fields[0][0] == SEQUENCE else "2.16.840.1.101.3.4.2.1"
            named, digest = fields[0], lambda data: digest_of(algorithm, data)
        elif SIGNING_CERTIFICATE in self.attributes:
            first = der(parts(self.attributes[SIGNING_CERTIFICATE], SEQUENCE)[0][1])[0]
            named, digest = der(first[1])[0], lambda data: hashlib.sha1(data).digest()
        else:
            raise Bad("the timestamp's signed attributes do not name its certificate")
        for certificate in self.certificates + authority:
            encoded = certificate.public_bytes(Encoding.DER)
            if named[0] == OCTETS and named[1] == digest(encoded) and self.is_signer(certificate):
                return certificate
        raise Bad("the timestamp does not hold the certificate that its signed attributes name")

    def is_signer(self, certificate: x509.Certificate) -> bool:
        tag, data, _ = self.signer_id
        if tag == SEQUENCE:
            issuer, number = der(data)
            return issuer[2] == certificate.issuer.public_bytes() and int.from_bytes(number[1], "big", signed=True) == certificate.serial_number
        identifier = certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest
        return tag == 0x80 and data == identifier

    def check_signature(self, certificate: x509.Certificate) -> None:
        content_type, message_digest = self.attributes.get(CONTENT_TYPE), self.attributes.get(MESSAGE_DIGEST)
        if content_type is None or oid(content_type) != TST_INFO:
            raise Bad("the timestamp's signed attributes are of something else")
        if message_digest is None or message_digest[0] != OCTETS or message_digest[1] != digest_of(self.digest, self.info):
            raise Bad("the timestamp's signed attributes hold another digest")
        try:
            purpose = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage)
        except x509.ExtensionNotFound as error:
            raise Bad("the timestamp's certificate is not for timestamping") from error
        if not purpose.critical or list(purpose.value) != [x509.oid.ExtendedKeyUsageOID.TIME_STAMPING]:
            raise Bad("the timestamp's certificate is not for timestamping, or not for it alone")
        if not certificate.not_valid_before_utc <= self.time <= certificate.not_valid_after_utc:
            raise Bad("the timestamp's certificate was not valid at its time")
        key = certificate.public_key()
        if not strong(key):
            raise Bad("the timestamp's certificate has a key that is not accepted")
        if isinstance(key, rsa.RSAPublicKey) and self.algorithm in RSA_DIGESTS:
            if RSA_DIGESTS[self.algorithm] in (None, self.digest):
                return accept(lambda: key.verify(self.signature, self.signed, padding.PKCS1v15(), DIGESTS[self.digest]))
        if isinstance(key, ec.EllipticCurvePublicKey) and ECDSA_DIGESTS.get(self.algorithm) == self.digest:
            return accept(lambda: key.verify(self.signature, self.signed, ec.ECDSA(DIGESTS[self.digest])))
        if isinstance(key, Ed25519PublicKey) and self.algorithm == ED25519:
            if ed25519_strict(key.public_bytes_raw(), self.signed, self.signature):
                return None
            raise Bad("the timestamp's signature is wrong")
        raise Bad(f"the timestamp is signed by {self.algorithm} with {self.digest}, which is not accepted here")

    def trusted(self, certificate: x509.Certificate, authority: list[x509.Certificate], depth: int) -> bool:
        """Whether issuers lead from a certificate to one that is trusted, all of them valid at the timestamp's time."""
        if depth > 6:
            return False
        for issuer in authority + self.certificates:
            if not self.may_issue(issuer, depth) or certificate.signature_hash_algorithm is not None and not any(
                isinstance(certificate.signature_hash_algorithm, type(digest)) for digest in DIGESTS.values()
            ):
                continue
            try:
                certificate.verify_directly_issued_by(issuer)
            except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
                continue  # another issuer may be the right one
            if issuer in authority or (issuer != certificate and self.trusted(issuer, authority, depth + 1)):
                return True
        return False

    def may_issue(self, certificate: x509.Certificate, below: int) -> bool:
        if not certificate.not_valid_before_utc <= self.time <= certificate.not_valid_after_utc or not strong(certificate.public_key()):
            return False
        try:
            limits = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value
        except x509.ExtensionNotFound:
            return False
        try:
            may_sign = certificate.extensions.get_extension_for_class(x509.KeyUsage).value.key_cert_sign
        except x509.ExtensionNotFound:
            may_sign = True
        return limits.ca and may_sign and (limits.path_length is None or below <= limits.path_length)


def strong(key: object) -> bool:
    if isinstance(key, rsa.RSAPublicKey):
        return key.key_size >= 2048
    return isinstance(key, Ed25519PublicKey) or (isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name in ("secp256r1", "secp384r1"))


def accept(verify: Callable[[], None]) -> None:
    try:
        verify()
    except InvalidSignature as error:
        raise Bad("the timestamp's signature is wrong") from error


# ---------------------------------------------------------------------------------------------------------------- a folder


class Recorded:
    """The records of segments, one after the other: which segments stand, and which were replaced."""

    def __init__(self) -> None:
        self.standing: list[dict[str, Any]] = []
        self.replaced: list[dict[str, Any]] = []

    def next(self) -> int:
        return self.standing[-1]["last"] + 1 if self.standing else 0

    def run(self, first: int, last: int) -> slice | None:
        """Where the segments stand that together hold exactly these entries."""
        starts = [at for at, body in enumerate(self.standing) if body["first"] == first]
        ends = [at for at, body in enumerate(self.standing) if body["last"] == last]
        return slice(starts[0], ends[0] + 1) if starts and ends and starts[0] < ends[0] else None

    def add(self, seq: int, body: dict[str, Any]) -> None:
        first, last = body["first"], body["last"]
        match = Folder.SEGMENT.fullmatch(body["path"])
        if body["rows"] != last - first + 1 or not first <= last < seq or match is None or (int(match[1]), int(match[2])) != (first, last):
            raise Bad("records a segment that cannot be")
        if "replaces" not in body:
            if first != self.next():
                raise Bad("records a segment that does not follow the one before")
            self.standing.append(body)
            return
        run = self.run(first, last)
        if run is None or run.stop - run.start != body["replaces"]:
            raise Bad("records a segment in the place of others that do not hold exactly its entries, or are not so many")
        self.replaced += self.standing[run]
        self.standing[run] = [body]


class Folder:
    """A data folder, or its public part alone."""

    SEGMENT = re.compile(r"events/\d{4}/\d\d/(\d{12})-(\d{12})\.parquet")
    BLOB = re.compile(r"blobs/sha256/([0-9a-f]{2})/([0-9a-f]{62})")
    TIMESTAMP = re.compile(r"timestamps/([0-9]{12})\.(checkpoint|tsr)")

    def __init__(self, target: Path, report: Report, trust: Trust, remembered: list[bytes], sealed: bool) -> None:
        self.report, self.trust, self.remembered, self.sealed = report, trust, remembered, sealed
        whole = (target / "ledger").is_dir()
        self.ledger = target / "ledger" if whole else target
        self.store = target / "log.sqlite" if whole else None
        self.log = Log(report, trust.key, trust.policy)
        self.tiles = Tiles(self.ledger / "tile", report)
        self.log.on_leaf = self.tiles.push
        self.log_is_unpruned = False

    def verify(self) -> None:
        heads = self.read_heads()
        names: list[tuple[int, int, Path]] = []
        blobs: dict[str, Path] = {}
        stamps: dict[int, dict[str, bytes]] = {}
        for path in self.tiles.bundles.values():
            self.report.unsure(self.tiles.place(path), "no record names this file: it is a leftover, or was put here")
        for path in sorted(self.ledger.rglob("*")):
            name = path.relative_to(self.ledger).as_posix()
            if (path.is_dir() and not path.is_symlink()) or name.startswith("tile/") or name == "checkpoint":
                continue
            if path.is_symlink() or not path.is_file():
                self.report.unsure(f"ledger/{name}", "is not a file")
            elif match := self.SEGMENT.fullmatch(name):
                names.append((int(match[1]), int(match[2]), path))
            elif match := self.BLOB.fullmatch(name):
                blobs[match[1] + match[2]] = path
            elif match := self.TIMESTAMP.fullmatch(name):
                stamps.setdefault(int(match[1]), {})[match[2]] = path.read_bytes()
            else:
                self.report.unsure(f"ledger/{name}", "no record names this file: it is a leftover, or was put here")
        for size in stamps:
            self.expect_stamp(size, stamps[size])
        self.read_entries(self.standing_files(names))
        if not self.sealed and self.store is None:
            self.report.unsure("ledger", "the entries since the last segment are not in the public part (--sealed to verify without them)")
        published = self.check_heads(heads)
        self.check_segments(names)
        self.check_blobs(blobs)
        self.check_stamps(stamps)
        self.log.finish()
        self.tiles.finish(published)

    def expect_stamp(self, size: int, files: dict[str, bytes]) -> None:
        try:
            _, stamped, root = parse_checkpoint(files.get("checkpoint", b""))
            if stamped == size and "tsr" in files:
                self.log.expect_head(size, root)
        except (Bad, UnicodeDecodeError):
            pass  # check_stamps names it

    def check_stamps(self, stamps: dict[int, dict[str, bytes]]) -> None:
        for size, files in stamps.items():
            place = f"ledger/timestamps/{size:012}"
            if "tsr" not in files:
                continue  # the text is written first: a crash leaves it alone
            if "checkpoint" not in files:
                self.report.unsure(place, "what was stamped is not here")
                continue
            self.report.files += 2
            try:
                origin, stamped, _ = parse_checkpoint(files["checkpoint"])
                if (origin, stamped) != (self.log.origin, size) or files["checkpoint"].count(b"\n") != 3:
                    raise Bad("is not a head of this log and size")
                if size > self.log.tree.size:
                    raise Bad(f"{size} entries were stamped, there are {self.log.tree.size}: the log's end was cut off")
                Token(files["tsr"]).check(files["checkpoint"], self.trust.authority)
            except (Bad, UnicodeDecodeError) as error:
                self.report.tampered(place, error)
                continue
            self.report.timestamps += 1
        if stamps and not self.trust.authority:
            self.report.notes.append("the timestamps' authority was not checked: give its certificate (--timestamp-ca)")

    def read_heads(self) -> list[tuple[str, bytes]]:
        heads = []
        try:
            heads.append(("ledger/checkpoint", (self.ledger / "checkpoint").read_bytes()))
        except FileNotFoundError:
            self.report.unsure("ledger/checkpoint", "no head was ever published here")
        heads += [("the remembered head", data) for data in self.remembered]
        if self.store is not None:
            try:
                with self.connect() as store:
                    heads += [("log.sqlite, head", text.encode()) for (text,) in store.execute("SELECT checkpoint FROM head")]
                    kept = store.execute("SELECT size, note FROM checkpoint ORDER BY size")
                    heads += [(f"log.sqlite, kept head {size}", text.encode()) for size, text in kept]
            except sqlite3.Error as error:
                self.log_unreadable(error)
        for _, data in heads:
            try:
                _, size, root = parse_checkpoint(parse_note(data).text)
                self.log.expect_head(size, root)
            except (Bad, UnicodeDecodeError):
                pass  # check_heads names it
        return heads

    def connect(self) -> sqlite3.Connection:
        assert self.store is not None
        # Without a write-ahead log nobody writes; `immutable` keeps even SQLite's own helper files out of what is verified.
        at_rest = "" if self.store.with_name("log.sqlite-wal").exists() else "&immutable=1"
        return sqlite3.connect(f"file:{quote(str(self.store))}?mode=ro{at_rest}", uri=True)

    def rows_of_log(self) -> Iterator[Row]:
        if self.store is None:
            return
        try:
            with self.connect() as store:
                query = "SELECT seq, entry, signature, key_id, kind, request_id, leaf FROM entry ORDER BY seq"
                for seq, entry, signature, key_id, kind, request_id, leaf in store.execute(query):
                    columns = {"seq": seq, "kind": kind, "request_id": request_id, "leaf": leaf}
                    yield Row(seq, entry, signature, key_id, columns, "log.sqlite")
        except sqlite3.Error as error:
            self.log_unreadable(error)

    def log_unreadable(self, error: sqlite3.Error) -> None:
        """A file that SQLite opens and finds damaged proves something; one that cannot be opened does not."""
        damaged = isinstance(error, sqlite3.DatabaseError) and not isinstance(error, sqlite3.OperationalError)
        (self.report.tampered if damaged else self.report.unsure)("log.sqlite", f"the log cannot be read: {error}")
        # From here on as for a public part alone: what only the log has is not known, which is not the same as missing.
        self.store = None

    def standing_files(self, names: list[tuple[int, int, Path]]) -> list[tuple[int, int, Path]]:
        """The files to read: those whose records stand, or, without records, from each position on the one that reaches furthest."""
        recorded = Recorded()
        try:
            if self.store is None:
                raise Bad("no log")
            with self.connect() as store:
                for seq, entry in store.execute("SELECT seq, entry FROM entry WHERE kind = 'segment.sealed' ORDER BY seq"):
                    recorded.add(seq, parse_canonical(entry)["body"])
            paths = {body["path"] for body in recorded.standing}
            # What is recorded nowhere is read as well, if it may be the next segment: its own record can be missing.
            return [file for file in sorted(names) if self.name_of(file[2]) in paths or file[0] >= recorded.next()]
        except (Bad, sqlite3.Error, KeyError, TypeError):
            pass  # what is wrong is named by whoever reads the entries
        chosen: list[tuple[int, int, Path]] = []
        for first, last, path in sorted(names, key=lambda file: (file[0], -file[1])):
            if not chosen or first > chosen[-1][1]:
                chosen.append((first, last, path))
        return chosen

    def name_of(self, path: Path) -> str:
        return path.relative_to(self.ledger).as_posix()

    def read_entries(self, segments: list[tuple[int, int, Path]]) -> None:
        """Segments first; the log has what follows, and perhaps again what is in them."""
        rows = self.rows_of_log()
        ahead = next(rows, None)

        def from_log(until: int | None) -> None:
            nonlocal ahead
            while ahead is not None and (until is None or ahead.seq < until):
                if ahead.seq == self.log.tree.size:
                    self.log.take(ahead)
                elif ahead.seq > self.log.tree.size:
                    self.gap(ahead.seq)
                    continue
                ahead = next(rows, None)

        for first, last, path in segments:
            from_log(first)
            place = f"ledger/{path.relative_to(self.ledger).as_posix()}"
            self.report.files += 1
            expected = first
            try:
                for row in read_segment(path, place):
                    if row.seq != expected or row.seq > last:
                        raise Bad(f"row {row.seq} stands where entry {expected} belongs")
                    expected += 1
                    if row.seq > self.log.tree.size:
                        self.gap(row.seq)
                    if row.seq < self.log.tree.size:
                        raise Bad(f"holds entry {row.seq}, which an earlier segment holds too")
                    while ahead is not None and ahead.seq < row.seq:
                        ahead = next(rows, None)
                    here = ahead is not None and ahead.seq == row.seq
                    self.check_pruning(row, here)
                    if here:
                        if (ahead.entry, ahead.signature, ahead.key_id) != (row.entry, row.signature, row.key_id):
                            self.report.tampered(f"entry {row.seq}", "segment and log hold different entries")
                        try:
                            Log.check_columns(ahead, parse_canonical(row.entry), leaf_of(row.entry), 0)
                        except (Bad, KeyError, TypeError) as error:
                            self.report.tampered(f"entry {row.seq}", error)
                    self.log.take(row)
                if expected != last + 1:
                    raise Bad(f"ends before entry {last}")
            except Bad as error:
                self.report.tampered(place, error)
        from_log(None)

    def check_pruning(self, row: Row, here: bool) -> None:
        """Sealed entries may be gone from the log up to some position, but for those of some kinds; behind it none is missing."""
        stays = row.columns["kind"] in STAY_IN_LOG
        if here and not stays:
            self.log_is_unpruned = True
        elif not here and self.store is not None and (stays or self.log_is_unpruned):
            self.report.tampered(f"entry {row.seq}", "is missing from the log")

    def gap(self, seq: int) -> None:
        self.report.tampered(f"entry {self.log.tree.size}", f"entries {self.log.tree.size} to {seq - 1} are missing")
        # Roots below a gap cannot be computed; the gap itself is the finding.
        self.log.whole = False
        while self.log.tree.size < seq:
            self.log.push(bytes(32))
        self.log.previous = None

    def check_heads(self, heads: list[tuple[str, bytes]]) -> int:
        published = 0
        for place, data in heads:
            head = self.log.check_head(place, data)
            if head is None:
                continue
            size, _ = head
            if place == "ledger/checkpoint":
                published = size
                self.report.files += 1
            if size > self.log.tree.size:
                self.missing_tail(place, size)
            if place == "log.sqlite, head" and size != self.log.tree.size:
                self.report.tampered(place, f"is over {size} entries, there are {self.log.tree.size}")
            if place.startswith("log.sqlite, kept head") and place.rsplit(" ", 1)[1] != str(size):
                self.report.tampered(place, f"is over {size} entries")
        return published

    def missing_tail(self, place: str, size: int) -> None:
        here = self.log.tree.size
        if self.store is not None or place != "ledger/checkpoint":
            self.report.tampered(place, f"{size} entries were signed, there are {here}: the log's end was cut off")
            return
        # Without the log, the newest entries are known only by their leaves, which the tiles hold and the head signs.
        self.report.notes.append(f"verified are entries 0 to {here - 1}; {size - here} more under the head are not in these files")
        for leaf in self.leaves_from_tiles(here, size):
            self.log.push(leaf)
        if self.log.tree.size != size:
            self.report.tampered(place, "the tiles do not hold the leaves up to the head")

    def leaves_from_tiles(self, first: int, size: int) -> Iterator[bytes]:
        for index in range(first // 256, (size + 255) // 256):
            path = self.tiles.found.get((0, index, min(256, size - index * 256)))
            if path is None:
                return
            data = path.read_bytes()
            for at in range(max(first - index * 256, 0), len(data) // 32):
                yield data[at * 32 : at * 32 + 32]

    def check_segments(self, names: list[tuple[int, int, Path]]) -> None:
        unrecorded = {self.name_of(path): (first, last, path) for first, last, path in names}
        recorded = Recorded()
        for seq, body in self.log.segments:
            try:
                recorded.add(seq, body)
            except Bad as error:
                self.report.tampered(f"entry {seq}", error)
                # What stands from here on nobody can say; this file is still held against its record.
                recorded.standing.append(body)
        for body in recorded.standing:
            place = f"ledger/{body['path']}"
            found = unrecorded.pop(body["path"], None)
            if found is None:
                self.report.tampered(place, "the segment is missing")
            elif found[:2] != (body["first"], body["last"]) or found[2].stat().st_size != body["bytes"]:
                self.report.tampered(place, "is not the file that was recorded")
            elif sha256_of(found[2]) != from_base64url(body["sha256"], 32):
                self.report.tampered(place, "is not the file that was recorded")
        for body in recorded.replaced:
            unrecorded.pop(body["path"], None)  # it may still be there, and nobody needs it
        for name, (first, last, _) in unrecorded.items():
            # The public part does not hold the newest records yet: one may name this file, as the next segment or in the place of others.
            begins = first == recorded.next() or any(first == body["first"] for body in recorded.standing)
            if self.store is None and begins and (last >= recorded.next() or recorded.run(first, last) is not None):
                continue
            self.report.unsure(f"ledger/{name}", "no record names this file: it is a leftover, or was put here")

    def check_blobs(self, blobs: dict[str, Path]) -> None:
        for digest, path in blobs.items():
            place = f"ledger/{path.relative_to(self.ledger).as_posix()}"
            self.report.files += 1
            if sha256_of(path).hex() != digest:
                self.report.tampered(place, "the contents are not those of its name")
        for digest, (seq, needed) in self.log.blobs.items():
            if needed and digest not in blobs:
                self.report.tampered(f"entry {seq}", f"the blob {digest} that it names is missing")


# ---------------------------------------------------------------------------------------------------------------- a pack ("Evidence packs")


class Container:
    """A zip file of which every byte is accounted for, as PACK.md says. One file at a time is in memory."""

    def __init__(self, source: BinaryIO) -> None:
        self.source = source
        self.size = source.seek(0, 2)
        # Path: position of the packed bytes, their number, size of the content, checksum, method.
        self.files: dict[str, tuple[int, int, int, int, int]] = {}
        directory, at, previous = [], 0, (False, b"")
        while self.at(at, 4) == b"PK\x03\x04":
            head = self.at(at, 30)
            if len(head) < 30:
                raise Bad(f"byte {at}: it ends within a header")
            needs, flags, method, time, date, crc, packed_size, plain_size, name_size, extra = struct.unpack("<HHHHHIIIHH", head[4:])
            name = self.at(at + 30, name_size)
            if (needs, flags, time, date, extra) != (20, 0x0800, 0, 0x0021, 0) or method not in (0, 8):
                raise Bad(f"byte {at}: `{name!r}` has a header that packs do not have")
            if len(name) > 512 or not re.fullmatch(rb"[A-Za-z0-9._()/-]+", name) or not {b"", b".", b".."}.isdisjoint(name.split(b"/")):
                raise Bad(f"byte {at}: `{name!r}` is not a name of a file in a pack")
            place = (name.startswith(b"seal/"), name)
            if place <= previous:
                raise Bad(f"byte {at}: `{name.decode()}` is out of order or there twice")
            if plain_size > 2**31 or packed_size > 2**31:
                raise Bad(f"byte {at}: `{name.decode()}` is larger than a file in a pack can be")
            data = at + 30 + name_size
            if data + packed_size > self.size:
                raise Bad(f"byte {at}: `{name.decode()}` goes on after the end")
            self.files[name.decode()] = (data, packed_size, plain_size, crc, method)
            directory.append((at, name, crc, packed_size, plain_size, method))
            at, previous = data + packed_size, place
        start = at
        for offset, name, crc, packed_size, plain_size, method in directory:
            wide = offset >= 0xFFFFFFFF
            version, short = (45, 0xFFFFFFFF) if wide else (20, offset)
            extra = struct.pack("<HHQ", 1, 8, offset) if wide else b""
            entry = struct.pack(
                "<IHHHHHHIIIHHHHHII", 0x02014B50, 0x0300 | version, version, 0x0800, method, 0, 0x0021, crc, packed_size, plain_size,
                len(name), len(extra), 0, 0, 0, 0o100644 << 16, short,
            )  # fmt: skip
            at = self.expect(at, entry + name + extra, "the directory does not list the files as they stand")
        count, length = len(directory), at - start
        if count >= 0xFFFF or length >= 0xFFFFFFFF or start >= 0xFFFFFFFF:
            wide_end = struct.pack("<IQHHIIQQQQ", 0x06064B50, 44, 0x032D, 45, 0, 0, count, count, length, start)
            at = self.expect(at, wide_end + struct.pack("<IIQI", 0x07064B50, 0, start + length, 1), "the end record is damaged")
            count, length, start = 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF
        end = struct.pack("<IHHHHIIH", 0x06054B50, 0, 0, count, count, length, start, 0)
        at = self.expect(at, end, "the end record is damaged")
        if at != self.size:
            raise Bad(f"byte {at}: there is something after the end")

    def at(self, position: int, length: int) -> bytes:
        self.source.seek(position)
        return self.source.read(length)

    def expect(self, position: int, wanted: bytes, what: str) -> int:
        if self.at(position, len(wanted)) != wanted:
            raise Bad(f"byte {position}: {what}")
        return position + len(wanted)

    def read(self, path: str) -> tuple[bytes, bytes]:
        """Content and packed bytes of a file."""
        position, packed_size, plain_size, crc, method = self.files[path]
        packed = self.at(position, packed_size)
        plain = packed if method == 0 else inflate(packed, plain_size)
        if len(plain) != plain_size or zlib.crc32(plain) != crc:
            raise Bad(f"`{path}` is damaged")
        return plain, packed

    def is_stored(self, path: str) -> bool:
        return self.files[path][4] == 0


def inflate(packed: bytes, size: int) -> bytes:
    stream = zlib.decompressobj(-15)
    try:
        plain = stream.decompress(packed, size + 1)
    except zlib.error as error:
        raise Bad(f"cannot be unpacked: {error}") from error
    if not stream.eof or stream.unused_data or stream.unconsumed_tail:
        raise Bad("does not unpack to the size that it says")
    return plain


SEAL = ["checkpoint", "consistency.json", "heads.jsonl", "manifest.dsse.json", "manifest.json", "manifest.note"]
PAYLOAD_TYPE = "application/vnd.privyseal.manifest+json"
MALFORMED = (Bad, KeyError, TypeError, AttributeError, ValueError)


def verify_pack(source: BinaryIO, report: Report, trusted: tuple[str, bytes] | None, remembered: list[bytes]) -> None:
    try:
        pack = Container(source)
    except Bad as error:
        report.tampered("the pack", error)
        return
    seal: dict[str, bytes] = {}
    for name in SEAL:
        path = f"seal/{name}"
        if path not in pack.files:
            report.tampered(path, "is missing")
            return
        if not pack.is_stored(path):
            report.tampered(path, "was packed again after it was sealed")
        try:
            seal[name] = pack.read(path)[0]
        except Bad as error:
            report.tampered(path, error)
            return
    for path in pack.files:
        if path.startswith("seal/") and path.removeprefix("seal/") not in SEAL:
            report.tampered(path, "does not belong into a seal")
    try:
        manifest = parse_canonical(seal["manifest.json"])
        if manifest["format"] != 2:
            report.unsure("seal/manifest.json", f"the pack has format {manifest['format']}, this verifier knows 2")
            return
        listed = {file["path"]: file for file in manifest["files"]}
        if len(listed) != len(manifest["files"]) or list(listed) != sorted(listed):
            raise Bad("does not list each file once, in order")
        pairs = [[file["path"], file["sha256"]] for file in manifest["files"]]
        if from_base64url(manifest["pack_digest"], 32) != sha256(canonical(pairs)):
            raise Bad("`pack_digest` is not the digest of the list")
        heads = read_heads(seal["heads.jsonl"])
    except MALFORMED as error:
        report.tampered("seal/manifest.json", error if isinstance(error, Bad) else f"has not the members of a manifest: {error!r}")
        return
    log = Log(report, trusted)
    content = Content(pack, manifest, heads, log)
    for path in pack.files:
        if path.startswith("seal/"):
            continue
        try:
            plain, packed = pack.read(path)
            report.files += 1
            file = listed.pop(path, None)
            if file is None:
                raise Bad("is not listed in the manifest")
            digests = (from_base64url(file["sha256"], 32), from_base64url(file["packed_sha256"], 32), file["bytes"])
            if digests != (sha256(plain), sha256(packed), len(plain)):
                report.tampered(path, "is not what the manifest lists")
            content.take(path, plain)
        except MALFORMED as error:
            report.tampered(path, error if isinstance(error, Bad) else f"is not as it must be: {error!r}")
    for path in listed:
        report.tampered(path, "is missing from the pack")
    content.finish()
    log.finish()
    try:
        check_seal(seal, manifest, log, remembered)
    except MALFORMED as error:
        report.tampered("seal/", error if isinstance(error, Bad) else f"is not as it must be: {error!r}")
    for digest, (seq, needed) in log.blobs.items():
        if needed and f"ledger/files/{digest}" not in pack.files:
            report.tampered(f"entry {seq}", f"the file {digest} that it names is missing")


def read_heads(data: bytes) -> dict[int, bytes]:
    heads: dict[int, bytes] = {}
    for line in lines_of(data, "seal/heads.jsonl"):
        head = parse_canonical(line)
        if head.keys() != {"note", "size"} or head["size"] <= max(heads, default=0):
            raise Bad("seal/heads.jsonl: lines are in order of `size` and have two members")
        heads[head["size"]] = head["note"].encode()
    return heads


def lines_of(data: bytes, name: str) -> list[bytes]:
    if data and not data.endswith(b"\n"):
        raise Bad(f"{name} does not end with a newline")
    return data.split(b"\n")[:-1]


class Content:
    """The files outside the seal, as they come by in order of their paths."""

    def __init__(self, pack: Container, manifest: dict[str, Any], heads: dict[int, bytes], log: Log) -> None:
        self.pack, self.manifest, self.heads, self.log = pack, manifest, heads, log
        self.lines: list[bytes] | None = None
        self.rows: Iterator[Row] | None = None
        self.tree = Tree()
        period = manifest["period"]
        self.edges = [(period["start"], Tree()), (period["end"], Tree())]
        self.has_period = False
        self.rows_of: dict[str, dict[str, int]] = {}
        self.runs: dict[str, dict[str, Any]] = {}

    def take(self, path: str, plain: bytes) -> None:
        folder, _, name = path.partition("/")
        if path.startswith("ledger/events/"):
            self.piece(path.removeprefix("ledger/events/"), plain)
        elif path.startswith("ledger/files/"):
            if sha256(plain).hex() != path.removeprefix("ledger/files/"):
                raise Bad("the contents are not those of its name")
        elif path == "ledger/period.json":
            self.period(parse_canonical(plain))
        elif folder == "trace":
            self.trace(parse_canonical(plain))
        elif folder == "tests":
            self.test(*name.split("/", 1), plain)

    def piece(self, name: str, plain: bytes) -> None:
        expected = "jsonl" if self.lines is None else "parquet" if self.rows is None else "signatures.jsonl"
        if name != f"{self.tree.size:012}.{expected}":
            raise Bad(f"stands where {self.tree.size:012}.{expected} belongs")
        if expected == "jsonl":
            self.lines = lines_of(plain, name)
        elif expected == "parquet":
            self.rows = read_segment(pyarrow.BufferReader(plain), name)
        else:
            lines, rows = self.lines or [], self.rows or iter(())
            self.lines = self.rows = None
            self.entries(lines, rows, plain, name)

    def entries(self, lines: list[bytes], rows: Iterator[Row], signed: bytes, name: str) -> None:
        signatures: dict[int, tuple[bytes, str]] = {}
        for line in lines_of(signed, name):
            record = parse_canonical(line)
            if record.keys() != {"key_id", "seq", "signature"} or record["seq"] <= max(signatures, default=-1):
                raise Bad("lines are in order of `seq` and have three members")
            signatures[record["seq"]] = (from_base64url(record["signature"], 64), record["key_id"])
        for line in lines:
            seq = self.tree.size
            signature, key_id = signatures.pop(seq, (None, None))
            row = next(rows, None)
            if row is None or (row.entry, row.signature, row.key_id) != (line, signature, key_id):
                raise Bad(f"entry {seq} is not the same in jsonl, parquet and signatures.jsonl")
            leaf = leaf_of(line)
            time = parse_canonical(line)["time"]
            for moment, tree in self.edges:
                if time < moment:
                    tree.push(leaf)
            self.tree.push(leaf)
            self.log.take(row)
            note = self.heads.pop(self.tree.size, None)
            if note is not None:
                head = self.log.check_head("seal/heads.jsonl", note)
                if head is not None and head != (self.tree.size, self.tree.root()):
                    self.log.report.tampered("seal/heads.jsonl", f"the head over {self.tree.size} entries has another root")
        if next(rows, None) is not None or signatures:
            raise Bad("there are more rows or signatures than entries")

    def period(self, file: dict[str, Any]) -> None:
        self.has_period = True
        for name, (moment, tree) in zip(("start", "end"), self.edges):
            peaks = [to_base64url(peak) for peak in tree.peaks]
            edge = {"time": moment, "size": tree.size, "root": to_base64url(tree.root()), "peaks": peaks}
            if file[name] != edge:
                raise Bad(f"its edge `{name}` is not that of the entries")
        if file["snapshot"] != self.manifest["snapshot"] or file.keys() != {"start", "end", "snapshot"}:
            raise Bad("it is of another snapshot than the manifest")

    def trace(self, file: dict[str, Any]) -> None:
        snapshot = file["snapshot"]
        if snapshot != self.manifest["snapshot"]:
            raise Bad("it is of another snapshot than the manifest")
        root = from_base64url(snapshot["root"], 32)
        for entry in [file["entry"], *file["chain"]]:
            leaf = leaf_of(entry["entry"].encode())
            proof = [from_base64url(node, 32) for node in entry["proof"]]
            if not included(entry["seq"], snapshot["size"], leaf, root, proof):
                raise Bad(f"its entry {entry['seq']} is not in the log at that place")

    def test(self, test: str, name: str, plain: bytes) -> None:
        kind, _, ending = name.partition(".")
        if name == "run.json":
            self.runs[test] = parse_canonical(plain)
        elif ending == "csv":
            rows = list(csv.reader(io.StringIO(plain.decode(), newline="")))
            if not rows or rows[0] != ["item_id", "event_id", "as_of", "status", "reason"]:
                raise Bad("has not the columns of a population")
            counts = self.rows_of.setdefault(test, {})
            for row in rows[1:]:
                counts[f"{kind.partition('-')[0]}/{row[3]}"] = counts.get(f"{kind.partition('-')[0]}/{row[3]}", 0) + 1

    def finish(self) -> None:
        report = self.log.report
        if self.lines is not None or self.tree.size == 0:
            report.tampered("ledger/events/", "files are missing")
        if not self.has_period:
            report.tampered("ledger/period.json", "is missing")
        for size in self.heads:
            report.tampered("seal/heads.jsonl", f"a head is over {size} entries, which are not there")
        for test in sorted(self.runs.keys() | self.rows_of.keys()):
            run, counts = self.runs.get(test), self.rows_of.get(test, {})
            if run is None:
                report.tampered(f"tests/{test}/run.json", "is missing")
                continue
            said = {"population/ok": run["rows"] - run["violations"] - run["indeterminate"]}
            for table, status in (("exceptions", "violation"), ("indeterminate", "indeterminate")):
                number = run["violations"] if status == "violation" else run["indeterminate"]
                said |= {f"population/{status}": number, f"{table}/{status}": number}
            if counts != {name: number for name, number in said.items() if number}:
                report.tampered(f"tests/{test}/run.json", f"it says {said}, and the tables beside it have {counts}")


def check_seal(seal: dict[str, bytes], manifest: dict[str, Any], log: Log, remembered: list[bytes]) -> None:
    snapshot = manifest["snapshot"]
    size, root = snapshot["size"], from_base64url(snapshot["root"], 32)
    if (size, root) != (log.tree.size, log.tree.root()) or manifest["log"] != log.origin:
        raise Bad("the manifest's snapshot is not that of the entries")
    head = log.check_head("seal/checkpoint", seal["checkpoint"])
    proof = parse_canonical(seal["consistency.json"])
    if head is not None and not consistent(size, root, *head, [from_base64url(node, 32) for node in proof]):
        raise Bad("the consistency proof does not lead from the snapshot to the head")
    note = parse_note(seal["manifest.note"])
    digest = to_base64url(sha256(seal["manifest.json"]))
    if note.text != f"privyseal/pack/v1\n{digest}\n".encode():
        raise Bad("the note is about another manifest")
    # A key that the log enrolled after the period is not known from the pack: then nobody here can tell.
    signed = [key for key in signers(note, log.keys) if "log" in key.purposes]
    if not signed:
        raise Bad("no key that may sign heads signed the manifest")
    envelope = parse_canonical(seal["manifest.dsse.json"])
    if envelope.keys() != {"payload", "payloadType", "signatures"} or envelope["payloadType"] != PAYLOAD_TYPE:
        raise Bad("manifest.dsse.json is no envelope of a manifest")
    if base64.b64decode(envelope["payload"], validate=True) != seal["manifest.json"]:
        raise Bad("manifest.dsse.json holds another manifest")
    (signature,) = envelope["signatures"]
    covered = f"DSSEv1 {len(PAYLOAD_TYPE)} {PAYLOAD_TYPE} {len(seal['manifest.json'])} ".encode() + seal["manifest.json"]
    keys = [key for key in signed if key.key_id == signature["keyid"]]
    if not any(ed25519_strict(key.public, covered, base64.b64decode(signature["sig"], validate=True)) for key in keys):
        raise Bad("the signature of manifest.dsse.json does not verify")
    log.report.heads += 1
    for data in remembered:
        check_remembered(data, log)


def check_remembered(remembered: bytes, log: Log) -> None:
    head = log.check_head("the remembered head", remembered)
    if head is None:
        return
    if head == (log.tree.size, log.tree.root()):
        return
    log.report.unsure("the remembered head", f"is over {head[0]} entries; the pack is a snapshot of {log.tree.size} and cannot be compared with it")


# ---------------------------------------------------------------------------------------------------------------- static files ("Over HTTP, and as static files")


def read_bundle(data: bytes) -> list[bytes]:
    """The entries of a C2SP entry bundle: each after its length in two big-endian bytes."""
    entries, at = [], 0
    while at < len(data):
        length = int.from_bytes(data[at : at + 2], "big")
        entry = data[at + 2 : at + 2 + length]
        if at + 2 > len(data) or len(entry) != length:
            raise Bad("is not an entry bundle: it ends in the midst of an entry")
        entries.append(entry)
        at += 2 + length
    return entries


class Export:
    """What `privyseal checkpoint export` wrote, or somebody fetched from a server: head, hash tiles, perhaps entry bundles.

    The signatures of events are not in it. What entries say of keys that were enrolled later is therefore not believed here: the head
    must be signed by the log's first key, or by a log that the policy names."""

    def __init__(self, target: Path, report: Report, trust: Trust, remembered: list[bytes]) -> None:
        self.target, self.report, self.trust, self.remembered = target, report, trust, remembered
        self.log = Log(report, trust.key, trust.policy, with_signatures=False)
        self.tiles = Tiles(target / "tile", report)
        self.log.on_leaf = self.tiles.push

    @staticmethod
    def is_one(target: Path) -> bool:
        return (target / "checkpoint").is_file() and not any((target / part).exists() for part in ("ledger", "events", "blobs", "log.sqlite"))

    def verify(self) -> None:
        for path in sorted(self.target.rglob("*")):
            name = path.relative_to(self.target).as_posix()
            if not path.is_dir() and not name.startswith("tile/") and name != "checkpoint":
                self.report.unsure(name, "is not a file of a static export")
        published = (self.target / "checkpoint").read_bytes()
        try:
            origin, size, _ = parse_checkpoint(parse_note(published).text)
        except (Bad, UnicodeDecodeError) as error:
            self.report.tampered("ledger/checkpoint", error)
            return
        heads = [("ledger/checkpoint", published)] + [("the remembered head", data) for data in self.remembered]
        for _, data in heads:
            try:
                self.log.expect_head(*parse_checkpoint(parse_note(data).text)[1:])
            except (Bad, UnicodeDecodeError):
                pass  # check_head names it
        anchored = True
        try:
            if self.tiles.bundles:
                self.read_bundles(size)
                self.report.notes.append(f"the signatures of {self.log.unsigned} events are not in a static export and were not checked")
            else:
                anchored = self.only_tiles(origin, size)
        except Bad as error:
            self.report.tampered("ledger/tile", error)
        for place, data in heads if anchored else []:
            head = self.log.check_head(place, data)
            if head is not None and head[0] > self.log.tree.size:
                self.report.tampered(place, f"{head[0]} entries were signed, there are {self.log.tree.size}")
        self.report.files += 1
        self.log.finish()
        self.tiles.finish(size)

    def read_bundles(self, size: int) -> None:
        for index in range((max(size, 1 + max(index for index, _ in self.tiles.bundles) * 256) + 255) // 256):
            here = {width: path for (at, width), path in self.tiles.bundles.items() if at == index}
            if not here or max(here) < min(256, size - index * 256):
                self.report.tampered(Tiles.name(Tiles.ENTRIES, index, min(256, max(size - index * 256, 1))), "the entry bundle is missing")
                return
            entries = read_bundle(here[max(here)].read_bytes())
            for width, path in here.items():
                self.report.files += 1
                if read_bundle(path.read_bytes()) != entries[:width] or len(entries) < width:
                    self.report.tampered(self.tiles.place(path), f"does not hold the {width} entries of its name")
            for at, entry in enumerate(entries):
                self.log.take(Row(index * 256 + at, entry, None, None, {}, self.tiles.place(here[max(here)])))

    def only_tiles(self, origin: str, size: int) -> bool:
        """Without entries: the tiles give the head's root. Says whether the caller named somebody who must have signed the head."""
        self.report.notes.append("the entries are not here: checked is that the tiles lead to the head")
        self.log.origin = self.report.log = origin
        if self.trust.key is not None:
            name, public = self.trust.key
            self.log.keys.append(Key(name, public, frozenset({"log"}), -1))
            self.report.key_trusted = True
        elif self.trust.policy is not None and self.trust.policy.logs:
            self.log.keys += [key for key in self.trust.policy.logs if key.name == origin]
        else:
            self.report.unsure("ledger/checkpoint", "who signed it cannot be checked without the log's key (--trusted-key or --policy)")
        for index in range((size + 255) // 256):
            widths = [width for level, at, width in self.tiles.found if (level, at) == (0, index)]
            if not widths:
                raise Bad(f"{Tiles.name(0, index, min(256, size - index * 256))} is missing")
            data = self.tiles.found[(0, index, max(widths))].read_bytes()
            if len(data) != 32 * max(widths):
                raise Bad(f"{Tiles.name(0, index, max(widths))} has not the length of its name")
            for at in range(max(widths)):
                self.log.push(data[at * 32 : at * 32 + 32])
        return self.trust.key is not None or self.trust.policy is not None and self.trust.policy.names_logs


# ---------------------------------------------------------------------------------------------------------------- proof files ("Proof files")


@dataclass
class Proof:
    entry: bytes | None
    index: int
    nodes: list[bytes]
    head: bytes


PROOF = b"c2sp.org/tlog-proof@v1"


def parse_proof(data: bytes) -> Proof:
    if len(data) > 1_200_000:
        raise Bad("is longer than a proof file can be")
    text = decoded(data)
    above, gap, head = text.partition("\n\n")
    lines = above.split("\n")
    if not gap or lines.pop(0) != PROOF.decode():
        raise Bad("is not a proof file")
    entry = None
    if lines and lines[0].startswith("extra "):
        entry = from_base64(lines.pop(0).removeprefix("extra "))
    match = re.fullmatch(r"index (0|[1-9][0-9]{0,18})", lines.pop(0) if lines else "")
    if not match:
        raise Bad("is a proof file without the index of its entry")
    nodes = [from_base64(line) for line in lines]
    if any(len(node) != 32 for node in nodes) or len(nodes) > 63:
        raise Bad("is a proof file with a hash that has not 32 bytes, or with too many")
    return Proof(entry, int(match[1]), nodes, head.encode())


def verify_proof(data: bytes, report: Report, trust: Trust) -> bytes | None:
    """Checks a proof file and gives the entry that it proves; only what the caller trusts can vouch for the head."""
    try:
        proof = parse_proof(data)
        note = parse_note(proof.head)
        origin, size, root = parse_checkpoint(note.text)
        report.log, report.size, report.root, report.entries = origin, size, root.hex(), 1
        if proof.entry is None:
            report.unsure("the proof", "does not carry the entry that it proves")
        else:
            event = parse_canonical(proof.entry)
            if not isinstance(event, dict) or event.get("seq") != proof.index or event.get("log") != origin:
                raise Bad("the entry is not the one of this log and index")
            if report.schema is not None:
                report.schema.check(event)
            if not included(proof.index, size, leaf_of(proof.entry), root, proof.nodes):
                raise Bad("the proof does not lead from the entry to the head")
        if trust.key is not None:
            name, public = trust.key
            if not signers(note, [Key(name, public, frozenset({"log"}), -1)]):
                report.unsure("the head", "the trusted key did not sign it; another key of the log may sign heads now")
            elif name != origin:
                raise Bad("the head is of another log than the trusted key's")
            report.key_trusted = True
        by_policy = Log(report, trust.key, trust.policy).by_policy("the head", note, size, wanted=True)
        if trust.key is None and not by_policy:
            report.unsure("the head", "nobody whom you trust is known to have signed it (--trusted-key, --policy)")
        report.heads += 1
        return proof.entry
    except (Bad, UnicodeDecodeError) as error:
        report.tampered("the proof", error)
        return None
    except (KeyError, TypeError, AttributeError) as error:
        report.tampered("the proof", f"its entry has not the members of one: {error!r}")
        return None


# ---------------------------------------------------------------------------------------------------------------- one disclosed value ("Hidden values")


def commitment(salt: bytes, value: Any) -> str:
    return to_base64url(sha256(b"privyseal/hide/v1\n", salt, canonical(value)))


def at_pointer(value: Any, pointer: str) -> Any:
    """RFC 6901."""
    if not isinstance(pointer, str) or not pointer.startswith("/"):
        raise Bad("is not a JSON pointer to a member")
    for token in pointer.split("/")[1:]:
        if re.search(r"~(?![01])", token):
            raise Bad("is not a JSON pointer")
        name = token.replace("~1", "/").replace("~0", "~")
        if isinstance(value, dict) and name in value:
            value = value[name]
        elif isinstance(value, list) and re.fullmatch(r"0|[1-9][0-9]{0,8}", name) and int(name) < len(value):
            value = value[int(name)]
        else:
            raise Bad(f"the entry has nothing at `{pointer}`")
    return value


def parse_disclosure(data: bytes) -> dict[str, Any]:
    if len(data) > 262_144:
        raise Bad("is longer than a disclosure can be")
    disclosure = parse_canonical(data.removesuffix(b"\n"))
    if not isinstance(disclosure, dict) or disclosure.keys() != {"event_id", "log", "pointer", "salt", "v", "value"} or disclosure["v"] != 1:
        raise Bad("has not the members of a disclosure")
    if not all(isinstance(disclosure[name], str) for name in ("event_id", "log", "pointer")):
        raise Bad("has not the members of a disclosure")
    from_base64url(disclosure["salt"], 16)
    return disclosure


def check_disclosure(disclosure: dict[str, Any], entry: bytes) -> None:
    event = parse_canonical(entry)
    if not isinstance(event, dict) or (event.get("id"), event.get("log")) != (disclosure["event_id"], disclosure["log"]):
        raise Bad("is of another event or log")
    member = at_pointer(event, disclosure["pointer"])
    if not isinstance(member, dict) or member.keys() != {"#"}:
        raise Bad(f"the member at `{disclosure['pointer']}` is not hidden")
    if member["#"] != commitment(from_base64url(disclosure["salt"], 16), disclosure["value"]):
        raise Bad("the value is not the one that was hidden")


def verify_disclosure(target: Path, data: bytes, report: Report, trust: Trust) -> None:
    """Checks a disclosed value against its entry in a target, which is itself proven apart (of a proof file, here and now)."""
    try:
        disclosure = parse_disclosure(data)
    except Bad as error:
        report.tampered("the disclosure", error)
        return
    report.log = disclosure["log"]
    found = [entry for entry in entries_of(target, report, trust) if f'"id":"{disclosure["event_id"]}"'.encode() in entry]
    found = [entry for entry in found if (event := parse_canonical(entry)) and event.get("id") == disclosure["event_id"]]
    if not found:
        report.unsure("the disclosure", f"event {disclosure['event_id']} is not in {target}")
    for entry in found:
        report.entries += 1
        try:
            check_disclosure(disclosure, entry)
        except Bad as error:
            report.tampered("the disclosure", error)
    report.notes.append("checked is this one value against its entry; the entry is proven by verifying what holds it")


def entries_of(target: Path, report: Report, trust: Trust) -> Iterator[bytes]:
    """Every entry that a target holds, once or more often, unchecked."""
    if target.is_dir() and Export.is_one(target):
        for path in Tiles(target / "tile", report).bundles.values():
            yield from read_bundle(path.read_bytes())
    elif target.is_dir():
        folder = Folder(target, Report(), trust, [], True)
        for row in folder.rows_of_log():
            yield row.entry
        for path in folder.ledger.glob("events/*/*/*.parquet"):
            for row in read_segment(path, path.name):
                yield row.entry
    else:
        data = target.read_bytes()
        if data.startswith(PROOF):
            entry = verify_proof(data, report, trust)
            if entry is not None:
                yield entry
        else:
            pack = Container(io.BytesIO(data))
            for path in pack.files:
                if re.fullmatch(r"ledger/events/\d{12}\.jsonl", path):
                    yield from lines_of(pack.read(path)[0], path)


# ---------------------------------------------------------------------------------------------------------------- command line


def given(options: argparse.Namespace) -> Trust:
    """What the caller trusts; a file that cannot be used tells nothing about the target."""
    trust = Trust()
    try:
        if options.trusted_key is not None:
            path = Path(options.trusted_key)
            trust.key = parse_vkey((path.read_text() if path.is_file() else options.trusted_key).strip())
        if options.policy is not None:
            trust.policy = parse_policy(options.policy.read_bytes())
        if options.timestamp_ca is not None:
            trust.authority = x509.load_pem_x509_certificates(options.timestamp_ca.read_bytes())
    except ValueError as error:
        raise Bad(f"what to trust cannot be read: {error}") from error
    return trust


def starts_with_proof(target: Path) -> bool:
    with target.open("rb") as source:
        return source.read(len(PROOF)) == PROOF


def run(arguments: list[str]) -> tuple[Report, argparse.Namespace]:
    parser = argparse.ArgumentParser(
        description="Verify a data folder, its public part, a static export, an evidence pack or a proof file: exit 0 verified, 1 tampered, 2 could not tell"
    )
    parser.add_argument("target", type=Path, nargs="?", metavar="TARGET", help="data folder, its ledger/ folder, static export, pack, or proof file")
    parser.add_argument("--trusted-key", metavar="KEY", help="the log's first key, as you know it from elsewhere: text or a file with it")
    parser.add_argument("--policy", type=Path, metavar="FILE", help="witness policy (C2SP tlog-policy): the published head must be cosigned by its quorum")
    parser.add_argument("--timestamp-ca", type=Path, metavar="FILE", help="PEM certificates of the timestamping authority that you trust")
    parser.add_argument("--head", "--remembered", dest="heads", type=Path, action="append", default=[], metavar="CHECKPOINT",
                        help="a head that you kept: the log must extend it; may be repeated")
    parser.add_argument("--proof", type=Path, metavar="FILE", help="verify this proof file (the same as giving it as TARGET)")
    parser.add_argument("--disclosure", type=Path, metavar="FILE", help="check this one disclosed value against its entry in TARGET, and nothing else")
    parser.add_argument("--events", type=Path, default=EVENTS, metavar="FILE", help="docs/EVENTS.md, whose tables every event is held against")
    parser.add_argument("--sealed", action="store_true", help="of a public part, verify what is sealed, although newer entries are elsewhere")
    parser.add_argument("--json", action="store_true", help="print a JSON object")
    options = parser.parse_args(arguments)
    if (options.target is None) == (options.proof is None):
        parser.error("give TARGET or --proof FILE")
    target = options.target or options.proof
    report = Report()
    try:
        trust = given(options)
        if options.events.is_file():
            report.schema = Schema(options.events.read_text())
        else:
            report.notes.append(f"bodies of events were not checked: {options.events} is not here (--events)")
        remembered = [path.read_bytes() for path in options.heads]
        for data in remembered:
            # The caller's own file, which accuses nobody when it is another one than was meant.
            parse_checkpoint(parse_note(data).text)
        if options.disclosure is not None:
            verify_disclosure(target, options.disclosure.read_bytes(), report, trust)
        elif target.is_dir() and Export.is_one(target):
            Export(target, report, trust, remembered).verify()
        elif target.is_dir():
            Folder(target, report, trust, remembered, options.sealed).verify()
        elif starts_with_proof(target) or options.proof is not None:
            verify_proof(target.read_bytes(), report, trust)
        elif trust.policy is not None or trust.authority:
            report.unsure(str(target), "a pack holds no witnessed head and no timestamps: --policy and --timestamp-ca are for folders and proof files")
        else:
            with target.open("rb") as source:
                verify_pack(source, report, trust.key, remembered)
    except (OSError, Bad) as error:
        report.unsure(str(target), error)
    return report, options


def main() -> int:
    try:
        report, options = run(sys.argv[1:])
        print(report.as_json() if options.json else report.as_text())
        return EXIT_CODES[report.verdict]
    # Python ends with 1 when nothing catches an exception, which would say `tampered`.
    except Exception as error:
        print(f"{UNSURE}\n  this program failed, which says nothing about the target: {error!r}", file=sys.stderr)
        return EXIT_CODES[UNSURE]


if __name__ == "__main__":
    sys.exit(main())
