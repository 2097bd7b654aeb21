"""What Slack signs is answered, anything else is refused, and nothing secret is logged."""

import json
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from batchbell.aws.store import Store
from batchbell.config import DAY_S
from batchbell.handlers import slack
from batchbell.notify import mrkdwn
from batchbell.records import Change
from batchbell.slack.signature import SignatureVerifier
from local.openai_simulator import OpenAISimulator
from tests.asking import SECRET, a_command, a_press, actions_of, an_event, element_of, signed, texts_of, values_of
from tests.builders import a_batch
from tests.environment import environ_of
from tests.servers import AZURE
from tests.tables import LocalTable

EVENTS = Path(__file__).parents[2] / "events"
PARAMETER = "/batchbell/search/slack-signing-secret"


class Hooks:
    """Where response URLs lead: keeps what is posted, answers with `status` after `delay_s`."""

    def __init__(self) -> None:
        self.posted: list[dict[str, Any]] = []
        self.status, self.delay_s = 200, 0.0
        hooks = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                hooks.posted.append(json.loads(body))
                time.sleep(hooks.delay_s)
                self.send_response(hooks.status)
                self.send_header("Location", "/elsewhere")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.base_url = f"http://127.0.0.1:{self.server.server_port}"


class Deployed:
    """The handler in an environment like the template's."""

    def __init__(self, hooks: Hooks, table: LocalTable) -> None:
        self.hooks = hooks
        self.table = table
        self.response_url = f"{hooks.base_url}/actions/secret-url"
        nowhere, slack = (SimpleNamespace(base_url=url) for url in ("http://127.0.0.1:9/v1", f"{hooks.base_url}/api/"))
        self.environ = environ_of(nowhere, slack, table.name)

    def store_secret(self, name: str = PARAMETER, secret: str = SECRET) -> None:
        boto3.client("ssm").put_parameter(Name=name, Value=secret, Type="SecureString", Overwrite=True)

    def receive(self, event: dict[str, Any]) -> tuple[int, Any]:
        # The logger keeps the stream that there was when it was made.
        slack.logger.registered_handler.stream = sys.stdout  # type: ignore[attr-defined]
        response = slack.lambda_handler(event, None)
        return response["statusCode"], json.loads(response["body"]) if response["body"] else ""

    def ask(self, body: bytes, headers: dict[str, str] | None = None, **event: Any) -> tuple[int, Any]:
        return self.receive(an_event(body, signed(body) if headers is None else headers, **event))

    def press(self, element: dict[str, Any], **fields: Any) -> tuple[int, Any]:
        return self.ask(a_press(element, self.response_url, **fields), path="/slack/interactions")


