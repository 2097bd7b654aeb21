"""`batchbell doctor`: one check after the other, from the AWS account to the Slack channel."""

import json
import re
import secrets
import time
from argparse import Namespace
from collections import Counter
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import asdict
from functools import partialmethod
from itertools import takewhile
from typing import Any, NoReturn
from urllib.parse import urlencode

import requests

from batchbell.cli.aws import RAN, Aws, connected, json_object, session_of
from batchbell.cli.output import MARKS, CheckError, CheckResult, cli_texts, progress, say, text_for
from batchbell.config import Secret, invalid_secret_reason
from batchbell.errors import BatchbellError, ForbiddenError, NotFoundError, PermanentError, SignInError, TransientError
from batchbell.models import Failure
from batchbell.notify.details import texts
from batchbell.notify.mrkdwn import counted, duration
from batchbell.slack.client import CREDENTIAL_ERRORS, kind_of
from batchbell.slack.signature import signature_for
from batchbell.slash.answers import BROKEN, UNREADABLE

_CHECKS = """
    aws.account aws.stack poll.function poll.schedule poll.last_run poll.settings
    secrets.openai_api_key secrets.slack_bot_token secrets.slack_signing_secret openai.key
    slack.token slack.chat_write slack.commands slack.channel slack.history
    aws.table poll.last_good delivery.undelivered delivery.parked delivery.lane slash.forged slash.signed slash.app
"""
_OPENAI_S, _SLASH_S, _SLACK_WAITS_S, _LOG_S = 60, 15, 3, 1800
_LATE_RUNS, _GRACE_S = 3, 120  # a poll is late after so many intervals, and the longest run
_LATE_S = 900  # a notification is late: the alarm rings at the same age

_FAILURES = {ForbiddenError: "forbidden", NotFoundError: "missing", TransientError: "unreachable"}
"""How the code of a check that could not be made ends; other errors make it `failed`."""

_OPENAI_STATUSES = {401: "key_refused", 403: "no_permission", 404: "no_batches_here", 429: "rate_limited"}
_OPENAI_HUNDREDS = {0: "unreachable", 2: "not_a_batches_server", 3: "redirected", 5: "failing"}
"""The code for a status, and for the hundreds of others; the rest is `refused`."""


def run(chosen: Namespace) -> int:
    """Print each result as soon as it is there; 1 if anything is wrong."""
    doctor = Doctor(Aws(session_of()), chosen.team, chosen.stack, chosen.address_of)
    results: dict[str, list[CheckResult]] = {"wrong": [], "good": [], "skipped": [], "to try by hand": []}
    consequences = [reason for _, reason in cli_texts()["without"].values()]  # all of them in one line
    for number, check in enumerate(_CHECKS.split()):
        # The first check signs in, which may ask for an MFA code on the line where progress is shown.
        with progress("checking") if number else nullcontext():
            result = doctor.result(check)
        by_hand = result.standing == "skipped" and result.advice
        kind = "to try by hand" if by_hand else {"ok": "good"}.get(result.standing, result.standing)
        results[kind].append(result)
        advice = f"\n{'':32}→ {result.advice}" if result.advice else ""
        if chosen.json:
            say(json.dumps(asdict(result)))
        elif result.says not in consequences:
            say(f"{MARKS[result.standing]} {result.check:<28}  {result.says}{advice}")
    if not chosen.json:
        if skipped := [each for each in results["skipped"] if each.says in consequences]:
            more = f" and {len(skipped) - 1} more" if skipped[1:] else ""
            say(f"{MARKS['skipped']} {skipped[0].check + more:<28}  {skipped[0].says}")
        counts = [f"{len(found)} {kind}" for kind, found in results.items() if found]
        is_good = not results["wrong"] and not results["skipped"]
        print("\n" + ", ".join([f"All good ({len(results['good'])})", *counts[1:]] if is_good else counts))
    return int(bool(results["wrong"]))


