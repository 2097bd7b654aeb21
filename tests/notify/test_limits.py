"""Whatever a batch is like, its messages and answers keep Slack's documented limits."""

from collections.abc import Iterator
from itertools import cycle, islice
from typing import Any

import pytest

from batchbell.config import server_from
from batchbell.models import (
    Batch,
    BatchError,
    Deleted,
    KeyAccepted,
    KeyRefused,
    Notification,
    RequestCounts,
    Subject,
    Watching,
)
from batchbell.notify.messages import message_for
from local.openai_rows import Row, counts, errors
from tests.bot import BotUnderTest
from tests.builders import AT_OPENAI, ELSEWHERE, NOW, a_batch, a_config
from tests.slack_limits import violations

SERVERS = {"OpenAI": AT_OPENAI, "another": ELSEWHERE}
DIGEST = 30
LATE_S = 4_000
TEXTS = {
    "long": "nightly " * 37,
    "unbroken": "x" * 300,
    "right to left": "\u202e\u05d0\u05e6\u05d5\u05d5\u05d4 \u2066" * 17,
    "emoji": "👩‍👩‍👧‍👦" * 42,
    "markup": "*<!channel>* `_~|> <https://x.example|x> & " * 7,
    "escaped": "&" * 300,
    "empty": "",
}
IDS = {"OpenAI's": "batch_689f3c0a5bd48190a6d2b0b4b2c19f44", "long": "batch_" + "1" * 244, "longest": "b" * 500}
BAD_LINES = tuple(BatchError(f"code_{n % 7}", "Not valid. " * 30, n + 1, "url" * 30) for n in range(400))
OUTCOMES: dict[str, dict[str, Any]] = {
    "succeeded": {"status": "completed", "request_counts": RequestCounts(500, 500, 0)},
    "partly failed": {"status": "completed", "request_counts": RequestCounts(10**9, 10**9 - 3, 3)},
    "all failed": {"status": "completed", "request_counts": RequestCounts(40, 0, 40)},
    "unaccounted": {"status": "completed", "request_counts": RequestCounts(24_000, 11_112, 0)},
    "empty": {"status": "completed", "request_counts": RequestCounts(0, 0, 0), "is_retrieved": True},
    "unknown": {"status": "completed", "request_counts": None},
    "rejected": {"status": "failed", "request_counts": None, "errors": BAD_LINES, "errors_left_out": 10**6},
    "failed": {"status": "failed"},
    "expired": {"status": "expired", "request_counts": RequestCounts(10_000, 7_300, 112)},
    "cancelled": {"status": "cancelled", "request_counts": RequestCounts(800, 312, 0)},
    "open": {"status": "in_progress", "request_counts": RequestCounts(800, 312, 9)},
}
OTHERS = (
    *(Watching(NOW, why, AT_OPENAI, 10**9, 10**9, ("x" * 300,) * 9, "&" * 300) for why in ("installed", "project")),
    *(KeyRefused(NOW, status, code) for status in (401, 403) for code in (None, "&" * 300)),
    KeyAccepted(NOW - 10**9, NOW),
)


def awkward(text: str, id: str, **fields: Any) -> Batch:
    """A batch with this text in all places where a server or its users may put one."""
    metadata = (("description", text), *((f"{n} {text}"[:64], text) for n in range(31)))
    files = dict.fromkeys(("input_file_id", "output_file_id", "error_file_id"), f"file-{text}")
    named = {"model": text, "endpoint": text, "completion_window": text, "metadata": metadata}
    return a_batch(id, fields.pop("status"), **{**named, **files, **fields})


def awkward_batches(count: int, **fields: Any) -> list[Batch]:
    """So many batches, in which the texts and the ids take turns."""
    pairs = zip(cycle(TEXTS.values()), cycle(IDS.values()), strict=False)
    return [awkward(text, id, **fields) for text, id in islice(pairs, count)]


def broken(notifications: list[Notification], base_url: str, now: int, **options: Any) -> list[str]:
    message = message_for(notifications, a_config(base_url, team="&" * 300), now, **options)
    return violations({"text": message.text, **message.content})


def notes(*subjects: Subject) -> list[Notification]:
    return [Notification(f"{n}#x", NOW, subject) for n, subject in enumerate(subjects)]


@pytest.mark.parametrize("server", SERVERS)
@pytest.mark.parametrize("options", [{}, {"possible_duplicate": True}, {"text_only": True}], ids=str)
@pytest.mark.parametrize("outcome", OUTCOMES)
def test_a_message_keeps_the_limits(outcome: str, options: dict[str, bool], server: str) -> None:
    batches = awkward_batches(len(TEXTS), **OUTCOMES[outcome])
    subjects = [*batches, *(Deleted(batch, NOW) for batch in batches)]

    found = [broken(notes(subject), SERVERS[server], NOW + LATE_S, **options) for subject in subjects]

    assert found == [[]] * len(subjects)


@pytest.mark.parametrize("server", SERVERS)
@pytest.mark.parametrize("options", [{}, {"text_only": True}], ids=str)
@pytest.mark.parametrize("outcome", [*OUTCOMES, "all"])
def test_a_digest_keeps_the_limits(outcome: str, options: dict[str, bool], server: str) -> None:
    kinds = OUTCOMES.values() if outcome == "all" else [OUTCOMES[outcome]]
    batches = [batch for fields in kinds for batch in awkward_batches(DIGEST // len(kinds), **fields)]

    assert broken(notes(*batches), SERVERS[server], NOW + LATE_S, **options) == []


@pytest.mark.parametrize("server", SERVERS)
@pytest.mark.parametrize("options", [{}, {"text_only": True}])
def test_news_of_the_bot_itself_keep_the_limits(options: dict[str, bool], server: str) -> None:
    found = [broken(notes(each), SERVERS[server], NOW, **options) for each in OTHERS]

    assert found == [[]] * len(OTHERS)


def rows() -> Iterator[Row]:
    """Forty batches as a server lists them, one after the other awkward in another way."""
    texts, ids = list(TEXTS.values()), list(IDS.values())
    lines = [{"code": each.code, "message": each.message, "line": each.line, "param": None} for each in BAD_LINES]
    for n in range(40):
        text, status = texts[n % len(texts)], ("completed", "failed", "expired", "cancelled", "in_progress")[n % 5]
        metadata = {"description": text, **{f"{m} {text}"[:64]: text for m in range(31)}}
        fields = {"model": text, "endpoint": text, "request_counts": counts(10**6, 10**6 - 3, n % 2 * 3)}
        fields |= {"errors": errors(*lines)} if status == "failed" else {}
        yield {"id": f"{ids[n % 3][:-2]}{n:02}", "status": status, "metadata": metadata, **fields}


@pytest.mark.parametrize("server", SERVERS)
def test_lists_and_details_keep_the_limits(bot: BotUnderTest, server: str) -> None:
    bot.tick()
    ids = [
        bot.openai.add(row.pop("status"), created_at=int(bot.clock()) + n, **row)["id"] for n, row in enumerate(rows())
    ]
    bot.tick(2)
    bot.configure(server=server_from(SERVERS[server], ""))

    lists = ("", "40", "problems 40", "failed 40", "open 40", "status", "help", "&" * 300, "<!channel> " * 300)
    found = {asked: violations(bot.ask(asked)) for asked in (*lists, *(f"batch {id}" for id in ids), "batch_none")}

    assert {asked: each for asked, each in found.items() if each} == {}
