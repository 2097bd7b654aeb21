"""Secret store: SecureStrings, overwritten, and never read without need."""

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from moto import mock_aws

from batchbell.adapters.secret_store import SecretStore

NAME = "/batchbell/search/openai-api-key"


@pytest.fixture
def ssm() -> Iterator[Any]:
    with mock_aws():
        yield boto3.client("ssm")


def test_what_is_stored_is_encrypted_and_replaces_what_was_there(ssm: Any) -> None:
    store = SecretStore(ssm)

    store.store(NAME, "sk-old")
    store.store(NAME, "sk-new")

    assert ssm.get_parameter(Name=NAME)["Parameter"]["Type"] == "SecureString"
    assert store.read(NAME) == "sk-new"
    stored = store.stored(NAME)
    assert stored is not None
    assert stored.version == 2


def test_nothing_stored_is_no_error(ssm: Any) -> None:
    assert (SecretStore(ssm).stored(NAME), SecretStore(ssm).read(NAME)) == (None, None)
