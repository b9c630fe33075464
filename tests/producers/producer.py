"""The foreign side of the end-to-end tests: makes sealed rows and reads them back. Holds no Reseal code.

    producer.py seed   URL TABLE FORMAT KEYFILE ROWS    make TABLE with ROWS rows sealed under the key
    producer.py read   URL TABLE FORMAT KEYFILE         open every row; print {"rows", "opened", "right"}
    producer.py digest URL TABLE                        print a digest of all cells, byte for byte
    producer.py sql    URL STATEMENT...                 run statements; print the rows of the last one
    producer.py load   URL FILE                         run the statements of a dump
    producer.py write  URL TABLE FORMAT KEYFILE FIRST LAST SECONDS   keep writing rows FIRST..LAST as an application does

Cells are made by pyca/cryptography and, for pgcrypto, by PostgreSQL itself (RESEAL_TEST_POSTGRES_URL).
A key file holds {"id": "v1", "key": "..."}; the plaintext of row N is text(N), or what `write` put there.
"""

import base64
import contextlib
import hashlib
import json
import os
import random
import sqlite3
import sys
import time
from urllib.parse import unquote, urlparse

import pg8000.dbapi
import pymysql
from cryptography.exceptions import InvalidTag
from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

BINARY = {"aes-gcm-binary", "pgcrypto"}


class Database:
    """One connection to any of the three; `%s` is the placeholder everywhere."""

    def __init__(self, url):
        parts = urlparse(url)
        self.kind = parts.scheme
        if self.kind == "sqlite":
            self.connection = sqlite3.connect(url.removeprefix("sqlite://"), timeout=20, isolation_level=None)
            # The mode stays with the file: whoever seeds it sets it, and others need not, nor can they beside a daemon at work.
            with contextlib.suppress(sqlite3.OperationalError):
                self.connection.execute("PRAGMA journal_mode = WAL")
        elif self.kind == "mysql":
            self.connection = pymysql.connect(
                host=parts.hostname, port=parts.port or 3306, user=parts.username, password=unquote(parts.password or ""),
                database=parts.path.strip("/") or None, charset="utf8mb4", autocommit=True)
        else:
            self.connection = pg8000.dbapi.connect(
                host=parts.hostname, port=parts.port or 5432, user=parts.username, password=unquote(parts.password or "") or None,
                database=parts.path.strip("/") or "postgres")
            self.connection.autocommit = True

    def run(self, sql, args=()):
        if self.kind == "sqlite":
            cursor = self.connection.execute(sql.replace("%s", "?"), args)
        else:
            cursor = self.connection.cursor()
            cursor.execute(sql, args) if args else cursor.execute(sql)
        return cursor.fetchall() if cursor.description else []

    def many(self, sql, rows):
        if self.kind == "sqlite":
            self.connection.execute("BEGIN")
            self.connection.executemany(sql.replace("%s", "?"), rows)
            self.connection.execute("COMMIT")
            return
        cursor = self.connection.cursor()
        self.run("BEGIN")
        cursor.executemany(sql, rows)
        self.run("COMMIT")

    def blob(self):
        return {"sqlite": "BLOB", "mysql": "LONGBLOB"}.get(self.kind, "bytea")


def text(number):
    """What row N holds: NULL now and then, empty now and then, never only ASCII."""
    if number % 50 == 7:
        return None
    return "" if number % 97 == 0 else f"geheim № {number} — " + "x" * (number % 61)


def pgcrypto(function, cells, key):
    database = Database(os.environ["RESEAL_TEST_POSTGRES_URL"])
    database.run("CREATE EXTENSION IF NOT EXISTS pgcrypto")
    out = []
    for cell in cells:
        try:
            out.append(None if cell is None else database.run(f"SELECT {function}(%s, %s)", (cell, key))[0][0])
        except pg8000.dbapi.DatabaseError:
            out.append(False)
    return [bytes(cell) if isinstance(cell, (bytes, memoryview)) else cell for cell in out]


def seal(form, key, texts):
    if form == "pgcrypto":
        return pgcrypto("pgp_sym_encrypt", texts, key["key"])
    return [None if plain is None else seal_one(form, key, plain) for plain in texts]


def seal_one(form, key, plain):
    data = plain.encode()
    if form == "plaintext":
        return plain
    if form.startswith("fernet"):
        token = Fernet(key["key"]).encrypt(data).decode()
        return token if form == "fernet-bare" else f"FERNET_V2:{key['id']}:{token}"
    nonce, raw = os.urandom(12), base64.b64decode(key["key"])
    sealed = AESGCM(raw).encrypt(nonce, data, None)
    if form == "aes-gcm-binary":
        return b"\x01" + nonce + sealed
    return f"{key['id']}:{base64.b64encode(nonce).decode()}:{base64.b64encode(sealed).decode()}"


