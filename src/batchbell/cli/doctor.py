"""`batchbell doctor`: one check after the other, from the AWS account to the Slack channel."""

import json
import re
import secrets
import time
from argparse import Namespace
from collections import Counter
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import asdict, dataclass, field
from functools import partialmethod
from itertools import takewhile
from typing import Any, NoReturn, TypeVar
from urllib.parse import urlencode

import requests

from batchbell import errors
from batchbell.aws.store import Store
from batchbell.cli.aws import RAN, Aws, Deployment, Stack, connected, json_object, session_of
from batchbell.cli.output import progress
from batchbell.config import Secret, invalid_secret_reason
from batchbell.errors import BatchbellError
from batchbell.models import Malformed, RateLimited
from batchbell.notify.mrkdwn import counted, duration
from batchbell.records import Outbox
from batchbell.slack.client import CREDENTIAL_ERRORS, Channel, Identity, NewestMessage, kind_of
from batchbell.slack.signature import signature_for
from batchbell.slash.answers import BROKEN, UNREADABLE

T = TypeVar("T")

MARKS = {"ok": "✓", "wrong": "✗", "skipped": "\N{EN DASH}"}

_CHECKS = (
    "aws.account aws.stack poll.function poll.schedule poll.last_run poll.settings "
    "secrets.openai_api_key secrets.slack_bot_token secrets.slack_signing_secret openai.key "
    "slack.token slack.chat_write slack.commands slack.channel slack.history "
    "aws.table poll.last_good delivery.undelivered delivery.parked delivery.lane "
    "slash.forged slash.signed slash.app"
)
_OPENAI_S, _SLASH_S, _SLACK_WAITS_S, _LOG_S = 60, 15, 3, 1800
_LATE_RUNS, _GRACE_S = 3, 120
"""A poll is late after so many intervals of the schedule, and the longest that a run may take."""

_LATE_S = 900
"""A notification is late: the alarm rings at the same age."""

_FAILURES = (
    (errors.SignInError, "aws.not_signed_in", "Sign in to AWS, and set AWS_REGION."),
    (errors.ForbiddenError, "{}.forbidden", "Ask for that permission in AWS."),
    (errors.NotFoundError, "{}.missing", "Deploy again: `sam deploy`."),
    (errors.TransientError, "{}.unreachable", "Check the network, and try again."),
    (errors.BatchbellError, "{}.failed", "Mend what it names, and try again."),
)
"""Code and advice for a check that could not be made."""

_WITHOUT = {
    "region": ((), "AWS does not answer"),
    "stack": ((), "no stack was found"),
    "url": ((), "no stack was found"),
    "function": ((), "the poll function was not found"),
    "deployment": ((), "the bot's settings are not known"),
    "openai_api_key": ((), "there is no key to try"),
    "slack_bot_token": ((), "there is no token to try"),
    "slack_signing_secret": ((), "there is no secret to sign with"),
    "identity": (("slack_bot_token", "deployment"), "the token is not accepted"),
    "newest": (("identity",), "the channel was not read"),
    "store": (("deployment",), "the table was not found"),
    "outbox": (("store",), "the outbox could not be read"),
}
"""What a check may need from earlier ones: what that needs itself, and why the check is skipped without it."""


@dataclass(frozen=True, slots=True)
class CheckResult:
    """`check` names what was checked and `code` what is wrong with it; neither ever changes.

    `status` is ok, wrong or skipped.
    """

    check: str
    status: str
    says: str
    code: str | None = None
    advice: str | None = None

    def as_json(self) -> str:
        names = {"status": "standing"}
        return json.dumps({names.get(name, name): value for name, value in asdict(self).items()})

    def as_text(self) -> str:
        line = f"{MARKS[self.status]} {self.check:<28}  {self.says}"
        return f"{line}\n{'':32}→ {self.advice}" if self.advice else line


class WrongError(Exception):
    """What a check found wrong: `WrongError(code, says, advice)`."""


class SkippedError(Exception):
    """Why a check could not be made: `SkippedError(says)`, or with what to do instead."""


def run(chosen: Namespace) -> int:
    """Print each result as soon as it is there; 1 if anything is wrong."""
    doctor = Doctor(Aws(session_of()), chosen.team, chosen.stack, chosen.address_of)
    count = dict.fromkeys(MARKS, 0)
    for check in _CHECKS.split():
        # The first check signs in, which may ask for an MFA code on the line where progress is shown.
        with progress("checking") if any(count.values()) else nullcontext():
            result = doctor.result(check)
        count[result.status] += 1
        print(result.as_json() if chosen.json else result.as_text(), flush=True)
    if not chosen.json:
        print("\n" + "  ".join(f"{number} {MARKS[status]}" for status, number in count.items()))
    return int(count["wrong"] > 0)


