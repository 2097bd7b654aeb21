"""The environment of a deployment -> one Config."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from batchbell.models import Batch, Status, has_failures, lacks_counts, normalised

DAY_S = 86_400

_OPENAI = re.compile(r"https://([a-z]+\.)?api\.openai\.com(?=/|$)")
_AZURE = re.compile(r"(?i)https://[^/@]+\.(openai|cognitiveservices|services\.ai)\.azure\.(com|us|cn)(:\d+)?(?=/|$)")

MetadataFilter = tuple[tuple[str, frozenset[str]], ...]


@dataclass(frozen=True, slots=True)
class Server:
    """The server whose batches are watched. Make it with `server_from`."""

    base_url: str
    api_version: str = ""

    @property
    def is_openai(self) -> bool:
        return _OPENAI.match(self.base_url) is not None

    @property
    def is_azure(self) -> bool:
        """Whether the key goes into the header `api-key`. A version shows Azure behind a domain of its own."""
        return bool(self.api_version) or _AZURE.match(self.base_url) is not None

    def batch_page(self, batch_id: str) -> str | None:
        """Return the dashboard's page of a batch; None on a server that has none."""
        has_page = self.is_openai and re.fullmatch(r"[A-Za-z0-9_-]{1,80}", batch_id)
        return f"https://platform.openai.com/batches/{batch_id}" if has_page else None


def server_from(address: str, api_version: str) -> Server:
    """Return the server that was meant. The host, and so who gets the key, stays as it is. Raises: ValueError."""
    endpoint = r"(/deployments/[^/]+)?(/batches|/chat/completions)$"
    base_url, api_version = re.sub(endpoint, "", address.strip().rstrip("/")).rstrip("/"), api_version.strip()
    if api_version and _OPENAI.match(base_url):  # this would send Azure's key to OpenAI
        raise ValueError("OpenAIApiVersion is Azure's: set OpenAIBaseUrl to the Azure resource as well")
    if _OPENAI.fullmatch(base_url):
        return Server(base_url + "/v1", api_version)
    if (azure := _AZURE.match(base_url)) and base_url[azure.end() :] in ("", "/openai", "/openai/v1"):
        is_classic = re.fullmatch(r"\d{4}-\d{2}-\d{2}(-preview)?", api_version)  # v1 has no dated versions
        base_url = azure[0] + ("/openai" if is_classic else "/openai/v1")
    return Server(base_url, api_version)


@dataclass(frozen=True, slots=True)
class Config:
    """One team's deployment. An end older than `retention_s` is not announced."""

    team: str
    channel: str
    table_name: str
    server: Server
    slack_base_url: str = "https://slack.com/api/"
    slash_command: str = "/batches"
    notify_on: frozenset[str] = frozenset({Status.COMPLETED, Status.FAILED, Status.EXPIRED})
    metadata_filter: MetadataFilter = ()
    retention_s: int = 30 * DAY_S
    reads_error_files: bool = True

    @property
    def filter_text(self) -> str:
        """The metadata filter as it is written."""
        return ",".join(f"{key}={'|'.join(sorted(values))}" for key, values in self.metadata_filter)

    def matches_filter(self, batch: Batch) -> bool:
        """Whether the batch is this team's, by its metadata."""
        metadata = dict(batch.metadata)
        return all(metadata.get(key) in values for key, values in self.metadata_filter)

    def selects(self, batch: Batch) -> bool:
        """Whether `NotifyOn` and `MetadataFilter` select this batch in its present status."""
        # `failed` also selects a completed batch with failed requests, or one whose counts are still unknown.
        is_failure = Status.FAILED in self.notify_on and (lacks_counts(batch) or has_failures(batch))
        return self.matches_filter(batch) and (batch.status in self.notify_on or is_failure)


