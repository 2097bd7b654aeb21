"""Server: whose API a base URL leads to, and which slips in it are forgiven."""

import re

_OPENAI = re.compile(r"https://([a-z]+\.)?api\.openai\.com(?=/|$)")
_AZURE = re.compile(
    r"https://[^/@]+\.(openai|cognitiveservices|services\.ai)\.azure\.(com|us|cn)(:\d+)?(?=/|$)",
    re.IGNORECASE,
)
_ENDPOINT = re.compile(r"(/deployments/[^/]+)?(/batches|/chat/completions)$")
_DATED = re.compile(r"\d{4}-\d{2}-\d{2}(-preview)?")


def is_openai(base_url: str) -> bool:
    return _OPENAI.match(base_url) is not None


def is_azure(base_url: str, api_version: str) -> bool:
    """Whether the key goes into Azure's header `api-key`, and not into `Authorization: Bearer`.

    So it is at a host of Azure's (public, US Government, China), and wherever an `api-version` is
    asked for: that is how Azure behind a name of its own is told from others.
    """
    return bool(api_version) or _AZURE.match(base_url) is not None


def base_url_from(address: str, api_version: str) -> str:
    """The base URL that was meant; the host, and so who gets the key, stays as it is.

    An endpoint's own path is cut off. At Azure the version decides between the two APIs: the
    classic one wants a date, the other, v1, none.

    Raises: ValueError for a version that would hand Azure's key to OpenAI.
    """
    base_url = _ENDPOINT.sub("", address.strip().rstrip("/")).rstrip("/")
    if api_version and is_openai(base_url):
        raise ValueError("OpenAIApiVersion is Azure's: set OpenAIBaseUrl to the Azure resource as well")
    if _OPENAI.fullmatch(base_url):
        return base_url + "/v1"
    if (azure := _AZURE.match(base_url)) and base_url[azure.end() :] in ("", "/openai", "/openai/v1"):
        return azure[0] + ("/openai" if _DATED.fullmatch(api_version) else "/openai/v1")
    return base_url


def advice_where_no_list_is(base_url: str, api_version: str) -> str:
    """What a person should look at when the base URL leads to no list of batches (404)."""
    if is_azure(base_url, api_version):
        return (
            "OpenAIBaseUrl should end in /openai with an OpenAIApiVersion such as 2024-10-21, "
            "or in /openai/v1 without one"
        )
    return (
        "OpenAIBaseUrl may lack a part, such as /v1 or /openai/v1; "
        "Azure behind a name of its own wants OpenAIApiVersion too"
    )
