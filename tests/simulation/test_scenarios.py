"""What once went wrong somewhere, or may: one scenario each, the same every time."""

from dataclasses import replace

import pytest

from local.openai_paging import After
from tests.simulation.faults import TAKES_S, Fault, System
from tests.simulation.oracle import check
from tests.simulation.schedule import NOW, BatchLife, Disruption, Kind, Outcome, Schedule
from tests.simulation.simulation import Simulation
from tests.simulation.trace import Trace

FAILED = Outcome.FAILED


def every_minute(minutes: int, start: int = 0) -> tuple[int, ...]:
    return tuple(range(start + 5, start + 60 * minutes, 60))


def a_simulation(
    *batches: BatchLife, ticks: tuple[int, ...] = every_minute(5), **fields: object
) -> Simulation:
    """Nothing fails in it but what the test says."""
    return Simulation(replace(Schedule(0, ticks, batches), **fields), {})  # type: ignore[arg-type]


def goes_wrong(simulation: Simulation, text: str, *faults: Fault, system: System) -> None:
    """Let the next calls whose request holds this text go wrong, one after the other."""
    coming = list(faults)

    def fault_for(called: System, what: str) -> Fault | None:
        return coming.pop(0) if coming and called is system and text in what else None

    simulation.fault_for = fault_for


def announced(trace: Trace) -> list[str]:
    """What was announced, once nothing in the trace breaks a rule."""
    assert check(trace).broken == (), "\n".join(trace.lines)
    return trace.announced


def announced_by(trace: Trace, second: int) -> set[str]:
    posts = [post for post in trace.posts if post.message.at < NOW + second]
    return set(replace(trace, posts=posts).announced)


def announced_at(trace: Trace, notification_id: str) -> float:
    """The second at which it was first announced."""
    return next(
        post.message.at - NOW
        for post in trace.posts
        if notification_id in replace(trace, posts=[post]).announced
    )


def answers_fast(simulation: Simulation) -> None:
    """Let OpenAI answer as fast as several requests at a time get their answers."""
    simulation.trace.calls.takes_s = TAKES_S | {System.OPENAI: (0.05,)}


# What the list shows.


@pytest.mark.parametrize("unknown_after", [After.EMPTY_PAGE, After.FIRST_PAGE, After.REFUSED])
def test_the_last_row_of_a_page_is_deleted_before_the_next_page_is_asked_for(unknown_after: After) -> None:
    batches = [BatchLife(f"batch_{n}", 130 + n, 150, FAILED) for n in range(6)]
    simulation = a_simulation(*batches, page_size=3, unknown_after=unknown_after)

    def delete_it(_system: System, what: str) -> None:
        if "after=batch_3" in what and "batch_3" not in simulation.environment.deleted_at:
            simulation.environment.delete("batch_3")

    simulation.fault_for = delete_it

    assert sorted(announced(simulation.run())) == [f"batch_{n}#failed" for n in range(6)]


def test_a_deleted_batch_is_listed_again_already_completed_and_older_than_the_cursor() -> None:
    ticks = (*every_minute(5), *range(600, 5400, 300), *every_minute(5, 5400))
    simulation = a_simulation(BatchLife("batch_1", -900), BatchLife("batch_2", 3000), ticks=ticks)
    environment = simulation.environment
    environment.at(100, lambda: environment.hide("batch_1"))
    environment.at(5400, environment.hide)
    environment.at(5400, lambda: environment.openai.move("batch_1", "completed"))

    assert announced(simulation.run()) == ["batch_1#gone", "batch_1#completed"]


def test_an_answer_between_two_404s_begins_the_hour_anew() -> None:
    ticks = (*every_minute(6), *range(600, 9000, 300))
    simulation = a_simulation(BatchLife("batch_1", -900), ticks=ticks)
    environment = simulation.environment
    for at, hidden in ((100, ["batch_1"]), (300, []), (3900, ["batch_1"])):
        environment.at(at, lambda hidden=hidden: environment.hide(*hidden))  # type: ignore[misc]

    trace = simulation.run()

    assert announced(trace) == ["batch_1#gone"]
    assert announced_at(trace, "batch_1#gone") > 3900 + 3590


