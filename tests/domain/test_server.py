"""Server: who gets the key in which header, and which slips in an address are forgiven."""

import pytest

from batchbell.domain.server import base_url_from, is_azure, is_openai

AZURE = "https://contoso.openai.azure.com"


@pytest.mark.parametrize(
    "base_url",
    [
        f"{AZURE}/openai/v1",
        "https://CONTOSO.OpenAI.Azure.com/openai",
        f"{AZURE}:443/openai",
        AZURE,
        "https://contoso.cognitiveservices.azure.com/openai",
        "https://contoso.services.ai.azure.com/openai/v1",
        "https://contoso.openai.azure.us/openai/v1",
        "https://contoso.cognitiveservices.azure.us/openai/v1",
        "https://contoso.openai.azure.cn/openai",
    ],
)
def test_a_host_of_azures_takes_azures_header(base_url: str) -> None:
    assert is_azure(base_url, "")


@pytest.mark.parametrize(
    "base_url",
    [
        "https://api.openai.com/v1",
        "https://contoso.openai.azure.com.example.com/openai",
        "https://example.com/contoso.openai.azure.com",
        "https://openai.azure.com.evil.example/",
        "https://batch.azure.com/v1",
        "http://127.0.0.1:8080/v1",
        "",
    ],
)
def test_any_other_host_takes_a_bearer_unless_a_version_is_asked_for(base_url: str) -> None:
    assert not is_azure(base_url, "")
    assert is_azure(base_url, "2024-10-21")


@pytest.mark.parametrize("path", ["", "/openai", "/openai/v1", "/openai/batches", "/openai/v1/batches/"])
def test_at_azure_the_version_decides_which_api_is_asked(path: str) -> None:
    assert base_url_from(AZURE + path, "") == f"{AZURE}/openai/v1"
    assert base_url_from(AZURE + path, "preview") == f"{AZURE}/openai/v1"
    assert base_url_from(AZURE + path, "2024-10-21") == f"{AZURE}/openai"
    assert base_url_from(AZURE + path, "2025-04-01-preview") == f"{AZURE}/openai"


@pytest.mark.parametrize(
    ("address", "meant"),
    [
        ("https://api.openai.com", "https://api.openai.com/v1"),
        ("https://eu.api.openai.com/", "https://eu.api.openai.com/v1"),
        ("https://api.openai.com/v1/", "https://api.openai.com/v1"),
        ("https://api.openai.com/v1/batches", "https://api.openai.com/v1"),
        ("https://api.groq.com/openai/v1/chat/completions/", "https://api.groq.com/openai/v1"),
        ("https://llm.example.com//", "https://llm.example.com"),
        ("https://llm.example.com/openai/batches", "https://llm.example.com/openai"),
        ("https://llm.example.com/my-batches", "https://llm.example.com/my-batches"),
        (f"{AZURE}/openai/deployments/gpt-4o/chat/completions", f"{AZURE}/openai/v1"),
        (f"{AZURE}/api/projects/p/openai/v1", f"{AZURE}/api/projects/p/openai/v1"),
    ],
)
def test_what_was_copied_too_far_or_not_far_enough_is_mended(address: str, meant: str) -> None:
    assert base_url_from(address, "") == meant
    assert base_url_from(meant, "") == meant


def test_azures_key_is_not_handed_to_openai() -> None:
    with pytest.raises(ValueError, match="set OpenAIBaseUrl to the Azure resource as well"):
        base_url_from("https://api.openai.com/v1", "2024-10-21")


@pytest.mark.parametrize("base_url", ["https://api.openai.com.evil.example/v1", "http://api.openai.com/v1"])
def test_a_look_alike_is_not_openai(base_url: str) -> None:
    assert not is_openai(base_url)
