"""Slack: whether a request comes from it, by its signature.

Written here, as `slack_sdk.signature` costs the function's start the whole SDK: docs/decisions/0007.
"""

import hmac
import re
import time
from collections.abc import Callable, Mapping
from hashlib import sha256

MAX_AGE_S = 300

AFRESH_EVERY_S = 60
"""How often a bad signature makes us look whether the secret was rotated: anyone can send one."""


class SlackSignature:
    """Verifies with the signing secret that `secret(afresh)` reads."""

    def __init__(self, secret: Callable[[bool], str], clock: Callable[[], float] = time.time) -> None:
        self._secret = secret
        self._clock = clock
        self._afresh_at = 0.0

    def is_genuine(self, headers: Mapping[str, str], body: bytes) -> bool:
        """Whether Slack signed this body, in the last five minutes; never an error for what was sent.

        `headers` have names in lower case. Raises: MissingSecretError, PermanentError and
        TransientError when the secret cannot be read.
        """
        timestamp = headers.get("x-slack-request-timestamp", "")
        signature = headers.get("x-slack-signature", "")
        if not re.fullmatch("[0-9]{1,12}", timestamp) or not re.fullmatch("v0=[0-9a-f]{64}", signature):
            return False
        now = self._clock()
        if abs(now - int(timestamp)) > MAX_AGE_S:
            return False
        if _is_signed(self._secret(False), timestamp, body, signature):
            return True
        if now < self._afresh_at + AFRESH_EVERY_S:
            return False
        self._afresh_at = now
        return _is_signed(self._secret(True), timestamp, body, signature)


def signature_for(secret: str, timestamp: str, body: bytes) -> str:
    """What Slack puts into `X-Slack-Signature`."""
    signed = b"v0:" + timestamp.encode() + b":" + body
    return "v0=" + hmac.new(secret.encode(), signed, sha256).hexdigest()


def _is_signed(secret: str, timestamp: str, body: bytes, signature: str) -> bool:
    # With an empty secret anyone could sign.
    return bool(secret) and hmac.compare_digest(signature_for(secret, timestamp, body), signature)
