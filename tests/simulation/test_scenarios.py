"""What once went wrong somewhere, or may: one scenario each, the same every time."""

from collections.abc import Iterable
from dataclasses import replace
from functools import partial

import pytest

from local.openai_simulator import After
from tests.simulation.faults import FAULTS, TAKES_S, Fault, System
from tests.simulation.oracle import check
from tests.simulation.schedule import NOW, BatchLife, Disruption, Kind, Outcome, Schedule
from tests.simulation.simulation import Simulation
from tests.simulation.trace import Trace

FAILED = Outcome.FAILED
FAST_S = TAKES_S | {System.OPENAI: (0.05,)}
"""OpenAI answers one request as fast as it answers one of several at a time."""


def every_minute(minutes: int, start: int = 0) -> tuple[int, ...]:
    return tuple(range(start + 5, start + 60 * minutes, 60))


def a_simulation(*batches: BatchLife, ticks: tuple[int, ...] = every_minute(5), **fields: object) -> Simulation:
    """Nothing fails in it but what the test says."""
    return Simulation(replace(Schedule(0, ticks, batches), **fields), {})  # type: ignore[arg-type]


def some_fail(count: int, created_at: int, ended_at: int) -> list[BatchLife]:
    return [BatchLife(f"batch_{n}", created_at + n, ended_at, FAILED) for n in range(count)]


def failures(numbers: Iterable[int]) -> list[str]:
    return sorted(f"batch_{n}#failed" for n in numbers)


def goes_wrong(simulation: Simulation, system: System, text: str, *faults: Fault) -> None:
    """Let the next calls whose request holds this text go wrong, one after the other."""
    coming = list(faults)

    def fault_for(called: System, what: str) -> Fault | None:
        return coming.pop(0) if coming and called is system and text in what else None

    simulation.fault_for = fault_for


def announced(trace: Trace) -> list[str]:
    """What was announced, once nothing in the trace breaks a rule."""
    assert check(trace).broken == (), "\n".join(trace.lines)
    return trace.announced


def announced_by(trace: Trace, second: int) -> list[str]:
    posts = [post for post in trace.posts if post.message.at < NOW + second]
    return sorted(replace(trace, posts=posts).announced)


@pytest.mark.parametrize("unknown_after", [After.EMPTY_PAGE, After.FIRST_PAGE, After.REFUSED])
def test_the_last_row_of_a_page_is_deleted_before_the_next_page_is_asked_for(unknown_after: After) -> None:
    simulation = a_simulation(*some_fail(6, 130, 150), page_size=3, unknown_after=unknown_after)
    environment = simulation.environment

    def delete_it(_system: System, what: str) -> None:
        if "after=batch_3" in what and "batch_3" not in environment.deleted_at:
            environment.delete("batch_3")

    simulation.fault_for = delete_it

    assert sorted(announced(simulation.run())) == failures(range(6))


@pytest.mark.parametrize("fault", FAULTS[System.OPENAI])
def test_an_error_file_that_cannot_be_read_and_a_death_while_it_is_cost_no_end(fault: Fault) -> None:
    ends = [BatchLife("batch_1", 20, 100, Outcome.PARTLY_FAILED), BatchLife("batch_2", 20, 200, Outcome.EXPIRED)]
    simulation = a_simulation(*ends, ticks=(5, 65, 125, 126, 185, 245))
    goes_wrong(simulation, System.OPENAI, "/content", fault)

    trace = simulation.run()

    asked = [call.fault for call in trace.calls.made if "/content" in call.what]
    assert announced(trace) == ["batch_1#completed", "batch_2#expired"]
    assert asked == [fault, None]


def test_a_deleted_batch_is_listed_again_already_completed_and_older_than_the_cursor() -> None:
    ticks = (*every_minute(5), *range(600, 5400, 300), *every_minute(5, 5400))
    simulation = a_simulation(BatchLife("batch_1", -900), BatchLife("batch_2", 3000), ticks=ticks)
    environment = simulation.environment
    environment.at(100, partial(environment.hide, "batch_1"))
    environment.at(5400, environment.hide)
    environment.at(5400, partial(environment.openai.move, "batch_1", "completed"))

    assert announced(simulation.run()) == ["batch_1#gone", "batch_1#completed"]


