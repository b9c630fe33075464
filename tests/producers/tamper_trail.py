"""Tampers with an export of the audit trail, in each way that it knows.

usage: tamper_trail.py EXPORT FOLDER   writes FOLDER/KIND.jsonl for each kind and prints their names
"""
import copy, hashlib, json, pathlib, sys
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from verify_trail import canonical, part

OTHER = Ed25519PrivateKey.from_private_bytes(b"\x07" * 32)


def dump(record, **form):
    return json.dumps(record, ensure_ascii=False, **{"separators": (",", ":"), **form})


def rechain(records):
    """Numbers and heads that fit, with an end that fits too: what whoever owns the database can write."""
    head, count = bytes(32), 0
    for record in records:
        if "kind" in record:
            count += 1
            record["sequence"] = count
            head = hashlib.sha256(b"reseal-audit-event-1\n" + head + canonical(record)).digest()
            record["head"] = head.hex()
        elif "end" in record:
            record["end"] = {"sequence": count, "head": head.hex()}
    return records


def sign(check, key):
    message = part(check["sequence"], int) + part(check["head"], str) + part(check["time_ms"], int)
    signature = key.sign(b"reseal-audit-checkpoint-1\n" + message).hex()
    return {**check, "key": key.public_key().public_bytes_raw().hex(), "signature": signature}


def without(records, *names):
    return [record for record in records if not any(name in record for name in names)]


def event(records, kind):
    return next(record for record in records if record.get("kind") == kind)


def edited(kind, change):
    def edit(records):
        change(event(records, kind))
        return records

    return edit


def field(name, value):
    def change(event):
        pair = next(pair for pair in event["fields"] if pair[0] == name)
        pair[1] = value(pair[1])

    return change


def checks(records):
    return [record["checkpoint"] for record in records if "checkpoint" in record]


def last_check(change):
    def edit(records):
        change(checks(records)[-1])
        return records

    return edit


def cut(records, keep_end):
    """Without the last event, and what stands behind it."""
    last = max(at for at, record in enumerate(records) if "kind" in record)
    return records[:last] + (records[-1:] if keep_end else [])


def swapped(records):
    first, second = [at for at, record in enumerate(records) if "kind" in record][1:3]
    records[first], records[second] = records[second], records[first]
    return records


def doubled(records):
    at = records.index(event(records, "run-started"))
    return records[: at + 1] + [copy.deepcopy(records[at])] + records[at + 1 :]


def inserted(records):
    at = records.index(event(records, "run-finished"))
    new = {**copy.deepcopy(records[at]), "kind": "approval-given", "operator": "eve"}
    return records[:at] + [new] + records[at:]


def moved_checkpoint(records):
    at = next(at for at, record in enumerate(records) if "checkpoint" in record)
    records[at], records[at + 1] = records[at + 1], records[at]
    return records


def other_signer(records):
    return [{"checkpoint": sign(record["checkpoint"], OTHER)} if "checkpoint" in record else record for record in records]


def suffix(records, keep_checkpoints):
    """The trail made anew from the sweep behind the run on: earlier signatures stay good."""
    at = records.index(event(records, "sweep"))
    field("cells_current", lambda cells: cells + 1)(records[at])
    tail = records[at:] if keep_checkpoints else without(records[at:], "checkpoint")
    return rechain(records[:at] + tail)


def all_anew(records):
    event(records, "run-started")["operator"] = "eve"
    records = rechain(without(records, "checkpoint"))
    last = records[-1]["end"]
    check = sign({"sequence": last["sequence"], "head": last["head"], "time_ms": 1}, OTHER)
    return records[:-1] + [{"checkpoint": check}] + records[-1:]


def renamed(old, new):
    def change(event):
        pair = next(pair for pair in event["fields"] if pair[0] == old)
        pair[0] = new

    return change


def flipped(text):
    return text[:-1] + ("0" if text[-1] != "0" else "1")


