"""Shrink: the smallest story found that still breaks the promise."""

from collections.abc import Iterator
from dataclasses import replace

from tests.proof.judge import judged
from tests.proof.play import Play
from tests.proof.played import Faults
from tests.proof.story import Story

MOST_PLAYS = 300


def shrunk(story: Story, faults: Faults) -> tuple[Story, Faults]:
    """A story with fewer batches, upsets, runs and faults, of which something is broken still."""
    left = MOST_PLAYS
    has_shrunk = True
    while has_shrunk:
        has_shrunk = False
        for smaller, fewer in _smaller(story, faults):
            left -= 1
            if left < 0:
                return story, faults
            played = Play(smaller, fewer).run()
            if judged(played).broken:
                story, faults, has_shrunk = smaller, played.faults, True
                break
    return story, faults


def _smaller(story: Story, faults: Faults) -> Iterator[tuple[Story, Faults]]:
    for part in _parts(len(faults)):
        yield story, {number: faults[number] for number in [*faults][: part.start] + [*faults][part.stop :]}
    if story.restore:
        yield replace(story, restore=None), faults
    for name in ("upsets", "lives", "ticks"):
        values = getattr(story, name)
        for part in _parts(len(values)):
            yield replace(story, **{name: values[: part.start] + values[part.stop :]}), faults
    for place, life in enumerate(story.lives):
        plain = {"late_s": 0, "countless_s": 0, "flickers_s": None, "steps": ()}
        for name, value in plain.items():
            if getattr(life, name) != value:
                lives = list(story.lives)
                lives[place] = replace(life, **{name: value})  # type: ignore[arg-type]
                yield replace(story, lives=tuple(lives)), faults


def _parts(length: int) -> Iterator[slice]:
    """All, halves, quarters, … of so many."""
    size = length
    while size:
        for start in range(0, length, size):
            yield slice(start, start + size)
        size //= 2
