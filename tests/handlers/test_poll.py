"""A tick of the schedule: three steps, each on its own, a log line that tells no secret, and a budget."""

import json
import re
import time
from collections.abc import Callable
from typing import Any

import pytest

from batchbell.aws.dynamodb import make_client
from batchbell.handlers import poll
from batchbell.handlers.poll import is_nothing_left
from batchbell.notify.delivery import DeliveryResult
from batchbell.poll.poller import PollResult
from batchbell.records import Cursor
from bench.meter import Meter, item_of
from local import openai_faults
from local.slack_simulator import CHANNEL
from tests.builders import a_state
from tests.deployment import Deployment
from tests.servers import AZURE
from tests.tables import LocalTable

Log = Callable[[], list[dict[str, Any]]]


@pytest.fixture
def log(capsys: pytest.CaptureFixture[str]) -> Log:
    """The log lines and the metrics since this was last asked."""
    return lambda: [json.loads(line) for line in capsys.readouterr().out.splitlines()]


@pytest.fixture
def started(deployment: Deployment, log: Log) -> Deployment:
    """A deployment whose secrets are stored and whose baseline is announced."""
    deployment.store_secrets()
    deployment.tick()
    log()
    return deployment


def table_events() -> Any:
    """The events of the deployed function's own client of DynamoDB."""
    return poll.bot().store._table.client.meta.events


def test_a_tick_polls_and_delivers(started: Deployment, log: Log) -> None:
    started.openai.add("failed")

    started.tick()

    *_, metrics, line = log()
    assert len(started.slack.messages) == 2
    assert (line["poll"]["recorded"], line["deliver_again"]["delivered"]) == (1, 1)
    names = ["PollSucceeded", "NotificationsParked", "OldestUndeliveredSeconds"]
    assert [metrics[name] for name in names] == [[1.0], [0.0], [0.0]]


def test_every_logger_gives_times_in_rfc_3339(started: Deployment, log: Log) -> None:
    started.openai.add("failed")
    started.tick()

    lines = [line for line in log() if "message" in line]
    assert {line.get("name", "handler") for line in lines} > {"batchbell.poll.poller", "batchbell.notify.delivery"}
    rfc_3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}[+-]\d\d:\d\d")
    assert all(rfc_3339.fullmatch(line["timestamp"]) for line in lines)


