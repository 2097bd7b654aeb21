"""Polling on real wires: what ends is announced once, and nothing else is."""

from dataclasses import replace
from itertools import count

import pytest

from local import openai_faults
from local.openai_faults import Fault, Kind
from local.openai_rows import Row, counts
from local.openai_simulator import OPENAI, After
from tests.bot import BotUnderTest, ids_of
from tests.builders import DAY_S

HOUR_S = 3600
NOTHING: Row = {"object": "list", "data": [], "has_more": False}


@pytest.mark.parametrize("status", ["completed", "failed", "expired"])
def test_an_end_is_announced_once_whether_or_not_the_batch_was_seen_open(bot: BotUnderTest, status: str) -> None:
    batch_id = bot.add_open()
    bot.openai.move(batch_id, status)
    born = bot.openai.add(status, created_at=int(bot.clock()))

    bot.tick(3)

    assert sorted(bot.announced()) == sorted([f"{batch_id}#{status}", f"{born['id']}#{status}"])


def test_an_open_status_that_comes_and_goes_is_announced_once_if_the_team_wants_it(bot: BotUnderTest) -> None:
    bot.configure(notify_on=frozenset({"in_progress", "cancelled"}))
    batch_id = bot.add_open()
    for status in ("finalizing", "in_progress", "cancelling", "in_progress", "cancelled"):
        bot.openai.move(batch_id, status)
        bot.tick()

    assert bot.announced() == [f"{batch_id}#in_progress", f"{batch_id}#cancelled"]


def test_an_end_is_not_announced_again_when_its_record_has_been_deleted(bot: BotUnderTest) -> None:
    bot.tick()
    batch = bot.openai.add("failed", created_at=int(bot.clock()))
    bot.tick(2)
    bot.clock.at += 400
    bot.openai.add("in_progress")
    bot.tick()
    key = {"pk": {"S": f"batch#{batch['id']}"}, "sk": {"S": "record"}}
    bot.table.client.delete_item(TableName=bot.table.name, Key=key)

    bot.tick(3)

    assert bot.announced() == [f"{batch['id']}#failed"]


# The baseline


def test_what_ended_before_the_baseline_is_not_announced_and_one_message_says_what_is_open(bot: BotUnderTest) -> None:
    bot.add_ended(250)
    bot.openai.add("in_progress")

    bot.tick(3)

    [message] = bot.slack.messages
    assert ids_of(message.metadata)[0].endswith("#watching")
    assert "1 is running" in message.text
    assert "the 250 that had already ended are not posted" in message.text


@pytest.mark.parametrize(
    ("fault", "kind"), [(openai_faults.empty_page, Kind.NEXT_PAGE), (openai_faults.raw(NOTHING), Kind.FIRST_PAGE)]
)
def test_old_ends_that_the_server_shows_only_after_the_baseline_are_not_announced(
    bot: BotUnderTest, fault: Fault, kind: Kind
) -> None:
    bot.add_ended(150)
    bot.openai.faults.append(fault, on=kind)
    bot.tick(2)
    batch = bot.openai.add("failed")

    bot.tick(3)

    assert bot.announced() == [f"{batch['id']}#failed"]
    assert len(bot.texts()) == 2


def test_what_ends_while_the_baseline_takes_several_polls_is_announced_once(bot: BotUnderTest) -> None:
    bot.add_ended(100)
    batches = [bot.openai.add(created_at=int(bot.clock()) - 2 * HOUR_S * n)["id"] for n in (0, 1)]
    bot.request_s = 25
    bot.poll()
    bot.request_s = 0
    bot.openai.move(batches[0], "cancelled")
    bot.openai.move(batches[1], "completed")

    bot.tick(3)

    assert bot.announced() == [f"{batches[1]}#completed"]
    assert "the 100 that had already ended are not posted" in bot.texts()[0]


def test_an_end_soon_after_the_baseline_is_announced_though_our_clock_is_ahead(bot: BotUnderTest) -> None:
    bot.tick()
    behind = int(bot.clock()) - 200
    batch = bot.openai.add("failed", created_at=behind, failed_at=behind)

    bot.tick(2)

    assert bot.announced() == [f"{batch['id']}#failed"]


def test_of_another_project_what_ended_before_is_not_announced_and_the_first_ones_open_batches_are_kept(
    bot: BotUnderTest,
) -> None:
    kept = bot.add_open()
    rows = [row for row in bot.openai.batches if row["id"] == kept]
    bot.openai.remove(kept)
    bot.openai.project = "proj_b"
    bot.add_ended(1, age_s=100)
    other = bot.openai.add()["id"]
    bot.tick(80)
    bot.openai.move(other, "failed")
    bot.tick()
    bot.openai.project = "proj_test"
    bot.openai.add(rows[0])
    bot.openai.move(kept, "completed")

    bot.tick(3)

    assert bot.announced() == [f"{other}#failed", f"{kept}#completed"]
    assert sum("project" in each for each in bot.texts()) == 2


