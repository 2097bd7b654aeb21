"""OpenAI: what an answer of List Batches says of the key and of the server."""

from dataclasses import dataclass

from batchbell.domain.diagnosis.finding import Finding, good, wrong

CHECK = "openai.key"


@dataclass(frozen=True, slots=True)
class ListAnswer:
    """One answer; `status` is 0 where none came, and `trouble` says why.

    `code` is the API's word for an error, `missing_permission` what a restricted key lacks.
    """

    status: int
    trouble: str = ""
    code: str | None = None
    missing_permission: str | None = None
    is_list: bool = False
    project: str | None = None
    organization: str | None = None


def key_finding(answer: ListAnswer, base_url: str) -> Finding:
    """Whether batches can be listed with this key at this address, and else why not."""
    if 200 <= answer.status < 300 and answer.is_list:
        whose = answer.project or answer.organization
        return good(CHECK, f"{base_url} lists batches{f' of {whose}' if whose else ''}")
    code, says, advice = _trouble(answer, base_url)
    named = f" ({answer.code})" if answer.code else ""
    status = f": {answer.status}{named}" if answer.status else ""
    return wrong(CHECK, f"openai.{code}", f"{says}{status}", advice)


def _trouble(answer: ListAnswer, base_url: str) -> tuple[str, str, str]:
    """Its code, what is wrong, and what to do: the first that applies."""
    status = answer.status
    is_restricted = status == 403 or bool(answer.missing_permission) or answer.code == "missing_scope"
    lacks = f" ({answer.missing_permission})" if answer.missing_permission else ""
    store = "store another with `batchbell secrets`"
    grant = f"Give the key the permission Batches: Read{lacks}, or {store}."
    renew = f"The key is wrong, expired or revoked: {store}. A restricted key needs Batches: Read."
    wait = "Wait: the next poll tries again, and nothing is lost."
    troubles = {
        (0,): ("unreachable", f"{base_url} does not answer ({answer.trouble})", _ADDRESS),
        (401, 403) if is_restricted else (): ("no_permission", "The key may not read batches", grant),
        (401,): ("key_refused", "The key was refused", renew),
        (404,): ("no_batches_here", f"{base_url}/batches does not exist", _ADDRESS),
        (429,): (
            "rate_limited",
            "The project is over its limit",
            "Wait, or raise the limit; nothing is lost.",
        ),
        range(200, 300): (
            "not_a_batches_server",
            f"{base_url} answers with something else than batches",
            _ADDRESS,
        ),
        range(300, 400): ("redirected", f"{base_url} redirects", _ADDRESS),
        range(500, 600): ("failing", f"{base_url} fails", wait),
    }
    refused = ("refused", f"{base_url} refuses the question", _ADDRESS)
    return next((trouble for statuses, trouble in troubles.items() if status in statuses), refused)


_ADDRESS = "Check OpenAIBaseUrl, the address to which /batches is added, and deploy again if it is wrong."
