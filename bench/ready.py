"""Ready: what a function's first invocation makes before it asks anyone, in a fresh process."""

import json
import sys
from collections.abc import Callable
from os import environ

_SETTINGS = {
    "TEAM_NAME": "search",
    "SLACK_CHANNEL": "C1",
    "TABLE_NAME": "none",
    "OPENAI_BASE_URL": "http://127.0.0.1/v1",
    "SLACK_BASE_URL": "https://slack.com/api/",
    "OPENAI_API_KEY_PARAMETER": "/none/openai-api-key",
    "SLACK_BOT_TOKEN_PARAMETER": "/none/slack-bot-token",
    "SLACK_SIGNING_SECRET_PARAMETER": "/none/slack-signing-secret",
    "SLASH_COMMAND": "/batches",
    "NOTIFY_ON": "completed,failed,expired",
    "RETENTION_DAYS": "30",
}


def floor() -> None:
    import boto3  # noqa: PLC0415

    boto3.client("dynamodb")


def slack() -> None:
    from batchbell.handlers.slack import desk  # noqa: PLC0415

    desk()


def poll() -> None:
    from batchbell.handlers.schedule import bot  # noqa: PLC0415

    bot()


def usual() -> None:
    import bench.usual_way  # noqa: F401, PLC0415


WAYS: dict[str, Callable[[], None]] = {each.__name__: each for each in (floor, slack, poll, usual)}

if __name__ == "__main__":
    environ.update(_SETTINGS)
    WAYS[sys.argv[1]]()
    print(json.dumps({"modules": len(sys.modules)}))
