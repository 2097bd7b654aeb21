"""Parts: the why, the what-now and the facts below the sentence."""

import pytest

from batchbell.domain.batch import BatchError, Usage
from batchbell.domain.notification import BaselineReason, Gone, KeyRefused, Watching
from batchbell.domain.place import Place
from tests.builders import NOW, a_batch
from tests.reading import AT_OPENAI, contexts, fields, rendered, sections

AT_AZURE = Place("search", "https://contoso.openai.azure.com/openai/v1")
AT_PROXY = Place("search", "https://llm.example.com/azure", "2024-10-21")
AT_GROQ = Place("search", "https://api.groq.com/openai/v1")


def test_the_facts_are_told_and_what_is_not_known_is_left_out() -> None:
    batch = a_batch(
        status="completed",
        model="gpt-5-mini",
        endpoint="/v1/responses",
        completion_window="24h",
        created_at=NOW - 11_520,
        output_file_id="file-out",
        usage=Usage(1_234_567, 345_678, 1_580_245, cached_tokens=1_000_000, reasoning_tokens=12_345),
    )

    assert fields(rendered(batch)) == {
        "Model": "`gpt-5-mini`",
        "Endpoint": "`/v1/responses`",
        "Took": "3 h 12 min of 24 h",
        "Tokens": "1,234,567 in (1,000,000 cached), 345,678 out (12,345 reasoning)",
        "Output file": "`file-out`",
    }


def test_the_id_stands_below_where_a_name_stands_above_with_the_rest_of_the_metadata() -> None:
    named = a_batch(metadata=(("Owner", "anna"), ("Job_Name", "nightly"), ("run", "42")))

    origin, metadata = contexts(rendered(named))

    assert origin.startswith("`batch_1` · created <!date^")
    assert metadata == "Owner: anna · run: 42"


def test_what_says_nothing_new_is_left_out() -> None:
    batch = a_batch(status="completed", usage=Usage(0, 0, 0), metadata=(("team", "search"), ("run", "42")))

    message = rendered(batch)

    assert "Tokens" not in fields(message)
    assert contexts(message)[1] == "run: 42"


def test_metadata_beyond_what_is_readable_is_counted() -> None:
    batch = a_batch(metadata=tuple((f"key{n}", "x") for n in range(16)))

    assert contexts(rendered(batch))[1].endswith("key7: x · 8 more")


def test_a_failed_batch_says_why_where_and_what_helps() -> None:
    bad_json = [BatchError("invalid_json_line", "Not valid JSON.", line) for line in (3, 17, 31, 45, 59)]
    twice = [BatchError("duplicate_custom_id", f"The custom_id '{name}' occurs twice.", 9) for name in "ab"]
    batch = a_batch(status="failed", errors=(*bad_json, *twice), errors_left_out=450)

    assert sections(rendered(batch))[0].split("\n") == [
        "• `invalid_json_line` in lines 3, 17, 31 and 2 more: Not valid JSON.",
        "• `duplicate_custom_id` in line 9, 2 times; the first: The custom_id 'a' occurs twice.",
        "• …and 450 more errors",
        ":bulb: Every line of the input file must be one whole JSON object.",
        ":bulb: Give each request a `custom_id` of its own.",
    ]


def test_an_error_without_a_code_speaks_for_itself() -> None:
    message = rendered(a_batch(status="failed", errors=(BatchError(message="The file is gone."),)))

    assert message.text.endswith("failed: The file is gone.")
    assert sections(message) == ["An error: The file is gone."]


def test_the_organization_is_not_shown_to_the_channel() -> None:
    said = "Enqueued token limit reached for gpt-4o in organization org-snq6hvcTYRCMyB87."
    errors = (BatchError("token_limit_exceeded", said), BatchError(None, said))

    message = rendered(a_batch(status="failed", errors=errors))

    assert "org-…" in sections(message)[0]
    assert "org-snq6" not in str(message)


@pytest.mark.parametrize("status", ["expired", "cancelled"])
def test_partial_output_is_said_to_be_paid_for(status: str) -> None:
    message = rendered(a_batch(status=status, output_file_id="file-part"))

    assert sections(message) == [
        "What was done is already paid for: fetch it before you submit the rest again."
    ]
    assert fields(message) == {"Partial output": "`file-part`"}


