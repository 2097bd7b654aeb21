"""The build: what `sam build` packs runs by itself."""

import subprocess
import sys
from pathlib import Path

import pytest
from cfnlint.decode.cfn_yaml import load

from local.aws import build

SRC = Path(__file__).parents[1] / "src"
HANDLERS = sorted(
    ".".join(path.relative_to(SRC).with_suffix("").parts)
    for path in (SRC / "batchbell/handlers").rglob("*.py")
    if path.stem != "__init__"
)
PACKED = ("aws_lambda_powertools", "boto3", "requests", "slack_sdk")

pytestmark = pytest.mark.xdist_group("build")  # one worker builds once


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sam") / "build"
    build(folder)
    return folder


@pytest.fixture(params=["PollFunction", "SlackFunction"])
def packed(built: Path, request: pytest.FixtureRequest) -> Path:
    """The folder that SAM packs for a function; functions that are built alike share one."""
    function = load(str(built / "template.yaml"))["Resources"][str(request.param)]
    return built / str(function["Properties"]["CodeUri"])


def imported_from(folder: Path, module: str) -> str:
    """Where the module is found by a Python that sees nothing but the build folder, in an empty environment."""
    code = "import importlib, sys; sys.path.insert(0, sys.argv[1]); print(importlib.import_module(sys.argv[2]).__file__)"
    command = [sys.executable, "-I", "-S", "-B", "-c", code, str(folder), module]
    ran = subprocess.run(command, env={}, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


@pytest.mark.parametrize("module", [*HANDLERS, *PACKED])
def test_what_a_function_needs_is_packed_and_imported_with_an_empty_environment(
    packed: Path, module: str
) -> None:
    assert imported_from(packed, module).startswith(str(packed))


def test_nothing_is_packed_that_only_runs_here(packed: Path) -> None:
    ours_alone = {"tests", "local", "bench", "moto", "pytest", "pydantic", "openai"}

    assert not ours_alone & {path.name for path in packed.iterdir()}
