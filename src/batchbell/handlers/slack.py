"""A slash command or a pressed button in Slack -> verify, answer."""

import base64
import json
import time
import traceback
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import cache, partial
from os import environ
from typing import Any
from urllib.parse import parse_qs, urlsplit

import urllib3
from aws_lambda_powertools import Logger

from batchbell.aws import dynamodb, secrets, store
from batchbell.config import Secret, config_from
from batchbell.errors import BatchbellError, NotFoundError
from batchbell.models import Batch
from batchbell.notify.mrkdwn import NO_QUESTION
from batchbell.slack.signature import SignatureVerifier
from batchbell.slash.answers import BROKEN, SHARE, UNREADABLE, answer, with_retry
from batchbell.slash.parse import Command, parse

logger = Logger(use_rfc3339=True)
_MAX_SIGNED, _MAX_UNSIGNED = 256 * 1024, 1024  # bytes of a body; a longer one is not read


class Bot:
    """What answers for the team of this environment."""

    def __init__(self) -> None:
        # Slack waits 3 seconds for everything: better to give up in time than to answer too late.
        self.config, self.secrets = config_from(environ), secrets.Secrets(read_s=0.8, tries=2)
        self.store = store.Store(dynamodb.make_client(read_s=0.8, tries=2), self.config.table_name)
        self.verifier = SignatureVerifier(self.reader(Secret.SLACK_SIGNING_SECRET))

    def reader(self, secret: Secret) -> Callable[[bool], str]:
        return partial(self.secrets.read, secret.parameter(self.config.team))

    def retrieve(self, batch_id: str, deadline_at: float) -> Batch | None:
        # Imported only when needed, which is seldom: it takes longer than all the rest.
        from batchbell.openai.client import OpenAIClient  # noqa: PLC0415

        openai = OpenAIClient(self.config.server, self.reader(Secret.OPENAI_API_KEY))
        row = openai.retrieve(batch_id, deadline_at=deadline_at)
        return row.batch if row else None

    def reply(self, command: Command) -> dict[str, Any]:
        """Return the answer, or a line that says that there is none."""
        logger.info("Asked", query=type(command.query).__name__)
        try:
            return answer(command, self.store, self.config, self.retrieve, time.time)
        except BatchbellError as error:
            logger.error("No answer", error=type(error).__name__, reason=str(error))
            failure = with_retry(UNREADABLE, command.query)
        except Exception as error:
            _log_defect(error)
            failure = with_retry(BROKEN, command.query)
        return failure | {"response_type": "in_channel"} if command.is_shared else failure


bot = cache(Bot)  # made once for as long as the process lives


def lambda_handler(event: Mapping[str, Any], context: Any) -> dict[str, Any]:
    """Answer a request of an HTTP API, payload 2.0: with 200, 400 or 401, whatever was sent."""
    try:
        return _response_to(event)
    except Exception as error:
        _log_defect(error)
        return _response(200)


def _response_to(event: Mapping[str, Any]) -> dict[str, Any]:
    """Verify, then parse: of a body without a valid signature, only a short check by Slack is parsed."""
    headers = {str(name).lower(): str(value) for name, value in (event.get("headers") or {}).items()}
    is_signed = "x-slack-signature" in headers
    body = _body_of(event, _MAX_SIGNED if is_signed else _MAX_UNSIGNED)
    if body is None or (is_signed and not _is_valid(headers, body)):
        return _response(401)
    form = _form(body)
    if not is_signed:
        return _response(200 if form.get("ssl_check") == "1" else 401)
    if "payload" in form:
        return _response(_interact(form["payload"]))
    if "command" not in form or form.get("ssl_check") == "1":
        return _response(200 if form.get("ssl_check") == "1" else 400)
    return _response(200, bot().reply(parse(form.get("text", ""))))


def _body_of(event: Mapping[str, Any], max_bytes: int) -> bytes | None:
    """Return the body as it was sent; None if it is longer, or no base64."""
    body = event.get("body") or ""
    if len(body) > 4 * max_bytes // 3 + 4:  # the length of base64
        return None
    try:
        content: bytes = base64.b64decode(body, validate=True) if event.get("isBase64Encoded") else body.encode()
    except ValueError:
        return None
    return content if len(content) <= max_bytes else None


def _is_valid(headers: Mapping[str, str], body: bytes) -> bool:
    try:
        return bot().verifier.is_valid(headers, body)
    except BatchbellError as error:
        log = logger.warning if isinstance(error, NotFoundError) else logger.error  # not stored yet
        log("The signature cannot be verified", reason=str(error))
        return False


def _interact(payload: str) -> int:
    """Answer a pressed button at its `response_url`, as Slack wants it; return the HTTP status."""
    try:
        interaction = json.loads(payload)
        if interaction["type"] != "block_actions" or not interaction["actions"]:
            return 200
        pressed = interaction["actions"][0]
        text = str(pressed.get("value") or (pressed.get("selected_option") or {}).get("value") or "")
        if text in ("", NO_QUESTION):
            return 200  # a pressed link
        # A message of the channel is for all: the answer goes to the person who pressed, and the message stays.
        is_own = (interaction.get("container") or {}).get("is_ephemeral") is True
        action, url = str(pressed["action_id"]), str(interaction["response_url"])
    except (ValueError, KeyError, IndexError, TypeError, AttributeError, RecursionError):
        return 400
    # In local runs the URL is at the simulator.
    scheme, host, *_ = urlsplit(bot().config.slack_base_url)
    simulator = (f"{scheme}://{host}/",) if host != "slack.com" else ()
    if not url.startswith((f"https://hooks.{host}/", *simulator)):
        logger.warning("The response_url is not Slack's")
        return 400
    command = Command(parse(text).query, is_shared=action == SHARE)
    _post(url, bot().reply(command) | {"replace_original": is_own and action != SHARE})
    return 200


def _post(url: str, message: Mapping[str, Any]) -> None:
    """Post once, without following a redirect; log a failure without the URL, which is a secret."""
    try:
        answer = urllib3.request("POST", url, json=message, timeout=3.0, retries=False, redirect=False)
        result: int | str = answer.status
    except urllib3.exceptions.HTTPError as error:
        result = type(error).__name__
    if result != 200:
        logger.error("Slack did not take an answer", reason=f"response_url: {result}")


def _form(body: bytes) -> dict[str, str]:
    """Return the fields of a form, the first of each name; none if it is not a form."""
    try:
        fields = parse_qs(body.decode(), keep_blank_values=True, max_num_fields=100)
    except ValueError:
        return {}
    return {name: values[0] for name, values in fields.items()}


def _log_defect(error: Exception) -> None:
    """Log where it broke, without the error's message, which may repeat what the person wrote."""
    where = [f"{at.filename}:{at.lineno} {at.name}" for at in traceback.extract_tb(error.__traceback__)]
    logger.error("Answering broke", error=type(error).__name__, where=where)


def _response(status: int, message: Mapping[str, Any] | None = None) -> dict[str, Any]:
    if message is None:
        return {"statusCode": status, "body": ""}
    headers = {"Content-Type": "application/json"}
    return {"statusCode": status, "headers": headers, "body": json.dumps(message, ensure_ascii=False)}


if "AWS_LAMBDA_FUNCTION_NAME" in environ:
    with suppress(BatchbellError):  # not stored yet
        bot().reader(Secret.SLACK_SIGNING_SECRET)(False)  # connect while Lambda initialises
