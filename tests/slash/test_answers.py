"""Answers on the real table: what a person sees who types the slash command."""

import re
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from batchbell import models
from batchbell.models import Batch, BatchError, Notification, RequestCounts
from batchbell.notify.messages import message_for
from batchbell.records import Outbox, PollState, RecordPage
from batchbell.slash.answers import answer
from batchbell.slash.parse import OPEN, PROBLEMS, BotStatus, Command, Details, Help, Query, Recent, parse
from local.openai_faults import Fault, error, slow
from local.openai_rows import Row, counts, errors
from local.openai_simulator import After
from local.slack_rules import error_for
from tests import untrusted
from tests.asking import actions_of, texts_of, values_of
from tests.bot import BotUnderTest
from tests.builders import AT_OPENAI, NOW, a_batch, a_config, a_notification, a_record, a_state

Message = dict[str, Any]


def names(message: Message) -> list[str]:
    """The batches of a list, by name: those that need attention first."""
    return re.findall(r"^\S+ \*([^*\n]+)\* ", "\n".join(texts_of(message)), re.MULTILINE)


def runs(*numbers: int) -> list[str]:
    return [f"run {number}" for number in numbers]


def lines_of(message: Message) -> list[str]:
    return "\n".join(texts_of(message)).split("\n")


def one(status: str, *counts: int, **fields: object) -> Batch:
    return a_batch(status=status, request_counts=RequestCounts(*counts) if counts else None, **fields)


def add(bot: BotUnderTest, name: str, status: str = "in_progress", **fields: object) -> str:
    bot.clock.at += 1
    batch = bot.openai.add(status, created_at=int(bot.clock()), metadata={"name": name}, **fields)
    return str(batch["id"])


def asked(query: Query, *batches: Batch, state: PollState | None = None, outbox: Outbox | None = None) -> Message:
    """The answer from a table with just these batches."""
    records = tuple(a_record(each, position="01#x") for each in batches)
    table: Any = SimpleNamespace(
        load_state=lambda: state or a_state(),
        outbox=lambda channel: outbox or Outbox(),
        find=lambda batch_id: next((each for each in records if each.batch.id == batch_id), None),
        list_records=lambda *_, **__: RecordPage(records, has_older=True, has_newer=True),
    )
    return answer(Command(query), table, a_config(AT_OPENAI), lambda *_: None, lambda: NOW)


@pytest.fixture
def many(bot: BotUnderTest) -> BotUnderTest:
    """A bot that has recorded 25 batches, the last of them the newest."""
    bot.tick()
    for number in range(25):
        add(bot, f"run {number}", "failed" if number % 5 == 0 else "in_progress")
    bot.tick()
    return bot


def test_the_newest_batches_are_listed_by_what_they_need(many: BotUnderTest) -> None:
    message = many.ask("")

    assert texts_of(message)[0] == "*10 newest batches* · 2 need attention, 8 running"
    assert names(message) == runs(20, 15, 24, 23, 22, 21, 19, 18, 17, 16)
    assert [line for line in lines_of(message) if line.startswith("*")][1:] == ["*Needs attention*", "*Running*"]
    assert message["response_type"] == "ephemeral"
    assert actions_of(message) == ["details", "list_problems", "older", "refresh", "share"]
    assert lines_of(message)[-1].endswith(" · only you can see this")


def test_older_and_newer_lead_through_the_list_while_new_batches_arrive(many: BotUnderTest) -> None:
    first = many.ask("")
    second = many.ask(values_of(first)["Older"])
    add(many, "newcomer")
    many.tick()
    third = many.ask(values_of(second)["Older"])
    again = many.ask(values_of(third)["Newer"])
    refreshed = many.ask(values_of(second)["Refresh"])
    top = many.ask(values_of(many.ask(values_of(again)["Newer"]))["Newer"])

    assert names(second) == names(again) == names(refreshed) == runs(10, 5, 14, 13, 12, 11, 9, 8, 7, 6)
    assert names(third) == runs(0, 4, 3, 2, 1)
    assert texts_of(third)[0] == "*5 older batches* · 1 needs attention, 4 running"
    assert texts_of(again)[0] == "*10 newer batches* · 2 need attention, 8 running"
    assert "Older" not in values_of(third)
    assert "newcomer" in names(top)
    assert "Newer" not in values_of(top)


