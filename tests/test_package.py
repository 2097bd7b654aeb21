"""The package: `batchbell` runs where nothing but its wheel is installed."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from batchbell import __version__
from local.aws import ROOT, SAM
from local.openai_simulator import OpenAISimulator

UV = SAM / "uv"
SRC = ROOT / "src"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    subprocess.run([UV, "build", "-q", "--wheel", "--python", sys.executable, "--out-dir", folder, ROOT], check=True)
    return folder / f"batchbell-{__version__}-py3-none-any.whl"


def test_the_wheel_holds_the_source_and_nothing_else(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    packed = {name for name in names if ".dist-info/" not in name and not name.endswith("/")}

    ours = {path.relative_to(SRC).as_posix() for path in SRC.rglob("*") if path.suffix in (".py", ".toml", ".json")}
    assert packed == ours


def test_an_installed_batchbell_lists_batches(wheel: Path, tmp_path: Path) -> None:
    environment = tmp_path / "environment"
    subprocess.run([UV, "venv", "-q", "--python", sys.executable, environment], check=True)
    install = [UV, "pip", "install", "-q", "--python", environment, "-c", ROOT / "requirements.txt", wheel]
    subprocess.run(install, cwd=tmp_path, check=True)

    with OpenAISimulator() as openai:
        batch = openai.add("completed")
        environ = {"OPENAI_API_KEY": openai.key, "OPENAI_BASE_URL": openai.base_url}
        command = [environment / "bin/batchbell", "list"]
        ran = subprocess.run(command, env=environ, cwd=tmp_path, capture_output=True, text=True, check=False)

    assert ran.returncode == 0, ran.stderr
    assert batch["id"] in ran.stdout
