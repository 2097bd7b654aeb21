"""Errors, named by what the caller must do about them."""

TOO_LARGE = "body_too_large"  # the code of an answer that was cut, and could not be read


class BatchbellError(Exception):
    """Base of what batchbell raises on purpose. No message holds a secret or a body.

    `status` is the HTTP status of the answer, 0 where none came; `code` the service's own error code;
    `needed` the Slack scope or OpenAI permission that is missing; `retry_after_s` the wait asked for.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int = 0,
        code: str | None = None,
        needed: str | None = None,
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(message)
        self.status, self.code, self.needed, self.retry_after_s = status, code, needed, retry_after_s


class TransientError(BatchbellError):
    """The call may succeed later, after `retry_after_s` if the service said so."""


class PermanentError(BatchbellError):
    """The call will fail until a person changes something."""


class AuthenticationError(PermanentError):
    """Authentication or permission failed."""


class NotFoundError(PermanentError):
    """The service knows no such thing: it is not there yet, or no more."""


class SignInError(PermanentError):
    """AWS does not accept the operator's credentials, or no region is set."""


class ForbiddenError(PermanentError):
    """AWS knows the operator and does not allow the call."""


class ConflictError(BatchbellError):
    """What was read has been changed since by another run."""
