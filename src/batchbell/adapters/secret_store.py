"""Secret store: SSM SecureStrings, as an operator reads and writes them."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from batchbell.adapters.aws import asked
from batchbell.domain.errors import MissingError


@dataclass(frozen=True, slots=True)
class Stored:
    """That a secret is stored; never which."""

    at: float
    version: int


class SecretStore:
    """Everything raises SignInError, ForbiddenError, PermanentError and TransientError."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def stored(self, name: str) -> Stored | None:
        """When it was stored, without reading it; None where there is none."""
        answer = self._parameter(name, is_decrypted=False)
        if answer is None:
            return None
        at = answer.get("LastModifiedDate") or datetime.fromtimestamp(0, UTC)
        return Stored(at.timestamp(), int(answer.get("Version", 1)))

    def read(self, name: str) -> str | None:
        """The secret, trimmed; None where there is none."""
        answer = self._parameter(name, is_decrypted=True)
        return str(answer["Value"]).strip() if answer else None

    def store(self, name: str, secret: str) -> None:
        """Store it as a SecureString under the account's own key, in the place of what is there."""
        request = {"Name": name, "Value": secret, "Type": "SecureString", "Overwrite": True}
        asked(f"ssm:PutParameter of {name}", lambda: self._client.put_parameter(**request))

    def _parameter(self, name: str, *, is_decrypted: bool) -> Any:
        try:
            answer = asked(
                f"ssm:GetParameter of {name}",
                lambda: self._client.get_parameter(Name=name, WithDecryption=is_decrypted),
            )
        except MissingError:
            return None
        return answer["Parameter"]
