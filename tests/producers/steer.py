"""Stops or ends a process where its database shows that it is in the middle of something. Holds no Reseal code.

    steer.py stop URL PID QUERY         let PID work in short steps until QUERY gives a true value and PID holds no
                                        transaction open, and leave it stopped
    steer.py kill URL PID QUERY         the same, with a transaction open or not, and end it with signal 9
    steer.py hold URL STATEMENT...      carry statements out in one transaction, print "held", and roll back when
                                        standard input ends

stop and kill print {"hit": true}, or {"hit": false} where the process ended first. A query that fails gives no true
value: the table that it asks about may not be there yet.
"""

import json
import os
import signal
import sqlite3
import sys
import time

import pg8000.dbapi
import pymysql
from producer import Database

# How long the process works between two looks: half as long as a look takes, within these bounds, of which the greater is less than
# what a statement takes that makes a table. At the point it is the end of a transaction that is looked for.
SHORT_STEP, STEP, LONG_STEP = 0.00005, 0.0005, 0.005
# How long a statement may take to its end, once its client is stopped.
SETTLES = 2
# How long there is to reach the point.
LIMIT = 120

FAILURES = (sqlite3.Error, pg8000.dbapi.Error, pymysql.Error)

# Statements that are being carried out for others, and transactions of others that are open.
ACTIVE = {
    "postgres": """SELECT count(*) FROM pg_stat_activity
        WHERE datname = current_database() AND application_name = 'reseal' AND state = 'active'""",
    "mysql": """SELECT count(*) FROM information_schema.processlist
        WHERE db = DATABASE() AND id <> connection_id() AND command <> 'Sleep'""",
}
OPEN = {
    "postgres": """SELECT count(*) FROM pg_stat_activity
        WHERE datname = current_database() AND application_name = 'reseal' AND state LIKE 'idle in transaction%'""",
    "mysql": """SELECT count(*) FROM information_schema.innodb_trx JOIN information_schema.processlist
        ON id = trx_mysql_thread_id WHERE db = DATABASE() AND id <> connection_id()""",
}


def answer(database, query):
    try:
        return database.run(query)[0][0]
    except FAILURES:
        return None


def is_idle(database, user=None):
    """Whether nobody but us is inside of a transaction, or reads from a file; of MariaDB's, who gives sessions no name, whoever logged in as this user."""
    if database.kind == "sqlite":
        database.run("PRAGMA busy_timeout = 0")
        try:
            # A reader is in the way of this, as it is of whoever commits.
            database.run("BEGIN EXCLUSIVE")
        except sqlite3.OperationalError:
            return False
        database.run("ROLLBACK")
        return True
    deadline = time.monotonic() + SETTLES
    of_user = f" AND user = '{user}'" if user and database.kind == "mysql" else ""
    while answer(database, ACTIVE[database.kind] + of_user) != 0:
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    if database.kind == "mysql":
        # The server keeps the list of transactions for a tenth of a second.
        time.sleep(0.11)
    return answer(database, OPEN[database.kind] + of_user) == 0


def is_gone(pid):
    """Whether a process has ended; its parent may not have asked for its exit code yet."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as stat:
            return stat.read().rpartition(")")[2].split()[0] in "ZX"
    except OSError:
        return True


def stands_still(pid):
    """Whether each thread of a process was stopped. One that is inside of the system goes on to the end of its call first, and that
    may be the one that takes a lock."""
    deadline = time.monotonic() + SETTLES
    while time.monotonic() < deadline:
        try:
            stats = [open(f"/proc/{pid}/task/{thread}/stat", encoding="utf-8", errors="replace").read()
                     for thread in os.listdir(f"/proc/{pid}/task")]
        except OSError:
            continue
        if all(stat.rpartition(")")[2].split()[0] == "T" for stat in stats):
            return True
        time.sleep(SHORT_STEP)
    return False


def reach(url, pid, query, alone):
    database, deadline = Database(url), time.monotonic() + LIMIT
    while time.monotonic() < deadline and not is_gone(pid):
        os.kill(pid, signal.SIGSTOP)
        begun = time.monotonic()
        there = answer(database, query)
        took = time.monotonic() - begun
        # What was under way when it was stopped has come to its end by then, and may have passed the point.
        if there and (not alone or (stands_still(pid) and is_idle(database) and answer(database, query))):
            return not is_gone(pid)
        os.kill(pid, signal.SIGCONT)
        time.sleep(SHORT_STEP if there else min(max(took / 2, STEP), LONG_STEP))
    return False


def stop(url, pid, query):
    print(json.dumps({"hit": reach(url, int(pid), query, True)}))


def kill(url, pid, query):
    hit = reach(url, int(pid), query, False)
    if hit:
        os.kill(int(pid), signal.SIGKILL)
    print(json.dumps({"hit": hit}))


def hold(url, *statements):
    database = Database(url)
    database.run("BEGIN IMMEDIATE" if database.kind == "sqlite" else "BEGIN")
    for statement in statements:
        database.run(statement)
    print("held", flush=True)
    sys.stdin.read()
    database.run("ROLLBACK")


def main(command, *args):
    {"stop": stop, "kill": kill, "hold": hold}[command](*args)


if __name__ == "__main__":
    main(*sys.argv[1:])
