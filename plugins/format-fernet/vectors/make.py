"""Makes pyca-cryptography.json: Fernet tokens as pyca/cryptography writes them.

    pip install cryptography && python make.py

The keys, times and plaintexts are fixed; the IVs are drawn anew at each run, as in life.
"""

import base64
import json
import pathlib

import cryptography
from cryptography.fernet import Fernet, MultiFernet

OLD = bytes(range(32))
NEW = bytes(range(32, 64))
PLAINTEXTS = {
    "empty": b"",
    "one byte": b"x",
    "one block": b"sixteen bytes ok",
    "text": "Grüße, 世界 🌍\r\n".encode(),
    "NUL bytes": b"\0\0a\0",
    "no text": bytes(range(256)),
    "a few kilobytes": b"0123456789abcdef" * 256,
}
TIMES = {"epoch": 0, "2019": 1_560_000_000, "2026": 1_790_000_000, "ahead of the clock": 9_999_999_999}


def fernet(key):
    return Fernet(base64.urlsafe_b64encode(key))


def vector(name, key, token, plaintext, time, layout=None, tag=None):
    cell = token.decode()
    if layout:
        cell = layout.replace("{key}", tag).replace("{token}", cell)
    made = {"name": name, "key": key.hex(), "cell": cell, "plaintext": plaintext.hex(), "time": time}
    return made | ({"layout": layout, "mark": tag} if layout else {})


def vectors():
    for name, plaintext in PLAINTEXTS.items():
        token = fernet(OLD).encrypt_at_time(plaintext, TIMES["2026"])
        yield vector(name, OLD, token, plaintext, TIMES["2026"])
    for name, time in TIMES.items():
        yield vector(f"time: {name}", OLD, fernet(OLD).encrypt_at_time(b"timed", time), b"timed", time)
    old = fernet(OLD).encrypt_at_time(b"rotated", TIMES["2019"])
    rotated = MultiFernet([fernet(NEW), fernet(OLD)]).rotate(old)
    yield vector("rotated by MultiFernet", NEW, rotated, b"rotated", TIMES["2019"])
    token = fernet(NEW).encrypt_at_time(b"in a layout", TIMES["2026"])
    yield vector("in a layout", NEW, token, b"in a layout", TIMES["2026"], "FERNET_V2:{key}:{token}", "key_2026_01")


document = {
    "producer": "pyca/cryptography, cryptography.fernet",
    "version": cryptography.__version__,
    "script": "make.py",
    "vectors": list(vectors()),
}
target = pathlib.Path(__file__).with_name("pyca-cryptography.json")
target.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n")
