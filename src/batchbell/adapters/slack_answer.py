"""Slack's failures, as answers: what each one says about a message."""

import math
import re
from socket import gaierror
from ssl import SSLCertVerificationError
from typing import Any
from urllib.error import URLError

from slack_sdk.errors import SlackApiError

from batchbell.domain.notification import Misconfigured, RefusedForNow, Unacceptable, Unclear
from batchbell.domain.refusal import CREDENTIAL, FOR_NOW

_FOR_A_PERSON = CREDENTIAL | {
    "access_denied",
    "accesslimited",
    "app_access_restricted",
    "channel_not_found",
    "ekm_access_denied",
    "enterprise_is_restricted",
    "is_archived",
    "is_inactive",
    "messages_tab_disabled",
    "method_not_supported_for_channel_type",
    "missing_scope",
    "no_permission",
    "not_in_channel",
    "team_access_not_granted",
    "two_factor_setup_required",
}
_OUR_DEFECT = frozenset(
    {
        "error_processing_metadata",
        "invalid_arguments",
        "invalid_attachments",
        "invalid_json",
        "metadata_too_large",
        "msg_blocks_too_long",
        "msg_too_long",
        "no_text",
        "too_many_attachments",
    }
)

_WAIT_S = 30.0
_LONGEST_WAIT_S = 3600.0

Failure = RefusedForNow | Unclear | Misconfigured | Unacceptable


def failure_for(method: str, error: Exception) -> Failure:
    """What a failed call says about its message. What we do not know is unclear, never a refusal."""
    if isinstance(error, SlackApiError):
        return _for_answer(method, error)
    reason = getattr(error, "reason", error)
    what = f"{method}: {type(reason).__name__}"
    if isinstance(error, URLError) and isinstance(
        reason, (ConnectionRefusedError, gaierror, SSLCertVerificationError)
    ):
        # The only errors that cannot come after the first byte of the message has left.
        return RefusedForNow(what, _WAIT_S)
    return Unclear(what)


def error_name(error: SlackApiError) -> str:
    """Slack's word for the error; empty where the answer was not Slack's."""
    # For an answer that is not JSON, the SDK puts the body in its place.
    name = _body(error).get("error")
    return name if isinstance(name, str) and re.fullmatch(r"[a-z0-9_]{1,80}", name) else ""


def _for_answer(method: str, error: SlackApiError) -> Failure:
    status, name = error.response.status_code, error_name(error)
    reason = f"{method}: {name or f'HTTP {status}'}"
    if status == 429 or (name in FOR_NOW and status < 500):
        return RefusedForNow(reason, _retry_after_s(error.response.headers))
    if status >= 500:
        return Unclear(reason)
    if name in _FOR_A_PERSON or name.startswith("restricted_action"):
        return Misconfigured(reason + _missing_scope(error))
    if name in _OUR_DEFECT or name.startswith(("invalid_blocks", "invalid_metadata")):
        return Unacceptable(reason)
    return Unclear(reason)


def _missing_scope(error: SlackApiError) -> str:
    needed = _body(error).get("needed")
    is_scope = isinstance(needed, str) and re.fullmatch(r"[a-z_:.,]{1,200}", needed)
    return f" (needs {needed})" if is_scope else ""


def _body(error: SlackApiError) -> dict[str, Any]:
    body = error.response.data
    return body if isinstance(body, dict) else {}


def _retry_after_s(headers: dict[str, str]) -> float:
    try:
        seconds = float(headers.get("Retry-After", _WAIT_S))
    except ValueError:
        return _WAIT_S
    return min(max(seconds, 1.0), _LONGEST_WAIT_S) if math.isfinite(seconds) else _WAIT_S
