"""The application's writers: threads that insert, update, delete, move rows, and save what they loaded long ago."""

import contextlib
import random
import threading
import time

from model import FAILURES, MARKER, NEW, OLD, TABLE, connect
from oracle import Row

# How often a writer does what, of a hundred.
OPERATIONS = {"update": 34, "one column": 14, "load": 16, "stale": 18, "insert": 8, "delete": 5, "move": 5}

# So many rows has a writer at most.
MOST_ROWS = 90


@contextlib.contextmanager
def quiet(writers):
    """Nobody writes within."""
    with contextlib.ExitStack() as stack:
        for writer in writers:
            stack.enter_context(writer.busy)
        yield


class Writer(threading.Thread):
    """Owns the rows whose number leaves `number` when divided by `of`, so that it alone knows what they hold."""

    def __init__(self, oracle, url, number, of, seed, pace):
        super().__init__(daemon=True)
        self.oracle, self.url, self.number, self.of, self.pace = oracle, url, number, of, pace
        self.random = random.Random(f"{seed}/writer/{number}")
        # The key it seals with: a deploy changes it.
        self.seals_with = OLD
        self.stopping, self.loaded, self.database = threading.Event(), {}, None
        # Held for as long as a transaction takes: whoever looks at all rows takes it from every writer.
        self.busy = threading.Lock()
        self.next = 10_000 * of + number

    def run(self):
        while not self.stopping.is_set():
            try:
                if self.database is None:
                    self.database = connect(self.url)
                with self.busy:
                    self.transaction()
            except FAILURES as error:
                self.oracle.count(f"writer: {type(error).__name__}")
                self.lose()
            except Exception as error:  # The suite's own fault must not look like silence.
                self.oracle.violation("the suite", f"writer: {error!r}")
                return
            time.sleep(self.random.random() * self.pace)
        if self.database:
            self.database.close()

    def lose(self):
        if self.database:
            self.database.close()
        self.database = None

    def text(self, number, rev, column):
        dice = self.random.random()
        if dice < 0.04:
            return None
        return "" if dice < 0.07 else f"{MARKER} {number} {rev} {column} — " + "x" * self.random.randint(0, 60)

    def row(self, number, rev):
        texts = tuple(self.text(number, rev, column) for column in "ab")
        cells = tuple(self.oracle.keys.seal(self.seals_with, text) for text in texts)
        return Row(texts, cells, tuple(None if text is None else self.seals_with for text in texts), (time.time(),) * 2, rev, 0)

    def transaction(self):
        """A few operations in one transaction, in no order; its outcome is known when this is over."""
        mine = [number for number in list(self.oracle.rows) if number % self.of == self.number]
        before, after = {}, {}
        try:
            self.database.begin()
            for _ in range(self.random.choice([1, 1, 2, 4])):
                kind = self.random.choices(list(OPERATIONS), OPERATIONS.values())[0]
                self.operate(kind, mine, before, after)
            if self.random.random() < 0.05 and self.database.kind != "sqlite":
                self.oracle.count("long transactions")
                time.sleep(self.random.uniform(0.2, 1.5))
        except FAILURES as error:
            self.oracle.count(f"writer: {type(error).__name__}")
            self.back()
            return
        try:
            self.database.run("COMMIT")
        except FAILURES:
            self.resolve(before, after)
            return
        self.done(after)

    def done(self, after):
        self.oracle.commit(after)
        for number in after:
            self.loaded.pop(number, None)
        self.oracle.count("writes", len(after))

    def back(self):
        try:
            self.database.run("ROLLBACK")
        except FAILURES:
            self.lose()

    def operate(self, kind, mine, before, after):
        if kind == "insert" and len(mine) > MOST_ROWS:
            # A table that grew while a run is slowed down would keep it busy for ever.
            kind = "delete"
        if kind == "insert" or not mine:
            self.next += self.of
            self.remember(self.next, before)
            row = self.row(self.next, 1)
            self.database.change(f"INSERT INTO {TABLE} (id, a, b, rev, note) VALUES (%s, %s, %s, 1, 'new')", (self.next, *row.cells))
            after[self.next] = row
            return
        number = self.random.choice(mine)
        current = after.get(number, self.oracle.rows.get(number))
        if current is None:
            return
        self.remember(number, before)
        getattr(self, kind.replace(" ", "_"))(number, current, before, after)

    def remember(self, number, before):
        before.setdefault(number, self.oracle.rows.get(number))

    def met(self, rows, number):
        if rows != 1:
            self.oracle.violation("row gone", f"a write of row {number} met {rows} rows")

    def update(self, number, current, _, after):
        row = self.row(number, current.rev + 1)
        self.met(self.database.change(f"UPDATE {TABLE} SET a = %s, b = %s, rev = %s WHERE id = %s", (*row.cells, row.rev, number)), number)
        after[number] = row

    def one_column(self, number, current, _, after):
        new = self.row(number, current.rev + 1)
        row = Row((new.texts[0], current.texts[1]), (new.cells[0], current.cells[1]), (new.names[0], current.names[1]),
                  (new.sealed_at[0], current.sealed_at[1]), new.rev, 0)
        self.met(self.database.change(f"UPDATE {TABLE} SET a = %s, rev = %s WHERE id = %s", (row.cells[0], row.rev, number)), number)
        after[number] = row

    def load(self, number, current, _, after):
        """Reads a row, and keeps it for a save that comes much later."""
        found = self.database.run(f"SELECT a, b FROM {TABLE} WHERE id = %s", (number,))
        if len(found) != 1:
            self.met(len(found), number)
            return
        names = self.oracle.look(number, found[0], current)
        if number not in after:
            cells = tuple(bytes(cell) if isinstance(cell, (bytearray, memoryview)) else cell for cell in found[0])
            self.loaded.setdefault(number, (current.rev, cells, tuple(names)))

    def stale(self, number, current, before, after):
        """Saves a whole row as it was loaded, ciphertext and all, as an ORM does that changed its note only."""
        known = [other for other in self.loaded if other not in after and other in self.oracle.rows]
        if not known:
            return
        number = self.random.choice(known)
        rev, cells, names = self.loaded[number]
        current = self.oracle.rows[number]
        if rev != current.rev:
            return
        self.remember(number, before)
        # An engine may have moved what is saved again: then it is as new as this save.
        sealed = tuple(at if before == name else time.time()
                       for at, before, name in zip(current.sealed_at, current.names, names))
        row = Row(current.texts, cells, names, sealed, rev + 1, 0)
        save = f"UPDATE {TABLE} SET a = %s, b = %s, rev = %s, note = 'stale' WHERE id = %s"
        self.met(self.database.change(save, (*cells, row.rev, number)), number)
        after[number] = row
        self.oracle.count("stale saves")

    def delete(self, number, _, __, after):
        self.met(self.database.change(f"DELETE FROM {TABLE} WHERE id = %s", (number,)), number)
        after[number] = None

    def move(self, number, current, before, after):
        self.next += self.of
        # Before the engine's place as often as behind it.
        target = self.next if self.random.random() < 0.5 else -self.next // self.of * self.of + self.number
        if target in self.oracle.rows or target in after:
            return
        self.remember(target, before)
        row = current._replace(rev=current.rev + 1, cells=(None, None))
        self.met(self.database.change(f"UPDATE {TABLE} SET id = %s, rev = %s WHERE id = %s", (target, row.rev, number)), number)
        after[number], after[target] = None, row

    def resolve(self, before, after):
        """Reads back whether a transaction is committed whose COMMIT got no answer."""
        self.oracle.count("commits of unknown outcome")
        self.lose()
        time.sleep(0.3)
        self.database = connect(self.url)
        verdicts = set()
        for number, new in after.items():
            found = self.database.run(f"SELECT rev FROM {TABLE} WHERE id = %s", (number,))
            rev = found[0][0] if found else None
            is_new = rev == (new.rev if new else None)
            is_old = rev == (before[number].rev if before[number] else None)
            if is_new != is_old:
                verdicts.add(is_new)
            elif not is_new:
                self.oracle.violation("save undone", f"row {number} is at {rev} after a COMMIT of unknown outcome")
        if len(verdicts) > 1:
            self.oracle.violation("half a transaction", f"rows {list(after)} of one transaction disagree")
        if True in verdicts:
            self.done(after)


def deploys(writers, chance):
    """One more writer of a rolling deploy seals with the new key."""
    old = [writer for writer in writers if writer.seals_with == OLD]
    if old:
        chance.choice(old).seals_with = NEW
