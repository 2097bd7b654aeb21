"""OpenAI, Slack and the door: what their answers say."""

import pytest

from batchbell.domain.diagnosis.door import DoorAnswer, forged_finding, signed_finding
from batchbell.domain.diagnosis.finding import Standing
from batchbell.domain.diagnosis.openai import ListAnswer, key_finding
from batchbell.domain.diagnosis.slack import (
    Channel,
    Identity,
    Newest,
    advice_for,
    channel_finding,
    history_finding,
    scope_findings,
    token_finding,
)
from batchbell.domain.refusal import Refusal
from batchbell.domain.reply.regret import BROKEN, UNREADABLE

URL = "https://api.openai.com/v1"
DOOR = "https://a1b2.execute-api.us-east-1.amazonaws.com/slack/commands"
ADA = Identity("Acme", "bell", scopes=frozenset({"chat:write", "commands"}))
NO_READ = Refusal("missing_scope", "channels:read")


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (ListAnswer(200, is_list=True, project="proj_1"), None),
        (ListAnswer(0, trouble="ConnectionError"), "openai.unreachable"),
        (ListAnswer(200), "openai.not_a_batches_server"),
        (ListAnswer(307), "openai.redirected"),
        (ListAnswer(400), "openai.refused"),
        (ListAnswer(401, code="invalid_api_key"), "openai.key_refused"),
        (ListAnswer(401, missing_permission="api.batch.read"), "openai.no_permission"),
        (ListAnswer(403), "openai.no_permission"),
        (ListAnswer(404), "openai.no_batches_here"),
        (ListAnswer(429, code="rate_limit_exceeded"), "openai.rate_limited"),
        (ListAnswer(503), "openai.failing"),
    ],
)
def test_each_answer_of_openai_has_a_name(answer: ListAnswer, code: str | None) -> None:
    assert key_finding(answer, URL).code == code


def test_a_scope_is_wanted_for_a_purpose_and_unknown_where_slack_is_silent() -> None:
    lacking = Identity("Acme", "bell", scopes=frozenset({"commands"}))
    silent = Identity("Acme", "bell")

    assert [each.standing for each in scope_findings(ADA)] == [Standing.OK, Standing.OK]
    assert [each.code for each in scope_findings(lacking)] == ["slack.missing_scope", None]
    assert [each.standing for each in scope_findings(silent)] == [Standing.SKIPPED, Standing.SKIPPED]


def test_a_token_must_be_a_bots() -> None:
    assert token_finding(ADA).code is None
    assert token_finding(Identity("Acme", "ada", is_bot=False)).code == "slack.not_a_bot_token"
    assert token_finding(Refusal("token_revoked")).code == "slack.token_revoked"
    assert token_finding(Refusal("URLError", is_unreachable=True)).code == "slack.unreachable"


@pytest.mark.parametrize(
    ("channel", "newest", "code"),
    [
        (Channel("search"), Newest(), None),
        (Channel("search", is_member=False), Refusal("not_in_channel"), "slack.not_in_channel"),
        (Channel("search", is_archived=True), Newest(is_archival=True), "slack.is_archived"),
        (Refusal("channel_not_found"), Refusal("channel_not_found"), "slack.channel_not_found"),
        (NO_READ, Newest(), None),
        (NO_READ, Newest(is_archival=True), "slack.is_archived"),
        (NO_READ, Refusal("not_in_channel"), "slack.not_in_channel"),
        (NO_READ, Refusal("channel_not_found"), "slack.channel_not_found"),
    ],
)
def test_the_channel_is_judged_with_and_without_the_scope_to_see_it(
    channel: Channel | Refusal, newest: Newest | Refusal, code: str | None
) -> None:
    assert channel_finding("C0SEARCH", "bell", channel, newest).code == code


def test_a_channel_that_cannot_be_looked_into_is_not_called_wrong_for_it() -> None:
    no_history = Refusal("missing_scope", "groups:history")

    assert channel_finding("C0SEARCH", "bell", NO_READ, no_history).standing is Standing.SKIPPED
    assert history_finding(no_history).code == "slack.missing_scope"
    assert "groups:history" in history_finding(no_history).says


@pytest.mark.parametrize(
    ("newest", "says"),
    [
        (Refusal("not_in_channel"), "Told once the bot is in the channel"),
        (Refusal("channel_not_found"), "Told once the bot is in the channel"),
        (Refusal("ratelimited"), "Slack says ratelimited"),
        (Refusal("TimeoutError", is_unreachable=True), "Slack does not answer (TimeoutError)"),
        (Refusal("ekm_access_denied"), "Slack says ekm_access_denied"),
    ],
)
def test_a_history_that_was_not_seen_is_said_to_be_so_and_why(newest: Refusal, says: str) -> None:
    finding = history_finding(newest)

    assert (finding.standing, finding.says) == (Standing.SKIPPED, says)


@pytest.mark.parametrize("error", ["invalid_auth", "token_revoked", "token_expired", "account_inactive"])
def test_another_token_is_advised_where_slack_refuses_this_one(error: str) -> None:
    assert "store it with `batchbell secrets`" in advice_for(Refusal(error), "C0SEARCH")


@pytest.mark.parametrize(
    ("error", "advice"),
    [
        ("restricted_action", "docs.slack.dev"),
        ("ekm_access_denied", "docs.slack.dev"),
        ("no_permission", "docs.slack.dev"),
        ("method_not_supported_for_channel_type", "docs.slack.dev"),
        ("fatal_error", "docs.slack.dev"),
        ("rate_limited", "Wait a minute"),
    ],
)
def test_another_token_is_not_advised_where_it_would_not_help(error: str, advice: str) -> None:
    told = advice_for(Refusal(error), "C0SEARCH")

    assert advice in told
    assert "batchbell secrets" not in told


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (DoorAnswer(401), None),
        (DoorAnswer(0, trouble="ConnectionError"), "slash.unreachable"),
        (DoorAnswer(200, text="hello"), "slash.forgery_accepted"),
        (DoorAnswer(500), "slash.broken"),
    ],
)
def test_a_forged_command_must_be_refused(answer: DoorAnswer, code: str | None) -> None:
    assert forged_finding(answer, DOOR).code == code


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (DoorAnswer(200, 0.4, ":white_check_mark: batchbell is well"), None),
        (DoorAnswer(200, 3.5, ":white_check_mark: batchbell is well"), "slash.slow"),
        (DoorAnswer(200, 0.4, UNREADABLE.text), "slash.no_answer"),
        (DoorAnswer(200, 0.4, BROKEN.text), "slash.no_answer"),
        (DoorAnswer(200, 0.4, ":warning: What could not be read, broke over there"), None),
        (DoorAnswer(200, 0.4), "slash.broken"),
        (DoorAnswer(401), "slash.signature_refused"),
        (DoorAnswer(502), "slash.broken"),
        (DoorAnswer(0, trouble="SSLError"), "slash.unreachable"),
    ],
)
def test_a_signed_command_must_be_answered(answer: DoorAnswer, code: str | None) -> None:
    assert signed_finding(answer, DOOR).code == code


def test_an_answer_without_a_message_is_not_said_to_be_another_status() -> None:
    assert signed_finding(DoorAnswer(200), DOOR).says == f"{DOOR} answered 200 with no message"
    assert signed_finding(DoorAnswer(502), DOOR).says == f"{DOOR} answered 502 instead"
