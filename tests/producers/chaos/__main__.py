"""Real engines under live writers, with faults at random moments, held against an oracle. Holds no Reseal code.

`cargo xtask chaos` starts it. Episode N has the seed SEED + N; a violation prints its seed, and what led to it.
Exit code 1: there was a violation.
"""

import argparse
import signal
import sys
import time
from collections import Counter

from episode import Episode
from server import Server


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--binary", required=True)
    parser.add_argument("--store", required=True, choices=["sqlite", "postgres", "mysql"])
    parser.add_argument("--url", default="")
    parser.add_argument("--pid-file", default="")
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--episodes", type=int, default=1_000_000)
    parser.add_argument("--verbose", action="store_true")
    args = parser.parse_args()
    # Whoever asks it to stop, it takes down what it has put up; a shell may have had signals ignored.
    for which in (signal.SIGINT, signal.SIGTERM):
        signal.signal(which, signal.default_int_handler)
    server = Server(args.store, args.url, args.pid_file)
    end, tally, kinds, seed = time.monotonic() + args.seconds, Counter(), Counter(), args.seed
    while time.monotonic() < end and seed < args.seed + args.episodes:
        episode = Episode(seed, args.binary, server, args.verbose)
        oracle = episode.play()
        tally.update(oracle.tally)
        tally["episodes"] += 1
        kinds.update({kind for kind, _ in oracle.violations})
        report(args.store, seed, episode, oracle, args.verbose)
        seed += 1
    print(f"{args.store}: seeds {args.seed} to {seed - 1}")
    for name in sorted(tally):
        print(f"    {tally[name]:7} {name}")
    print(f"    {sum(kinds.values()):7} violations", *(f"\n    {count:7}   {kind}" for kind, count in sorted(kinds.items())), flush=True)
    sys.exit(1 if kinds else 0)


def report(store, seed, episode, oracle, verbose):
    if not oracle.violations:
        return
    for kind, what in oracle.violations[:12]:
        print(f"VIOLATION {store} seed {seed}: {kind}: {what}", flush=True)
    if not verbose:
        print("  what led to it:", *episode.story, sep="\n    ", flush=True)


if __name__ == "__main__":
    main()
