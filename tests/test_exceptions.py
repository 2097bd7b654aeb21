"""Exceptions: what the linters ask of the templates and is not done, each with its reason."""

from collections.abc import Iterator

import pytest
from cfnlint.decode.cfn_yaml import load

from local.aws import ROOT

TEMPLATES = ("template.yaml", ".github/deploy-role.yaml")
MOST_CHECKS = 8


def exceptions(template: str) -> Iterator[tuple[str, str]]:
    """Each exception and its reason."""
    content = load(str(ROOT / template))
    lint = content.get("Metadata", {}).get("cfn-lint", {"config": {"ignore_checks": []}, "reasons": {}})
    for check in lint["config"]["ignore_checks"]:
        yield check, lint["reasons"].get(check, "")
    for resource in content["Resources"].values():
        metadata = resource.get("Metadata", {})
        assert "cfn-lint" not in metadata
        for skip in metadata.get("checkov", {}).get("skip", []):
            yield skip["id"], skip.get("comment", "")


@pytest.mark.parametrize("template", TEMPLATES)
def test_every_exception_has_a_reason_and_always_the_same(template: str) -> None:
    found = list(exceptions(template))
    reasons = dict(found)

    assert all(len(reason.split()) > 5 for reason in reasons.values()), reasons
    assert all(reasons[check] == reason for check, reason in found)


def test_there_are_few_exceptions() -> None:
    checks = {check for template in TEMPLATES for check, _ in exceptions(template)}

    assert len(checks) <= MOST_CHECKS, sorted(checks)


def test_no_exception_is_made_outside_of_the_metadata() -> None:
    files = [ROOT / "Makefile", *(ROOT / each for each in TEMPLATES), *(ROOT / ".github").rglob("*.yml")]
    silencers = ("checkov:skip", "skip-check", "ignore-checks", "-i ", "zizmor: ignore", "no-exit-code")

    assert not [(file.name, word) for file in files for word in silencers if word in file.read_text()]
    assert not [*ROOT.glob("**/.cfnlintrc*"), *ROOT.glob(".checkov.y*ml"), *ROOT.glob("**/zizmor.y*ml")]
