"""How a batch ended, why, and the facts: "completed" is never all that is said."""

import re

import pytest

from batchbell.models import BatchError, RequestCounts, Usage
from batchbell.notify.details import outcome_text
from tests.blocks import blocks, contexts, fields, message_of, sections
from tests.builders import AT_OPENAI, NOW, a_batch


@pytest.mark.parametrize(
    ("counts", "said"),
    [
        ((10, 10, 0), "completed: all 10 requests succeeded"),
        ((1, 1, 0), "completed: its only request succeeded"),
        ((0, 5, 0), "completed: all 5 requests succeeded"),
        ((1234, 1200, 34), "completed, but 34 of 1,234 requests failed"),
        ((10, 7, 0), "completed, but 3 of 10 requests are unaccounted for"),
        ((10, 7, 2), "completed, but 2 of 10 requests failed and 1 is unaccounted for"),
        ((2, 0, 2), "completed, but both requests failed"),
        ((10, 0, 10), "completed, but all 10 requests failed"),
        ((10, 0, 4), "completed, but 4 of 10 requests failed and 6 are unaccounted for"),
        ((10, 0, 0), "completed; how its requests fared is not known"),
        ((0, 0, 0), "completed, but it was empty"),
        (None, "completed; how its requests fared is not known"),
    ],
)
def test_a_completed_batch_says_what_became_of_its_requests(counts: tuple[int, int, int] | None, said: str) -> None:
    batch = a_batch(status="completed", request_counts=counts and RequestCounts(*counts))

    assert outcome_text(batch) == said


@pytest.mark.parametrize(
    ("status", "counts", "said"),
    [
        ("expired", (10, 7, 0), "expired after 24 h, with 7 of 10 requests done"),
        ("expired", (10, 0, 0), "expired after 24 h, with 0 of 10 requests done"),
        ("cancelled", (10, 7, 1), "was cancelled after 24 h, with 8 of 10 requests done (1 failed)"),
        ("cancelled", (0, 0, 0), "was cancelled after 24 h"),
        ("in_progress", (10, 3, 0), "is now in progress, with 3 of 10 requests done"),
        ("pre_schedule<!here>", (0, 0, 0), "is now pre schedule&lt;!here&gt;"),
    ],
)
def test_a_batch_that_did_not_complete_says_how_far_it_got(
    status: str, counts: tuple[int, int, int], said: str
) -> None:
    batch = a_batch(status=status, created_at=NOW - 86_400, request_counts=RequestCounts(*counts))

    assert outcome_text(batch) == said


@pytest.mark.parametrize(
    ("errors", "left_out", "said"),
    [
        (("empty_file",), 0, "failed: empty file"),
        (("bad_line",) * 9 + ("twice",), 0, "failed: bad line (9 times) and twice"),
        (("a", "b", "c", "d"), 450, "failed: a, b and 452 other errors"),
        ((), 0, "failed, with 0 of 10 requests done; no reason was given"),
    ],
)
def test_a_failed_batch_says_why(errors: tuple[str, ...], left_out: int, said: str) -> None:
    batch = a_batch(
        status="failed",
        request_counts=RequestCounts(10, 0, 0),
        errors=tuple(map(BatchError, errors)),
        errors_left_out=left_out,
    )

    assert outcome_text(batch) == said


def test_a_failed_batch_says_why_where_and_what_helps() -> None:
    bad_json = [BatchError("invalid_json_line", "Not valid JSON.", line) for line in (3, 17, 31, 45, 59)]
    twice = [BatchError("duplicate_custom_id", f"The custom_id '{name}' occurs twice.", 9) for name in "ab"]
    batch = a_batch(status="failed", errors=(*bad_json, *twice), errors_left_out=450)

    assert sections(message_of(batch))[0].split("\n") == [
        "• `invalid_json_line` in lines 3, 17, 31 and 2 more: Not valid JSON.",
        "• `duplicate_custom_id` in line 9, 2 times; the first: The custom_id 'a' occurs twice.",
        "• …and 450 more errors",
        ":bulb: Every line of the input file must be one whole JSON object.",
        ":bulb: Give each request a `custom_id` of its own.",
    ]


def test_an_error_without_a_code_is_shown_by_its_message() -> None:
    message = message_of(a_batch(status="failed", errors=(BatchError(message="The file is gone."),)))

    assert message.text.endswith("failed: The file is gone.")
    assert sections(message) == ["An error: The file is gone."]


