"""Faults on real wires: whatever fails, is slow or dies, an end is announced once."""

from collections.abc import Callable
from contextlib import suppress

import pytest

from batchbell.domain.delivery import GIVE_UP_LOOKING_S
from batchbell.domain.watch import Watch
from local import openai_faults, slack_faults
from local.openai_faults import Cut, Fault, Kind
from local.openai_simulator import After
from tests.bot import BotUnderTest, told_and_forgotten
from tests.builders import DAY_S, a_policy
from tests.tables import cut_after, cut_before, throttled

POST, HISTORY = "chat.postMessage", "conversations.history"


def one_end(bot: BotUnderTest, status: str = "completed") -> list[str]:
    """A batch that ends after the bot has seen it, and what is then to be announced."""
    bot.tick(2)
    batch = bot.openai.add()
    bot.tick()
    bot.openai.move(batch["id"], status)
    return [f"{batch['id']}#{status}"]


def nothing_is_left(bot: BotUnderTest) -> bool:
    return [item["sk"]["S"] for item in bot.table.items("outbox")] in ([], [f"lane#{bot.channel}"])


# OpenAI


@pytest.mark.parametrize(
    "fault",
    [
        openai_faults.error(500),
        openai_faults.error(503, headers={"retry-after": "7"}),
        openai_faults.error(429, headers={"retry-after": "300"}),
        openai_faults.error(408),
        openai_faults.error(401),
        openai_faults.error(403),
        openai_faults.error(400),
        openai_faults.html(502),
        openai_faults.html(200),
        openai_faults.raw({"data": "no list"}),
        openai_faults.raw(b"{"),
        openai_faults.cut(Cut.BEFORE_HEAD),
        openai_faults.cut(Cut.WITHIN_BODY),
        openai_faults.redirect("https://example.com/"),
        openai_faults.empty_page,
    ],
)
def test_openai_may_be_down_in_any_way(bot: BotUnderTest, fault: Fault) -> None:
    expected = one_end(bot)
    bot.openai.down = fault
    bot.tick(3)
    before = bot.announced()
    bot.openai.down = None

    bot.tick(3)

    assert before == []
    assert bot.announced() == expected


@pytest.mark.parametrize("fault", [openai_faults.error(500), openai_faults.error(404), openai_faults.html()])
def test_what_page_one_showed_is_kept_when_page_two_fails(bot: BotUnderTest, fault: Fault) -> None:
    for age in range(250):
        bot.openai.add("completed", created_at=int(bot.clock()) - 3600 - age, completed_at=1)
    old = bot.openai.add("in_progress", created_at=int(bot.clock()) - 7200)
    expected = one_end(bot)
    bot.openai.faults.append(fault, on=Kind.NEXT_PAGE, times=50)

    bot.tick()
    while_failing = bot.announced()
    bot.openai.move(old["id"], "failed")
    bot.tick(60)

    assert while_failing == expected
    assert bot.announced() == [*expected, f"{old['id']}#failed"]


def test_a_server_that_shows_the_same_page_for_ever_loses_nothing(bot: BotUnderTest) -> None:
    for age in range(150):
        bot.openai.add("completed", created_at=int(bot.clock()) - 3600 - age, completed_at=1)
    old = bot.openai.add("in_progress", created_at=int(bot.clock()) - 7200)
    bot.tick(2)
    bot.openai.unknown_after = After.NEVER_KNOWN
    born = bot.openai.add("failed", created_at=int(bot.clock()))
    bot.openai.move(old["id"], "completed")

    bot.tick(5)

    assert sorted(bot.announced()) == sorted([f"{born['id']}#failed", f"{old['id']}#completed"])


@pytest.mark.parametrize("spoilt", [{"status": None}, {"id": "x" * 600}, {"id": None, "status": 7}])
def test_a_row_that_cannot_be_read_or_stored_does_not_stop_the_others(
    bot: BotUnderTest, spoilt: dict[str, object]
) -> None:
    bot.tick()
    good = bot.openai.add("failed", created_at=int(bot.clock()))
    bad = bot.openai.add("failed", created_at=int(bot.clock()))
    bot.openai.mangle = lambda row: row | (spoilt if row["id"] == bad["id"] else {})
    bot.clock.at += 60

    result = bot.poll()
    bot.tick()

    assert len(result.unreadable) == 1
    assert bot.announced() == [f"{good['id']}#failed"]


