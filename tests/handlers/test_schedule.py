"""The schedule's handler: three steps, each on its own, and a log line that tells no secret."""

import json
import time
from typing import Any

import pytest

from batchbell.domain import delivery
from batchbell.handlers import schedule
from local import openai_faults
from local.openai_simulator import AZURE
from local.slack_simulator import CHANNEL
from tests.deployment import Deployment
from tests.tables import LocalTable


def logged(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    """The log lines and the metrics of all ticks since this was last asked."""
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_a_tick_polls_and_delivers(deployment: Deployment, capsys: pytest.CaptureFixture[str]) -> None:
    deployment.store_secrets()
    deployment.tick()
    deployment.openai.add("failed")
    logged(capsys)

    deployment.tick()

    *_, line, metrics = logged(capsys)
    assert len(deployment.slack.messages) == 2
    assert (line["poll"]["recorded"], line["deliver_again"]["delivered"]) == (1, 1)
    names = ["PollSucceeded", "TransitionsRecorded", "NotificationsDelivered"]
    assert [metrics[name] for name in names] == [[1.0], [1.0], [1.0]]
    assert metrics["NotificationsParked"] == metrics["OldestUndeliveredSeconds"] == [0.0]


def test_a_tick_asks_azure_as_azure_wants_it(deployment: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    deployment.openai.dialect = AZURE
    monkeypatch.setenv("OPENAI_BASE_URL", f"{deployment.openai.base_url}/batches/")
    monkeypatch.setenv("OPENAI_API_VERSION", AZURE.api_version)
    deployment.store_secrets()
    deployment.tick()
    deployment.openai.add("failed")

    deployment.tick()

    watching, failed = deployment.slack.messages
    assert "Azure OpenAI (" in watching.text
    assert "failed" in failed.text


def test_an_address_that_is_not_quite_right_is_logged_with_what_to_look_at(
    deployment: Deployment, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", deployment.openai.base_url.removesuffix("/v1"))
    deployment.store_secrets()

    deployment.tick()

    warnings = [line for line in logged(capsys) if line.get("level") == "WARNING"]
    assert [line["message"] for line in warnings] == ["The poll ended early"]
    assert "OpenAIBaseUrl may lack a part" in warnings[0]["reason"]


def test_before_the_secrets_are_stored_one_line_says_so_and_the_alarm_gets_a_sample_that_is_no_good_poll(
    deployment: Deployment, capsys: pytest.CaptureFixture[str]
) -> None:
    deployment.tick()

    line, metrics = logged(capsys)
    assert line["level"] == "WARNING"
    assert line["reason"] == "the parameter /batchbell/search/openai-api-key is not stored yet"
    assert metrics["PollSucceeded"] == [0.0]
    assert deployment.openai.requests == []


def test_secrets_that_were_deleted_are_no_set_up_to_wait_for(
    deployment: Deployment, capsys: pytest.CaptureFixture[str]
) -> None:
    deployment.store_secrets()
    deployment.tick()
    deployment.ssm.delete_parameter(Name="/batchbell/search/slack-bot-token")
    schedule.bot.cache_clear()
    logged(capsys)

    deployment.tick()

    [line] = logged(capsys)
    assert (line["level"], line["message"]) == ("ERROR", "A secret is gone")


def test_a_failed_poll_gives_the_alarm_no_sample(
    deployment: Deployment, capsys: pytest.CaptureFixture[str]
) -> None:
    deployment.store_secrets()
    deployment.openai.down = openai_faults.error(400)

    deployment.tick()

    *_, metrics = logged(capsys)
    assert "PollSucceeded" not in metrics
    assert metrics["TransitionsRecorded"] == [0.0]


def test_a_message_that_slack_did_not_take_is_warned_of(
    deployment: Deployment, capsys: pytest.CaptureFixture[str]
) -> None:
    deployment.store_secrets()
    deployment.slack.channels[CHANNEL] = "not_in_channel"
    deployment.tick()

    warnings = [line for line in logged(capsys) if line.get("level") == "WARNING"]

    assert [(each["message"], each["reason"]) for each in warnings] == [
        ("Slack did not take a message", "chat.postMessage: not_in_channel")
    ]


def test_what_is_parked_is_measured_until_it_is_mended(
    deployment: Deployment, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery, "PROBE_S", 0)
    deployment.store_secrets(token="xoxb-revoked")
    deployment.tick()
    *_, broken = logged(capsys)
    deployment.store_secrets()

    deployment.tick()

    *_, mended = logged(capsys)
    assert (broken["NotificationsParked"], mended["NotificationsParked"]) == ([1.0], [0.0])


def test_a_table_that_is_down_gives_no_metrics_and_no_complaint_about_them(
    deployment: Deployment, capsys: pytest.CaptureFixture[str], table: LocalTable
) -> None:
    deployment.store_secrets()
    table.client.delete_table(TableName=table.name)

    deployment.tick()

    assert [line["message"] for line in logged(capsys)] == [*["Step failed"] * 3, "Ran"]


def test_the_log_tells_by_its_id_what_happened_to_a_batch(
    deployment: Deployment, capsys: pytest.CaptureFixture[str]
) -> None:
    deployment.store_secrets()
    batch_id = deployment.openai.add()["id"]
    deployment.tick()
    deployment.openai.move(batch_id, "failed")

    deployment.tick()

    fields = ("message", "batch_id", "ids", "old_status", "status", "is_announced", "answer")
    told = [
        {name: line[name] for name in fields if line.get(name) is not None}
        for line in logged(capsys)
        if batch_id in json.dumps(line)
    ]
    ids = [f"{batch_id}#failed"]
    recorded = {"message": "Recorded", "batch_id": batch_id}
    assert told == [
        {**recorded, "status": "in_progress", "is_announced": False},
        {**recorded, "old_status": "in_progress", "status": "failed", "is_announced": True},
        {"message": "Posted", "ids": ids, "answer": "Accepted"},
        {"message": "Delivered", "ids": ids},
    ]


def test_what_had_ended_when_it_was_first_met_is_told_in_one_line(
    deployment: Deployment, capsys: pytest.CaptureFixture[str]
) -> None:
    long_ago = int(time.time()) - 3600
    add = deployment.openai.add
    ended = [add("completed", created_at=long_ago, completed_at=long_ago)["id"] for _ in range(3)]
    deployment.store_secrets()

    deployment.tick()

    [line] = [each for each in logged(capsys) if ended[0] in json.dumps(each)]
    assert line["message"] == "Recorded, not announced: ended when first met"
    assert sorted(line["batch_ids"]) == sorted(ended)


def test_a_failing_openai_does_not_stop_the_delivery(deployment: Deployment) -> None:
    deployment.store_secrets()
    deployment.tick()
    deployment.openai.add("failed")
    schedule.bot().poll(time.time() + 60)
    deployment.openai.down = openai_faults.error(400)

    deployment.tick()

    assert len(deployment.slack.messages) == 2


def test_a_defect_in_one_step_is_raised_after_the_others_have_run(
    deployment: Deployment, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    deployment.store_secrets()
    deployment.tick()
    bot = schedule.bot()
    monkeypatch.setattr(bot.batches, "load_watch", lambda: 1 / 0)

    with pytest.raises(ZeroDivisionError):
        deployment.tick()

    lines = logged(capsys)
    assert any(each.get("step") == "poll" for each in lines)
    assert lines[-2]["message"] == "Ran"


def test_a_rotated_key_and_token_are_picked_up_without_a_deploy(deployment: Deployment) -> None:
    deployment.store_secrets()
    deployment.tick()
    deployment.openai.key, deployment.slack.token = "sk-new", "xoxb-new"
    deployment.store_secrets("sk-new", "xoxb-new")
    deployment.openai.add("failed")

    deployment.tick()

    assert len(deployment.slack.messages) == 2


def test_no_secret_is_logged_whatever_is_refused(
    deployment: Deployment, capsys: pytest.CaptureFixture[str]
) -> None:
    deployment.store_secrets("sk-secret-key\nof two lines", "xoxb-secret-token")

    deployment.tick()
    deployment.store_secrets("sk-secret-key", "xoxb-secret-token")
    deployment.tick()

    shown = capsys.readouterr()
    assert "secret" not in (shown.out + shown.err).replace("Secret", "")


def test_a_missing_variable_is_named(deployment: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SLACK_CHANNEL")

    with pytest.raises(ValueError, match="the environment variable SLACK_CHANNEL is not set"):
        deployment.tick()
