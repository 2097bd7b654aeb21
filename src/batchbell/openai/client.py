"""Call OpenAI, or a server that speaks its API: list batches, retrieve one by id, read an error file.

Retries follow openai-python (3.54, `_base_client.py`): the same statuses, headers and waits.
"""

import json
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import KW_ONLY, dataclass, field
from email.utils import parsedate_to_datetime
from random import random as random_share
from typing import Any, TypeVar
from urllib.parse import quote, urljoin

import requests
from urllib3.exceptions import HTTPError as Urllib3Error

from batchbell.config import Server
from batchbell.errors import TOO_LARGE, AuthenticationError, NotFoundError, PermanentError, TransientError
from batchbell.models import ErrorSummary, Page, Row
from batchbell.openai.error_file import summary_of
from batchbell.openai.parse import head_of, number, parse_page, parse_retrieved

T = TypeVar("T")

_CONNECT_S, _READ_S = 5.0, 20.0
_CHUNK_BYTES, _HEAD_BYTES, _MAX_BODY_BYTES = 2**16, 2**20, 32 * 2**20
_MAX_FILE_BYTES, _FILE_S = 4 * 2**20, 3.0
_FIRST_DELAY_S, _MAX_DELAY_S, _MAX_RETRY_AFTER_S = 0.5, 8.0, 120.0

_JSON = {"Accept": "application/json"}
_FILE = {"Accept": "*/*", "Accept-Encoding": "identity"}

Parse = Callable[[Any, Mapping[str, str]], T | None]  # None where the JSON is not what was asked for


