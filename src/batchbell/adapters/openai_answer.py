"""OpenAI: one answer over HTTP, and what it says about trying again.

The conventions and constants are those of openai-python (3.54, `_base_client.py`).
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.utils import mktime_tz, parsedate_tz
from typing import Any

from batchbell.domain.errors import BatchbellError, PermanentError, RefusedError, TransientError

_FIRST_DELAY_S = 0.5
_MAX_DELAY_S = 8.0
_MAX_RETRY_AFTER_S = 120.0


class NotFoundError(PermanentError):
    """The API knows no such thing (404)."""


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer: `content` is its parsed body, None where that is not JSON.

    `status` is 0 where none came, and `trouble` says why: by the name of an exception, as its
    text may show a proxy's password.
    """

    status: int = 0
    headers: Mapping[str, str] = field(default_factory=dict)
    content: Any = None
    trouble: str = ""

    @property
    def error_code(self) -> str | None:
        """The API's `code` or `type`; never its message, which may repeat a part of the key."""
        error = self.content.get("error") if isinstance(self.content, dict) else None
        for word in (error.get("code"), error.get("type")) if isinstance(error, dict) else ():
            if isinstance(word, str) and re.fullmatch("[A-Za-z_]{1,64}", word):
                return word
        return None

    def retry_after_s(self, now: float) -> float | None:
        """How long the server wants us to wait: milliseconds first, then seconds or an HTTP date."""
        retry_after = self.headers.get("retry-after", "")
        delay_s = _number(self.headers.get("retry-after-ms", ""), 1000)
        if delay_s is None:
            delay_s = _number(retry_after, 1)
        if delay_s is None:
            delay_s = _seconds_until(retry_after, now)
        return delay_s if delay_s is not None and delay_s > 0 else None

    def delay_s(self, tries: int, now: float, random: float) -> float | None:
        """How long to wait before trying again after so many tries; None: not to be tried again."""
        retry_after_s = self.retry_after_s(now)
        is_wanted = {"true": True, "false": False}.get(
            self.headers.get("x-should-retry", ""), self._is_passing
        )
        # A quota lasts until somebody has paid, which is not within seconds.
        if not is_wanted or self.error_code == "insufficient_quota":
            return None
        if retry_after_s is not None:
            return retry_after_s if retry_after_s <= _MAX_RETRY_AFTER_S else None
        return min(_FIRST_DELAY_S * 2.0 ** (tries - 1), _MAX_DELAY_S) * (1 - 0.25 * random)

    def error(self, call: str) -> BatchbellError:
        """The error that this answer is, when it is the last one."""
        if self.trouble:
            return TransientError(f"{call}: no answer ({self.trouble})")
        code = f" ({self.error_code})" if self.error_code else ""
        answered = f"{call} answered {self.status}{code}"
        if self.status in (401, 403):
            return RefusedError(f"{answered}: the API key was refused", self.status)
        if self._is_passing or self.headers.get("x-should-retry") == "true":
            if 200 <= self.status < 300:
                answered += " with something else than batches; is OpenAIBaseUrl right?"
            return TransientError(answered)
        if self.status < 400:
            return PermanentError(f"{answered}, a redirect: set OpenAIBaseUrl to where the API is")
        return NotFoundError(answered) if self.status == 404 else PermanentError(answered)

    @property
    def _is_passing(self) -> bool:
        """It may be another answer the next time; a 2xx is only asked about when it was unusable."""
        return not 300 <= self.status < 500 or self.status in (408, 409, 429)


def _number(value: str, divisor: int) -> float | None:
    try:
        number = float(value) / divisor
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _seconds_until(date: str, now: float) -> float | None:
    try:
        parts = parsedate_tz(date)
        return mktime_tz(parts) - now if parts else None
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
