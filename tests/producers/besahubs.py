"""BesaHubs CRM: PII in bytea columns, sealed by pgp_sym_encrypt on the server and read by pgp_sym_decrypt in psql.

KEYS is {"key": "<64 hex characters, which are the passphrase>"}. The document names the tables users, contacts and
companies, users.email, rotation_progress and audit_log; the other columns and all types are assumed. A part of the
rows was written with other options of pgcrypto, as applications change over the years.
"""

import base64
import os
import subprocess
import sys
import uuid

from system import System, plain

# What psql is asked: pgp_sym_decrypt of every cell, which raises an error on the wrong passphrase.
OPEN = r"""
CREATE FUNCTION pg_temp.opened(cell bytea, passphrase text) RETURNS text LANGUAGE plpgsql AS $$
    BEGIN
        RETURN encode(convert_to(pgp_sym_decrypt(cell, passphrase), 'UTF8'), 'base64');
    EXCEPTION WHEN external_routine_invocation_exception THEN
        RETURN 'wrong';
    END $$;
"""


class BesaHubs(System):
    cells = {}              # table, field: what the server sealed, in the order of the rows
    opened = {}             # table, field, number: what psql printed
    fields = {"users": ["email", "phone"], "contacts": ["email", "phone", "address"], "companies": ["tax_id", "phone"]}
    schema = [
        "CREATE EXTENSION IF NOT EXISTS pgcrypto",
        """CREATE TABLE users (
            id uuid PRIMARY KEY, number integer NOT NULL, email bytea, phone bytea, role varchar(20) NOT NULL,
            created_at timestamptz NOT NULL DEFAULT '2025-10-01')""",
        """CREATE TABLE companies (
            id uuid PRIMARY KEY, number integer NOT NULL, name varchar(200) NOT NULL, tax_id bytea, phone bytea)""",
        """CREATE TABLE contacts (
            id uuid PRIMARY KEY, number integer NOT NULL, company_id uuid, email bytea, phone bytea, address bytea,
            stage varchar(20) NOT NULL)""",
        "CREATE INDEX contacts_by_stage ON contacts (stage, company_id)",
        "CREATE TABLE properties (id serial PRIMARY KEY, title text NOT NULL, photo bytea)",
        "INSERT INTO properties (title, photo) SELECT 'office ' || n, decode(md5(n::text), 'hex') FROM generate_series(1, 50) n",
        # As the document's INSERT has it.
        "CREATE TABLE audit_log (id bigserial PRIMARY KEY, event_type varchar(50) NOT NULL, details jsonb, created_at timestamptz)",
        "INSERT INTO audit_log (event_type, details, created_at) SELECT 'LOGIN', '{\"ok\": true}', now() FROM generate_series(1, 50)",
    ]

    def seed(self, database, keys, rows):
        database.run(self.schema[0])
        numbers = range(1, int(rows) + 1)
        options = ["cipher-algo=aes256, compress-algo=1" if number % 10 == 4 else "" for number in numbers]
        # The server seals: no pgcrypto but PostgreSQL's own has a hand in these cells.
        seal = "SELECT pgp_sym_encrypt(text, %s, options) FROM unnest(%s::text[], %s::text[]) AS cells (text, options)"
        for table, field in ((table, field) for table in self.fields for field in self.fields[table]):
            texts = [plain(table, field, number) for number in numbers]
            self.cells[table, field] = [cell for cell, in database.run(seal, (keys["key"], texts, options))]
        super().seed(database, keys, rows)

    def row(self, table, number, keys):
        row = {"id": str(uuid.uuid5(uuid.NAMESPACE_URL, f"{table}/{number}")), "number": number}
        row |= {"users": {"role": "agent"}, "companies": {"name": f"company {number}"}, "contacts": {"stage": "lead"}}[table]
        return row | {field: self.cells[table, field][number - 1] for field in self.fields[table]}

    def read(self, database, keys):
        for table in self.fields:
            for field in self.fields[table]:
                self.opened |= {(table, field, number): cell for number, cell in psql(table, field, keys["key"])}
        super().read(database, keys)

    def open(self, table, field, row, keys):
        opened = self.opened[table, field, str(row["number"])]
        return {"null": None, "wrong": False}[opened] if opened in ("null", "wrong") else base64.b64decode(opened).decode()


def psql(table, field, key):
    """Number and plaintext of every row, as the operator's psql prints them. The passphrase is no argument but input."""
    command = [os.environ["RESEAL_TEST_PSQL"], "-XqAt", "-v", "ON_ERROR_STOP=1", sys.argv[2]]
    opened = f"coalesce(translate(pg_temp.opened({field}, :'key'), E'\\n', ''), 'null')"
    script = f"\\set key '{key}'\n{OPEN}SELECT number, {opened} FROM {table};\n"
    output = subprocess.run(command, input=script.encode(), stdout=subprocess.PIPE, check=True).stdout.decode()
    return [line.split("|") for line in output.splitlines()]


if __name__ == "__main__":
    BesaHubs().main()
