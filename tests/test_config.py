"""The configuration: what is missing or invalid is named, and typos in an address are forgiven."""

import pytest

from batchbell.config import (
    Config,
    Secret,
    Server,
    config_from,
    invalid_secret_reason,
    metadata_filter_from,
    notify_on_from,
    server_from,
)
from batchbell.models import RequestCounts
from tests.builders import AT_OPENAI, DAY_S, a_batch, a_config

ENVIRON = {
    "TEAM_NAME": "search",
    "SLACK_CHANNEL": "C0SEARCH",
    "TABLE_NAME": "table",
    "OPENAI_BASE_URL": f"{AT_OPENAI}/batches",
    "OPENAI_API_VERSION": "",
    "SLACK_BASE_URL": "https://slack.com/api/",
    "SLASH_COMMAND": "/batches-search",
    "NOTIFY_ON": "Completed, canceled,",
    "METADATA_FILTER": "team=search, env=staging|prod",
    "RETENTION_DAYS": "7",
    "ERROR_FILES": "off",
}
AZURE = "https://contoso.openai.azure.com"
SIGNING_SECRET = "8f742231b10e8888abcd99fea0b1c2d3"


def test_the_environment_of_the_template_gives_the_config() -> None:
    config = config_from(ENVIRON)

    assert config == Config(
        team="search",
        channel="C0SEARCH",
        table_name="table",
        server=Server(AT_OPENAI),
        slash_command="/batches-search",
        notify_on=frozenset({"completed", "cancelled"}),
        metadata_filter=(("team", frozenset({"search"})), ("env", frozenset({"staging", "prod"}))),
        retention_s=7 * DAY_S,
        reads_error_files=False,
    )
    assert config.filter_text == "team=search,env=prod|staging"
    assert Secret.SLACK_BOT_TOKEN.parameter(config.team) == "/batchbell/search/slack-bot-token"


