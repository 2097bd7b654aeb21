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
    KeyAccepted,
    KeyRefused,
    Message,
    Notification,
    RequestCounts,
    Subject,
    Watching,
)
from batchbell.notify import messages
from batchbell.notify.messages import message_for
from local.slack_rules import error_for
from tests import untrusted
from tests.blocks import blocks, colour, contexts, fields, message_of, sections
from tests.builders import AT_AZURE, AT_OPENAI, ELSEWHERE, NOW, a_batch, a_config, a_notification

OUR_TAGS = re.compile(
    r"<!date\^\d+\^\{date_short_pretty\} \{time\}\|[^<>]*>"
    r"|<https://platform\.openai\.com/batches/[^<>|]+\|[^<>|]*>"
)
RAW = re.compile(r"[<>]|&(?!(amp|lt|gt);)")
ENDED = f"<!date^{NOW}^{{date_short_pretty}} {{time}}|2027-01-15 08:00 UTC>"


def completed(*counts: int, **fields: object) -> Batch:
    return a_batch(status="completed", request_counts=RequestCounts(*counts), **fields)


def test_a_message_says_whose_it_is_and_how_it_ended_in_one_sentence() -> None:
    assert message_of(completed(10, 7, 3)).text == (
        ":warning: *search* · *batch_1* completed, but 3 of 10 requests failed."
    )


def test_only_success_is_green() -> None:
    green = colour(message_of(completed(10, 10, 0)))
    others = [
        completed(10, 9, 1),
        completed(10, 0, 10),
        completed(0, 0, 0),
        completed(0, 0, 0, is_retrieved=True),
        *(a_batch(status=status) for status in ("failed", "expired", "cancelled", "in_progress")),
    ]

    assert green not in {colour(message_of(batch)) for batch in others}


@pytest.mark.parametrize("key", ["description", "Job_Name", " TITLE "])
def test_a_batch_is_called_by_the_name_in_its_metadata_with_a_link_to_its_page(key: str) -> None:
    batch = completed(10, 10, 0, metadata=(("owner", "anna"), (key, "nightly <3")))

    assert message_of(batch, AT_OPENAI).text == (
        ":white_check_mark: *search* · *<https://platform.openai.com/batches/batch_1|nightly &lt;3>* "
        "completed: all 10 requests succeeded."
    )


HIDDEN = ("https://api.openai.com.example.com/v1", "https://example.com/https://api.openai.com/v1", "")


@pytest.mark.parametrize("base_url", [ELSEWHERE, AT_AZURE, *HIDDEN])
def test_a_batch_on_another_server_or_with_an_id_that_no_address_may_hold_has_no_link(base_url: str) -> None:
    assert "platform.openai.com" not in str(message_of(completed(10, 10, 0), base_url))
    assert "*../&lt;x&gt;¦y* completed" in message_of(completed(10, 10, 0, id="../<x>|y"), AT_OPENAI).text


@pytest.mark.parametrize(("ended_at", "says"), [(NOW, "it ended"), (None, "it was noticed")])
def test_a_late_message_says_when_the_batch_ended_or_that_was_noticed(ended_at: int | None, says: str) -> None:
    batch = completed(10, 10, 0, completed_at=ended_at)

    assert "late" not in message_of(batch, now=NOW + 900).text
    assert message_of(batch, now=NOW + 901).text.endswith(f" This is told late: {says} {ENDED}.")


def test_text_only_leaves_title_link_and_reason() -> None:
    failed = a_batch(status="failed", errors=(BatchError("empty_file", "The file is empty."),))

    message = message_of(failed, AT_OPENAI, text_only=True, possible_duplicate=True)

    assert blocks(message) == []
    assert message.text.split("\n") == [
        ":x: *search* · *<https://platform.openai.com/batches/batch_1|batch_1>* failed: empty file."  # noqa: ISC004
        " This may be a repeat.",
        "`empty_file`: The file is empty.",
        ":bulb: The input file needs at least one line.",
    ]


def test_a_test_message_says_what_it_is() -> None:
    message = messages.test_message(a_config(), NOW)

    assert message.text == ":wrench: *search* · This is a test message: batchbell can post here."
    assert contexts(message) == ["Sent by a person with `batchbell test-message`. No batch has ended."]
    assert message.ids == (f"trial-{NOW}#test",)