def test_the_first_list_is_empty() -> None:
    simulation = a_simulation(BatchLife("batch_1", 130, 150, FAILED))

    assert announced(simulation.run()) == ["batch_1#failed"]


def test_one_row_stands_where_it_does_not_belong() -> None:
    batches = [BatchLife(f"batch_{n}", 130 + n, 150, FAILED) for n in range(6)]
    old = BatchLife("batch_old", -900, -800)
    simulation = a_simulation(old, *batches, page_size=3, ticks=every_minute(20))
    # The last row of the first page says that it is a day old.
    simulation.environment.openai.mangle = lambda row: (
        row | {"created_at": row["created_at"] - 86_400} if row["id"] == "batch_3" else row
    )

    trace = simulation.run()

    assert set(trace.announced) >= {f"batch_{n}#failed" for n in (0, 1, 2, 4, 5)}


def test_a_stale_list_shows_a_batch_as_validating_whose_record_has_expired() -> None:
    hours = 5 * 3600
    ticks = (*every_minute(4), *every_minute(8, hours))
    simulation = a_simulation(BatchLife("batch_1", 10, 50, FAILED), ticks=ticks, retention_s=4 * 3600)
    environment = simulation.environment
    environment.at(20, lambda: environment.show("batch_1", environment.openai.batches[0], hours, 200))

    assert announced(simulation.run()) == ["batch_1#failed"]


def test_an_open_status_that_comes_and_goes_is_announced_once() -> None:
    batch = BatchLife("batch_1", 10, steps=((80, "in_progress"),))
    simulation = a_simulation(batch, ticks=every_minute(8), notify_on=("failed", "in_progress"))
    environment = simulation.environment
    environment.at(20, lambda: environment.show("batch_1", environment.openai.batches[0], 180, 60))
    environment.at(20, lambda: environment.show("batch_1", environment.openai.batches[0], 300, 60))

    assert announced(simulation.run()) == ["batch_1#in_progress"]


def test_project_a_then_b_then_a() -> None:
    a, b = ("batch_a0", "batch_a1", "batch_a2"), ("batch_b0", "batch_b1")
    simulation = a_simulation(
        BatchLife("batch_a0", 10, 40, FAILED),
        BatchLife("batch_a1", -900, 700, FAILED),
        BatchLife("batch_a2", 710, 720, FAILED),
        BatchLife("batch_b0", -900, 300, FAILED),
        BatchLife("batch_b1", 310, 320, FAILED),
        ticks=every_minute(15),
    )
    environment = simulation.environment
    environment.hide(*b)
    environment.at(150, lambda: environment.switch_project("proj_b", *a))
    environment.at(450, lambda: environment.switch_project("proj_test", *b))

    assert announced(simulation.run()) == [
        "batch_a0#failed",
        "batch_b0#failed",
        "batch_b1#failed",
        "batch_a1#failed",
        "batch_a2#failed",
    ]


def test_the_server_gets_another_address_while_a_batch_is_open() -> None:
    simulation = a_simulation(BatchLife("batch_1", -900, 300, FAILED), ticks=every_minute(9))
    environment = simulation.environment

    def move() -> None:
        environment.base_url = environment.base_url.replace("127.0.0.1", "localhost")
        environment.projects += 1
        simulation.connect_bot()

    environment.at(150, move)

    assert announced(simulation.run()) == ["batch_1#failed"]


# The baseline and the cursor.


@pytest.mark.parametrize("call", range(5))
@pytest.mark.parametrize("fault", [Fault.KILLED_BEFORE, Fault.KILLED_AFTER])
def test_a_death_before_the_first_save_loses_nothing(call: int, fault: Fault) -> None:
    batches = BatchLife("batch_1", -900, 100, FAILED), BatchLife("batch_2", 130, 140, FAILED)
    simulation = Simulation(Schedule(0, every_minute(4), batches), {call: fault})

    assert announced(simulation.run()) == ["batch_1#failed", "batch_2#failed"]


