"""Delivery on real wires: whatever Slack does, an end is announced once, or the copy says that it may be one."""

from itertools import pairwise

import pytest

from batchbell.models import State
from local import slack_faults
from local.slack_faults import Fault
from local.slack_simulator import CHANNEL
from tests.bot import BotUnderTest

POST, HISTORY = "chat.postMessage", "conversations.history"
HOUR_S = 3600
MALFORMED = slack_faults.error("invalid_blocks")
UNKNOWN_NAME = slack_faults.error("never_heard_of")


def add_end(bot: BotUnderTest, status: str = "completed") -> list[str]:
    """Let a batch end after the bot has seen it; what is then to be announced."""
    bot.tick(2)
    batch = bot.openai.add()
    bot.tick()
    bot.openai.move(batch["id"], status)
    return [f"{batch['id']}#{status}"]


def add_ends(bot: BotUnderTest, count: int) -> list[str]:
    """So many batches that were born and ended since the last poll; what is then to be announced."""
    now = int(bot.clock())
    return [f"{bot.openai.add('failed', created_at=now)['id']}#failed" for _ in range(count)]


def is_all_sent(bot: BotUnderTest) -> bool:
    return bot.store().outbox(CHANNEL).notifications == ()


def times_of(bot: BotUnderTest, method: str) -> list[float]:
    return [call.at for call in bot.slack.calls if call.method == method]


def states(bot: BotUnderTest) -> dict[str, State]:
    return {each.id: each.state for each in bot.store().outbox(CHANNEL).notifications}


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
        slack_faults.html(502),
        slack_faults.error("not_in_channel"),
        slack_faults.error("token_revoked"),
        UNKNOWN_NAME,
        MALFORMED,
    ],
)
def test_slack_may_fail_once_in_any_way(bot: BotUnderTest, fault: Fault) -> None:
    expected = add_end(bot)
    bot.slack.faults[POST].append(fault)

    bot.tick(10)

    assert bot.announced() == expected
    assert is_all_sent(bot)


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
def test_slack_may_be_down_for_hours(bot: BotUnderTest, fault: Fault) -> None:
    expected = add_end(bot)
    bot.slack.down = fault
    bot.tick(5)
    bot.clock.at += 3 * HOUR_S
    bot.tick(2)
    bot.slack.down = None

    bot.tick(20)

    assert bot.announced() == expected
    assert is_all_sent(bot)


# One message at a time


def test_no_two_messages_of_a_channel_come_within_a_second(bot: BotUnderTest) -> None:
    bot.tick()
    add_ends(bot, 5)

    bot.tick(2)

    times = [each.at for each in bot.slack.messages]
    assert len(times) == 6
    assert all(late - early >= 1 for early, late in pairwise(times))


@pytest.mark.parametrize(("ends", "messages"), [(5, 5), (6, 1), (20, 1), (21, 2), (120, 6)])
def test_a_few_ends_come_one_by_one_and_more_as_digests_that_name_every_batch(
    bot: BotUnderTest, ends: int, messages: int
) -> None:
    expected = add_ends(bot, ends)
    bot.clock.at -= 60
    bot.poll()
    bot.clock.at += 60

    bot.tick(2)

    baseline, *shown = bot.slack.messages
    assert "watching" in baseline.text  # the bot's own news come first, and alone
    assert len(shown) == messages
    assert sorted(bot.announced()) == sorted(expected)
    assert all(each.partition("#")[0] in str([(m.text, m.attachments) for m in shown]) for each in expected)


def test_a_burst_that_outlasts_a_run_goes_on_in_the_next(bot: BotUnderTest) -> None:
    bot.tick()
    expected = add_ends(bot, 60)
    bot.poll()

    result = bot.deliver(time_s=2)
    bot.tick(2)

    assert 0 < result.delivered < 60
    assert (result.stopped_by is None, result.not_taken) == (False, None)
    assert sorted(bot.announced()) == sorted(expected)


@pytest.mark.parametrize(
    ("fault", "not_taken"),
    [
        (slack_faults.ratelimited("1"), None),
        (slack_faults.ratelimited("90"), "chat.postMessage: ratelimited"),
        (slack_faults.error("fatal_error"), "chat.postMessage: fatal_error"),
    ],
)
def test_the_result_says_why_slack_did_not_take_what_is_left(
    bot: BotUnderTest, fault: Fault, not_taken: str | None
) -> None:
    bot.poll()
    bot.slack.faults[POST].append(fault)

    assert bot.deliver().not_taken == not_taken


@pytest.mark.parametrize("method", [POST, HISTORY])
def test_slack_is_not_called_again_before_retry_after_is_over(bot: BotUnderTest, method: str) -> None:
    expected = add_end(bot)
    bot.slack.faults[POST] += [slack_faults.DROPPED] if method == HISTORY else []
    bot.slack.faults[method].append(slack_faults.ratelimited("400"))

    bot.tick(12)

    *_, first, second = times_of(bot, method)
    assert second - first >= 400
    assert bot.announced() == expected


