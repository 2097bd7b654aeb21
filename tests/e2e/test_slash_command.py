"""The slash command on the deployed stack, whose function may do what its role allows and no more."""

import json
import time

import pytest

from local.aws import LocalAws
from local.openai_simulator import OpenAISimulator
from local.slack_simulator import SlackSimulator
from local.team import Team
from tests.asking import a_command, a_press, posted, signed, texts_of


def asked(team: Team, slack: SlackSimulator, text: str) -> tuple[int, list[str]]:
    body = a_command(text)
    status, answer = posted(f"{team.slack_url}/commands", body, signed(body, slack.signing_secret))
    return status, texts_of(json.loads(answer))


def test_every_question_is_answered_within_what_the_role_allows(
    aws: LocalAws, openai: OpenAISimulator, slack: SlackSimulator, team: Team
) -> None:
    batch = openai.add("failed", metadata={"name": "Nightly evals"})
    team.tick()
    stranger = openai.add("in_progress")

    begun_at = time.monotonic()
    answers = {
        text: asked(team, slack, text)
        for text in ("", "failed", "problems", "open", batch["id"], stranger["id"], "status", "help", "nonsense")
    }
    took_s = time.monotonic() - begun_at

    log = "\n".join(aws.logs(f"/aws/lambda/{team.slack_function_name}"))
    assert all(status == 200 for status, _ in answers.values()), answers
    assert all("*Nightly evals*" in answers[text][1][1] for text in ("", "failed", "problems"))
    assert "Nightly evals" in answers[batch["id"]][1][0]
    assert any("was asked just now" in text for text in answers[stranger["id"]][1])
    assert "batchbell" in answers["status"][1][0]
    assert took_s < 3 * len(answers)
    assert not any(word in log for word in ("AccessDenied", "No answer", "nonsense", slack.signing_secret))


@pytest.mark.parametrize("route", ["commands", "interactions"])
def test_a_forged_request_is_refused(team: Team, route: str) -> None:
    body = a_command("all")

    status, answer = posted(f"{team.slack_url}/{route}", body, signed(body, "another-secret"))

    assert (status, answer) == (401, b"")


def test_slacks_probe_of_the_certificate_is_answered_with_nothing(team: Team) -> None:
    assert posted(f"{team.slack_url}/commands", b"ssl_check=1&token=x", {}) == (200, b"")


def test_a_response_url_elsewhere_is_not_called(team: Team, slack: SlackSimulator) -> None:
    body = a_press({"action_id": "refresh", "value": "all"}, "https://example.com/hook")

    status, _ = posted(f"{team.slack_url}/interactions", body, signed(body, slack.signing_secret))

    assert status == 400
