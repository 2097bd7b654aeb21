"""Slack's SDK: a client that repeats no call and shows no secret, and what its calls raise."""

import logging
import re
from http.client import HTTPException

from slack_sdk import WebClient
from slack_sdk.errors import SlackClientError

from batchbell.domain.errors import PermanentError

# The SDK reads answers without a net: a list in place of an object is an AttributeError, an
# unknown charset a LookupError.
CALL_ERRORS = (SlackClientError, OSError, HTTPException, ValueError, LookupError, AttributeError, TypeError)


class UnusableTokenError(PermanentError):
    """The token cannot even be sent."""


def client_for(base_url: str, token: str, timeout_s: int) -> WebClient:
    """A client; `timeout_s` is for each wait on the network. Raises: UnusableTokenError."""
    if not re.fullmatch(r"[!-~]+", token.strip()):
        # urllib would show the token in its complaint.
        raise UnusableTokenError("the Slack bot token is empty or holds characters that no token has")
    return WebClient(
        token=token,
        base_url=base_url,
        timeout=timeout_s,
        # By default the SDK posts again when the connection drops.
        retry_handlers=[],
        # It logs bodies; a logger that getLogger does not know cannot be turned up.
        logger=logging.Logger("slack_sdk", logging.CRITICAL),  # noqa: LOG001
    )