@pytest.mark.parametrize("unknown_after", [After.REFUSED, After.EMPTY_PAGE, After.FIRST_PAGE])
def test_the_row_at_which_a_walk_goes_on_may_be_deleted(bot: BotUnderTest, unknown_after: After) -> None:
    bot.openai.unknown_after = unknown_after
    bot.tick()
    born = [bot.openai.add("failed", created_at=int(bot.clock()) + n % 50) for n in range(230)]
    bot.clock.at += 100
    bot.request_s = 25
    bot.poll()
    [leg] = load_watch(bot).position.unread
    bot.openai.remove(str(leg.after))
    bot.request_s = 0

    bot.tick(6)

    assert sorted(bot.announced()) == sorted(f"{each['id']}#failed" for each in born)
    assert load_watch(bot).position.unread == ()


def load_watch(bot: BotUnderTest) -> Watch:
    watch = bot.batches().load_watch()
    assert watch is not None
    return watch


def test_an_outage_longer_than_one_poll_can_read_back_is_worked_off(bot: BotUnderTest) -> None:
    bot.tick()
    start = int(bot.clock())
    born = [bot.openai.add("failed", created_at=start + 2 * n) for n in range(230)]
    bot.clock.at += 3 * 3600
    bot.request_s = 25

    bot.tick()
    after_one = len(bot.announced())
    bot.tick(5)

    assert 0 < after_one < 230
    assert sorted(bot.announced()) == sorted(f"{each['id']}#failed" for each in born)


def test_a_wrong_key_is_told_once_and_once_more_when_it_works_again(bot: BotUnderTest) -> None:
    expected = one_end(bot)
    bot.key = "sk-wrong"
    bot.tick()
    after_one = len(bot.texts())
    bot.tick(5)
    after_six = len(bot.texts())
    bot.key = bot.openai.key

    bot.tick(3)

    assert (after_one, after_six) == (1, 2)
    assert "refuse" in bot.texts()[1]
    assert len(bot.texts()) == 4
    assert bot.announced() == expected


def test_one_refusal_alone_is_not_told(bot: BotUnderTest) -> None:
    bot.tick()
    bot.openai.down = openai_faults.error(401)
    bot.tick()
    bot.openai.down = None

    bot.tick(3)

    assert len(bot.texts()) == 1


def test_the_list_fails_for_weeks_and_nothing_is_lost(bot: BotUnderTest) -> None:
    expected = one_end(bot)
    bot.openai.down = openai_faults.error(500)
    bot.tick(3)
    bot.clock.at += 20 * DAY_S
    bot.openai.down = None

    bot.tick(3)

    assert bot.announced() == expected
    assert "late" in bot.texts()[-1]


# Slack


@pytest.mark.parametrize(
    "fault",
    [
        slack_faults.ratelimited("30"),
        slack_faults.ratelimited(None),
        slack_faults.DROPPED,
        slack_faults.REPLY_LOST,
        slack_faults.SILENT,
        slack_faults.lands_late(20),
        slack_faults.error("fatal_error"),
        slack_faults.error("fatal_error", takes_effect=True),
        slack_faults.error("internal_error", 500, takes_effect=True),
        slack_faults.error("never_heard_of"),
        slack_faults.error("never_heard_of", takes_effect=True),
        slack_faults.html(502),
        slack_faults.error("not_in_channel"),
        slack_faults.error("token_revoked"),
        slack_faults.error("invalid_blocks"),
    ],
)
def test_slack_may_fail_once_in_any_way(bot: BotUnderTest, fault: slack_faults.Fault) -> None:
    expected = one_end(bot)
    bot.slack.faults[POST].append(fault)

    bot.tick(10)

    assert bot.announced() == expected
    assert nothing_is_left(bot)


@pytest.mark.parametrize(
    "fault",
    [
        slack_faults.ratelimited("30"),
        slack_faults.DROPPED,
        slack_faults.error("fatal_error"),
        slack_faults.html(502),
        slack_faults.error("account_inactive"),
        slack_faults.error("channel_not_found"),
    ],
)
def test_slack_may_be_down_for_hours(bot: BotUnderTest, fault: slack_faults.Fault) -> None:
    expected = one_end(bot)
    bot.slack.down = fault
    bot.tick(5)
    bot.clock.at += 3 * 3600
    bot.tick(2)
    bot.slack.down = None

    bot.tick(20)

    assert bot.announced() == expected
    assert nothing_is_left(bot)


