"""Opens AES-GCM cells with pyca/cryptography: what Reseal seals, other readers must read.

Reads {"cells": [{"key": hex, "aad": hex, "layout": text, "cell": {part: {"text"|"hex": …}}}]} on stdin and writes
{"plaintexts": [hex]}. The readers are written out by hand, as an application has them: none of Reseal's code.
"""

import base64
import json
import sys

from cryptography.hazmat.primitives.ciphers.aead import AESGCM


def b64(text):
    return base64.b64decode(text, validate=True)


def colons(cell):
    version, nonce, sealed = cell["ciphertext"].split(b":")
    return version and b64(nonce), b64(sealed)


def dots(cell):
    nonce, tag, ciphertext = map(b64, cell["ciphertext"].split(b"."))
    return nonce, ciphertext + tag


def hex_digits(cell):
    data = bytes.fromhex(cell["ciphertext"].decode().removeprefix("enc:"))
    return data[:16], data[32:] + data[16:32]


def plain_bytes(cell):
    return cell["ciphertext"][:12], cell["ciphertext"][12:]


def columns(cell):
    return cell["nonce"], cell["ciphertext"] + cell["tag"]


READERS = {
    "{key}:{nonce|base64}:{ciphertext|base64}": colons,
    "{nonce|base64}.{tag|base64}.{ciphertext|base64}": dots,
    "enc:{nonce|hex|16}{tag|hex|16}{ciphertext|hex}": hex_digits,
    "{nonce|12}{ciphertext|raw}": plain_bytes,
    None: columns,
}


def value(written):
    return written["text"].encode() if "text" in written else bytes.fromhex(written["hex"])


def read(entry):
    cell = {part: value(written) for part, written in entry["cell"].items()}
    nonce, sealed = READERS[entry["layout"]](cell)
    return AESGCM(bytes.fromhex(entry["key"])).decrypt(nonce, sealed, bytes.fromhex(entry["aad"]) or None).hex()


json.dump({"plaintexts": [read(entry) for entry in json.load(sys.stdin)["cells"]]}, sys.stdout)
