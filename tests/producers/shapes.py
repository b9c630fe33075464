"""Cells in every shape that a table can give them. Holds no Reseal code.

    shapes.py seed URL SPEC KEYFILE     make the table of the spec, its cells sealed under the key
    shapes.py read URL SPEC KEYFILE     open every cell; print {"rows", "cells", "right", "rest"}

A spec is JSON: `create` (statements), `table`, `columns` (those that hold no cells, quoted), `rows` (their values; bytes as
{"hex": …}), `key_column` (of all fields of a row) and `fields`, each with

    form      text: id:nonce:ciphertext in base64 | raw: nonce and ciphertext as bytes | parts: ciphertext and nonce in two
              columns | base64-parts: the same, written in base64 | fernet: FERNET_V2:id:token | plain: not sealed
    columns   where its parts lie
    key       the column that names its key, or null
    aad       a Python format string over the row's values
    salt      the same: the key is then derived by HKDF-SHA-256 with this salt and info "shapes"
    bytes     size of its longest plaintext

`rest` is a digest of all that no cell holds: it must stay as it is.
"""

import base64
import hashlib
import json
import os
import sys

from cryptography.exceptions import InvalidTag
from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from producer import Database


def plaintext(row, field, spec):
    if row % 11 == 5:
        return None
    if row % 7 == 3:
        return b""
    if row == 1 and spec.get("bytes"):
        return (bytes(range(256)) * (spec["bytes"] // 256 + 1))[:spec["bytes"]]
    start = f"geheim {row}/{field} é" if spec["form"] == "plain" else f"geheim \0 {row}/{field} é"
    return start.encode()


def key_of(key, spec, values):
    raw = base64.urlsafe_b64decode(key["key"])
    if spec.get("salt"):
        salt = spec["salt"].format(*values).encode()
        return HKDF(algorithm=hashes.SHA256(), length=32, salt=salt, info=b"shapes").derive(raw)
    return raw


def aad_of(spec, values):
    return spec["aad"].format(*values).encode() if spec.get("aad") else None


def seal(spec, key, values, plain):
    """The values of the field's columns."""
    if plain is None:
        return [None] * len(spec["columns"])
    if spec["form"] == "plain":
        return [plain.decode()]
    if spec["form"] == "fernet":
        return [f"FERNET_V2:{key['id']}:{Fernet(key['key']).encrypt(plain).decode()}"]
    nonce = os.urandom(12)
    sealed = AESGCM(key_of(key, spec, values)).encrypt(nonce, plain, aad_of(spec, values))
    text = lambda data: base64.b64encode(data).decode()
    return {"text": [f"{key['id']}:{text(nonce)}:{text(sealed)}"], "raw": [nonce + sealed],
            "parts": [sealed, nonce], "base64-parts": [text(sealed), text(nonce)]}[spec["form"]]


def open_cell(spec, key, values, cell):
    """The plaintext, None for NULL, False for what does not open under the key."""
    if cell[0] is None:
        return None
    try:
        if spec["form"] == "fernet":
            return Fernet(key["key"]).decrypt(cell[0].removeprefix(f"FERNET_V2:{key['id']}:").encode())
        if spec["form"] == "text":
            mark, nonce, sealed = cell[0].split(":")
            if mark != key["id"]:
                return False
            nonce, sealed = base64.b64decode(nonce), base64.b64decode(sealed)
        elif spec["form"] == "raw":
            nonce, sealed = bytes(cell[0])[:12], bytes(cell[0])[12:]
        elif spec["form"] == "parts":
            sealed, nonce = bytes(cell[0]), bytes(cell[1])
        else:
            sealed, nonce = base64.b64decode(cell[0]), base64.b64decode(cell[1])
        return AESGCM(key_of(key, spec, values)).decrypt(nonce, sealed, aad_of(spec, values))
    except (InvalidTag, InvalidToken, ValueError):
        return False


def value(given):
    return bytes.fromhex(given["hex"]) if isinstance(given, dict) else given


def names(spec):
    out = list(spec["columns"])
    for field in spec["fields"]:
        out += field["columns"] + ([field["key"]] if field.get("key") else [])
    return out + ([spec["key_column"]] if spec.get("key_column") else [])


def seed(url, spec, key):
    database = Database(url)
    for statement in spec["create"]:
        database.run(statement)
    rows = []
    for number, given in enumerate(spec["rows"]):
        row = [value(v) for v in given]
        for at, field in enumerate(spec["fields"]):
            plain = plaintext(number, at, field)
            row += seal(field, key, given, plain)
            if field.get("key"):
                row.append(None if plain is None else key["id"])
        rows.append(tuple(row + ([key["id"]] if spec.get("key_column") else [])))
    columns = names(spec)
    places = ", ".join(["%s"] * len(columns))
    database.many(f"INSERT INTO {spec['table']} ({', '.join(columns)}) VALUES ({places})", rows)


def read(url, spec, key):
    columns = names(spec)
    found = Database(url).run(f"SELECT {', '.join(columns)} FROM {spec['table']}")
    plain_value = lambda v: bytes(v) if isinstance(v, (bytes, memoryview, bytearray)) else str(v)
    width = len(spec["columns"])
    by_key = {tuple(plain_value(v) for v in row[:width]): row[width:] for row in found}
    right = cells = 0
    rest = hashlib.sha256()
    for number, given in enumerate(spec["rows"]):
        row = list(by_key[tuple(plain_value(value(v)) for v in given)])
        rest.update(repr(given).encode())
        good = True
        for at, field in enumerate(spec["fields"]):
            cell, row = row[:len(field["columns"])], row[len(field["columns"]):]
            mark = row.pop(0) if field.get("key") else None
            plain = open_cell(field, key, given, cell)
            cells += isinstance(plain, bytes)
            good &= plain == plaintext(number, at, field) if plain is not False else False
            good &= mark in (None, key["id"])
        if spec.get("key_column") and any(plaintext(number, at, field) is not None for at, field in enumerate(spec["fields"])):
            good &= row[0] == key["id"]
        right += bool(good)
    print(json.dumps({"rows": len(found), "cells": cells, "right": right, "rest": rest.hexdigest()}))


def main(command, url, spec, key):
    {"seed": seed, "read": read}[command](url, json.load(open(spec)), json.load(open(key)))


if __name__ == "__main__":
    main(*sys.argv[1:])
