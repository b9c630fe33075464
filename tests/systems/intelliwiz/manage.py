"""Stands in for IntelliWiz's management commands: `create_encryption_key` makes a key and its row, unless one waits
already; `check_encryption_health` opens a sample of people as the application would. Both names follow the document."""
import datetime
import json
import os
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "producers"))
from cryptography.fernet import Fernet
from intelliwiz import IntelliWiz
from producer import Database


def create_encryption_key(database):
    if database.run("SELECT 1 FROM encryption_key_metadata WHERE rotation_status = 'created'"):
        return
    key_id = f"key_{datetime.datetime.now():%Y%m%d_%H%M%S}_{os.urandom(2).hex()}"
    with open(os.open(f"encryption_keys/{key_id}", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(Fernet.generate_key())
    database.run("INSERT INTO encryption_key_metadata (key_id) VALUES (%s)", (key_id,))


def check_encryption_health(database):
    keys = {path.name: path.read_bytes() for path in pathlib.Path("encryption_keys").iterdir()}
    system, rows = IntelliWiz(), IntelliWiz().rows(database, "people")[:10]
    if any(system.open("people", "email", row, keys) is False for row in rows):
        sys.exit("a user's address does not open")
    active, = database.run("SELECT key_id FROM encryption_key_metadata WHERE is_active")
    if not database.run(f"SELECT 1 FROM people WHERE email LIKE 'FERNET_V2:{active[0]}:%%' LIMIT 1"):
        sys.exit("no address is under the active key")


os.environ["DJANGO_SETTINGS_MODULE"]
globals()[sys.argv[1]](Database(json.load(open("application.json"))["database"]))
