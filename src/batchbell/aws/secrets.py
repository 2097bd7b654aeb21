"""Read secrets: SSM SecureStrings, kept for some minutes."""

from typing import Any

import boto3
from aws_lambda_powertools.utilities.parameters import SSMProvider
from aws_lambda_powertools.utilities.parameters.exceptions import GetParameterError
from botocore.config import Config
from botocore.exceptions import ClientError

from batchbell.errors import NotFoundError, PermanentError, TransientError


class Secrets:
    """Reads parameters by name, each once in five minutes, or `afresh`."""

    def __init__(self, client: Any = None, *, read_s: float = 5, tries: int = 3) -> None:
        retries: Any = {"mode": "standard", "total_max_attempts": tries}
        config = Config(connect_timeout=min(2, read_s), read_timeout=read_s, retries=retries)
        # Without a client the provider opens another session, and loads all of botocore's data again.
        self._provider = SSMProvider(boto3_client=client or boto3.client("ssm", config=config))

    def read(self, name: str, afresh: bool = False) -> str:
        """Return the secret, trimmed. Raises: NotFoundError before it was stored, or other errors of ours."""
        try:
            value = self._provider.get(name, max_age=300, decrypt=True, force_fetch=afresh)
        except GetParameterError as error:
            cause = error.__context__  # Powertools keeps boto3's error only there
            code = cause.response["Error"]["Code"] if isinstance(cause, ClientError) else type(cause).__name__
            if code == "ParameterNotFound":
                raise NotFoundError(f"the parameter {name} is not stored yet", code=code) from error
            kind = PermanentError if "AccessDenied" in code else TransientError
            raise kind(f"the parameter {name} could not be read: {code}", code=code) from error
        return str(value or "").strip()