def test_the_clock_is_four_minutes_ahead_at_the_baseline() -> None:
    simulation = a_simulation(
        BatchLife("batch_before", -2000, -1000, FAILED),
        BatchLife("batch_1", 20, 50, FAILED),
        BatchLife("batch_2", -900, 100, FAILED),
        BatchLife("batch_3", 330, 340, FAILED),
        ticks=every_minute(8),
        disruptions=(Disruption(Kind.CLOCK, 0, 200, 240),),
    )

    assert announced(simulation.run()) == ["batch_1#failed", "batch_2#failed", "batch_3#failed"]


def test_a_baseline_and_a_backlog_take_five_polls_while_new_rows_arrive() -> None:
    old = [BatchLife(f"batch_old_{n:02}", n - 900, n + 1000 if n % 8 == 0 else n - 899) for n in range(32)]
    new = [BatchLife(f"batch_new_{n:02}", 50 * n, 50 * n + 20, FAILED) for n in range(30)]
    simulation = a_simulation(*old, *new, page_size=2, ticks=tuple(range(5, 2400, 120)))
    simulation.fault_for = lambda system, what: Fault.SLOW if "limit=" in what else None
    is_behind = []
    for second in range(120, 700, 120):
        simulation.environment.at(second, lambda: is_behind.append(simulation.trace.facts.state.has_backlog))  # type: ignore[union-attr]

    ends = announced(simulation.run())

    assert is_behind == [True] * 5
    assert sorted(ends) == sorted(
        [f"batch_new_{n:02}#failed" for n in range(30)]
        + [f"batch_old_{n:02}#completed" for n in range(0, 32, 8)]
    )


