"""Seals and opens values with the libraries whose cells Reseal reads.

Usage: producer.py FORMAT seal|open KEY [SALT] < lines > lines

A line of text is a value, a line of a cell is the cell as hexadecimal digits. Each library runs here as its users run
it; nothing of Reseal does. Needs: cryptography, and for some formats django, jwcrypto, pynacl, sqlalchemy-utils, tink.
"""

import base64
import hashlib
import hmac
import json
import os
import struct
import sys
import time
import zlib

from cryptography.hazmat.primitives import padding
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM


def cbc(key, iv, text=None, cell=None, block=128):
    cipher = Cipher(algorithms.AES(key), modes.CBC(iv))
    if text is not None:
        pad = padding.PKCS7(block).padder()
        seal = cipher.encryptor()
        return seal.update(pad.update(text) + pad.finalize()) + seal.finalize()
    unseal = cipher.decryptor()
    unpad = padding.PKCS7(block).unpadder()
    return unpad.update(unseal.update(cell) + unseal.finalize()) + unpad.finalize()


class Sqlalchemy:
    """sqlalchemy-utils, as Superset uses it."""

    def __init__(self, key, salt, engine="AesEngine"):
        from sqlalchemy_utils.types.encrypted import encrypted_type

        self.engine = getattr(encrypted_type, engine)()
        self.engine._update_key(key)
        if engine == "AesEngine":
            self.engine._set_padding_mechanism(None)

    def seal(self, text):
        return self.engine.encrypt(text.decode()).encode()

    def open(self, cell):
        return self.engine.decrypt(cell.decode()).encode()


class SqlalchemyGcm(Sqlalchemy):
    def __init__(self, key, salt):
        super().__init__(key, salt, "AesGcmEngine")


class SqlalchemyNaive(Sqlalchemy):
    def __init__(self, key, salt):
        super().__init__(key, salt)
        self.engine._set_padding_mechanism("naive")


class Secretbox:
    """PyNaCl's SecretBox, in base64."""

    def __init__(self, key, salt):
        from nacl.secret import SecretBox

        self.box = SecretBox(bytes.fromhex(key))

    def seal(self, text):
        return base64.b64encode(bytes(self.box.encrypt(text)))

    def open(self, cell):
        return self.box.decrypt(base64.b64decode(cell))


class Jwe:
    """jwcrypto, A256KW and A256GCM."""

    def __init__(self, key, salt):
        from jwcrypto import jwk

        self.key = jwk.JWK(kty="oct", k=key)

    def seal(self, text):
        from jwcrypto import jwe

        token = jwe.JWE(text, json.dumps({"alg": "A256KW", "enc": "A256GCM"}))
        token.add_recipient(self.key)
        return token.serialize(compact=True).encode()

    def open(self, cell):
        from jwcrypto import jwe

        token = jwe.JWE()
        token.deserialize(cell.decode(), key=self.key)
        return token.payload


class Tink:
    """Tink with a keyset in JSON."""

    def __init__(self, key, salt):
        import tink
        from tink import aead, cleartext_keyset_handle

        aead.register()
        handle = cleartext_keyset_handle.read(tink.JsonKeysetReader(key))
        self.aead = handle.primitive(aead.Aead)

    def seal(self, text):
        return self.aead.encrypt(text, b"")

    def open(self, cell):
        return self.aead.decrypt(cell, b"")


class DjangoFernet:
    """The key of django-fernet-encrypted-fields, and pyca's Fernet."""

    def __init__(self, key, salt):
        from cryptography.fernet import Fernet

        derived = hashlib.pbkdf2_hmac("sha256", key.encode(), salt.encode(), 100000, 32)
        self.fernet = Fernet(base64.urlsafe_b64encode(derived))

    def seal(self, text):
        return self.fernet.encrypt(text)

    def open(self, cell):
        return self.fernet.decrypt(cell)


class Airflow:
    """Airflow's connections: pyca's Fernet."""

    def __init__(self, key, salt):
        from cryptography.fernet import Fernet

        self.fernet = Fernet(key)

    seal = DjangoFernet.seal
    open = DjangoFernet.open


class NodeGcm:
    """base64 of iv, tag and ciphertext."""

    def __init__(self, key, salt):
        self.gcm = AESGCM(bytes.fromhex(key))

    def seal(self, text):
        iv = os.urandom(12)
        cell = self.gcm.encrypt(iv, text, None)
        return base64.b64encode(iv + cell[-16:] + cell[:-16])

    def open(self, cell):
        raw = base64.b64decode(cell)
        return self.gcm.decrypt(raw[:12], raw[28:] + raw[12:28], None)