def test_what_is_open_at_another_address_of_the_server_is_tracked_there(bot: BotUnderTest) -> None:
    batch_id = bot.add_open()
    bot.openai.add("completed", created_at=int(bot.clock()))
    server = bot.config.server
    address = server.base_url.replace("127.0.0.1", "localhost")
    bot.configure(server=type(server)(address))
    bot.tick(2)
    bot.add_ended(250, age_s=-1)
    bot.clock.at += 700
    bot.tick(2)
    bot.openai.move(batch_id, "failed")

    bot.tick(2)

    assert [each for each in bot.announced() if batch_id in each] == [f"{batch_id}#failed"]
    assert sum("watching" in each for each in bot.texts()) == 2


# Open batches by id


def test_a_row_that_is_open_long_after_its_window_is_retrieved_by_id(bot: BotUnderTest) -> None:
    batch_id = bot.add_open()
    [bot.openai.stale[batch_id]] = bot.openai.batches
    bot.openai.move(batch_id, "expired")
    bot.clock.at += DAY_S

    bot.tick(3)

    assert bot.announced() == [f"{batch_id}#expired"]


def test_a_batch_that_is_unknown_for_an_hour_counts_as_deleted_until_it_is_listed_again(bot: BotUnderTest) -> None:
    batch_id = bot.add_open()
    [row] = bot.openai.batches
    bot.openai.remove(batch_id)
    bot.tick(30)
    bot.openai.add(row)
    bot.tick()
    bot.openai.remove(batch_id)

    bot.tick(59)
    before = bot.announced()
    bot.tick(20)
    requests = len(bot.openai.requests)
    bot.tick(10)
    requests_when_deleted = len(bot.openai.requests) - requests
    bot.openai.add(row)
    bot.tick()
    [record] = bot.table.items(f"batch#{batch_id}")
    bot.openai.move(batch_id, "completed")
    bot.tick(2)

    assert before == []
    assert requests_when_deleted == 10
    assert (record["status"], "ttl" in record) == ({"S": "in_progress"}, False)
    assert bot.announced() == [f"{batch_id}#gone", f"{batch_id}#completed"]


# Ends that a list shows without counts


def complete_without_counts(bot: BotUnderTest, batch_id: str, failed: int = 3) -> None:
    """Let the batch complete, and the list show that before it shows the counts."""
    row = bot.openai.move(batch_id, "completed", request_counts=counts(10, 10 - failed, failed))
    bot.openai.stale[batch_id] = row | {"request_counts": counts(0, 0, 0), "error_file_id": None}


@pytest.mark.parametrize(("failed", "announced"), [(3, 1), (0, 0)])
def test_a_team_that_wants_failures_only_hears_of_those_that_the_list_shows_late(
    bot: BotUnderTest, failed: int, announced: int
) -> None:
    bot.configure(notify_on=frozenset({"failed"}))
    batch_id = bot.add_open()
    complete_without_counts(bot, batch_id, failed)

    bot.tick(3)

    assert len(bot.announced()) == announced


@pytest.mark.parametrize("status", [429, 401, 404])
@pytest.mark.parametrize(("minutes", "says"), [(30, "3 of 10"), (75, "doesn’t say")])
def test_an_end_waits_an_hour_for_counts_that_cannot_be_had(
    bot: BotUnderTest, status: int, minutes: int, says: str
) -> None:
    bot.configure(notify_on=frozenset({"finalizing", "completed"}))
    batch_id = bot.add_open()
    complete_without_counts(bot, batch_id)
    fault = openai_faults.error(status, headers={"retry-after": "300"})
    bot.openai.faults.append(fault, on=Kind.RETRIEVE, times=minutes)
    bot.tick(min(minutes, 60))
    before = bot.announced()

    bot.tick(4)

    assert before == []
    assert bot.announced() == [f"{batch_id}#completed"]
    assert says in bot.texts()[-1]


# Lists that are not in order, or change while they are read


