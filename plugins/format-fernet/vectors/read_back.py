"""Opens Fernet tokens with pyca/cryptography: what Reseal seals, its reader must read.

Reads {"cells": [{"key": hex, "token": text}]} on stdin and writes {"plaintexts": [hex], "times": [seconds]}.
"""

import base64
import json
import sys

from cryptography.fernet import Fernet

cells = json.load(sys.stdin)["cells"]
readers = [(Fernet(base64.urlsafe_b64encode(bytes.fromhex(cell["key"]))), cell["token"]) for cell in cells]
json.dump(
    {
        "plaintexts": [reader.decrypt(token).hex() for reader, token in readers],
        "times": [reader.extract_timestamp(token) for reader, token in readers],
    },
    sys.stdout,
)
