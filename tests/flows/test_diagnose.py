"""Diagnose: a check that fails stops only those that need what it could not find."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from batchbell.domain.deployment import Account, Function, LogLine, Schedule, Stack
from batchbell.domain.diagnosis.door import DoorAnswer
from batchbell.domain.diagnosis.finding import Finding, Standing
from batchbell.domain.diagnosis.openai import ListAnswer
from batchbell.domain.diagnosis.slack import Channel, Identity, Newest
from batchbell.domain.errors import (
    BatchbellError,
    ForbiddenError,
    MissingError,
    PermanentError,
    SignInError,
    TransientError,
)
from batchbell.domain.outbox import Outbox
from batchbell.domain.refusal import Refusal
from batchbell.domain.watch import Watch
from batchbell.flows.diagnose import diagnose
from tests.builders import NOW, a_message

URL = "https://api.openai.com/v1"
STACK = Stack(
    "bell",
    parameters={"TeamName": "search"},
    outputs={"PollFunctionName": "bell-poll", "SlackRequestUrl": "https://door/slack/commands"},
)
STORED = {
    "/batchbell/search/openai-api-key": "sk-1",
    "/batchbell/search/slack-bot-token": "xoxb-1",
    "/batchbell/search/slack-signing-secret": "5a1e" * 8,
}


@dataclass(slots=True)
class HealthyAws:
    """An account in which all is well but what is in `errors`."""

    errors: dict[str, BatchbellError] = field(default_factory=dict)
    secrets: dict[str, str] = field(default_factory=lambda: dict(STORED))

    def account(self) -> Account:
        return self._or_fail("account", Account("1", "arn", "eu-west-1"))

    def stacks(self) -> Sequence[Stack]:
        return self._or_fail("stacks", [STACK])

    def function(self, name: str) -> Function:
        return self._or_fail("function", Function(name, {"TABLE_NAME": "bell-table"}, "/logs"))

    def schedule(self, name: str) -> Schedule:
        return self._or_fail("schedule", Schedule(is_enabled=True, expression="rate(1 minute)"))

    def log(self, function: Function, since: float) -> Sequence[LogLine]:
        return self._or_fail("log", [LogLine(NOW - 30, "INFO", "Ran")])

    def check_table(self, name: str) -> None:
        return self._or_fail("table", None)

    def secret(self, name: str) -> str | None:
        return self._or_fail("secret", self.secrets.get(name))

    def _or_fail(self, call, fact):
        if call in self.errors:
            raise self.errors[call]
        return fact


@dataclass(frozen=True, slots=True)
class HealthyBot:
    """A bot that is well."""

    who: Identity | Refusal = Identity("Acme", "bell", scopes=frozenset({"chat:write", "commands"}))
    error: BatchbellError | None = None
    owed: Outbox = Outbox()
    channel: str = "C0SEARCH"
    openai_base_url: str = URL
    is_openai: bool = True

    def list_answer(self, key: str) -> ListAnswer:
        return ListAnswer(200, is_list=True)

    def identity(self, token: str) -> Identity | Refusal:
        return self.who

    def seen(self, token: str) -> tuple[Channel | Refusal, Newest | Refusal]:
        return Channel("search"), Newest()

    def watch(self) -> Watch | None:
        return Watch(URL, NOW - 9_000, None, polled_at=NOW - 30)

    def outbox(self) -> Outbox:
        if self.error:
            raise self.error
        return self.owed


def found(aws: HealthyAws | None = None, bot: HealthyBot | BatchbellError | None = None) -> list[Finding]:
    def connect(stack: Stack, function: Function) -> HealthyBot:
        if isinstance(bot, BatchbellError):
            raise bot
        return bot or HealthyBot()

    def knock(url: str, secret: str | None) -> DoorAnswer:
        return DoorAnswer(200, 0.1, "well") if secret else DoorAnswer(401)

    return list(diagnose(aws or HealthyAws(), connect, knock, "search", None, lambda: NOW))


def wrong(findings: Sequence[Finding]) -> list[str | None]:
    return [each.code for each in findings if each.standing is Standing.WRONG]


def skipped(findings: Sequence[Finding]) -> list[str]:
    return [
        each.check for each in findings if each.standing is Standing.SKIPPED and each.check != "slash.app"
    ]


def test_all_is_well() -> None:
    findings = found()

    assert (wrong(findings), skipped(findings)) == ([], [])
    assert len({each.check for each in findings}) == len(findings) == 23


@pytest.mark.parametrize(
    ("call", "error", "code", "left_out"),
    [
        ("schedule", MissingError("no schedule"), "poll.schedule.missing", 0),
        ("table", TransientError("no answer"), "aws.table.unreachable", 4),
        ("function", MissingError("no function"), "poll.function.missing", 13),
        ("stacks", ForbiddenError("denied"), "aws.stack.forbidden", 17),
        ("account", SignInError("expired"), "aws.not_signed_in", 21),
    ],
)
def test_what_cannot_be_asked_is_named_and_only_what_needs_it_is_skipped(
    call: str, error: BatchbellError, code: str, left_out: int
) -> None:
    findings = found(HealthyAws(errors={call: error}))

    assert wrong(findings) == [code]
    assert len(skipped(findings)) == left_out
    assert len(findings) == 23


def test_a_log_that_may_not_be_read_is_not_the_bots_fault() -> None:
    findings = found(HealthyAws(errors={"log": ForbiddenError("denied")}))

    assert (wrong(findings), skipped(findings)) == ([], ["poll.last_run"])


def test_each_secret_that_is_missing_leaves_out_what_needs_it() -> None:
    findings = found(HealthyAws(secrets={}))

    assert wrong(findings) == [f"secrets.{name}_missing" for name in _names()]
    assert skipped(findings) == [
        "openai.key",
        "slack.token",
        "slack.chat_write",
        "slack.commands",
        "slack.channel",
        "slack.history",
        "slash.signed",
    ]


def test_settings_that_make_no_sense_leave_the_secrets_and_the_door_to_be_checked() -> None:
    findings = found(bot=PermanentError("RETENTION_DAYS wants a whole number of days"))

    assert wrong(findings) == ["poll.settings.failed"]
    assert {"secrets.slack_bot_token", "slash.signed"}.isdisjoint(skipped(findings))


def test_an_outbox_that_cannot_be_read_and_a_refused_token_are_named_once() -> None:
    findings = found(bot=HealthyBot(who=Refusal("token_revoked"), error=TransientError("throttled")))

    assert wrong(findings) == ["slack.token_revoked", "delivery.undelivered.unreachable"]


def test_what_is_parked_is_mended_by_inviting_the_bot_of_that_name() -> None:
    refused = Outbox(messages=(a_message(parked="chat.postMessage: not_in_channel"),))

    known = found(bot=HealthyBot(owed=refused))
    unknown = found(bot=HealthyBot(who=Refusal("token_revoked"), owed=refused))

    assert ["/invite @bell`" in advice for advice in _advice(known, "delivery.parked")] == [True]
    assert ["/invite @batchbell`" in advice for advice in _advice(unknown, "delivery.parked")] == [True]


def _advice(findings: Sequence[Finding], check: str) -> list[str]:
    return [each.advice or "" for each in findings if each.check == check]


def _names() -> list[str]:
    return ["openai_api_key", "slack_bot_token", "slack_signing_secret"]
