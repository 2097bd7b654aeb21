"""AWS's errors in our words, and the team's stack behind the commands that need only it."""

import json
from types import SimpleNamespace

import pytest
from botocore import exceptions as botocore
from botocore.stub import Stubber

from batchbell.cli.aws import Aws, asked, session_of
from batchbell.cli.main import main
from batchbell.errors import BatchbellError, ForbiddenError, NotFoundError, PermanentError, SignInError, TransientError
from tests.cli.account import URL, Account


def raise_(error: Exception) -> None:
    raise error


def refusal(code: str) -> Exception:
    return botocore.ClientError({"Error": {"Code": code, "Message": "with details"}}, "GetThing")


@pytest.mark.parametrize(
    ("error", "ours"),
    [
        (refusal("ExpiredToken"), SignInError),
        (refusal("UnrecognizedClientException"), SignInError),
        (refusal("AccessDeniedException"), ForbiddenError),
        (refusal("ResourceNotFoundException"), NotFoundError),
        (refusal("ThrottlingException"), TransientError),
        (refusal("ValidationError"), PermanentError),
        (botocore.NoCredentialsError(), SignInError),
        (botocore.SSOTokenLoadError(error_msg="x"), SignInError),
        (botocore.NoRegionError(), SignInError),
        (botocore.EndpointConnectionError(endpoint_url="https://sts"), TransientError),
    ],
)
def test_each_failure_is_named_by_what_to_do(error: Exception, ours: type[BatchbellError]) -> None:
    with pytest.raises(BatchbellError, match="^get a thing: ") as translated:
        asked("get a thing", lambda: raise_(error))

    assert type(translated.value) is ours
    assert "with details" not in str(translated.value)


def test_a_command_acts_on_the_region_that_sam_reads_and_says_which(
    account: Account, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    main(["manifest", "--team", "search"])
    default = capsys.readouterr().err
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    monkeypatch.setenv("AWS_REGION", "eu-central-1")
    code = main(["manifest", "--team", "search"])
    only_the_other = capsys.readouterr().err

    assert default == "AWS account 123456789012, region eu-central-1\n"
    assert code == 1
    assert "no region is set; set AWS_DEFAULT_REGION, which SAM reads as well" in only_the_other


def test_of_a_log_however_long_only_what_ends_or_spoils_a_run_is_read() -> None:
    client = session_of().client("logs", aws_access_key_id="test", aws_secret_access_key="test")
    pattern = (
        '{ ($.message = "Ran") || ($.level = "WARNING") || ($.level = "ERROR") || ($.level = "CRITICAL")'
        ' || ($.record.status = "error") || ($.record.status = "failure") || ($.record.status = "timeout")'
        ' || ($.errorMessage = "*") }'
    )
    request = {"logGroupName": "/logs", "startTime": 0, "filterPattern": pattern}
    messages = ['{"level": "ERROR", "message": "Step failed"}', '{"level": "INFO", "message": "Ran"}']
    first, last = ([{"timestamp": 1000, "message": each}] * 1000 for each in messages)
    with Stubber(client) as stub:
        stub.add_response("filter_log_events", {"events": first, "nextToken": "more"}, request)
        stub.add_response("filter_log_events", {"events": last}, request | {"nextToken": "more"})

        lines = Aws(SimpleNamespace(client=lambda *_, **__: client)).log("/logs", since=0.0)

    assert lines == [(1, "Step failed")] * 1000 + [(1, "Ran")] * 1000


def test_the_manifest_is_that_of_the_teams_stack(account: Account) -> None:
    account.set_stack(parameters={"TeamName": "search", "SlashCommand": "/b"})

    code, printed = account.run("manifest", "--json")

    [command] = json.loads(printed)["manifest"]["features"]["slash_commands"]
    assert (code, command["command"], command["url"]) == (0, "/b", URL)


def test_the_teams_own_key_and_address_list_its_batches(account: Account) -> None:
    batch = account.openai.add("failed")

    assert json.loads(account.run("show", batch["id"], "--json")[1]) == batch
    assert json.loads(account.run("list", "--json")[1]) == batch


def test_an_invalid_environment_is_an_error_of_one_line(account: Account) -> None:
    account.tell(TABLE_NAME="")

    says = "the environment of the function batchbell-search-poll is invalid: the environment variable TABLE_NAME is not set"
    assert account.run("list") == (1, f"batchbell: {says}\n")


def test_a_stack_without_the_output_is_not_batchbells(account: Account) -> None:
    account.set_stack(outputs={})

    says = "batchbell: the stack batchbell-search has no output PollFunctionName: is it batchbell's, and deployed?\n"
    assert account.run("redeliver") == (1, says)
