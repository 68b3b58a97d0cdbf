#!/usr/bin/env python3
"""Tests of verify.py against vectors that others made. Run by tests/it/second_verifier.rs, or: python3 test_verify.py

The vectors are read from the folder that PRIVYSEAL_REFERENCE names (the sections on `ledger` of its README say whose they are)."""

from __future__ import annotations

import base64
import gzip
import json
import os
import unittest
from pathlib import Path

import verify
from verify import Bad

_GIVEN = os.environ.get("PRIVYSEAL_REFERENCE")
REFERENCE = (Path(_GIVEN) if _GIVEN else Path(__file__).resolve().parents[3] / "shared" / "reference") / "ledger"


def refuses(action) -> bool:
    try:
        action()
    except Bad:
        return True
    return False


class Canonical(unittest.TestCase):
    def test_what_is_outside_of_the_profile_is_refused(self):
        for text in ("1.5", "1e2", "-0", "01", "9007199254740992", '{"b":1,"a":2}', '{"a":1,"a":2}', '{"é":1}', '{"\\u007f":1}', ' 1', "1 ",
                     '"\\/"', '"\\u0041"', '"\\ud800"', "NaN", "Infinity", "[1,]", '"\x01"', "\ufeff1", "", "[" * 65 + "1" + "]" * 65, "[" * 5000):
            self.assertTrue(refuses(lambda: verify.parse_canonical(text.encode("utf-8", "surrogatepass"))), text[:80])
        self.assertTrue(refuses(lambda: verify.parse_canonical(b'"\xff"')))

    def test_what_is_inside_is_taken(self):
        for text in ("9007199254740991", "-1", '{"a":2,"b":[]}', '"é\\u0001\\n"', "null", "[" * 64 + "1" + "]" * 64, '{"":1}'):
            self.assertEqual(verify.canonical(verify.parse_canonical(text.encode())), text.encode())


@unittest.skipUnless(REFERENCE.is_dir(), f"{REFERENCE} is not there: set PRIVYSEAL_REFERENCE")
class Vectors(unittest.TestCase):
    def test_rfc_8785_pairs(self):
        """Inside of our profile the canonical form is JCS's; fractions and names outside of ASCII are refused."""
        outside = {"french.json", "values.json", "weird.json", "structures.json"}
        for path in sorted((REFERENCE / "jcs/testdata/input").iterdir()):
            wanted = (path.parent.parent / "output" / path.name).read_bytes()
            if path.name in outside:
                self.assertTrue(refuses(lambda: verify.parse_canonical(wanted)), path.name)
            else:
                self.assertEqual(verify.canonical(json.loads(path.read_text())), wanted, path.name)

    def test_ed25519_speccheck(self):
        """Of the twelve edge cases only case 3 (mixed order, canonical) passes verify_strict."""
        cases = json.loads((REFERENCE / "ed25519/speccheck_cases.json").read_text())
        taken = [at for at, case in enumerate(cases) if verify.ed25519_strict(*(bytes.fromhex(case[name]) for name in ("pub_key", "message", "signature")))]
        self.assertEqual(taken, [3])

    def test_ed25519_wycheproof(self):
        groups = json.loads((REFERENCE / "wycheproof/ed25519_test.json").read_text())["testGroups"]
        count = 0
        for group in groups:
            public = bytes.fromhex(group["publicKey"]["pk"])
            for test in group["tests"]:
                taken = verify.ed25519_strict(public, bytes.fromhex(test["msg"]), bytes.fromhex(test["sig"]))
                self.assertEqual(taken, test["result"] == "valid", test)
                count += 1
        self.assertEqual(count, 151)

    def test_ed25519_sign_input(self):
        for line in gzip.decompress((REFERENCE / "ed25519/sign.input.gz").read_bytes()).decode().splitlines():
            _, public, message, signed = (bytes.fromhex(part) for part in line.split(":")[:4])
            self.assertTrue(verify.ed25519_strict(public, message, signed[:64]))
            self.assertFalse(verify.ed25519_strict(public, message + b"x", signed[:64]))

    def test_rfc_6962_roots(self):
        vectors = json.loads((REFERENCE / "tlog-generated/tree.json").read_text())
        tree = verify.Tree()
        seed = vectors["leaf"]
        for size, root in enumerate(vectors["roots_by_size"]):
            self.assertEqual(tree.root().hex(), root, f"size {size}, leaves are {seed}")
            tree.push(verify.leaf_of(f"cs-vector/shared/{size}".encode()))
        for case in vectors["consistency"]:
            roots = bytes.fromhex(case["root1"]), bytes.fromhex(case["root2"])
            proof = [bytes.fromhex(node) for node in case["proof"]]
            self.assertTrue(verify.consistent(case["size1"], roots[0], case["size2"], roots[1], proof), case)

    def test_rfc_6962_consistency_proofs(self):
        count = 0
        for path in sorted((REFERENCE / "merkle/testdata/consistency").rglob("*.json")):
            case = json.loads(path.read_text())
            root1, root2 = (base64.b64decode(case[name] or "") for name in ("root1", "root2"))
            proof = [base64.b64decode(node) for node in case["proof"] or []]
            self.assertEqual(verify.consistent(case["size1"], root1, case["size2"], root2, proof), not case["wantErr"], path)
            count += 1
        self.assertGreater(count, 90)

    def test_signed_notes(self):
        for line in (REFERENCE / "tlog-generated/notes.jsonl").read_text().splitlines():
            case = json.loads(line)
            if case["spec_expectation"] == "either":
                continue

            def read():
                keys = []
                for vkey in case["vkeys"]:
                    name, public = verify.parse_vkey(vkey)
                    keys.append(verify.Key(name, public, frozenset({"log"}), -1))
                if not verify.signers(verify.parse_note(base64.b64decode(case["note_b64"])), keys):
                    raise Bad("nobody known signed")

            self.assertEqual(refuses(read), case["spec_expectation"] == "reject", case["id"])

    def test_checkpoints(self):
        for line in (REFERENCE / "tlog-generated/checkpoints.jsonl").read_text().splitlines():
            case = json.loads(line)
            if case["spec_expectation"] != "either":
                taken = not refuses(lambda: verify.parse_checkpoint(base64.b64decode(case["text_b64"])))
                self.assertEqual(taken, case["spec_expectation"] == "accept", case["id"])


if __name__ == "__main__":
    unittest.main()