def test_an_answer_between_two_404s_begins_the_hour_anew() -> None:
    simulation = a_simulation(BatchLife("batch_1", -900), ticks=(*every_minute(6), *range(600, 9000, 300)))
    for at, hidden in ((100, ["batch_1"]), (300, []), (3900, ["batch_1"])):
        simulation.environment.at(at, partial(simulation.environment.hide, *hidden))

    trace = simulation.run()

    assert announced(trace) == ["batch_1#gone"]
    assert announced_by(trace, 3900 + 3590) == []


def test_the_first_list_is_empty() -> None:
    assert announced(a_simulation(*some_fail(1, 130, 150)).run()) == ["batch_0#failed"]


def test_one_row_stands_where_it_does_not_belong() -> None:
    old = BatchLife("batch_old", -900, -800)
    simulation = a_simulation(old, *some_fail(6, 130, 150), page_size=3, ticks=every_minute(20))
    # The last row of the first page says that it is a day old.
    simulation.environment.openai.mangle = lambda row: (
        row | {"created_at": row["created_at"] - 86_400} if row["id"] == "batch_3" else row
    )

    assert set(simulation.run().announced) >= set(failures((0, 1, 2, 4, 5)))


def test_a_stale_list_shows_a_batch_as_validating_whose_record_has_expired() -> None:
    ticks = (*every_minute(4), *every_minute(8, 18_000))
    simulation = a_simulation(*some_fail(1, 10, 50), ticks=ticks, retention_s=4 * 3600)
    environment = simulation.environment
    environment.at(20, lambda: environment.show("batch_0", environment.openai.batches[0], 18_000, 200))

    assert announced(simulation.run()) == ["batch_0#failed"]


def test_an_open_status_that_comes_and_goes_is_announced_once() -> None:
    batch = BatchLife("batch_1", 10, steps=((80, "in_progress"),))
    simulation = a_simulation(batch, ticks=every_minute(8), notify_on=("failed", "in_progress"))
    environment = simulation.environment
    for after_s in (180, 300):
        environment.at(20, lambda s=after_s: environment.show("batch_1", environment.openai.batches[0], s, 60))  # type: ignore[misc]

    assert announced(simulation.run()) == ["batch_1#in_progress"]


def test_project_a_then_b_then_a() -> None:
    times = {"a0": (10, 40), "a1": (-900, 700), "a2": (710, 720), "b0": (-900, 300), "b1": (310, 320)}
    batches = [BatchLife(f"batch_{name}", *created_ended, FAILED) for name, created_ended in times.items()]
    simulation = a_simulation(*batches, ticks=every_minute(15))
    environment = simulation.environment
    environment.hide("batch_b0", "batch_b1")
    environment.at(150, partial(environment.switch_project, "proj_b", "batch_a0", "batch_a1", "batch_a2"))
    environment.at(450, partial(environment.switch_project, "proj_test", "batch_b0", "batch_b1"))

    assert announced(simulation.run()) == [f"batch_{name}#failed" for name in ("a0", "b0", "b1", "a1", "a2")]


def test_the_server_gets_another_address_while_a_batch_is_open() -> None:
    simulation = a_simulation(*some_fail(1, -900, 300), ticks=every_minute(9))
    environment = simulation.environment
    address = environment.base_url.replace("127.0.0.1", "localhost")
    environment.at(150, lambda: (environment.move_server(address), simulation.connect_bot()))

    assert announced(simulation.run()) == ["batch_0#failed"]


@pytest.mark.parametrize("call", range(5))
@pytest.mark.parametrize("fault", [Fault.KILLED_BEFORE, Fault.KILLED_AFTER])
def test_a_death_before_the_first_save_loses_nothing(call: int, fault: Fault) -> None:
    batches = BatchLife("batch_0", -900, 100, FAILED), BatchLife("batch_1", 130, 140, FAILED)

    assert announced(Simulation(Schedule(0, every_minute(4), batches), {call: fault}).run()) == failures((0, 1))


