"""`batchbell secrets`: what it says in the end is what is stored."""

import pytest

from batchbell.config import Secret
from tests.cli.account import Account


def stored(account: Account) -> dict[str, tuple[str, str]]:
    """Return type and value of what is stored, by name."""
    names = [secret.parameter("search") for secret in Secret]
    answer = account.ssm.get_parameters(Names=names, WithDecryption=True)["Parameters"]
    return {each["Name"]: (each["Type"], each["Value"]) for each in answer}


def summary(printed: str) -> str:
    return printed.partition("\n\n")[2]


@pytest.fixture
def empty(account: Account) -> Account:
    """An account in which no secret is stored."""
    for secret in Secret:
        account.delete_secret(secret)
    return account


def test_accepted_secrets_are_stored_encrypted_and_trimmed_and_never_shown(empty: Account) -> None:
    values = (empty.openai.key, empty.slack.token, empty.slack.signing_secret)

    code, printed = empty.run("secrets", stdin=f"{values[0]}\n  {values[1]} \r\n{values[2]}\n")

    assert code == 0
    assert summary(printed).startswith("All three are stored.")
    assert "✓ batchbell_search in the workspace Acme" in printed
    assert "only `batchbell doctor` and a command typed in Slack can prove it" in printed
    assert stored(empty) == {
        secret.parameter("search"): ("SecureString", value) for secret, value in zip(Secret, values, strict=True)
    }
    assert not any(value in printed for value in values)


def test_what_services_refuse_is_not_stored_and_empty_lines_keep_what_is(account: Account) -> None:
    before = stored(account)

    code, printed = account.run("secrets", stdin="sk-other\nxoxb-other\n\n")

    assert code == 1
    assert "✗ The key was refused: 401 (invalid_api_key). The key is wrong, expired or revoked: " in printed
    assert "✗ Slack says invalid_auth. Take the Bot User OAuth Token, xoxb-…" in printed
    assert "one is stored since" in printed
    assert summary(printed) == ("Not replaced: openai-api-key, slack-bot-token. What was stored before is kept.\n")
    assert stored(account) == before


def test_a_secret_in_the_wrong_place_is_refused_by_name(account: Account) -> None:
    key, token = account.openai.key, account.slack.token

    code, printed = account.run("secrets", stdin=f"{token}\n{key}\n{key}\n")

    assert code == 1
    assert "✗ that is a Slack bot token; wanted is an OpenAI API key" in printed
    assert printed.count("that is an OpenAI API key") == 2
    assert not any(value in printed for value in (key, token))


def test_what_is_kept_and_what_is_missing_are_told_apart(empty: Account) -> None:
    empty.put_secret(Secret.OPENAI_API_KEY, "before")

    code, printed = empty.run("secrets", stdin="xoxb-in-the-wrong-place\n\nwrong\n")

    assert code == 1
    assert summary(printed) == (
        "Not replaced: openai-api-key. What was stored before is kept.\n"
        "Not stored: slack-bot-token, slack-signing-secret. Until all three are, batchbell does not work: run this again.\n"
    )


def test_a_missing_scope_is_said_and_does_not_refuse_the_token(account: Account) -> None:
    account.slack.scopes.discard("chat:write")

    code, printed = account.run("secrets", stdin=f"\n{account.slack.token}\n\n")

    assert code == 0
    assert "✗ Without chat:write it may not post. At api.slack.com/apps, under OAuth" in printed
    assert "✓ commands: it may have a slash command" in printed
