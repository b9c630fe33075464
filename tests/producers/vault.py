"""Cells of many producers in a table `vault(id, secret)` of SQLite, for the plans in rotation-plans/formats.

Usage: vault.py PRODUCERS list
       vault.py PRODUCERS fill FORMAT FOLDER
       vault.py PRODUCERS read FORMAT FOLDER

`fill` makes 200 cells under an old key, 5 under a new one, a NULL and a damaged cell, and prints the keys. `read` has
the producer open all cells under the new key. PRODUCERS is the script that seals and opens, which runs by itself.
"""

import base64
import importlib.util
import json
import secrets
import sqlite3
import sys

SALT = "salt-of-the-vault"
OLD, NEW = 200, 5
NULL, DAMAGED = 9000, 9001
# Packages that formats need beside cryptography.
NEEDS = {"jwe": "jwcrypto", "secretbox": "nacl", "tink": "tink"} | dict.fromkeys(
    ["sqlalchemy-aes", "sqlalchemy-gcm", "superset"], "sqlalchemy_utils"
)


def load(path):
    spec = importlib.util.spec_from_file_location("producer", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.FORMATS


def key(name):
    raw = secrets.token_bytes(32)
    if name.startswith("laravel"):
        return "base64:" + base64.b64encode(raw).decode()
    if name == "airflow":
        return base64.urlsafe_b64encode(raw).decode()
    if name == "jwe":
        return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
    if name == "tink":
        number = secrets.randbelow(1 << 31)
        value = base64.b64encode(b"\x1a\x20" + raw).decode()
        data = {"typeUrl": "type.googleapis.com/google.crypto.tink.AesGcmKey", "value": value,
                "keyMaterialType": "SYMMETRIC"}
        entry = {"keyData": data, "status": "ENABLED", "keyId": number, "outputPrefixType": "TINK"}
        return json.dumps({"primaryKeyId": number, "key": [entry]})
    return raw.hex()


def text(number):
    return f"secret {number} äöü €, " + "and more " * (number % 40)


def stored(cell):
    """Text where the cell is text, as the producer's column has it."""
    try:
        return cell.decode("ascii")
    except UnicodeDecodeError:
        return cell


def damaged(cell):
    at = len(cell) * 3 // 5
    return cell[:at] + (b"A" if cell[at : at + 1] != b"A" else b"B") + cell[at + 1 :]


def fill(formats, name, folder):
    old, new = key(name), key(name)
    before, after = formats[name](old, SALT), formats[name](new, SALT)
    rows = [(number, stored(before.seal(text(number).encode()))) for number in range(1, OLD + 1)]
    rows += [(5000 + number, stored(after.seal(text(5000 + number).encode()))) for number in range(NEW)]
    rows += [(NULL, None), (DAMAGED, stored(damaged(before.seal(text(3).encode()))))]
    kind = "BLOB" if any(isinstance(cell, bytes) for _, cell in rows) else "TEXT"
    with sqlite3.connect(f"{folder}/vault.db") as database:
        database.execute(f"CREATE TABLE vault (id INTEGER PRIMARY KEY, secret {kind})")
        database.executemany("INSERT INTO vault VALUES (?, ?)", rows)
    return {"old": old, "new": new, "salt": SALT}


def read(formats, name, folder):
    with open(f"{folder}/keys.json") as file:
        keys = json.load(file)
    producer = formats[name](keys["new"], keys["salt"])
    with sqlite3.connect(f"{folder}/vault.db") as database:
        rows = database.execute("SELECT id, secret FROM vault WHERE id <= ?", (OLD,)).fetchall()
    raw = lambda cell: cell if isinstance(cell, bytes) else cell.encode()
    return sum(producer.open(raw(cell)) == text(number).encode() for number, cell in rows)


def main():
    formats = load(sys.argv[1])
    if sys.argv[2] == "list":
        there = lambda name: name not in NEEDS or importlib.util.find_spec(NEEDS[name])
        answer = [name for name in formats if there(name)]
    elif sys.argv[2] == "fill":
        answer = fill(formats, *sys.argv[3:])
    else:
        answer = read(formats, *sys.argv[3:])
    print(json.dumps(answer))


main()