FINISHED, STARTED = "run-finished", "run-started"
KINDS = {
    "changed-number": edited(FINISHED, field("cells_rotated", lambda cells: cells + 1)),
    "changed-text": edited(FINISHED, field("state", lambda _: "complain")),
    "changed-name": edited(FINISHED, renamed("cells_rotated", "cells_current_")),
    "changed-type": edited(FINISHED, field("cells_rotated", str)),
    "changed-time": edited(FINISHED, lambda event: event.update(time_ms=event["time_ms"] - 1)),
    "changed-actor": edited(STARTED, lambda event: event.update(operator="eve")),
    "changed-host": edited(STARTED, lambda event: event.update(host="elsewhere")),
    "changed-kind": edited(FINISHED, lambda event: event.update(kind="run-paused")),
    "changed-plan": edited(STARTED, lambda event: event.update(plan_digest=flipped(event["plan_digest"]))),
    "changed-run": edited(STARTED, lambda event: event.update(run_id=flipped(event["run_id"]))),
    "changed-fingerprint": edited(STARTED, lambda event: event["keys"][0].__setitem__(2, "sha256:00:00")),
    "changed-hash": edited(STARTED, lambda event: event.update(head=flipped(event["head"]))),
    "changed-sequence": edited(STARTED, lambda event: event.update(sequence=event["sequence"] + 1)),
    "removed-event": lambda records: [record for record in records if record.get("kind") != FINISHED],
    "cut-beginning": lambda records: records[1:],
    "swapped-events": swapped,
    "doubled-event": doubled,
    "inserted-event": inserted,
    "cut-end": lambda records: cut(records, keep_end=False),
    "cut-end-line": lambda records: records[:-1],
    "cut-before-the-end-line": lambda records: cut(records, keep_end=True),
    "cut-end-and-said-so": lambda records: rechain(cut(records, keep_end=True)),
    "cut-to-nothing": lambda records: rechain(records[-1:]),
    "event-behind-the-end": lambda records: records + [copy.deepcopy(records[0])],
    "rechained-suffix": lambda records: suffix(records, keep_checkpoints=False),
    "rechained-suffix-with-signatures": lambda records: suffix(records, keep_checkpoints=True),
    "all-anew": all_anew,
    "changed-signature": last_check(lambda check: check.update(signature=flipped(check["signature"]))),
    "changed-signed-time": last_check(lambda check: check.update(time_ms=check["time_ms"] + 1)),
    "changed-signed-head": last_check(lambda check: check.update(head=flipped(check["head"]))),
    "other-signer": other_signer,
    "removed-signatures": lambda records: without(records, "checkpoint"),
    "moved-signature": moved_checkpoint,
    "signature-in-capitals": last_check(lambda check: check.update(signature=check["signature"].upper())),
    "one-name-more": edited(STARTED, lambda event: event.update(note="nothing to see")),
    "names-in-another-order": edited(STARTED, lambda event: event.update(head=event.pop("head"), keys=event.pop("keys"))),
    "number-as-fraction": edited(STARTED, lambda event: event.update(time_ms=float(event["time_ms"]))),
}

# What changes the bytes and not the values.
ENCODINGS = {
    "with-spaces": lambda lines: "\n".join(dump(json.loads(line), separators=(", ", ": ")) for line in lines).encode(),
    "with-escapes": lambda lines: "\n".join(lines).replace('"complete"', '"c\\u006fmplete"').encode(),
    "with-carriage-returns": lambda lines: "\r\n".join(lines).encode(),
    "with-a-blank-line": lambda lines: "\n".join(lines[:2] + [""] + lines[2:]).encode(),
    "with-a-mark": lambda lines: "\n".join(lines).encode("utf-8-sig"),
    "in-utf-16": lambda lines: "\n".join(lines).encode("utf-16"),
    "with-a-byte-that-is-no-text": lambda lines: "\n".join(lines).encode().replace(b'"complete"', b'"compl\xffte"'),
}

if __name__ == "__main__":
    source, folder = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    sound = source.read_bytes().decode()
    lines, made = sound.removesuffix("\n").split("\n"), {}
    for kind, tamper in KINDS.items():
        made[kind] = "\n".join(map(dump, tamper([json.loads(line) for line in lines]))).encode()
    for kind, tamper in ENCODINGS.items():
        made[kind] = tamper(lines)
    for kind, data in made.items():
        assert data + b"\n" != sound.encode(), f"{kind} changes nothing"
        (folder / f"{kind}.jsonl").write_bytes(data + b"\n")
    print(json.dumps(list(made)))