def test_a_status_and_a_number_narrow_and_widen_the_list(many: BotUnderTest) -> None:
    shared = many.ask("failed --share")

    assert (shared["response_type"], "only you" in shared["text"]) == ("in_channel", False)
    assert names(shared) == names(many.ask("problems")) == runs(20, 15, 10, 5, 0)
    assert texts_of(many.ask("2 FAILED"))[0] == "*2 newest failed batches*"
    assert texts_of(many.ask("problems 1"))[0] == "*1 newest problem*"
    assert names(many.ask("2 attention")) == runs(20, 15)
    assert len(names(many.ask("25"))) == 25
    assert len(names(many.ask("running 40"))) == 20


def test_problems_include_what_expired_and_what_failed_in_part(bot: BotUnderTest) -> None:
    bot.tick()
    add(bot, "partly", "completed", request_counts=counts(10, 7, 3))
    add(bot, "expired", "expired", request_counts=counts(48000, 25401, 0))
    add(bot, "succeeded", "completed", request_counts=counts(500, 500, 0))
    bot.tick()

    assert names(bot.ask("failed")) == ["partly"]
    assert names(bot.ask("problems")) == ["expired", "partly"]
    shown = [re.sub(r" · <!date\^\d+\^{ago}\|1 min \d s ago>", "", line) for line in lines_of(bot.ask(""))]
    assert shown[1:6] == [
        "*Needs attention*",
        "⏰ *expired* expired: 25,401 of 48,000 succeeded",
        "⚠️ *partly* 3 of 10 failed",
        "*Done*",
        "✅ *succeeded* 500 requests",
    ]


ROWS = [
    (one("cancelled", 4000, 544, 0), "⏹️ X cancelled: 544 of 4,000 succeeded · "),
    (one("completed", 24000, 11112, 0), "⚠️ X partly failed: 11,112 of 24,000 succeeded, 12,888 unaccounted for · "),
    (one("failed", 3, 0, 3), "❌ X 3 of 3 failed · "),
    (one("completed"), "❔ X completed · "),
    (one("completed", is_retrieved=True), "❔ X completed (counts unknown) · "),
    (one("completed", error_file_id="file-1"), "❔ X completed: there is an error file · "),
    (one("completed", 9, 9, 0, completed_at=None), f"✅ X 9 requests · created <!date^{NOW - 3600}^{{ago}}|1 h ago>"),
    (one("validating"), "⏳ X validating · 23 h left"),
    (one("cancelling", expires_at=NOW), "⏳ X cancelling · past its window"),
    (one("in_progress", 800, 303, 9), "⏳ X ▰▰▰▱▱▱▱▱▱▱ 39 % · 312 of 800 done, 9 failed · 23 h left"),
]


@pytest.mark.parametrize(("batch", "row"), ROWS, ids=range(len(ROWS)))
def test_a_row_says_what_was_done_and_the_time_that_matters(batch: Batch, row: str) -> None:
    link = "*<https://platform.openai.com/batches/batch_1|batch_1>*"

    assert row.replace("X", link) in texts_of(asked(Recent(), batch))[1]


def test_progress_is_at_most_one_poll_old_and_the_answer_says_how_old(bot: BotUnderTest) -> None:
    batch_id = add(bot, "run")
    bot.tick()
    bot.openai.change(batch_id, request_counts=counts(1000, 290, 10))
    bot.tick()

    shown, in_detail = bot.ask(""), lines_of(bot.ask(batch_id))

    assert "⏳ *run* ▰▰▰▱▱▱▱▱▱▱ 30 % · 300 of 1,000 done, 10 failed · 23 h 58 min left" in lines_of(shown)
    assert lines_of(shown)[-1].startswith("Checked <!date^")
    assert in_detail[:2] == ["⏳ *In progress:* *run*", "300 of 1,000 requests done, 10 failed."]
    assert in_detail[2].startswith("▰▰▰▱▱▱▱▱▱▱ 30 % · its window ends <!date^")


def test_where_there_is_nothing_to_list_the_answer_says_what_that_means(bot: BotUnderTest) -> None:
    before = bot.ask("problems")
    bot.tick()
    add(bot, "run")
    bot.tick()
    good, others = bot.ask("problems"), [texts_of(bot.ask(text))[0] for text in ("failed", "completed", "gone")]

    assert texts_of(before) == ["*No problems in the last 30 days*", "⚠️ No check has succeeded yet"]
    assert texts_of(bot.ask("open older:0"))[0] == "*No older running batches*"
    assert texts_of(good)[0] == "✅ *No problems in the last 30 days*\n1 batch is running."
    assert list(values_of(good)) == ["Running", "All batches"]
    assert [each.partition(" in the")[0] for each in others] == [
        "✅ *No failed batches",
        "*No completed batches",
        "*No deleted batches",
    ]


