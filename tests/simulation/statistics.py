"""What many simulations add up to."""

from collections import Counter
from dataclasses import dataclass, field

from tests.simulation.oracle import Report
from tests.simulation.trace import Trace


@dataclass(slots=True)
class Statistics:
    """Sums over the hard simulations, and over those that broke the promise."""

    schedules: int = 0
    numbers: Counter[str] = field(default_factory=Counter)
    calls: Counter[str] = field(default_factory=Counter)
    faults: Counter[tuple[str, str]] = field(default_factory=Counter)
    disruptions: Counter[str] = field(default_factory=Counter)
    allowed: Counter[str] = field(default_factory=Counter)

    def add(self, trace: Trace, report: Report) -> None:
        self.schedules += 1
        if not (trace.is_hard or report.broken):
            return
        self.numbers.update(hard=1, runs=trace.runs, overlaps=trace.overlaps, windows=trace.windows)
        self.numbers.update(owed=report.owed, lost=len(report.lost), repeated=len(report.repeated))
        self.numbers.update(wrong=len(report.wrong))
        self.calls.update(call.system for call in trace.calls.made)
        self.faults.update((call.system, call.fault) for call in trace.calls.made if call.fault)
        self.disruptions.update(each.kind for each in trace.environment.had)
        self.allowed.update(each.partition(": ")[2] for each in report.allowed)

    def text(self) -> str:
        n, systems = self.numbers, sorted(self.calls)
        lines = [
            f"{self.schedules:,} schedules; in {n['hard']:,} something ended, something failed and runs overlapped:",
            f"{n['runs']:,} runs, {n['overlaps']:,} of them begun during another",
            f"{n['windows']:,} pages from the middle of the list",
            f"{self.calls.total():,} calls: {', '.join(f'{self.calls[each]:,} of {each}' for each in systems)}",
            f"{self.faults.total():,} faults:",
        ]
        for system in systems:
            faults = sorted((fault, times) for (of, fault), times in self.faults.items() if of == system)
            lines.append(f"    {system}: {', '.join(f'{times:,} {fault}' for fault, times in faults)}")
        disruptions = ", ".join(f"{times:,} x {kind}" for kind, times in sorted(self.disruptions.items()))
        allowed = ", ".join(f"{times:,} where {why}" for why, times in sorted(self.allowed.items()))
        return "\n".join(
            [
                *lines,
                f"disruptions: {disruptions}",
                f"{n['owed']:,} notifications were owed: {n['lost']:,} lost, {n['repeated']:,} repeated",
                f"{self.allowed.total():,} repeated as the promise allows: {allowed or 'none'}",
                f"{n['wrong']:,} other rules broken",
            ]
        )
