"""Verifies an export of the audit trail (`reseal audit export`) without any code of Reseal's: docs/audit-trail.md.

usage: verify_trail.py EXPORT [PUBLIC_KEY]   prints JSON; exit 0 where the trail is intact, 1 where it is not
"""
import hashlib, json, struct, sys
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

PARTS = ["sequence", "time_ms", "operator", "host", "kind", "plan", "plan_digest", "run_id"]


def part(value):
    data = str(value).encode()
    return struct.pack(">I", len(data)) + data


def canonical(event):
    out = b"".join(part(event[name]) for name in PARTS) + part(len(event["fields"]))
    for name, value in event["fields"]:
        out += part(name) + part("t" if isinstance(value, str) else "i") + part(value)
    return out + part(len(event["keys"])) + b"".join(part(text) for key in event["keys"] for text in key)


def verify(lines, public=None):
    head, count, signed = bytes(32), 0, 0
    for line in lines:
        record = json.loads(line)
        if check := record.get("checkpoint"):
            assert (check["sequence"], check["head"]) == (count, head.hex()), f"checkpoint after event {count}"
            assert public in (None, check["key"]), f"signed by {check['key']}"
            message = part(check["sequence"]) + part(check["head"]) + part(check["time_ms"])
            key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(check["key"]))
            key.verify(bytes.fromhex(check["signature"]), b"reseal-audit-checkpoint-1\n" + message)
            signed = count
            continue
        assert record["sequence"] == count + 1, f"event {count + 1} is missing"
        head, count = hashlib.sha256(b"reseal-audit-event-1\n" + head + canonical(record)).digest(), count + 1
        assert record["head"] == head.hex(), f"event {count} was changed"
    return {"events": count, "head": head.hex(), "signed_through": signed}


if __name__ == "__main__":
    try:
        print(json.dumps(verify(open(sys.argv[1], encoding="utf-8"), *sys.argv[2:3])))
    except (AssertionError, InvalidSignature, ValueError, KeyError, TypeError) as fault:
        sys.exit(print(json.dumps({"fault": str(fault) or type(fault).__name__})) or 1)
