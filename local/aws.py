"""A local AWS: the real template, built by SAM and deployed to MiniStack, an emulator."""

import base64
import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Self
from urllib.parse import urlsplit
from urllib.request import ProxyHandler, build_opener

import boto3
from botocore.config import Config

ROOT = Path(__file__).parents[1]
SAM = ROOT / ".venv/sam/bin"
PYTHON = ROOT / ".venv/aws/bin/python"
REGION = "us-east-1"
START_S, STOP_S = 30, 10


class LocalAwsError(Exception):
    """The local AWS did not start, or SAM failed; the message says all that is known."""


@dataclass(frozen=True, slots=True)
class Invocation:
    """A function's answer; `has_failed` if it raised or ran out of time."""

    payload: Any
    has_failed: bool
    log: str


def build(folder: Path) -> None:
    """Build the real template into `folder`, as `sam build` does for AWS."""
    _sam("build", {}, f"--build-dir={folder}")


class LocalAws:
    """An AWS account on a free port of 127.0.0.1, until the `with` block ends; it enforces roles.

    Everything in it survives in `state_dir`, if given.
    """

    def __init__(self, state_dir: Path | None = None, *, port: int = 0) -> None:
        self._state_dir = state_dir
        self.port = _free_port(port)
        self.endpoint = f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        if not PYTHON.exists() or not (SAM / "sam").exists():
            raise LocalAwsError("the local AWS is not installed: run `make setup`")
        with ExitStack() as until_healthy:
            self._folder = Path(until_healthy.enter_context(TemporaryDirectory(prefix="batchbell-aws-")))
            self._process = self._start()
            until_healthy.callback(self._stop)
            self._wait_until_healthy()
            self._open = until_healthy.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def environ(self) -> dict[str, str]:
        """Return the environment in which any AWS tool uses this account."""
        keys = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
        where = {"AWS_ENDPOINT_URL": self.endpoint, "AWS_DEFAULT_REGION": REGION, "no_proxy": "127.0.0.1"}
        return keys | where

    def client(self, name: str) -> Any:
        """Return a boto3 client that waits for a slow function, and calls it once."""
        config = Config(proxies={}, read_timeout=300, retries={"total_max_attempts": 1})
        keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
        return boto3.client(name, endpoint_url=self.endpoint, region_name=REGION, config=config, **keys)

    def deploy(self, stack_name: str, parameters: Mapping[str, str]) -> dict[str, str]:
        """Deploy or update a stack of the real template, and return its outputs."""
        overrides = (f"{name}={json.dumps(value, ensure_ascii=False)}" for name, value in parameters.items())
        options = (f"--stack-name={stack_name}", "--capabilities=CAPABILITY_IAM", "--resolve-s3")
        self._deploy(*options, "--parameter-overrides", *overrides)
        return {each["OutputKey"]: each["OutputValue"] for each in self.stack(stack_name)["Outputs"]}

    def deploy_as_configured(self, team: str) -> None:
        """Deploy the real template as samconfig.toml says for this team."""
        self._deploy(f"--config-env={team}")

    def stack(self, name: str) -> Any:
        """Return what CloudFormation says about a stack."""
        return self.client("cloudformation").describe_stacks(StackName=name)["Stacks"][0]

    def put_secret(self, name: str, value: str) -> None:
        """Store a SecureString, as `aws ssm put-parameter` does."""
        self.client("ssm").put_parameter(Name=name, Value=value, Type="SecureString", Overwrite=True)

    def invoke(self, function_name: str, event: object = None) -> Invocation:
        """Run a function and wait for its answer."""
        request = {"FunctionName": function_name, "Payload": json.dumps(event or {}), "LogType": "Tail"}
        answer = self.client("lambda").invoke(**request)
        log = base64.b64decode(answer.get("LogResult", "")).decode()
        return Invocation(json.loads(answer["Payload"].read() or "null"), "FunctionError" in answer, log)

    def address_of(self, url: str) -> str:
        """Return where an HTTP API's URL, `https://<api id>.execute-api.…/<path>`, is reached here."""
        parts = urlsplit(url)
        api_id = (parts.hostname or "").partition(".")[0]
        return f"{self.endpoint}/_aws/execute-api/{api_id}{parts.path}"

    def logs(self, group: str) -> list[str]:
        """Return the lines of a log group; a function's is `/aws/lambda/<its name>`."""
        pages = self.client("logs").get_paginator("filter_log_events").paginate(logGroupName=group)
        return [event["message"] for page in pages for event in page["events"]]

    def _deploy(self, *options: str) -> None:
        built = self._folder / "build"
        if not built.exists():
            build(built)
        files = (f"--template-file={built}/template.yaml", f"--config-file={ROOT}/samconfig.toml")
        quiet = ("--no-confirm-changeset", "--no-fail-on-empty-changeset", "--no-progressbar")
        _sam("deploy", self.environ(), *files, *quiet, *options)

    def _start(self) -> subprocess.Popen[bytes]:
        """Start MiniStack in a clean environment: the functions inherit it."""
        folder = str(self._folder)
        environ = {"PATH": os.environ.get("PATH", os.defpath), "HOME": folder, "TMPDIR": folder}
        environ |= {"LANG": "C.UTF-8", "TZ": "UTC", "BIND_HOST": "127.0.0.1", "GATEWAY_PORT": str(self.port)}
        environ |= {"MINISTACK_REGION": REGION, "AUTH": "true", "IOT_MTLS_ENABLED": "0"}
        if self._state_dir:
            environ |= {"PERSIST_STATE": "1", "STATE_DIR": str(self._state_dir.absolute())}
        command = [PYTHON, Path(__file__).with_name("aws_server.py")]
        with (self._folder / "ministack.log").open("wb") as log:
            pipes: Any = {"stdin": subprocess.PIPE, "stdout": log, "stderr": log}
            # In a session of its own, so that Ctrl-C reaches us alone, and killpg the functions too.
            return subprocess.Popen(command, cwd=self._folder, env=environ, start_new_session=True, **pipes)

    def _wait_until_healthy(self) -> None:
        get = build_opener(ProxyHandler({})).open
        give_up_at = time.monotonic() + START_S
        while self._process.poll() is None and time.monotonic() < give_up_at:
            with suppress(OSError), get(f"{self.endpoint}/_ministack/health", timeout=5):
                return
            time.sleep(0.05)
        log = (self._folder / "ministack.log").read_text()
        raise LocalAwsError(f"MiniStack did not start on {self.endpoint}:\n{_tail(log)}")

    def _stop(self) -> None:
        """End MiniStack, cleanly if it has a state to save, and any function that still runs."""
        assert self._process.stdin
        self._process.stdin.close()
        if self._state_dir:
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(STOP_S)
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()


def _sam(command: str, environ: Mapping[str, str], *options: str) -> None:
    own = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    path = f"{SAM}{os.pathsep}{own.get('PATH', os.defpath)}"
    settings = {"PATH": path, "SAM_CLI_TELEMETRY": "0", "SAM_CLI_POLL_DELAY": "0.2"}
    environ = {**own, **settings, **environ}
    pipes: Any = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    ran = subprocess.run([SAM / "sam", command, *options], cwd=ROOT, env=environ, text=True, check=False, **pipes)
    if ran.returncode != 0:
        raise LocalAwsError(f"sam {command} failed:\n{_tail(ran.stdout)}")


def _free_port(wanted: int) -> int:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", wanted))
        except OSError as error:
            raise LocalAwsError(f"port {wanted} of 127.0.0.1 is taken") from error
        return int(probe.getsockname()[1])


def _tail(text: str) -> str:
    return "\n".join(text.splitlines()[-30:])
