"""Events in any order: a state machine of hypothesis, which shrinks what breaks the promise to a few steps."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from tests.simulation.faults import FAULTS, System
from tests.simulation.oracle import Statistics, check
from tests.simulation.schedule import BatchLife, Disruption, Kind, Outcome, Schedule
from tests.simulation.simulation import Simulation

FAULTS_TO_COME = st.tuples(st.sampled_from(System), st.integers(0, 2), st.integers(0, 99))


class Team(RuleBasedStateMachine):
    """A team's batches, its bot and all that may happen to them, one step after the other."""

    statistics = Statistics()

    @initialize(seed=st.integers(0, 999), page_size=st.sampled_from([2, 100]), index_lag_s=st.sampled_from([0, 3, 60]))
    def begin(self, seed: int, page_size: int, index_lag_s: int) -> None:
        self.created = 0
        schedule = Schedule(seed, ticks=(10**6,), page_size=page_size, index_lag_s=index_lag_s)
        self.simulation = Simulation(schedule, {})
        self.simulation.run_for(0)
        self.simulation.tick()
        self.simulation.run_for(60)
        self.a_batch_is_created(Outcome.PARTLY_FAILED, 150, 0)

    @rule(outcome=st.sampled_from(Outcome), took_s=st.integers(1, 400), late_s=st.sampled_from([0, 30, 200]))
    def a_batch_is_created(self, outcome: Outcome, took_s: int, late_s: int) -> None:
        self.created += 1
        at = self.simulation.environment.second
        life = BatchLife(f"batch_{self.created:02}", at, at + took_s, outcome, late_s=late_s)
        self.simulation.environment.add(life)

    @rule(
        runs=st.integers(2, 3),
        within_s=st.sampled_from([3, 60, 300]),
        faults=st.lists(FAULTS_TO_COME, min_size=1, max_size=5),
    )
    def the_bot_runs(self, runs: int, within_s: int, faults: list[tuple[System, int, int]]) -> None:
        for system, after, which in faults:
            self.simulation.fail(system, after, FAULTS[system][which % len(FAULTS[system])])
        for _ in range(runs):
            self.simulation.tick()
        self.simulation.run_for(within_s)

    @rule(kind=st.sampled_from(Kind), for_s=st.sampled_from([30, 300]), by_s=st.sampled_from([-90, 40, 90]))
    def something_is_disrupted(self, kind: Kind, for_s: int, by_s: int) -> None:
        self.simulation.environment.disrupt(Disruption(kind, self.simulation.environment.second, for_s, by_s))

    def teardown(self) -> None:
        trace = self.simulation.settle()
        report = check(trace)
        self.statistics.add(trace, report)
        assert report.broken == (), "\n".join(trace.lines)


def test_events_in_any_order_break_nothing() -> None:
    Team.statistics = Statistics()
    options = settings(max_examples=40, stateful_step_count=18, derandomize=True, database=None, deadline=None)

    run_state_machine_as_test(Team, settings=options)  # type: ignore[no-untyped-call]

    assert Team.statistics.sums["numbers"]["hard"] >= 15
    assert Team.statistics.sums["numbers"]["expected"] >= 40
