"""The foreign side of the tests of envelopes: cells in columns, with their DEKs wrapped under a KEK. No Reseal code.

    envelopes.py seed URL KEKS KEK ROWS DEKS      make the table `secrets`: ROWS rows under DEKS different DEKs
    envelopes.py legacy URL KEY FIRST ROWS        add ROWS rows that were sealed before there were envelopes
    envelopes.py read URL KEKS [KEY]              open every row: {"rows", "null", "right", "keks": {KEK: rows}, "deks"}
    envelopes.py payloads URL                     a digest of the payloads of all envelopes, byte for byte
    envelopes.py digest URL                       a digest of all columns, byte for byte
    envelopes.py move URL KEKS KEK ID             write row ID anew under a KEK, as an application does
    envelopes.py hsm-keys KEKS                    make the keys of a token: AES-256, not extractable

KEKS is a file {ID: {"local": BASE64, "prefix": true where the nonce stands in front} | {"kms": ARN, "endpoint": URL} | {"hsm": LABEL, "module", "token", "pin", "wrap"}};
KEY one {"id", "key": BASE64}. A local KEK is pyca/cryptography's AES-GCM, one of a KMS boto3's, one of a token
python-pkcs11's. Each DEK is bound to the context {"tenant": the row's tenant}, but where AES key wrap binds none.
"""

import base64
import hashlib
import json
import os
import struct
import sys

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from producer import Database

COLUMNS = ["payload", "iv", "dek", "dek_iv", "key_id", "old_payload", "old_iv", "last_error"]


def plain(number):
    return None if number % 50 == 7 else f"token № {number} " + "x" * (number % 41)


def tenant(number):
    return f"t{number % 3}"


def context_bytes(context):
    texts = [text.encode() for entry in sorted(context.items()) for text in entry]
    return b"".join(struct.pack(">I", len(text)) + text for text in texts)


class Keks:
    def __init__(self, path):
        with open(path) as file:
            self.keks = json.load(file)
        self.clients, self.unwrapped = {}, {}

    def hsm(self, kek):
        import pkcs11
        if "token" not in self.clients:
            token = pkcs11.lib(kek["module"]).get_token(token_label=kek["token"])
            self.clients["token"] = token.open(rw=True, user_pin=kek["pin"])
        session = self.clients["token"]
        return session, session.get_key(label=kek["hsm"], object_class=pkcs11.ObjectClass.SECRET_KEY)

    def hsm_wrap(self, kek, dek, context):
        import pkcs11
        session, key = self.hsm(kek)
        if kek["wrap"] == "aes-key-wrap":
            template = {pkcs11.Attribute.EXTRACTABLE: True, pkcs11.Attribute.SENSITIVE: False, pkcs11.Attribute.TOKEN: False}
            made = session.create_object({
                pkcs11.Attribute.CLASS: pkcs11.ObjectClass.SECRET_KEY, pkcs11.Attribute.KEY_TYPE: pkcs11.KeyType.AES,
                pkcs11.Attribute.VALUE: dek, **template})
            return None, key.wrap_key(made, mechanism=pkcs11.Mechanism.AES_KEY_WRAP)
        nonce = os.urandom(12)
        params = pkcs11.GCMParams(nonce, context_bytes(context), 128)
        return nonce, key.encrypt(dek, mechanism=pkcs11.Mechanism.AES_GCM, mechanism_param=params)

    def hsm_unwrap(self, kek, nonce, wrapped, context):
        import pkcs11
        _, key = self.hsm(kek)
        if kek["wrap"] == "aes-key-wrap":
            made = key.unwrap_key(
                pkcs11.ObjectClass.SECRET_KEY, pkcs11.KeyType.AES, wrapped, mechanism=pkcs11.Mechanism.AES_KEY_WRAP,
                template={pkcs11.Attribute.EXTRACTABLE: True, pkcs11.Attribute.SENSITIVE: False})
            return made[pkcs11.Attribute.VALUE]
        params = pkcs11.GCMParams(nonce, context_bytes(context), 128)
        return key.decrypt(wrapped, mechanism=pkcs11.Mechanism.AES_GCM, mechanism_param=params)

    def kms(self, kek):
        import boto3
        from botocore.config import Config
        return self.clients.setdefault(kek["endpoint"], boto3.client(
            "kms", endpoint_url=kek["endpoint"], region_name="eu-west-1", aws_access_key_id="test",
            aws_secret_access_key="test", config=Config(retries={"total_max_attempts": 1})))

    def wrap(self, name, dek, context):
        kek = self.keks[name]
        if "local" in kek:
            nonce = os.urandom(12)
            sealed = AESGCM(base64.b64decode(kek["local"])).encrypt(nonce, dek, context_bytes(context) or None)
            return (None, nonce + sealed) if kek.get("prefix") else (nonce, sealed)
        if "hsm" in kek:
            return self.hsm_wrap(kek, dek, context)
        done = self.kms(kek).encrypt(KeyId=kek["kms"], Plaintext=dek, EncryptionContext=context)
        return None, done["CiphertextBlob"]

    def unwrap(self, name, nonce, wrapped, context):
        asked = (name, nonce, wrapped)
        if asked not in self.unwrapped:
            self.unwrapped[asked] = self.ask(name, nonce, wrapped, context)
        return self.unwrapped[asked]

    def ask(self, name, nonce, wrapped, context):
        kek = self.keks[name]
        if "local" in kek:
            nonce, wrapped = (wrapped[:12], wrapped[12:]) if kek.get("prefix") else (nonce, wrapped)
            return AESGCM(base64.b64decode(kek["local"])).decrypt(nonce, wrapped, context_bytes(context) or None)
        if "hsm" in kek:
            return self.hsm_unwrap(kek, nonce, wrapped, context)
        return self.kms(kek).decrypt(CiphertextBlob=wrapped, EncryptionContext=context)["Plaintext"]


