"""Exhaust: a story with every kind of end and a deep one, and in each every fault at every call, one at a time."""

from collections import Counter
from collections.abc import Iterator, Sequence

from tests.builders import NOW
from tests.proof.calls import Called
from tests.proof.faults import KINDS, Fault, System
from tests.proof.judge import Judged, judged
from tests.proof.play import Play
from tests.proof.played import Faults
from tests.proof.story import SMALL, Life, Story, Verdict

_ENDED_AT = (150, 160, 250, 260, 270, 330, 335, 336)

STORY = Story(
    seed=0,
    ticks=(5, 65, 125, 185, 245, 246, 305, 365),
    lives=(
        Life("batch_old", born_at=-9000, ended_at=-8000),
        Life("batch_night", born_at=-4000, ended_at=190, steps=((-3000, "in_progress"), (100, "finalizing"))),
        *(
            Life(f"batch_{number}", born_at=20 * number, ended_at=ended_at, verdict=verdict)
            for number, (verdict, ended_at) in enumerate(zip(Verdict, _ENDED_AT, strict=True))
        ),
        Life("batch_swift", born_at=190, ended_at=195, verdict=Verdict.FAILED),
        Life("batch_late", born_at=195, ended_at=200, verdict=Verdict.PARTLY, late_s=100),
        Life("batch_unsure", born_at=195, ended_at=241, verdict=Verdict.PARTLY, countless_s=90),
    ),
    page_size=5,
    notify_on=("completed", "failed", "expired", "cancelled"),
)

DEEP = Story(
    seed=1,
    ticks=(5, 65, 125, 185, 186, 245),
    lives=(
        Life("batch_deep", born_at=-3000, ended_at=150, verdict=Verdict.EXPIRED),
        Life("batch_beside", born_at=-2990, ended_at=220),
        *(Life(f"batch_old_{n}", born_at=-2900 + 400 * n, ended_at=-2800 + 400 * n) for n in range(6)),
        Life("batch_lost", born_at=-200, removed_at=100),
        *(Life(f"batch_{n}", born_at=n, ended_at=170, verdict=Verdict.PARTLY) for n in range(6)),
    ),
    page_size=3,
    watch_sizes=SMALL,
)
"""Two open batches are looked up far down the list, one is lost, six ends are told in one digest, the watch has shards."""


def exhausted(story: Story, every: int = 1) -> Iterator[tuple[System, Faults, Judged]]:
    """What came of each fault at each call of the story; of each `every`-th only, for a quick look.

    Nothing is looked for until a reply is lost: the looks are tried in a story that loses one.
    """
    calls = _calls(story, {})
    posts = [n for n, call in enumerate(calls) if call.system is System.POST and "batch_" in call.what]
    lost = {posts[0]: Fault.CUT_AFTER}
    tried = [
        (system, before | {number: fault})
        for before, calls in (({}, calls), (lost, _calls(story, lost)))
        for number, system in enumerate(call.system for call in calls)
        if (system is System.READ) == bool(before)
        for fault in KINDS[system]
    ]
    for system, faults in tried[::every]:
        played = Play(story, faults).run()
        assert played.faults == faults, "a fault found no call to befall"
        yield system, faults, judged(played)


def _calls(story: Story, faults: Faults) -> list[Called]:
    """The calls of the story until it comes to rest."""
    calls = Play(story, faults).run().calls.made
    return [call for call in calls if call.at <= NOW + story.length_s + 60]


def table(results: Sequence[tuple[System, Faults, Judged]]) -> str:
    """The results as a table of Markdown."""
    rows = [
        "| calls of | points | kinds | stories | lost | repeated | as allowed | wrong |",
        "| --- |" + " ---: |" * 7,
    ]
    for system in System:
        here = [(faults, result) for of, faults, result in results if of == system]
        points = {max(faults) for faults, _ in here}
        sums = Counter[str]()
        for _, result in here:
            for name in ("lost", "repeated", "allowed", "wrong"):
                sums[name] += len(getattr(result, name))
        rows.append(
            f"| {system} | {len(points)} | {len(KINDS[system])} | {len(here)} | {sums['lost']} "
            f"| {sums['repeated']} | {sums['allowed']} | {sums['wrong']} |"
        )
    return "\n".join(rows)
