"""What goes wrong while engines work. Each fault takes an episode and the command that it strikes, and lets the engine end."""

import os
import signal
import threading
import time

from engine import Engine
from model import FAILURES, TABLE, connect
from server import ENGINE_USER
from steer import is_idle

# Faults and how often they are drawn; a store that has no server, or no proxy, has some of them only.
EVERYWHERE = {"none": 2, "kill": 15, "stale": 8, "two engines": 3, "pause": 2, "cancel": 1, "lock holder": 2}
WITH_SERVER = {"cut": 14, "stall": 2, "kill at a message": 7, "terminate": 5, "crash": 1}


WITH_DISK = {"full disk": 8}


def table(store, disk):
    return {**EVERYWHERE, **(WITH_DISK if disk else {}), **({} if store == "sqlite" else WITH_SERVER)}


def moment(episode):
    """A while within which an engine is at work, most likely."""
    time.sleep(episode.chance.random() * min(episode.usual, 8) * 1.1)


def none(episode, command):
    return episode.ended(Engine(episode, command))


def kill(episode, command):
    """One engine after the other is killed."""
    for _ in range(episode.chance.randint(1, 3)):
        engine = Engine(episode, command)
        moment(episode)
        if engine.runs():
            engine.kill()
            episode.oracle.count("kills")
        ended = episode.ended(engine)
    return ended


def two_engines(episode, command):
    first = Engine(episode, command)
    moment(episode)
    second = Engine(episode, episode.command())
    episode.oracle.count("two engines")
    ended = episode.ended(first)
    episode.ended(second)
    return ended


def steer(episode, command, how):
    engine = Engine(episode, command)
    moment(episode)
    episode.ended(Engine(episode, how))
    episode.oracle.count(f"{how} asked")
    return episode.ended(engine)


def pause(episode, command):
    return steer(episode, command, "pause")


def cancel(episode, command):
    return steer(episode, command, "cancel")


def lock_holder(episode, command):
    """Rows that stay locked by somebody who changes nothing, for longer than anybody waits now and then."""
    seconds = episode.chance.choice([0.5, 2, 8])
    holder = threading.Thread(target=hold, args=(episode, seconds, episode.chance.randint(1, 10)), daemon=True)
    engine = Engine(episode, command)
    moment(episode)
    holder.start()
    ended = episode.ended(engine)
    holder.join()
    return ended


def hold(episode, seconds, rows):
    try:
        database = connect(episode.server.url, patience=5)
        database.begin()
        if database.kind != "sqlite":
            numbers = sorted(list(episode.oracle.rows))[::7][:rows]
            held = ", ".join(str(number) for number in numbers) or "0"
            database.run(f"SELECT id FROM {TABLE} WHERE id IN ({held}) FOR UPDATE")
        episode.oracle.count("lock holders")
        time.sleep(seconds)
        database.run("ROLLBACK")
        database.close()
    except FAILURES:
        pass


def proxied(episode, command, faults, kill=False):
    engine = None
    episode.proxy.arm(faults, lambda: engine and engine.kill())
    engine = Engine(episode, command, episode.proxy.port)
    ended = episode.ended(engine)
    for what, when, of in episode.proxy.struck:
        episode.oracle.count({"cut": "cuts", "kill": "kills", "stall": "stalls"}[what])
        episode.oracle.count(f"{what} {when} a {of}")
    episode.messages = max(episode.messages, 40) if episode.proxy.struck else max(episode.proxy.counts["message"], 40)
    return ended


def draw(episode, what, seconds=0):
    chance = episode.chance
    of = chance.choice(["message", "commit", "commit"])
    at = chance.randint(1, episode.messages) if of == "message" else chance.randint(1, max(4, episode.messages // 8))
    return (what, chance.choice(["before", "after"]), of, at, seconds)


def cut(episode, command):
    for _ in range(2):
        ended = proxied(episode, command, [draw(episode, "cut") for _ in range(episode.chance.randint(1, 6))])
    return ended


def stall(episode, command):
    return proxied(episode, command, [draw(episode, "stall", episode.chance.choice([0.5, 3, 9])) for _ in range(2)])


def kill_at_a_message(episode, command):
    return proxied(episode, command, [draw(episode, "kill")])


def terminate(episode, command):
    engine = Engine(episode, command)
    for _ in range(episode.chance.randint(1, 3)):
        moment(episode)
        if engine.runs() and episode.server.terminate(episode.chance):
            episode.oracle.count("sessions terminated")
    return episode.ended(engine)


def crash(episode, command):
    engine = Engine(episode, command)
    moment(episode)
    if episode.server.crash(episode.chance):
        episode.oracle.count("server crashes")
    return episode.ended(engine)


def full_disk(episode, command):
    """Somebody else fills the disk, for a while."""
    filler = os.path.join(episode.disk, "filler")
    engine = Engine(episode, command)
    moment(episode)
    try:
        with open(filler, "wb", buffering=0) as file:
            while file.write(bytes(1 << 16)):
                pass
    except OSError:
        episode.oracle.count("full disks")
    time.sleep(episode.chance.choice([0.2, 1, 3]))
    os.unlink(filler)
    return episode.ended(engine)


def stop(episode, engine):
    """Stops an engine where it holds no transaction open, and says whether it is there."""
    try:
        looker = connect(episode.server.url, within=5)
    except FAILURES:
        return False
    try:
        for _ in range(40):
            engine.signal(signal.SIGSTOP)
            if not engine.runs():
                return False
            if is_idle(looker, ENGINE_USER):
                return True
            engine.signal(signal.SIGCONT)
            time.sleep(0.01)
        engine.signal(signal.SIGSTOP)
        return False
    except FAILURES:
        return False
    finally:
        looker.close()


def stale(episode, command):
    """An engine stands still for longer than its lease while others work; woken up, it has lost its run."""
    engine = Engine(episode, command)
    moment(episode)
    stood = stop(episode, engine)
    held = next((run for run in episode.server.runs() if f"process {engine.pid} " in run["holder"]), None)
    if stood and held and episode.server.end_leases():
        for _ in range(episode.chance.randint(1, 2)):
            other = Engine(episode, episode.command())
            if episode.chance.random() < 0.25:
                moment(episode)
                other.kill()
                episode.oracle.count("kills")
            episode.ended(other)
    now = {run["id"]: run for run in episode.server.runs()}
    engine.signal(signal.SIGCONT)
    ended = episode.ended(engine)
    working = stood and held and held["state"] in ("running", "rolling_back") and held["id"] in now
    if working and now[held["id"]]["epoch"] > held["epoch"]:
        episode.oracle.count("stale engines")
        if ended.code in (0, 1):
            episode.oracle.violation("a stale engine says it came to its end", str(ended))
    return ended


FAULTS = {
    "none": none, "kill": kill, "stale": stale, "two engines": two_engines, "pause": pause, "cancel": cancel,
    "lock holder": lock_holder, "cut": cut, "stall": stall, "kill at a message": kill_at_a_message, "terminate": terminate,
    "crash": crash, "full disk": full_disk,
}
