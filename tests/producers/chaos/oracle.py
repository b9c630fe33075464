"""What the application knows of its rows: what it saved last in each, and when."""

import threading
import time
from collections import Counter, namedtuple

from model import NEW, OLD, TABLE, as_cell

# `texts` and `cells` by column; `names` the key of each cell, None for NULL; `sealed_at` when the application sealed each, which
# a row that is moved keeps; `rev` counts the application's writes.
Row = namedtuple("Row", "texts cells names sealed_at rev saved_at")
COLUMNS = ("a", "b")


class Oracle:
    def __init__(self, keys):
        self.keys, self.rows, self.lock = keys, {}, threading.Lock()
        self.violations, self.tally = [], Counter()

    def violation(self, kind, what):
        with self.lock:
            self.violations.append((kind, what))

    def count(self, what, by=1):
        with self.lock:
            self.tally[what] += by

    def commit(self, changes):
        """Takes what a transaction changed: None for a row that is gone."""
        at = time.time()
        with self.lock:
            for number, row in changes.items():
                if row is None:
                    self.rows.pop(number, None)
                else:
                    self.rows[number] = row._replace(saved_at=at)

    def look(self, number, found, expected):
        """Holds a row as it was read against what was saved last; gives the keys of its cells."""
        names = []
        for column, cell, text in zip(COLUMNS, found, expected.texts):
            name, plain = self.keys.open(as_cell(cell))
            if plain is False:
                self.violation("lost", f"row {number}, {column} opens under no key")
            elif plain != text:
                self.violation("changed", f"row {number}, {column} does not hold what was saved last")
            names.append(name)
        return names

    def check(self, database):
        """Reads all rows; gives them with the keys of their cells."""
        found = {row[0]: row[1:] for row in database.run(f"SELECT id, a, b, rev FROM {TABLE} ORDER BY id")}
        for number in self.rows.keys() - found.keys():
            self.violation("row gone", f"row {number} is gone")
        for number in found.keys() - self.rows.keys():
            self.violation("row came", f"row {number} came from nowhere")
        looked = {}
        for number in found.keys() & self.rows.keys():
            row, expected = found[number], self.rows[number]
            if row[2] != expected.rev:
                self.violation("save undone", f"row {number} is at {row[2]}, saved at {expected.rev}")
            cells = tuple(as_cell(cell) for cell in row[:2])
            looked[number] = (cells, self.look(number, cells, expected))
        return looked

    def left(self, looked, name, since):
        """Cells under a key in rows that were last saved before a moment."""
        return [(number, column) for number, (_, names) in looked.items() if self.rows[number].saved_at < since
                for column, found in zip(COLUMNS, names) if found == name]

    def complete(self, looked, since):
        left = self.left(looked, OLD, since)
        if left:
            self.violation("left by a complete run", f"{len(left)} cells under the old key, such as {left[:3]}")

    def rolled_back(self, looked, since, listed, before_run):
        """Nothing is under the new key, but for what was saved since, what the application sealed so before the run was through,
        and what is listed."""
        left = [place for place in self.left(looked, NEW, since) if not self.was_new(*place, before_run)]
        if len(left) > listed:
            self.violation("left by a rollback", f"{len(left)} cells under the new key, {listed} listed, such as {left[:3]}")

    def was_new(self, number, column, before_run):
        row, at = self.rows[number], COLUMNS.index(column)
        return row.names[at] == NEW and row.sealed_at[at] < before_run

    def exact(self, looked, since, listed, first):
        """What was saved last under the old key, before the way back began, is there again byte for byte.

        Rows that were moved are not asked: what is kept of a row is kept under its row key. `first`: when the first engine began.
        """
        other = [(number, column) for number, (cells, _) in looked.items() if self.rows[number].saved_at < since
                 for column, cell, saved, name in zip(COLUMNS, cells, self.rows[number].cells, self.rows[number].names)
                 if name == OLD and saved is not None and cell != saved]
        if len(other) <= listed:
            return
        untouched = [place for place in other if self.rows[place[0]].saved_at < first]
        kind = "untouched rows without their old bytes" if untouched else "rows saved during a run without their old bytes"
        self.violation(kind, f"{len(other)} cells, {listed} listed, such as {(untouched or other)[:3]}")
