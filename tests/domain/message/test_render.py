"""Render: words first, everything foreign escaped, everything within Slack's limits."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from batchbell.domain.batch import Batch, RequestCounts
from batchbell.domain.message.render import PARTS_ROOM, PLAIN_ROOM, render
from batchbell.domain.message.rendered import Rendered
from batchbell.domain.notification import KeyAccepted, Notification
from batchbell.domain.place import Place
from tests import foreign
from tests.builders import NOW, a_batch, a_message, a_notification
from tests.reading import AT_OPENAI, contexts, fields, rendered, sections

OUR_TAGS = re.compile(
    r"<!date\^\d+\^\{date_short_pretty\} \{time\}\|[^<>]*>"
    r"|<https://platform\.openai\.com/batches/[^<>|]+\|[^<>|]*>"
)
RAW = re.compile(r"[<>]|&(?!(amp|lt|gt);)")
ENDED = f"<!date^{NOW}^{{date_short_pretty}} {{time}}|2027-01-15 08:00 UTC>"


def completed(*counts: int, **fields: object) -> Batch:
    return a_batch(status="completed", request_counts=RequestCounts(*counts), **fields)


def test_a_message_says_whose_it_is_and_how_it_ended_in_a_sentence_of_its_own() -> None:
    assert rendered(completed(10, 7, 3)).text == (
        ":warning: *search* · *batch_1* completed, but 3 of 10 requests failed."
    )


def test_only_success_is_green() -> None:
    green = rendered(completed(10, 10, 0)).colour
    others = [
        completed(10, 9, 1),
        completed(10, 0, 10),
        completed(0, 0, 0),
        completed(0, 0, 0, is_retrieved=True),
        *(a_batch(status=status) for status in ("failed", "expired", "cancelled", "in_progress")),
    ]

    assert green not in {rendered(batch).colour for batch in others}


@pytest.mark.parametrize("key", ["description", "Job_Name", " TITLE "])
def test_a_batch_is_called_by_the_name_in_its_metadata_and_leads_to_its_page(key: str) -> None:
    batch = completed(10, 10, 0, metadata=(("owner", "anna"), (key, "nightly <3")))

    assert rendered(batch, AT_OPENAI).text == (
        ":white_check_mark: *search* · *<https://platform.openai.com/batches/batch_1|nightly &lt;3>* "
        "completed: all 10 requests succeeded."
    )


@pytest.mark.parametrize(
    "base_url",
    [
        "https://llm.example.com/v1",
        "https://contoso.openai.azure.com/openai/v1",
        "https://api.groq.com/openai/v1",
        "https://api.openai.com.example.com/v1",
        "https://example.com/https://api.openai.com/v1",
        "",
    ],
)
def test_a_batch_on_another_server_leads_nowhere(base_url: str) -> None:
    assert "platform.openai.com" not in str(rendered(completed(10, 10, 0), Place("search", base_url)))


def test_an_id_that_is_no_part_of_an_address_leads_nowhere() -> None:
    message = rendered(completed(10, 10, 0, id="../<x>|y"), AT_OPENAI)

    assert "*../&lt;x&gt;¦y* completed" in message.text


def test_news_told_late_says_when_it_happened() -> None:
    batch = completed(10, 10, 0)

    assert "late" not in rendered(batch, now=NOW + 900).text
    assert rendered(batch, now=NOW + 901).text.endswith(f" This is told late: it ended {ENDED}.")


def test_news_without_a_time_of_its_own_is_late_by_when_it_was_noticed() -> None:
    message = rendered(completed(10, 10, 0, completed_at=None), now=NOW + 901)

    assert message.text.endswith(f" This is told late: it was noticed {ENDED}.")


def test_a_message_that_may_have_been_posted_before_says_so() -> None:
    message = rendered(completed(10, 10, 0), may_be_repeat=True)

    assert message.text.endswith(" This may be a repeat.")
    assert " This may be a repeat." in message.plain


def test_a_key_that_works_again_says_how_long_it_did_not() -> None:
    assert rendered(KeyAccepted(NOW - 7200, NOW), AT_OPENAI).text == (
        ":key: *search* · OpenAI accepts the API key again, which it had refused for 2 h."
    )


def test_the_plain_form_says_all_of_it_too() -> None:
    message = rendered(completed(10, 7, 3, error_file_id="file-err", metadata=(("owner", "anna"),)))

    assert message.plain.startswith(message.text)
    assert "Error file: `file-err`" in message.plain
    assert message.plain.endswith("owner: anna")


@settings(deadline=None)
@given(foreign.notifications(foreign.subjects), foreign.places, st.booleans())
def test_whatever_a_server_says_one_notification_is_safe_and_fits(
    notification: Notification, place: Place, may_be_repeat: bool
) -> None:
    message = render(a_message(notification, may_be_repeat=may_be_repeat), place, NOW)

    _is_safe_and_fits(message)


@settings(deadline=None)
@given(
    st.lists(foreign.notifications(foreign.subjects), min_size=1, max_size=3),
    st.integers(2, 20),
    foreign.places,
    st.integers(NOW - 10**6, NOW + 10**6),
)
def test_whatever_a_server_says_a_digest_names_every_one_and_fits(
    some: list[Notification], count: int, place: Place, now: int
) -> None:
    notifications = (some * count)[:count]

    message = render(a_message(*notifications, may_be_repeat=True), place, now)

    _is_safe_and_fits(message)
    assert len("\n".join(sections(message)).split("\n")) == count
    assert len(message.plain.split("\n")) == count + 1


def test_a_digest_of_the_longest_fits() -> None:
    batch = a_batch("b" * 80, "failed", metadata=(("name", "&" * 500),))
    notifications = [a_notification(batch) for _ in range(20)]

    message = render(a_message(*notifications, may_be_repeat=True), AT_OPENAI, NOW + 901)

    _is_safe_and_fits(message)
    assert message.plain.count("`bbb") == 20


def _is_safe_and_fits(message: Rendered) -> None:
    small = [*contexts(message), *fields(message).values()]
    texts = [*sections(message), *small]
    for text in (message.text, message.plain, *texts):
        assert not RAW.search(OUR_TAGS.sub("", text))
    assert len(message.text) <= 1_200
    assert len(message.plain) <= PLAIN_ROOM
    assert sum(map(len, texts)) <= PARTS_ROOM
    assert max(map(len, sections(message)), default=0) <= 3_000
    assert max(map(len, small), default=0) <= 1_900
    assert len(fields(message)) <= 10