def test_the_clock_is_four_minutes_ahead_at_the_baseline() -> None:
    times = ((20, 50), (-900, 100), (330, 340), (-2000, -1000))
    batches = [BatchLife(f"batch_{n}", *created_ended, FAILED) for n, created_ended in enumerate(times)]
    is_ahead = Disruption(Kind.CLOCK, 0, 200, 240)

    trace = a_simulation(*batches, ticks=every_minute(8), disruptions=(is_ahead,)).run()

    assert announced(trace) == failures(range(3))


def test_a_baseline_and_a_backlog_take_five_polls_while_new_rows_arrive() -> None:
    old = [BatchLife(f"batch_{n}", n - 900, n + 1000 if n % 8 == 0 else n - 899, FAILED) for n in range(32)]
    new = [BatchLife(f"batch_{n}", 50 * n - 5000, 50 * n - 4980, FAILED) for n in range(100, 130)]
    simulation = a_simulation(*old, *new, page_size=2, ticks=tuple(range(5, 2400, 120)))
    simulation.fault_for = lambda system, what: Fault.SLOW if "limit=" in what else None
    is_behind = []
    for second in range(120, 700, 120):
        simulation.environment.at(second, lambda: is_behind.append(simulation.trace.facts.state.has_backlog))  # type: ignore[union-attr]

    assert sorted(announced(simulation.run())) == failures([*range(0, 32, 8), *range(100, 130)])
    assert is_behind == [True] * 5


