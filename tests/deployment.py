"""The poll function as it is deployed: its handler, in an environment like the template's."""

import json
import sys
from pathlib import Path

import boto3

from batchbell.handlers import poll
from local.openai_simulator import OpenAISimulator
from local.slack_simulator import SlackSimulator
from tests.environment import environ_of
from tests.tables import LocalTable

EVENT = Path(__file__).parents[1] / "events" / "schedule.json"


class Context:
    """What Lambda tells of the time that is left."""

    def get_remaining_time_in_millis(self) -> int:
        return 150_000


class Deployment:
    """The handler, with OpenAI and Slack on loopback."""

    def __init__(self, openai: OpenAISimulator, slack: SlackSimulator, table: LocalTable) -> None:
        self.openai = openai
        self.slack = slack
        self.ssm = boto3.client("ssm")
        self.environ = environ_of(openai, slack, table.name)

    def store_secrets(self, key: str = "sk-test", token: str = "xoxb-test") -> None:
        secrets = {"openai-api-key": key, "slack-bot-token": token}
        for name, value in secrets.items():
            self.ssm.put_parameter(Name=f"/batchbell/search/{name}", Value=value, Type="SecureString", Overwrite=True)

    def tick(self) -> None:
        # The logger keeps the stream that there was when it was made.
        poll.logger.registered_handler.stream = sys.stdout  # type: ignore[attr-defined]
        poll.lambda_handler(json.loads(EVENT.read_text()), Context())
