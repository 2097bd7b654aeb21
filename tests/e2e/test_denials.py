"""Denials: what a deployed function's role lacks is refused."""

import pytest

from local.aws import LocalAws
from local.team import Team
from tests.e2e.roles import Role, is_denied, role_of

SECRETS = ("openai-api-key", "slack-bot-token", "slack-signing-secret")
KEYS = {"Keys": [{"pk": {"S": "watch"}, "sk": {"S": "watch"}}]}


def may_read_secrets(role: Role, team_name: str) -> set[str]:
    ssm = role.client("ssm")
    return {
        name
        for name in SECRETS
        if not is_denied(ssm, "get_parameter", Name=f"/batchbell/{team_name}/{name}", WithDecryption=True)
    }


def test_the_poll_function_may_not_read_the_signing_secret(aws: LocalAws, team: Team) -> None:
    assert may_read_secrets(role_of(aws, team.function_name), team.name) == {"openai-api-key", "slack-bot-token"}


def test_the_slack_function_may_not_read_the_bot_token(aws: LocalAws, team: Team) -> None:
    assert may_read_secrets(role_of(aws, team.slack_function_name), team.name) == {
        "openai-api-key",
        "slack-signing-secret",
    }


def test_the_slack_function_may_read_the_table_and_write_nothing(aws: LocalAws, team: Team) -> None:
    client = role_of(aws, team.slack_function_name).client("dynamodb")
    name = team.table_name
    item = {"pk": {"S": "test"}, "sk": {"S": "test"}}
    put = {"Put": {"TableName": name, "Item": item}}

    assert not is_denied(client, "batch_get_item", RequestItems={name: KEYS})
    assert is_denied(client, "put_item", TableName=name, Item=item)
    assert is_denied(client, "update_item", TableName=name, Key=item)
    assert is_denied(client, "delete_item", TableName=name, Key=item)
    assert is_denied(client, "transact_write_items", TransactItems=[put])
    assert is_denied(client, "batch_write_item", RequestItems={name: [{"PutRequest": {"Item": item}}]})
    assert is_denied(client, "scan", TableName=name)


@pytest.mark.parametrize("which", ["function_name", "slack_function_name"])
def test_no_function_may_change_the_account(aws: LocalAws, team: Team, which: str) -> None:
    role = role_of(aws, getattr(team, which))
    secret = f"/batchbell/{team.name}/openai-api-key"

    assert is_denied(role.client("dynamodb"), "delete_table", TableName=team.table_name)
    assert is_denied(role.client("dynamodb"), "list_tables")
    assert is_denied(role.client("ssm"), "put_parameter", Name=secret, Value="x", Type="SecureString", Overwrite=True)
    assert is_denied(role.client("ssm"), "get_parameters_by_path", Path="/batchbell/", Recursive=True)
    assert is_denied(role.client("lambda"), "invoke", FunctionName=team.function_name)
