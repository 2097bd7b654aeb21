"""`batchbell doctor`: each thing that is broken is named, and only what needs it is skipped."""

import json
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from batchbell.config import Secret
from batchbell.records import Backlog, Cursor
from batchbell.slash.answers import BROKEN
from local import slack_faults
from local.openai_faults import error, error_body, html, raw, redirect
from local.server import Reply, Server
from local.slack_simulator import CHANNEL
from tests.cli.account import LOG_GROUP, STACK, URL, Account

Break = Callable[[Account], Any]
Results = dict[str, dict[str, Any]]

NOBODY = "http://127.0.0.1:9/"
KEY, TOKEN, SIGNING_SECRET = Secret
RESTRICTED = raw(error_body("Denied. Missing scopes: api.batch.read. Check."), 401)
RAN = {"level": "INFO", "message": "Ran"}
COMPLAINT = {"level": "WARNING", "message": "The poll ended early", "reason": "List Batches answered 401"}


def wrong(results: Results) -> list[str]:
    """The codes of what is wrong; how long the answer took says nothing on a busy machine."""
    codes = [each["code"] for each in results.values() if each["standing"] == "wrong"]
    return [code for code in codes if code != "slash.slow"]


def skipped(results: Results) -> dict[str, str]:
    """What was skipped, and why, except what only a person can check."""
    left = {check: each["says"] for check, each in results.items() if each["standing"] == "skipped"}
    return {check: says for check, says in left.items() if check != "slash.app"}


def ago(seconds: int) -> int:
    return int(time.time()) - seconds


def answering(account: Account, status: int, body: bytes) -> None:
    account.app.answering = lambda form: (status, body)


def test_nothing_is_wrong_with_a_healthy_bot(account: Account) -> None:
    _, printed = account.run("doctor")
    results = account.checks()

    assert (wrong(results), skipped(results), len(results)) == ([], {}, 23)
    ok = {"standing": "ok", "says": "batchbell-search is CREATE_COMPLETE", "code": None, "advice": None}
    assert list(results["aws.stack"].items()) == [("check", "aws.stack"), *ok.items()]
    assert "✓ aws.stack                     batchbell-search is CREATE_COMPLETE\n" in printed
    assert "\n                                → Type `/batches status` in Slack." in printed
    assert printed.endswith("\n\nAll good (22), 1 to try by hand\n")
    secrets = (account.openai.key, account.slack.token, account.slack.signing_secret)
    assert not any(each in printed + json.dumps(results) for each in secrets)
    assert [each["text"] for each in account.app.commands] == ["status"] * 2


BREAKS: list[tuple[str, Break]] = [
    ("aws.stack_changing", lambda a: a.set_stack(status="UPDATE_IN_PROGRESS")),
    ("aws.stack_not_deployed", lambda a: a.set_stack(status="UPDATE_ROLLBACK_COMPLETE")),
    ("poll.function_broken", lambda a: a.aws.function.update(State="Failed")),
    ("poll.function_broken", lambda a: a.aws.function.update(LastUpdateStatus="Failed")),
    ("poll.schedule.missing", lambda a: a.scheduler.delete_schedule(Name="batchbell-search-poll")),
    ("poll.schedule_disabled", lambda a: a.schedule(state="DISABLED")),
    ("poll.last_run_complained", lambda a: a.log(COMPLAINT, age_s=20)),
    ("openai.unreachable poll.another_server", lambda a: a.tell(OPENAI_BASE_URL=f"{NOBODY}v1")),
    ("openai.not_a_batches_server", lambda a: a.openai.faults.append(html(200))),
    ("openai.redirected", lambda a: a.openai.faults.append(redirect("/elsewhere"))),
    ("openai.refused", lambda a: a.openai.faults.append(error(400))),
    ("openai.no_permission", lambda a: a.openai.faults.append(RESTRICTED)),
    ("openai.no_permission", lambda a: a.openai.faults.append(error(403))),
    ("openai.no_batches_here", lambda a: a.openai.faults.append(error(404))),
    ("openai.rate_limited", lambda a: a.openai.faults.append(error(429))),
    ("openai.failing", lambda a: a.openai.faults.append(error(503))),
    ("openai.key_refused", lambda a: a.put_secret(KEY, "sk-other")),
    ("secrets.openai_api_key_malformed openai.key.failed", lambda a: a.put_secret(KEY, "sk-a b")),
    ("slack.unreachable", lambda a: a.tell(SLACK_BASE_URL=f"{NOBODY}api/")),
    ("slack.missing_scope", lambda a: a.slack.scopes.discard("chat:write")),
    ("slack.missing_scope", lambda a: a.slack.scopes.discard("commands")),
    ("slack.missing_scope", lambda a: a.slack.scopes.discard("channels:history")),
    ("poll.none_yet", lambda a: a.save_state(polled_at=None)),
    ("poll.key_refused", lambda a: a.save_state(refused_since=ago(60), refused_polls=1)),
    ("poll.late", lambda a: a.save_state(polled_at=ago(330))),
    ("poll.unread", lambda a: a.save_state(backlog=Backlog("b", "b", 0, 0, Cursor()))),
    ("poll.stuck", lambda a: a.save_state(is_stuck=True)),
    ("poll.hides_new", lambda a: a.save_state(hides_new=True)),
    ("delivery.late delivery.parked delivery.blocked", lambda a: a.add_parked("why", age_s=1000)),
    ("slash.signature_refused", lambda a: a.put_secret(SIGNING_SECRET, "f" * 32)),
    ("slash.broken", lambda a: answering(a, 502, b"")),
    ("slash.broken", lambda a: answering(a, 200, b"<html>")),
    ("slash.no_answer", lambda a: answering(a, 200, json.dumps({"text": BROKEN["text"]}).encode())),
]


