"""Answers on the real table: what a person sees who types the slash command."""

import json
import re

import pytest

from batchbell.models import Status
from batchbell.notify.mrkdwn import series
from local.openai_faults import Fault, error, slow
from local.openai_rows import Row, counts, errors
from local.openai_simulator import After
from tests.asking import actions_of, element_of, texts_of
from tests.bot import BotUnderTest


def names(message: dict[str, object]) -> list[str]:
    """The batches of a list, by name."""
    return [text.split("*")[1] for text in texts_of(message)[1:] if "*" in text]


def add(bot: BotUnderTest, name: str, status: str = "in_progress", **fields: object) -> str:
    bot.clock.at += 1
    batch = bot.openai.add(status, created_at=int(bot.clock()), metadata={"name": name}, **fields)
    return str(batch["id"])


def status_of(bot: BotUnderTest) -> str:
    return "\n".join(texts_of(bot.ask("status")))


@pytest.fixture
def many(bot: BotUnderTest) -> BotUnderTest:
    """A bot that has recorded 25 batches, the last of them the newest."""
    bot.tick()
    for number in range(25):
        add(bot, f"run {number}", "failed" if number % 5 == 0 else "in_progress")
    bot.tick()
    return bot


def test_the_ten_most_recent_come_newest_first(many: BotUnderTest) -> None:
    message = many.ask("")

    assert names(message) == [f"run {number}" for number in range(24, 14, -1)]
    assert message["response_type"] == "ephemeral"
    assert actions_of(message) == ["older", "refresh", "status", "health", "share"]


def test_older_and_newer_lead_through_the_list_while_new_batches_arrive(many: BotUnderTest) -> None:
    first = many.ask("")
    second = many.ask(element_of(first, "older")["value"])
    add(many, "newcomer")
    many.tick()
    third = many.ask(element_of(second, "older")["value"])
    again = many.ask(element_of(third, "newer")["value"])
    refreshed = many.ask(element_of(second, "refresh")["value"])
    top = many.ask(element_of(many.ask(element_of(again, "newer")["value"]), "newer")["value"])

    assert names(second) == names(again) == names(refreshed) == [f"run {n}" for n in range(14, 4, -1)]
    assert names(third) == [f"run {number}" for number in range(4, -1, -1)]
    assert "older" not in actions_of(third)
    assert names(top)[:2] == ["newcomer", "run 24"]
    assert "newer" not in actions_of(top)


def test_a_status_and_a_number_narrow_and_widen_the_list(many: BotUnderTest) -> None:
    assert many.ask("failed --share")["response_type"] == "in_channel"
    assert names(many.ask("failed")) == ["run 20", "run 15", "run 10", "run 5", "run 0"]
    assert names(many.ask("2 FAILED")) == ["run 20", "run 15"]
    assert len(names(many.ask("25"))) == 25
    assert len(names(many.ask("open 40"))) == 20
    assert texts_of(many.ask("expired"))[0].endswith("no expired batch is recorded")


def test_where_there_is_nothing_to_list_the_answer_says_what_to_ask(many: BotUnderTest) -> None:
    known, unknown = texts_of(many.ask("expired"))[1], texts_of(many.ask("fialed"))[1]

    assert known == "`/batches all` lists every batch that is recorded, `/batches status` says whether polls succeed."
    assert unknown == f"The documented statuses are {series([*Status])}. {known}"


@pytest.mark.parametrize(("shown", "label"), [(None, "completed"), (counts(0, 0, 0), "empty")])
def test_a_batch_that_ended_before_the_baseline_is_not_unclear_because_only_the_list_was_read(
    bot: BotUnderTest, shown: Row | None, label: str
) -> None:
    bot.add_ended(1)
    bot.openai.mangle = lambda row: row | {"request_counts": shown, "output_file_id": None, "usage": None}
    bot.tick()

    assert f"\n{label} · " in texts_of(bot.ask(""))[1]


def test_a_status_that_only_this_server_knows_lists_its_batches(bot: BotUnderTest) -> None:
    add(bot, "run")
    bot.openai.mangle = lambda row: row | {"status": "Pre_Schedule"}
    bot.tick()

    assert names(bot.ask("pre_schedule")) == ["run"]
    assert element_of(bot.ask("pre_schedule"), "status")["initial_option"]["text"]["text"] == "Pre schedule"


