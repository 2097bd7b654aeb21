"""The build: what `sam build` packs runs by itself."""

import io
import shutil
import subprocess
import sys
import zipfile
from importlib.metadata import distributions
from importlib.util import MAGIC_NUMBER, cache_from_source
from pathlib import Path

import pytest
from cfnlint.decode.cfn_yaml import load

from local.aws import build
from local.bytecode import add_bytecode
from local.licences import pinned

SRC = Path(__file__).parents[1] / "src"
HANDLERS = sorted(
    ".".join(path.relative_to(SRC).with_suffix("").parts)
    for path in (SRC / "batchbell/handlers").rglob("*.py")
    if path.stem != "__init__"
)
MB = 1_000_000
UVS_LOCK = ".lock"
UNCHECKED_HASH = (1).to_bytes(4, "little")
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


@pytest.fixture(scope="module")
def compiled(built: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """The folders of the functions with bytecode, as if this Python were their runtime."""
    folder = tmp_path_factory.mktemp("compiled") / "build"
    shutil.copytree(built, folder)
    assert add_bytecode(with_runtime(folder, sys.version_info.minor)).startswith("bytecode")
    return [each for each in folder.iterdir() if each.is_dir()]


def with_runtime(folder: Path, minor: int) -> Path:
    template = folder / "template.yaml"
    template.write_text(template.read_text().replace("Runtime: python3.13", f"Runtime: python3.{minor}"))
    return folder


def imported_from(folder: Path, module: str) -> str:
    """Where the module is found by a Python that sees nothing but the build folder, in an empty environment."""
    code = (
        "import importlib, sys; sys.path.insert(0, sys.argv[1]); print(importlib.import_module(sys.argv[2]).__file__)"
    )
    command = [sys.executable, "-I", "-S", "-B", "-c", code, str(folder), module]
    ran = subprocess.run(command, env={}, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


@pytest.mark.parametrize("module", [*HANDLERS, *PACKED])
def test_what_a_function_needs_is_packed_and_imported_with_an_empty_environment(packed: Path, module: str) -> None:
    assert imported_from(packed, module).startswith(str(packed))


def test_the_packed_distributions_are_the_pinned_ones(packed: Path) -> None:
    found = {each.name.replace("_", "-"): each.version for each in distributions(path=[str(packed)])}

    assert found == pinned()


def test_every_packed_file_is_ours_or_a_pinned_distributions(packed: Path) -> None:
    files = {path.relative_to(packed).as_posix() for path in packed.rglob("*") if path.is_file()}
    ours = {path.relative_to(SRC).as_posix() for path in SRC.rglob("*") if path.suffix in (".py", ".toml", ".json")}
    theirs = {str(file) for each in distributions(path=[str(packed)]) for file in each.files or ()}

    assert files - theirs - {UVS_LOCK} == ours
    assert not any(name.endswith(".pyc") for name in files)


def test_every_module_has_bytecode_that_is_used_whatever_the_time_of_its_source(compiled: list[Path]) -> None:
    for source in (source for function in compiled for source in function.rglob("*.py")):
        bytecode = Path(cache_from_source(source)).read_bytes()
        assert bytecode.startswith(MAGIC_NUMBER + UNCHECKED_HASH), source


@pytest.mark.parametrize("module", HANDLERS)
def test_a_function_with_bytecode_is_imported(compiled: list[Path], module: str) -> None:
    for function in compiled:
        assert imported_from(function, module).startswith(str(function))


def test_without_a_python_of_the_runtime_there_is_no_bytecode_and_a_line_says_so(tmp_path: Path) -> None:
    (tmp_path / "PollFunction").mkdir()
    (tmp_path / "PollFunction/module.py").touch()
    (tmp_path / "template.yaml").write_text("Runtime: python3.13\n")

    said = add_bytecode(with_runtime(tmp_path, 99))

    assert said.startswith("no bytecode: ")
    assert "uv python install 3.99" in said
    assert not list(tmp_path.rglob("*.pyc"))


def test_a_function_is_small_enough_to_be_updated_in_seconds(compiled: list[Path]) -> None:
    """Lambda takes 50 MB, or 250 unzipped; botocore's descriptions of all of AWS are 16 of our 23, bytecode is 4."""
    for function in compiled:
        zipped = io.BytesIO()
        with zipfile.ZipFile(zipped, "w", zipfile.ZIP_DEFLATED) as archive:
            for path in function.rglob("*"):
                archive.write(path, path.relative_to(function))

        assert len(zipped.getvalue()) < 25 * MB
