"""Verifies an export or archive of the audit trail (`reseal audit export`, `archive`) without any code of Reseal's: docs/audit-trail.md.

usage: verify_trail.py EXPORT [PUBLIC_KEY [HEAD]]   prints JSON; exit 0 where the trail is intact, 1 where it is not
"""
import hashlib, json, struct, sys
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

PARTS = ["sequence", "time_ms", "operator", "host", "kind", "plan", "plan_digest", "run_id"]
EVENT = [*PARTS, "fields", "keys", "head"]
CHECKPOINT = ["sequence", "head", "time_ms", "key", "signature"]
INTEGERS = range(-(2**63), 2**63)
CUT = [*CHECKPOINT[:2], "before_ms", "time_ms", "kept", "kept_digest", "key", "signature"]


def must(holds, what):
    if not holds:
        raise ValueError(what)


def part(value, *types):
    must(type(value) in types and (type(value) is str or value in INTEGERS), "a value of another type")
    data = str(value).encode()
    return struct.pack(">I", len(data)) + data


def canonical(event):
    out = b"".join(part(event[name], int if name in PARTS[:2] else str) for name in PARTS)
    out += part(len(event["fields"]), int)
    for name, value in event["fields"]:
        out += part(name, str) + part("i" if type(value) is int else "t", str) + part(value, int, str)
    out += part(len(event["keys"]), int)
    for keyset, key, fingerprint in event["keys"]:
        out += part(keyset, str) + part(key, str) + part(fingerprint, str)
    return out


def read(line):
    """A line in the one way in which it may be written."""
    text = line.decode()
    record = json.loads(text)
    must(json.dumps(record, ensure_ascii=False, separators=(",", ":")) == text, "not written as Reseal does")
    return record


class Trail:
    def __init__(self, public=None):
        self.public, self.head, self.count, self.signed = public, bytes(32), 0, 0
        self.first, self.ended = True, False

    def take(self, record):
        must(not self.ended, "something stands behind the end")
        match list(record):
            case ["checkpoint"]:
                self.checkpoint(record["checkpoint"])
            case ["cut"]:
                self.cut(record["cut"])
            case ["end"]:
                here = {"sequence": self.count, "head": self.head.hex()}
                must(record["end"] == here and list(record["end"]) == list(here), "the end was cut")
                self.ended = True
            case names:
                must(names == EVENT, "no event")
                self.event(record)
        self.first = False

    def event(self, event):
        must(event["sequence"] == self.count + 1, f"event {self.count + 1} is missing")
        head = hashlib.sha256(b"reseal-audit-event-1\n" + self.head + canonical(event)).digest()
        must(event["head"] == head.hex(), f"event {self.count + 1} was changed")
        self.head, self.count = head, self.count + 1

    def checkpoint(self, check):
        must(list(check) == CHECKPOINT, "no checkpoint")
        must((check["sequence"], check["head"]) == (self.count, self.head.hex()), f"checkpoint after {self.count}")
        must(self.public in (None, check["key"]), f"signed by {check['key']}")
        message = part(check["sequence"], int) + part(check["head"], str) + part(check["time_ms"], int)
        self.verify(check, b"reseal-audit-checkpoint-1\n" + message)

    def cut(self, cut):
        must(list(cut) == CUT, "no cut")
        if self.first:
            self.head, self.count = bytes.fromhex(cut["head"]), cut["sequence"]
        else:
            self.ended = True
        must((cut["sequence"], cut["head"]) == (self.count, self.head.hex()), f"cut after {self.count}")
        must(self.public in (None, cut["key"]), f"signed by {cut['key']}")
        texts = ["head", "kept_digest"]
        message = b"".join(part(cut[name], str if name in texts else int) for name in CUT[:6])
        self.verify(cut, b"reseal-audit-cut-1\n" + message)

    def verify(self, signed, message):
        key, signature = bytes.fromhex(signed["key"]), bytes.fromhex(signed["signature"])
        must((key.hex(), signature.hex()) == (signed["key"], signed["signature"]), "digits in another way")
        Ed25519PublicKey.from_public_bytes(key).verify(signature, message)
        self.signed = self.count


def verify(data, public=None, known=None):
    trail, heads = Trail(public), set()
    try:
        for line in data.removesuffix(b"\n").split(b"\n"):
            trail.take(read(line))
            heads.update([trail.head.hex()] if trail.count else [])
        must(trail.ended, "the export does not say where it ends")
        must(public is None or trail.signed or not trail.count, "nothing is signed by that key")
        must(known is None or known in heads, "no event has that head")
        fault = None
    except (InvalidSignature, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        fault = str(error) or type(error).__name__
    return {"events": trail.count, "head": trail.head.hex(), "signed_through": trail.signed, "fault": fault}


if __name__ == "__main__":
    verdict = verify(open(sys.argv[1], "rb").read(), *sys.argv[2:4])
    print(json.dumps(verdict))
    sys.exit(1 if verdict["fault"] else 0)