def open_all(form, key, cells):
    """The plaintext of each cell, None for NULL, False for what does not open."""
    if form == "pgcrypto":
        return pgcrypto("pgp_sym_decrypt", [None if cell is None else bytes(cell) for cell in cells], key["key"])
    return [None if cell is None else open_one(form, key, cell) for cell in cells]


def open_one(form, key, cell):
    try:
        if form.startswith("fernet"):
            token = cell if form == "fernet-bare" else cell.removeprefix(f"FERNET_V2:{key['id']}:")
            return Fernet(key["key"]).decrypt(token.encode()).decode()
        raw = base64.b64decode(key["key"])
        if form == "aes-gcm-binary":
            cell = bytes(cell)
            return AESGCM(raw).decrypt(cell[1:13], cell[13:], None).decode() if cell[:1] == b"\x01" else False
        mark, nonce, sealed = cell.split(":")
        return AESGCM(raw).decrypt(base64.b64decode(nonce), base64.b64decode(sealed), None).decode() if mark == key["id"] else False
    except (InvalidTag, InvalidToken, ValueError):
        return False


def seed(url, table, form, key, rows):
    database = Database(url)
    cell_type = database.blob() if form in BINARY else "text"
    engine = " ENGINE=InnoDB CHARACTER SET utf8mb4" if database.kind == "mysql" else ""
    database.run(f"CREATE TABLE {table} (id INTEGER NOT NULL PRIMARY KEY, a {cell_type}, b {cell_type}, note text){engine}")
    numbers = range(1, int(rows) + 1)
    cells = seal(form, key, [text(n) for n in numbers] + [text(n + 1) for n in numbers])
    half = len(cells) // 2
    database.many(f"INSERT INTO {table} (id, a, b, note) VALUES (%s, %s, %s, %s)",
                  [(n, cells[n - 1], cells[half + n - 1], f"note {n}") for n in numbers])


def read(url, table, form, key):
    rows = Database(url).run(f"SELECT id, a, b, note FROM {table} ORDER BY id")
    opened = open_all(form, key, [row[1] for row in rows] + [row[2] for row in rows])
    half, right = len(rows), 0
    for at, (number, _, _, note) in enumerate(rows):
        # An application that rewrote the row left the plaintext's digest in the note.
        if note.startswith("sha256:"):
            plain = opened[at]
            right += isinstance(plain, str) and note == "sha256:" + hashlib.sha256(plain.encode()).hexdigest()
        else:
            right += opened[at] == text(number) and opened[half + at] == text(number + 1) and note == f"note {number}"
    opened_cells = sum(1 for plain in opened if isinstance(plain, str))
    print(json.dumps({"rows": len(rows), "opened": opened_cells, "right": right}))


def digest(url, table):
    out = hashlib.sha256()
    for row in Database(url).run(f"SELECT id, a, b, note FROM {table} ORDER BY id"):
        out.update(repr([bytes(v) if isinstance(v, (bytes, memoryview)) else v for v in row]).encode())
    print(json.dumps({"digest": out.hexdigest()}))


def write(url, table, form, key, first, last, seconds):
    """Rewrites rows, deletes some and inserts others, as an application with this key does."""
    database, end, writes = Database(url), time.time() + float(seconds), 0
    chance = random.Random(7)
    while time.time() < end:
        number = chance.randint(int(first), int(last))
        plain = f"rewritten {number} {writes}"
        note = "sha256:" + hashlib.sha256(plain.encode()).hexdigest()
        cell = seal_one(form, key, plain)
        if chance.random() < 0.1:
            database.run(f"DELETE FROM {table} WHERE id = %s", (number,))
        elif database.run(f"SELECT 1 FROM {table} WHERE id = %s", (number,)):
            database.run(f"UPDATE {table} SET a = %s, note = %s WHERE id = %s", (cell, note, number))
        else:
            database.run(f"INSERT INTO {table} (id, a, note) VALUES (%s, %s, %s)", (number, cell, note))
        writes += 1
    print(json.dumps({"writes": writes}))


def sql(url, *statements):
    database, rows = Database(url), []
    for statement in statements:
        rows = database.run(statement)
    print(json.dumps([[v.hex() if isinstance(v, (bytes, memoryview)) else v for v in row] for row in rows], default=str))


def load(url, file):
    database = Database(url)
    # A statement ends at the end of a line; whoever makes a dump sees to it that no value does.
    for statement in open(file, encoding="utf-8").read().split(";\n"):
        if statement.strip():
            database.run(statement)


def main(command, *args):
    args = [json.load(open(arg)) if arg.endswith(".json") else arg for arg in args]
    {"seed": seed, "read": read, "digest": digest, "write": write, "sql": sql, "load": load}[command](*args)


if __name__ == "__main__":
    main(*sys.argv[1:])