@dataclass(eq=False)
class Doctor:
    """The checks, each a method of its name, and what they have found so far.

    A check returns what it says if all is well, or raises WrongError, SkippedError or a BatchbellError.
    If it reads what no earlier check has found, it is skipped.
    """

    aws: Aws
    team: str
    stack_name: str | None = None
    address_of: Callable[[str], str] = str
    is_scheduled: bool = True
    interval_s: int = 60
    bot_name: str = "batchbell"
    region: str = field(init=False)
    stack: Stack = field(init=False)
    url: str = field(init=False)
    function: Any = field(init=False)
    deployment: Deployment = field(init=False)
    openai_api_key: str = field(init=False)
    slack_bot_token: str = field(init=False)
    slack_signing_secret: str = field(init=False)
    identity: Identity = field(init=False)
    newest: NewestMessage | BatchbellError = field(init=False)
    store: Store = field(init=False)
    outbox: Outbox = field(init=False)

    def __getattr__(self, name: str) -> NoReturn:
        needed, reason = _WITHOUT[name]
        for each in needed:
            getattr(self, each)
        raise SkippedError(reason)

    def result(self, check: str) -> CheckResult:
        """Make one check."""
        try:
            return CheckResult(check, "ok", getattr(self, check.replace(".", "_"))())
        except SkippedError as error:
            return CheckResult(check, "skipped", error.args[0], None, *error.args[1:])
        except WrongError as error:
            code, says, advice = error.args
        except BatchbellError as error:
            code, advice = next(texts for kind, *texts in _FAILURES if isinstance(error, kind))
            code, says = code.format(check), str(error)
        return CheckResult(check, "wrong", says, code, advice)

    def aws_account(self) -> str:
        answer = self.aws.ask("sts", "GetCallerIdentity")
        self.region = self.aws.region
        return f"{answer['Account']} in {self.region}, as {answer['Arn']}"

    def aws_stack(self) -> str:
        _ = self.region
        try:
            self.stack = stack = self.aws.stack(self.team, self.stack_name)
        except errors.NotFoundError as error:
            advice = "Check --team and AWS_REGION, or deploy it: `sam deploy`."
            raise WrongError("aws.stack.missing", str(error), advice) from error
        if "SlackRequestUrl" in stack.outputs:
            self.url = stack.output("SlackRequestUrl")
        says = f"{stack.name} is {stack.status}"
        if stack.status.endswith("_IN_PROGRESS"):
            raise WrongError("aws.stack_changing", says, "Wait until the deployment has ended.")
        # After UPDATE_ROLLBACK_COMPLETE the previous version runs on.
        if stack.status not in ("CREATE_COMPLETE", "UPDATE_COMPLETE", "IMPORT_COMPLETE"):
            raise WrongError("aws.stack_not_deployed", says, "Deploy it again, and read why it failed.")
        return says

    def poll_function(self) -> str:
        name = self.stack.output("PollFunctionName")
        self.function = self.aws.poll_function(self.stack)
        for key, failed in (("State", "its state is Failed"), ("LastUpdateStatus", "its last update failed")):
            if self.function.get(key) == "Failed":
                says = f"{name} cannot run: {failed} {self.function.get(f'{key}Reason', '')}".strip()
                raise WrongError("poll.function_broken", says, "Deploy the stack again: `sam deploy`.")
        return f"{name} is ready"

    def poll_schedule(self) -> str:
        name = f"{self.stack.name}-poll"
        schedule = self.aws.ask("scheduler", "GetSchedule", name, Name=name)
        expression, self.is_scheduled = schedule["ScheduleExpression"], schedule["State"] == "ENABLED"
        if rate := re.fullmatch(r"rate\((\d+) (minute|hour|day)s?\)", expression):
            self.interval_s = int(rate[1]) * {"minute": 60, "hour": 3600, "day": 86_400}[rate[2]]
        if not self.is_scheduled:
            advice = f"Enable it in EventBridge Scheduler: the schedule {name} of the group default."
            raise WrongError("poll.schedule_disabled", f"The schedule {name} is disabled", advice)
        return f"{name} runs at {expression}"

    def poll_last_run(self) -> str:
        """Check what the last run logged."""
        name, function = self.stack.output("PollFunctionName"), self.function
        group = function.get("LoggingConfig", {}).get("LogGroup", f"/aws/lambda/{name}")
        try:
            lines = self.aws.log(group, time.time() - _LOG_S)
        except BatchbellError as error:
            raise SkippedError(f"The log could not be read: {error}") from error
        if not lines:
            advice = "If it was deployed just now, wait for the first run; else look at the schedule's role."
            advice = advice if self.is_scheduled else "Enable the schedule."
            raise WrongError("poll.does_not_run", f"It has not run for {duration(_LOG_S)}", advice)
        ago = f"{duration(time.time() - lines[-1][0])} ago"
        texts = [text for _, text in reversed(lines)]
        last_run = [texts[0], *takewhile(lambda text: text != RAN, texts[1:])]
        complaints = "; ".join(dict.fromkeys(text for text in reversed(last_run) if text != RAN))
        if complaints:
            says = f"It ran {ago} and said: {complaints}"
            raise WrongError("poll.last_run_complained", says, "Mend what it names.")
        return f"It ran {ago} and complained of nothing"

    def poll_settings(self) -> str:
        self.deployment = connected(self.aws, self.stack, self.function)
        config = self.deployment.config
        return f"What ends at {config.server.base_url} is told in {config.channel}"

    def _check_secret(self, secret: Secret) -> str:
        """Check that something is stored that can be this secret; never show it."""
        parameter = self.region and self.aws.secret(self.team, secret)
        value = str(parameter["Value"]).strip() if parameter else ""
        name, advice = secret.replace("-", "_"), f"Store it with `batchbell secrets --team {self.team}`."
        if not value:
            raise WrongError(f"secrets.{name}_missing", f"{secret} is not stored", advice)
        setattr(self, name, value)
        is_openai = "deployment" not in vars(self) or self.deployment.config.server.is_openai
        if reason := invalid_secret_reason(secret, value, is_openai=is_openai):
            says = f"What is stored as {secret} is not usable: {reason}"
            raise WrongError(f"secrets.{name}_malformed", says, advice)
        return f"{secret} is stored"

    secrets_openai_api_key = partialmethod(_check_secret, Secret.OPENAI_API_KEY)
    secrets_slack_bot_token = partialmethod(_check_secret, Secret.SLACK_BOT_TOKEN)
    secrets_slack_signing_secret = partialmethod(_check_secret, Secret.SLACK_SIGNING_SECRET)

    def openai_key(self) -> str:
        """Check that batches can be listed with the key, at the address of the settings."""
        key = self.openai_api_key
        openai = self.deployment.openai(key, tries=1)
        base_url = openai.server.base_url
        try:
            page = openai.list_page(limit=1, deadline_at=time.time() + _OPENAI_S)
        except BatchbellError as error:
            if not error.status and isinstance(error, errors.PermanentError):
                raise  # the server cannot even be asked
            raise _openai_problem(base_url, error) from error
        whose = page.project or page.organization
        return f"{base_url} lists batches{f' of {whose}' if whose else ''}"

    def slack_token(self) -> str:
        token = self.slack_bot_token
        try:
            who = self.deployment.slack(token).identity()
        except BatchbellError as error:
            raise self._slack_problem(error) from error
        self.identity, self.bot_name = who, who.name
        if not who.is_bot:
            advice = "Store the Bot User OAuth Token, xoxb-…, with `batchbell secrets`."
            raise WrongError("slack.not_a_bot_token", f"The token is that of a person, {who.name}", advice)
        return f"{who.name} in the workspace {who.workspace}"

    def _check_scope(self, scope: str, purpose: str) -> str:
        granted = self.identity.scopes
        if granted is None:
            raise SkippedError(f"Slack did not say whether the token has {scope}")
        if scope not in granted:
            raise WrongError(
                "slack.missing_scope", f"Without {scope} it may not {purpose}", _add_scope(scope)
            )
        return f"{scope}: it may {purpose}"

    slack_chat_write = partialmethod(_check_scope, "chat:write", "post")
    slack_commands = partialmethod(_check_scope, "commands", "have a slash command")

    def slack_channel(self) -> str:
        """Check that messages can be posted to the channel.

        Without the scope to see the channel, its newest message shows nearly as much.
        """
        bot, channel_id = self.identity.name, self.deployment.config.channel
        slack = self.deployment.slack(self.slack_bot_token)
        channel = _answer_or_error(slack.channel, channel_id)
        newest = self.newest = _answer_or_error(slack.newest_message, channel_id)
        if isinstance(channel, Channel):
            code = "is_archived" if channel.is_archived else "" if channel.is_member else "not_in_channel"
        elif isinstance(newest, NewestMessage):
            code = "is_archived" if newest.is_archival else ""
        elif newest.code == "missing_scope":
            raise SkippedError(f"Without {_needed(newest)} the bot cannot look into {channel_id}")
        else:
            raise self._slack_problem(newest)
        if code:
            raise self._slack_problem(errors.PermanentError(code, code=code))
        if not isinstance(channel, Channel):
            return f"{bot} is in {channel_id}"
        return f"{bot} is in #{channel.name} ({channel_id}, {'private' if channel.is_private else 'public'})"

    def slack_history(self) -> str:
        """Check that a message whose reply was lost can be searched for."""
        newest = self.newest
        if isinstance(newest, NewestMessage):
            return "It may look whether a message has landed"
        if newest.code in ("not_in_channel", "channel_not_found"):
            raise SkippedError("Told once the bot is in the channel")
        if newest.code != "missing_scope":
            raise SkippedError(_slack_says(newest))
        scope = _needed(newest) or "channels:history"
        says = f"Without {scope} a message whose reply was lost is posted twice, or not at all"
        raise WrongError("slack.missing_scope", says, _add_scope(scope))

    def aws_table(self) -> str:
        deployment, name = self.deployment, self.deployment.config.table_name
        status = self.aws.ask("dynamodb", "DescribeTable", name, TableName=name)["Table"]["TableStatus"]
        if status not in ("ACTIVE", "UPDATING"):
            raise errors.PermanentError(f"the table {name} is {status}")
        self.store = deployment.store()
        return f"{name} can be read"

    def poll_last_good(self) -> str:
        """Check that the list was read lately, as the schedule promises, and to its end."""
        state, now = self.store.load_state(), time.time()
        if state and state.incident:
            says = f"The key has been refused for {duration(now - state.incident.since)}"
            advice = "Store a key that is accepted with `batchbell secrets`; the next poll takes it up."
            raise WrongError("poll.key_refused", says, advice)
        if state and state.base_url != self.deployment.config.server.base_url:
            says = f"What is watched is still {state.base_url}"
            raise WrongError("poll.another_server", says, "Wait for the next poll.")
        if state is None or state.polled_at is None:
            happened, awaited = ("succeeded", "next poll") if state else ("run", "first run")
            advice = f"Wait for the {awaited}, or look at what the last run said."
            raise WrongError("poll.none_yet", f"No poll has {happened} yet", advice)
        says = f"The last good poll was {duration(now - state.polled_at)} ago"
        if now - state.polled_at > _LATE_RUNS * self.interval_s + _GRACE_S:
            advice = "Look at the schedule, the key and what the last run said."
            raise WrongError("poll.late", says, advice)
        if state.is_stuck:
            says += "; the server repeats itself instead of showing the rest of its list"
            advice = "Only what it shows is watched: ask who runs it why `after` leads no further."
            raise WrongError("poll.stuck", says, advice)
        if state.has_unread:
            says += "; a part of the list is still unread"
            raise WrongError("poll.unread", says, "Wait for the next polls: a long list takes several.")
        return f"{says}; {counted(state.open_count, 'batch')} {'is' if state.open_count < 2 else 'are'} open"

    def delivery_undelivered(self) -> str:
        self.outbox = outbox = self.store.outbox(self.deployment.config.channel)
        if outbox.unreadable:
            says = f"{counted(outbox.unreadable, 'item')} of a newer version cannot be read by this one"
            raise WrongError("delivery.unreadable", says, "Deploy the newer version again.")
        if not outbox.notifications:
            return "Nothing is undelivered"
        oldest_s = time.time() - min(each.recorded_at for each in outbox.notifications)
        count = counted(len(outbox.notifications), "notification")
        says = f"{count} undelivered, the oldest for {duration(oldest_s)}"
        if oldest_s > _LATE_S:
            advice = (
                "Mend what else is wrong here; then all is delivered, or ask for it: `batchbell redeliver`."
            )
            raise WrongError("delivery.late", says, advice)
        return says

    def delivery_parked(self) -> str:
        reasons = Counter(each.reason or "" for each in self.outbox.parked)
        if not reasons:
            return "Nothing is parked"
        counts = (f"{counted(count, 'notification')} parked: {reason}" for reason, count in reasons.items())
        raise WrongError("delivery.parked", "; ".join(counts), self._delivery_advice(next(iter(reasons))))

    def delivery_lane(self) -> str:
        reason, wait_s = self.outbox.channel.blocked_reason, self.outbox.channel.not_before - time.time()
        if reason is None:
            return "Slack takes messages for the channel"
        again = f"; tried again in {duration(wait_s)}" if wait_s > 0 else ""
        advice = self._delivery_advice(reason)
        raise WrongError("delivery.blocked", f"Slack last refused: {reason}{again}", advice)

    def slash_forged(self) -> str:
        """Check that a command that Slack did not sign is refused."""
        status, _, text = self._send_command(secrets.token_hex(16))
        if status == 401:
            return f"{self.url} refuses what Slack did not sign"
        if 200 <= status < 300:
            advice = "Somebody else answers there, or anyone is answered: deploy the stack again."
            raise WrongError("slash.forgery_accepted", f"{self.url} answered a forged request", advice)
        raise _slash_problem(self.url, status, text)

    def slash_signed(self) -> str:
        """Check that a command signed with the stored secret is answered, in time and by batchbell."""
        url = self.url
        status, took_s, text = self._send_command(self.slack_signing_secret)
        if status == 401:
            says = "A request signed with the stored signing secret is refused"
            advice = (
                "If it was stored just now, ask again in a minute; else the Slack function's log says why."
            )
            raise WrongError("slash.signature_refused", says, advice)
        if status != 200 or not text:
            raise _slash_problem(url, status, text)
        if text in (UNREADABLE["text"], BROKEN["text"]):
            raise WrongError("slash.no_answer", f"It answers: {text}", "Look at the Slack function's log.")
        if took_s > _SLACK_WAITS_S:
            says = f"It took {took_s:.1f} s to answer, and Slack waits {_SLACK_WAITS_S} s"
            raise WrongError("slash.slow", says, "Ask again: only a cold start may take longer.")
        return f"A signed command was answered in {took_s:.1f} s"

    def slash_app(self) -> NoReturn:
        url, command = self.url, self.stack.parameters.get("SlashCommand", "/batches")
        says = "Whether the Slack app has this URL and signing secret, only Slack can tell"
        must = f"the app's slash command must have the Request URL {url}"
        rest = f"If it fails, {must}, and the secret stored must be the app's Signing Secret."
        raise SkippedError(says, f"Type `{command} status` in Slack. {rest}")

    def _send_command(self, secret: str) -> tuple[int, float, str]:
        """Send `status` as Slack does; return status, seconds and text; 0 and the reason without an answer."""
        form = {"command": "/batches", "text": "status", "user_id": "UDOCTOR", "user_name": "doctor"}
        body, timestamp = urlencode(form).encode(), str(int(time.time()))
        headers = {
            "Content-Type": "application/x-www-form-urlencoded",
            "X-Slack-Request-Timestamp": timestamp,
            "X-Slack-Signature": signature_for(secret, timestamp, body),
        }
        url, started_at = self.address_of(self.url), time.monotonic()
        try:
            answer = requests.post(url, body, headers=headers, timeout=_SLASH_S, allow_redirects=False)
        except (requests.RequestException, ValueError) as error:
            return 0, 0, type(error).__name__
        text = json_object(answer.content).get("text")
        return answer.status_code, time.monotonic() - started_at, text if isinstance(text, str) else ""

    def _delivery_advice(self, reason: str) -> str:
        code, needed = slack_error_in(reason)
        if "history cannot be read" in reason:
            advice = "Let the bot read the channel's history (`slack.history` here)."
        elif not code:
            advice = "Mend that."
        elif kind_of(code) is Malformed:
            advice = "Slack finds the message itself faulty: deploy a newer version of batchbell."
        else:
            advice = self.slack_advice(code, needed)
        return f"{advice} Then `batchbell redeliver`; left alone, it is tried again later."

    def _slack_problem(self, error: BatchbellError) -> WrongError:
        channel_id, code = self.deployment.config.channel, error.code or "unreachable"
        says = {
            "not_in_channel": f"The bot is not in {channel_id}",
            "channel_not_found": f"The bot can see no channel {channel_id}",
            "is_archived": f"The channel {channel_id} is archived",
        }.get(code, _slack_says(error))
        return WrongError(f"slack.{code}", says, self.slack_advice(code, _needed(error)))

    def slack_advice(self, code: str, needed: str | None) -> str:
        """Return what to do about Slack's error of this name, or `unreachable`."""
        if code in CREDENTIAL_ERRORS:
            take = "Take the Bot User OAuth Token, xoxb-…, of the app's page OAuth & Permissions"
            return f"{take}, and store it with `batchbell secrets`."
        if kind_of(code) is RateLimited:
            return "Wait a minute, then try again."
        invite = f"n the channel type `/invite @{self.bot_name}`."
        where = f"{self.deployment.config.channel}, an id at the bottom of the channel's details"
        return {
            "unreachable": "Try again; check the network, and SlackBaseUrl.",
            "not_in_channel": f"I{invite}",
            "channel_not_found": f"Check SlackChannel, {where}. "
            f"A private channel is only found once the bot is in it: i{invite}",
            "is_archived": "Unarchive the channel, or deploy with the id of another as SlackChannel.",
            "missing_scope": _add_scope(needed or "the scope"),
        }.get(code, _LOOK_UP)


