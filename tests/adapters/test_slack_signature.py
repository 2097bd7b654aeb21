"""Slack's signature: what we take is what Slack's own package makes."""

from hypothesis import given
from hypothesis import strategies as st
from slack_sdk.signature import SignatureVerifier

from batchbell.adapters.slack_signature import SlackSignature, signature_for
from tests.builders import NOW


@given(st.text(), st.text(st.characters(codec="ascii")).filter(str.strip))
def test_a_signature_is_the_one_of_slacks_own_package(body: str, secret: str) -> None:
    theirs = SignatureVerifier(secret).generate_signature(timestamp=str(NOW), body=body)

    assert signature_for(secret, str(NOW), body.encode()) == theirs


@given(st.dictionaries(st.sampled_from(["x-slack-signature", "x-slack-request-timestamp"]), st.text()))
def test_no_header_makes_it_fail_or_pass(headers: dict[str, str]) -> None:
    assert not SlackSignature(lambda afresh: "secret", lambda: NOW).is_genuine(headers, b"\xff")


def test_nobody_can_sign_with_an_empty_secret() -> None:
    headers = {
        "x-slack-request-timestamp": str(NOW),
        "x-slack-signature": signature_for("", str(NOW), b"text="),
    }

    assert not SlackSignature(lambda afresh: "", lambda: NOW).is_genuine(headers, b"text=")
