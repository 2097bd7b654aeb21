"""Any order of events: a state machine of hypothesis, that shrinks what breaks the promise to a few steps."""

from batchbell.adapters.watch_items import SIZES, Sizes
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from tests.proof.faults import KINDS, System
from tests.proof.judge import judged
from tests.proof.play import Play
from tests.proof.story import SMALL, Kind, Life, Story, Upset, Verdict
from tests.proof.tally import Tally


class Team(RuleBasedStateMachine):
    """A team's batches, its bot and all that may happen to them, one step after the other."""

    tally = Tally()

    @initialize(
        seed=st.integers(0, 999),
        page_size=st.sampled_from([2, 100]),
        watch_sizes=st.sampled_from([SIZES, SMALL]),
    )
    def begin(self, seed: int, page_size: int, watch_sizes: Sizes) -> None:
        self.born = 0
        story = Story(seed, ticks=(10**6,), lives=(), page_size=page_size, watch_sizes=watch_sizes)
        self.play = Play(story, {})
        self.play.pass_time(0)
        self.play.tick()
        self.play.pass_time(60)
        self.a_batch_is_born(Verdict.PARTLY, 150, 0)

    @rule(verdict=st.sampled_from(Verdict), took_s=st.integers(1, 400), late_s=st.sampled_from([0, 30, 200]))
    def a_batch_is_born(self, verdict: Verdict, took_s: int, late_s: int) -> None:
        self.born += 1
        at = self.play.second
        self.play.around.let_live(Life(f"batch_{self.born:02}", at, (), at + took_s, verdict, late_s))

    @rule(
        runs=st.integers(2, 3),
        within_s=st.sampled_from([3, 60, 300]),
        faults=st.lists(
            st.tuples(st.sampled_from(System), st.integers(0, 2), st.integers(0, 99)), min_size=1, max_size=5
        ),
    )
    def the_bot_runs(self, runs: int, within_s: int, faults: list[tuple[System, int, int]]) -> None:
        for system, after, which in faults:
            self.play.let_fail(system, after, KINDS[system][which % len(KINDS[system])])
        for _ in range(runs):
            self.play.tick()
        self.play.pass_time(within_s)

    @rule(kind=st.sampled_from(Kind), for_s=st.sampled_from([30, 300]), by_s=st.sampled_from([-90, 40, 90]))
    def something_is_amiss(self, kind: Kind, for_s: int, by_s: int) -> None:
        self.play.around.let_be_amiss(Upset(kind, self.play.second, for_s, by_s))

    def teardown(self) -> None:
        played = self.play.settle()
        result = judged(played)
        self.tally.add(played, result)
        assert result.broken == (), "\n".join(played.lines)


def test_events_in_any_order_break_nothing() -> None:
    Team.tally = Tally()

    run_state_machine_as_test(  # type: ignore[no-untyped-call]
        Team,
        settings=settings(
            max_examples=40, stateful_step_count=18, derandomize=True, database=None, deadline=None
        ),
    )

    assert Team.tally.hard >= 20
    assert Team.tally.owed >= 50