# Find it before posting again


@pytest.mark.parametrize(
    ("posts", "histories", "is_readable"),
    [
        ([slack_faults.REPLY_LOST], [], False),
        ([slack_faults.REPLY_LOST], [slack_faults.raw(b'{"ok": true, "messages": [null]}')] * 20, True),
        ([slack_faults.lands_late(200)], [], True),
    ],
)
def test_a_copy_of_what_the_history_did_not_show_says_that_it_may_be_a_repeat(
    bot: BotUnderTest, posts: list[Fault], histories: list[Fault], is_readable: bool
) -> None:
    if not is_readable:
        bot.slack.scopes.discard("channels:history")
    expected = add_end(bot)
    bot.slack.faults[POST] += posts
    bot.slack.faults[HISTORY] += histories

    bot.tick(100)

    assert bot.announced() == expected * 2
    assert sum("may be a repeat" in text for text in bot.texts()) == 1
    assert is_all_sent(bot)


def test_a_copy_of_unknown_outcome_is_parked_until_the_history_can_be_read(bot: BotUnderTest) -> None:
    bot.slack.scopes.discard("channels:history")
    expected = add_end(bot)
    bot.slack.faults[POST] += [slack_faults.REPLY_LOST, slack_faults.REPLY_LOST]

    bot.tick(30)
    parked = bot.deliver().parked
    bot.slack.scopes.add("channels:history")
    bot.tick(10)

    assert parked == 1
    assert bot.announced() == expected * 2
    assert is_all_sent(bot)


@pytest.mark.parametrize(
    "posts",
    [
        [slack_faults.REPLY_LOST],
        [slack_faults.lands_late(200), slack_faults.error("not_in_channel")],
        [slack_faults.lands_late(200), slack_faults.ratelimited("300")],
        [slack_faults.lands_late(200), UNKNOWN_NAME, UNKNOWN_NAME, UNKNOWN_NAME],
    ],
)
def test_a_refusal_does_not_end_the_search_for_an_earlier_attempt(bot: BotUnderTest, posts: list[Fault]) -> None:
    expected = add_end(bot)
    bot.slack.faults[POST] += posts
    bot.slack.faults[HISTORY] += [slack_faults.html(502)] if len(posts) == 1 else []

    bot.tick(20)

    assert bot.announced() == expected
    assert is_all_sent(bot)


def test_an_earlier_attempt_is_found_in_a_channel_that_slack_refuses_meanwhile(bot: BotUnderTest) -> None:
    expected = add_end(bot)
    bot.slack.faults[POST].append(slack_faults.REPLY_LOST)
    bot.tick()
    bot.store().set_channel(CHANNEL, bot.clock(), "chat.postMessage: not_in_channel")

    bot.tick()

    assert bot.announced() == expected
    assert bot.store().outbox(CHANNEL).blocked_reason is None


@pytest.mark.parametrize("fault", [slack_faults.ratelimited("4000"), slack_faults.error("not_in_channel")])
def test_a_message_that_was_refused_for_hours_says_nothing_of_a_repeat(bot: BotUnderTest, fault: Fault) -> None:
    bot.slack.down = fault
    bot.tick()
    bot.clock.at += 1.5 * HOUR_S
    bot.tick()
    bot.slack.down = None
    bot.clock.at += 1.5 * HOUR_S

    bot.tick(2)

    [text] = bot.texts()
    assert "repeat" not in text


def test_refusals_for_now_do_not_make_a_later_search_wait_longer(bot: BotUnderTest) -> None:
    expected = add_end(bot)
    bot.slack.faults[POST] += [slack_faults.ratelimited("1")] * 7 + [slack_faults.DROPPED]

    bot.tick(4)

    assert bot.announced() == expected


def test_the_history_is_not_searched_when_no_time_is_left(bot: BotUnderTest) -> None:
    expected = add_end(bot)
    bot.slack.faults[POST].append(slack_faults.REPLY_LOST)
    bot.tick()
    bot.clock.at += 60

    stopped_by, found = bot.deliver(time_s=2).stopped_by, bot.deliver().found

    assert (stopped_by, found) == ("no time is left", 1)
    assert bot.announced() == expected


def test_news_of_an_earlier_status_is_dropped_once_the_batch_has_ended(bot: BotUnderTest) -> None:
    bot.configure(notify_on=frozenset({"finalizing", "completed"}))
    [end] = add_end(bot, "finalizing")
    bot.slack.faults[POST].append(slack_faults.DROPPED)
    bot.tick(after_s=1)
    batch_id = end.partition("#")[0]
    bot.openai.move(batch_id, "completed")
    bot.poll()

    bot.tick(5)

    assert bot.announced() == [f"{batch_id}#completed"]
    assert is_all_sent(bot)