@pytest.mark.parametrize(("codes", "broken"), BREAKS)
def test_what_is_broken_is_named_and_nothing_else(account: Account, codes: str, broken: Break) -> None:
    broken(account)

    assert wrong(account.checks()) == codes.split()
    assert len(account.openai.requests) <= 1


NO_SLACK = ["slack.token", "slack.chat_write", "slack.commands", "slack.channel", "slack.history"]
NO_TABLE = ["poll.last_good", "delivery.undelivered", "delivery.parked", "delivery.lane"]
FAILURES: list[tuple[str, int | list[str], Break]] = [
    ("aws.not_signed_in", 21, lambda a: a.refuse("sts", "ExpiredToken")),
    ("aws.stack.forbidden", 17, lambda a: a.refuse("cloudformation", "AccessDenied")),
    ("aws.stack.missing", 17, lambda a: a.aws.stacks.clear()),
    ("poll.function.missing", 13, lambda a: a.refuse("lambda", "ResourceNotFoundException")),
    ("poll.function.missing", 15, lambda a: a.set_stack(outputs={})),
    ("poll.settings.failed", 11, lambda a: a.tell(RETENTION_DAYS="soon")),
    ("aws.table.missing", NO_TABLE, lambda a: a.tell(TABLE_NAME="no-such-table")),
    ("slack.invalid_auth", NO_SLACK[1:], lambda a: a.put_secret(TOKEN, "xoxb-other")),
    ("secrets.slack_bot_token_missing", NO_SLACK, lambda a: a.delete_secret(TOKEN)),
    ("secrets.slack_signing_secret_missing", ["slash.signed"], lambda a: a.delete_secret(SIGNING_SECRET)),
    ("", ["poll.last_run"], lambda a: a.refuse("cloudwatch_logs", "AccessDeniedException")),
]


@pytest.mark.parametrize(("code", "left_out", "broken"), FAILURES)
def test_a_failure_stops_only_the_checks_that_need_it(
    account: Account, code: str, left_out: int | list[str], broken: Break
) -> None:
    broken(account)

    results = account.checks()

    left = skipped(results)
    assert wrong(results) == code.split()
    assert (len(left) if isinstance(left_out, int) else list(left)) == left_out
    assert len(results) == 23
    if code == "poll.function.missing":
        assert left["poll.last_run"] == left["poll.settings"] == "the poll function was not found"
        assert left["slack.history"] == left["delivery.lane"] == "the bot's settings are not known"


@pytest.mark.parametrize(
    ("broken", "left_out", "summary"),
    [
        (
            lambda a: a.refuse("sts", "ExpiredToken"),
            ["– aws.stack and 21 more         AWS does not answer"],
            "1 wrong, 22 skipped",
        ),
        (
            lambda a: a.tell(TABLE_NAME="no-such-table"),
            ["– poll.last_good and 3 more     the table was not found"],
            "1 wrong, 17 good, 4 skipped, 1 to try by hand",
        ),
        (
            lambda a: a.delete_secret(SIGNING_SECRET),
            ["– slash.signed                  there is no secret to sign with"],
            "1 wrong, 20 good, 1 skipped, 1 to try by hand",
        ),
    ],
)
def test_what_is_skipped_for_one_reason_is_one_line(
    account: Account, broken: Break, left_out: list[str], summary: str
) -> None:
    broken(account)

    lines = account.run("doctor")[1].splitlines()

    assert [line for line in lines if line.startswith("–") and "slash.app" not in line] == left_out
    assert lines[-1] == summary


def test_the_stack_has_the_name_of_the_team_unless_another_is_given(account: Account) -> None:
    account.aws.stacks += [replace(STACK, name="twin"), replace(STACK, name="other", parameters={"TeamName": "ads"})]

    ours, twin, other, none = (
        account.checks(*words)["aws.stack"]
        for words in ([], ["--stack", "twin"], ["--stack", "other"], ["--stack", "no"])
    )

    assert (ours["says"], twin["says"]) == ("batchbell-search is CREATE_COMPLETE", "twin is CREATE_COMPLETE")
    assert (other["code"], none["code"]) == ("aws.stack.failed", "aws.stack.missing")
    assert other["says"] == "the stack other in us-east-1 is not that of a TeamName=search"
    assert none["says"] == "there is no stack no in us-east-1; name yours with --stack"


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("not_in_channel", f"The bot is not in {CHANNEL}"),
        ("is_archived", f"The channel {CHANNEL} is archived"),
        ("channel_not_found", f"The bot can see no channel {CHANNEL}"),
        (None, f"batchbell_search is in {CHANNEL}"),
    ],
)
def test_the_channel_is_judged_by_its_newest_message(account: Account, name: str | None, says: str) -> None:
    account.slack.channels[CHANNEL] = name

    result = account.checks()["slack.channel"]

    assert result["code"] == (f"slack.{name}" if name else None)
    assert result["says"] == says