@pytest.mark.parametrize("shown", [None, counts(0, 0, 0)])
def test_a_batch_that_ended_before_the_baseline_is_not_unclear_because_only_the_list_was_read(
    bot: BotUnderTest, shown: Row | None
) -> None:
    bot.add_ended(1)
    bot.openai.mangle = lambda row: row | {"request_counts": shown, "output_file_id": None, "usage": None}
    bot.tick()

    assert f"* {'empty' if shown else 'completed'} · " in texts_of(bot.ask(""))[1]


def test_a_status_that_only_this_server_knows_lists_its_batches(bot: BotUnderTest) -> None:
    add(bot, "run")
    bot.openai.mangle = lambda row: row | {"status": "Pre_Schedule"}
    bot.tick()

    assert texts_of(bot.ask("pre_schedule"))[0] == "*1 newest pre schedule batch*"
    assert texts_of(bot.ask("yesterday"))[0] == "I don’t know “yesterday”. Try one of these:"


def test_an_answer_from_an_old_poll_says_so_and_offers_the_status(many: BotUnderTest) -> None:
    many.clock.at += 3600

    assert re.fullmatch(r"⚠️ Checked <!date.*>, 1 h ago · only you can see this", lines_of(many.ask(""))[-1])
    assert values_of(many.ask(""))["Is batchbell OK?"] == "status"


def test_a_list_that_is_not_read_to_its_end_yet_is_said_to_be_so(bot: BotUnderTest) -> None:
    bot.add_ended(201)
    bot.request_s = 23
    bot.poll()

    early, status_early = bot.ask("40"), bot.ask("status")
    bot.request_s = 0
    bot.tick()
    late, status_late = bot.ask("40"), bot.ask("status")

    assert re.match("⚠️ Checked <!date.*; a part of the list is still unread", lines_of(early)[-1])
    assert "1. A part of the list of batches is still unread. The next checks go on" in status_early["text"]
    assert lines_of(late)[-1].startswith("Checked <!date^")
    assert status_late["text"].startswith("✅ batchbell is working.")


def test_a_server_that_repeats_itself_is_a_problem_in_the_bots_status(bot: BotUnderTest) -> None:
    bot.add_ended(150)
    bot.openai.unknown_after = After.NEVER_KNOWN
    bot.tick(3)

    assert "*1. The server repeats itself instead" in texts_of(bot.ask("status"))[1]


def test_the_menu_leads_to_the_details_of_a_batch(bot: BotUnderTest) -> None:
    batch_id = add(bot, "evals", "failed", errors=errors({"code": "odd_code", "message": "Not valid.", "line": 3}))
    bot.tick()

    message = bot.ask(values_of(bot.ask(""))["❌ evals"])

    assert lines_of(message)[:3] == [
        "❌ *Rejected:* *evals*",
        "1 error in the input file; no request ran.",
        "*Next:* fix the file and submit it again.",
    ]
    assert lines_of(message)[3:6] == ["*Odd code* · `odd_code`", "Line 3", "Not valid."]
    assert lines_of(message)[6:8] == ["*Batch*", f"`{batch_id}`"]
    assert bot.ask(batch_id.upper().replace("BATCH_", "Batch_")) == message
    assert actions_of(message) == ["share", "list"]


def test_details_give_for_each_kind_of_error_its_lines_and_a_remedy() -> None:
    found = [BatchError("invalid_json_line", "Bad.", n) for n in range(1, 13)]
    found += [BatchError("model_mismatch", "Other.", 99), BatchError("model_not_found", "No gpt-9 in org-abc.")]
    batch = a_batch(status="failed", errors=tuple(found), errors_left_out=7)

    texts = texts_of(asked(Details("batch_1"), batch))

    assert texts[1].split("\n") == [
        "*12 lines are not valid JSON* · `invalid_json_line`",
        "Lines 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 …",
        "Make each line one whole JSON object.",
    ]
    assert [text.partition("\n")[2] for text in texts[2:4]] == [
        "Line 99\nName the same model in all requests of a batch.",
        "No gpt-9 in org-….\nCheck the name of the model, and that this project may use it.",
    ]
    assert texts[4] == "7 more errors"


