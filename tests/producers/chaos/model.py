"""The application: its table, its keys, how it seals, and the plan that rotates it."""

import base64
import os
import sys
import time

import pg8000.dbapi
import pymysql
import sqlite3

sys.path.append(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from producer import BINARY, Database, open_one, seal_one  # noqa: E402

TABLE = "people"
OLD, NEW = "v1", "v2"
# `plaintext` is a first encryption: what writers save before their deploy is in the clear.
FORMATS = ["aes-gcm", "aes-gcm-binary", "fernet-v2", "fernet-bare", "plaintext"]
# Their cells name their key, so that a guard can refuse those of the old one.
NAMES_KEY = {"aes-gcm", "fernet-v2"}
SEALS = {
    "aes-gcm": 'aes-gcm: { layout: "{key}:{nonce|base64}:{ciphertext|base64}" }',
    "aes-gcm-binary": 'aes-gcm: { layout: "{=01}{nonce|12}{ciphertext|raw}" }',
    "fernet-v2": 'fernet: { layout: "FERNET_V2:{key}:{token}" }',
    "fernet-bare": "fernet: {}",
}
SEALS["plaintext"] = SEALS["aes-gcm"]
# What begins every plaintext, and may stand in no output.
MARKER = "klartext"

FAILURES = (sqlite3.Error, pg8000.dbapi.Error, pymysql.Error, OSError, pg8000.exceptions.InterfaceError)


class Connection(Database):
    """A connection of the application; it waits for no lock for ever."""

    def __init__(self, url, patience=5):
        super().__init__(url)
        if self.kind == "mysql":
            self.run(f"SET SESSION innodb_lock_wait_timeout = {patience}")
            # As an application that reads what is committed: a snapshot of the past would show old cells.
            self.run("SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED")
        elif self.kind == "postgres":
            self.run(f"SET lock_timeout = '{patience}s'")
        else:
            self.run(f"PRAGMA busy_timeout = {patience * 1000}")

    def change(self, sql, args=()):
        """Carries a statement out; gives how many rows it met."""
        if self.kind == "sqlite":
            return self.connection.execute(sql.replace("%s", "?"), args).rowcount
        cursor = self.connection.cursor()
        cursor.execute(sql, args)
        return cursor.rowcount

    def begin(self):
        self.run("BEGIN IMMEDIATE" if self.kind == "sqlite" else "BEGIN")

    def close(self):
        try:
            self.connection.close()
        except FAILURES:
            pass


def connect(url, patience=5, within=90):
    """A connection, once the server answers."""
    deadline = time.monotonic() + within
    while True:
        try:
            return Connection(url, patience)
        except FAILURES:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)


class Keys:
    """Two keys of one format."""

    def __init__(self, form):
        self.form, self.keys = form, {}
        self.sealed_form = "aes-gcm" if form == "plaintext" else form
        for name in (OLD, NEW):
            raw = os.urandom(32)
            encode = base64.urlsafe_b64encode if form.startswith("fernet") else base64.b64encode
            self.keys[name] = {"id": name, "key": encode(raw).decode(), "raw": raw}

    def seal(self, name, plain):
        if plain is None or (self.form == "plaintext" and name == OLD):
            return plain
        return seal_one(self.sealed_form, self.keys[name], plain)

    def open(self, cell):
        """The key that opens a cell, and what it holds; (None, None) for NULL, (None, False) for what does not open."""
        if cell is None:
            return None, None
        if self.form == "plaintext" and (cell == "" or cell.startswith(MARKER)):
            return OLD, cell
        for name, key in self.keys.items():
            plain = open_one(self.sealed_form, key, cell)
            if plain is not False:
                return name, plain
        return None, False

    def secrets(self):
        """Each key in the shapes in which it could come out."""
        for key in self.keys.values():
            raw = key["raw"]
            yield from (raw, raw.hex().encode(), raw.hex().upper().encode(), base64.b64encode(raw).rstrip(b"="),
                        base64.urlsafe_b64encode(raw).rstrip(b"="))


def plan(folder, keys, random):
    """Writes keys and plan into a folder; gives what was drawn."""
    encoding = "base64url" if keys.form.startswith("fernet") else "base64"
    lines = []
    source = ", from: [plaintext]" if keys.form == "plaintext" else ""
    for name, key in keys.keys.items():
        path = os.path.join(folder, f"{name}.key")
        with open(path, "w", encoding="ascii") as file:
            file.write(key["key"])
        os.chmod(path, 0o600)
        lines.append(f'      {name}: {{ file: "{path}", encoding: {encoding} }}\n')
    batch, workers = random.choice([3, 10, 25, 60]), random.randint(1, 3)
    drawn = {"format": keys.form, "batch": batch, "workers": workers, "undo": random.choices(["keep", "none"], [9, 1])[0]}
    more = f"batch: {{ rows: {batch} }}\nworkers: {workers}\nundo: {drawn['undo']}\n"
    if keys.form in NAMES_KEY and random.random() < 0.3:
        drawn["guard"] = random.choice(["constraint", "trigger"])
        more += f"guard: {drawn['guard']}\n"
    if random.random() < 0.6:
        drawn["rate"] = random.choice([300, 600, 1200])
        more += f"throttle: {{ rows_per_second: {drawn['rate']} }}\n"
    text = (
        f"reseal: 1\nname: chaos\ndatabase: {{ env: CHAOS_DATABASE_URL }}\napplication: both-keys\n"
        f"keysets:\n  main:\n    primary: {NEW}\n    keys:\n{''.join(lines)}"
        f"seals:\n  main: {{ keyset: main, format: {{ {SEALS[keys.form]} }} }}\n"
        f"tables:\n  {TABLE}: {{ row_key: id, fields: {{ a: {{ to: main{source} }}, b: {{ to: main{source} }} }} }}\n{more}"
    )
    with open(os.path.join(folder, "plan.yaml"), "w", encoding="utf-8") as file:
        file.write(text)
    return drawn


def create(database, form):
    cell = database.blob() if form in BINARY else "text"
    engine = " ENGINE=InnoDB CHARACTER SET utf8mb4" if database.kind == "mysql" else ""
    database.run(f"CREATE TABLE {TABLE} (id INTEGER NOT NULL PRIMARY KEY, a {cell}, b {cell}, rev INTEGER NOT NULL, note text){engine}")


def as_cell(value):
    """A cell as the driver gives it, as bytes or text that compare."""
    return bytes(value) if isinstance(value, (bytearray, memoryview)) else value


