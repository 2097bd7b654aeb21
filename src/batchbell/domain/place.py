"""Place: who speaks, and whose list of batches it is."""

import re
from dataclasses import dataclass

from batchbell.domain.message.mrkdwn import code
from batchbell.domain.secret import Slot, parameter_name
from batchbell.domain.server import is_azure, is_openai

_ID = re.compile(r"[A-Za-z0-9_-]{1,80}")


@dataclass(frozen=True, slots=True)
class Place:
    """A team's deployment, and the server whose batches it watches."""

    team: str
    base_url: str
    api_version: str = ""

    @property
    def service(self) -> str:
        """The server's name for a sentence."""
        address = self.base_url.removeprefix("https://").removeprefix("http://").rstrip("/")
        if self.is_openai:
            return "OpenAI"
        if self.is_azure:
            return f"Azure OpenAI ({code(address.partition('/')[0], 60)})"
        return code(address, 40) or "the server"

    def at(self, base_url: str) -> "Place":
        """The same team's, at the server that was watched when there was something to tell."""
        return self if base_url == self.base_url else Place(self.team, base_url)

    @property
    def key_parameter(self) -> str:
        return code(parameter_name(self.team, Slot.OPENAI_API_KEY))

    def page_of(self, batch_id: str) -> str | None:
        """The dashboard's page of a batch; None on a server that has none."""
        has_page = self.is_openai and _ID.fullmatch(batch_id)
        return f"https://platform.openai.com/batches/{batch_id}" if has_page else None

    @property
    def is_openai(self) -> bool:
        return is_openai(self.base_url)

    @property
    def is_azure(self) -> bool:
        return is_azure(self.base_url, self.api_version)