def test_an_unclear_message_that_the_history_cannot_show_is_repeated_once_and_says_so(
    bot: BotUnderTest,
) -> None:
    bot.slack.scopes.discard("channels:history")
    expected = one_end(bot)
    bot.slack.faults[POST].append(slack_faults.REPLY_LOST)

    bot.tick(10)

    assert bot.announced() == expected * 2
    assert "repeat" not in bot.texts()[-2]
    assert "may be a repeat" in bot.texts()[-1]
    assert nothing_is_left(bot)


def test_a_repeat_of_unclear_outcome_is_parked_until_the_history_can_be_read(
    bot: BotUnderTest,
) -> None:
    bot.slack.scopes.discard("channels:history")
    expected = one_end(bot)
    bot.slack.faults[POST] += [slack_faults.REPLY_LOST, slack_faults.REPLY_LOST]

    bot.tick(30)
    parked = bot.deliver().parked
    bot.slack.scopes.add("channels:history")
    bot.tick(10)

    assert parked == 1
    assert bot.announced() == expected * 2
    assert nothing_is_left(bot)


def test_a_message_in_doubt_when_the_token_is_revoked_is_looked_for_with_the_next_one(
    bot: BotUnderTest,
) -> None:
    expected = one_end(bot)
    bot.slack.faults[POST].append(slack_faults.REPLY_LOST)
    bot.tick()
    bot.slack.down = slack_faults.error("token_revoked")
    bot.tick(3)
    bot.slack.down = None

    bot.tick(10)

    assert bot.announced() == expected
    assert nothing_is_left(bot)


def test_a_channel_that_shows_a_message_in_doubt_is_blocked_no_longer(bot: BotUnderTest) -> None:
    expected = one_end(bot)
    bot.slack.faults[POST].append(slack_faults.REPLY_LOST)
    bot.tick()
    bot.outbox().block(bot.channel, "chat.postMessage: not_in_channel", bot.clock())

    bot.tick()

    assert bot.announced() == expected
    assert bot.outbox().read(bot.channel).lane.blocked is None


def test_a_message_in_doubt_is_given_up_once_its_batch_has_ended(bot: BotUnderTest) -> None:
    bot.policy = a_policy("finalizing", "completed")
    bot.tick(2)
    batch = bot.openai.add()
    bot.tick()
    bot.openai.move(batch["id"], "finalizing")
    bot.slack.faults[POST].append(slack_faults.DROPPED)
    bot.tick(after_s=1)
    bot.openai.move(batch["id"], "completed")
    bot.poll()

    bot.tick(5)

    assert bot.announced() == [f"{batch['id']}#completed"]
    assert nothing_is_left(bot)


def test_a_message_in_doubt_is_not_looked_for_in_vain_when_no_time_is_left(bot: BotUnderTest) -> None:
    expected = one_end(bot)
    bot.slack.faults[POST].append(slack_faults.REPLY_LOST)
    bot.tick()
    bot.clock.at += 60

    stopped_by, found = bot.deliver(time_s=2).stopped_by, bot.deliver().found

    assert (stopped_by, found) == ("no time is left", 1)
    assert bot.announced() == expected


def test_refusals_for_now_do_not_make_a_later_doubt_wait_longer(bot: BotUnderTest) -> None:
    expected = one_end(bot)
    bot.slack.faults[POST] += [slack_faults.ratelimited("1")] * 7 + [slack_faults.DROPPED]

    bot.tick(4)

    assert bot.announced() == expected


def test_a_message_in_doubt_that_was_looked_for_in_vain_is_looked_for_again_before_a_later_post(
    bot: BotUnderTest,
) -> None:
    expected = one_end(bot)
    bot.slack.faults[POST] += [slack_faults.lands_late(200), slack_faults.error("not_in_channel")]

    bot.tick(12)

    assert bot.announced() == expected
    assert nothing_is_left(bot)


