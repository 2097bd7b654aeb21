"""The local AWS: what demo, run and these tests rely on."""

import socket
from pathlib import Path

import pytest

from local.aws import LocalAws, LocalAwsError


def test_what_is_stored_survives_a_restart(tmp_path: Path) -> None:
    with LocalAws(tmp_path) as aws:
        aws.put_secret("/batchbell/search/openai-api-key", "sk-test")

    with LocalAws(tmp_path) as aws:
        stored = aws.client("ssm").get_parameter(Name="/batchbell/search/openai-api-key", WithDecryption=True)

    assert stored["Parameter"]["Value"] == "sk-test"


def test_another_program_on_the_port_is_not_taken_for_it() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]

        with pytest.raises(LocalAwsError, match=f"port {port} of 127.0.0.1 is taken"):
            LocalAws(port=port)


def test_nothing_is_left_of_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))

    with LocalAws() as aws:
        aws.client("sts").get_caller_identity()
        assert any(tmp_path.iterdir())

    assert not any(tmp_path.iterdir())
    with pytest.raises(ConnectionRefusedError), socket.create_connection(("127.0.0.1", aws.port)):
        pass


def test_a_deployment_that_fails_says_why(aws: LocalAws) -> None:
    with pytest.raises(LocalAwsError, match="'SlackChannel' must be a channel's id"):
        aws.deploy("batchbell-wrong", {"TeamName": "search", "SlackChannel": "#batches"})
