"""Slack: a slash command or a pressed button -> verify, answer."""

import base64
import json
import time
import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from os import environ
from typing import Any
from urllib.parse import parse_qs

from aws_lambda_powertools import Logger

from batchbell.adapters.batch_table import BatchTable
from batchbell.adapters.dynamodb import Table, make_client
from batchbell.adapters.outbox_table import OutboxTable
from batchbell.adapters.recent_table import RecentTable
from batchbell.adapters.secrets import MissingSecretError, Secrets
from batchbell.adapters.slack_reply import message_for
from batchbell.adapters.slack_response import SlackResponse
from batchbell.adapters.slack_signature import SlackSignature
from batchbell.domain.batch import Batch
from batchbell.domain.command import Command, parse
from batchbell.domain.errors import BatchbellError
from batchbell.domain.place import Place
from batchbell.domain.reply.regret import BROKEN, UNREADABLE
from batchbell.domain.reply.reply import SHARE, Reply
from batchbell.flows.answer import Sources, answer
from batchbell.settings import AnswerSettings, answer_settings_from

READ_S, TRIES = 0.8, 2
"""A person waits, and Slack no longer than 3 seconds: better a word of regret than nothing."""

_MOST_FIELDS = 100

logger = Logger()

Response = dict[str, Any]


class NonsenseError(ValueError):
    """Slack signed it, but it is none of what Slack sends."""


@dataclass(frozen=True, slots=True)
class Desk:
    """Where one team's questions are answered, connected."""

    settings: AnswerSettings
    signature: SlackSignature
    response: SlackResponse
    sources: Sources

    def answer(self, command: Command) -> Reply:
        """The answer, or why there is none."""
        settings = self.settings
        place = Place(settings.team, settings.openai_base_url, settings.openai_api_version)
        try:
            return answer(command, self.sources, place, settings.channel, settings.slash_command, time.time)
        except BatchbellError as error:
            logger.error("No answer", error=type(error).__name__, reason=str(error))
            return UNREADABLE
        except Exception as error:
            _log_defect(error)
            return BROKEN


@cache
def desk() -> Desk:
    """The desk of this environment, made once for as long as the process lives."""
    settings = answer_settings_from(environ)
    secrets = Secrets(read_s=READ_S, tries=TRIES)
    # Nothing is written from here, so nothing is kept for any time.
    table = Table(make_client(READ_S, TRIES), settings.table_name, retention_s=0)

    def ask(batch_id: str, deadline_at: float) -> Batch | None:
        # What this imports takes longer than all the rest, and is seldom needed.
        from batchbell.adapters.openai_batches import OpenAIBatches  # noqa: PLC0415

        key = secrets.reader(settings.openai_api_key_parameter)
        openai = OpenAIBatches(settings.openai_base_url, key, api_version=settings.openai_api_version)
        return openai.retrieve(batch_id, deadline_at=deadline_at)

    return Desk(
        settings=settings,
        signature=SlackSignature(secrets.reader(settings.slack_signing_secret_parameter)),
        response=SlackResponse(settings.slack_base_url),
        sources=Sources(BatchTable(table), RecentTable(table), OutboxTable(table), ask),
    )


def lambda_handler(event: Mapping[str, Any], context: Any) -> Response:
    """Answer a request of an HTTP API, payload 2.0: with 200, 400 or 401, whatever was sent."""
    headers = {str(name).lower(): str(value) for name, value in (event.get("headers") or {}).items()}
    try:
        body = _body(event)
    except ValueError:
        return _response(401)
    if "x-slack-signature" not in headers and _is_ssl_check(body):
        return _response(200)
    return _answered(body) if _is_genuine(headers, body) else _response(401)


def _is_genuine(headers: Mapping[str, str], body: bytes) -> bool:
    try:
        return desk().signature.is_genuine(headers, body)
    except MissingSecretError as error:
        logger.warning("Not set up yet", reason=str(error))
    except BatchbellError as error:
        logger.error("The signature cannot be verified", reason=str(error))
    return False


def _answered(body: bytes) -> Response:
    try:
        form = _form(body)
        return _interact(form) if "payload" in form else _command(form)
    except NonsenseError:
        return _response(400)
    except Exception as error:
        _log_defect(error)
        return _response(200)


def _command(form: Mapping[str, str]) -> Response:
    if form.get("ssl_check") == "1":
        return _response(200)
    if "command" not in form:
        raise NonsenseError
    command = parse(form.get("text", ""))
    reply = desk().answer(command)
    logger.info("Answered", query=type(command.query).__name__)
    return _response(200, message_for(reply, is_shared=command.is_shared))


def _interact(form: Mapping[str, str]) -> Response:
    """Answer a pressed button by its `response_url`, as Slack wants it."""
    interaction = _interaction(form["payload"])
    if interaction is None:
        return _response(200)
    action, text, url, is_ephemeral = interaction
    if not desk().response.is_ours(url):
        logger.warning("The response_url is not Slack's")
        return _response(400)
    command = parse(text)
    is_shared = action == SHARE
    message = message_for(desk().answer(command), is_shared=is_shared or not is_ephemeral)
    try:
        desk().response.post(url, message | {"replace_original": not is_shared})
    except BatchbellError as error:
        logger.error("Slack did not take an answer", reason=str(error))
        return _response(200)
    logger.info("Answered", query=type(command.query).__name__, action=action)
    return _response(200)


def _interaction(payload: str) -> tuple[str, str, str, bool] | None:
    """Its action, text, `response_url` and whether only one person sees it; None if it asks nothing.

    Raises: NonsenseError.
    """
    try:
        interaction = json.loads(payload)
        if interaction["type"] != "block_actions" or not interaction["actions"]:
            return None
        pressed = interaction["actions"][0]
        text = pressed["value"] if "value" in pressed else pressed["selected_option"]["value"]
        is_ephemeral = (interaction.get("container") or {}).get("is_ephemeral", True)
        found = (pressed["action_id"], text, interaction["response_url"])
    except (ValueError, KeyError, IndexError, TypeError, AttributeError, RecursionError):
        raise NonsenseError from None
    if not all(isinstance(each, str) for each in found):
        raise NonsenseError
    return (*found, bool(is_ephemeral))


def _body(event: Mapping[str, Any]) -> bytes:
    """The body as it was sent. Raises: ValueError."""
    body = event.get("body") or ""
    if event.get("isBase64Encoded"):
        return base64.b64decode(body, validate=True)
    return bytes(body.encode())


def _form(body: bytes) -> dict[str, str]:
    """The fields of a form, the first of each name. Raises: NonsenseError."""
    try:
        fields = parse_qs(body.decode(), keep_blank_values=True, max_num_fields=_MOST_FIELDS)
    except ValueError:
        raise NonsenseError from None
    return {name: values[0] for name, values in fields.items()}


def _is_ssl_check(body: bytes) -> bool:
    try:
        return _form(body).get("ssl_check") == "1"
    except NonsenseError:
        return False


def _response(status: int, message: Mapping[str, Any] | None = None) -> Response:
    if message is None:
        return {"statusCode": status, "body": ""}
    body = json.dumps(message, ensure_ascii=False)
    return {"statusCode": status, "headers": {"Content-Type": "application/json"}, "body": body}


def _log_defect(error: Exception) -> None:
    """Where it broke, and not the error's words: they may repeat what the asker wrote."""
    frames = traceback.extract_tb(error.__traceback__)
    where = [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames]
    logger.error("Answering broke", error=type(error).__name__, where=where)
