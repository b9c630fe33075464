"""A notebook in SQLite. The text of each note is encrypted with AES-256-GCM.

notes.py add COUNT       add so many notes
notes.py read            decrypt every note, and check its text
notes.py work SECONDS    the application at work: add and rewrite notes
notes.py write ID        write the text of one note again
notes.py damage ID       cut the text of one note off, as a crash might have done
"""

import os
import random
import sqlite3
import sys
import time
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

# Every file in the folder `keys` is a key that decrypts. The one that NOTES_KEY names also encrypts.
KEYS = {path.name: AESGCM(path.read_bytes()) for path in Path("keys").iterdir()}
PRIMARY = KEYS[os.environ["NOTES_KEY"]]


def place(note_id):
    """Ties a text to its row: it decrypts nowhere else."""
    return f"notes:{note_id}".encode()


def encrypt(note_id, text):
    nonce = os.urandom(12)
    return nonce + PRIMARY.encrypt(nonce, text.encode(), place(note_id))


def decrypt(note_id, stored):
    for key in KEYS.values():
        try:
            return key.decrypt(stored[:12], stored[12:], place(note_id)).decode()
        except InvalidTag:
            continue
    raise ValueError(f"note {note_id} does not decrypt")


def connect():
    database = sqlite3.connect("notes.db", timeout=10, isolation_level=None)
    database.execute("PRAGMA journal_mode = WAL")
    database.execute("CREATE TABLE IF NOT EXISTS notes (id INTEGER PRIMARY KEY, text BLOB NOT NULL)")
    return database


def write(database, note_id):
    database.execute("REPLACE INTO notes VALUES (?, ?)", (note_id, encrypt(note_id, f"Text of note {note_id}")))


def add(database, count):
    database.execute("BEGIN")
    for note_id in range(1, count + 1):
        write(database, note_id)
    database.execute("COMMIT")


def read(database):
    notes = database.execute("SELECT id, text FROM notes").fetchall()
    for note_id, stored in notes:
        assert decrypt(note_id, stored) == f"Text of note {note_id}"
    print(f"{len(notes)} notes, all readable")


def work(database, seconds):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        (last,) = database.execute("SELECT max(id) FROM notes").fetchone()
        write(database, last + 1)
        write(database, random.randint(1001, last))
        time.sleep(0.02)


def damage(database, note_id):
    database.execute("UPDATE notes SET text = substr(text, 1, 20) WHERE id = ?", (note_id,))


COMMANDS = {"add": add, "read": read, "work": work, "write": write, "damage": damage}

command, *numbers = sys.argv[1:]
COMMANDS[command](connect(), *map(int, numbers))
