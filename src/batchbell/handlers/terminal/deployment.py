"""Deployment: a team's stack, connected from an operator's machine."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from batchbell.adapters import openai_verbatim
from batchbell.adapters.aws import client_of, session_of, sign_in
from batchbell.adapters.batch_table import BatchTable
from batchbell.adapters.dynamodb import Table
from batchbell.adapters.openai_batches import OpenAIBatches
from batchbell.adapters.outbox_table import OutboxTable
from batchbell.adapters.secret_store import SecretStore
from batchbell.adapters.slack_messages import SlackMessages
from batchbell.adapters.slack_workspace import SlackWorkspace
from batchbell.adapters.stack import StackReader
from batchbell.domain.deployment import Function, Stack, chosen
from batchbell.domain.diagnosis.openai import ListAnswer
from batchbell.domain.diagnosis.slack import Channel, Identity, Newest
from batchbell.domain.errors import MissingError, PermanentError
from batchbell.domain.outbox import Outbox
from batchbell.domain.refusal import Refusal
from batchbell.domain.secret import Slot, parameter_name
from batchbell.domain.server import is_openai
from batchbell.domain.watch import Watch
from batchbell.handlers.terminal.openai import PATIENCE_S
from batchbell.handlers.terminal.screen import doing
from batchbell.settings import Settings, settings_from


@dataclass(frozen=True, slots=True)
class Deployment:
    """One team's bot as it is deployed: what its function is told, and what it speaks to."""

    stack: Stack
    settings: Settings
    secrets: SecretStore
    table: Table
    aws: StackReader

    @property
    def channel(self) -> str:
        return self.settings.channel

    @property
    def openai_base_url(self) -> str:
        return self.settings.openai_base_url

    @property
    def is_openai(self) -> bool:
        return is_openai(self.openai_base_url)

    def secret(self, slot: Slot) -> str | None:
        return self.secrets.read(parameter_name(self.settings.team, slot))

    def wanted_secret(self, slot: Slot) -> str:
        """Raises: MissingError before a person has stored it."""
        team = self.settings.team
        if secret := self.secret(slot):
            return secret
        raise MissingError(f"{slot} is not stored: store it with `batchbell secrets --team {team}`")

    def openai(self, key: str) -> OpenAIBatches:
        version = self.settings.openai_api_version
        return OpenAIBatches(self.openai_base_url, lambda _: key, api_version=version)

    def messages(self, token: str) -> SlackMessages:
        return SlackMessages(self.settings.slack_base_url, lambda _: token, team=self.settings.team)

    def list_answer(self, key: str) -> ListAnswer:
        return openai_verbatim.list_answer(self.openai(key), deadline_at=time.time() + PATIENCE_S)

    def identity(self, token: str) -> Identity | Refusal:
        return SlackWorkspace(self.settings.slack_base_url, token).identity()

    def seen(self, token: str) -> tuple[Channel | Refusal, Newest | Refusal]:
        slack = SlackWorkspace(self.settings.slack_base_url, token)
        return slack.channel(self.channel), slack.newest(self.channel)

    def watch(self) -> Watch | None:
        return BatchTable(self.table).load_watch()

    def outbox(self) -> Outbox:
        return OutboxTable(self.table).read(self.channel)

    def run(self) -> str | None:
        """Run the poll function to its end; why it failed, None where it did not."""
        return self.aws.invoke(self.stack.output("PollFunctionName"))


def signed_in() -> Any:
    """The operator's session, the only one of a command. Raises: SignInError, ForbiddenError, TransientError."""
    session = session_of()
    # Before any progress is shown: it may ask for an MFA code on the same line.
    sign_in(session)
    return session


def stack_of(session: Any, team: str, name: str | None) -> Stack:
    """The team's stack. Raises: MissingError, PermanentError, TransientError."""
    with doing("looking for the stack"):
        reader = StackReader(session)
        return chosen(reader.stacks(), team, name, reader.region())


def deployment_of(team: str, name: str | None) -> Deployment:
    """The team's bot. Raises: MissingError, PermanentError, TransientError."""
    session = signed_in()
    stack = stack_of(session, team, name)
    with doing("looking at its function"):
        function = StackReader(session).function(stack.output("PollFunctionName"))
    return connected(session, stack, function)


def connected(session: Any, stack: Stack, function: Function) -> Deployment:
    """The bot that this function is. Raises: PermanentError where it is told nonsense."""
    settings = _settings(function.name, function.environ)
    client = client_of(session, "dynamodb")
    return Deployment(
        stack=stack,
        settings=settings,
        secrets=SecretStore(client_of(session, "ssm")),
        table=Table(client, settings.table_name, settings.policy.retention_s),
        aws=StackReader(session),
    )


def _settings(function_name: str, environ: Mapping[str, str]) -> Settings:
    try:
        return settings_from(environ)
    except ValueError as error:
        raise PermanentError(f"the function {function_name} is told nonsense: {error}") from error
