"""A signature is valid if Slack's own package would have made it, just now, with our secret."""

import slack_sdk.signature
from hypothesis import given
from hypothesis import strategies as st

from batchbell.slack.signature import SignatureVerifier, signature_for
from tests.builders import NOW
from tests.clock import Clock


def signed(secret: str) -> dict[str, str]:
    """The headers of a request with the body `text=`."""
    signature = signature_for(secret, str(NOW), b"text=")
    return {"x-slack-request-timestamp": str(NOW), "x-slack-signature": signature}


@given(st.text(), st.text(st.characters(codec="ascii")).filter(str.strip))
def test_a_signature_is_the_one_of_slacks_own_package(body: str, secret: str) -> None:
    theirs = slack_sdk.signature.SignatureVerifier(secret).generate_signature(timestamp=str(NOW), body=body)

    assert signature_for(secret, str(NOW), body.encode()) == theirs


@given(st.dictionaries(st.sampled_from(["x-slack-signature", "x-slack-request-timestamp"]), st.text()))
def test_no_headers_make_it_fail_or_pass(headers: dict[str, str]) -> None:
    assert not SignatureVerifier(lambda afresh: "secret", lambda: NOW).is_valid(headers, b"\xff")


def test_nobody_can_sign_with_an_empty_secret() -> None:
    assert not SignatureVerifier(lambda afresh: "", lambda: NOW).is_valid(signed(""), b"text=")


def test_a_signature_is_valid_for_five_minutes(clock: Clock) -> None:
    verifier = SignatureVerifier(lambda afresh: "secret", clock)

    valid = {}
    for age_s in (-301, -300, 0, 300, 301):
        clock.at = NOW + age_s
        valid[age_s] = verifier.is_valid(signed("secret"), b"text=")

    assert valid == {-301: False, -300: True, 0: True, 300: True, 301: False}


def test_a_rotated_secret_is_read_afresh_at_once_but_only_once_a_minute(clock: Clock) -> None:
    stored, cached = "first", "first"

    def read(afresh: bool) -> str:
        nonlocal cached
        cached = stored if afresh else cached
        return cached

    verifier = SignatureVerifier(read, clock)
    stored = "second"
    at_once = verifier.is_valid(signed("second"), b"text=")
    stored = "third"
    too_soon = verifier.is_valid(signed("third"), b"text=")
    clock.at += 61

    later = verifier.is_valid(signed("third"), b"text=")

    assert (at_once, too_soon, later) == (True, False, True)
