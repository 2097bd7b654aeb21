"""Refusal: Slack's word for why it refused a call, and what kind of word it is."""

from dataclasses import dataclass

CREDENTIAL = frozenset(
    {
        "account_inactive",
        "invalid_auth",
        "not_allowed_token_type",
        "not_authed",
        "token_expired",
        "token_revoked",
    }
)
"""Another token may be welcome where this one is not."""

FOR_NOW = frozenset(
    {"message_limit_exceeded", "org_login_required", "rate_limited", "ratelimited", "team_added_to_org"}
)


@dataclass(frozen=True, slots=True)
class Refusal:
    """Slack's word for why it refused; `needed` is the scope it wants. `is_unreachable`: no answer."""

    error: str
    needed: str | None = None
    is_unreachable: bool = False
