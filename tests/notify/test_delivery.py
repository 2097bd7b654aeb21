"""Delivery on real wires: whatever Slack does, an end is announced once, or the copy says that it may be one."""

from itertools import pairwise

import pytest

from batchbell.models import State
from local.slack_faults import DROPPED, REPLY_LOST, SILENT, Fault, error, html, lands_late, ratelimited, raw
from local.slack_simulator import CHANNEL
from tests.bot import BotUnderTest
from tests.tables import cut_after

POST, HISTORY = "chat.postMessage", "conversations.history"
HOUR_S = 3600
MALFORMED, UNKNOWN_NAME = error("invalid_blocks"), error("never_heard_of")
REFUSALS = [ratelimited("30"), ratelimited(None), error("not_in_channel"), error("token_revoked")]
UNKNOWN = [DROPPED, error("fatal_error"), html(502)]
TAKEN = [error("fatal_error", takes_effect=True), error("internal_error", 500, takes_effect=True)]


def add_ends(bot: BotUnderTest, count: int) -> list[str]:
    """So many batches that were born and ended since the last poll; what is then to be announced."""
    now = int(bot.clock())
    return [f"{bot.openai.add('failed', created_at=now)['id']}#failed" for _ in range(count)]


def add_end(bot: BotUnderTest, status: str = "completed") -> list[str]:
    """Let a batch end that the bot has seen open; what is then to be announced."""
    bot.tick()
    batch_id = bot.add_open()
    bot.openai.move(batch_id, status)
    return [f"{batch_id}#{status}"]


def states(bot: BotUnderTest) -> dict[str, State]:
    return {each.id: each.state for each in bot.outbox().notifications}


def are_sent(bot: BotUnderTest, ends: list[str]) -> bool:
    """Whether these and no others were announced, and nothing waits."""
    return sorted(bot.announced()) == sorted(ends) and bot.outbox().notifications == ()


def times_of(bot: BotUnderTest, method: str) -> list[float]:
    return [call.at for call in bot.slack.calls if call.method == method]


@pytest.mark.parametrize("hours", [0, 3])
@pytest.mark.parametrize(
    ("fault", "is_definite"), [*((each, True) for each in REFUSALS), *((each, False) for each in UNKNOWN)]
)
def test_slack_may_be_down_in_any_way_and_for_hours(
    bot: BotUnderTest, fault: Fault, is_definite: bool, hours: int
) -> None:
    expected = add_end(bot)
    bot.slack.down = fault
    bot.tick(1 + hours)
    bot.clock.at += hours * HOUR_S
    bot.tick(hours)
    bot.slack.down = None

    bot.tick(20)

    assert are_sent(bot, expected)
    assert any("may be a repeat" in text for text in bot.texts()) is not is_definite


@pytest.mark.parametrize("fault", [REPLY_LOST, SILENT, lands_late(20), *TAKEN, UNKNOWN_NAME, MALFORMED])
def test_what_slack_took_and_did_not_say_so_is_found_and_a_refusal_is_tried_again(
    bot: BotUnderTest, fault: Fault
) -> None:
    expected = add_end(bot)
    bot.slack.faults[POST].append(fault)

    bot.tick(5)

    assert are_sent(bot, expected)
    assert not any("repeat" in text for text in bot.texts())


# One message at a time


@pytest.mark.parametrize(("ends", "messages"), [(5, 5), (6, 1), (30, 1), (31, 2), (120, 4)])
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
    assert (len(shown), are_sent(bot, expected)) == (messages, True)
    assert all(late.at - early.at >= 1 for early, late in pairwise(bot.slack.messages))
    assert all(each.partition("#")[0] in str(shown) for each in expected)


@pytest.mark.parametrize(
    ("fault", "time_s", "not_taken"),
    [
        (ratelimited("1"), 30, None),
        (ratelimited("90"), 30, "chat.postMessage: ratelimited"),
        (error("fatal_error"), 30, "chat.postMessage: fatal_error"),
        (None, 2, None),
    ],
)
def test_the_result_says_why_slack_did_not_take_what_is_left(
    bot: BotUnderTest, fault: Fault | None, time_s: int, not_taken: str | None
) -> None:
    bot.tick()
    expected = add_ends(bot, 5)
    bot.poll()
    bot.slack.faults[POST] += [fault] if fault else []

    result = bot.deliver(time_s)
    bot.tick(5)

    assert result.not_taken == not_taken
    assert (result.waiting > 0) == (result.stopped_by is not None)
    assert sorted(bot.announced()) == sorted(expected)


