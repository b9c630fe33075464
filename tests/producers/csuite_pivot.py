"""csuite-pivot: one key per tenant, derived from a versioned master key; the version in a column. Made and opened by
pyca/cryptography, on PostgreSQL and on MariaDB, with the types that Prisma gives such columns there.

KEYS is {"primary": "1", "1": "<master key>", ...}. The document names the tables knowledge_entries, knowledge_sources
and "connector tables", the column encryption_key_version, and a JSON map of previous keys. Assumed: the fields, the
table connector_secrets, HKDF-SHA-256 with the tenant as salt, and "nonce.tag.ciphertext" in base64.
"""

import base64
import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from system import System, plain

TENANTS = ["demo-company", "acme", "Ünïcorn & Söhne"]


class CsuitePivot(System):
    fields = {"knowledge_entries": ["content", "summary"], "knowledge_sources": ["credentials"], "connector_secrets": ["value"]}
    sealed = {table: names + ["encryption_key_version"] for table, names in fields.items()}
    row_key = {"connector_secrets": "tenant_id, id"}
    schema = [
        """CREATE TABLE knowledge_sources (
            id varchar(191) NOT NULL PRIMARY KEY, number integer NOT NULL, tenant_id varchar(191) NOT NULL, name varchar(191) NOT NULL,
            credentials {text}, encryption_key_version integer)""",
        """CREATE TABLE knowledge_entries (
            id varchar(191) NOT NULL PRIMARY KEY, number integer NOT NULL, tenant_id varchar(191) NOT NULL,
            source_id varchar(191) NOT NULL, title varchar(191) NOT NULL, content {text}, summary {text},
            encryption_key_version integer)""",
        "CREATE INDEX knowledge_entries_by_version ON knowledge_entries (tenant_id, encryption_key_version)",
        # Settings of connectors: those of kind 'secret' are sealed, the others lie open in the same column.
        """CREATE TABLE connector_secrets (
            id integer NOT NULL, number integer NOT NULL, tenant_id varchar(191) NOT NULL, kind varchar(20) NOT NULL,
            value {text}, encryption_key_version integer, PRIMARY KEY (tenant_id, id))""",
        "CREATE TABLE tenants (id varchar(191) NOT NULL PRIMARY KEY, plan varchar(20) NOT NULL)",
        "INSERT INTO tenants VALUES ('demo-company', 'trial'), ('acme', 'growth')",
    ]

    def seed(self, database, keys, rows):
        text = "longtext" if database.kind == "mysql" else "text"
        self.schema = [statement.replace("{text}", text) for statement in self.schema]
        super().seed(database, keys, rows)

    def row(self, table, number, keys):
        tenant = TENANTS[number % len(TENANTS)]
        row = {"id": f"{table}-{number:05}", "number": number, "tenant_id": tenant}
        if table == "knowledge_entries":
            row |= {"source_id": f"knowledge_sources-{number:05}", "title": f"entry {number}"}
        if table == "knowledge_sources":
            row["name"] = f"source {number}"
        if table == "connector_secrets":
            row |= {"id": number, "kind": "setting" if number % 4 == 1 else "secret"}
        sealed = self.is_sealed(table, row)
        for field in self.fields[table]:
            text = plain(table, field, number)
            row[field] = seal(text, tenant, keys) if sealed else text
        row["encryption_key_version"] = int(keys["primary"]) if sealed else None
        return row

    def is_sealed(self, table, row):
        return row.get("kind") != "setting"

    def open(self, table, field, row, keys):
        return open_cell(row[field], row["tenant_id"], str(row["encryption_key_version"]), keys)


def derived(master, tenant):
    return AESGCM(HKDF(SHA256(), 32, salt=tenant.encode(), info=b"csuite-pivot").derive(master.encode()))


def seal(text, tenant, keys):
    if text is None:
        return None
    nonce = os.urandom(12)
    sealed = derived(keys[keys["primary"]], tenant).encrypt(nonce, text.encode(), None)
    return ".".join(base64.b64encode(part).decode() for part in (nonce, sealed[-16:], sealed[:-16]))


def open_cell(cell, tenant, version, keys):
    if cell is None:
        return None
    if version not in keys:
        return False
    nonce, tag, ciphertext = (base64.b64decode(part) for part in cell.split("."))
    try:
        return derived(keys[version], tenant).decrypt(nonce, ciphertext + tag, None).decode()
    except InvalidTag:
        return False


if __name__ == "__main__":
    CsuitePivot().main()
