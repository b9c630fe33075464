"""Processes of the program, and what they may say and exit with."""

import json
import os
import signal
import subprocess
import tempfile
import time

from model import MARKER

# No command of an episode takes longer, whatever is in its way.
HANGS = 240
# What a command may be refused with in an episode, by the code of its error: nothing else is in the way of a run.
REFUSALS = {("no-run", 2), ("run-over", 2), ("rolling-back", 3), ("connection-refused", 3)}


class Ended:
    """How a process ended."""

    def __init__(self, command, code, document, error, began):
        self.command, self.code, self.document, self.error, self.began = command, code, document, error, began

    @property
    def state(self):
        return (self.document or {}).get("state")

    @property
    def error_code(self):
        return (self.document or {}).get("error", {}).get("code")

    def __str__(self):
        told = ("state", "reason", "cells_old", "cells_quarantined")
        said = self.document and (self.document.get("error") or {name: self.document.get(name) for name in told})
        return f"{self.command}: exit {self.code}, {said}"


class Engine:
    def __init__(self, episode, command, port=None):
        self.episode, self.command, self.began = episode, command, time.time()
        words = {"rollback": ["--confirm", "chaos"]}.get(command, [])
        environment = {
            "PATH": os.environ.get("PATH", ""), "HOME": episode.folder, "XDG_STATE_HOME": episode.folder, "LANG": "C.UTF-8",
            "RESEAL_DATABASE_URL": f"sqlite://{episode.folder}/control.db?mode=rwc",
            "CHAOS_DATABASE_URL": episode.server.engine_url(port),
        }
        self.out, self.err = tempfile.TemporaryFile(), tempfile.TemporaryFile()
        self.process = subprocess.Popen(
            [episode.binary, command, "plan.yaml", *words, "--json"], cwd=episode.folder, env=environment,
            stdin=subprocess.DEVNULL, stdout=self.out, stderr=self.err)
        self.pid = self.process.pid
        episode.engines.append(self)
        episode.oracle.count(f"{command} started")

    def runs(self):
        return self.process.poll() is None

    def signal(self, which):
        if self.runs():
            os.kill(self.pid, which)

    def kill(self):
        self.signal(signal.SIGKILL)

    def wait(self, patience=HANGS):
        """Its end; looked at for what may not be."""
        try:
            code = self.process.wait(patience)
        except subprocess.TimeoutExpired:
            self.episode.oracle.violation("hangs", f"{self.command} has not ended after {patience} s")
            self.process.kill()
            code = self.process.wait()
        texts = []
        for file in (self.out, self.err):
            file.seek(0)
            texts.append(file.read())
            file.close()
        self.is_silent(b"".join(texts))
        ended = Ended(self.command, code, self.document(texts[0], code), texts[1].decode(errors="replace"), self.began)
        self.episode.tell(str(ended))
        self.is_lawful(ended)
        return ended

    def is_silent(self, text):
        if MARKER.encode() in text:
            self.episode.oracle.violation("plaintext in output", f"{self.command} printed plaintext")
        for secret in self.episode.keys.secrets():
            if secret in text:
                self.episode.oracle.violation("key in output", f"{self.command} printed a key")

    def document(self, out, code):
        if code == -signal.SIGKILL:
            return None
        try:
            return json.loads(out)
        except ValueError:
            self.episode.oracle.violation("no document", f"{self.command} ended with {code} and printed {len(out)} bytes that are no document")
            return None

    def is_lawful(self, ended):
        """The README's table of exit codes."""
        violation = self.episode.oracle.violation
        document, code = ended.document, ended.code
        if document is None:
            if code != -signal.SIGKILL:
                violation("exit code", f"{ended}")
            return
        self.episode.oracle.count(f"exit {code}")
        if "error" in document:
            lawful = code == 4 or (ended.error_code, code) in REFUSALS
        elif self.command in ("run", "resume"):
            # Paused by somebody, or with cells left of an application that still seals with the old key.
            remain = 1 if document.get("cells_old") and "old key" in (document.get("reason") or "") else 4
            lawful = code == {"complete": 0, "scope_done": 0, "paused": remain, "cancelled": 4}.get(ended.state)
        elif self.command == "rollback":
            # Listed, or moved by an earlier run of the plan that is not rolled back yet.
            remain = document.get("cells_quarantined") or document.get("cells_old")
            lawful = code == (1 if remain else 0) and ended.state == "rolled_back"
        else:
            lawful = code in (0, 1)
        if not lawful:
            violation("exit code", f"{ended}")
        # `pause` and `cancel` tell what the run has come to, which may be a rollback's list.
        if document.get("cells_quarantined") and ended.state != "rolled_back":
            violation("quarantine", f"no cell is broken, but {ended}")
