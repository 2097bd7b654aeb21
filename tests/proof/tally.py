"""Tally: what many stories add up to."""

from collections import Counter
from dataclasses import dataclass, field

from tests.proof.judge import Judged
from tests.proof.played import Played


@dataclass(slots=True)
class Tally:
    """Sums over stories; of each fault how often it was met, of each broken promise in which story."""

    stories: int = 0
    hard: int = 0
    runs: int = 0
    overlaps: int = 0
    windows: int = 0
    shards: int = 0
    calls: Counter[str] = field(default_factory=Counter)
    faults: Counter[tuple[str, str]] = field(default_factory=Counter)
    upsets: Counter[str] = field(default_factory=Counter)
    owed: int = 0
    allowed: Counter[str] = field(default_factory=Counter)
    lost: int = 0
    repeated: int = 0
    wrong: int = 0

    def add(self, played: Played, judged: Judged) -> None:
        """Count it; one in which nothing ended, nothing failed or nothing overlapped only if it is broken."""
        self.stories += 1
        if not (played.is_hard or judged.broken):
            return
        self.hard += 1
        self.runs += played.runs
        self.windows += played.windows
        self.shards += played.watch is not None and bool(played.watch.shards)
        self.overlaps += played.overlaps
        calls = played.calls.made
        self.calls.update(call.system for call in calls)
        self.faults.update((call.system, call.fault) for call in calls if call.fault)
        self.upsets.update(each.kind for each in played.around.had)
        self.upsets.update(["the table is restored"] if played.story.restore else [])
        self.owed += judged.owed
        self.allowed.update(each.partition(": ")[2] for each in judged.allowed)
        self.lost += len(judged.lost)
        self.repeated += len(judged.repeated)
        self.wrong += len(judged.wrong)

    def text(self) -> str:
        """The sums, for a person."""
        systems = sorted(self.calls)
        lines = [
            f"{self.stories:,} stories; in {self.hard:,} something ended, something failed and runs overlapped: in these",
            f"{self.runs:,} runs, {self.overlaps:,} of them begun while another was at work",
            f"{self.windows:,} pages from the middle of the list; {self.shards:,} watches in shards at the end",
            f"{self.calls.total():,} calls: "
            + ", ".join(f"{self.calls[each]:,} of {each}" for each in systems),
            f"{self.faults.total():,} faults:",
        ]
        for system in systems:
            kinds = {kind: times for (of, kind), times in self.faults.items() if of == system}
            told = ", ".join(f"{times:,} {kind}" for kind, times in sorted(kinds.items()))
            lines.append(f"    {system}: {told}")
        lines.append("upsets: " + ", ".join(f"{n:,} x {kind}" for kind, n in sorted(self.upsets.items())))
        lines.append(
            f"{self.owed:,} ends were owed: {self.lost:,} lost, {self.repeated:,} repeated against the promise"
        )
        allowed = ", ".join(f"{n:,} where {why}" for why, n in sorted(self.allowed.items()))
        lines.append(f"{self.allowed.total():,} repeated as it allows: {allowed or 'none'}")
        lines.append(f"{self.wrong:,} other invariants broken")
        return "\n".join(lines)
