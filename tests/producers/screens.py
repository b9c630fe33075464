"""What commands show, in a pipe or at a terminal of so many columns.

    screens.py pipe|COLUMNS BINARY < STEPS

Each line of STEPS is a JSON list: the arguments of a command of BINARY, or ["sql", STATEMENT] for data.db. Commands run in
the working directory, one after the other. Printed are the commands with their exit codes and what they showed; what differs
from run to run (ids, times, digests, processes) keeps its length and loses its meaning. A line that is cleared and drawn
again, as a bar of progress is, counts as it was drawn last.
"""

import fcntl
import json
import os
import pty
import re
import socket
import sqlite3
import struct
import subprocess
import sys
import termios

STYLE = re.compile(r"\x1b\[[0-9;?]*[hlm]")
HEX = re.compile(r"(?<![-\w])[0-9a-f]{8,}(?![-\w])")
RUN = re.compile(r"\b[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}\b")
TIME = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d)?(\.\d+)?|\b\d\d:\d\d UTC|\d+(\.\d+)? s\b|\b\d+ ms\b|process \d+")


def at_terminal(columns, command):
    process, terminal = pty.fork()
    if process == 0:
        fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        os.execv(command[0], command)
    written = b""
    while True:
        try:
            piece = os.read(terminal, 65536)
        except OSError:
            break
        written += piece
    _, status = os.waitpid(process, 0)
    lines = STYLE.sub("", written.decode()).split("\n")
    return os.waitstatus_to_exitcode(status), "\n".join(drawn_last(line.removesuffix("\r")) for line in lines)


def drawn_last(line):
    return line.split("\x1b[2K")[-1].split("\r")[-1]


def in_pipe(command):
    ended = subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    apart = "--- stderr\n" if ended.stdout and ended.stderr else ""
    return ended.returncode, ended.stdout + apart + ended.stderr


def masked(text):
    digits = lambda found: re.sub(r"\d", "0", found.group())
    text = RUN.sub("0" * 8 + "-0000-7000-0000-" + "0" * 12, text)
    text = HEX.sub(lambda found: "0" * len(found.group()), text)
    text = text.replace(socket.gethostname(), "HOST")
    return TIME.sub(digits, text)


def main():
    how, binary = sys.argv[1:]
    for line in sys.stdin:
        step = json.loads(line)
        if step[0] == "sql":
            with sqlite3.connect("data.db") as database:
                database.execute(step[1])
            continue
        command = [binary, *step]
        code, text = in_pipe(command) if how == "pipe" else at_terminal(int(how), command)
        text = masked(text).strip("\n")
        sys.stdout.write(f"$ reseal {' '.join(step)}\n{text}\n[exit code {code}]\n\n")


if __name__ == "__main__":
    main()
