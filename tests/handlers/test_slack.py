"""The door: what Slack signs is answered, anything else is refused, and nothing secret is logged."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import boto3
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from batchbell.handlers import slack
from local.openai_simulator import AZURE, OpenAISimulator
from tests.asking import SECRET, a_command, a_press, actions_of, an_event, element_of, signed, texts_of
from tests.tables import LocalTable

EVENTS = Path(__file__).parents[2] / "events"
PARAMETER = "/batchbell/search/slack-signing-secret"


class Hooks:
    """Where response URLs lead to: keeps what is posted, answers `status`."""

    def __init__(self) -> None:
        self.posted: list[dict[str, Any]] = []
        self.status = 200
        hooks = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                hooks.posted.append(json.loads(body))
                self.send_response(hooks.status)
                self.send_header("Location", "/elsewhere")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.base_url = f"http://127.0.0.1:{self.server.server_port}"


class Door:
    """The handler in an environment like the template's."""

    def __init__(self, hooks: Hooks, table: LocalTable) -> None:
        self.hooks = hooks
        self.table = table
        self.response_url = f"{hooks.base_url}/actions/secret-url"
        self.environ = {
            "TEAM_NAME": "search",
            "SLACK_CHANNEL": "C0SEARCH",
            "OPENAI_BASE_URL": "http://127.0.0.1:9/v1",
            "SLACK_BASE_URL": f"{hooks.base_url}/api/",
            "SLASH_COMMAND": "/batches",
            "TABLE_NAME": table.name,
            "OPENAI_API_KEY_PARAMETER": "/batchbell/search/openai-api-key",
            "SLACK_SIGNING_SECRET_PARAMETER": PARAMETER,
        }

    def store_secret(self, secret: str = SECRET) -> None:
        boto3.client("ssm").put_parameter(Name=PARAMETER, Value=secret, Type="SecureString", Overwrite=True)

    def knock(self, event: dict[str, Any]) -> tuple[int, Any]:
        # The logger keeps the stream that there was when it was made.
        slack.logger.registered_handler.stream = sys.stdout  # type: ignore[attr-defined]
        response = slack.lambda_handler(event, None)
        return response["statusCode"], json.loads(response["body"]) if response["body"] else ""

    def ask(self, body: bytes, headers: dict[str, str] | None = None, **event: Any) -> tuple[int, Any]:
        return self.knock(an_event(body, signed(body) if headers is None else headers, **event))

    def press(self, element: dict[str, Any], **fields: Any) -> tuple[int, Any]:
        return self.ask(a_press(element, self.response_url, **fields), path="/slack/interactions")


