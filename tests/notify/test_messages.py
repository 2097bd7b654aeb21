"""Messages: words first, everything untrusted escaped, everything within Slack's limits."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchbell.config import Config, Server
from batchbell.models import (
    Batch,
    BatchError,
    Deleted,
    ErrorSummary,
    KeyAccepted,
    KeyRefused,
    Message,
    Notification,
    RequestCounts,
    Usage,
    Watching,
)
from batchbell.notify import messages
from batchbell.notify.messages import message_for
from tests import untrusted
from tests.blocks import blocks, contexts, controls, message_of, sections
from tests.builders import AT_AZURE, AT_OPENAI, ELSEWHERE, NOW, a_batch, a_config, a_notification

PAGE = "https://platform.openai.com/batches/batch_1"
OUR_TAGS = re.compile(
    r"<!date\^\d+\^\{date_short_pretty\} \{time\}\|[^<>]*>"
    r"|<https://platform\.openai\.com/batches/[^<>|]+\|[^<>|]*>"
)
RAW = re.compile(r"[<>]|&(?!(amp|lt|gt);)")
ENDED = f"<!date^{NOW}^{{date_short_pretty}} {{time}}|2027-01-15 08:00 UTC>"


def completed(*counts: int, **fields: object) -> Batch:
    return a_batch(status="completed", request_counts=RequestCounts(*counts), **fields)


def test_a_success_is_two_lines_with_a_menu() -> None:
    message = message_of(completed(500, 500, 0, usage=Usage(1, 2, 3_000), metadata=(("name", "Nightly"),)), AT_OPENAI)

    assert message.text == "✅ Nightly succeeded: all 500 requests, in 1 h."
    assert sections(message) == [f"✅ *<{PAGE}|Nightly>* succeeded\n500 requests · 1 h · 3,000 tokens"]
    assert len(blocks(message)) == 1
    assert [(each["text"]["text"], each["value"], each.get("url")) for each in controls(message)] == [
        ("Details", "batch batch_1", None),
        ("Open in OpenAI", "link", PAGE),
    ]


def test_a_failure_is_an_outcome_a_reason_a_next_step_one_line_of_facts_and_two_buttons() -> None:
    summary = ErrorSummary((("rate_limit_exceeded", 3),), lines=3)
    batch = completed(1_000, 997, 3, model="gpt-4o-mini", error_file_id="file-e", error_summary=summary)

    message = message_of(batch, AT_OPENAI)

    assert message.text == (
        "⚠️ batch_1 partly failed: 3 of 1,000 requests failed, 997 results are ready. 3 × rate limit exceeded. "
        "Next: submit fewer requests at a time, then resubmit the 3 named in the error file."
    )
    assert sections(message)[0].split("\n") == [
        f"⚠️ *Partly failed:* *<{PAGE}|batch_1>*",
        "3 of 1,000 requests failed, 997 results are ready.",
        "3 × rate limit exceeded",
        "*Next:* submit fewer requests at a time, then resubmit the 3 named in the error file.",
    ]
    assert contexts(message) == ["gpt-4o-mini · 1 h"]
    assert [each["accessibility_label"] for each in controls(message)] == [
        "Details of batch_1",
        "Open in OpenAI: batch_1",
    ]
    assert controls(message)[1]["url"] == PAGE


def test_a_cancelled_batch_says_what_was_done_in_two_lines() -> None:
    message = message_of(a_batch(status="cancelled", request_counts=RequestCounts(4_000, 544, 0)))

    assert message.text == (
        "⏹️ batch_1 was cancelled after 1 h: 544 of 4,000 requests succeeded; their results are kept and billed."
    )
    assert len(blocks(message)) == 1


def test_a_rejected_batch_with_errors_of_many_kinds_offers_them_all() -> None:
    errors = tuple(BatchError(f"code_{n % 4}", line=n) for n in range(1, 41))

    message = message_of(a_batch(status="failed", request_counts=None, errors=errors, errors_left_out=10))

    assert controls(message)[0]["text"]["text"] == "Show all 50 errors"
    assert contexts(message) == ["rejected after 1 h"]


def test_an_open_status_is_announced_with_its_progress() -> None:
    message = message_of(a_batch(request_counts=RequestCounts(800, 303, 9)))

    assert message.text == "⏳ batch_1 is in progress: 312 of 800 requests done, 9 failed."


def test_a_batch_of_which_nothing_is_known_is_announced_by_its_status_alone() -> None:
    message = message_of(a_batch(status="validating"))

    assert message.text == "⏳ batch_1 is validating."
    assert sections(message) == ["⏳ *Validating:* *batch_1*"]


HIDDEN = ("https://api.openai.com.example.com/v1", "https://example.com/https://api.openai.com/v1", "")


@pytest.mark.parametrize("base_url", [ELSEWHERE, AT_AZURE, *HIDDEN])
def test_a_batch_on_another_server_or_with_an_id_that_no_address_may_hold_has_no_link(base_url: str) -> None:
    assert "platform.openai.com" not in str(message_of(completed(10, 9, 1), base_url).content)
    odd = message_of(completed(10, 9, 1, id="../<x>|y"), AT_OPENAI)
    assert sections(odd)[0].startswith("⚠️ *Partly failed:* *../&lt;x&gt;¦y*\n")
    assert [each["value"] for each in controls(odd)] == ["batch ..%2F%3Cx%3E%7Cy"]


@pytest.mark.parametrize("status", ["completed", "failed"])
def test_an_id_that_is_too_long_for_a_menu_or_a_button_costs_only_that(status: str) -> None:
    long, longest = (message_of(a_batch("\U0001f600" * n, status)) for n in (60, 250))

    assert [each["action_id"] for each in controls(long)] == (["details"] if status == "failed" else [])
    assert controls(longest) == []


@pytest.mark.parametrize(("ended_at", "verb"), [(NOW, "ended"), (None, "was noticed")])
def test_a_late_message_says_when_the_batch_ended_or_that_was_noticed(ended_at: int | None, verb: str) -> None:
    batch = completed(10, 10, 0, completed_at=ended_at)

    late = message_of(batch, now=NOW + 901)

    assert "late" not in str(message_of(batch, now=NOW + 900))
    assert late.text.endswith(f" Posted late: it {verb} 15 min 1 s ago.")
    assert contexts(late) == [f"posted late: {verb} {ENDED}"]


def test_text_only_is_the_text_alone() -> None:
    failed = a_batch(status="failed", request_counts=None, errors=(BatchError("empty_file", "The file is empty."),))

    message = message_of(failed, AT_OPENAI, text_only=True, possible_duplicate=True)

    assert blocks(message) == []
    assert message.text == (
        "❌ batch_1 was rejected: empty file; no request ran. The file is empty. "
        "Next: give the input file at least one line. This may be a repeat."
    )


def test_a_test_message_says_what_it_is() -> None:
    message = messages.test_message(a_config(), NOW)

    assert (
        message.text
        == "🔧 This is a test message for search. batchbell can post here. No batch has ended. Sent with `batchbell test-message`."
    )
    assert contexts(message) == ["Sent with `batchbell test-message`"]
    assert message.ids == (f"trial-{NOW}#test",)


def test_a_deleted_batch_says_what_was_last_known_of_it() -> None:
    batch = a_batch(request_counts=RequestCounts(800, 312, 0))

    message = message_of(Deleted(batch, missing_since=NOW - 3600), AT_OPENAI)

    assert message.text == (
        "🔍 Deleted: batch_1. OpenAI has not known it since 2027-01-15 07:00 UTC. When last seen it was in progress, "
        "312 of 800 done. It is not checked any more, unless it is listed again."
    )
    assert "OpenAI has not known it since <!date^" in sections(message)[0]
    assert [each["text"]["text"] for each in controls(message)] == ["Details"]


def test_a_baseline_says_what_will_be_announced_and_what_will_not() -> None:
    watching = Watching(NOW, "installed", AT_OPENAI, 3, 12, ("completed", "expired", "failed"))

    message = message_of(watching, AT_OPENAI)

    said = (
        "3 are running. You’ll hear here when one completes, fails or expires; "
        "the 12 that had already ended are not posted."
    )
    assert message.text == f"👀 batchbell is watching the OpenAI batches of search. {said}"
    assert sections(message) == [f"👀 *batchbell is watching the OpenAI batches of search*\n{said}"]
    assert [each["text"]["text"] for each in controls(message)] == ["Show batches", "What can I ask?"]


def test_a_baseline_names_the_filter_and_statuses_of_all_kinds() -> None:
    watching = Watching(NOW, "installed", AT_OPENAI, 1, 0, ("cancelled", "in_progress"), "team=search")

    assert "1 is running. You’ll hear here when one with `team=search` is cancelled or is `in_progress`." in (
        message_of(watching).text
    )


@pytest.mark.parametrize(
    ("reason", "said", "advice"),
    [
        (
            "base_url",
            "another server for search: `llm.example.com/v1`",
            "deploy again with the earlier `OpenAIBaseUrl`",
        ),
        ("project", "now belongs to another project", "`./batchbell secrets --team search`"),
    ],
)
def test_another_baseline_names_its_own_server_and_says_that_earlier_batches_are_no_longer_watched(
    reason: str, said: str, advice: str
) -> None:
    message = message_of(Watching(NOW, reason, ELSEWHERE, open_count=0, ended_count=0), AT_OPENAI)

    assert said in message.text
    assert "no longer" in message.text
    assert advice in message.text


@pytest.mark.parametrize(
    ("base_url", "version", "status", "service", "advice"),
    [
        (AT_OPENAI, "", 401, "OpenAI", "lacks the permission _Batch_ (read)"),
        (AT_OPENAI, "", 403, "OpenAI", "give it the permission _Batch_ (read)"),
        (AT_AZURE, "", 401, "Azure OpenAI (`contoso.openai.azure.com`)", "another resource than"),
        (AT_AZURE, "", 403, "Azure OpenAI (`contoso.openai.azure.com`)", "keys turned off, or its network"),
        (ELSEWHERE, "2024-10-21", 401, "Azure OpenAI (`llm.example.com`)", "another resource than"),
        (ELSEWHERE, "", 401, "`llm.example.com/v1`", "wrong, expired or revoked"),
        (ELSEWHERE, "", 403, "`llm.example.com/v1`", "may not read batches"),
    ],
)
def test_a_refused_key_says_what_to_do_at_that_server(
    base_url: str, version: str, status: int, service: str, advice: str
) -> None:
    refused = [Notification("key#refused", NOW, KeyRefused(NOW, status, "some_code"))]

    message = message_for(refused, a_config(base_url, version), NOW)

    title = f"⛔ Can’t see the batches of search: {service} rejects the API key."
    assert message.text.startswith(f"{title} Since 2027-01-15 08:00 UTC ({status} `some_code`). ")
    assert f"Since {ENDED} ({status} `some_code`)." in sections(message)[0]
    assert advice in sections(message)[0]
    assert "run `./batchbell secrets --team search` and enter" in sections(message)[0]
    assert ("_Batch_ (read)" in sections(message)[0]) == (service == "OpenAI")
    assert contexts(message) == ["Nothing is lost: what ends meanwhile is posted once requests are accepted"]


@pytest.mark.parametrize(
    ("status", "error", "advice"),
    [
        (403, "unsupported_country_region_territory", "deploy the stack in another AWS region"),
        (401, "ip_not_authorized", "change the allowlist"),
        (403, "html_page", "A web page came instead of the API's answer"),
    ],
)
def test_a_refusal_that_is_not_the_keys_fault_says_so(status: int, error: str, advice: str) -> None:
    message = message_of(KeyRefused(NOW, status, error), AT_OPENAI)

    assert "OpenAI refuses every request" in message.text
    assert f"({status} `{error}`)" in message.text
    assert advice in message.text
    assert "batchbell secrets" not in str(message)


def test_a_key_that_works_again_says_how_long_it_did_not() -> None:
    assert message_of(KeyAccepted(NOW - 7200, NOW), AT_OPENAI).text == (
        "🔑 OpenAI accepts the API key of search again. It had rejected it for 2 h. What ended meanwhile is posted now."
    )


def digest_of(*batches: Batch, now: int = NOW, config: Config | None = None) -> Message:
    return message_for([a_notification(batch) for batch in batches], config or a_config(AT_OPENAI), now)


def test_a_digest_has_a_row_for_each_problem_the_worst_first_and_names_the_others() -> None:
    parts = [completed(10, 10, 0, id=f"batch_{n}", metadata=(("name", f"Part {n}"),)) for n in (10, 11, 12)]
    message = digest_of(
        *parts,
        completed(10, 7, 3, id="batch_2", metadata=(("name", "Nightly"),)),
        a_batch("batch_3", "failed", request_counts=None, errors=(BatchError("empty_file"),)),
        a_batch("batch_4", "cancelled"),
        a_batch("batch_5", "expired", request_counts=RequestCounts(9, 4, 0)),
    )

    page = PAGE.removesuffix("1")
    assert message.text == (
        "7 batches ended: 3 need attention, 1 cancelled, 3 succeeded. Rejected: batch_3 (empty file). "
        "Expired after 1 h: batch_5 (4 of 9 succeeded). Partly failed: Nightly (3 of 10 failed)."
    )
    assert sections(message) == [
        "*7 batches ended: 3 need attention, 1 cancelled, 3 succeeded*",
        f"❌ *Rejected:* *<{page}3|batch_3>*\nEmpty file",
        f"⏰ *Expired after 1 h:* *<{page}5|batch_5>*\n4 of 9 succeeded",
        f"⚠️ *Partly failed:* *<{page}2|Nightly>*\n3 of 10 failed",
    ]
    assert contexts(message) == ["⏹️ 1 cancelled: batch_4", "✅ 3 succeeded: Part 10–12"]
    values = [each["value"] for each in controls(message) if each["value"] != "link"]
    assert values == ["all 7", "problems 10", "batch batch_3", "batch batch_5", "batch batch_2"]


def test_a_digest_of_successes_alone_needs_no_attention() -> None:
    message = digest_of(
        completed(1, 1, 0), completed(1, 1, 0), completed(1, 1, 0, completed_at=NOW + 901), now=NOW + 901
    )

    assert message.text == "3 batches ended: 3 succeeded. Posted late: 2 of them, the first ended 15 min 1 s ago."
    assert contexts(message)[-1] == f"posted late: 2 of them, the first ended {ENDED}"
    assert [each["text"]["text"] for each in controls(message)] == ["Show all 3"]


def test_a_digest_may_hold_open_batches() -> None:
    assert digest_of(a_batch(), completed(1, 1, 0)).text == "2 batches: 1 in progress, 1 succeeded."


def test_batches_with_the_same_outcome_stand_in_the_order_of_their_names() -> None:
    names = ["part c", "Part b", "part a", "appendix"]

    message = digest_of(*(completed(10, 9, 1, metadata=(("name", name),)) for name in names))

    shown = [re.split("[|>]", text)[1] for text in sections(message)[1:]]
    assert shown == ["appendix", "part a", "Part b", "part c"]


def test_no_word_from_outside_becomes_an_emoji() -> None:
    word = ":tada:"
    errors = (BatchError(word, word),)
    batch = a_batch(status="failed", errors=errors, metadata=(("name", word), (":tada", word)), model=word)

    assert ":tada" not in re.sub(r"`[^`]*`", "", str(message_of(batch, AT_OPENAI)))


@given(untrusted.notifications, untrusted.configs, st.booleans(), st.booleans())
def test_whatever_a_server_says_one_notification_is_safe(
    notification: Notification, config: Config, text_only: bool, possible_duplicate: bool
) -> None:
    options = {"text_only": text_only, "possible_duplicate": possible_duplicate}

    _assert_safe(message_for([notification], config, NOW, **options))


@given(
    st.lists(untrusted.batches, min_size=1, max_size=3),
    st.integers(2, 30),
    untrusted.configs,
    st.integers(NOW - 10**6, NOW + 10**6),
)
def test_whatever_a_server_says_a_digest_is_safe(some: list[Batch], count: int, config: Config, now: int) -> None:
    batches = (some * count)[:count]

    message = message_for([a_notification(each) for each in batches], config, now, possible_duplicate=True)

    _assert_safe(message)


@pytest.mark.parametrize("status", ["failed", "cancelled"])
def test_a_digest_of_the_longest_names_every_one(status: str) -> None:
    batches = [a_batch(f"batch_{n:032x}", status, metadata=(("name", chr(0x100 + n) + "&" * 500),)) for n in range(30)]

    message = digest_of(*batches, config=a_config(server=Server(AT_OPENAI)))

    _assert_safe(message)
    shown = "\n".join([*sections(message), *contexts(message)])
    assert all(f"{chr(0x100 + n)}&amp;" in shown for n in range(30))


def _assert_safe(message: Message) -> None:
    shown = [*sections(message), *contexts(message)]
    for text in (message.text, *shown):
        assert not RAW.search(OUR_TAGS.sub("", text))
    assert "<!" not in message.text
    assert len(message.text) <= 4_000
    assert sum(map(len, shown)) <= 8_000
