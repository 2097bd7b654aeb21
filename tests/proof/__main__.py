"""Prove: play one story after the other until time is up, or until one breaks the promise.

TIME=60     how many seconds; SEED=0 the first story's seed, the next one's is one more
STORIES=1   how many stories, if not until time is up
KEEP_ON=1   go on after a story that breaks the promise; BRIEF=1 does not make it shorter
EXHAUST=1   in place of random stories, one fault at every call of two of them
"""

import os
import sys
import time
from itertools import count

from tests.proof.exhaust import DEEP, STORY, exhausted, table
from tests.proof.judge import judged
from tests.proof.play import Play
from tests.proof.shrink import shrunk
from tests.proof.story import story_for
from tests.proof.tally import Tally


def main() -> int:
    """Whether the promise was broken."""
    # Nobody's own AWS account has a part in this.
    os.environ |= {"AWS_DEFAULT_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": "-", "AWS_SECRET_ACCESS_KEY": "-"}
    if os.environ.get("EXHAUST"):
        return _exhaust()
    begun_at, tally = time.monotonic(), Tally()
    first, most = int(os.environ.get("SEED") or 0), int(os.environ.get("STORIES") or 0)
    time_s = float(os.environ.get("TIME") or (60 if not most else "inf"))
    is_broken = False
    for seed in count(first):
        if time.monotonic() - begun_at > time_s or (most and seed == first + most):
            break
        played = Play(story_for(seed)).run()
        result = judged(played)
        tally.add(played, result)
        if result.broken:
            is_broken = True
            print(f"story {seed} breaks the promise:", *result.broken, sep="\n    ")
            if not os.environ.get("BRIEF"):
                _show(seed)
            if not os.environ.get("KEEP_ON"):
                break
    print(tally.text())
    print(f"seeds {first} to {first + tally.stories - 1}, {time.monotonic() - begun_at:.0f} s")
    if not tally.hard:
        print("no story counts: play more of them")
    return is_broken or not (tally.hard or most)


def _exhaust() -> int:
    is_broken = False
    for name, story in (("every kind of end", STORY), ("deep", DEEP)):
        results = list(exhausted(story))
        for _, faults, result in results:
            if result.broken:
                is_broken = True
                print(f"with {faults}:", *result.broken, sep="\n    ")
        print(f"\n{name}:\n\n{table(results)}", flush=True)
    return is_broken


def _show(seed: int) -> None:
    """Tell the story again, as short as it can be made."""
    played = Play(story_for(seed)).run()
    story, faults = shrunk(played.story, played.faults)
    played = Play(story, faults).run()
    print("\nmade shorter:", story, f"with {faults}", "", *played.lines, "", *judged(played).broken, sep="\n")
    print(f"\nto repeat it: make prove SEED={seed} STORIES=1\n")


if __name__ == "__main__":
    sys.exit(main())