def text(value):
    return None if value is None else base64.b64encode(value).decode()


def raw(value):
    return None if value is None else base64.b64decode(value)


def insert(database, rows):
    names = ", ".join(["id", "tenant", *COLUMNS])
    database.many(f"INSERT INTO secrets ({names}) VALUES ({', '.join(['%s'] * 10)})", rows)


def enveloped(number, dek, wrapped, kek):
    (nonce, wrapped), iv = wrapped, os.urandom(12)
    payload, iv = text(AESGCM(dek).encrypt(iv, plain(number).encode(), None)), text(iv)
    # Every third row was written before the copies came.
    copies = (None, None) if number % 3 == 0 else (payload, iv)
    return (number, tenant(number), payload, iv, text(wrapped), text(nonce), kek, *copies, None)


def seed(url, keks, kek, rows, deks):
    database = Database(url)
    columns = ", ".join(f"{name} {'VARCHAR(64)' if name == 'key_id' else 'TEXT'}" for name in COLUMNS)
    database.run(f"CREATE TABLE secrets (id BIGINT NOT NULL PRIMARY KEY, tenant VARCHAR(20) NOT NULL, {columns})")
    keks, made, out = Keks(keks), {}, []
    for number in range(1, int(rows) + 1):
        if plain(number) is None:
            out.append((number, tenant(number), *[None] * 8))
            continue
        name = (number % int(deks), tenant(number))
        if name not in made:
            dek = os.urandom(32)
            made[name] = (dek, keks.wrap(kek, dek, {"tenant": tenant(number)}))
        out.append(enveloped(number, *made[name], kek))
    insert(database, out)
    return {"deks": len(made)}


def legacy(url, key, first, rows):
    with open(key) as file:
        key = json.load(file)
    cipher, out = AESGCM(base64.b64decode(key["key"])), []
    for number in range(int(first), int(first) + int(rows)):
        iv = os.urandom(12)
        payload = text(cipher.encrypt(iv, (plain(number) or "").encode(), None))
        out.append((number, tenant(number), payload, text(iv), None, None, key["id"], payload, text(iv), None))
    insert(Database(url), out)


def read(url, keks, key=None):
    keks, counts = Keks(keks), {"rows": 0, "null": 0, "right": 0, "copied": 0, "keks": {}}
    if key:
        with open(key) as file:
            key = json.load(file)
    deks = set()
    for number, of, *values in Database(url).run(f"SELECT id, tenant, {', '.join(COLUMNS)} FROM secrets"):
        payload, iv, wrapped, nonce, kek, old_payload, old_iv, _ = values
        counts["rows"] += 1
        if payload is None:
            counts["null"] += 1
            continue
        try:
            if wrapped is None:
                dek = base64.b64decode(key["key"])
            else:
                dek = keks.unwrap(kek, raw(nonce), raw(wrapped), {"tenant": of})
                deks.add(dek)
            opened = AESGCM(dek).decrypt(raw(iv), raw(payload), None).decode()
        except (InvalidTag, ValueError):
            continue
        counts["right"] += opened == (plain(number) or "")
        counts["copied"] += (old_payload, old_iv) == (payload, iv)
        counts["keks"][kek] = counts["keks"].get(kek, 0) + 1
    return {**counts, "deks": len(deks)}


def digested(url, columns, where="TRUE"):
    rows = Database(url).run(f"SELECT id, {', '.join(columns)} FROM secrets WHERE {where} ORDER BY id")
    return {"digest": hashlib.sha256(repr([tuple(row) for row in rows]).encode()).hexdigest(), "rows": len(rows)}


def payloads(url):
    return digested(url, ["payload", "iv"], "id < 100000")


def digest(url):
    return digested(url, COLUMNS)


def move(url, keks, kek, number):
    dek = os.urandom(32)
    wrapped = Keks(keks).wrap(kek, dek, {"tenant": tenant(int(number))})
    row = enveloped(int(number), dek, wrapped, kek)
    sets = ", ".join(f"{name} = %s" for name in COLUMNS)
    Database(url).run(f"UPDATE secrets SET {sets} WHERE id = %s", (*row[2:], int(number)))


def hsm_keys(path):
    import pkcs11
    from pkcs11 import Attribute
    with open(path) as file:
        keks = json.load(file)
    for kek in keks.values():
        with pkcs11.lib(kek["module"]).get_token(token_label=kek["token"]).open(rw=True, user_pin=kek["pin"]) as session:
            session.generate_key(pkcs11.KeyType.AES, 256, label=kek["hsm"], store=True, template={
                Attribute.EXTRACTABLE: False, Attribute.SENSITIVE: True, Attribute.WRAP: True, Attribute.UNWRAP: True,
                Attribute.ENCRYPT: True, Attribute.DECRYPT: True})


if __name__ == "__main__":
    commands = {"seed": seed, "legacy": legacy, "read": read, "payloads": payloads, "digest": digest, "move": move,
                "hsm-keys": hsm_keys}
    print(json.dumps(commands[sys.argv[1]](*sys.argv[2:])))