def test_a_gone_batch_says_what_was_last_known_of_it() -> None:
    message = rendered(Gone(a_batch(), missing_since=NOW - 3600), AT_OPENAI)

    assert message.text.startswith(
        ":mag: *search* · *batch_1* is gone: OpenAI has not known it since <!date^"
    )
    assert sections(message) == [
        "When last seen it was in progress. It is no longer watched, unless it is listed again."
    ]


def test_a_new_watch_says_what_will_be_told_and_what_will_not() -> None:
    statuses = ("completed", "in_progress")
    watching = Watching(NOW, BaselineReason.INSTALLED, AT_OPENAI.base_url, 3, 12, statuses, "team=search")

    message = rendered(watching, AT_OPENAI)

    assert message.text == (
        ":eyes: *search* · batchbell is now watching the batches at OpenAI: 3 batches are open."
    )
    assert sections(message) == [
        "Announced from now on: `completed` and `in_progress`, of batches with `team=search`. "  # noqa: ISC004
        "12 batches had ended before and are not announced."
    ]


def test_a_new_watch_names_the_server_that_it_is_of_though_another_is_set_by_now() -> None:
    watching = Watching(NOW, BaselineReason.INSTALLED, "https://llm.example.com/v1", 3, 12)

    message = rendered(watching, AT_OPENAI)

    assert "the batches at `llm.example.com/v1`: 3 batches are open" in message.text


@pytest.mark.parametrize(
    ("reason", "said", "remedy"),
    [
        (
            BaselineReason.BASE_URL,
            "another server, `llm.example.com/v1`: no batch is open.",
            "`OpenAIBaseUrl`",
        ),
        (BaselineReason.PROJECT, "now belongs to another project", "`/batchbell/search/openai-api-key`"),
    ],
)
def test_another_list_says_that_the_earlier_one_is_no_longer_watched(
    reason: BaselineReason, said: str, remedy: str
) -> None:
    message = rendered(Watching(NOW, reason, "https://llm.example.com/v1", open_count=0, ended_count=0))

    assert said in message.text
    assert "are no longer watched" in sections(message)[0]
    assert remedy in sections(message)[0]


@pytest.mark.parametrize(
    ("status", "remedy"),
    [(401, "wrong, expired or revoked (401)"), (403, "Give it the permission _Batches: Read_")],
)
def test_a_refused_key_says_what_to_do(status: int, remedy: str) -> None:
    message = rendered(KeyRefused(NOW - 120, status), AT_OPENAI)

    assert message.text.startswith(":no_entry: *search* · OpenAI has refused the API key since <!date^")
    assert remedy in sections(message)[0]
    assert "`/batchbell/search/openai-api-key`; the next poll takes it up." in sections(message)[0]


@pytest.mark.parametrize(
    ("place", "status", "service", "remedy"),
    [
        (AT_AZURE, 401, "Azure OpenAI (`contoso.openai.azure.com`)", "another resource than `OpenAIBaseUrl`"),
        (AT_AZURE, 403, "Azure OpenAI (`contoso.openai.azure.com`)", "keys turned off, or its network rules"),
        (AT_PROXY, 401, "Azure OpenAI (`llm.example.com`)", "another resource than `OpenAIBaseUrl`"),
        (AT_GROQ, 401, "`api.groq.com/openai/v1`", "wrong, expired or revoked (401)"),
        (AT_GROQ, 403, "`api.groq.com/openai/v1`", "may not read batches (403)"),
    ],
)
def test_a_key_that_another_server_refuses_is_mended_as_that_server_wants_it(
    place: Place, status: int, service: str, remedy: str
) -> None:
    message = rendered(KeyRefused(NOW - 120, status), place)

    assert f"{service} has refused the API key since" in message.text
    assert remedy in sections(message)[0]
    assert "Batches: Read" not in sections(message)[0]
    assert "`/batchbell/search/openai-api-key`; the next poll takes it up." in sections(message)[0]