def test_a_message_that_lands_later_than_we_looked_has_a_copy_that_says_so(
    bot: BotUnderTest,
) -> None:
    expected = one_end(bot)
    bot.slack.faults[POST].append(slack_faults.lands_late(200))

    bot.tick(10)

    assert bot.announced() == expected * 2
    assert sum("may be a repeat" in text for text in bot.texts()) == 1


@pytest.mark.parametrize("fault", [slack_faults.ratelimited("400"), slack_faults.error("not_in_channel")])
def test_a_restored_table_that_remembers_a_refused_message_repeats_nothing(
    bot: BotUnderTest, fault: slack_faults.Fault
) -> None:
    expected = one_end(bot)
    bot.slack.faults[POST].append(fault)
    bot.tick()
    backup = bot.table.items()
    bot.tick(15)
    bot.clock.at += 2 * 3600
    bot.table.restore(backup)

    bot.tick(10)

    assert bot.announced() == expected


@pytest.mark.parametrize("fault", [slack_faults.ratelimited("4000"), slack_faults.error("not_in_channel")])
def test_a_message_that_was_refused_for_hours_says_nothing_of_a_repeat(
    bot: BotUnderTest, fault: slack_faults.Fault
) -> None:
    bot.slack.down = fault
    bot.tick()
    bot.clock.at += 5400
    bot.tick()
    bot.slack.down = None
    bot.clock.at += 5400

    bot.tick(2)

    assert len(bot.texts()) == 1
    assert "repeat" not in bot.texts()[0]


def test_a_copy_that_slack_refuses_leaves_no_doubt_behind(bot: BotUnderTest) -> None:
    bot.slack.scopes.discard("channels:history")
    bot.slack.channels[bot.channel] = "not_in_channel"
    bot.tick()
    bot.clock.at += 5400
    bot.tick()
    bot.slack.channels[bot.channel] = None
    bot.slack.scopes.add("channels:history")

    bot.tick(7)

    assert len(bot.texts()) == 1
    assert "repeat" not in bot.texts()[0]


def test_a_restored_table_that_remembers_a_refused_message_repeats_it_with_a_word_where_nothing_shows(
    bot: BotUnderTest,
) -> None:
    expected = one_end(bot)
    bot.slack.faults[POST].append(slack_faults.ratelimited("400"))
    bot.tick()
    backup = bot.table.items()
    bot.tick(15)
    bot.clock.at += 2 * 3600
    bot.table.restore(backup)
    bot.slack.scopes.discard("channels:history")

    bot.tick(10)

    assert bot.announced() == expected * 2
    assert "may be a repeat" in bot.texts()[-1]


@pytest.mark.parametrize("fault", [slack_faults.error("not_in_channel"), slack_faults.DROPPED])
def test_after_a_restore_a_copy_that_failed_is_looked_for_as_far_back_as_the_first(
    bot: BotUnderTest, fault: slack_faults.Fault
) -> None:
    batch_id = told_and_forgotten(bot, 2 * 3600)
    bot.slack.scopes.discard("channels:history")
    bot.slack.faults[POST].append(fault)
    bot.tick()
    bot.slack.scopes.add("channels:history")

    bot.tick(12)

    assert bot.announced() == [f"{batch_id}#completed"]
    assert nothing_is_left(bot)


@pytest.mark.parametrize("nth", range(1, 7))
def test_a_run_that_dies_after_a_restore_repeats_nothing(bot: BotUnderTest, nth: int) -> None:
    batch_id = told_and_forgotten(bot, 3600)
    bot.poll()
    count = 0

    def at_the_nth_call(operation: str) -> BaseException | None:
        nonlocal count
        count += 1
        return Killed() if count == nth else None

    bot.table.before = at_the_nth_call
    for _ in range(10):
        with suppress(Killed):
            bot.tick()

    assert bot.announced() == [f"{batch_id}#completed"]


def test_after_a_restore_a_digest_of_which_one_was_announced_tells_the_others_too(bot: BotUnderTest) -> None:
    bot.tick()
    batches = sorted(bot.openai.add()["id"] for _ in range(8))
    bot.tick()
    backup = bot.table.items()
    bot.openai.move(batches[0], "completed")
    bot.tick()
    bot.clock.at += 2 * 3600
    for batch_id in batches[1:]:
        bot.openai.move(batch_id, "completed")
    bot.table.restore(backup)
    bot.slack.scopes.discard("channels:history")
    bot.slack.faults[POST].append(slack_faults.error("not_in_channel"))
    bot.tick()
    bot.slack.scopes.add("channels:history")

    bot.tick(12)

    assert sorted(bot.announced()) == [f"{each}#completed" for each in batches]
    assert nothing_is_left(bot)


