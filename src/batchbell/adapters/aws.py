"""AWS: an operator's session, and its errors in the domain's words."""

import os
from collections.abc import Callable
from typing import Any, TypeVar

import boto3
from botocore import exceptions as botocore
from botocore.config import Config

from batchbell.domain.errors import (
    BatchbellError,
    ForbiddenError,
    MissingError,
    PermanentError,
    SignInError,
    TransientError,
)

T = TypeVar("T")

_NO_CREDENTIALS = (
    botocore.NoCredentialsError,
    botocore.PartialCredentialsError,
    botocore.CredentialRetrievalError,
    botocore.TokenRetrievalError,
    botocore.SSOError,
)
_NOT_SIGNED_IN = {
    "AuthFailure",
    "ExpiredToken",
    "ExpiredTokenException",
    "IncompleteSignature",
    "InvalidClientTokenId",
    "InvalidSignatureException",
    "MissingAuthenticationToken",
    "RequestExpired",
    "SignatureDoesNotMatch",
    "UnrecognizedClientException",
}
_FORBIDDEN = {"AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "AuthorizationError"}
_MISSING = {"ParameterNotFound", "ResourceNotFoundException"}
_TRANSIENT = {
    "InternalFailure",
    "InternalServerError",
    "RequestTimeout",
    "ServiceException",
    "ServiceUnavailable",
    "Throttling",
    "ThrottlingException",
    "TooManyRequestsException",
}


def session_of(environ: dict[str, str] | None = None) -> boto3.Session:
    """A session in `AWS_REGION`, which boto3 itself does not read. Raises: SignInError."""
    region = (os.environ if environ is None else environ).get("AWS_REGION")
    try:
        return boto3.Session(region_name=region or None)
    except botocore.BotoCoreError as error:
        raise SignInError(f"AWS: {error}") from error


def sign_in(session: boto3.Session) -> None:
    """Fetch the session's credentials, which may ask a person for an MFA code; nothing if it has none.

    AWS takes a code once: a command makes one session. Raises: SignInError, ForbiddenError, TransientError.
    """
    credentials = asked("AWS credentials", session.get_credentials)
    if credentials:
        asked("AWS credentials", credentials.get_frozen_credentials)


def client_of(session: Any, service: str, read_s: float = 15, tries: int = 2) -> Any:
    """A client that gives up while a person still waits. Raises: SignInError."""
    retries: Any = {"mode": "standard", "total_max_attempts": tries}
    config = Config(connect_timeout=5, read_timeout=read_s, retries=retries)
    return asked(f"{service}: a client", lambda: session.client(service, config=config))


def asked(call: str, request: Callable[[], T]) -> T:
    """What AWS answers; `call` is what errors name it.

    Raises: SignInError, ForbiddenError, MissingError, PermanentError, TransientError.
    """
    try:
        return request()
    except botocore.ClientError as error:
        raise _translation(call, error) from error
    except _NO_CREDENTIALS as error:
        raise SignInError(f"{call}: AWS credentials are missing or have expired ({_name(error)})") from error
    except (botocore.NoRegionError, botocore.InvalidRegionError) as error:
        raise SignInError(f"{call}: no AWS region is set; set AWS_REGION to that of the stack") from error
    except botocore.ProfileNotFound as error:
        raise SignInError(f"{call}: {error}") from error
    except botocore.BotoCoreError as error:
        raise TransientError(f"{call}: {_name(error)}") from error


def _translation(call: str, error: botocore.ClientError) -> BatchbellError:
    code = str(error.response.get("Error", {}).get("Code", ""))
    told = f"{call}: {code}"
    if code in _NOT_SIGNED_IN:
        return SignInError(f"{told}: AWS does not accept these credentials")
    if code in _FORBIDDEN:
        return ForbiddenError(f"{told}: your AWS identity may not do this")
    if code in _MISSING:
        return MissingError(f"{told}: there is none")
    return TransientError(told) if code in _TRANSIENT else PermanentError(told)


def _name(error: Exception) -> str:
    return type(error).__name__