def test_the_menu_chooses_a_status_and_shows_which(many: BotUnderTest) -> None:
    menu = element_of(many.ask("failed"), "status")

    assert menu["initial_option"]["text"]["text"] == "Failed"
    assert menu["initial_option"]["value"] == "failed 10"
    assert names(many.ask(menu["options"][1]["value"])) == names(many.ask("open"))


def test_failed_includes_completed_batches_with_failed_requests(bot: BotUnderTest) -> None:
    bot.tick()
    add(bot, "partly", "completed", request_counts=counts(10, 7, 3))
    add(bot, "succeeded", "completed", request_counts=counts(10, 10, 0))
    bot.tick()

    [shown] = [text for text in texts_of(bot.ask("failed")) if "partly" in text]

    assert names(bot.ask("failed")) == ["partly"]
    assert shown.startswith(":warning: *partly*\npartly failed · 3 of 10 requests failed · 1 min 2 s ago · took")


def test_progress_is_at_most_one_poll_old_and_the_answer_says_how_old(bot: BotUnderTest) -> None:
    batch_id = add(bot, "run")
    bot.tick()
    bot.openai.change(batch_id, request_counts=counts(1000, 290, 10))
    bot.tick()

    shown = bot.ask("")
    in_detail = bot.ask(batch_id)

    progress = "▰▰▰▱▱▱▱▱▱▱ 300 of 1,000 (10 failed)"
    assert f":hourglass_flowing_sand: *run*\nin progress · {progress} · 2 min ago" in texts_of(shown)[1]
    assert texts_of(shown)[-1].startswith("As of <!date^")
    assert progress in texts_of(in_detail)


def test_an_answer_from_an_old_poll_says_so(many: BotUnderTest) -> None:
    many.clock.at += 3600

    assert texts_of(many.ask(""))[-1].startswith(":warning: As of <!date^")
    assert texts_of(many.ask(""))[-1].endswith(", 1 h ago")


def test_a_list_that_is_not_read_to_its_end_yet_is_said_to_be_so(bot: BotUnderTest) -> None:
    bot.add_ended(201)
    bot.request_s = 23
    bot.poll()

    early, status_early = bot.ask(""), status_of(bot)
    bot.request_s = 0
    bot.tick()
    late, status_late = bot.ask(""), status_of(bot)

    assert texts_of(early)[-1].startswith(":warning: As of <!date^")
    assert texts_of(early)[-1].endswith("; a part of the list is still unread")
    assert ":warning: batchbell needs a look" in status_early
    assert "still unread; the next polls go on" in status_early
    assert texts_of(late)[-1].startswith("As of <!date^")
    assert ":white_check_mark: batchbell is well" in status_late


def test_a_server_that_repeats_itself_is_a_problem_in_the_bots_status(bot: BotUnderTest) -> None:
    bot.add_ended(150)
    bot.openai.unknown_after = After.NEVER_KNOWN
    bot.tick(3)

    assert "The server repeats itself" in status_of(bot)
    assert "the next polls go on" not in status_of(bot)


def test_details_show_everything_about_a_batch(bot: BotUnderTest) -> None:
    found = errors({"code": "invalid_json_line", "message": "Not valid JSON.", "line": 3})
    batch_id = add(bot, "evals", "failed", errors=found)
    bot.tick()

    message = bot.ask(element_of(bot.ask(""), "details")["value"])

    shown = "\n".join(texts_of(message))
    assert "*evals* failed: invalid json line" in shown
    assert "`invalid_json_line` in line 3: Not valid JSON." in shown
    assert batch_id in shown
    assert bot.ask(batch_id.upper().replace("BATCH_", "Batch_")) == message
    assert actions_of(message) == ["list", "refresh", "share"]


def test_an_id_that_is_not_in_the_table_is_asked_of_openai(bot: BotUnderTest) -> None:
    batch_id = add(bot, "fresh")

    assert "*fresh* is now in progress" in texts_of(bot.ask(batch_id))[0]
    assert "was asked just now" in texts_of(bot.ask(batch_id))[-1]
    assert texts_of(bot.ask("batch_none"))[0].endswith("does not know it either: it may belong to another project.")


@pytest.mark.parametrize("fault", [error(503), slow(5)])
def test_an_openai_that_does_not_answer_is_not_waited_for(bot: BotUnderTest, fault: Fault) -> None:
    bot.openai.down = fault

    assert "could not be asked just now" in texts_of(bot.ask("batch_none"))[0]