class DjangoCryptography:
    """The layout of django-cryptography's FernetBytes, as its source has it."""

    def __init__(self, key, salt):
        self.mac_key = key.encode()
        self.key = hashlib.pbkdf2_hmac("sha256", self.mac_key, b"django-cryptography", 30000, 32)

    def seal(self, text):
        iv = os.urandom(16)
        body = b"\x80" + struct.pack(">Q", int(time.time())) + iv + cbc(self.key, iv, text=text)
        return body + hmac.new(self.mac_key, body, "sha256").digest()

    def open(self, cell):
        body, mac = cell[:-32], cell[-32:]
        assert hmac.compare_digest(mac, hmac.new(self.mac_key, body, "sha256").digest())
        return cbc(self.key, body[9:25], cell=body[25:])


class NodeCbc:
    """The snippet that many Node applications copy: iv and ciphertext in hexadecimal digits."""

    def __init__(self, key, salt):
        self.key = bytes.fromhex(key)

    def seal(self, text):
        iv = os.urandom(16)
        return f"{iv.hex()}:{cbc(self.key, iv, text=text).hex()}".encode()

    def open(self, cell):
        iv, body = cell.decode().split(":")
        return cbc(self.key, bytes.fromhex(iv), cell=bytes.fromhex(body))


class Laravel:
    """The payload of Laravel's Encrypter with AES-256-CBC, as its source has it."""

    def __init__(self, key, salt):
        self.key = base64.b64decode(key.removeprefix("base64:"))

    def mac(self, payload):
        return hmac.new(self.key, (payload["iv"] + payload["value"]).encode(), "sha256").hexdigest()

    def seal(self, text):
        iv = os.urandom(16)
        value = base64.b64encode(cbc(self.key, iv, text=text)).decode()
        payload = {"iv": base64.b64encode(iv).decode(), "value": value}
        payload |= {"mac": self.mac(payload), "tag": ""}
        return base64.b64encode(json.dumps(payload, separators=(",", ":")).encode())

    def open(self, cell):
        payload = json.loads(base64.b64decode(cell))
        assert hmac.compare_digest(payload["mac"], self.mac(payload))
        return cbc(self.key, base64.b64decode(payload["iv"]), cell=base64.b64decode(payload["value"]))


class LaravelGcm(Laravel):
    """The same with AES-256-GCM."""

    def seal(self, text):
        iv = os.urandom(12)
        sealed = AESGCM(self.key).encrypt(iv, text, None)
        parts = {"iv": iv, "value": sealed[:-16], "mac": b"", "tag": sealed[-16:]}
        payload = {name: base64.b64encode(part).decode() for name, part in parts.items()}
        return base64.b64encode(json.dumps(payload, separators=(",", ":")).encode())

    def open(self, cell):
        payload = {name: base64.b64decode(part) for name, part in json.loads(base64.b64decode(cell)).items()}
        return AESGCM(self.key).decrypt(payload["iv"], payload["value"] + payload["tag"], None)


class Rails:
    """A message of Active Record Encryption, as its source has it: long values are compressed."""

    def __init__(self, key, salt):
        self.key = hashlib.pbkdf2_hmac("sha256", key.encode(), salt.encode(), 65536, 32)

    def seal(self, text):
        iv = os.urandom(12)
        small = zlib.compress(text) if len(text) > 140 else text
        flag = {"c": True} if len(small) < len(text) else {}
        sealed = AESGCM(self.key).encrypt(iv, small if flag else text, None)
        part = lambda raw: base64.b64encode(raw).decode()
        message = {"p": part(sealed[:-16]), "h": {"iv": part(iv), "at": part(sealed[-16:])} | flag}
        return json.dumps(message, separators=(",", ":")).encode()

    def open(self, cell):
        message = json.loads(cell)
        head = message["h"]
        part = base64.b64decode
        text = AESGCM(self.key).decrypt(part(head["iv"]), part(message["p"]) + part(head["at"]), None)
        return zlib.decompress(text) if head.get("c") else text


FORMATS = {
    "airflow": Airflow,
    "django-cryptography": DjangoCryptography,
    "django-fernet": DjangoFernet,
    "jwe": Jwe,
    "laravel-cbc": Laravel,
    "laravel-gcm": LaravelGcm,
    "node-cbc": NodeCbc,
    "node-gcm": NodeGcm,
    "rails": Rails,
    "secretbox": Secretbox,
    "sqlalchemy-aes": Sqlalchemy,
    "sqlalchemy-gcm": SqlalchemyGcm,
    "superset": SqlalchemyNaive,
    "tink": Tink,
}


def main():
    name, verb, key = sys.argv[1:4]
    salt = sys.argv[4] if len(sys.argv) > 4 else ""
    producer = FORMATS[name](key, salt)
    for line in sys.stdin.read().splitlines():
        if verb == "seal":
            print(producer.seal(line.encode()).hex())
        else:
            print(producer.open(bytes.fromhex(line)).decode())


if __name__ == "__main__":
    main()