# Our defects, and refusals by a name that nobody knows


def test_a_message_that_slack_finds_malformed_is_posted_as_text_only_and_then_parked(bot: BotUnderTest) -> None:
    first = add_end(bot)
    bot.slack.faults[POST].append(MALFORMED)
    bot.tick()
    text_only = bot.slack.messages[-1]
    second = add_end(bot)
    bot.slack.faults[POST] += [MALFORMED] * 2
    bot.tick(3)
    parked = states(bot)
    bot.clock.at += 6 * HOUR_S

    bot.tick(2)

    assert text_only.attachments == ()
    assert parked == {second[0]: State.PARKED}
    assert bot.announced() == first + second


def test_of_a_digest_with_one_malformed_member_the_others_are_sent(bot: BotUnderTest) -> None:
    bot.tick()
    expected = add_ends(bot, 7)
    bot.slack.faults[POST] += [MALFORMED] * 3

    bot.tick(2)

    [parked] = states(bot).items()
    assert parked[1] is State.PARKED
    assert sorted([parked[0], *bot.announced()]) == sorted(expected)
    assert all(each.attachments for each in bot.slack.messages)


def test_our_defect_does_not_keep_a_blocked_channel_blocked(bot: BotUnderTest) -> None:
    bot.tick()
    bot.slack.channels[CHANNEL] = "not_in_channel"
    malformed = add_ends(bot, 1)
    bot.tick()
    others = add_ends(bot, 2)
    bot.tick()
    bot.slack.channels[CHANNEL] = None
    bot.slack.faults[POST] += [MALFORMED] * 2

    bot.tick(6)

    assert sorted(bot.announced()) == sorted(others)
    assert states(bot) == {malformed[0]: State.PARKED}
    assert bot.store().outbox(CHANNEL).blocked_reason is None


def test_a_refusal_by_an_unknown_name_is_retried_a_few_times_and_then_parked(bot: BotUnderTest) -> None:
    refused = add_end(bot)
    bot.slack.faults[POST] += [UNKNOWN_NAME] * 5
    bot.tick(20)
    parked = states(bot)
    others = add_ends(bot, 1)
    bot.tick(20)
    meanwhile = bot.announced()
    bot.clock.at += 6 * HOUR_S

    bot.tick(2)

    assert parked == {refused[0]: State.PARKED}
    assert (meanwhile, bot.announced()) == (others, others + refused)
    assert sum("repeat" in text for text in bot.texts()) == 0


# A person must act


def test_a_blocked_channel_is_tried_every_five_minutes_and_then_gets_all(bot: BotUnderTest) -> None:
    bot.tick()
    bot.slack.channels[CHANNEL] = "not_in_channel"
    expected = []
    for _ in range(12):
        expected += add_ends(bot, 1)
        bot.tick()
    posts, parked = len(times_of(bot, POST)), bot.deliver().parked
    bot.slack.channels[CHANNEL] = None

    bot.tick(6)

    assert posts <= 1 + 3
    assert parked == 1
    assert sorted(bot.announced()) == sorted(expected)
    assert is_all_sent(bot)


def test_of_two_runs_one_tries_a_blocked_channel(bot: BotUnderTest) -> None:
    bot.tick()
    expected = add_ends(bot, 1)
    bot.slack.channels[CHANNEL] = "not_in_channel"
    bot.tick()
    bot.clock.at += 300
    bot.slack.calls.clear()

    def another_run(operation: str) -> None:
        if operation == "UpdateItem":
            bot.table.before = lambda operation: None
            bot.deliver()

    bot.table.before = another_run
    result = bot.deliver()

    assert len(times_of(bot, POST)) == 1
    assert result.stopped_by == "chat.postMessage: not_in_channel"
    assert list(states(bot)) == expected


def test_another_channel_gets_what_the_first_one_refused(bot: BotUnderTest) -> None:
    expected = add_end(bot)
    bot.slack.channels[CHANNEL] = "is_archived"
    bot.tick(2)
    bot.slack.channels["C0NEW"] = None
    bot.configure(channel="C0NEW")

    bot.tick(2)

    assert bot.announced() == expected
    assert bot.slack.messages[-1].channel == "C0NEW"


def test_a_rotated_slack_token_is_taken_up(bot: BotUnderTest) -> None:
    expected = add_end(bot)
    bot.token = "xoxb-old"
    bot.tick()
    blocked_reason = bot.store().outbox(CHANNEL).blocked_reason
    bot.token = bot.slack.token

    bot.tick(8)

    assert blocked_reason == "chat.postMessage: invalid_auth"
    assert bot.announced() == expected
