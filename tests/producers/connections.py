"""connections: credentials in an envelope of AWS KMS, its parts in columns of base64; older rows under a key that lies in
the database. Made and opened by boto3 and pyca/cryptography.

KEYS is {"endpoint": "<of KMS>", "arn": "<KMS key>", "derived": "<base64>"}; a reader without `derived` opens no older row.
The document names connections.payload_ciphertext, payload_iv, data_key_ciphertext, data_key_iv, encryption_key_id and
last_error, the tables encryption_keys and connection_scoped_tokens, and mirrored copies. Assumed: all types, the names of
the mirrors (encrypted_credentials, iv), base64, and that the GCM tag follows the ciphertext.
"""

import base64
import functools
import os
import uuid

import boto3
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from system import System, plain

DERIVED, FIRST, OLDER = (str(uuid.uuid5(uuid.NAMESPACE_URL, name)) for name in ("derived", "2024-03-kms", "2023-03-kms"))


class Connections(System):
    fields = {"connections": ["credentials"]}
    sealed = {"connections": ["payload_ciphertext", "payload_iv", "data_key_ciphertext", "encryption_key_id",
                              "encrypted_credentials", "iv", "last_error"]}
    schema = [
        """CREATE TABLE encryption_keys (
            id uuid PRIMARY KEY DEFAULT gen_random_uuid(), key_id text NOT NULL UNIQUE, kms_key_arn text, alias text,
            derived_key text, status text NOT NULL, rotated_at timestamptz, created_at timestamptz NOT NULL DEFAULT now(),
            updated_at timestamptz NOT NULL DEFAULT now())""",
        """CREATE TABLE connections (
            id uuid PRIMARY KEY, number integer NOT NULL, provider text NOT NULL, payload_ciphertext text, payload_iv text,
            data_key_ciphertext text, data_key_iv text, encryption_key_id uuid REFERENCES encryption_keys (id),
            encrypted_credentials text, iv text, last_error text, created_at timestamptz NOT NULL DEFAULT '2025-01-01')""",
        "CREATE INDEX connections_by_key ON connections (encryption_key_id)",
        """CREATE TABLE connection_scoped_tokens (
            id serial PRIMARY KEY, connection_id uuid NOT NULL, token_hash text NOT NULL, expires_at timestamptz NOT NULL,
            used_at timestamptz)""",
        """INSERT INTO connection_scoped_tokens (connection_id, token_hash, expires_at, used_at)
            SELECT gen_random_uuid(), md5(n::text), now() + (n - 30) * interval '1 day', CASE WHEN n % 10 = 0 THEN now() END
            FROM generate_series(1, 60) n""",
    ]

    def seed(self, database, keys, rows):
        # The document's migration: older keys lie in the database, newer ones leave derived_key out.
        self.schema = self.schema[:1] + [
            f"INSERT INTO encryption_keys (id, key_id, derived_key, status) VALUES ('{DERIVED}', 'derived', '{keys['derived']}', 'retired')",
            f"""INSERT INTO encryption_keys (id, key_id, kms_key_arn, alias, status)
                VALUES ('{FIRST}', '2024-03-kms', '{keys['arn']}', 'prod/app/2024-03', 'active')""",
        ] + self.schema[1:]
        super().seed(database, keys, rows)

    def row(self, table, number, keys):
        row = {"id": str(uuid.uuid5(uuid.NAMESPACE_URL, f"{table}/{number}")), "number": number, "provider": "github"}
        nonce, text, legacy = os.urandom(12), plain(table, "credentials", number), number % 4 == 1
        dek, wrapped = (base64.b64decode(keys["derived"]), None) if legacy else data_key(keys["endpoint"], keys["arn"], number // 3)
        payload = None if text is None else AESGCM(dek).encrypt(nonce, text.encode(), None)
        iv = None if text is None else nonce
        row |= {"payload_ciphertext": encoded(payload), "payload_iv": encoded(iv)}
        row["data_key_ciphertext"] = None if text is None else encoded(wrapped)
        row["encryption_key_id"] = DERIVED if legacy else FIRST
        # Rows from before the migration that nothing has touched since have no copy yet.
        mirrored = number % 5 != 0
        row |= {"encrypted_credentials": encoded(payload) if mirrored else None, "iv": encoded(iv) if mirrored else None}
        return row

    def more(self):
        return {"older": self.older}

    def older(self, database, keys):
        """A few rows whose data keys were wrapped under a key before: {"older": "<its ARN>"}."""
        database.run(f"""INSERT INTO encryption_keys (id, key_id, kms_key_arn, status)
            VALUES ('{OLDER}', '2023-03-kms', '{keys["older"]}', 'retired')""")
        rows = database.run("SELECT id, data_key_ciphertext FROM connections WHERE data_key_ciphertext IS NOT NULL ORDER BY id LIMIT 3")
        for row, wrapped in rows:
            moved = kms(keys["endpoint"]).re_encrypt(
                CiphertextBlob=base64.b64decode(wrapped), DestinationKeyId=keys["older"])["CiphertextBlob"]
            database.run("UPDATE connections SET data_key_ciphertext = %s, encryption_key_id = %s WHERE id = %s",
                         (encoded(moved), OLDER, row))

    def read(self, database, keys):
        self.arns = {str(key): arn for key, arn in database.run("SELECT id, kms_key_arn FROM encryption_keys")}
        super().read(database, keys)

    def open(self, table, field, row, keys):
        payload, wrapped = row["payload_ciphertext"], row["data_key_ciphertext"]
        if payload is None:
            return None
        if wrapped is None and "derived" not in keys:
            return False
        if wrapped is not None:
            dek, arn = unwrapped(keys["endpoint"], wrapped)
            same = (row["encrypted_credentials"], row["iv"]) == (payload, row["payload_iv"])
            if not arn == keys["arn"] == self.arns[str(row["encryption_key_id"])] or not same:
                return False
        else:
            dek = base64.b64decode(keys["derived"])
        try:
            return AESGCM(dek).decrypt(base64.b64decode(row["payload_iv"]), base64.b64decode(payload), None).decode()
        except InvalidTag:
            return False


def encoded(data):
    return None if data is None else base64.b64encode(data).decode()


@functools.cache
def kms(endpoint):
    return boto3.client("kms", endpoint_url=endpoint, region_name="eu-west-1", aws_access_key_id="test", aws_secret_access_key="test")


@functools.cache
def data_key(endpoint, arn, _group):
    """A data key and its wrapped form; a few rows share one."""
    made = kms(endpoint).generate_data_key(KeyId=arn, KeySpec="AES_256")
    return made["Plaintext"], made["CiphertextBlob"]


@functools.cache
def unwrapped(endpoint, wrapped):
    """The data key, and the KMS key that it was wrapped under."""
    answer = kms(endpoint).decrypt(CiphertextBlob=base64.b64decode(wrapped))
    return answer["Plaintext"], answer["KeyId"]


if __name__ == "__main__":
    Connections().main()