@pytest.fixture
def door(table: LocalTable, monkeypatch: pytest.MonkeyPatch) -> Iterator[Door]:
    slack.desk.cache_clear()
    hooks = Hooks()
    Thread(target=hooks.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    door = Door(hooks, table)
    for name, value in door.environ.items():
        monkeypatch.setenv(name, value)
    door.store_secret()
    yield door
    hooks.server.shutdown()
    hooks.server.server_close()
    slack.desk.cache_clear()


def test_a_signed_command_is_answered_to_the_asker_alone(door: Door) -> None:
    status, message = door.ask(a_command("help"))

    assert (status, message["response_type"]) == (200, "ephemeral")


@pytest.mark.parametrize("is_base64", [True, False])
def test_plain_and_base64_bodies_both_work(door: Door, is_base64: bool) -> None:
    assert door.ask(a_command("failed 5 --share"), is_base64=is_base64)[1]["response_type"] == "in_channel"


@pytest.mark.parametrize("name", ["slash_command", "block_action"])
def test_the_sample_events_are_what_slack_signs_and_too_old_by_now(
    door: Door, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    event = json.loads((EVENTS / f"{name}.json").read_text())
    stale = door.knock(event)
    monkeypatch.setattr(slack.desk().signature, "_clock", lambda: 1_800_000_000)

    status, _ = door.knock(event)

    assert stale == (401, "")
    # The response_url of the second is the real Slack's, which is not this environment's.
    assert status == {"slash_command": 200, "block_action": 400}[name]


@pytest.mark.parametrize(
    "headers",
    [
        {},
        signed(a_command("help"), "another-secret"),
        signed(a_command("help"), at=time.time() - 86_400),
        signed(a_command("help"), at=time.time() + 86_400),
        signed(a_command("all")),
        {**signed(a_command("help")), "X-Slack-Signature": "v0=ünïcode"},
        {**signed(a_command("help")), "X-Slack-Request-Timestamp": "soon"},
        {**signed(a_command("help")), "X-Slack-Request-Timestamp": "9" * 5000},
        {**signed(a_command("help")), "X-Slack-Signature": ""},
    ],
)
def test_what_slack_did_not_sign_just_now_is_refused(door: Door, headers: dict[str, str]) -> None:
    assert door.ask(a_command("help"), headers) == (401, "")


def test_a_signature_given_twice_is_refused(door: Door) -> None:
    headers = signed(a_command("help"))
    twice = {name: f"{value},{value}" for name, value in headers.items()}

    assert door.ask(a_command("help"), twice) == (401, "")


def test_slacks_probe_gets_an_empty_answer_and_nothing_more(door: Door) -> None:
    door.table.calls.clear()

    assert door.ask(b"ssl_check=1&token=x&command=/batches", {}) == (200, "")
    assert door.ask(b"ssl_check=1", signed(b"ssl_check=1")) == (200, "")
    assert door.ask(b"ssl_check=1", signed(b"ssl_check=1", "another-secret")) == (401, "")
    assert door.table.calls == []


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff\xfe",
        b"text=help",
        b"payload=",
        b"payload=[]",
        b"payload={}",
        b"payload=" + b"[" * 9999,
        b'payload={"type":"block_actions","actions":[{}]}',
        b"&".join([b"a=1"] * 200),
    ],
)
def test_signed_nonsense_is_called_so(door: Door, body: bytes) -> None:
    assert door.ask(body, is_base64=True) == (400, "")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(
    body=st.binary(max_size=200) | st.text(max_size=100).map(str.encode),
    headers=st.dictionaries(
        st.sampled_from(["X-Slack-Signature", "x-slack-request-timestamp", "Content-Type"]), st.text()
    ),
    is_signed=st.booleans(),
)
def test_whatever_comes_in_200_400_or_401_goes_out(
    door: Door, body: bytes, headers: dict[str, str], is_signed: bool
) -> None:
    status, _ = door.ask(body, signed(body) | headers if is_signed else headers, is_base64=True)

    assert status in (200, 400, 401)


@given(raw=st.text() | st.none(), is_base64=st.booleans(), headers=st.none() | st.just({}))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
def test_a_body_that_cannot_be_read_is_refused(
    door: Door, raw: str | None, is_base64: bool, headers: dict[str, str] | None
) -> None:
    event = {"body": raw, "isBase64Encoded": is_base64, "headers": headers}

    assert door.knock(event)[0] == 401


def test_a_button_replaces_the_message_that_it_stands_in(door: Door) -> None:
    _, message = door.ask(a_command())

    answered = door.press(element_of(message, "refresh"))

    [posted] = door.hooks.posted
    assert answered == (200, "")
    assert posted.pop("replace_original") is True
    assert posted == message


def test_a_menu_does_likewise(door: Door) -> None:
    _, message = door.ask(a_command())
    menu = element_of(message, "status")

    door.press({**menu, "selected_option": menu["options"][3]})

    assert texts_of(door.hooks.posted[0])[0] == "*search* · no failed batch is recorded"


def test_share_puts_it_into_the_channel_and_leaves_the_message(door: Door) -> None:
    _, message = door.ask(a_command("status"))

    door.press(element_of(message, "share"))
    door.press(element_of(door.hooks.posted[0], "refresh"), is_ephemeral=False)

    assert [each["response_type"] for each in door.hooks.posted] == ["in_channel", "in_channel"]
    assert [each["replace_original"] for each in door.hooks.posted] == [False, True]
    assert "share" in actions_of(message)


@pytest.mark.parametrize(
    "url",
    ["https://example.com/x", "https://hooks.slack.com.example.com/x", "http://127.0.0.1:1/x", "", "//["],
)
def test_no_other_address_than_slacks_is_called(door: Door, url: str) -> None:
    body = a_press({"action_id": "refresh", "value": "all"}, url)

    assert door.ask(body) == (400, "")