@pytest.mark.parametrize("method", [POST, HISTORY])
def test_slack_is_not_called_again_before_retry_after_is_over(bot: BotUnderTest, method: str) -> None:
    expected = add_end(bot)
    bot.slack.faults[POST] += [DROPPED] if method == HISTORY else []
    bot.slack.faults[method].append(ratelimited("400"))

    bot.tick(12)

    *_, first, second = times_of(bot, method)
    assert second - first >= 400
    assert bot.announced() == expected


# Find it before posting again


@pytest.mark.parametrize(
    ("posts", "histories", "is_readable"),
    [
        ([REPLY_LOST], [], False),
        ([REPLY_LOST], [raw(b'{"ok": true, "messages": [null]}')] * 20, True),
        ([lands_late(200)], [], True),
    ],
)
def test_a_copy_of_what_the_history_did_not_show_says_that_it_may_be_a_repeat(
    bot: BotUnderTest, posts: list[Fault], histories: list[Fault], is_readable: bool
) -> None:
    bot.slack.scopes -= set() if is_readable else {"channels:history"}
    expected = add_end(bot)
    bot.slack.faults[POST] += posts
    bot.slack.faults[HISTORY] += histories

    bot.tick(100)

    assert are_sent(bot, expected * 2)
    assert sum("may be a repeat" in text for text in bot.texts()) == 1


def test_a_copy_of_unknown_outcome_is_parked_until_the_history_can_be_read(bot: BotUnderTest) -> None:
    bot.slack.scopes.discard("channels:history")
    expected = add_end(bot)
    bot.slack.faults[POST] += [REPLY_LOST, REPLY_LOST]

    bot.tick(30)
    parked = bot.deliver().parked
    bot.slack.scopes.add("channels:history")
    bot.slack.faults[HISTORY] += [error("internal_error")]
    bot.clock.at += 600
    still_parked = bot.deliver().parked
    assert not bot.slack.faults[HISTORY]
    bot.tick(10)

    assert (parked, still_parked) == (1, 1)
    assert are_sent(bot, expected * 2)


@pytest.mark.parametrize(
    "posts",
    [
        [REPLY_LOST],
        [lands_late(200), error("not_in_channel")],
        [lands_late(200), ratelimited("300")],
        [lands_late(200), UNKNOWN_NAME, UNKNOWN_NAME, UNKNOWN_NAME],
    ],
)
def test_a_refusal_does_not_end_the_search_for_an_earlier_attempt(bot: BotUnderTest, posts: list[Fault]) -> None:
    expected = add_end(bot)
    bot.slack.faults[POST] += posts
    bot.slack.faults[HISTORY] += [html(502)] if len(posts) == 1 else []

    bot.tick(20)

    assert are_sent(bot, expected)
    assert bot.outbox().blocked_reason is None


def test_news_of_an_earlier_status_is_dropped_once_the_batch_has_ended(bot: BotUnderTest) -> None:
    bot.configure(notify_on=frozenset({"finalizing", "completed"}))
    [end] = add_end(bot, "finalizing")
    bot.slack.faults[POST].append(DROPPED)
    bot.tick(after_s=1)
    batch_id = end.partition("#")[0]
    bot.openai.move(batch_id, "completed")
    bot.poll()

    bot.tick(5)

    assert are_sent(bot, [f"{batch_id}#completed"])


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

    assert text_only.blocks == ()
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
    assert all(each.blocks for each in bot.slack.messages)


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
    assert bot.outbox().blocked_reason is None


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
    assert are_sent(bot, expected)


def test_another_channel_gets_what_the_first_one_refused(bot: BotUnderTest) -> None:
    expected = add_end(bot)
    bot.slack.channels |= {CHANNEL: "is_archived", "C0NEW": None}
    bot.tick(2)
    bot.configure(channel="C0NEW")

    bot.tick(2)

    assert (bot.announced(), bot.slack.messages[-1].channel) == (expected, "C0NEW")


def test_a_channel_is_not_left_blocked_by_a_run_that_dies_once_its_last_message_is_sent(bot: BotUnderTest) -> None:
    bot.tick()
    bot.slack.channels[CHANNEL] = "not_in_channel"
    expected = add_ends(bot, 1)
    bot.tick()
    bot.slack.channels[CHANNEL] = None
    is_removal = iter([False, True])  # after the lease
    bot.table.after = lambda operation: (
        cut_after(operation) if operation == "TransactWriteItems" and next(is_removal, False) else None
    )

    bot.tick(8)

    assert bot.announced() == expected
    assert (bot.outbox().notifications, bot.outbox().blocked_reason) == ((), None)


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
