"""Any order of events: a state machine of hypothesis, that shrinks what breaks the promise to a few steps."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from tests.proof.faults import KINDS, System
from tests.proof.judge import judged
from tests.proof.play import Play
from tests.proof.story import Kind, Life, Story, Upset, Verdict


class Team(RuleBasedStateMachine):
    """A team's batches, its bot and all that may happen to them, one step after the other."""

    @initialize(seed=st.integers(0, 999), page_size=st.sampled_from([2, 100]))
    def begin(self, seed: int, page_size: int) -> None:
        self.born = 0
        self.play = Play(Story(seed, ticks=(10**6,), lives=(), page_size=page_size), {})
        self.play.tick()
        self.play.pass_time(60)

    @rule(verdict=st.sampled_from(Verdict), took_s=st.integers(0, 400), late_s=st.sampled_from([0, 30, 200]))
    def a_batch_is_born(self, verdict: Verdict, took_s: int, late_s: int) -> None:
        self.born += 1
        at = self.play.second
        self.play.around.let_live(Life(f"batch_{self.born}", at, (), at + took_s, verdict, late_s))

    @rule(runs=st.integers(1, 3), within_s=st.sampled_from([0, 3, 60, 300]))
    def the_bot_runs(self, runs: int, within_s: int) -> None:
        for _ in range(runs):
            self.play.tick()
        self.play.pass_time(within_s)

    @rule(system=st.sampled_from(System), after=st.integers(0, 9), which=st.integers(0, 99))
    def a_coming_call_goes_wrong(self, system: System, after: int, which: int) -> None:
        self.play.let_fail(after, KINDS[system][which % len(KINDS[system])])

    @rule(kind=st.sampled_from(Kind), for_s=st.sampled_from([30, 300]))
    def something_is_amiss(self, kind: Kind, for_s: int) -> None:
        self.play.around.let_be_amiss(Upset(kind, self.play.second, for_s, 40))

    def teardown(self) -> None:
        played = self.play.settle()
        assert judged(played).broken == (), "\n".join(played.lines)


TestAnyOrderOfEvents = Team.TestCase
TestAnyOrderOfEvents.settings = settings(
    max_examples=12, stateful_step_count=12, derandomize=True, database=None, deadline=None
)