def config_from(environ: Mapping[str, str]) -> Config:
    """Return the configuration of a function. Raises: ValueError, naming the variable that is wrong."""
    days = _value(environ, "RETENTION_DAYS")
    if not days.isdecimal() or int(days) < 1:
        raise ValueError(f"RETENTION_DAYS must be a whole number of days, not {days!r}")
    error_files = environ.get("ERROR_FILES") or "summary"
    if error_files not in ("summary", "off"):
        raise ValueError(f"ERROR_FILES must be summary or off, not {error_files!r}")
    return Config(
        team=_value(environ, "TEAM_NAME"),
        channel=_value(environ, "SLACK_CHANNEL"),
        table_name=_value(environ, "TABLE_NAME"),
        server=server_from(_value(environ, "OPENAI_BASE_URL"), environ.get("OPENAI_API_VERSION", "")),
        slack_base_url=_value(environ, "SLACK_BASE_URL"),
        slash_command=_value(environ, "SLASH_COMMAND"),
        notify_on=notify_on_from(_value(environ, "NOTIFY_ON")),
        metadata_filter=metadata_filter_from(environ.get("METADATA_FILTER", "")),
        retention_s=int(days) * DAY_S,
        reads_error_files=error_files == "summary",
    )


def notify_on_from(text: str) -> frozenset[str]:
    """Return the statuses of a comma-separated list, in the API's spelling. Raises: ValueError."""
    statuses = frozenset(normalised(word) for word in text.split(",") if word.strip())
    if not statuses:
        raise ValueError("NotifyOn names no status: give one or more, such as completed,failed")
    return statuses


def metadata_filter_from(text: str) -> MetadataFilter:
    """Parse `team=search,env=prod|staging`: `,` means and, `|` means or. Raises: ValueError."""
    pairs = []
    for part in filter(str.strip, text.split(",")):
        key, equals, values = part.partition("=")
        if not key.strip() or not equals:
            raise ValueError(f"MetadataFilter must be key=value, not {part.strip()!r}")
        pairs.append((key.strip(), frozenset(value.strip() for value in values.split("|"))))
    return tuple(pairs)


def _value(environ: Mapping[str, str], name: str) -> str:
    if not environ.get(name, "").strip():
        raise ValueError(f"the environment variable {name} is not set")
    return environ[name].strip()


class Secret(StrEnum):
    """The three secrets of a team: the last part of the SSM parameter's name, in the order of asking."""

    OPENAI_API_KEY = "openai-api-key"
    SLACK_BOT_TOKEN = "slack-bot-token"  # noqa: S105  a name
    SLACK_SIGNING_SECRET = "slack-signing-secret"  # noqa: S105  a name

    def parameter(self, team: str) -> str:
        """Return the name of the SSM parameter that holds this secret."""
        return f"/batchbell/{team}/{self}"


SECRET_HINTS = {
    Secret.OPENAI_API_KEY: "an OpenAI API key, sk-…, which may be restricted to the permission Batch (read)",
    Secret.SLACK_BOT_TOKEN: "the Bot User OAuth Token, xoxb-…, of the Slack app's page OAuth & Permissions",
    Secret.SLACK_SIGNING_SECRET: "the Signing Secret of the Slack app's page Basic Information",
}

# How a value begins, what it is then, and which secret it may be. The first row that fits counts.
_FORMS = (
    ("[0-9a-f]{32}$", "a Slack signing secret", Secret.SLACK_SIGNING_SECRET),
    ("xoxb-", "a Slack bot token", Secret.SLACK_BOT_TOKEN),
    ("xoxp-", "a Slack user token", None),
    ("xapp-", "a Slack app-level token", None),
    ("xoxe", "a Slack configuration or refresh token", None),
    ("xox", "a Slack token of another kind", None),
    ("sk-admin-", "an OpenAI admin key", None),
    ("sk-", "an OpenAI API key", Secret.OPENAI_API_KEY),
    ("whsec_", "a webhook's secret", None),
    ("http", "an address", None),
    ("", "", Secret.OPENAI_API_KEY),  # a form that OpenAI may have changed to
)


def invalid_secret_reason(secret: Secret, value: str, *, is_openai: bool = True) -> str | None:
    """Return why the value, which is never shown, cannot be this secret; None where it may be."""
    if not re.fullmatch(r"[!-~]+", value):
        return "it has a blank, a line end or a letter in it that no such secret has"
    kind, fits = next((kind, fits) for form, kind, fits in _FORMS if re.match(form, value))
    if secret is Secret.OPENAI_API_KEY and not is_openai and not value.startswith(("xox", "xapp-")):
        fits = secret  # keys of other servers have any form
    if fits is secret:
        return None
    return f"{f'that is {kind}; wanted is' if kind else 'it does not look like'} {SECRET_HINTS[secret]}"
