"""Makes what `cargo xtask bench` needs, in the current folder: rows.tsv with N rows of two AES-GCM cells under v1, the
key files, and per-row.sql: the way that runbooks go, one UPDATE a row, a hundred to a transaction, with ready cells."""

import base64
import os
import sys

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

keys = {name: os.urandom(32) for name in ("v1", "v2")}
for name, key in keys.items():
    with open(os.open(f"{name}.key", os.O_WRONLY | os.O_CREAT, 0o600), "wb") as file:
        file.write(base64.b64encode(key))


def cell(name, text):
    nonce = os.urandom(12)
    sealed = AESGCM(keys[name]).encrypt(nonce, text.encode(), None)
    return f"{name}:{base64.b64encode(nonce).decode()}:{base64.b64encode(sealed).decode()}"


with open("rows.tsv", "w") as rows, open("per-row.sql", "w") as statements:
    for number in range(1, int(sys.argv[1]) + 1):
        a, b = f"first name {number:>20}", f"last name {number:>20}"
        rows.write(f"{number}\t{cell('v1', a)}\t{cell('v1', b)}\n")
        if number % 100 == 1:
            statements.write("BEGIN;\n")
        statements.write(f"UPDATE people SET a = '{cell('v2', a)}', b = '{cell('v2', b)}' WHERE id = {number};\n")
        if number % 100 == 0 or number == int(sys.argv[1]):
            statements.write("COMMIT;\n")
