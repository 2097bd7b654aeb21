"""Stories on real wires: a batch ends, and the channel hears of it once."""

from itertools import pairwise

import pytest

from batchbell.domain.watch import LONG_STOP_S
from local import openai_faults, slack_faults
from local.openai_faults import Kind
from local.openai_rows import counts
from tests.bot import BotUnderTest, ids_of, told_and_forgotten
from tests.builders import DAY_S, a_policy


def test_a_batch_that_ends_is_announced_once(bot: BotUnderTest) -> None:
    bot.tick()
    batch = bot.openai.add()
    bot.tick()
    bot.openai.move(batch["id"], "completed")

    bot.tick(3)

    assert bot.announced() == [f"{batch['id']}#completed"]


@pytest.mark.parametrize("status", ["completed", "failed", "expired"])
def test_a_batch_that_is_born_and_ends_between_two_polls_is_announced_once(
    bot: BotUnderTest, status: str
) -> None:
    bot.tick()
    batch = bot.openai.add(status, created_at=int(bot.clock()))

    bot.tick(3)

    assert bot.announced() == [f"{batch['id']}#{status}"]


def test_history_is_not_announced_and_one_message_says_what_is_watched(bot: BotUnderTest) -> None:
    for age in range(250):
        bot.openai.add("completed", created_at=int(bot.clock()) - 9000 - 60 * age, completed_at=1)
    bot.openai.add("in_progress")

    bot.tick(3)

    [message] = bot.slack.messages
    assert ids_of(message.metadata)[0].endswith("#watching")
    assert "1 batch is open" in message.text


def test_history_that_the_server_shows_only_after_the_baseline_is_not_announced(bot: BotUnderTest) -> None:
    for age in range(150):
        at = int(bot.clock()) - 3600 - age
        bot.openai.add("completed", created_at=at - 60, completed_at=at)
    bot.openai.faults.append(openai_faults.empty_page, on=Kind.NEXT_PAGE)

    bot.tick(3)

    assert bot.announced() == []
    assert len(bot.texts()) == 1


def test_only_what_had_ended_before_it_was_met_counts_as_history(bot: BotUnderTest) -> None:
    for age in range(250):
        bot.openai.add("completed", created_at=int(bot.clock()) - 3600 - age, completed_at=1)
    batch = bot.openai.add()
    bot.request_s = 25
    bot.poll()
    bot.openai.move(batch["id"], "cancelled")
    bot.request_s = 0

    bot.tick()

    assert "250 batches had ended before" in str(bot.slack.messages[0].attachments)


def test_once_the_channel_is_told_nothing_counts_as_history_any_more(bot: BotUnderTest) -> None:
    bot.openai.add("completed", created_at=int(bot.clock()) - 3600, completed_at=1)
    bot.tick()
    batch = bot.openai.add()
    bot.tick()
    bot.openai.move(batch["id"], "cancelled")
    born = bot.openai.add("cancelled")
    bot.tick()

    watch = bot.batches().load_watch()

    assert watch is not None
    assert born["id"] in watch.watched
    assert watch.baseline_ended == 1


def test_what_ends_while_the_baseline_is_taken_is_announced_once(bot: BotUnderTest) -> None:
    batches = [bot.openai.add(created_at=int(bot.clock()) - age) for age in range(250)]
    bot.poll(time_s=3.5)
    bot.openai.move(batches[200]["id"], "completed")

    bot.tick(3)

    assert bot.announced() == [f"{batches[200]['id']}#completed"]


def test_a_batch_that_is_cancelled_is_announced_if_the_team_wants_it(bot: BotUnderTest) -> None:
    bot.policy = a_policy("cancelled", "in_progress")
    bot.tick()
    batch = bot.openai.add("in_progress")
    bot.tick()
    bot.openai.move(batch["id"], "cancelling")
    bot.tick()
    bot.openai.move(batch["id"], "cancelled")

    bot.tick()

    assert bot.announced() == [f"{batch['id']}#in_progress", f"{batch['id']}#cancelled"]