def test_a_deleted_batch_says_what_was_last_known_of_it() -> None:
    message = message_of(Deleted(a_batch(), missing_since=NOW - 3600), AT_OPENAI)

    assert message.text.startswith(":mag: *search* · *batch_1* is gone: OpenAI has not known it since <!date^")
    assert sections(message) == [
        "When last seen it was in progress. It is no longer watched, unless it is listed again."
    ]


def test_a_baseline_says_what_will_be_announced_and_what_will_not() -> None:
    statuses = ("completed", "in_progress")
    watching = Watching(NOW, "installed", AT_OPENAI, 3, 12, statuses, "team=search")

    message = message_of(watching, AT_OPENAI)

    assert message.text == (":eyes: *search* · batchbell is now watching the batches at OpenAI: 3 batches are open.")
    assert sections(message) == [
        "Announced from now on: `completed` and `in_progress`, of batches with `team=search`. "  # noqa: ISC004
        "12 batches had ended before and are not announced."
    ]


@pytest.mark.parametrize(
    ("reason", "said", "advice"),
    [
        ("base_url", "another server, `llm.example.com/v1`: no batch is open.", "`OpenAIBaseUrl`"),
        ("project", "now belongs to another project", "`/batchbell/search/openai-api-key`"),
    ],
)
def test_another_baseline_names_its_own_server_and_says_that_earlier_batches_are_no_longer_watched(
    reason: str, said: str, advice: str
) -> None:
    message = message_of(Watching(NOW, reason, ELSEWHERE, open_count=0, ended_count=0), AT_OPENAI)

    assert said in message.text
    assert "are no longer watched" in sections(message)[0]
    assert advice in sections(message)[0]


@pytest.mark.parametrize(
    ("base_url", "version", "status", "service", "advice"),
    [
        (AT_OPENAI, "", 401, "OpenAI", "or a restricted one without the permission _Batch_ (read)"),
        (AT_OPENAI, "", 403, "OpenAI", "Give it the permission _Batch_ (read)"),
        (AT_AZURE, "", 401, "Azure OpenAI (`contoso.openai.azure.com`)", "another resource than"),
        (AT_AZURE, "", 403, "Azure OpenAI (`contoso.openai.azure.com`)", "keys turned off, or its network"),
        (ELSEWHERE, "2024-10-21", 401, "Azure OpenAI (`llm.example.com`)", "another resource than"),
        (ELSEWHERE, "", 401, "`llm.example.com/v1`", "wrong, expired or revoked (401 `some_code`)"),
        (ELSEWHERE, "", 403, "`llm.example.com/v1`", "may not read batches (403 `some_code`)"),
    ],
)
def test_a_refused_key_says_what_to_do_at_that_server(
    base_url: str, version: str, status: int, service: str, advice: str
) -> None:
    refused = [Notification("key#refused", NOW, KeyRefused(NOW - 120, status, "some_code"))]

    message = message_for(refused, a_config(base_url, version), NOW)

    assert message.text.startswith(f":no_entry: *search* · {service} has refused the API key since <!date^")
    assert advice in sections(message)[0]
    assert "`/batchbell/search/openai-api-key`; the next poll takes it up." in sections(message)[0]
    assert ("_Batch_ (read)" in sections(message)[0]) == (service == "OpenAI")


@pytest.mark.parametrize(
    ("status", "error", "advice"),
    [
        (403, "unsupported_country_region_territory", "deploy the stack in another AWS region"),
        (401, "ip_not_authorized", "Change the allowlist"),
        (403, "html_page", "A web page came instead of the API's answer"),
    ],
)
def test_a_refusal_that_is_not_the_keys_fault_says_so(status: int, error: str, advice: str) -> None:
    message = message_of(KeyRefused(NOW, status, error), AT_OPENAI)

    assert f"has refused every request since <!date^{NOW}^" in message.text
    assert f"({status} `{error}`)" in message.text
    assert advice in sections(message)[0]
    assert "The key is not at fault." in sections(message)[0]
    assert "openai-api-key" not in str(message)


def test_a_key_that_works_again_says_how_long_it_did_not() -> None:
    assert message_of(KeyAccepted(NOW - 7200, NOW), AT_OPENAI).text == (
        ":key: *search* · OpenAI accepts the API key again, which it had refused for 2 h."
    )


