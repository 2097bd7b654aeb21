"""Secrets: SSM SecureStrings, read through a cache."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import boto3
from aws_lambda_powertools.utilities.parameters import SSMProvider
from aws_lambda_powertools.utilities.parameters.exceptions import GetParameterError
from botocore.config import Config
from botocore.exceptions import ClientError

from batchbell.domain.errors import BatchbellError, PermanentError, TransientError

if TYPE_CHECKING:
    from mypy_boto3_ssm import SSMClient

MAX_AGE_S = 300


class MissingSecretError(PermanentError):
    """The parameter has not been stored yet."""


class Secrets:
    """Reads named parameters; what was read is kept for some minutes."""

    def __init__(self, client: "SSMClient | None" = None, *, read_s: float = 5, tries: int = 3) -> None:
        retries: Any = {"mode": "standard", "total_max_attempts": tries}
        config = Config(connect_timeout=min(2, read_s), read_timeout=read_s, retries=retries)
        # Left to itself the provider opens another session, and reads all of botocore's tables again.
        self._provider = SSMProvider(boto3_client=client or boto3.client("ssm", config=config))

    def read(self, name: str, afresh: bool = False) -> str:
        """The secret of that name, without the spaces and line ends that pasting leaves.

        Raises: MissingSecretError; PermanentError if we may not read it; TransientError.
        """
        try:
            value = self._provider.get(name, max_age=MAX_AGE_S, decrypt=True, force_fetch=afresh)
        except GetParameterError as error:
            raise _translation(name, error) from error
        return str(value or "").strip()

    def reader(self, name: str) -> Callable[[bool], str]:
        """What reads this one secret, afresh if told so."""
        return lambda afresh: self.read(name, afresh)


def _translation(name: str, error: GetParameterError) -> BatchbellError:
    cause = error.__cause__ or error.__context__ or (error.args and error.args[0])
    code = cause.response["Error"]["Code"] if isinstance(cause, ClientError) else str(error)
    if "ParameterNotFound" in code:
        return MissingSecretError(f"the parameter {name} is not stored yet")
    if "AccessDenied" in code:
        return PermanentError(f"the parameter {name} may not be read: {code}")
    return TransientError(f"the parameter {name} could not be read")