def test_ten_minutes_after_a_hundred_pages_of_batches_a_poll_makes_one_request_again() -> None:
    simulation = a_simulation(page_size=10, ticks=every_minute(24), notify_on=("failed",))
    answers_fast(simulation)
    add = simulation.environment.openai.add
    for n in range(1000):
        simulation.environment.at(
            100 + 0.3 * n, lambda n=n: add("completed", id=f"batch_{n}", created_at=NOW + 100 + n * 3 // 10)
        )  # type: ignore[misc]

    trace = simulation.run()

    late = [call for call in trace.calls.made if call.system is System.OPENAI and 1080 < call.at - NOW < 1380]
    assert announced(trace) == []
    assert len(late) == len({call.run for call in late}) == 5


def test_the_ends_of_open_batches_below_the_read_pages_are_found() -> None:
    old = [
        BatchLife(f"batch_{n}", n - 4000, 150 + n // 4 if n % 200 == 7 else None, FAILED) for n in range(800)
    ]
    ended = [BatchLife(f"batch_ended_{n}", n - 1900, -1800) for n in range(24)]
    simulation = a_simulation(*old, *ended, page_size=8, ticks=every_minute(12))
    answers_fast(simulation)

    trace = simulation.run()

    expected = {f"batch_{n}#failed" for n in range(800) if n % 200 == 7}
    assert set(announced(trace)) == expected
    assert announced_by(trace, 700) == expected


# Retrievals.


def test_three_ids_that_always_fail_do_not_hold_up_the_others() -> None:
    batches = [BatchLife(f"batch_{n}", n - 900, 200, FAILED) for n in range(6)]
    simulation = a_simulation(*batches, ticks=every_minute(12))
    unlisted = simulation.environment.openai.unlisted
    simulation.environment.at(100, lambda: unlisted.update(life.id for life in batches))
    failing = tuple(f"/batches/batch_{n}" for n in range(3))
    simulation.fault_for = lambda system, what: Fault.BROKEN if what.endswith(failing) else None

    trace = simulation.run()

    assert sorted(announced(trace)) == [f"batch_{n}#failed" for n in range(6)]
    assert announced_by(trace, 650) == {"batch_3#failed", "batch_4#failed", "batch_5#failed"}


def test_a_completed_batch_without_counts_cannot_be_retrieved_and_then_the_process_dies() -> None:
    batch = BatchLife("batch_1", 10, 100, Outcome.PARTLY_FAILED, countless_s=900)
    simulation = a_simulation(batch, ticks=every_minute(8))
    goes_wrong(simulation, "/batches/batch_1", *[Fault.BROKEN] * 6, Fault.KILLED_AFTER, system=System.OPENAI)

    assert announced(simulation.run()) == ["batch_1#completed"]


# Delivery.


@pytest.mark.parametrize("landing", [Fault.LATE, Fault.VERY_LATE])
def test_a_reply_is_lost_then_a_429_then_a_refusal_then_a_death(landing: Fault) -> None:
    simulation = a_simulation(BatchLife("batch_1", 10, 70, FAILED), ticks=every_minute(15))
    then = (Fault.THROTTLED, Fault.REFUSED, Fault.KILLED_BEFORE)
    goes_wrong(simulation, "batch_1#failed", landing, *then, system=System.POST)

    assert announced(simulation.run()) == ["batch_1#failed"]


@pytest.mark.parametrize("death", [Fault.KILLED_BEFORE, Fault.KILLED_AFTER])
def test_a_lease_runs_out_while_another_run_reads_the_history(death: Fault) -> None:
    ticks = (5, 65, 125, *[300, 301, 304, 309], 365, 425)
    simulation = a_simulation(BatchLife("batch_1", 10, 70, FAILED), ticks=ticks)
    coming = [death]
    simulation.fault_for = lambda system, what: {
        System.POST: coming.pop() if coming and "batch_1" in what else None,
        System.READ: Fault.SLOW,
    }.get(system)

    assert announced(simulation.run()) == ["batch_1#failed"]


def test_slack_shows_half_of_a_digest() -> None:
    batches = [BatchLife(f"batch_{n}", 10 + n, 70, FAILED) for n in range(8)]
    simulation = a_simulation(*batches, ticks=every_minute(8))
    goes_wrong(simulation, "batch_0#failed", Fault.CUT_AFTER, system=System.POST)
    hidden = [f"batch_{n}#failed" for n in range(4, 8)]
    simulation.environment.unshown.update(hidden)

    trace = simulation.run()

    assert sorted(announced(trace)) == sorted([f"batch_{n}#failed" for n in range(8)] + hidden)
    assert len(check(trace).allowed) == 4


def test_a_digest_is_malformed_because_of_one_member() -> None:
    batches = [BatchLife(f"batch_{n}", 10 + n, 70, FAILED) for n in range(8)]
    simulation = a_simulation(*batches, ticks=every_minute(10))
    simulation.fault_for = lambda system, what: Fault.MALFORMED if "batch_3#failed" in what else None

    trace = simulation.run()

    assert sorted(announced(trace)) == [f"batch_{n}#failed" for n in range(8)]
    assert announced_by(trace, 600) == {f"batch_{n}#failed" for n in range(8) if n != 3}


@pytest.mark.parametrize("blocked_s", [0, 300])
def test_a_malformed_message_waits_alone_whether_or_not_the_channel_is_blocked(blocked_s: int) -> None:
    batches = BatchLife("batch_1", 10, 70, FAILED), BatchLife("batch_2", 11, 130, FAILED)
    disruptions = (Disruption(Kind.CHANNEL_REFUSED, 60, blocked_s),) if blocked_s else ()
    simulation = a_simulation(*batches, ticks=every_minute(15), disruptions=disruptions)
    simulation.fault_for = lambda system, what: Fault.MALFORMED if "batch_1#failed" in what else None

    trace = simulation.run()

    assert sorted(announced(trace)) == ["batch_1#failed", "batch_2#failed"]
    assert announced_by(trace, 200 + 2 * blocked_s) == {"batch_2#failed"}


def test_two_runs_meet_when_a_blocked_channel_may_be_tried() -> None:
    batches = [BatchLife(f"batch_{n}", 10 + n, 70, FAILED) for n in range(3)]
    disruptions = (Disruption(Kind.CHANNEL_REFUSED, 60, 1000),)
    simulation = a_simulation(
        *batches, ticks=(5, 65, 125, *[430] * 4, 490, 760, 760, 1090), disruptions=disruptions
    )

    trace = simulation.run()

    posts = [
        call.at - NOW for call in trace.calls.made if call.system is System.POST and "batch_" in call.what
    ]
    assert len([at for at in posts if 400 < at < 700]) == 1
    assert sorted(announced(trace)) == [f"batch_{n}#failed" for n in range(3)]