@dataclass(frozen=True, slots=True)
class OpenAIClient:
    """List Batches, Retrieve Batch and Retrieve File Content of one server. Several threads may call at once.

    `key(afresh)` returns the API key, read anew if `afresh`. The waits between five `tries` last 7.5 s.
    Raises: TransientError (also if no time is left before `deadline_at`), PermanentError, AuthenticationError
    (401, 403). No error, nor what it was raised from, holds the key or a body.
    """

    server: Server
    key: Callable[[bool], str]
    _: KW_ONLY
    tries: int = 5
    clock: Callable[[], float] = time.time
    sleep: Callable[[float], None] = time.sleep
    random: Callable[[], float] = random_share
    new_session: Callable[[], requests.Session] = requests.Session
    thread: threading.local = field(default_factory=threading.local, init=False)  # a session of each: none is shared

    def list_page(self, after: str | None = None, limit: int = 100, *, deadline_at: float) -> Page:
        """Return one page, newest first: of the batches older than the batch `after`."""
        if not 1 <= limit <= 100:
            raise ValueError(f"limit must be from 1 to 100, not {limit!r}")
        params = {"limit": str(limit), **({"after": after} if after else {})}
        return self._get("List Batches", "/batches", parse_page, deadline_at, **params)

    def paginate(self, after: str | None = None, limit: int = 100, *, deadline_at: float) -> Iterator[Page]:
        """Yield pages, to the last or one without a new id: some servers show the same page for ever."""
        seen: set[str] = set()
        while True:
            page = self.list_page(after, limit, deadline_at=deadline_at)
            yield page
            ids = [batch.id for batch in page.batches]
            if page.has_more is False or seen.issuperset(ids):
                return
            seen.update(ids)
            after = ids[-1]

    def retrieve(self, batch_id: str, *, deadline_at: float) -> Row | None:
        """Return the batch under the id that was asked for; None where the API knows none (404)."""
        if not batch_id.strip("."):
            return None  # "", "." and ".." would ask for another path
        path = "/batches/" + quote(batch_id, safe="", errors="replace")
        try:
            return self._get("Retrieve Batch", path, lambda raw, _: parse_retrieved(raw, batch_id), deadline_at)
        except NotFoundError:
            return None

    def error_summary(self, file_id: str, *, deadline_at: float) -> ErrorSummary | None:
        """Return what an error file says in its first 4 MiB and 3 s, by one try; None where the server gives nothing."""
        if not re.fullmatch(r"[A-Za-z0-9_.-]{1,200}", file_id) or not file_id.strip("."):
            return None  # such as a URL at Azure; "." and ".." would ask for another path
        with suppress(TransientError, PermanentError):  # the key cannot be read
            until = min(deadline_at, self.clock() + _FILE_S)
            answer = self._ask(f"/files/{file_id}/content", {}, self._sendable_key(afresh=False), until, file=True)
            return answer.content if isinstance(answer.content, ErrorSummary) else None
        return None

    def _get(self, call: str, path: str, parse: Parse[T], deadline_at: float, **params: str) -> T:
        """Ask until `parse` finds what was asked for, or another try is of no use."""
        key, is_afresh, tries = self._sendable_key(afresh=False), False, 0
        while True:
            tries += 1
            answer = self._ask(path, params, key, deadline_at)
            if answer.adds_slash_to(self.server.base_url + path):
                path += "/"
                continue
            parsed = parse(answer.content, answer.headers) if 200 <= answer.status < 300 else None
            if parsed is not None:
                return parsed
            if answer.status in (401, 403) and not is_afresh:
                refused, key, is_afresh = key, self._sendable_key(afresh=True), True
                if key != refused:
                    continue
            now = self.clock()
            delay_s = answer.delay_s(tries, now, self.random())
            if delay_s is None or tries >= self.tries or now + delay_s >= deadline_at:
                raise answer.error(call)
            self.sleep(delay_s)

    def _sendable_key(self, afresh: bool) -> str:
        key = self.key(afresh)
        # http.client refuses such a key as well, and shows it.
        if not re.fullmatch(r"[\x21-\x7e\xa1-\xff]+", key):
            raise PermanentError("the OpenAI API key is empty, or has a blank or line end in it")
        return key

    def _ask(self, path: str, params: Mapping[str, str], key: str, until: float, *, file: bool = False) -> "_Answer":
        """Send one request. What requests raises holds the request, and so the key: it ends here."""
        left_s = until - self.clock()
        if left_s <= 0:
            return _Answer(failure="no time left")
        key_header = {"api-key": key} if self.server.is_azure else {"Authorization": f"Bearer {key}"}
        if not hasattr(self.thread, "session"):
            self.thread.session = self.new_session()
        try:
            with self.thread.session.get(
                self.server.base_url + path,
                params={"api-version": self.server.api_version or None, **params},
                headers={"User-Agent": "batchbell", **(_FILE if file else _JSON), **key_header},
                auth=lambda request: request,  # without any, a ~/.netrc would replace the header
                timeout=(min(_CONNECT_S, left_s), min(_READ_S, left_s)),
                stream=True,
                allow_redirects=False,  # requests would take the header `api-key` along to another host
            ) as response:
                read = self._read_error_file if file else self._read_json
                return _Answer(response.status_code, response.headers, read(response, until))
        except ValueError as error:
            raise PermanentError(f"OpenAIBaseUrl is not a valid address ({type(error).__name__})") from None
        except (requests.RequestException, Urllib3Error) as error:
            return _Answer(failure=type(error).__name__)  # its text may show a proxy's password

    def _read_json(self, response: requests.Response, deadline_at: float) -> Any:
        """Return the JSON of a body, None where it is none; of one that is longer than 32 MiB, what its beginning has."""
        body = bytearray()
        for chunk in self._chunks(response, deadline_at):
            body += chunk
            if len(body) >= _MAX_BODY_BYTES:
                return CutBody(head_of(body[:_HEAD_BYTES].decode(errors="replace")))
        try:
            return json.loads(body)
        except (ValueError, RecursionError):
            return None

    def _read_error_file(self, response: requests.Response, deadline_at: float) -> ErrorSummary | None:
        """Return what an error file says, as far as it could be read."""
        if response.status_code != 200:
            return None
        errors = EOFError, requests.RequestException, Urllib3Error
        return summary_of(self._chunks(response, deadline_at), _MAX_FILE_BYTES, errors)

    def _chunks(self, response: requests.Response, deadline_at: float) -> Iterator[bytes]:
        """Yield a body, decoded. A timeout of requests bounds each read alone: a trickle would never end."""
        while True:
            left_s = deadline_at - self.clock()
            if left_s <= 0:
                raise requests.ReadTimeout
            if sock := getattr(response.raw.connection, "sock", None):
                sock.settimeout(min(_READ_S, left_s))
            chunk = response.raw.read1(_CHUNK_BYTES, decode_content=True)
            if not chunk:
                return
            yield chunk


class CutBody(dict[str, Any]):
    """The fields at the beginning of a body that was too long to be read."""