@pytest.mark.parametrize("name", sorted(set(ENVIRON) - {"METADATA_FILTER", "OPENAI_API_VERSION", "ERROR_FILES"}))
def test_a_missing_variable_is_named(name: str) -> None:
    with pytest.raises(ValueError, match=f"{name} is not set"):
        config_from({**ENVIRON, name: " "})


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("RETENTION_DAYS", "a month", "a whole number of days, not 'a month'"),
        ("RETENTION_DAYS", "0", "a whole number of days"),
        ("NOTIFY_ON", ",", "names no status"),
        ("OPENAI_API_VERSION", "2024-10-21", "set OpenAIBaseUrl to the Azure resource as well"),
        ("ERROR_FILES", "on", "must be summary or off, not 'on'"),
        ("METADATA_FILTER", "search", "must be key=value, not 'search'"),
        ("METADATA_FILTER", "=search", "must be key=value"),
        ("METADATA_FILTER", "team=a,b", "must be key=value, not 'b'"),
    ],
)
def test_an_invalid_value_is_named(name: str, value: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        config_from({**ENVIRON, name: value})


@pytest.mark.parametrize(("value", "reads"), [("summary", True), ("", True), ("off", False)])
def test_error_files_are_read_unless_that_is_off(value: str, reads: bool) -> None:
    assert config_from({**ENVIRON, "ERROR_FILES": value}).reads_error_files is reads


# Which batches are announced


@pytest.mark.parametrize(
    ("fields", "is_selected"),
    [
        ({"request_counts": RequestCounts(10, 10, 0)}, False),
        ({"request_counts": RequestCounts(10, 7, 3)}, True),
        ({"request_counts": RequestCounts(10, 0, 10)}, True),
        ({"request_counts": RequestCounts(0, 0, 0), "is_retrieved": True}, False),
        ({"request_counts": RequestCounts(0, 0, 0)}, True),  # a list may show the counts later
        ({"request_counts": None, "is_retrieved": True}, False),
        ({"request_counts": None, "is_retrieved": True, "error_file_id": "file-1"}, True),
    ],
)
def test_failed_also_selects_completed_batches_with_failed_requests(
    fields: dict[str, object], is_selected: bool
) -> None:
    config = a_config(notify_on=notify_on_from("failed"))

    assert config.selects(a_batch(status="completed", **fields)) is is_selected
    assert [config.selects(a_batch(status=each)) for each in ("failed", "expired")] == [True, False]


@pytest.mark.parametrize(
    ("metadata", "is_selected"),
    [
        ({"team": "search", "env": "staging", "other": "x"}, True),
        ({"team": "search", "env": "dev"}, False),
        ({"team": "search"}, False),
        ({}, False),
    ],
)
def test_the_metadata_filter_wants_every_key_with_one_of_its_values(
    metadata: dict[str, str], is_selected: bool
) -> None:
    config = a_config(metadata_filter=metadata_filter_from("team=search, env=prod | staging"))

    assert config.selects(a_batch(status="completed", metadata=tuple(metadata.items()))) is is_selected


# The server

DOMAINS = ("openai.azure.com:443", "openai.azure.us", "openai.azure.cn")
DOMAINS_OF_AI = ("cognitiveservices.azure.com", "services.ai.azure.com", "openai.azure.com")
OTHER_ADDRESSES = [
    "https://contoso.openai.azure.com.example.com/openai",
    "https://example.com/contoso.openai.azure.com",
    "https://openai.azure.com.evil.example/",
    "https://batch.azure.com/v1",
    "http://127.0.0.1:8080/v1",
    "https://api.openai.com.evil.example/v1",
    "http://api.openai.com/v1",
]


@pytest.mark.parametrize("host", ["CONTOSO.OpenAI.Azure.com", *[f"contoso.{each}" for each in DOMAINS + DOMAINS_OF_AI]])
def test_a_host_of_azure_takes_azures_header(host: str) -> None:
    assert server_from(f"https://{host}/openai", "").is_azure


@pytest.mark.parametrize("address", OTHER_ADDRESSES)
def test_any_other_host_takes_a_bearer_unless_a_version_is_set(address: str) -> None:
    server, with_version = server_from(address, ""), server_from(address, "2024-10-21")

    assert (server.is_azure, server.is_openai, server.batch_page("batch_1")) == (False, False, None)
    assert with_version.is_azure


@pytest.mark.parametrize("path", ["", "/openai", "/openai/v1", "/openai/batches", "/openai/v1/batches/"])
def test_at_azure_the_version_decides_between_the_two_apis(path: str) -> None:
    bases = [
        server_from(AZURE + path, version).base_url for version in ("", "preview", "2024-10-21", "2025-04-01-preview")
    ]

    assert bases == [f"{AZURE}/openai/v1"] * 2 + [f"{AZURE}/openai"] * 2


@pytest.mark.parametrize(
    ("address", "meant"),
    [
        ("https://api.openai.com", AT_OPENAI),
        ("https://eu.api.openai.com/", "https://eu.api.openai.com/v1"),
        (f" {AT_OPENAI}/ ", AT_OPENAI),
        (f"{AT_OPENAI}/batches", AT_OPENAI),
        ("https://api.groq.com/openai/v1/chat/completions/", "https://api.groq.com/openai/v1"),
        ("https://llm.example.com//", "https://llm.example.com"),
        ("https://llm.example.com/openai/batches", "https://llm.example.com/openai"),
        ("https://llm.example.com/my-batches", "https://llm.example.com/my-batches"),
        (f"{AZURE}/openai/deployments/gpt-4o/chat/completions", f"{AZURE}/openai/v1"),
        (f"{AZURE}/api/projects/p/openai/v1", f"{AZURE}/api/projects/p/openai/v1"),
    ],
)
def test_an_address_that_was_copied_too_far_or_not_far_enough_is_fixed(address: str, meant: str) -> None:
    assert server_from(address, "").base_url == meant
    assert server_from(meant, "").base_url == meant


# Secrets

KEY, TOKEN, SIGNING = Secret


@pytest.mark.parametrize(
    ("secret", "value", "says"),
    [
        *[(KEY, value, None) for value in ("sk-proj-1", "anything-else")],
        *[(TOKEN, "xoxb-1-2-3", None), (SIGNING, SIGNING_SECRET, None)],
        (KEY, "xoxb-1-2-3", "that is a Slack bot token"),
        (KEY, SIGNING_SECRET, "that is a Slack signing secret"),
        (KEY, "sk-admin-1", "that is an OpenAI admin key"),
        (TOKEN, "sk-1", "that is an OpenAI API key"),
        (TOKEN, "xoxp-1", "that is a Slack user token"),
        (TOKEN, "xapp-1", "that is a Slack app-level token"),
        (TOKEN, SIGNING_SECRET, "that is a Slack signing secret"),
        (TOKEN, "something", "it does not look like the Bot User OAuth Token"),
        (SIGNING, "sk-1", "that is an OpenAI API key"),
        (SIGNING, SIGNING_SECRET.upper(), "it does not look like the Signing Secret"),
        (SIGNING, f"{SIGNING_SECRET}\n{SIGNING_SECRET}", "it has a blank, a line end"),
    ],
)
def test_a_secret_in_the_wrong_place_is_named_and_never_shown(secret: Secret, value: str, says: str | None) -> None:
    reason = invalid_secret_reason(secret, value)

    assert (reason or "").startswith(says or "")
    assert (reason is None) == (says is None)
    assert value not in str(reason)


@pytest.mark.parametrize(("value", "is_valid"), [(SIGNING_SECRET, True), ("xoxb-1", False)])
def test_the_key_of_another_server_may_have_any_form_but_slacks(value: str, is_valid: bool) -> None:
    assert (invalid_secret_reason(KEY, value, is_openai=False) is None) is is_valid
