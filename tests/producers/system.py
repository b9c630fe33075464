"""What the producers of the five documented systems share: rows with odd values, and how they are read back.
Holds no Reseal code. The script of a system says how it makes a row and how it opens a cell, and is called as

    SYSTEM.py seed   URL KEYS ROWS   make the system's tables, with ROWS rows in each that holds sealed cells
    SYSTEM.py read   URL KEYS        open every cell as the system does, with these keys and no others; print
                                     {"cells", "nulls", "opened", "right"}
    SYSTEM.py digest URL             print a digest of those tables, byte for byte, and one of all that is not sealed

KEYS is a file of JSON that the system's script understands. Documents that name no types, no further columns and no
layout left those to these scripts: what is assumed is marked there.
"""

import hashlib
import json
import sys

from producer import Database

ODD = ["", " ", "\t\n", "0", "NULL", "O'Brien \"x\" \\ % _", "v1:AAAA:BBBB", "gAAAAA", "{}", "-----BEGIN",
       "名前 \U0001F600 é", "e\u0301 a\u0308", "x" * 9000, "1970-01-01", "a,b;c|d"]


def plain(table, field, number):
    """What the application stored in a cell: NULL now and then, an odd value now and then."""
    mix = number * 7 + sum(map(ord, table + field))
    if mix % 13 == 5:
        return None
    if mix % 5 == 3:
        return ODD[mix // 5 % len(ODD)]
    return f"{table}.{field} № {number} geheim"


class System:
    """A system's tables of sealed cells: its own script fills in the rest."""

    schema = []             # statements that make all tables, those beside the plan too
    fields = {}             # table: the names of its fields
    sealed = {}             # table: columns that a rotation may change, where they are not the fields
    row_key = {}            # table: what rows are ordered by, where it is not id

    def row(self, table, number, keys):
        """All columns of a row."""
        raise NotImplementedError

    def open(self, table, field, row, keys):
        """The plaintext of a field of a row, None for NULL, False for what these keys do not open."""
        raise NotImplementedError

    def is_sealed(self, table, row):
        """Whether the row's fields hold sealed cells; where not, they are values beside the plan like any other."""
        return True

    def more(self):
        """Commands that only this system has."""
        return {}

    def seed(self, database, keys, rows):
        for statement in self.schema:
            database.run(statement)
        for table in self.fields:
            made = [self.row(table, number, keys) for number in range(1, int(rows) + 1)]
            columns = ", ".join(made[0])
            places = ", ".join(["%s"] * len(made[0]))
            database.many(f"INSERT INTO {table} ({columns}) VALUES ({places})", [tuple(row.values()) for row in made])

    def read(self, database, keys):
        read = {"cells": 0, "nulls": 0, "opened": 0, "right": 0}
        for table, fields in self.fields.items():
            for row in filter(lambda row: self.is_sealed(table, row), self.rows(database, table)):
                for field in fields:
                    opened, expected = self.open(table, field, row, keys), plain(table, field, row["number"])
                    read["cells"] += expected is not None
                    read["nulls"] += opened is None and expected is None
                    read["opened"] += isinstance(opened, str)
                    read["right"] += isinstance(opened, str) and opened == expected
        print(json.dumps(read))

    def digest(self, database):
        every, beside = hashlib.sha256(), hashlib.sha256()
        for table, fields in self.fields.items():
            sealed = self.sealed.get(table, fields)
            for row in self.rows(database, table):
                every.update(repr([bytes(v) if isinstance(v, memoryview) else v for v in row.values()]).encode())
                kept = [v for name, v in row.items() if name not in sealed or not self.is_sealed(table, row)]
                beside.update(repr(kept).encode())
        print(json.dumps({"digest": every.hexdigest(), "beside": beside.hexdigest()}))

    def rows(self, database, table):
        """Every row as a map of its columns; `number` is what the row was made from."""
        order = self.row_key.get(table, "id")
        cursor = database.connection.cursor()
        cursor.execute(f"SELECT * FROM {table} ORDER BY {order}")
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, row)) for row in cursor.fetchall()]

    def main(self):
        command, url, *args = sys.argv[1:]
        args = [json.load(open(arg)) if arg.endswith(".json") else arg for arg in args]
        known = {"seed": self.seed, "read": self.read, "digest": self.digest} | self.more()
        known[command](Database(url), *args)
