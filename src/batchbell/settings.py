"""Settings: what the template puts into the environment."""

from collections.abc import Mapping
from dataclasses import dataclass

from batchbell.domain.policy import Policy, metadata_filter_from, notify_on_from
from batchbell.domain.server import base_url_from

DAY_S = 86_400


@dataclass(frozen=True, slots=True)
class Settings:
    """One team's deployment; the secrets are named here, not held."""

    team: str
    channel: str
    table_name: str
    openai_base_url: str
    openai_api_version: str
    slack_base_url: str
    openai_api_key_parameter: str
    slack_bot_token_parameter: str
    policy: Policy


@dataclass(frozen=True, slots=True)
class AnswerSettings:
    """What the function that answers Slack is told; it needs no bot token."""

    team: str
    channel: str
    table_name: str
    openai_base_url: str
    openai_api_version: str
    slack_base_url: str
    slash_command: str
    openai_api_key_parameter: str
    slack_signing_secret_parameter: str


def settings_from(environ: Mapping[str, str]) -> Settings:
    """The settings. Raises: ValueError, naming the variable that is missing or wrong."""
    days = _value(environ, "RETENTION_DAYS")
    if not days.isdecimal() or int(days) < 1:
        raise ValueError(f"RETENTION_DAYS wants a whole number of days, not {days!r}")
    api_version = environ.get("OPENAI_API_VERSION", "").strip()
    return Settings(
        team=_value(environ, "TEAM_NAME"),
        channel=_value(environ, "SLACK_CHANNEL"),
        table_name=_value(environ, "TABLE_NAME"),
        openai_base_url=base_url_from(_value(environ, "OPENAI_BASE_URL"), api_version),
        openai_api_version=api_version,
        slack_base_url=_value(environ, "SLACK_BASE_URL"),
        openai_api_key_parameter=_value(environ, "OPENAI_API_KEY_PARAMETER"),
        slack_bot_token_parameter=_value(environ, "SLACK_BOT_TOKEN_PARAMETER"),
        policy=Policy(
            notify_on=notify_on_from(_value(environ, "NOTIFY_ON")),
            metadata_filter=metadata_filter_from(environ.get("METADATA_FILTER", "")),
            retention_s=int(days) * DAY_S,
        ),
    )


def answer_settings_from(environ: Mapping[str, str]) -> AnswerSettings:
    """The settings for answering. Raises: ValueError, naming the variable that is missing."""
    api_version = environ.get("OPENAI_API_VERSION", "").strip()
    return AnswerSettings(
        team=_value(environ, "TEAM_NAME"),
        channel=_value(environ, "SLACK_CHANNEL"),
        table_name=_value(environ, "TABLE_NAME"),
        openai_base_url=base_url_from(_value(environ, "OPENAI_BASE_URL"), api_version),
        openai_api_version=api_version,
        slack_base_url=_value(environ, "SLACK_BASE_URL"),
        slash_command=_value(environ, "SLASH_COMMAND"),
        openai_api_key_parameter=_value(environ, "OPENAI_API_KEY_PARAMETER"),
        slack_signing_secret_parameter=_value(environ, "SLACK_SIGNING_SECRET_PARAMETER"),
    )


def _value(environ: Mapping[str, str], name: str) -> str:
    if not environ.get(name, "").strip():
        raise ValueError(f"the environment variable {name} is not set")
    return environ[name].strip()
