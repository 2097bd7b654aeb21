"""Errors, named by what the caller must do about them.

BatchbellError
 ├── TransientError      try later
 ├── PermanentError      a person must act
 │    ├── RefusedError   the key, or what it may do, was refused
 │    ├── SignInError    the operator must sign in to AWS
 │    ├── ForbiddenError the operator needs a permission in AWS
 │    └── MissingError   it must be made first
 └── StaleError          another poll or delivery was first: read again
"""


class BatchbellError(Exception):
    """Base of what batchbell's adapters raise on purpose."""


class TransientError(BatchbellError):
    """The call may succeed later; `retry_after_s` is Slack's wish, if it had one."""

    def __init__(self, message: str, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class PermanentError(BatchbellError):
    """The call will fail until a person changes something."""


class RefusedError(PermanentError):
    """The service knows us not, or will not let us: `status` is 401 or 403."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


class SignInError(PermanentError):
    """AWS does not know who asks, or where: no credentials that are valid, or no region."""


class ForbiddenError(PermanentError):
    """AWS knows who asks, and does not let them."""


class MissingError(PermanentError):
    """There is no such thing in this account and region."""


class StaleError(BatchbellError):
    """What was read has been changed since by another poll or delivery."""