def test_details_show_why_requests_failed_and_everything_that_is_known() -> None:
    metadata = (("name", "nightly"), ("team", "search"), *((f"key{n}", "x") for n in range(10)))
    reasons = tuple((f"reason_{n}", 20 - n) for n in range(12))
    summary = models.ErrorSummary(reasons, lines=180, is_whole=False)
    files = {"output_file_id": "file-out", "error_file_id": "file-err"}
    batch = one("completed", 1000, 800, 200, error_summary=summary, metadata=metadata, model="gpt-9", **files)

    shown = lines_of(asked(Details("batch_1"), batch))

    assert shown[2:4] == ["• 20 × reason 0", "• 19 × reason 1"]
    assert shown[12:14] == ["• 19 others", "This is from the first 180 lines of the error file."]
    assert shown[15:20] == ["*Batch*", "`batch_1`", "*Results* `file-out`", "*Errors* `file-err`", "*Ran*"]
    assert shown[20].endswith("|2027-01-15 08:00 UTC> (1 h of 24 h)")
    assert shown[21:24] == ["*Model*", "`gpt-9`", "*Metadata*"]
    assert shown[24:33] == [*(f"key{n}: x" for n in range(8)), "2 more"]


def test_an_id_that_is_not_in_the_table_is_asked_of_openai(bot: BotUnderTest) -> None:
    batch_id = add(bot, "fresh")

    assert texts_of(bot.ask(batch_id))[0].startswith("⏳ *In progress:* *fresh*")
    assert lines_of(bot.ask(batch_id))[-1].endswith(" was asked just now")
    assert lines_of(bot.ask("batch_none"))[0] == "❔ *No such batch:* `batch_none`"
    assert re.match("Not in the last 30 days of search, and .* doesn’t know it", lines_of(bot.ask("batch_none"))[1])


@pytest.mark.parametrize("fault", [error(503), slow(5)])
def test_an_openai_that_does_not_answer_is_not_waited_for(bot: BotUnderTest, fault: Fault) -> None:
    bot.openai.down = fault

    message = bot.ask("batch_none")

    assert texts_of(message)[0].endswith(" couldn’t be asked just now.")
    assert values_of(message) == {"Try again": "batch batch_none", "All batches": "all 10"}


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


def test_a_bot_without_problems_says_so_in_a_line(bot: BotUnderTest) -> None:
    add(bot, "run")
    bot.tick(2)

    first, second = lines_of(bot.ask("status"))

    assert first == "✅ *batchbell is working*"
    assert re.fullmatch("Checked .* 0 s ago · 1 batch running · every message delivered", second)


def test_the_bots_status_says_why_no_poll_has_succeeded_until_one_does(bot: BotUnderTest) -> None:
    before = bot.ask("status")
    bot.tick()
    bot.openai.down = error(503)
    bot.tick(12)

    shown = texts_of(bot.ask("status"))[1]
    bot.openai.down = None
    bot.tick()

    assert " has not been checked yet*" in texts_of(before)[1]
    assert re.match(r"\*1. No check of .* has succeeded\* for 1\d min.*: List Batches answered 503", shown)
    assert "batchbell is working" in bot.ask("status")["text"]


def test_the_bots_status_says_what_is_wrong_since_when_and_what_to_do(bot: BotUnderTest) -> None:
    bot.tick()
    add(bot, "run", "failed")
    bot.slack.channels[bot.config.channel] = "is_archived"
    bot.tick()
    bot.key = "sk-wrong"
    bot.tick()

    title, key, channel, below = texts_of(bot.ask("status"))

    assert title == "⚠️ *batchbell needs help*"
    assert re.match(
        r"\*1\. .* rejects the API key\*, since <!date.*401.*\nRun `./batchbell secrets --team search`", key
    )
    assert re.match(
        r"\*2\. This team’s channel is archived\*; \d messages? (is|are) waiting, tried again <!date.* "
        r"\(`chat.postMessage: is_archived`\)\nUnarchive it.* `./batchbell redeliver --team search`",
        channel,
    )
    assert re.match("Last successful check .* ago · .* waiting.*full check: `./batchbell doctor --team search`$", below)


def test_the_bots_status_says_for_what_a_person_is_waited_for_and_what_cannot_be_read() -> None:
    held = [a_notification(state=models.State.PARKED, reason=reason) for reason in ("odd", "odd", "unclear")]
    state = a_state(hides_new=True, refused_since=NOW, failure="List Batches answered 403 (ip_not_authorized)")

    shown = texts_of(asked(BotStatus(), state=state, outbox=Outbox(tuple(held), unreadable=3)))

    assert [text.partition("\n")[0].partition(" since <")[0] for text in shown[1:6]] == [
        "*1. OpenAI refuses every request*,",
        "*2. The server lists only its oldest batches*",
        "*3. A person is needed*: 2 messages are waiting",
        "*4. A person is needed*: 1 message is waiting",
        "*5. This version can’t read what a newer one wrote*: 3 messages are waiting",
    ]


