"""Slash door: a command as Slack sends it, to whatever answers."""

from batchbell.adapters.slash_door import knock
from batchbell.domain.diagnosis.door import DoorAnswer
from tests.slack_app import SlackApp

SECRET = "5a1e" * 8


def test_slacks_own_library_takes_what_is_signed_and_refuses_what_is_not() -> None:
    with SlackApp(SECRET) as app:
        signed, forged = knock(f"{app.url}/commands", SECRET), knock(f"{app.url}/commands", None)

    assert (signed.status, signed.text, forged.status) == (200, "Numbers from 1", 401)
    assert [each["text"] for each in app.commands] == ["status"]


def test_an_answer_that_is_none_is_no_error() -> None:
    with SlackApp(SECRET) as app:
        app.answering = lambda form: (200, b"<html>")
        strange = knock(f"{app.url}/commands", SECRET)

    assert (strange.status, strange.text) == (200, None)
    assert knock("http://127.0.0.1:9/commands", SECRET) == DoorAnswer(0, trouble="ConnectionError")