@dataclass(frozen=True, slots=True)
class _Answer:
    """An answer and its JSON, None where it has none. If none came, `status` is 0 and `failure` tells why."""

    status: int = 0
    headers: Mapping[str, str] = field(default_factory=dict)
    content: Any = None
    failure: str = ""

    def adds_slash_to(self, url: str) -> bool:
        """Whether it is a redirect to the same address with a slash at its end: no other is followed."""
        if not 300 <= self.status < 400 or url.endswith("/"):
            return False
        try:
            return urljoin(url, self.headers.get("location", "")).partition("?")[0] == f"{url}/"
        except ValueError:
            return False

    @property
    def is_transient(self) -> bool:
        """Whether the next answer may be another. A 2xx is judged only where it was unusable."""
        if isinstance(self.content, CutBody) and self.status < 300:
            return False
        may_pass = not 300 <= self.status < 500 or self.status in (408, 409, 429)
        return may_pass or self.headers.get("x-should-retry") == "true"

    @property
    def told(self) -> dict[str, Any]:
        """The API's error. `message` may repeat a part of the key: never show it."""
        error = self.content.get("error") if isinstance(self.content, dict) else None
        return error if isinstance(error, dict) else {}

    @property
    def code(self) -> str | None:
        """The API's own code. If a refusal has none: `html_page` or `ip_not_authorized`, where its text shows that."""
        guess = None
        if self.status in (401, 403):
            is_about_ip = re.search(r"\bIP\b", str(self.told.get("message")))
            # A web page is the answer of a CDN or a firewall in front of the API.
            is_page = "html" in self.headers.get("content-type", "")
            guess = "html_page" if is_page else "ip_not_authorized" if is_about_ip else None
        words = (str(word or "") for word in (self.told.get("code"), guess, self.told.get("type")))
        return next((word for word in words if re.fullmatch("[A-Za-z_]{1,64}", word)), None)

    def delay_s(self, tries: int, now: float, random: float) -> float | None:
        """Return how long to wait before the next try; None: not to be tried again."""
        # A quota lasts until somebody has paid.
        is_lasting = self.code == "insufficient_quota" or self.headers.get("x-should-retry") == "false"
        asked_s = max(_retry_after_s(self.headers, now), 0)
        if is_lasting or not self.is_transient or asked_s > _MAX_RETRY_AFTER_S:
            return None
        return asked_s or min(_FIRST_DELAY_S * 2.0 ** (tries - 1), _MAX_DELAY_S) * (1 - 0.25 * random)

    def error(self, call: str) -> TransientError | PermanentError:
        """Return the error that this answer is, when it is the last one."""
        status, code = self.status, self.code
        if isinstance(self.content, CutBody) and status < 300:
            code = TOO_LARGE
        if self.failure:
            return TransientError(f"{call}: no answer ({self.failure})")
        text = f"{call} answered {status}" + (f" ({code})" if code else "")
        if status in (401, 403):
            found = re.search(r"Missing scopes: ([a-z][a-z_.]{2,60})", str(self.told.get("message")))
            needed = found[1].rstrip(".") if found else None
            return AuthenticationError(f"{text}: the API key was refused", status=status, code=code, needed=needed)
        if code == TOO_LARGE:
            text += ": it is longer than 32 MiB"
        elif status < 300:
            text += " with something else than batches; is OpenAIBaseUrl right?"
        elif status < 400:
            text += ", a redirect: set OpenAIBaseUrl to where the API is"
        elif status == 404:
            text += ": OpenAIBaseUrl may lack a part, such as /v1 or /openai/v1; "
            text += "at Azure it ends in /openai/v1, or in /openai with an OpenAIApiVersion such as 2024-10-21"
        kind = TransientError if self.is_transient else NotFoundError if status == 404 else PermanentError
        return kind(text, status=status, code=code)


def _retry_after_s(headers: Mapping[str, str], now: float) -> float:
    """Return the wait that the server asks for: in milliseconds, else seconds, else an HTTP date; else 0."""
    milliseconds, text = number(headers.get("retry-after-ms")), headers.get("retry-after", "")
    if milliseconds is not None:
        return milliseconds / 1000
    try:
        seconds = number(text)
        return parsedate_to_datetime(text).timestamp() - now if seconds is None else seconds
    except (ValueError, TypeError, OverflowError, IndexError):
        return 0