def test_ten_minutes_after_a_hundred_pages_of_batches_a_poll_makes_one_request_again() -> None:
    simulation = a_simulation(page_size=10, ticks=every_minute(22), notify_on=("failed",))
    simulation.trace.calls.takes_s = FAST_S
    for n in range(1000):
        add = partial(simulation.environment.openai.add, "completed", id=f"batch_{n}")
        simulation.environment.at(100 + 0.3 * n, partial(add, created_at=NOW + 100 + n * 3 // 10))

    trace = simulation.run()

    runs = [c.run for c in trace.calls.made if c.system is System.OPENAI and 1080 < c.at - NOW < 1260]
    assert announced(trace) == []
    assert len(runs) == len(set(runs)) == 3


def test_the_ends_of_open_batches_below_the_read_pages_are_found() -> None:
    ends = {n: 150 + n // 4 for n in range(7, 560, 150)}
    old = [BatchLife(f"batch_{n}", n - 4000, ends.get(n), FAILED) for n in range(560)]
    ended = [BatchLife(f"batch_ended_{n}", n - 1900, -1800) for n in range(24)]
    simulation = a_simulation(*old, *ended, page_size=8, ticks=every_minute(8))
    simulation.trace.calls.takes_s = FAST_S

    trace = simulation.run()

    assert sorted(announced(trace)) == announced_by(trace, 425) == failures(ends)


def test_three_ids_that_always_fail_do_not_hold_up_the_others() -> None:
    simulation = a_simulation(*some_fail(6, -900, 200), ticks=every_minute(12))
    openai = simulation.environment.openai
    simulation.environment.at(100, lambda: openai.unlisted.update(row["id"] for row in openai.batches))
    failing = tuple(f"/batches/batch_{n}" for n in range(3))
    simulation.fault_for = lambda system, what: Fault.BROKEN if what.endswith(failing) else None

    trace = simulation.run()

    assert sorted(announced(trace)) == failures(range(6))
    assert announced_by(trace, 650) == failures((3, 4, 5))


def test_a_completed_batch_without_counts_cannot_be_retrieved_and_then_the_process_dies() -> None:
    batch = BatchLife("batch_1", 10, 100, Outcome.PARTLY_FAILED, countless_s=900)
    simulation = a_simulation(batch, ticks=every_minute(8))
    goes_wrong(simulation, System.OPENAI, "/batches/batch_1", *[Fault.BROKEN] * 6, Fault.KILLED_AFTER)

    assert announced(simulation.run()) == ["batch_1#completed"]


@pytest.mark.parametrize("landing", [Fault.LATE, Fault.VERY_LATE])
def test_a_reply_is_lost_then_a_429_then_a_refusal_then_a_death(landing: Fault) -> None:
    simulation = a_simulation(*some_fail(1, 10, 70), ticks=every_minute(15))
    then = (Fault.THROTTLED, Fault.REFUSED, Fault.KILLED_BEFORE)
    goes_wrong(simulation, System.POST, "batch_0#failed", landing, *then)

    assert announced(simulation.run()) == ["batch_0#failed"]


@pytest.mark.parametrize("death", [Fault.KILLED_BEFORE, Fault.KILLED_AFTER])
def test_a_lease_runs_out_while_another_run_reads_the_history(death: Fault) -> None:
    simulation = a_simulation(*some_fail(1, 10, 70), ticks=(5, 65, 125, 300, 301, 304, 309, 365, 425))
    goes_wrong(simulation, System.POST, "batch_0#failed", death)
    dies = simulation.fault_for
    simulation.fault_for = lambda system, what: Fault.SLOW if system is System.READ else dies(system, what)

    assert announced(simulation.run()) == ["batch_0#failed"]


def test_an_open_status_that_was_leased_when_the_end_came_is_not_announced() -> None:
    batch = BatchLife("batch_1", 10, 130, FAILED, steps=((70, "in_progress"),))
    simulation = a_simulation(batch, ticks=every_minute(10), notify_on=("failed", "in_progress"))
    goes_wrong(simulation, System.POST, "batch_1#in_progress", Fault.KILLED_BEFORE)

    assert announced(simulation.run()) == ["batch_1#failed"]


def test_slack_shows_half_of_a_digest() -> None:
    simulation = a_simulation(*some_fail(8, 10, 70), ticks=every_minute(8))
    goes_wrong(simulation, System.POST, "batch_0#failed", Fault.CUT_AFTER)
    simulation.environment.unshown.update(failures(range(4, 8)))

    trace = simulation.run()

    assert sorted(announced(trace)) == failures([*range(8), *range(4, 8)])
    assert len(check(trace).allowed) == 4


def test_a_digest_is_malformed_because_of_one_member() -> None:
    simulation = a_simulation(*some_fail(8, 10, 70), ticks=every_minute(10))
    simulation.fault_for = lambda system, what: Fault.MALFORMED if "batch_3#failed" in what else None

    trace = simulation.run()

    assert sorted(announced(trace)) == failures(range(8))
    assert announced_by(trace, 600) == failures({*range(8)} - {3})


@pytest.mark.parametrize("blocked_s", [0, 300])
def test_a_malformed_message_waits_alone_whether_or_not_the_channel_is_blocked(blocked_s: int) -> None:
    batches = BatchLife("batch_0", 10, 70, FAILED), BatchLife("batch_1", 11, 130, FAILED)
    disruptions = (Disruption(Kind.CHANNEL_REFUSED, 60, blocked_s),) if blocked_s else ()
    simulation = a_simulation(*batches, ticks=every_minute(15), disruptions=disruptions)
    simulation.fault_for = lambda system, what: Fault.MALFORMED if "batch_0#failed" in what else None

    trace = simulation.run()

    assert sorted(announced(trace)) == failures((0, 1))
    assert announced_by(trace, 200 + 2 * blocked_s) == failures((1,))


def test_two_runs_meet_when_a_blocked_channel_may_be_tried() -> None:
    ticks = (5, 65, 125, *[430] * 4, 490, 760, 760, 1090)
    is_blocked = Disruption(Kind.CHANNEL_REFUSED, 60, 1000)

    trace = a_simulation(*some_fail(3, 10, 70), ticks=ticks, disruptions=(is_blocked,)).run()

    posts = [call.at - NOW for call in trace.calls.made if call.system is System.POST and "batch_" in call.what]
    assert len([at for at in posts if 400 < at < 700]) == 1
    assert sorted(announced(trace)) == failures(range(3))