def test_a_tick_calls_azure_as_azure_wants_it(deployment: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    deployment.openai.dialect = AZURE
    monkeypatch.setenv("OPENAI_BASE_URL", f"{deployment.openai.base_url}/batches/")
    monkeypatch.setenv("OPENAI_API_VERSION", AZURE.api_version)
    deployment.store_secrets()
    deployment.tick()
    deployment.openai.add("failed")

    deployment.tick()

    watching, failed = deployment.slack.messages
    assert "Azure OpenAI (" in watching.text
    assert "rejected" in failed.text


def test_a_wrong_address_is_logged_with_what_it_may_lack(
    deployment: Deployment, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", deployment.openai.base_url.removesuffix("/v1"))
    deployment.store_secrets()

    deployment.tick()

    [line] = [each for each in log() if each.get("level") == "WARNING"]
    assert line["message"] == "The poll ended early"
    assert "OpenAIBaseUrl may lack a part" in line["reason"]


def test_before_the_secrets_are_stored_one_line_says_so_and_the_alarm_gets_a_sample_of_no_good_poll(
    deployment: Deployment, log: Log
) -> None:
    deployment.tick()

    line, metrics = log()
    assert (line["level"], line["message"]) == ("WARNING", "Not set up yet")
    assert line["reason"] == "the parameter /batchbell/search/openai-api-key is not stored yet"
    assert metrics["PollSucceeded"] == [0.0]
    assert deployment.openai.requests == []


def test_a_secret_that_was_deleted_is_an_error(started: Deployment, log: Log) -> None:
    started.ssm.delete_parameter(Name="/batchbell/search/slack-bot-token")
    poll.bot.cache_clear()

    started.tick()

    [line] = log()
    assert (line["level"], line["message"]) == ("ERROR", "A secret is gone")


def test_a_failed_poll_gives_the_alarm_no_sample_and_does_not_stop_the_delivery(started: Deployment, log: Log) -> None:
    started.openai.add("failed")
    poll.bot().poll(time.time() + 60)
    started.openai.down = openai_faults.error(400)

    started.tick()

    *_, metrics, _ = log()
    assert "PollSucceeded" not in metrics
    assert metrics["NotificationsParked"] == [0.0]
    assert len(started.slack.messages) == 2


def test_what_slack_did_not_take_is_warned_of_and_measured_until_it_is_fixed(deployment: Deployment, log: Log) -> None:
    deployment.store_secrets()
    deployment.slack.channels[CHANNEL] = "not_in_channel"
    deployment.tick()
    broken = log()
    deployment.slack.channels[CHANNEL] = None
    poll.bot().store.unpark(CHANNEL)

    deployment.tick()

    reasons = [each["reason"] for each in broken if each.get("message") == "Slack did not take a message"]
    parked = [each["NotificationsParked"] for each in broken + log() if "NotificationsParked" in each]
    assert (reasons, parked) == (["chat.postMessage: not_in_channel"], [[1.0], [0.0]])


def test_a_table_that_is_down_gives_no_metrics_and_no_complaint_about_them(
    deployment: Deployment, log: Log, table: LocalTable
) -> None:
    deployment.store_secrets()
    table.client.delete_table(TableName=table.name)

    deployment.tick()

    assert [line["message"] for line in log()] == [*["Step failed"] * 3, "Ran"]


def test_a_defect_in_one_step_is_raised_after_the_others_have_run(started: Deployment, log: Log) -> None:
    table_events().register("before-call.dynamodb.BatchGetItem", lambda **_: 1 / 0)

    with pytest.raises(ZeroDivisionError):
        started.tick()

    lines = log()
    assert [each["step"] for each in lines if "step" in each] == ["poll"]
    assert set(lines[-1]) >= {"deliver", "deliver_again"}


def test_the_log_tells_by_its_id_what_happened_to_a_batch(deployment: Deployment, log: Log) -> None:
    long_ago = int(time.time()) - 3600
    ended = {deployment.openai.add("failed", created_at=long_ago, failed_at=long_ago)["id"] for _ in range(3)}
    batch_id = deployment.openai.add()["id"]
    deployment.store_secrets()
    deployment.tick()
    deployment.openai.move(batch_id, "failed")

    deployment.tick()

    fields = ("message", "batch_id", "ids", "old_status", "status", "is_announced", "answer")
    lines = log()
    [pre_existing] = [line["batch_ids"] for line in lines if "batch_ids" in line]
    about_it = [line for line in lines if batch_id in json.dumps(line)]
    told = [{name: line[name] for name in fields if line.get(name) is not None} for line in about_it]
    ids = [f"{batch_id}#failed"]
    recorded = {"message": "Recorded", "batch_id": batch_id}
    assert set(pre_existing) == ended
    assert told == [
        {**recorded, "status": "in_progress", "is_announced": False},
        {**recorded, "old_status": "in_progress", "status": "failed", "is_announced": True},
        {"message": "Posted", "ids": ids, "answer": "accepted"},
        {"message": "Delivered", "ids": ids},
    ]


def test_no_secret_is_logged_whatever_is_refused(deployment: Deployment, capsys: pytest.CaptureFixture[str]) -> None:
    deployment.store_secrets("sk-secret-key\nof two lines", "xoxb-secret-token")

    deployment.tick()
    deployment.store_secrets("sk-secret-key", "xoxb-secret-token")
    deployment.tick()

    shown = capsys.readouterr()
    assert "secret" not in (shown.out + shown.err).replace("Secret", "")


# The budget


@pytest.mark.parametrize("ended", [0, 3000])
def test_a_quiet_tick_keeps_to_its_budget_whatever_has_ended(
    deployment: Deployment, table: LocalTable, ended: int
) -> None:
    deployment.store_secrets()
    newest_at = int(time.time()) - 3600
    for number in range(ended):
        deployment.openai.add("cancelled", created_at=newest_at - 30 - number)
    for number in range(20):
        deployment.openai.add(created_at=newest_at - number)
    cursor = Cursor(newest_at + 1, newest_at - 300)
    state = a_state(base_url=deployment.openai.base_url, project="proj_test", cursor=cursor, version=0)
    poll.bot().store.save_state(state)
    deployment.tick()
    meter = Meter(table_events(), item_of(make_client(), table.name))
    deployment.openai.requests.clear()

    deployment.tick()

    assert len(deployment.openai.requests) == 1
    assert deployment.slack.calls == []
    assert meter.requests == 4
    assert meter.read_units <= 12
    assert [(each.partition, each.units) for each in meter.writes] == [("state", 1)]


@pytest.mark.parametrize(
    ("delivered", "polled", "expected"),
    [
        (DeliveryResult(), PollResult(is_complete=True), True),
        (DeliveryResult(), PollResult(notifications=1), False),
        (DeliveryResult(), PollResult(failure="cut"), False),
        (DeliveryResult(), None, False),
        (DeliveryResult(delivered=1), PollResult(), False),
        (DeliveryResult(waiting=1, parked=1), PollResult(), False),
        (DeliveryResult(unreadable=1), PollResult(), False),
        (DeliveryResult(stopped_by="no time is left"), PollResult(), False),
        (None, PollResult(), False),
    ],
)
def test_the_outbox_is_read_again_unless_it_was_empty_and_the_poll_added_nothing(
    delivered: DeliveryResult | None, polled: PollResult | None, expected: bool
) -> None:
    assert is_nothing_left(delivered, polled) is expected
