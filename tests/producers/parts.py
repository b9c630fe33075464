"""The foreign side of the tests of cells that share a part: two ciphertexts a row, one nonce, key or DEK for both. No Reseal code.

    parts.py seed URL SHAPE KEYS KEY ROWS     make the table `files`: ROWS rows under the key KEY
    parts.py read URL SHAPE KEYS              open both cells of every row: {"rows", "right", "keys": {KEY: rows}, "nonces"}
    parts.py mix URL KEYS KEY ID              seal the first cell of a row again, under another key and the nonce that is there
    parts.py digest URL                       a digest of all columns, byte for byte

SHAPE says what the two cells share: `nonce` (columns iv), `key` (kv), `nonce-key` (iv and kv), `dek` (dek, kv names the KEK;
each cell has a nonce of its own), `dek-nonce` (dek, kv and iv), `layout` (nothing: each cell holds its own nonce).
KEYS is a file {ID: {"local": BASE64, "prefix": true}}. Ciphertexts are base64 of pyca/cryptography's AES-GCM.
"""

import base64
import hashlib
import json
import os
import sys

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from envelopes import Keks, raw, text
from producer import Database

COLUMNS = ["kv", "dek", "iv", "a", "a_iv", "b", "b_iv"]


def plain(number, column):
    return None if column == "b" and number % 10 == 4 else f"{column} № {number} " + "x" * (number % 17)


def sealed(key, number, column, nonce):
    return text(AESGCM(key).encrypt(nonce, plain(number, column).encode(), None))


def row_of(shape, keks, kek, number):
    row = dict.fromkeys(COLUMNS)
    key = base64.b64decode(keks.keks[kek]["local"])
    if "dek" in shape:
        key = os.urandom(32)
        row["dek"] = text(keks.wrap(kek, key, {})[1])
    if "dek" in shape or "key" in shape:
        row["kv"] = kek
    shared = os.urandom(12)
    for column in ("a", "b"):
        if plain(number, column) is None:
            continue
        nonce = shared if "nonce" in shape else os.urandom(12)
        row[column] = sealed(key, number, column, nonce)
        if shape in ("key", "layout"):
            row[column] = f"{text(nonce)}:{row[column]}"
        elif "nonce" in shape:
            row["iv"] = text(nonce)
        else:
            row[f"{column}_iv"] = text(nonce)
    return (number, *row.values())


def seed(url, shape, keys, kek, rows):
    database, keks = Database(url), Keks(keys)
    columns = ", ".join(f"{name} {'VARCHAR(64)' if name == 'kv' else 'TEXT'}" for name in COLUMNS)
    database.run(f"CREATE TABLE files (id INTEGER NOT NULL PRIMARY KEY, {columns}, note TEXT)")
    made = [row_of(shape, keks, kek, number) for number in range(1, int(rows) + 1)]
    names = ", ".join(["id", *COLUMNS])
    database.many(f"INSERT INTO files ({names}) VALUES ({', '.join(['%s'] * (len(COLUMNS) + 1))})", made)


def opened(shape, keks, row, column):
    names = [row["kv"]] if row["kv"] else list(keks.keks)
    nonce, cell = row["iv"] or row[f"{column}_iv"], row[column]
    if ":" in cell:
        nonce, cell = cell.split(":")
    for name in names:
        try:
            key = keks.unwrap(name, None, raw(row["dek"]), {}) if row["dek"] else base64.b64decode(keks.keks[name]["local"])
            return name, AESGCM(key).decrypt(raw(nonce), raw(cell), None).decode()
        except (InvalidTag, ValueError, KeyError):
            continue
    return None, None


def read(url, shape, keys):
    keks, counts, nonces = Keks(keys), {"rows": 0, "right": 0, "keys": {}}, set()
    for number, *values in Database(url).run(f"SELECT id, {', '.join(COLUMNS)} FROM files"):
        row = dict(zip(COLUMNS, values))
        found = [opened(shape, keks, row, column) if row[column] else (None, None) for column in ("a", "b")]
        counts["rows"] += 1
        counts["right"] += [text for _, text in found] == [plain(number, "a"), plain(number, "b")]
        for name in {name for name, _ in found if name}:
            counts["keys"][name] = counts["keys"].get(name, 0) + 1
        for column in ("a", "b"):
            if row[column]:
                nonces.add(row[column].split(":")[0] if ":" in row[column] else row["iv"] or row[f"{column}_iv"])
    return {**counts, "nonces": len(nonces)}


def mix(url, keys, name, number):
    """An application that wrote one cell of a row under a new key, and kept the row's nonce."""
    database, number = Database(url), int(number)
    nonce = raw(database.run("SELECT iv FROM files WHERE id = %s", (number,))[0][0])
    key = base64.b64decode(Keks(keys).keks[name]["local"])
    database.run("UPDATE files SET a = %s WHERE id = %s", (sealed(key, number, "a", nonce), number))


def digest(url):
    rows = Database(url).run(f"SELECT id, {', '.join(COLUMNS)} FROM files ORDER BY id")
    return {"digest": hashlib.sha256(repr([tuple(row) for row in rows]).encode()).hexdigest(), "rows": len(rows)}


if __name__ == "__main__":
    commands = {"seed": seed, "read": read, "mix": mix, "digest": digest}
    print(json.dumps(commands[sys.argv[1]](*sys.argv[2:])))
