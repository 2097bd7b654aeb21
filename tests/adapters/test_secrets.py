"""Secrets: read through a cache, and what is missing is named."""

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError, ConnectTimeoutError
from moto import mock_aws

from batchbell.adapters.secrets import MissingSecretError, Secrets
from batchbell.domain.errors import PermanentError, TransientError

NAME = "/batchbell/search/openai-api-key"


@pytest.fixture
def ssm() -> Iterator[Any]:
    with mock_aws():
        yield boto3.client("ssm")


def store(ssm: Any, value: str) -> None:
    ssm.put_parameter(Name=NAME, Value=value, Type="SecureString", Overwrite=True)


def fail_with(ssm: Any, error: Exception) -> None:
    def fail(**_: object) -> None:
        raise error

    ssm.meta.events.register("before-call.ssm.GetParameter", fail)


def test_a_secret_is_read_without_what_pasting_left_around_it(ssm: Any) -> None:
    store(ssm, " sk-test\n")

    assert Secrets(ssm).read(NAME) == "sk-test"


def test_a_secret_is_kept_until_it_is_wanted_afresh(ssm: Any) -> None:
    read = Secrets(ssm).reader(NAME)
    store(ssm, "sk-old")
    read(False)
    store(ssm, "sk-new")

    assert (read(False), read(True), read(False)) == ("sk-old", "sk-new", "sk-new")


def test_a_secret_that_is_not_stored_is_named(ssm: Any) -> None:
    with pytest.raises(MissingSecretError, match=f"the parameter {NAME} is not stored yet"):
        Secrets(ssm).read(NAME)


def test_a_secret_that_may_not_be_read_needs_a_person(ssm: Any) -> None:
    error = {"Code": "AccessDeniedException", "Message": "no"}
    fail_with(ssm, ClientError({"Error": error}, "GetParameter"))  # type: ignore[typeddict-item]

    with pytest.raises(PermanentError, match=f"the parameter {NAME} may not be read"):
        Secrets(ssm).read(NAME)


def test_a_failing_service_is_a_transient_error(ssm: Any) -> None:
    fail_with(ssm, ConnectTimeoutError(endpoint_url="https://ssm"))

    with pytest.raises(TransientError, match=f"the parameter {NAME} could not be read"):
        Secrets(ssm).read(NAME)