_LOOK_UP = (
    "Slack's documentation (docs.slack.dev) says what that means; "
    "a rule of the workspace is for its admins to change."
)


def _add_scope(scope: str) -> str:
    page = f"At api.slack.com/apps, under OAuth & Permissions, add {scope} to the bot token scopes"
    return f"{page}, and install the app to the workspace again."


def _slack_says(error: BatchbellError) -> str:
    reason = str(error).rpartition(": ")[2]
    return f"Slack says {error.code}" if error.code else f"Slack does not answer ({reason})"


def slack_error_in(reason: str) -> tuple[str, str | None]:
    """Return Slack's error, empty for another, and the scope it needs, of why a message was not posted."""
    found = re.fullmatch(r"[a-z]+\.[A-Za-z]+: ([a-z_]+)(?: \(needs ([a-z_:.,]+)\))?", reason)
    return (found[1], found[2]) if found else ("", None)


def _needed(error: BatchbellError) -> str | None:
    return error.needed if isinstance(error, errors.PermanentError) else None


def _answer_or_error(request: Callable[[str], T], channel_id: str) -> T | BatchbellError:
    try:
        return request(channel_id)
    except BatchbellError as error:
        return error


def _openai_problem(base_url: str, error: BatchbellError) -> WrongError:
    status, permission = error.status, getattr(error, "missing_permission", None)
    if status == 401 and (permission or error.code == "missing_scope"):
        status = 403
    store = "store another with `batchbell secrets`"
    lacks = f" ({permission})" if permission else ""
    grant = f"Give the key the permission Batches: Read{lacks}, or {store}."
    renew = f"The key is wrong, expired or revoked: {store}. A restricted key needs Batches: Read."
    address = "Check OpenAIBaseUrl, the address to which /batches is added, and deploy again if it is wrong."
    wait = "Wait: the next poll tries again, and nothing is lost."
    reason = str(error).rpartition("(")[2].rstrip(")")
    problems = {
        0: ("unreachable", f"{base_url} does not answer ({reason})", address),
        401: ("key_refused", "The key was refused", renew),
        403: ("no_permission", "The key may not read batches", grant),
        404: ("no_batches_here", f"{base_url}/batches does not exist", address),
        429: ("rate_limited", "The project is over its limit", "Wait, or raise the limit; nothing is lost."),
        2: ("not_a_batches_server", f"{base_url} answers with something else than batches", address),
        3: ("redirected", f"{base_url} redirects", address),
        5: ("failing", f"{base_url} fails", wait),
    }
    refused = ("refused", f"{base_url} refuses the question", address)
    code, says, advice = problems.get(status) or problems.get(status // 100) or refused
    named = f": {error.status}{f' ({error.code})' if error.code else ''}" if error.status else ""
    return WrongError(f"openai.{code}", f"{says}{named}", advice)


def _slash_problem(url: str, status: int, reason: str) -> WrongError:
    if not status:
        advice = "Check the network, and that the stack is deployed."
        return WrongError("slash.unreachable", f"{url} does not answer ({reason})", advice)
    says = f"{url} answered {status} {'with no message' if status == 200 else 'instead'}"
    return WrongError("slash.broken", says, "Look at the Slack function's log, and deploy again.")
