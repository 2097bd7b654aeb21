"""Slack: the `response_url` of an interaction, to which its answer is posted."""

import json
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Any
from urllib.parse import SplitResult, urlsplit

from batchbell.domain.errors import PermanentError, TransientError

TIMEOUT_S = 1.0
"""Slack waits 3 seconds for all: the table is read before this."""


class SlackResponse:
    """Posts to response URLs of the Slack whose API is at `base_url`; no redirect is followed."""

    def __init__(self, base_url: str, timeout_s: float = TIMEOUT_S) -> None:
        self._base = urlsplit(base_url)
        self._timeout_s = timeout_s

    def is_ours(self, url: str) -> bool:
        """Whether this is an address of Slack's: nobody may make us call another."""
        return self._parsed(url) is not None

    def post(self, url: str, message: dict[str, Any]) -> None:
        """Post the message. Raises: PermanentError, TransientError; neither shows the URL, a secret."""
        target = self._parsed(url)
        if target is None:
            raise PermanentError("the response_url is not Slack's")
        connect = HTTPSConnection if target.scheme == "https" else HTTPConnection
        try:
            connection = connect(target.netloc, timeout=self._timeout_s)
            try:
                path = f"{target.path or '/'}{'?' if target.query else ''}{target.query}"
                headers = {"Content-Type": "application/json; charset=utf-8"}
                connection.request("POST", path, json.dumps(message), headers)
                status = connection.getresponse().status
            finally:
                connection.close()
        except (OSError, HTTPException, ValueError) as error:
            trouble = type(error).__name__
        else:
            trouble = "" if status == 200 else str(status)
        # Raised out here, so that no traceback shows the URL.
        if trouble:
            raise TransientError(f"response_url: {trouble}")

    def _parsed(self, url: str) -> SplitResult | None:
        """The URL, if it is at Slack's host for hooks; in local runs, at the simulator."""
        try:
            target = urlsplit(url)
        except ValueError:
            return None
        if (target.scheme, target.netloc) == ("https", f"hooks.{self._base.netloc}"):
            return target
        is_slack = self._base.netloc == "slack.com"
        is_at_base = (target.scheme, target.netloc) == (self._base.scheme, self._base.netloc)
        return target if is_at_base and not is_slack else None