def test_an_answer_reads_little_writes_nothing_and_asks_openai_for_no_recorded_batch(many: BotUnderTest) -> None:
    asked = len(many.openai.requests)
    many.table.calls.clear()

    for text in ("", "open", "status"):
        many.ask(text)
    calls = [*many.table.calls]
    for text in ("failed", many.openai.batches[0]["id"], "help"):
        many.ask(text)

    list_calls = ["BatchGetItem", "Query", "BatchGetItem"]
    assert calls == [*list_calls, *list_calls, "BatchGetItem", "Query"]
    assert len(many.openai.requests) == asked


def test_a_bot_without_problems_says_so(bot: BotUnderTest) -> None:
    add(bot, "run")
    bot.tick(2)

    text, polled, watched, undelivered, parked = texts_of(bot.ask("status"))

    assert text == ":white_check_mark: batchbell is well · *search*"
    assert polled.endswith("0 s ago")
    assert (watched, undelivered, parked) == ("*Open batches watched*\n1", "*Undelivered*\n0", "*Parked*\n0")


def test_the_bots_status_says_why_no_poll_has_succeeded_until_one_does(bot: BotUnderTest) -> None:
    bot.tick()
    bot.openai.down = error(503)
    bot.tick(12)

    shown = status_of(bot)
    bot.openai.down = None
    bot.tick()

    assert re.search(r"No poll has succeeded for 1\d min.*: List Batches answered 503", shown)
    assert "batchbell is well" in status_of(bot)


def test_the_bots_status_says_what_is_parked_why_and_since_when(bot: BotUnderTest) -> None:
    bot.tick()
    add(bot, "run", "failed")
    bot.slack.channels[bot.config.channel] = "is_archived"
    bot.tick()
    bot.key = "sk-wrong"
    bot.tick()

    shown = status_of(bot)

    assert ":warning: batchbell needs a look" in shown
    assert "has refused the API key since <!date^" in shown
    assert re.search("Slack takes nothing for this channel: .*is_archived", shown)
    assert "1 notification parked since <!date^" in shown


def test_before_the_first_poll_every_answer_says_so(bot: BotUnderTest) -> None:
    assert "no batch is recorded" in texts_of(bot.ask(""))[0]
    assert "no open batch is recorded" in texts_of(bot.ask("open"))[0]
    assert "No poll has succeeded yet" in texts_of(bot.ask(""))[2]
    assert "No poll has run yet" in texts_of(bot.ask("status"))[1]


def test_what_is_not_understood_gets_one_friendly_line_and_the_help(bot: BotUnderTest) -> None:
    message = bot.ask("<!channel> & *go*")

    first, forms, _ = texts_of(message)
    assert first == "I do not understand “&lt;!channel&gt; &amp; \u2217go\u2217”. This is what you can ask:"
    assert "`/batches batch_…`" in forms


def test_untrusted_text_cannot_notify_anyone_or_break_a_list(bot: BotUnderTest) -> None:
    add(bot, "<!everyone> *x* \n `y` " + "&" * 600)
    bot.tick()

    message = bot.ask("40")

    assert "<!everyone>" not in json.dumps(message)
    assert all(len(text) < 3000 for text in texts_of(message))


def test_a_deleted_batch_is_shown_as_gone_and_is_not_open(bot: BotUnderTest) -> None:
    batch_id = add(bot, "deleted")
    bot.tick()
    bot.openai.remove(batch_id)
    bot.tick()
    bot.tick(after_s=4000)

    assert names(bot.ask("open")) == []
    assert ":mag: *deleted*\ngone" in texts_of(bot.ask("gone"))[1]


def test_the_batches_of_an_earlier_project_are_shown_as_no_longer_watched(bot: BotUnderTest) -> None:
    add(bot, "theirs")
    bot.tick()
    bot.openai.remove(bot.openai.batches[0]["id"])
    bot.openai.project = "proj_other"
    bot.tick()
    bot.tick(after_s=4000)

    assert "in progress, no longer watched" in texts_of(bot.ask(""))[1]
    assert names(bot.ask("open")) == []


def test_what_is_past_its_retention_is_not_listed(many: BotUnderTest) -> None:
    many.tick()
    many.clock.at += 40 * 86_400

    assert names(many.ask("failed")) == []