def test_a_digest_of_long_ids_drawn_plainly_is_found_by_its_first(bot: BotUnderTest) -> None:
    bot.tick()
    now = int(bot.clock())
    for number in range(20):
        bot.openai.add("failed", id=f"batch_{number:03}{'x' * 440}", created_at=now)
    bot.slack.faults[POST] += [slack_faults.error("metadata_too_large"), slack_faults.REPLY_LOST]

    bot.tick(10)

    assert len(bot.texts()) == 2
    assert nothing_is_left(bot)


def test_a_channel_that_slack_refuses_is_probed_every_five_minutes_and_then_gets_all(
    bot: BotUnderTest,
) -> None:
    bot.tick()
    bot.slack.channels[bot.channel] = "not_in_channel"
    for _ in range(12):
        bot.openai.add("failed", created_at=int(bot.clock()))
        bot.tick()
    posts = sum(each.method == POST for each in bot.slack.calls)
    parked = bot.deliver().parked
    bot.slack.channels[bot.channel] = None

    bot.tick(6)

    assert posts <= 1 + 3
    assert parked == 1
    assert len(set(bot.announced())) == len(bot.announced()) == 12
    assert nothing_is_left(bot)


def test_what_is_announced_after_its_record_was_forgotten_makes_no_new_one(bot: BotUnderTest) -> None:
    bot.policy = a_policy("in_progress")
    bot.tick()
    bot.slack.channels[bot.channel] = "not_in_channel"
    batch = bot.openai.add()
    bot.tick()
    key = {"pk": {"S": f"batch#{batch['id']}"}, "sk": {"S": "record"}}
    bot.table.client.delete_item(TableName=bot.table.name, Key=key)
    bot.slack.channels[bot.channel] = None

    bot.tick(7)

    assert bot.announced() == [f"{batch['id']}#in_progress"]
    assert bot.table.items(f"batch#{batch['id']}") == []
    assert nothing_is_left(bot)


def test_another_channel_gets_what_the_old_one_refused(bot: BotUnderTest) -> None:
    expected = one_end(bot)
    bot.slack.channels[bot.channel] = "is_archived"
    bot.tick(2)
    bot.slack.channels["C0NEW"] = None
    bot.channel = "C0NEW"

    bot.tick(2)

    assert bot.announced() == expected
    assert bot.slack.messages[-1].channel == "C0NEW"


def test_a_message_without_blocks_is_posted_where_slack_refuses_them(bot: BotUnderTest) -> None:
    expected = one_end(bot)
    bot.slack.faults[POST].append(slack_faults.error("invalid_blocks"))

    bot.tick()

    assert bot.announced() == expected
    assert bot.slack.messages[-1].attachments == ()


def test_a_message_that_slack_refuses_in_every_form_is_parked_and_tried_again_later(
    bot: BotUnderTest,
) -> None:
    expected = one_end(bot)
    bot.slack.faults[POST] += [slack_faults.error("msg_too_long")] * 2
    bot.tick(3)
    parked = bot.deliver().parked
    bot.clock.at += 6 * 3600

    bot.tick(2)

    assert parked == 1
    assert bot.announced() == expected


def test_a_rotated_slack_token_is_picked_up(bot: BotUnderTest) -> None:
    expected = one_end(bot)
    bot.token = "xoxb-old"
    bot.tick()
    bot.token = bot.slack.token

    bot.tick(8)

    assert bot.announced() == expected


def test_slack_is_not_asked_before_retry_after_is_over(bot: BotUnderTest) -> None:
    one_end(bot)
    bot.slack.faults[POST].append(slack_faults.ratelimited("200"))
    bot.tick(8, after_s=60)

    times = [each.at for each in bot.slack.calls if each.method == POST][-2:]

    assert times[1] - times[0] >= 200