class Doctor:
    """The checks, each a method of its name, which returns what it says if all is well.

    It raises CheckError or a BatchbellError otherwise. What it finds is an attribute from then on: a check that
    reads what no earlier one has found is skipped (`without` in advice.toml).
    """

    is_scheduled, interval_s, bot_name = True, 60, "batchbell"

    def __init__(
        self, aws: Aws, team: str, stack_name: str | None = None, address_of: Callable[[str], str] = str, **found: Any
    ) -> None:
        self.aws, self.team, self.stack_name, self.address_of = aws, team, stack_name, address_of
        vars(self).update(found)

    def __getattr__(self, name: str) -> Any:
        needed, reason = cli_texts()["without"][name]
        for each in needed:
            getattr(self, each)
        raise CheckError(reason)

    def result(self, check: str) -> CheckResult:
        try:
            return CheckResult(check, "ok", getattr(self, check.replace(".", "_"))())
        except CheckError as error:
            return CheckResult(check, "wrong" if error.code else "skipped", str(error), error.code, error.advice)
        except BatchbellError as error:
            code = f"{check}.{_FAILURES.get(type(error), 'failed')}"
            if isinstance(error, SignInError):
                code = "aws.not_signed_in"
            return CheckResult(check, "wrong", str(error), code, text_for("advice", code))

    def aws_account(self) -> str:
        answer = self.aws.ask("sts", "GetCallerIdentity")
        self.region = self.aws.region
        return f"{answer['Account']} in {self.region}, as {answer['Arn']}"

    def aws_stack(self) -> str:
        _ = self.region
        self.stack = stack = self.aws.stack(self.team, self.stack_name)
        if "SlackRequestUrl" in stack.outputs:
            self.url = stack.output("SlackRequestUrl")
        says = f"{stack.name} is {stack.status}"
        if stack.status.endswith("_IN_PROGRESS"):
            raise CheckError(says, "aws.stack_changing")
        # After UPDATE_ROLLBACK_COMPLETE the previous version runs on.
        if stack.status not in ("CREATE_COMPLETE", "UPDATE_COMPLETE", "IMPORT_COMPLETE"):
            advice = text_for("advice", "aws.first_deployment") if stack.status == "ROLLBACK_COMPLETE" else None
            raise CheckError(says, "aws.stack_not_deployed", advice)
        return says

    def poll_function(self) -> str:
        name = self.stack.output("PollFunctionName")
        self.function = self.aws.poll_function(self.stack)
        for key, what in (("State", "its state is Failed"), ("LastUpdateStatus", "its last update failed")):
            if self.function.get(key) == "Failed":
                reason = self.function.get(f"{key}Reason", "")
                raise CheckError(f"{name} cannot run: {what} {reason}".strip(), "poll.function_broken")
        return f"{name} is ready"

    def poll_schedule(self) -> str:
        name = f"{self.stack.name}-poll"
        schedule = self.aws.ask("scheduler", "GetSchedule", name, Name=name)
        expression, self.is_scheduled = schedule["ScheduleExpression"], schedule["State"] == "ENABLED"
        if rate := re.fullmatch(r"rate\((\d+) (minute|hour|day)s?\)", expression):
            self.interval_s = int(rate[1]) * {"minute": 60, "hour": 3600, "day": 86_400}[rate[2]]
        if not self.is_scheduled:
            raise CheckError(f"The schedule {name} is disabled", "poll.schedule_disabled", name=name)
        return f"{name} runs at {expression}"

    def poll_last_run(self) -> str:
        now, group = time.time(), self.function.get("LoggingConfig", {}).get("LogGroup")
        try:
            lines = self.aws.log(group or f"/aws/lambda/{self.function['FunctionName']}", now - _LOG_S)
        except BatchbellError as error:
            raise CheckError(f"The log could not be read: {error}") from error
        if not lines:
            advice = "" if self.is_scheduled else "Enable the schedule."
            raise CheckError(f"It has not run for {duration(_LOG_S)}", "poll.does_not_run", advice)
        ago = f"{duration(now - lines[-1][0])} ago"
        texts = [text for _, text in reversed(lines)]
        last_run = [texts[0], *takewhile(lambda text: text != RAN, texts[1:])]
        if complaints := "; ".join(dict.fromkeys(text for text in reversed(last_run) if text != RAN)):
            raise CheckError(f"It ran {ago} and said: {complaints}", "poll.last_run_complained")
        return f"It ran {ago} and complained of nothing"

    def poll_settings(self) -> str:
        self.deployment = connected(self.aws, self.stack, self.function)
        config = self.deployment.config
        return f"Batches of {config.server.base_url} are announced in {config.channel}"

    def _check_secret(self, secret: Secret) -> str:
        """Check that something is stored that can be this secret; never show it."""
        parameter = self.region and self.aws.secret(self.team, secret)
        value, name = str(parameter["Value"]).strip() if parameter else "", secret.replace("-", "_")
        if not value:
            raise CheckError(f"{secret} is not stored", f"secrets.{name}_missing", team=self.team)
        setattr(self, name, value)
        is_openai = "deployment" not in vars(self) or self.deployment.config.server.is_openai
        if reason := invalid_secret_reason(secret, value, is_openai=is_openai):
            says = f"What is stored as {secret} is not usable: {reason}"
            raise CheckError(says, f"secrets.{name}_malformed", team=self.team)
        return f"{secret} is stored"

    secrets_openai_api_key = partialmethod(_check_secret, Secret.OPENAI_API_KEY)
    secrets_slack_bot_token = partialmethod(_check_secret, Secret.SLACK_BOT_TOKEN)
    secrets_slack_signing_secret = partialmethod(_check_secret, Secret.SLACK_SIGNING_SECRET)

    def openai_key(self) -> str:
        key, deployment = self.openai_api_key, self.deployment
        base_url = deployment.config.server.base_url
        try:
            page = deployment.openai(key, tries=1).list_page(limit=1, deadline_at=time.time() + _OPENAI_S)
        except BatchbellError as error:
            if not error.status and isinstance(error, PermanentError):
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
        self.identity, self.bot_name = who, who.get("user", "")
        if not who.get("bot_id"):
            raise CheckError(f"The token is that of a person, {self.bot_name}", "slack.not_a_bot_token")
        return f"{self.bot_name} in the workspace {who.get('team', '')}"

    def _check_scope(self, scope: str, purpose: str) -> str:
        granted = self.identity["scopes"]
        if granted is None:
            raise CheckError(f"Slack did not say whether the token has {scope}")
        if scope not in granted:
            raise CheckError(f"Without {scope} it may not {purpose}", "slack.missing_scope", scope=scope)
        return f"{scope}: it may {purpose}"

    slack_chat_write = partialmethod(_check_scope, "chat:write", "post")
    slack_commands = partialmethod(_check_scope, "commands", "have a slash command")

    def slack_channel(self) -> str:
        """Check the channel by its newest message, which the bot's scopes allow."""
        bot, channel_id = self.identity.get("user", ""), self.deployment.config.channel
        self.unread: BatchbellError | None = None
        try:
            newest = self.deployment.slack(self.slack_bot_token).newest_message(channel_id)
        except BatchbellError as error:
            self.unread = error
            if error.code == "missing_scope":
                raise CheckError(f"Without {error.needed} the bot cannot look into {channel_id}") from error
            raise self._slack_problem(error) from error
        if newest.get("subtype") in ("channel_archive", "group_archive"):
            raise self._slack_problem(PermanentError("is_archived", code="is_archived"))
        return f"{bot} is in {channel_id}"

    def slack_history(self) -> str:
        """Check that a message whose reply was lost can be searched for."""
        if self.unread is None:
            return "It may search for a message whose reply was lost"
        if self.unread.code in ("not_in_channel", "channel_not_found"):
            raise CheckError("Known once the bot is in the channel")
        if self.unread.code != "missing_scope":
            raise CheckError(str(self._slack_problem(self.unread)))
        raise self.history_problem(self.unread)

    def history_problem(self, error: BatchbellError) -> CheckError:
        """Return what follows if the channel's history cannot be read."""
        if error.code != "missing_scope":
            return self._slack_problem(error)
        scope = error.needed or "channels:history"
        lost = "a message whose reply was lost is posted twice, or not at all"
        return CheckError(f"Without {scope} {lost}", "slack.missing_scope", scope=scope)

    def aws_table(self) -> str:
        name = self.deployment.config.table_name
        status = self.aws.ask("dynamodb", "DescribeTable", name, TableName=name)["Table"]["TableStatus"]
        if status not in ("ACTIVE", "UPDATING"):
            raise PermanentError(f"the table {name} is {status}")
        self.store = self.deployment.store()
        return f"{name} can be read"

    def poll_last_good(self) -> str:
        """Check that the list was read lately, as the schedule promises, and to its end."""
        state, now = self.store.load_state(), time.time()
        if state is None:
            raise CheckError("No poll has run yet", "poll.none_yet", awaited="first run")
        if state.refused_since:
            says = f"The key has been refused for {duration(now - state.refused_since)}: {state.failure}"
            raise CheckError(says, "poll.key_refused")
        if state.base_url != self.deployment.config.server.base_url:
            raise CheckError(f"What is watched is still {state.base_url}", "poll.another_server")
        if state.polled_at is None:
            raise CheckError("No poll has succeeded yet", "poll.none_yet", awaited="next poll")
        says = f"The last good poll was {duration(now - state.polled_at)} ago"
        if now - state.polled_at > _LATE_RUNS * self.interval_s + _GRACE_S:
            raise CheckError(says, "poll.late")
        if state.hides_new:
            raise CheckError(f"{says}; the list shows only the oldest batches", "poll.hides_new")
        if state.is_stuck:
            raise CheckError(f"{says}; the server repeats itself instead of showing the rest of its list", "poll.stuck")
        if state.has_unread:
            raise CheckError(f"{says}; a part of the list is still unread", "poll.unread")
        return f"{says}; {counted(state.open_count, 'batch')} {'is' if state.open_count < 2 else 'are'} open"

    def delivery_undelivered(self) -> str:
        self.outbox = outbox = self.store.outbox(self.deployment.config.channel)
        if outbox.unreadable:
            says = f"{counted(outbox.unreadable, 'item')} of a newer version cannot be read by this one"
            raise CheckError(says, "delivery.unreadable")
        if not outbox.notifications:
            return "Nothing is undelivered"
        oldest_s = time.time() - min(each.recorded_at for each in outbox.notifications)
        says = f"{counted(len(outbox.notifications), 'notification')} undelivered, the oldest for {duration(oldest_s)}"
        if oldest_s > _LATE_S:
            raise CheckError(says, "delivery.late")
        return says

    def delivery_parked(self) -> str:
        reasons = Counter(each.reason or "" for each in self.outbox.parked)
        if not reasons:
            return "Nothing is parked"
        counts = (f"{counted(count, 'notification')} parked: {reason}" for reason, count in reasons.items())
        raise CheckError("; ".join(counts), "delivery.parked", self._redeliver_advice(next(iter(reasons))))

    def delivery_lane(self) -> str:
        reason, wait_s = self.outbox.blocked_reason, self.outbox.not_before - time.time()
        if reason is None:
            return "Slack takes messages for the channel"
        again = f"; tried again in {duration(wait_s)}" if wait_s > 0 else ""
        raise CheckError(f"Slack last refused: {reason}{again}", "delivery.blocked", self._redeliver_advice(reason))

    def slash_forged(self) -> str:
        status, _, _ = self._send_command(secrets.token_hex(16))
        if status == 401:
            return f"{self.url} refuses what Slack did not sign"
        if 200 <= status < 300:
            raise CheckError(f"{self.url} answered a forged request", "slash.forgery_accepted")
        raise CheckError(f"{self.url} answered {status} instead", "slash.broken")

    def slash_signed(self) -> str:
        """Check that a command signed with the stored secret is answered, in time and by batchbell."""
        status, took_s, text = self._send_command(self.slack_signing_secret)
        if status == 401:
            raise CheckError("A request signed with the stored signing secret is refused", "slash.signature_refused")
        if status != 200 or not text:
            instead = "with no message" if status == 200 else "instead"
            raise CheckError(f"{self.url} answered {status} {instead}", "slash.broken")
        if text in (UNREADABLE["text"], BROKEN["text"]):
            raise CheckError(f"It answers: {text}", "slash.no_answer")
        if took_s > _SLACK_WAITS_S:
            raise CheckError(f"It took {took_s:.1f} s to answer, and Slack waits {_SLACK_WAITS_S} s", "slash.slow")
        return f"A signed command was answered in {took_s:.1f} s"

    def slash_app(self) -> NoReturn:
        url, command = self.url, self.stack.parameters.get("SlashCommand", "/batches")
        says = "Whether the Slack app has this URL and signing secret, only Slack can tell"
        raise CheckError(says, advice=text_for("advice", "slash.app", command=command, url=url))

    def _send_command(self, secret: str) -> tuple[int, float, str]:
        """Send the command `status` as Slack does; return the answer's HTTP status, seconds and text."""
        form = {"command": "/batches", "text": "status", "user_id": "UDOCTOR", "user_name": "doctor"}
        body, timestamp = urlencode(form).encode(), str(int(time.time()))
        headers = {"X-Slack-Request-Timestamp": timestamp, "X-Slack-Signature": signature_for(secret, timestamp, body)}
        headers["Content-Type"] = "application/x-www-form-urlencoded"
        url, started_at = self.address_of(self.url), time.monotonic()
        try:
            answer = requests.post(url, body, headers=headers, timeout=_SLASH_S, allow_redirects=False)
        except (requests.RequestException, ValueError) as error:
            says = f"{self.url} does not answer ({type(error).__name__})"
            raise CheckError(says, "slash.unreachable") from error
        text = json_object(answer.content).get("text")
        return answer.status_code, time.monotonic() - started_at, text if isinstance(text, str) else ""

    def _redeliver_advice(self, reason: str) -> str:
        advice = self.advice_on(reason) or "Fix that."
        return f"{advice} Then `batchbell redeliver`; left alone, it is tried again later."

    def advice_on(self, reason: str) -> str:
        """Return what to do about the reason why a message was not posted; empty if Slack did not name its error."""
        found = re.fullmatch(r"[a-z]+\.[A-Za-z]+: ([a-z_]+)(?: \(needs ([a-z_:.,]+)\))?", reason)
        if found and kind_of(found[1]) is Failure.MALFORMED:
            return text_for("advice", "delivery.malformed")
        if "history cannot be read" in reason:
            return text_for("advice", "delivery.unclear")
        return self._slack_advice(found[1], found[2]) if found else ""

    def _slack_problem(self, error: BatchbellError) -> CheckError:
        name, reason = error.code or "unreachable", str(error).rpartition(": ")[2]
        says = text_for("says", f"slack.{name}", channel=self.deployment.config.channel, name=name, reason=reason)
        return CheckError(says, f"slack.{name}", self._slack_advice(name, error.needed))

    def _slack_advice(self, name: str, needed: str | None) -> str:
        """Return what to do about Slack's error of this name, or `unreachable`."""
        if name in CREDENTIAL_ERRORS:
            name = "another_token"
        elif kind_of(name) is Failure.RATE_LIMITED:
            name = "wait"
        channel_id = self.deployment.config.channel
        return text_for("advice", f"slack.{name}", scope=needed or "the scope", channel=channel_id, bot=self.bot_name)


def _openai_problem(url: str, error: BatchbellError) -> CheckError:
    lacks_permission = error.status == 401 and (error.needed or error.code == "missing_scope")
    status = 403 if lacks_permission else error.status
    code = f"openai.{_OPENAI_STATUSES.get(status) or _OPENAI_HUNDREDS.get(status // 100, 'refused')}"
    says = text_for("says", code, url=url, reason=str(error).rpartition("(")[2].rstrip(")"))
    named = f": {error.status}{f' ({error.code})' if error.code else ''}" if error.status else ""
    advice = None
    if error.code in texts()["refused_place"]:  # not the key's fault
        says, advice = f"{url} refuses every request from here", text_for("advice", "openai.refused_place")
    return CheckError(f"{says}{named}", code, advice, lacks=f" ({error.needed})" if error.needed else "")