def test_a_channel_that_cannot_be_looked_into_is_not_called_wrong_for_it(account: Account) -> None:
    account.slack.private.add(CHANNEL)
    account.slack.scopes.discard("groups:history")

    results = account.checks()

    assert skipped(results) == {"slack.channel": f"Without groups:history the bot cannot look into {CHANNEL}"}
    assert results["slack.history"]["code"] == "slack.missing_scope"
    assert "add groups:history to the bot token scopes" in results["slack.history"]["advice"]


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        (slack_faults.error("not_in_channel"), "Known once the bot is in the channel"),
        (slack_faults.error("ekm_access_denied"), "Slack says ekm_access_denied"),
        (slack_faults.ratelimited(3), "Slack says ratelimited"),
        (slack_faults.DROPPED, "Slack does not answer (RemoteDisconnected)"),
    ],
)
def test_a_history_that_was_not_read_is_said_to_be_so_and_why(account: Account, fault: Any, says: str) -> None:
    account.slack.faults["conversations.history"].append(fault)

    assert skipped(account.checks())["slack.history"] == says


@pytest.mark.parametrize(
    ("reason", "advice"),
    [
        ("chat.postMessage: not_in_channel", "In the channel type `/invite @batchbell_search`."),
        ("chat.postMessage: missing_scope (needs chat:write)", "add chat:write to the bot token scopes"),
        ("chat.postMessage: invalid_auth", "and store it with `batchbell secrets`."),
        ("chat.postMessage: invalid_blocks", "deploy a newer version"),
        ("chat.postMessage: restricted_action", "Slack's documentation (docs.slack.dev)"),
        ("chat.postMessage: ratelimited", "Wait a minute, then try again."),
        ("unclear whether it was posted, and the channel's history cannot be read", "(`slack.history` here)"),
        ("the parameter is not stored yet", "Fix that."),
    ],
)
def test_what_is_parked_says_why_and_what_to_do(account: Account, reason: str, advice: str) -> None:
    account.add_parked(reason)

    results = account.checks()

    parked, lane = results["delivery.parked"], results["delivery.lane"]
    assert parked["says"] == f"1 notification parked: {reason}"
    assert lane["says"].startswith(f"Slack last refused: {reason}; tried again in 5")
    for each in (parked, lane):
        assert advice in each["advice"]
        assert each["advice"].endswith("Then `batchbell redeliver`; left alone, it is tried again later.")


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        ([COMPLAINT, RAN, RAN], "complained of nothing"),
        ([RAN, COMPLAINT, COMPLAINT, RAN], "said: The poll ended early: List Batches answered 401"),
        ([RAN, {"level": "ERROR", "message": "boom", "errorType": "KeyError"}], "said: boom: KeyError"),
        ([{"type": "platform.report", "record": {"status": "timeout"}}], "did not end well: timeout"),
        ([{"errorType": "E", "errorMessage": "m"}], "said: The function did not end well: E"),
        ([{"type": "platform.report", "record": {"status": "success"}}, {"_aws": {}}], "of nothing"),
    ],
)
def test_only_the_last_run_is_judged(account: Account, lines: list[Any], says: str) -> None:
    for place, line in enumerate(lines):
        account.log(line, age_s=20 - place)

    assert says in account.checks()["poll.last_run"]["says"]


def test_a_function_that_has_not_run_lately_is_named(account: Account) -> None:
    account.logs.delete_log_stream(logGroupName=LOG_GROUP, logStreamName="1")
    enabled = account.checks()["poll.last_run"]
    account.schedule(state="DISABLED", expression="rate(5 minutes)")
    account.save_state(polled_at=ago(900))

    results = account.checks()

    assert (enabled["code"], enabled["says"]) == ("poll.does_not_run", "It has not run for 30 min")
    assert "look at the schedule's role" in enabled["advice"]
    assert results["poll.last_run"]["advice"] == "Enable the schedule."
    assert results["poll.last_good"]["code"] is None  # a slower schedule may be later


def test_an_address_that_answers_anyone_and_one_out_of_reach_are_named(account: Account) -> None:
    with Server(lambda request: Reply(body=b'{"text": "hello"}')) as anyone:
        account.address = anyone.url
        answers_anyone = account.checks()
    account.address = f"{NOBODY}slack/commands"

    results = account.checks()

    assert wrong(answers_anyone) == ["slash.forgery_accepted"]
    assert wrong(results) == ["slash.unreachable"] * 2
    assert results["slash.signed"]["says"] == f"{URL} does not answer (ConnectionError)"