def digest_of(*subjects: Subject, now: int = NOW, config: Config | None = None) -> Message:
    news = [Notification(f"{index}#id", NOW, subject) for index, subject in enumerate(subjects)]
    return message_for(news, config or a_config(), now)


def test_a_digest_counts_the_worst_first_and_names_every_batch() -> None:
    message = digest_of(
        completed(10, 10, 0, id="batch_1"),
        completed(10, 7, 3, id="batch_2", metadata=(("name", "nightly"),)),
        a_batch("batch_3", "failed", errors=(BatchError("empty_file"),)),
        completed(10, 10, 0, id="batch_4"),
    )

    assert message.text == ":x: *search* · 4 batches ended: 1 failed, 1 partly failed and 2 succeeded."
    assert sections(message)[0].split("\n") == [
        ":x: *batch_3* failed: empty file",
        ":warning: *nightly* completed, but 3 of 10 requests failed · `batch_2`",
        ":white_check_mark: *batch_1* completed: all 10 requests succeeded",
        ":white_check_mark: *batch_4* completed: all 10 requests succeeded",
    ]
    assert message.ids == ("0#id", "1#id", "2#id", "3#id")


def test_a_late_digest_says_when_each_batch_ended() -> None:
    message = digest_of(completed(10, 10, 0), completed(10, 10, 0, completed_at=NOW + 3600), now=NOW + 3600)

    assert f" One of them is told late: it ended <!date^{NOW}^" in message.text
    assert f"succeeded, ended <!date^{NOW}^" in sections(message)[0]
    assert f"<!date^{NOW + 3600}^" not in sections(message)[0]


def test_a_digest_may_hold_any_subject() -> None:
    message = digest_of(a_batch(), Deleted(a_batch("batch_2"), NOW))

    assert message.text == ":mag: *search* · 2 pieces of news: 1 gone and 1 still open."


def test_batches_with_the_same_outcome_stand_in_the_order_of_their_names() -> None:
    names = ["part 10", "Part 2", "part 1", "part 010 b", "appendix", "part 99999999999999999999"]

    message = digest_of(*(completed(10, 10, 0, metadata=(("name", name),)) for name in names))

    shown = [line.split("*")[1] for line in sections(message)[0].split("\n")]
    assert shown == ["appendix", "part 1", "Part 2", "part 10", "part 010 b", "part 99999999999999999999"]


@given(untrusted.notifications, untrusted.configs, st.booleans(), st.booleans())
def test_whatever_a_server_says_one_notification_is_safe_and_fits(
    notification: Notification, config: Config, text_only: bool, possible_duplicate: bool
) -> None:
    options = {"text_only": text_only, "possible_duplicate": possible_duplicate}

    _assert_safe_and_fitting(message_for([notification], config, NOW, **options))


@given(
    st.lists(untrusted.notifications, min_size=1, max_size=3),
    st.integers(2, 45),
    untrusted.configs,
    st.integers(NOW - 10**6, NOW + 10**6),
)
def test_whatever_a_server_says_a_digest_names_every_one_and_fits(
    some: list[Notification], count: int, config: Config, now: int
) -> None:
    message = message_for((some * count)[:count], config, now, possible_duplicate=True)

    _assert_safe_and_fitting(message)
    assert len("\n".join(sections(message)).split("\n")) == count


@pytest.mark.parametrize("count", [20, 45])
def test_a_digest_of_the_longest_fits(count: int) -> None:
    batch = a_batch("batch_" + "b" * 32, "failed", metadata=(("name", "&" * 500),))
    config = a_config(server=Server(AT_OPENAI))

    message = message_for([a_notification(batch)] * count, config, NOW + 901, possible_duplicate=True)

    _assert_safe_and_fitting(message)
    assert "\n".join(sections(message)).count("`batch_bbb") == count


def _assert_safe_and_fitting(message: Message) -> None:
    small = [*contexts(message), *fields(message).values()]
    shown = [*sections(message), *small]
    for text in (message.text, *shown):
        assert not RAW.search(OUR_TAGS.sub("", text))
    assert len(message.text) <= (1_200 if blocks(message) else 4_000)
    assert sum(map(len, shown)) <= 8_000
    assert max(map(len, small), default=0) <= 1_900
    assert error_for({"text": message.text, **message.content}) is None
