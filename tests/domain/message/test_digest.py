"""Digest: a burst in one message, every batch named."""

from batchbell.domain.batch import BatchError, RequestCounts
from batchbell.domain.message.render import render
from batchbell.domain.notification import Gone
from tests.builders import NOW, a_batch, a_message, a_notification
from tests.reading import ELSEWHERE, sections


def test_a_digest_counts_the_worst_first_and_names_every_batch() -> None:
    some_failed = RequestCounts(10, 7, 3)
    batches = (
        a_batch("batch_1", "completed"),
        a_batch("batch_2", "completed", request_counts=some_failed, metadata=(("name", "nightly"),)),
        a_batch("batch_3", "failed", errors=(BatchError("empty_file"),)),
        a_batch("batch_4", "completed"),
    )

    message = render(a_message(*map(a_notification, batches)), ELSEWHERE, NOW)

    assert message.text == ":x: *search* · 4 batches ended: 1 failed, 1 partly failed and 2 succeeded."
    assert sections(message)[0].split("\n") == [
        ":x: *batch_3* failed: empty file",
        ":warning: *nightly* completed, but 3 of 10 requests failed · `batch_2`",
        ":white_check_mark: *batch_1* completed: all 10 requests succeeded",
        ":white_check_mark: *batch_4* completed: all 10 requests succeeded",
    ]
    assert message.plain == "\n".join((message.text, *sections(message)))
    assert message.ids == tuple(f"{batch.id}#{batch.status}" for batch in batches)


def test_a_digest_told_late_says_when_each_batch_ended() -> None:
    batches = [a_batch(status="completed"), a_batch(status="completed", completed_at=NOW + 3600)]

    message = render(a_message(*map(a_notification, batches)), ELSEWHERE, NOW + 3600)

    assert f" One of them is told late: it ended <!date^{NOW}^" in message.text
    assert f"succeeded, ended <!date^{NOW}^" in sections(message)[0]
    assert f"<!date^{NOW + 3600}^" not in sections(message)[0]


def test_a_digest_may_hold_any_news() -> None:
    news = [
        a_notification(a_batch()),
        a_notification(subject=Gone(a_batch("batch_2"), NOW)),
    ]

    message = render(a_message(*news), ELSEWHERE, NOW)

    assert message.text == ":mag: *search* · 2 pieces of news: 1 gone and 1 still open."


def test_batches_that_fared_alike_stand_in_the_order_of_their_names() -> None:
    names = ["part 10", "Part 2", "part 1", "part 010 b", "appendix", "part 99999999999999999999"]
    batches = [a_batch(status="completed", metadata=(("name", name),)) for name in names]

    message = render(a_message(*map(a_notification, batches)), ELSEWHERE, NOW)

    told = [line.split("*")[1] for line in sections(message)[0].split("\n")]
    assert told == ["appendix", "part 1", "Part 2", "part 10", "part 010 b", "part 99999999999999999999"]