def test_the_organization_is_not_shown_to_the_channel() -> None:
    said = "Enqueued token limit reached for gpt-4o in organization org-snq6hvcTYRCMyB87."
    errors = (BatchError("token_limit_exceeded", said), BatchError(None, said))

    message = message_of(a_batch(status="failed", errors=errors))

    assert "org-…" in sections(message)[0]
    assert "org-snq6" not in str(message)


@pytest.mark.parametrize(
    ("window", "took"),
    [
        ("24h", "1 h of 24 h"),
        ("1m", "1 h of 1 min"),
        ("14d", "1 h of 14 days"),
        ("1 day", "1 h of 1 day"),
        ("2 weeks", "1 h of 2 weeks"),
        ("90s", "1 h of 90 s"),
        ("1 month", "1 h of 1 month"),
        ("30mo", "1 h of 30mo"),
        ("P1D", "1 h of P1D"),
        (None, "1 h"),
    ],
)
def test_a_window_of_any_unit_reads_well(window: str | None, took: str) -> None:
    batch = a_batch(status="completed", created_at=NOW - 3600, completion_window=window)

    assert fields(message_of(batch))["Took"] == took


def test_tokens_that_a_server_only_sums_up_are_never_none_in_and_none_out() -> None:
    batch = a_batch(status="completed", usage=Usage(0, 0, 1_500))

    assert fields(message_of(batch))["Tokens"] == "1,500 in all"


@pytest.mark.parametrize("key", ["ds_name", "ds_description", "name", "Description"])
def test_a_batch_is_named_by_its_metadata(key: str) -> None:
    assert "· *nightly* " in message_of(a_batch(metadata=((key, "nightly"),))).text


def test_the_partial_output_of_a_failed_batch_is_named() -> None:
    assert fields(message_of(a_batch(status="failed", output_file_id="f")))["Partial output"] == "`f`"


@pytest.mark.parametrize("status", ["expired", "cancelled"])
def test_partial_output_is_said_to_be_paid_for(status: str) -> None:
    message = message_of(a_batch(status=status, output_file_id="file-part"))

    assert sections(message) == ["What was done is already paid for: fetch it before you submit the rest again."]
    assert fields(message) == {"Partial output": "`file-part`"}


def test_the_facts_are_shown_and_what_is_not_known_is_left_out() -> None:
    batch = a_batch(
        status="completed",
        model="gpt-5-mini",
        endpoint="/v1/responses",
        completion_window="24h",
        created_at=NOW - 11_520,
        output_file_id="file-out",
        usage=Usage(1_234_567, 345_678, 1_580_245, cached_tokens=1_000_000, reasoning_tokens=12_345),
    )

    assert fields(message_of(batch)) == {
        "Model": "`gpt-5-mini`",
        "Endpoint": "`/v1/responses`",
        "Took": "3 h 12 min of 24 h",
        "Tokens": "1,234,567 in (1,000,000 cached), 345,678 out (12,345 reasoning)",
        "Output file": "`file-out`",
    }


def test_the_id_is_shown_below_a_name_with_the_rest_of_the_metadata() -> None:
    named = a_batch(metadata=(("Owner", "anna"), ("Job_Name", "nightly"), ("run", "42")))

    origin, metadata = contexts(message_of(named))

    assert origin.startswith("`batch_1` · created <!date^")
    assert metadata == "Owner: anna · run: 42"


def test_what_says_nothing_new_is_left_out() -> None:
    batch = a_batch(status="completed", usage=Usage(0, 0, 0), metadata=(("team", "search"), ("run", "42")))

    message = message_of(batch)

    assert "Tokens" not in fields(message)
    assert contexts(message)[1] == "run: 42"


def test_no_word_from_outside_becomes_an_emoji_beside_ours() -> None:
    word = ":tada:"
    errors = (BatchError(word, word),)
    batch = a_batch(status="failed", errors=errors, metadata=(("name", word), (":tada", word)), model=word)

    message = message_of(batch, AT_OPENAI)

    outside_code = re.sub(r"`[^`]*`", "", message.text + str(blocks(message)))
    assert outside_code.count(":tada") == 0
    assert ":x:" in outside_code


def test_metadata_beyond_what_is_readable_is_counted() -> None:
    batch = a_batch(metadata=tuple((f"key{n}", "x") for n in range(16)))

    assert contexts(message_of(batch))[1].endswith("key7: x · 8 more")