def test_a_history_that_fails_for_hours_delays_but_does_not_lose_a_message(
    bot: BotUnderTest,
) -> None:
    expected = one_end(bot)
    bot.slack.faults[POST].append(slack_faults.REPLY_LOST)
    bot.slack.faults[HISTORY] += [slack_faults.html(502)] * 3

    bot.tick(60)

    assert bot.announced() == expected
    assert nothing_is_left(bot)


def test_the_history_is_not_asked_for_before_retry_after_is_over(bot: BotUnderTest) -> None:
    expected = one_end(bot)
    bot.slack.faults[POST].append(slack_faults.DROPPED)
    bot.slack.faults[HISTORY].append(slack_faults.ratelimited("400"))

    bot.tick(12)

    times = [each.at for each in bot.slack.calls if each.method == HISTORY]
    assert times[1] - times[0] >= 400
    assert bot.announced() == expected


def test_a_history_that_is_senseless_for_hours_is_one_that_cannot_be_read(bot: BotUnderTest) -> None:
    expected = one_end(bot)
    bot.slack.faults[POST].append(slack_faults.REPLY_LOST)
    bot.slack.faults[HISTORY] += [slack_faults.raw(b'{"ok": true, "messages": [null]}')] * 20

    bot.tick(100)

    assert bot.announced() == expected * 2
    assert "may be a repeat" in bot.texts()[-1]


def test_an_old_notification_is_posted_at_last_though_the_history_never_answers(
    bot: BotUnderTest,
) -> None:
    expected = one_end(bot)
    bot.poll()
    bot.clock.at += GIVE_UP_LOOKING_S + 1
    bot.slack.faults[HISTORY] += [slack_faults.html(502)] * 9

    bot.tick()

    assert bot.announced() == expected
    assert "may be a repeat" in bot.texts()[-1]


# DynamoDB, and death


class Killed(BaseException):
    """The process is gone."""


def killed(operation: str) -> BaseException:
    return Killed(operation)


FAULTS: dict[str, tuple[str, Callable[[str], BaseException]]] = {
    "cut before": ("before", cut_before),
    "cut after": ("after", cut_after),
    "throttled": ("before", throttled),
    "killed before": ("before", killed),
    "killed after": ("after", killed),
}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("nth", range(1, 14))
def test_any_call_to_the_table_may_fail_or_be_the_last(bot: BotUnderTest, nth: int, fault: str) -> None:
    expected = one_end(bot)
    where, error = FAULTS[fault]
    count = 0

    def at_the_nth_call(operation: str) -> BaseException | None:
        nonlocal count
        count += 1
        return error(operation) if count == nth else None

    setattr(bot.table, where, at_the_nth_call)
    for _ in range(7):
        with suppress(Killed):
            bot.tick()

    assert count >= nth

    assert bot.announced() == expected
    assert nothing_is_left(bot)


@pytest.mark.parametrize("nth", range(1, 14))
def test_another_run_may_come_in_between_at_any_call_to_the_table(bot: BotUnderTest, nth: int) -> None:
    expected = one_end(bot)
    born = bot.openai.add("failed", created_at=int(bot.clock()))
    still_open = bot.openai.add()
    count = 0

    def another_run(operation: str) -> None:
        nonlocal count
        count += 1
        if count == nth:
            bot.tick(after_s=0)

    bot.table.before = another_run
    bot.tick()
    bot.openai.move(still_open["id"], "completed")
    bot.tick(6)

    assert count >= nth
    expected += [f"{born['id']}#failed", f"{still_open['id']}#completed"]
    assert sorted(bot.announced()) == sorted(expected)
    assert nothing_is_left(bot)


def test_what_a_newer_version_left_in_the_table_stops_nothing(bot: BotUnderTest) -> None:
    expected = one_end(bot)
    newer = {"body": {"S": '{"id":"x","recorded_at":1,"subject":{"kind":"invented later"}}'}}
    key = {"pk": {"S": "outbox"}, "sk": {"S": "notification#00000000001#x"}}
    bot.table.client.put_item(TableName=bot.table.name, Item=key | newer)
    [watch] = bot.table.items("watch")
    body = watch["body"]["S"].replace("{", '{"invented_later":1,', 1)
    bot.table.client.put_item(TableName=bot.table.name, Item=watch | {"body": {"S": body}})

    bot.tick(3)

    assert bot.announced() == expected
    assert bot.deliver().unreadable == 1