def test_an_open_status_that_comes_back_is_announced_once(bot: BotUnderTest) -> None:
    bot.policy = a_policy("in_progress")
    bot.tick()
    batch = bot.openai.add("in_progress")
    for status in ("finalizing", "in_progress", "finalizing", "in_progress"):
        bot.tick()
        bot.openai.move(batch["id"], status)

    bot.tick()

    assert bot.announced() == [f"{batch['id']}#in_progress"]


def test_wanting_more_later_announces_nothing_old(bot: BotUnderTest) -> None:
    bot.policy = a_policy("failed")
    bot.tick()
    bot.openai.add("completed", created_at=int(bot.clock()))
    bot.tick()
    bot.policy = a_policy("completed", "failed")

    bot.tick(3)

    assert bot.announced() == []


def test_a_burst_of_120_ends_comes_in_at_most_15_messages_that_name_every_batch(
    bot: BotUnderTest,
) -> None:
    bot.tick()
    batches = [bot.openai.add() for _ in range(120)]
    bot.tick()
    before = len(bot.slack.messages)
    for batch in batches:
        bot.openai.move(batch["id"], "completed")

    bot.tick(2)

    messages = bot.slack.messages[before:]
    assert len(messages) <= 15
    assert sorted(bot.announced()) == sorted(f"{each['id']}#completed" for each in batches)
    shown = str([(each.text, each.attachments) for each in messages])
    assert all(batch["id"] in shown for batch in batches)


def test_a_burst_that_has_no_room_in_one_run_counts_as_nothing_that_slack_did_not_take(
    bot: BotUnderTest,
) -> None:
    bot.tick()
    for _ in range(60):
        bot.openai.add("failed", created_at=int(bot.clock()))
    bot.poll()

    result = bot.deliver(time_s=2)

    assert 0 < result.delivered < 60
    assert result.stopped_by is not None
    assert result.not_taken is None


@pytest.mark.parametrize(
    ("fault", "not_taken"),
    [
        (slack_faults.ratelimited("1"), None),
        (slack_faults.ratelimited("90"), "chat.postMessage: ratelimited"),
        (slack_faults.error("fatal_error"), "chat.postMessage: fatal_error"),
    ],
)
def test_what_slack_did_not_take_in_a_run_is_told_by_its_own_word(
    bot: BotUnderTest, fault: slack_faults.Fault, not_taken: str | None
) -> None:
    bot.poll()
    bot.slack.faults["chat.postMessage"].append(fault)

    assert bot.deliver().not_taken == not_taken


def test_no_two_messages_of_one_channel_come_within_a_second(bot: BotUnderTest) -> None:
    bot.tick()
    for _ in range(5):
        bot.openai.add("failed", created_at=int(bot.clock()))

    bot.tick(2)

    times = [each.at for each in bot.slack.messages]
    assert len(times) == 6
    assert all(late - early >= 1 for early, late in pairwise(times))


def test_a_completed_batch_without_counts_is_asked_for_by_id_before_it_is_announced(
    bot: BotUnderTest,
) -> None:
    bot.tick()
    batch = bot.openai.add("completed", created_at=int(bot.clock()))
    bot.openai.mangle = lambda row: row | {"request_counts": None}

    bot.tick()

    assert [each.path for each in bot.openai.requests][-1].endswith(batch["id"])
    assert bot.announced() == [f"{batch['id']}#completed"]
    assert "not known" in bot.texts()[-1]


def test_an_open_batch_that_the_list_no_longer_shows_is_asked_for_by_id(bot: BotUnderTest) -> None:
    bot.tick()
    batch = bot.openai.add()
    bot.tick()
    bot.openai.unlisted.add(batch["id"])
    bot.openai.move(batch["id"], "completed")

    bot.tick(2)

    assert bot.announced() == [f"{batch['id']}#completed"]


