"""Values for tests: say what the test is about, the rest is made up."""

from dataclasses import replace

from batchbell.config import DAY_S, Config, server_from
from batchbell.models import Batch, Message, Notification, Page, RequestCounts, Row
from batchbell.records import PollState, Record, Recorded

NOW = 1_800_000_000

AT_OPENAI = "https://api.openai.com/v1"
AT_AZURE = "https://contoso.openai.azure.com/openai/v1"
ELSEWHERE = "https://llm.example.com/v1"
"""A server without a dashboard: batches' names are no links."""

HELLO = Message(
    ids=("batch_1#failed",),
    team="search",
    text="❌ nightly failed.",
    content={
        "blocks": [{"type": "section", "text": {"type": "mrkdwn", "text": "Why."}}],
        "parse": "none",
        "link_names": False,
        "unfurl_links": False,
        "unfurl_media": False,
    },
)
"""A message to post."""


def a_batch(batch_id: str = "batch_1", status: str = "in_progress", **fields: object) -> Batch:
    """A batch created an hour ago; a terminal one ended just now with 10 of 10 done."""
    batch = Batch(batch_id, status, created_at=NOW - 3600, expires_at=NOW - 3600 + DAY_S)
    if batch.is_terminal and f"{status}_at" not in fields:
        batch = replace(batch, **{f"{status}_at": NOW}, request_counts=RequestCounts(10, 10, 0))
    return replace(batch, **fields)  # type: ignore[arg-type]


def a_page(*batches: Batch, has_more: bool | None = False, project: str | None = None) -> Page:
    return Page(tuple(Row(batch.id, batch, {"id": batch.id}) for batch in batches), has_more, project)


def a_config(base_url: str = ELSEWHERE, api_version: str = "", **fields: object) -> Config:
    """The deployment of the team `search`."""
    config = Config("search", "C0SEARCH", "batchbell-test", server_from(base_url, api_version))
    return replace(config, **fields)  # type: ignore[arg-type]


def a_notification(batch: Batch | None = None, **fields: object) -> Notification:
    batch = batch or a_batch(status="completed")
    notification = Notification(f"{batch.id}#{batch.status}", recorded_at=NOW, subject=batch)
    return replace(notification, **fields)  # type: ignore[arg-type]


def some_notifications(count: int) -> list[Notification]:
    return [a_notification(a_batch(f"batch_{n}", "completed")) for n in range(count)]


def a_recorded(status: str = "in_progress", **fields: object) -> Recorded:
    position, scope = f"0{NOW - 3600}#batch_1", a_state().scope
    recorded = Recorded(status, position, expires_at=NOW + DAY_S, scope=scope)
    return replace(recorded, **fields)  # type: ignore[arg-type]


def a_record(batch: Batch | None = None, **fields: object) -> Record:
    """A record of the batch; its scope is that of `a_state` where the batch is open."""
    batch = batch or a_batch()
    scope = None if batch.is_terminal else a_state().scope
    record = Record(batch, f"{batch.created_at or NOW:011d}#{batch.id}", scope)
    return replace(record, **fields)  # type: ignore[arg-type]


def a_state(**fields: object) -> PollState:
    """The state after a good poll half a minute ago, long after the baseline."""
    state = PollState(ELSEWHERE, NOW - 30 * DAY_S, baseline_reason=None, project="", polled_at=NOW - 30, version=1)
    return replace(state, **fields)  # type: ignore[arg-type]