@pytest.fixture
def deployed(table: LocalTable, monkeypatch: pytest.MonkeyPatch) -> Iterator[Deployed]:
    slack.bot.cache_clear()
    hooks = Hooks()
    Thread(target=hooks.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    deployed = Deployed(hooks, table)
    for name, value in deployed.environ.items():
        monkeypatch.setenv(name, value)
    deployed.store_secret()
    yield deployed
    hooks.server.shutdown()
    hooks.server.server_close()
    slack.bot.cache_clear()


def test_a_signed_command_is_answered_to_the_person_alone(deployed: Deployed) -> None:
    status, message = deployed.ask(a_command("help"))

    assert (status, message["response_type"]) == (200, "ephemeral")


@pytest.mark.parametrize("is_base64", [True, False])
def test_plain_and_base64_bodies_both_work(deployed: Deployed, is_base64: bool) -> None:
    _, message = deployed.ask(a_command("failed 5 --share"), is_base64=is_base64)

    assert message["response_type"] == "in_channel"


@pytest.mark.parametrize("name", ["slash_command", "block_action"])
def test_the_sample_events_are_what_slack_signs_and_too_old_by_now(
    deployed: Deployed, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    event = json.loads((EVENTS / f"{name}.json").read_text())
    stale = deployed.receive(event)
    verifier = SignatureVerifier(lambda afresh: SECRET, lambda: 1_800_000_000)
    monkeypatch.setattr(slack.bot(), "verifier", verifier)

    status, _ = deployed.receive(event)

    assert stale == (401, "")
    # The response_url of the second is the real Slack's, which is not this environment's.
    assert status == {"slash_command": 200, "block_action": 400}[name]


HELP = a_command("help")
FORGED = [
    {},
    signed(HELP, "another-secret"),
    *[signed(HELP, at=time.time() + s) for s in (-86_400, 86_400)],
    signed(a_command("all")),
    *[signed(HELP) | {"X-Slack-Signature": odd} for odd in ("v0=ünïcode", "")],
    *[signed(HELP) | {"X-Slack-Request-Timestamp": odd} for odd in ("soon", "9" * 5000)],
    {name: f"{value},{value}" for name, value in signed(HELP).items()},
]


@pytest.mark.parametrize("headers", FORGED, ids=range(10))
def test_what_slack_did_not_sign_just_now_is_refused(deployed: Deployed, headers: dict[str, str]) -> None:
    assert deployed.ask(HELP, headers) == (401, "")


def test_slacks_check_of_the_certificate_gets_an_empty_answer_and_nothing_more(deployed: Deployed) -> None:
    deployed.table.calls.clear()

    assert deployed.ask(b"ssl_check=1&token=x&command=/batches", {}) == (200, "")
    assert deployed.ask(b"ssl_check=1", signed(b"ssl_check=1")) == (200, "")
    assert deployed.ask(b"ssl_check=1", signed(b"ssl_check=1", "another-secret")) == (401, "")
    assert deployed.table.calls == []


@pytest.mark.parametrize(
    ("body", "headers", "limit"), [(b"ssl_check=1&token=", {}, 1024), (HELP + b"&more=", None, 256 * 1024)]
)
def test_slacks_check_is_read_unsigned_up_to_1_kb_and_a_signed_body_up_to_256_kb(
    deployed: Deployed, body: bytes, headers: dict[str, str] | None, limit: int
) -> None:
    assert deployed.ask(body.ljust(limit, b"x"), headers, is_base64=True)[0] == 200
    assert deployed.ask(body.ljust(limit + 1, b"x"), headers, is_base64=True) == (401, "")


@pytest.mark.parametrize("headers", [{}, signed(b"x"), signed(b"x", at=time.time() - 9999)])
def test_a_large_body_of_escapes_costs_nothing(deployed: Deployed, headers: dict[str, str]) -> None:
    event = an_event(b"text=" + b"%41" * (4 * 2**20 // 3), headers)
    tracemalloc.start()

    status = slack.lambda_handler(event, None)["statusCode"]
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert status == 401
    assert peak_bytes < 100_000


def test_only_a_signed_body_is_parsed_and_a_defect_over_it_is_logged_without_the_body(
    deployed: Deployed, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def break_over(text: str, **options: Any) -> None:
        raise RuntimeError(text)

    monkeypatch.setattr(slack, "parse_qs", break_over)
    body = a_command("asked")

    forged = [deployed.ask(body, headers) for headers in (signed(body, "other"), signed(body, at=0))]
    unread = capsys.readouterr().out
    answered = deployed.ask(body)

    [line] = map(json.loads, capsys.readouterr().out.splitlines())
    assert (forged, unread) == ([(401, "")] * 2, "")
    assert answered == (200, "")
    assert (line["message"], line["error"]) == ("Answering broke", "RuntimeError")
    assert "break_over" in str(line["where"])
    assert "asked" not in str(line)


PAYLOADS = [b"", b"[]", b"{}", b"[" * 9999]
ODD_BODIES = [b"", b"\xff\xfe", b"text=help", b"&".join([b"a=1"] * 200), *[b"payload=" + each for each in PAYLOADS]]


@pytest.mark.parametrize("body", ODD_BODIES, ids=range(8))
def test_a_signed_body_of_another_form_is_a_bad_request(deployed: Deployed, body: bytes) -> None:
    assert deployed.ask(body, is_base64=True) == (400, "")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(
    body=st.binary(max_size=200) | st.text(max_size=100).map(str.encode),
    headers=st.dictionaries(
        st.sampled_from(["X-Slack-Signature", "x-slack-request-timestamp", "Content-Type"]), st.text()
    ),
    is_signed=st.booleans(),
)
def test_whatever_comes_in_200_400_or_401_goes_out(
    deployed: Deployed, body: bytes, headers: dict[str, str], is_signed: bool
) -> None:
    status, _ = deployed.ask(body, signed(body) | headers if is_signed else headers, is_base64=True)

    assert status in (200, 400, 401)


@given(raw=st.text() | st.none(), is_base64=st.booleans(), headers=st.none() | st.just({}))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
def test_a_body_that_cannot_be_read_is_refused(
    deployed: Deployed, raw: str | None, is_base64: bool, headers: dict[str, str] | None
) -> None:
    event = {"body": raw, "isBase64Encoded": is_base64, "headers": headers}

    assert deployed.receive(event)[0] == 401


def test_a_button_and_a_menu_replace_their_message(deployed: Deployed) -> None:
    batch = a_batch(status="failed")
    table = Store(deployed.table.client, deployed.table.name, retention_s=DAY_S)
    table.record([Change(batch, None)], "scope", int(time.time()))
    _, message = deployed.ask(a_command())
    menu = element_of(message, "details")

    answered = deployed.press(element_of(message, "refresh"))
    deployed.press({**menu, "selected_option": menu["options"][0]})

    assert answered == (200, "")
    assert deployed.hooks.posted[0] == {**message, "replace_original": True}
    assert texts_of(deployed.hooks.posted[1])[0].startswith("❌ *Failed:* *batch_1*")


def test_share_posts_the_answer_to_the_channel_and_leaves_the_message(deployed: Deployed) -> None:
    _, message = deployed.ask(a_command("status"))

    deployed.press(element_of(message, "share"))

    [answer] = deployed.hooks.posted
    assert (answer["response_type"], answer["replace_original"]) == ("in_channel", False)
    assert "share" in actions_of(message)


OVERFLOW = {"type": "overflow", "action_id": "more", "selected_option": {"value": "batch batch_1"}}
SELECT = {"type": "static_select", "action_id": "details", "selected_option": {"value": "batch batch_1"}}
BUTTON = {"type": "button", "action_id": "details", "value": "batch batch_1"}
LINK = {"type": "button", "action_id": "open", "url": "https://platform.openai.com/batches/batch_1"}
LINK_IN_MENU = {**OVERFLOW, "selected_option": mrkdwn.overflow(LINK | {"text": {}})["options"][0]}


@pytest.mark.parametrize("element", [BUTTON, OVERFLOW, SELECT])
@pytest.mark.parametrize("is_ephemeral", [True, False])
def test_a_press_on_a_message_of_the_channel_is_answered_to_the_person_and_leaves_the_message(
    deployed: Deployed, element: dict[str, Any], is_ephemeral: bool
) -> None:
    assert deployed.press(element, is_ephemeral=is_ephemeral) == (200, "")

    [answer] = deployed.hooks.posted
    assert (answer["response_type"], answer["replace_original"]) == ("ephemeral", is_ephemeral)


@pytest.mark.parametrize("element", [LINK, LINK_IN_MENU, {}, {**SELECT, "selected_option": None}])
def test_a_press_that_asks_nothing_is_answered_with_nothing(deployed: Deployed, element: dict[str, Any]) -> None:
    assert deployed.press(element, is_ephemeral=False) == (200, "")
    assert deployed.hooks.posted == []


REFRESH = {"action_id": "refresh", "value": "all"}
HOSTS_OF_OTHERS = ("https://example.com", "https://hooks.slack.com.example.com", "https://hooks.slack.com@example.com")


@pytest.mark.parametrize("url", [*[f"{host}/x" for host in HOSTS_OF_OTHERS], "http://127.0.0.1:1/x", "", "//["])
def test_no_other_address_than_slacks_is_called(deployed: Deployed, url: str) -> None:
    assert deployed.ask(a_press(REFRESH, url)) == (400, "")


def test_at_the_real_slack_only_its_host_for_hooks_is_called(
    deployed: Deployed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLACK_BASE_URL", "https://slack.com/api/")

    assert deployed.press(REFRESH) == (400, "")
    assert deployed.ask(a_press(REFRESH, "https://slack.com/x")) == (400, "")


def test_a_response_url_may_take_longer_than_a_second(deployed: Deployed, capsys: pytest.CaptureFixture[str]) -> None:
    deployed.hooks.delay_s = 1.2

    assert deployed.press(REFRESH) == (200, "")
    assert "did not take" not in capsys.readouterr().out


@pytest.mark.parametrize("status", [302, 404, 500])
def test_a_response_url_that_refuses_is_posted_to_once(deployed: Deployed, status: int) -> None:
    deployed.hooks.status = status

    assert deployed.press(REFRESH) == (200, "")
    assert len(deployed.hooks.posted) == 1


def test_an_id_that_is_not_recorded_is_asked_of_azure_with_azures_key_and_version(
    deployed: Deployed, monkeypatch: pytest.MonkeyPatch
) -> None:
    deployed.store_secret("/batchbell/search/openai-api-key", "sk-test")
    with OpenAISimulator(dialect=AZURE) as azure:
        monkeypatch.setenv("OPENAI_BASE_URL", azure.base_url)
        monkeypatch.setenv("OPENAI_API_VERSION", AZURE.api_version)
        batch = azure.add("failed")

        _, message = deployed.ask(a_command(batch["id"]))

    assert "Azure OpenAI (" in str(message)
    assert message["text"].startswith(f"❌ Rejected: {batch['id']}.")


def test_before_the_secret_is_stored_one_line_says_so(deployed: Deployed, capsys: pytest.CaptureFixture[str]) -> None:
    boto3.client("ssm").delete_parameter(Name=PARAMETER)

    answered = deployed.ask(HELP)

    [line] = map(json.loads, capsys.readouterr().out.splitlines())
    assert answered == (401, "")
    assert line["reason"] == f"the parameter {PARAMETER} is not stored yet"


def test_a_rotated_secret_needs_no_deployment(deployed: Deployed) -> None:
    deployed.ask(HELP)
    deployed.store_secret(secret="second")

    assert deployed.ask(HELP, signed(HELP, "second"))[0] == 200


def test_a_table_that_fails_is_answered_with_a_friendly_line(
    deployed: Deployed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TABLE_NAME", "nowhere")

    status, message = deployed.ask(a_command("failed 25"))

    assert status == 200
    assert texts_of(message) == ["⚠️ *Couldn’t load that just now*\nNo announcement is lost."]
    assert values_of(message) == {"Try again": "failed 25"}


def test_a_defect_is_logged_without_what_was_asked(
    deployed: Deployed, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def break_over(text: str) -> None:
        raise ValueError(text)

    monkeypatch.setattr(slack.bot().store, "find", break_over)

    status, message = deployed.ask(a_command("batch_asked"))

    shown = capsys.readouterr().out
    assert status == 200
    assert texts_of(message)[0] == "⚠️ *Something went wrong on our side*\nThe log has it."
    assert [word in shown for word in ("ValueError", "break_over", "batch_asked")] == [True, True, False]


def test_nothing_secret_is_logged(deployed: Deployed, capsys: pytest.CaptureFixture[str]) -> None:
    deployed.ask(a_command("my secret question"))
    deployed.press({"action_id": "refresh", "value": "secret value"})
    deployed.hooks.status = 500
    deployed.press({"action_id": "refresh", "value": "secret value"})
    deployed.ask(a_press(REFRESH, "https://example.com/secret"))
    deployed.ask(HELP, signed(HELP, "another-secret"))

    shown = capsys.readouterr()
    for word in ("secret", "legacy-token", "U0ANNA", "signing"):
        assert word not in shown.out + shown.err


def test_the_handler_imports_nothing_that_only_polling_needs() -> None:
    code = (
        "import sys, batchbell.handlers.slack;"
        "heavy = {'requests', 'slack_sdk', 'batchbell.openai.client', 'batchbell.poll.poller'};"
        "sys.exit(', '.join(heavy & sys.modules.keys()) or None)"
    )

    ran = subprocess.run([sys.executable, "-c", code], env={"PYTHONPATH": "src"}, check=False, capture_output=True)

    assert ran.returncode == 0, ran.stderr