def test_what_is_not_understood_gets_one_friendly_line_and_what_to_ask(bot: BotUnderTest) -> None:
    message = bot.ask("<!channel> & *go*")

    assert texts_of(message) == [
        "I don’t know “&lt;!channel&gt; &amp; \u2217go\u2217”. Try one of these:",
        "One batch: `/batches batch_…` · more with `/batches failed 25` · `--share` shows the answer to the channel",
    ]
    assert "• `/batches problems` those that need attention" in texts_of(bot.ask("help"))[0]


def test_a_deleted_batch_has_no_page_and_is_not_running() -> None:
    row, in_detail = (asked(query, a_batch("batch_1", "gone")) for query in (Recent(), Details("batch_1")))

    assert texts_of(row)[1].startswith("*No longer watched*\n🔍 *batch_1* deleted · created <!date^")
    assert actions_of(in_detail) == ["share", "list"]


def test_the_batches_of_an_earlier_project_are_shown_as_no_longer_watched(bot: BotUnderTest) -> None:
    batch_id = add(bot, "theirs")
    bot.tick()
    bot.openai.remove(batch_id)
    bot.openai.project = "proj_other"
    bot.tick()
    bot.tick(after_s=4000)

    assert "*No longer watched*\n⏳ *theirs* " in texts_of(bot.ask(""))[1]
    assert lines_of(bot.ask(batch_id))[-1].endswith(" · no longer watched")
    assert names(bot.ask("open")) == []


def test_what_is_past_its_retention_is_not_listed(many: BotUnderTest) -> None:
    many.tick()
    many.clock.at += 40 * 86_400

    assert names(many.ask("failed")) == []


def test_each_button_of_a_message_and_of_an_answer_asks_what_its_label_says(bot: BotUnderTest) -> None:
    bad, config = one("failed", errors=tuple(BatchError(f"code_{n}") for n in range(5))), a_config(AT_OPENAI)
    others = (models.Deleted(bad, NOW), models.Watching(NOW, "installed", AT_OPENAI, 1, 1), models.KeyRefused(NOW, 401))
    posted = [[bad], [one("completed", 9, 9, 0)], [bad] * 12, *([each] for each in others)]
    messages = [
        dict(message_for([Notification("x", NOW, each) for each in many], config, NOW).content) for many in posted
    ]
    late = a_state(polled_at=NOW - 3600)
    queries = (Recent(), Recent(status=PROBLEMS), Details("batch_2"), Details("none"), BotStatus(), Help())
    messages += [*(asked(each, bad, a_batch("batch_2"), state=late) for each in queries), bot.ask("completed")]

    found = {label: parse(value).query for each in messages for label, value in values_of(each).items()}

    by_page = {label: found.pop(label) for label in ("Newer", "Older", "Refresh", "Share")}
    assert by_page["Newer"] == Recent(status=PROBLEMS, newer_than="01#x")
    assert by_page["Older"] == Recent(status=PROBLEMS, older_than="01#x")
    assert found == {
        **dict.fromkeys(("Details", "Show all 5 errors", "❌ batch_1"), Details("batch_1")),
        **dict.fromkeys(("⏳ batch_2", "Share to channel"), Details("batch_2")),
        **dict.fromkeys(("All batches", "Show batches"), Recent()),
        **dict.fromkeys(("Problems only", "Show problems"), Recent(status=PROBLEMS)),
        **dict.fromkeys(("Check again", "Is batchbell OK?"), BotStatus()),
        "Show all 12": Recent(12),
        "Running": Recent(status=OPEN),
        "What can I ask?": Help(),
    }


@settings(max_examples=50)
@given(untrusted.batches, st.sampled_from([1, 40]), untrusted.texts)
def test_untrusted_text_notifies_nobody_and_every_answer_fits_slacks_limits(
    batch: Batch, number: int, text: str
) -> None:
    for query in (Recent(40), Details(batch.id), parse(text).query):
        message = asked(query, *[batch] * number)
        assert error_for(message) is None
        assert not re.search("<[!@#](?!date)", str(message))
        assert not re.search("[<>*`]", message["text"])


def test_forty_batches_fit_into_one_answer_and_its_menu() -> None:
    long = {"metadata": (("name", "&" * 600),), "request_counts": RequestCounts(10**12, 10**11, 10**11)}
    message = asked(Recent(40), *(a_batch(f"batch_{n:032}", "completed", **long) for n in range(40)))

    assert error_for(message) is None
    assert str(message).count("'value': 'batch batch_") == 40
