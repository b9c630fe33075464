"""Makes pyca-cryptography.json: AES-GCM cells as Python applications build them around pyca/cryptography.

    pip install cryptography && python make.py

Keys and plaintexts are fixed; the nonces are drawn anew at each run, as in life.
"""

import base64
import json
import os
import pathlib

import cryptography
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEYS = {16: bytes(range(16)), 32: bytes(range(32))}
PLAINTEXTS = {
    "empty": b"",
    "one byte": b"x",
    "text": "Grüße, 世界 🌍\r\n".encode(),
    "NUL bytes": b"\0\0a\0",
    "no text": bytes(range(256)),
    "a few kilobytes": b"0123456789abcdef" * 256,
}


def b64(data):
    return base64.b64encode(data).decode()


def b64url(data):
    return base64.urlsafe_b64encode(data).decode()


def text(cell):
    return {"ciphertext": {"text": cell}}


def raw(cell):
    return {"ciphertext": {"hex": cell.hex()}}


# Each builds a cell from nonce, ciphertext and tag; beside it stands the layout that says the same.
SHAPES = [
    ("{key}:{nonce|base64}:{ciphertext|base64}", "v1", 12, lambda n, c, t: text(f"v1:{b64(n)}:{b64(c + t)}")),
    ("{nonce|base64}.{tag|base64}.{ciphertext|base64}", None, 12, lambda n, c, t: text(f"{b64(n)}.{b64(t)}.{b64(c)}")),
    (
        "v1.aesgcm256.{key}.{nonce|base64url}.{ciphertext|base64url}",
        "2fcf5b1d",
        12,
        lambda n, c, t: text(f"v1.aesgcm256.2fcf5b1d.{b64url(n)}.{b64url(c + t)}"),
    ),
    (
        "{nonce|base64url-nopad}${ciphertext|base64url-nopad}",
        None,
        12,
        lambda n, c, t: text(b64url(n).rstrip("=") + "$" + b64url(c + t).rstrip("=")),
    ),
    ("enc:{nonce|hex|16}{tag|hex|16}{ciphertext|hex}", None, 16, lambda n, c, t: text("enc:" + (n + t + c).hex())),
    ("{nonce|12}{ciphertext|raw}", None, 12, lambda n, c, t: raw(n + c + t)),
    ("{nonce|16}{tag|16}{ciphertext|raw}", None, 16, lambda n, c, t: raw(n + t + c)),
    ("{=0180}{key}{=00}{nonce|12}{ciphertext|raw}", "k_1", 12, lambda n, c, t: raw(b"\x01\x80k_1\0" + n + c + t)),
]
COLUMNS = [
    (None, 12, lambda n, c, t: {"ciphertext": {"hex": (c + t).hex()}, "nonce": {"hex": n.hex()}}),
    (None, 12, lambda n, c, t: {"ciphertext": {"hex": c.hex()}, "nonce": {"hex": n.hex()}, "tag": {"hex": t.hex()}}),
    ("base64", 12, lambda n, c, t: {"ciphertext": {"text": b64(c + t)}, "nonce": {"text": b64(n)}}),
]


def seal(bits, nonce_bytes, plaintext, aad):
    nonce = os.urandom(nonce_bytes)
    sealed = AESGCM(KEYS[bits]).encrypt(nonce, plaintext, aad or None)
    return nonce, sealed[:-16], sealed[-16:]


def vectors():
    for bits in KEYS:
        for layout, mark, nonce_bytes, build in SHAPES:
            aad = b"clients.notes" if bits == 32 and mark is None else b""
            for name, plaintext in PLAINTEXTS.items():
                if layout != SHAPES[0][0] and name == "a few kilobytes":
                    continue
                cell = build(*seal(bits, nonce_bytes, plaintext, aad))
                yield vector(name, bits, plaintext, aad, cell) | {"layout": layout, "mark": mark}
        for encoding, nonce_bytes, build in COLUMNS:
            cell = build(*seal(bits, nonce_bytes, b"in columns", b""))
            yield vector("in columns", bits, b"in columns", b"", cell) | {"encoding": encoding}


def vector(name, bits, plaintext, aad, cell):
    return {"name": name, "key": KEYS[bits].hex(), "aad": aad.hex(), "plaintext": plaintext.hex(), "cell": cell}


document = {
    "producer": "pyca/cryptography, cryptography.hazmat.primitives.ciphers.aead.AESGCM",
    "version": cryptography.__version__,
    "script": "make.py",
    "vectors": list(vectors()),
}
target = pathlib.Path(__file__).with_name("pyca-cryptography.json")
target.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n")
