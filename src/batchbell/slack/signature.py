"""Verify Slack's signature, without the whole SDK that `slack_sdk.signature` imports: docs/decisions/0007."""

import hmac
import re
import time
from collections.abc import Callable, Mapping
from hashlib import sha256


class SignatureVerifier:
    """Verifies with the signing secret that `secret(afresh)` reads; `clock` tells the time."""

    def __init__(self, secret: Callable[[bool], str], clock: Callable[[], float] = time.time) -> None:
        self._secret, self._clock, self._afresh_at = secret, clock, 0.0

    def is_valid(self, headers: Mapping[str, str], body: bytes) -> bool:
        """Whether Slack signed this body in the last five minutes. `headers` have names in lower case.

        Raises: PermanentError, TransientError when the secret cannot be read.
        """
        timestamp = headers.get("x-slack-request-timestamp", "")
        signature, now = headers.get("x-slack-signature", ""), self._clock()
        has_form = re.fullmatch("[0-9]{1,12}", timestamp) and re.fullmatch("v0=[0-9a-f]{64}", signature)
        if not has_form or abs(now - int(timestamp)) > 300:
            return False
        secret = self._secret(False)
        is_valid = hmac.compare_digest(signature_for(secret, timestamp, body), signature)
        if not is_valid and now >= self._afresh_at + 60:
            # The secret may be a new one; anyone can send a wrong signature, so look once a minute.
            self._afresh_at = now
            secret = self._secret(True)
            is_valid = hmac.compare_digest(signature_for(secret, timestamp, body), signature)
        return is_valid and secret != ""  # with an empty secret anyone could sign


def signature_for(secret: str, timestamp: str, body: bytes) -> str:
    """Return what Slack puts into `X-Slack-Signature`."""
    signed = b"v0:" + timestamp.encode() + b":" + body
    return "v0=" + hmac.new(secret.encode(), signed, sha256).hexdigest()
