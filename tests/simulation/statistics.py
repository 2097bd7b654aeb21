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
    faults: Counter[str] = field(default_factory=Counter)
    disruptions: Counter[str] = field(default_factory=Counter)
    allowed: Counter[str] = field(default_factory=Counter)

    def add(self, trace: Trace, report: Report) -> None:
        self.schedules += 1
        if not (trace.is_hard or report.broken):
            return
        self.numbers.update(hard=1, runs=trace.runs, overlapping=trace.overlaps, owed=report.owed)
        self.numbers.update({name: len(getattr(report, name)) for name in ("lost", "repeated", "wrong")})
        self.calls.update(call.system for call in trace.calls.made)
        self.faults.update(f"{call.system} {call.fault}" for call in trace.calls.made if call.fault)
        self.disruptions.update(each.kind for each in trace.environment.had)
        self.allowed.update(each.partition(": ")[2] for each in report.allowed)

    def text(self) -> str:
        lines = [f"{self.schedules:,} schedules; something ended, failed and overlapped in those that are hard"]
        for name in ("numbers", "calls", "faults", "disruptions", "allowed"):
            counter = getattr(self, name)
            counts = ", ".join(f"{times:,} {what}" for what, times in sorted(counter.items()))
            lines.append(f"{name}: {counts or 'none'}")
        return "\n".join(lines)
