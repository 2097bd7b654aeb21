"""Slack, for tests: our adapter beside a simulator, and a message to post."""

from collections.abc import Callable

from batchbell.adapters.slack_messages import SlackMessages
from batchbell.domain.message.rendered import Context, Fields, Rendered, Section
from local.slack_simulator import SlackSimulator
from tests.builders import NOW

POST, HISTORY = "chat.postMessage", "conversations.history"
SOON = NOW + 60

HELLO = Rendered(
    text=":x: *search* · *nightly* failed.",
    colour="#e01e5a",
    parts=(Section("Why."), Fields((("Model", "`gpt`"), ("Took", "1 h"))), Context("`batch_1`")),
    plain=":x: *search* · *nightly* failed.\nWhy.",
    ids=("batch_1#failed",),
    team="search",
)


def messages(
    slack: SlackSimulator,
    token: Callable[[bool], str] | None = None,
    timeout_s: int = 10,
    team: str = "search",
) -> SlackMessages:
    read = token or (lambda afresh: slack.token)
    return SlackMessages(slack.base_url, read, team=team, timeout_s=timeout_s, clock=slack.clock)


def posts(slack: SlackSimulator) -> int:
    return sum(call.method == POST for call in slack.calls)
