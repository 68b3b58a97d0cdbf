#!/usr/bin/env python3
"""Checks a grant token as docs/GRANTS.md says, and nothing else: it shares no code with Privyseal.

python3 grant.py KEY SUBJECT AUDIENCE ACTION_DIGEST TOKEN      (AUDIENCE is `-` for a system without a name)
Prints the claims; exit 0 good, 1 not. What it proves, and what only redeeming says, is in docs/GRANTS.md."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import sys
import time

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

MAX_BYTES = 8192
TEXTS = {"iss", "sub", "jti", "request_id", "action_digest", "policy_digest", "mechanism", "nonce"}
NUMBERS = {"iat", "nbf", "exp", "max_uses"}


class Bad(Exception):
    """The token allows nothing."""


def part(text: str) -> bytes:
    if not re.fullmatch(r"[A-Za-z0-9_-]*", text) or len(text) % 4 == 1:
        raise Bad("a part is not base64url without padding")
    data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    if base64.urlsafe_b64encode(data).rstrip(b"=").decode() != text:
        raise Bad("a part has more than one spelling")
    return data


def members(data: bytes) -> dict:
    def once(pairs):
        if len({name for name, _ in pairs}) != len(pairs):
            raise Bad("a member stands twice")
        return dict(pairs)

    try:
        value = json.loads(data, object_pairs_hook=once)
    except ValueError as error:
        raise Bad(f"not JSON: {error}") from error
    if not isinstance(value, dict):
        raise Bad("not an object")
    return value


def verifier_key(text: str) -> tuple[str, str, Ed25519PublicKey]:
    """Name, id and key of a verifier-key text (C2SP signed-note)."""
    name, key_id, encoded = text.strip().split("+", 2)
    data = base64.b64decode(encoded, validate=True)
    if len(data) != 33 or data[0] != 1:
        raise Bad("the key is no Ed25519 key")
    if hashlib.sha256(name.encode() + b"\n" + data).hexdigest()[:8] != key_id:
        raise Bad("the key's id is not its own")
    return name, key_id, Ed25519PublicKey.from_public_bytes(data[1:])


def verify(token: str, key: str, subject: str, audience: str | None, action_digest: str, now: int) -> dict:
    parts = token.split(".")
    if len(token) > MAX_BYTES or len(parts) != 3:
        raise Bad("too long, or not three parts")
    name, key_id, public = verifier_key(key)
    if members(part(parts[0])) != {"alg": "EdDSA", "kid": key_id, "typ": "privyseal-grant+jwt"}:
        raise Bad("the header is not that of a grant under this key")
    try:
        public.verify(part(parts[2]), f"{parts[0]}.{parts[1]}".encode())
    except InvalidSignature as error:
        raise Bad("the signature does not verify") from error
    claims = members(part(parts[1]))
    if set(claims) - {"aud"} != TEXTS | NUMBERS:
        raise Bad("the claims are not those of a grant")
    for claim, value in claims.items():
        if type(value) is not (int if claim in NUMBERS else str):
            raise Bad(f"{claim} is of another type")
    if claims["iss"] != name:
        raise Bad("of another log")
    if not claims["nbf"] <= now < claims["exp"]:
        raise Bad("not now")
    if claims["sub"] != subject:
        raise Bad("for somebody else")
    if "aud" in claims and claims["aud"] != audience:
        raise Bad("for another system")
    if claims["action_digest"] != action_digest:
        raise Bad("for another action")
    return claims


def main(arguments: list[str]) -> int:
    key, subject, audience, action_digest, token = arguments
    try:
        claims = verify(token, key, subject, None if audience == "-" else audience, action_digest, int(time.time()))
    except Bad as bad:
        print(f"refused: {bad}", file=sys.stderr)
        return 1
    print(json.dumps(claims, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