@pytest.mark.parametrize("status", [302, 404, 500])
def test_a_response_url_that_refuses_is_posted_to_once(door: Door, status: int) -> None:
    door.hooks.status = status

    assert door.press({"action_id": "refresh", "value": "all"}) == (200, "")
    assert len(door.hooks.posted) == 1


def test_an_id_that_is_not_recorded_is_asked_of_azure_as_azure_wants_it(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    parameter = door.environ["OPENAI_API_KEY_PARAMETER"]
    boto3.client("ssm").put_parameter(Name=parameter, Value="sk-test", Type="SecureString")
    with OpenAISimulator(dialect=AZURE) as azure:
        monkeypatch.setenv("OPENAI_BASE_URL", azure.base_url)
        monkeypatch.setenv("OPENAI_API_VERSION", AZURE.api_version)
        batch = azure.add("failed")

        _, message = door.ask(a_command(batch["id"]))

    assert "Azure OpenAI (" in str(message)
    assert "failed" in message["text"]


def test_before_the_secret_is_stored_one_line_says_so(door: Door, capsys: pytest.CaptureFixture[str]) -> None:
    boto3.client("ssm").delete_parameter(Name=PARAMETER)

    answered = door.ask(a_command("help"))

    [line] = map(json.loads, capsys.readouterr().out.splitlines())
    assert answered == (401, "")
    assert line["reason"] == f"the parameter {PARAMETER} is not stored yet"


def test_a_rotated_secret_is_taken_up_at_once_and_looked_for_once_a_minute(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [time.time()]
    monkeypatch.setattr(slack.desk().signature, "_clock", lambda: clock[0])
    body = a_command("help")
    door.ask(body)
    door.store_secret("second")
    taken_up = door.ask(body, signed(body, "second"))
    door.store_secret("third")
    too_soon = door.ask(body, signed(body, "third"))
    clock[0] += 61

    later = door.ask(body, signed(body, "third"))

    assert [status for status, _ in (taken_up, too_soon, later)] == [200, 401, 200]


def test_a_table_that_fails_is_regretted_in_a_friendly_line(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TABLE_NAME", "nowhere")

    status, message = door.ask(a_command())

    assert status == 200
    assert texts_of(message) == [
        ":warning: The table could not be read just now. Please ask again in a moment."
    ]


def test_a_defect_is_logged_without_what_was_asked(
    door: Door, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def break_over(text: str) -> None:
        raise ValueError(text)

    monkeypatch.setattr(slack.desk().sources.records, "recorded_batch", break_over)

    status, message = door.ask(a_command("batch_asked"))

    shown = capsys.readouterr().out
    assert status == 200
    assert "broke over this question" in texts_of(message)[0]
    assert "ValueError" in shown
    assert "break_over" in shown
    assert "batch_asked" not in shown


def test_nothing_secret_is_logged(door: Door, capsys: pytest.CaptureFixture[str]) -> None:
    door.ask(a_command("my secret question"))
    door.press({"action_id": "refresh", "value": "secret value"})
    door.hooks.status = 500
    door.press({"action_id": "refresh", "value": "secret value"})
    door.ask(a_press({"action_id": "refresh", "value": "all"}, "https://example.com/secret"))
    door.ask(a_command("help"), signed(a_command("help"), "another-secret"))

    shown = capsys.readouterr()
    for word in ("secret", "legacy-token", "U0ANNA", "signing"):
        assert word not in shown.out + shown.err


def test_the_door_opens_without_what_only_polling_needs() -> None:
    code = (
        "import sys, batchbell.handlers.slack;"
        "heavy = {'requests', 'slack_sdk', 'batchbell.adapters.openai_batches', 'batchbell.flows.poll'};"
        "sys.exit(', '.join(heavy & sys.modules.keys()) or None)"
    )

    ran = subprocess.run(
        [sys.executable, "-c", code], env={"PYTHONPATH": "src"}, check=False, capture_output=True
    )

    assert ran.returncode == 0, ran.stderr