def test_one_misplaced_row_hides_nothing(bot: BotUnderTest) -> None:
    bot.tick()
    now = int(bot.clock())
    born = [bot.openai.add("failed", created_at=now + n // 10)["id"] for n in range(150)]
    misplaced = bot.openai.batches[99]["id"]
    bot.openai.mangle = lambda row: row | ({"created_at": 1, "failed_at": 1} if row["id"] == misplaced else {})

    bot.tick(4)

    assert sorted(bot.announced()) == sorted(f"{each}#failed" for each in born if each != misplaced)


@pytest.mark.parametrize("unknown_after", [After.REFUSED, After.EMPTY_PAGE, After.FIRST_PAGE])
@pytest.mark.parametrize(("request_s", "nth", "place"), [(0, 2, 99), (15, 4, 198), (15, 4, 199)])
def test_the_row_at_which_a_read_goes_on_may_be_deleted_meanwhile(
    bot: BotUnderTest, unknown_after: After, request_s: int, nth: int, place: int
) -> None:
    """With 15 s for a request a poll reads two pages, and the next one goes on behind them."""
    bot.openai.unknown_after = unknown_after
    bot.tick()
    now = int(bot.clock())
    born = {bot.openai.add("failed", created_at=now + n // 5)["id"] for n in range(330)}
    deleted = bot.openai.batches[place]["id"]
    requests = count(1)

    def delete_before_the_nth_request(afresh: bool) -> str:
        if next(requests) == nth:
            bot.openai.remove(deleted)
        bot.clock.sleep(request_s)
        return bot.key

    bot._key_in_time = delete_before_the_nth_request  # type: ignore[method-assign]
    bot.clock.at += 100
    bot.tick(10)

    assert set(bot.announced()) == {f"{each}#failed" for each in born}
    assert len(bot.announced()) == 330
    assert not bot.store().load_state().has_unread


@pytest.mark.parametrize("unknown_after", [After.NEVER_KNOWN, After.PROMISED])
def test_a_server_that_repeats_itself_is_stuck_until_it_shows_the_rest(bot: BotUnderTest, unknown_after: After) -> None:
    bot.add_ended(150)
    bot.openai.add()
    bot.openai.unknown_after = unknown_after

    results = [bot.poll() for _ in range(4)]
    bot.openai.unknown_after = After.REFUSED
    results += [bot.poll() for _ in range(2)]

    assert [each.is_stuck for each in results] == [True, True, True, True, False, False]
    assert [each.recorded for each in results] == [100, 0, 0, 0, 51, 0]


def test_a_list_that_begins_with_the_oldest_is_read_to_its_end_and_if_it_has_none_new_ones_cannot_be_seen(
    bot: BotUnderTest,
) -> None:
    bot.openai.dialect = replace(OPENAI, oldest_first=True)
    bot.add_ended(150)
    bot.tick()
    batch = bot.openai.add("failed")
    bot.tick(2)

    seen = bot.poll()
    bot.openai.unknown_after = After.NEVER_KNOWN
    unseen = bot.poll()

    assert bot.announced() == [f"{batch['id']}#failed"]
    bot.openai.dialect = replace(OPENAI, oldest_first=True, page=lambda page: {"data": page["data"]})
    untold = bot.poll()

    bot.openai.down = openai_faults.error(500)
    cut_short = bot.poll() and bot.store().load_state()

    assert (seen.hides_new, unseen.hides_new, untold.hides_new, cut_short.hides_new) == (False, True, True, True)
    assert "New ones cannot be seen" in str(bot.ask("status"))
    assert "batchbell doctor --team search" in str(bot.ask("status"))


@pytest.mark.parametrize("scale", [None, 10**6, 10**9])
def test_ends_without_times_or_in_finer_units_are_not_announced_if_they_were_there_at_installation(
    bot: BotUnderTest, scale: int | None
) -> None:
    def rescaled(row: Row) -> Row:
        times = {name: at for name, at in row.items() if name.endswith("_at") and at}
        return row | {name: at * scale if scale else None for name, at in times.items()}

    bot.openai.mangle = rescaled
    bot.add_ended(3)
    bot.tick(2)
    batch = bot.openai.add("failed")

    bot.tick(2)

    assert bot.announced() == [f"{batch['id']}#failed"]


def test_a_batch_that_is_retrieved_under_another_id_is_announced_once_under_the_listed_one(bot: BotUnderTest) -> None:
    batch_id = bot.add_open()
    bot.openai.unlisted.add(batch_id)
    bot.openai.mangle = lambda row: row | {"id": "another"}
    bot.openai.move(batch_id, "failed")

    bot.tick(3)

    assert bot.announced() == [f"{batch_id}#failed"]


@pytest.mark.parametrize("rows", [100, 120])
def test_a_list_that_begins_with_the_oldest_and_says_that_it_ends_hides_nothing(bot: BotUnderTest, rows: int) -> None:
    bot.openai.dialect = replace(OPENAI, oldest_first=True)
    bot.add_ended(rows)

    assert [bot.poll().hides_new for _ in range(2)] == [False, False]


def test_a_list_that_begins_with_the_oldest_and_takes_several_polls_is_read_to_its_end(bot: BotUnderTest) -> None:
    bot.openai.dialect = replace(OPENAI, oldest_first=True)
    bot.add_ended(700)
    bot.request_s = 12
    bot.poll()
    batch = bot.openai.add("failed")

    bot.tick(5)

    assert bot.announced() == [f"{batch['id']}#failed"]


@pytest.mark.parametrize("is_listed", [True, False])
def test_of_a_batch_that_is_too_large_what_was_seen_earlier_is_kept(bot: BotUnderTest, is_listed: bool) -> None:
    bot.configure(metadata_filter=(("team", frozenset({"search"})),))
    batch_id = bot.openai.add(metadata={"team": "search"})["id"]
    bot.tick()
    complete_without_counts(bot, batch_id)
    bot.openai.unlisted |= set() if is_listed else {batch_id}
    head = b'{"id": "%s", "status": "completed", "results": ["' % batch_id.encode()
    bot.openai.faults.append(openai_faults.raw(head + b"x" * (33 * 2**20) + b'"]}'), on=Kind.RETRIEVE)

    bot.tick(3)

    assert bot.announced() == [f"{batch_id}#completed"]


def test_an_end_whose_batch_is_too_large_to_be_retrieved_is_announced_without_what_could_not_be_read(
    bot: BotUnderTest,
) -> None:
    batch_id = bot.add_open()
    complete_without_counts(bot, batch_id)
    large = openai_faults.raw(b'{"results": ["' + b"x" * (33 * 2**20) + b'"]}')
    bot.openai.faults.append(large, on=Kind.RETRIEVE, times=9)

    bot.tick(3)

    assert bot.announced() == [f"{batch_id}#completed"]
    assert sum(request.kind is Kind.RETRIEVE for request in bot.openai.requests) == 1


def test_a_row_that_shows_up_late_is_announced_also_at_a_server_that_repeats_itself(bot: BotUnderTest) -> None:
    bot.openai.unknown_after, bot.openai.down = After.NEVER_KNOWN, openai_faults.short_pages(2)
    for age_s in (700, 500, 0):
        bot.openai.add(created_at=int(bot.clock()) - age_s)
    bot.tick()
    late = bot.openai.add("failed", created_at=int(bot.clock()) - 200)

    bot.tick(3)

    assert bot.announced() == [f"{late['id']}#failed"]


@pytest.mark.parametrize("unknown_after", list(After))
def test_an_open_batch_that_sinks_far_down_the_list_is_tracked_until_it_ends(
    bot: BotUnderTest, unknown_after: After
) -> None:
    batch_id = bot.add_open()
    bot.openai.unknown_after = unknown_after
    for _ in range(250):
        bot.openai.add("cancelled", created_at=int(bot.clock()) + 1)
    bot.tick(2)
    bot.openai.move(batch_id, "expired")

    bot.tick(2)

    assert bot.announced() == [f"{batch_id}#expired"]


@pytest.mark.parametrize("unknown_after", [After.EMPTY_PAGE, After.FIRST_PAGE, After.REFUSED])
def test_the_place_where_a_poll_stopped_is_gone_at_the_next_poll(bot: BotUnderTest, unknown_after: After) -> None:
    bot.tick()
    begin = int(bot.clock())
    bot.clock.at += 1200
    ids = [str(bot.openai.add("failed", created_at=begin + 10 * n)["id"]) for n in range(120)]
    bot.openai.faults.append(openai_faults.error(500), on=Kind.NEXT_PAGE, times=5)
    bot.poll()
    bot.openai.remove(ids[-99])
    bot.openai.unknown_after = unknown_after

    bot.tick(5)

    assert sorted(bot.announced()) == sorted(f"{each}#failed" for each in ids)


def test_what_a_page_shows_is_recorded_even_if_it_is_not_the_page_that_was_asked_for(bot: BotUnderTest) -> None:
    bot.tick()
    begin = int(bot.clock())
    bot.clock.at += 1200
    for n in range(120):
        bot.openai.add("failed", created_at=begin + 10 * n)
    bot.openai.faults.append(openai_faults.error(500), on=Kind.NEXT_PAGE, times=5)
    bot.poll()
    bot.openai.unknown_after = After.NEVER_KNOWN
    new = str(bot.openai.add("failed")["id"])
    bot.openai.faults.append(openai_faults.raw(NOTHING), on=Kind.FIRST_PAGE)

    bot.poll()

    assert bot.store().find(new)
