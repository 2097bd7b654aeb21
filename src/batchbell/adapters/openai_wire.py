"""OpenAI: one request over HTTP, asked once."""

import json
import threading
from collections.abc import Callable, Mapping
from typing import Any

import requests
from requests.auth import AuthBase
from urllib3.exceptions import HTTPError as Urllib3Error

from batchbell.adapters.openai_answer import Answer
from batchbell.domain.errors import PermanentError
from batchbell.domain.server import is_azure

_CONNECT_S = 5.0
_READ_S = 20.0
_CHUNK_BYTES = 2**16
_MAX_BODY_BYTES = 32 * 2**20
_HEADERS = {"Accept": "application/json", "User-Agent": "batchbell"}


class OpenAIWire:
    """The way to one server, on which the key goes into one header of one host.

    Several threads may ask at once, each in a session of its own.
    """

    def __init__(
        self,
        base_url: str,
        api_version: str,
        clock: Callable[[], float],
        new_session: Callable[[], requests.Session],
    ) -> None:
        self._base_url = base_url
        self._api_version = api_version
        self._clock = clock
        self._own = _Own(new_session)

    def ask(self, path: str, params: Mapping[str, str], key: str, deadline_at: float) -> Answer:
        """What is answered, if anything is. What requests raises holds the request and so the key: it ends here.

        Raises: PermanentError where it cannot even be asked.
        """
        left_s = deadline_at - self._clock()
        if left_s <= 0:
            return Answer(trouble="no time left")
        try:
            with self._own.session.get(
                self._base_url + path,
                params={"api-version": self._api_version or None, **params},
                headers=_HEADERS,
                auth=_Key(key, is_azure=is_azure(self._base_url, self._api_version)),
                timeout=(min(_CONNECT_S, left_s), min(_READ_S, left_s)),
                stream=True,
                allow_redirects=False,
            ) as response:
                content = _parsed(self._body(response, deadline_at))
                return Answer(response.status_code, response.headers, content)
        except ValueError as error:
            name = type(error).__name__
            raise PermanentError(f"OpenAIBaseUrl is no address that can be asked ({name})") from None
        except (requests.RequestException, Urllib3Error) as error:
            return Answer(trouble=type(error).__name__)

    def _body(self, response: requests.Response, deadline_at: float) -> bytes:
        """The body, cut where it grows absurd.

        A timeout of requests bounds each read only, so that a trickle would never end.
        """
        body = bytearray()
        while len(body) < _MAX_BODY_BYTES:
            left_s = deadline_at - self._clock()
            if left_s <= 0:
                raise requests.ReadTimeout
            if sock := getattr(response.raw.connection, "sock", None):
                sock.settimeout(min(_READ_S, left_s))
            chunk = response.raw.read1(_CHUNK_BYTES, decode_content=True)
            if not chunk:
                break
            body += chunk
        return bytes(body)


class _Own(threading.local):
    """What each thread has for itself."""

    def __init__(self, new_session: Callable[[], requests.Session]) -> None:
        self.session = new_session()


class _Key(AuthBase):
    """Puts the key into its header; as `auth`, since requests would let a ~/.netrc replace a header.

    No redirect is ever followed: requests would take `api-key` along to another host.
    """

    def __init__(self, key: str, *, is_azure: bool) -> None:
        self._header = ("api-key", key) if is_azure else ("Authorization", f"Bearer {key}")

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers.update([self._header])
        return request


def _parsed(body: bytes) -> Any:
    """What the body holds; None where it is not JSON."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None
