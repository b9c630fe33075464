"""One episode: an application, a rotation with faults, perhaps the way back, and what must hold at the end."""

import random
import os
import shutil
import subprocess
import tempfile
import threading
import time
from urllib.parse import urlparse

import faults
from engine import Engine
from model import FORMATS, OLD, TABLE, Keys, connect, create, plan
from oracle import Oracle
from proxy import Proxy
from writers import Writer, deploys, quiet

WRITERS = 4
# So many engines without a fault must do to end a run, or to take it back.
TRIES = 8


def small_disk(folder):
    """A file system of a few MiB; None where nobody may mount one."""
    if os.geteuid() != 0:
        return None
    disk = os.path.join(folder, "disk")
    os.mkdir(disk)
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m", "chaos", disk], capture_output=True, check=False)
    return disk if mounted.returncode == 0 else None


class Episode:
    def __init__(self, seed, binary, server, verbose):
        self.seed, self.binary, self.server, self.verbose = seed, binary, server, verbose
        self.chance = random.Random(seed)
        self.folder = tempfile.mkdtemp(prefix="reseal-chaos-")
        # A small disk for the data, where root may mount one.
        self.disk = self.proxy = None
        self.writers, self.engines = [], []
        self.keys = Keys(self.chance.choice(FORMATS))
        self.oracle = Oracle(self.keys)
        # What an engine takes, and how many messages it sends: learnt as they go.
        self.usual, self.messages, self.goes_back, self.last_back = 1.5, 150, False, None
        self.began = time.monotonic()
        self.story = []
        # Until when an engine has moved cells to the new key.
        self.moved_until = 0

    def tell(self, line):
        self.story.append(f"{time.monotonic() - self.began:7.2f} {line}")
        if self.verbose:
            print(f"    {self.story[-1]}", flush=True)

    def play(self):
        try:
            self.prepare()
            goal = self.chance.choices(["forward", "back", "back and again"], [45, 35, 20])[0]
            self.tell(f"{goal}, {len(self.oracle.rows)} rows, {self.drawn}")
            self.oracle.count(goal)
            for writer in self.writers:
                writer.start()
            self.trouble(goal, self.writers)
            self.end(goal, self.writers)
        finally:
            self.close(self.writers)
        return self.oracle

    def prepare(self):
        """A database with rows, a plan, and writers that have not begun."""
        # MariaDB keeps all its databases on one disk.
        if self.server.store != "mysql" and self.chance.random() < 0.3:
            self.disk = small_disk(self.folder)
        self.url = self.server.create(f"chaos_{self.seed}", self.folder, self.disk)
        if self.server.store != "sqlite":
            parts = urlparse(self.url)
            self.proxy = Proxy(parts.hostname, parts.port)
        self.drawn = plan(self.folder, self.keys, self.chance)
        self.fill(self.chance.choice([40, 100, 250]))
        pace = self.chance.choice([0.005, 0.02, 0.1])
        self.writers = [Writer(self.oracle, self.url, number, WRITERS, self.seed, pace) for number in range(WRITERS)]

    def close(self, writers):
        for writer in writers:
            writer.stopping.set()
        for writer in filter(threading.Thread.is_alive, writers):
            writer.join(60)
        for engine in self.engines:
            engine.kill()
        if self.proxy:
            self.proxy.close()
        self.server.drop()
        if self.disk:
            subprocess.run(["umount", "--lazy", self.disk], check=False)
        shutil.rmtree(self.folder, ignore_errors=True)

    def fill(self, rows):
        database = connect(self.url)
        create(database, self.keys.form)
        author = Writer(self.oracle, self.url, 0, 1, self.seed, 0)
        made = {number: author.row(number, 1) for number in range(1, rows + 1)}
        database.many(f"INSERT INTO {TABLE} (id, a, b, rev, note) VALUES (%s, %s, %s, 1, 'seed')",
                      [(number, *row.cells) for number, row in made.items()])
        database.close()
        self.oracle.commit(made)

    def command(self):
        """What an engine is sent to do."""
        newest = next(iter(self.server.runs()), {}).get("state")
        resumes = newest in ("running", "paused") and self.chance.random() < 0.25
        if self.goes_back and (newest != "rolled_back" or self.chance.random() < 0.2):
            return "rollback" if self.chance.random() < 0.75 else "run"
        return "resume" if resumes else "run"

    def ended(self, engine):
        """Waits for an engine, and remembers what it came to."""
        ended = engine.wait()
        if ended.code == 0 and engine.command in ("run", "rollback"):
            self.usual = 0.7 * self.usual + 0.3 * (time.time() - ended.began)
        if engine.command in ("run", "resume"):
            self.moved_until = time.time()
        if engine.command == "rollback":
            self.oracle.count("rollbacks")
            if ended.state == "rolled_back":
                self.last_back = ended
                self.listed(ended)
        return ended

    def listed(self, ended):
        """What a rollback lists, although no cell is broken."""
        if ended.document.get("cells_quarantined"):
            run = ended.document["rollback_id"]
            listed = f"SELECT reason, count(*) FROM {self.server.table('quarantine')} WHERE run_id = '{run}' GROUP BY reason"
            self.tell(f"  listed: {[tuple(row) for row in self.server.ask(listed)]}")

    def trouble(self, goal, writers):
        """Engines that meet faults, beside writers."""
        table = faults.table(self.server.store, self.disk)
        steps = self.chance.randint(4, 10)
        back_from = steps if goal == "forward" else self.chance.randint(1, steps)
        for step in range(steps):
            # What one step draws depends on how it goes; the next is drawn from the seed again.
            self.chance = random.Random(f"{self.seed}/{step}")
            if step == back_from:
                self.goes_back = True
            if self.chance.random() < 0.4:
                deploys(writers, self.chance)
            fault = self.chance.choices(list(table), table.values())[0]
            command = self.command()
            self.tell(f"— {fault}, {command}")
            ended = faults.FAULTS[fault](self, command)
            # Another run would find next to nothing to do.
            if goal == "forward" and ended.code == 0 and self.chance.random() < 0.7:
                return

    def end(self, goal, writers):
        """Lets all come to a clean end, once beside writers that all seal with the new key, and once without any."""
        self.chance = random.Random(f"{self.seed}/end")
        for writer in writers:
            writer.seals_with = "v2"
        self.goes_back = goal != "forward"
        if self.chance.random() < 0.7:
            self.conclude("rollback" if self.goes_back else "run", False)
        for writer in writers:
            writer.stopping.set()
        for writer in writers:
            writer.join(60)
            if writer.is_alive():
                self.oracle.violation("the suite", "a writer does not stop")
        if self.goes_back:
            self.conclude("rollback", True)
        if goal != "back":
            self.goes_back = False
            self.conclude("run", True)

    def conclude(self, command, alone):
        """Sends engines without a fault until one is through, then looks at all rows."""
        self.server.end_leases()
        self.make_room()
        self.tell(f"— {command} to its end, {'no writers' if alone else 'beside writers'}")
        since = time.time()
        # A rollback takes one run back.
        tries = TRIES + len(self.server.runs())
        for _ in range(tries):
            ended = self.ended(Engine(self, command))
            if command == "rollback" and ended.error_code == "no-run":
                listed = self.last_back and self.last_back.document.get("cells_quarantined", 0)
                if listed and alone and self.keys.form != "plaintext":
                    self.oracle.violation("listed cells are not tried again", f"{listed} cells stayed; now {ended}")
                return self.is_back()
            if command == "run" and (ended.code == 0 or ended.code == 1 and not alone):
                return self.is_complete(ended, since, alone)
            # A first encryption may list what was saved since: nobody puts that back in the clear.
            if command == "rollback" and ended.code == 1 and alone and self.keys.form == "plaintext":
                if ended.document["cells_old"] == 0:
                    return self.is_back()
            if ended.error_code == "column-held":
                # A run that began since and moved nothing stands in the way: its help says so.
                Engine(self, "cancel").wait()
            time.sleep(0.1)
        # An application that seals with the new key all the time keeps cells listed.
        if command == "rollback" and ended.code in (0, 1) and not alone:
            return
        self.oracle.violation("no end", f"{tries} times {command} came to no end; the last: {ended}")

    def make_room(self):
        """An operator gives the disk room: writers, and engines that stand still on a snapshot, may have filled it for good."""
        if self.disk:
            subprocess.run(["mount", "-o", "remount,size=512m", self.disk], check=False)

    def is_complete(self, ended, since, alone):
        database = connect(self.url)
        with quiet(self.writers):
            looked = self.oracle.check(database)
            if ended.code == 0:
                # Under a guard the database itself refuses what would come after.
                guarded = "guard" in self.drawn
                self.oracle.complete(looked, time.time() + 1 if alone or guarded else since)
                self.oracle.count("runs checked")
        if alone:
            self.agrees(looked)
        database.close()

    def agrees(self, looked):
        """`verify` says what the oracle says."""
        old = sum(names.count(OLD) for _, names in looked.values())
        ended = Engine(self, "verify").wait()
        if (ended.code == 0) != (old == 0):
            self.oracle.violation("verify disagrees", f"{old} cells under the old key, but {ended}")

    def is_back(self):
        """Nothing is left under the new key; what nobody touched has its old bytes."""
        database, back = connect(self.url), self.last_back
        with quiet(self.writers):
            looked = self.oracle.check(database)
            if back:
                listed = (back.document or {}).get("cells_quarantined", 0)
                self.oracle.rolled_back(looked, back.began, listed, self.moved_until)
                self.oracle.count("rollbacks checked")
                if self.drawn["undo"] == "keep":
                    self.oracle.exact(looked, back.began, listed, self.engines[0].began)
        database.close()
