"""PazPaz: PHI as "vN:nonce:ciphertext", sealed and opened by pyca/cryptography as the document's EncryptedType does.

KEYS is {"primary": "v1", "v1": "<base64>", ...}. The document names clients (first_name, last_name, email,
medical_history), appointments.notes and key_rotation_audit; sessions and plans of care are resource types of its audit
events, so their columns are assumed, as are row keys and all columns that hold no sealed cell.
"""

import base64
import os
import uuid

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from system import System, plain


class PazPaz(System):
    fields = {
        "clients": ["first_name", "last_name", "email", "medical_history"],
        "appointments": ["notes"],
        "sessions": ["subjective", "objective", "assessment", "plan"],
        "plans_of_care": ["goals"],
    }
    schema = [
        "CREATE TABLE workspaces (id uuid PRIMARY KEY, name text NOT NULL)",
        """CREATE TABLE clients (
            id uuid PRIMARY KEY, number integer NOT NULL, first_name text, last_name text, email text,
            medical_history text, consent_status boolean NOT NULL, created_at timestamptz NOT NULL DEFAULT '2025-01-02')""",
        "CREATE INDEX clients_consent ON clients (consent_status, created_at)",
        """CREATE TABLE appointments (
            id uuid PRIMARY KEY, number integer NOT NULL, client_id uuid NOT NULL REFERENCES clients (id), notes text,
            starts_at timestamptz NOT NULL DEFAULT '2025-03-04 09:00')""",
        """CREATE TABLE sessions (
            id uuid PRIMARY KEY, number integer NOT NULL, client_id uuid NOT NULL REFERENCES clients (id),
            subjective text, objective text, assessment text, plan text, is_draft boolean NOT NULL DEFAULT false)""",
        """CREATE TABLE plans_of_care (
            id uuid PRIMARY KEY, number integer NOT NULL, client_id uuid NOT NULL REFERENCES clients (id), goals text)""",
        """CREATE TABLE audit_events (
            id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, event_type text NOT NULL, action text NOT NULL,
            resource_type text NOT NULL, user_id uuid, ip_address inet, created_at timestamptz NOT NULL DEFAULT now())""",
        """INSERT INTO audit_events (event_type, action, resource_type)
            SELECT 'read', 'READ', (ARRAY['Client', 'Session', 'PlanOfCare'])[1 + n % 3] FROM generate_series(1, 200) n""",
        # As the document has it.
        """CREATE TABLE key_rotation_audit (
            id UUID PRIMARY KEY DEFAULT gen_random_uuid(), rotation_date TIMESTAMP NOT NULL DEFAULT NOW(),
            old_key_version VARCHAR(10) NOT NULL, new_key_version VARCHAR(10) NOT NULL, rotation_type VARCHAR(20) NOT NULL,
            initiated_by VARCHAR(255) NOT NULL, completion_date TIMESTAMP, records_reencrypted BIGINT, notes TEXT)""",
    ]

    def row(self, table, number, keys):
        row = {"id": str(identity(table, number)), "number": number}
        if table == "clients":
            row["consent_status"] = number % 3 != 0
        else:
            row["client_id"] = str(identity("clients", number))
        return row | {field: seal(plain(table, field, number), keys) for field in self.fields[table]}

    def open(self, table, field, row, keys):
        return open_cell(row[field], keys)


def identity(table, number):
    return uuid.uuid5(uuid.NAMESPACE_URL, f"{table}/{number}")


def seal(text, keys):
    if text is None:
        return None
    nonce = os.urandom(12)
    ciphertext = AESGCM(base64.b64decode(keys[keys["primary"]])).encrypt(nonce, text.encode(), None)
    return f"{keys['primary']}:{base64.b64encode(nonce).decode()}:{base64.b64encode(ciphertext).decode()}"


def open_cell(cell, keys):
    if cell is None:
        return None
    version, nonce, ciphertext = cell.split(":")
    if version not in keys:
        return False
    try:
        key = AESGCM(base64.b64decode(keys[version]))
        return key.decrypt(base64.b64decode(nonce), base64.b64decode(ciphertext), None).decode()
    except InvalidTag:
        return False


if __name__ == "__main__":
    PazPaz().main()
