"""Secrets are kept for some minutes, and what is missing is named."""

from collections.abc import Iterator
from functools import partial
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError, ConnectTimeoutError
from moto import mock_aws

from batchbell.aws.secrets import Secrets
from batchbell.errors import NotFoundError, PermanentError, TransientError

NAME = "/batchbell/search/openai-api-key"
DENIED = ClientError({"Error": {"Code": "AccessDeniedException", "Message": "no"}}, "GetParameter")


@pytest.fixture
def ssm() -> Iterator[Any]:
    with mock_aws():
        yield boto3.client("ssm")


def store(ssm: Any, value: str) -> None:
    ssm.put_parameter(Name=NAME, Value=value, Type="SecureString", Overwrite=True)


def test_a_secret_is_kept_until_it_is_wanted_afresh_without_what_pasting_left_around_it(ssm: Any) -> None:
    read = partial(Secrets(ssm).read, NAME)
    store(ssm, " sk-old\n")
    read(False)
    store(ssm, "sk-new")

    assert (read(False), read(True), read(False)) == ("sk-old", "sk-new", "sk-new")


def test_a_secret_that_is_not_stored_is_named(ssm: Any) -> None:
    with pytest.raises(NotFoundError, match=f"the parameter {NAME} is not stored yet"):
        Secrets(ssm).read(NAME)


@pytest.mark.parametrize(
    ("error", "kind"), [(DENIED, PermanentError), (ConnectTimeoutError(endpoint_url="x"), TransientError)]
)
def test_a_secret_that_cannot_be_read_says_why(ssm: Any, error: Exception, kind: type[Exception]) -> None:
    def fail(**_: object) -> None:
        raise error

    ssm.meta.events.register("before-call.ssm.GetParameter", fail)

    with pytest.raises(kind, match=f"the parameter {NAME} could not be read: (AccessDenied|ConnectTimeout)"):
        Secrets(ssm).read(NAME)
