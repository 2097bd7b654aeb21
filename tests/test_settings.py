"""Settings: what is missing or wrong is named."""

import pytest

from batchbell.domain.policy import Policy
from batchbell.settings import DAY_S, Settings, answer_settings_from, settings_from

ENVIRON = {
    "TEAM_NAME": "search",
    "SLACK_CHANNEL": "C0SEARCH",
    "OPENAI_BASE_URL": "https://api.openai.com/v1",
    "OPENAI_API_VERSION": "",
    "SLACK_BASE_URL": "https://slack.com/api/",
    "NOTIFY_ON": "completed, failed",
    "METADATA_FILTER": "team=search",
    "RETENTION_DAYS": "30",
    "TABLE_NAME": "table",
    "OPENAI_API_KEY_PARAMETER": "/batchbell/search/openai-api-key",
    "SLACK_BOT_TOKEN_PARAMETER": "/batchbell/search/slack-bot-token",
}

MAY_BE_EMPTY = ("METADATA_FILTER", "OPENAI_API_VERSION")


def test_the_templates_environment_gives_the_settings() -> None:
    assert settings_from(ENVIRON) == Settings(
        team="search",
        channel="C0SEARCH",
        table_name="table",
        openai_base_url="https://api.openai.com/v1",
        openai_api_version="",
        slack_base_url="https://slack.com/api/",
        openai_api_key_parameter="/batchbell/search/openai-api-key",
        slack_bot_token_parameter="/batchbell/search/slack-bot-token",
        policy=Policy(frozenset({"completed", "failed"}), (("team", frozenset({"search"})),), 30 * DAY_S),
    )


@pytest.mark.parametrize("name", [name for name in ENVIRON if name not in MAY_BE_EMPTY])
def test_a_missing_variable_is_named(name: str) -> None:
    with pytest.raises(ValueError, match=f"{name} is not set"):
        settings_from({**ENVIRON, name: " "})


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("RETENTION_DAYS", "a month", "a whole number of days, not 'a month'"),
        ("RETENTION_DAYS", "0", "a whole number of days"),
        ("NOTIFY_ON", ",", "names no status"),
        ("OPENAI_API_VERSION", "2024-10-21", "set OpenAIBaseUrl to the Azure resource as well"),
        ("METADATA_FILTER", "search", "wants key=value, not 'search'"),
    ],
)
def test_a_wrong_value_is_named(name: str, value: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        settings_from({**ENVIRON, name: value})


def test_both_functions_ask_the_api_of_azure_that_the_version_means() -> None:
    names = ("SLASH_COMMAND", "SLACK_SIGNING_SECRET_PARAMETER")
    azure = {"OPENAI_BASE_URL": "https://contoso.openai.azure.com/", "OPENAI_API_VERSION": "2024-10-21"}
    environ = ENVIRON | azure | dict.fromkeys(names, "set")

    for settings in (settings_from(environ), answer_settings_from(environ)):
        assert settings.openai_base_url == "https://contoso.openai.azure.com/openai"
        assert settings.openai_api_version == "2024-10-21"
