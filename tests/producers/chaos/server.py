"""What the suite does to a server: databases, sessions that end, crashes, leases that are over."""

import os
import random
import signal
import time
from urllib.parse import urlparse

from model import FAILURES, connect

# The sessions of engines: they have a name of their own on PostgreSQL, and a user of their own on MariaDB.
ENGINE_USER = "engine"
SESSIONS = {
    "postgres": "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'reseal'",
    "mysql": f"SELECT id FROM information_schema.processlist WHERE db = DATABASE() AND user = '{ENGINE_USER}'",
}
END = {"postgres": "SELECT pg_terminate_backend({})", "mysql": "KILL {}"}


class Server:
    """A store, and the database of one episode in it."""

    def __init__(self, store, url, pid_file):
        self.store, self.admin_url, self.pid_file, self.url = store, url, pid_file, None
        if store == "mysql":
            admin = connect(url)
            admin.run(f"CREATE USER IF NOT EXISTS {ENGINE_USER}@'%'")
            admin.run(f"GRANT ALL ON *.* TO {ENGINE_USER}@'%'")

    def create(self, name, folder, disk):
        """Makes a database, on a disk of its own where there is one, and gives its URL for the application."""
        self.name = name
        if self.store == "sqlite":
            self.url = f"sqlite://{disk or folder}/data.db"
            return self.url
        self.drop()
        admin = connect(self.admin_url)
        if disk:
            owner = os.stat(admin.run("SHOW data_directory")[0][0])
            os.chmod(folder, 0o711)
            os.chown(disk, owner.st_uid, owner.st_gid)
            admin.run(f"CREATE TABLESPACE {name} LOCATION '{disk}'")
        admin.run(f"CREATE DATABASE {name}" + (f" TABLESPACE {name}" if disk else ""))
        admin.close()
        self.url = urlparse(self.admin_url)._replace(path=f"/{name}").geturl()
        return self.url

    def drop(self):
        if self.store == "sqlite":
            return
        admin = connect(self.admin_url)
        admin.run(f"DROP DATABASE IF EXISTS {self.name}" + (" WITH (FORCE)" if self.store == "postgres" else ""))
        if self.store == "postgres":
            admin.run(f"DROP TABLESPACE IF EXISTS {self.name}")
        admin.close()

    def engine_url(self, port=None):
        """The URL for an engine, by way of a proxy where it has a port."""
        if self.store == "sqlite":
            return self.url
        parts = urlparse(self.url)
        user = ENGINE_USER if self.store == "mysql" else parts.username
        return parts._replace(netloc=f"{user}@{parts.hostname}:{port or parts.port}").geturl()

    def table(self, name):
        return f"reseal.{name}" if self.store == "postgres" else f"reseal_{name}"

    def ask(self, query):
        """Rows of a query; none where the table is not there yet, or the server is away."""
        try:
            database = connect(self.url, patience=1, within=1)
            try:
                return database.run(query)
            finally:
                database.close()
        except FAILURES:
            return []

    def runs(self):
        """All runs, newest first."""
        names = ["id", "state", "epoch", "holder", "created_at", "reason"]
        rows = self.ask(f"SELECT {', '.join(names)} FROM {self.table('run')} ORDER BY created_at DESC, id DESC")
        return [dict(zip(names, row)) for row in rows]

    def end_leases(self):
        """As if twenty seconds had passed; False where a lock is in the way."""
        try:
            database = connect(self.url, patience=1, within=5)
            try:
                database.run(f"UPDATE {self.table('run')} SET lease_until = 0")
            finally:
                database.close()
            return True
        except FAILURES:
            return False

    def terminate(self, chance):
        """Ends a session of an engine; False where there is none."""
        sessions = self.ask(SESSIONS[self.store])
        if not sessions:
            return False
        self.ask(END[self.store].format(chance.choice(sorted(row[0] for row in sessions))))
        return True

    def crash(self, chance: random.Random):
        """Kills a process of the server. PostgreSQL recovers when a session dies so; MariaDB is started again by whoever owns it."""
        if self.store == "postgres":
            sessions = self.ask(SESSIONS[self.store])
            if not sessions:
                return False
            os.kill(chance.choice(sorted(row[0] for row in sessions)), signal.SIGKILL)
        else:
            with open(self.pid_file, encoding="ascii") as file:
                os.kill(int(file.read().split()[0]), signal.SIGKILL)
        time.sleep(0.3)
        connect(self.url, within=120).close()
        return True