def test_an_old_open_batch_is_watched_until_it_ends(bot: BotUnderTest) -> None:
    batch = bot.openai.add("in_progress", created_at=int(bot.clock()) - DAY_S)
    for age in range(300):
        bot.openai.add("completed", created_at=int(bot.clock()) - 3600 - age, completed_at=1)
    bot.tick(2)
    bot.openai.move(batch["id"], "expired")

    bot.tick(2)

    assert bot.announced() == [f"{batch['id']}#expired"]


def test_a_batch_that_the_server_does_not_know_for_an_hour_is_gone_and_told_once(
    bot: BotUnderTest,
) -> None:
    bot.tick()
    batch = bot.openai.add()
    bot.tick()
    bot.openai.remove(batch["id"])

    bot.tick(59)
    before = bot.announced()
    bot.tick(100)

    assert before == []
    assert bot.announced() == [f"{batch['id']}#gone"]


def test_a_gone_batch_that_is_listed_again_comes_back_to_life(bot: BotUnderTest) -> None:
    bot.tick()
    batch = bot.openai.add()
    bot.tick()
    bot.openai.remove(batch["id"])
    bot.tick(70)
    bot.openai.add(batch)
    bot.openai.move(batch["id"], "completed")

    bot.tick(2)

    assert bot.announced() == [f"{batch['id']}#gone", f"{batch['id']}#completed"]


def test_a_row_listed_as_open_long_after_its_window_is_asked_for_by_id(bot: BotUnderTest) -> None:
    bot.tick()
    batch = bot.openai.add()
    bot.tick()
    bot.openai.stale[batch["id"]] = batch
    bot.openai.move(batch["id"], "expired")
    bot.clock.at += DAY_S

    bot.tick(3)

    assert bot.announced() == [f"{batch['id']}#expired"]


def test_an_end_is_not_announced_again_when_its_record_has_been_deleted(bot: BotUnderTest) -> None:
    bot.tick()
    batch = bot.openai.add("failed", created_at=int(bot.clock()))
    bot.tick()
    bot.openai.add("in_progress")
    bot.tick()
    bot.clock.at += 400
    bot.openai.add("in_progress")
    bot.tick()
    key = {"pk": {"S": f"batch#{batch['id']}"}, "sk": {"S": "record"}}
    bot.table.client.delete_item(TableName=bot.table.name, Key=key)

    bot.tick(3)

    assert bot.announced() == [f"{batch['id']}#failed"]


def test_an_end_older_than_the_retention_is_never_announced(bot: BotUnderTest) -> None:
    bot.policy = a_policy(retention_s=DAY_S)
    bot.tick()
    batch = bot.openai.add()
    bot.tick()
    bot.openai.move(batch["id"], "failed")
    bot.clock.at += 2 * DAY_S

    bot.tick(2)

    assert bot.announced() == []


def test_after_a_restore_of_the_table_what_was_announced_is_found_and_not_repeated(
    bot: BotUnderTest,
) -> None:
    bot.tick()
    batches = [bot.openai.add() for _ in range(8)]
    bot.tick()
    backup = bot.table.items()
    for batch in batches[:7]:
        bot.openai.move(batch["id"], "completed")
    bot.tick()
    bot.clock.at += LONG_STOP_S
    bot.openai.move(batches[7]["id"], "failed")
    bot.table.restore(backup)

    bot.tick(3)

    expected = [f"{each['id']}#completed" for each in batches[:7]] + [f"{batches[7]['id']}#failed"]
    assert sorted(bot.announced()) == sorted(expected)


def test_a_restore_to_before_the_first_good_poll_repeats_nothing(bot: BotUnderTest) -> None:
    bot.openai.down = openai_faults.error(500)
    bot.tick()
    bot.openai.down = None
    backup = bot.table.items()
    bot.tick()
    batch = bot.openai.add("failed", created_at=int(bot.clock()))
    bot.tick()
    bot.clock.at += LONG_STOP_S
    bot.table.restore(backup)

    bot.tick(3)

    assert bot.announced() == [f"{batch['id']}#failed"]
    assert len(bot.texts()) == 2


def test_after_a_restore_also_what_a_later_poll_meets_is_looked_for(bot: BotUnderTest) -> None:
    bot.tick()
    backup = bot.table.items()
    for _ in range(101):
        bot.openai.add("failed", created_at=int(bot.clock()))
    bot.tick(2)
    bot.clock.at += LONG_STOP_S
    bot.table.restore(backup)
    bot.request_s = 58
    bot.poll()
    bot.request_s = 0

    bot.tick(3)

    assert len(bot.announced()) == len(set(bot.announced())) == 101


def test_a_restore_repeats_nothing_of_a_server_that_does_not_say_when_batches_ended(
    bot: BotUnderTest,
) -> None:
    bot.openai.mangle = lambda row: row | {"completed_at": None}
    batch_id = told_and_forgotten(bot, 2 * LONG_STOP_S)

    bot.tick(3)

    assert bot.announced() == [f"{batch_id}#completed"]


def test_a_restore_does_not_repeat_that_a_batch_is_gone(bot: BotUnderTest) -> None:
    bot.tick()
    batch = bot.openai.add()
    bot.tick()
    backup = bot.table.items()
    bot.openai.remove(batch["id"])
    bot.tick(70)
    bot.clock.at += LONG_STOP_S
    bot.table.restore(backup)

    bot.tick(70)

    assert bot.announced() == [f"{batch['id']}#gone"]


def test_the_key_of_another_project_announces_nothing_of_it_and_says_so_once(
    bot: BotUnderTest,
) -> None:
    bot.tick()
    old = bot.openai.add()
    bot.tick()
    bot.openai.remove(old["id"])
    bot.openai.project = "proj_other"
    bot.openai.add("completed", created_at=int(bot.clock()) - 100)
    watched = bot.openai.add()

    bot.tick(80)
    before = bot.announced()
    bot.openai.move(watched["id"], "completed")
    bot.tick()

    assert before == []
    assert bot.announced() == [f"{watched['id']}#completed"]
    assert sum("project" in each for each in bot.texts()) == 1


def test_another_base_url_is_another_world(bot: BotUnderTest) -> None:
    bot.tick()
    bot.openai.add("completed", created_at=int(bot.clock()))
    bot.base_url = bot.openai.base_url.replace("127.0.0.1", "localhost")

    bot.tick(2)

    assert bot.announced() == []
    assert len(bot.texts()) == 2


def test_a_quiet_poll_asks_openai_once_and_the_table_three_times(bot: BotUnderTest) -> None:
    for age in range(300):
        bot.openai.add("completed", created_at=int(bot.clock()) - 3600 - age, completed_at=1)
    for _ in range(50):
        bot.openai.add()
    bot.tick(2)
    bot.openai.requests.clear()
    bot.slack.calls.clear()
    bot.table.calls.clear()
    bot.clock.at += 60

    bot.deliver()
    bot.poll()

    assert len(bot.openai.requests) == 1
    assert bot.table.calls == ["Query", "BatchGetItem", "PutItem"]
    assert bot.slack.calls == []


def shows_no_counts(bot: BotUnderTest, batch_id: str, failed: int) -> None:
    """The batch completes, and the list shows that before it shows the counts."""
    row = bot.openai.move(batch_id, "completed", request_counts=counts(10, 10 - failed, failed))
    bot.openai.stale[batch_id] = row | {"request_counts": counts(0, 0, 0), "error_file_id": None}


@pytest.mark.parametrize(("failed", "announced"), [(3, 1), (0, 0)])
def test_who_wants_failures_only_hears_of_those_that_the_list_shows_late(
    bot: BotUnderTest, failed: int, announced: int
) -> None:
    bot.policy = a_policy("failed")
    bot.tick()
    batch = bot.openai.add()
    bot.tick()
    shows_no_counts(bot, batch["id"], failed)

    bot.tick(3)

    assert len(bot.announced()) == announced


@pytest.mark.parametrize(
    "fault",
    [
        openai_faults.error(429, headers={"retry-after": "300"}),
        openai_faults.error(401),
        openai_faults.error(404),
    ],
)
@pytest.mark.parametrize("stopped_s", [0, 2 * LONG_STOP_S])
def test_an_end_waits_for_its_counts_while_they_cannot_be_had(
    bot: BotUnderTest, fault: openai_faults.Fault, stopped_s: int
) -> None:
    bot.tick()
    batch = bot.openai.add()
    bot.tick()
    shows_no_counts(bot, batch["id"], failed=3)
    bot.clock.at += stopped_s
    bot.openai.faults.append(fault, on=Kind.RETRIEVE)
    bot.tick()
    before = bot.announced()

    bot.tick(2)

    assert before == []
    assert bot.announced() == [f"{batch['id']}#completed"]
    assert "3 of 10" in bot.texts()[-1]


def test_an_end_without_counts_is_not_taken_for_told_by_a_watch_that_is_behind(bot: BotUnderTest) -> None:
    bot.tick()
    batch = bot.openai.add()
    bot.tick()
    behind = bot.table.items("watch")
    shows_no_counts(bot, batch["id"], failed=3)
    bot.openai.faults.append(openai_faults.error(401), on=Kind.RETRIEVE)
    bot.tick()
    records = [item for item in bot.table.items() if item["pk"]["S"] != "watch"]
    bot.table.restore([*records, *behind])
    bot.openai.faults.append(openai_faults.error(400), on=Kind.RETRIEVE)
    bot.openai.faults.append(openai_faults.error(401), on=Kind.RETRIEVE)

    bot.tick(3)

    assert bot.announced() == [f"{batch['id']}#completed"]
    assert "3 of 10" in bot.texts()[-1]


def test_a_status_that_only_stands_in_for_an_end_without_counts_is_not_announced(
    bot: BotUnderTest,
) -> None:
    bot.policy = a_policy("finalizing", "completed")
    bot.tick()
    batch = bot.openai.add()
    bot.tick()
    shows_no_counts(bot, batch["id"], failed=3)
    bot.openai.faults.append(openai_faults.error(401), on=Kind.RETRIEVE)

    bot.tick(3)

    assert bot.announced() == [f"{batch['id']}#completed"]


def test_history_of_a_server_without_creation_times_is_not_announced(bot: BotUnderTest) -> None:
    bot.openai.mangle = lambda row: row | {"created_at": None}
    now = int(bot.clock())
    bot.openai.add("completed", created_at=now - 9000, completed_at=now - 8000)

    bot.tick(2)
    batch = bot.openai.add("failed")
    bot.tick(3)

    assert bot.announced() == [f"{batch['id']}#failed"]


def test_an_end_soon_after_the_installation_is_announced_though_our_clock_is_ahead(
    bot: BotUnderTest,
) -> None:
    bot.tick()
    behind = int(bot.clock()) - 200
    batch = bot.openai.add("failed", created_at=behind, failed_at=behind)

    bot.tick(2)

    assert bot.announced() == [f"{batch['id']}#failed"]


def test_what_ends_while_a_wrong_server_is_watched_is_announced_afterwards(
    bot: BotUnderTest,
) -> None:
    bot.tick()
    batch = bot.openai.add()
    bot.tick()
    bot.base_url = "http://127.0.0.1:9/v1"
    bot.tick(2)
    bot.openai.move(batch["id"], "failed")
    bot.base_url = None

    bot.tick(3)

    assert bot.announced() == [f"{batch['id']}#failed"]


def test_a_record_of_a_batch_that_came_back_to_life_does_not_expire(bot: BotUnderTest) -> None:
    bot.tick()
    batch = bot.openai.add()
    bot.tick()
    bot.slack.channels[bot.channel] = "not_in_channel"
    bot.openai.remove(batch["id"])
    bot.tick(64)
    bot.openai.add(batch)
    bot.tick(2)
    bot.slack.channels[bot.channel] = None
    bot.tick(7)

    [record] = bot.table.items(f"batch#{batch['id']}")

    assert bot.announced() == [f"{batch['id']}#gone"]
    assert (record["status"], "ttl" in record) == ({"S": "in_progress"}, False)
