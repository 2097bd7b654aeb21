"""The usual way: the same bot's two functions made ready with Slack's framework and OpenAI's package."""

from os import environ

import boto3
from openai import OpenAI
from slack_bolt import App
from slack_bolt.adapter.aws_lambda import SlackRequestHandler

app = App(
    token="xoxb-none",
    signing_secret="none",
    process_before_response=True,
    token_verification_enabled=False,  # it would ask Slack
)
handler = SlackRequestHandler(app)
table = boto3.resource("dynamodb").Table(environ["TABLE_NAME"])
secrets = boto3.client("ssm")
openai = OpenAI(api_key="none", base_url=environ["OPENAI_BASE_URL"])


@app.command("/batches")
def answer(ack, command):
    ack(str(table.get_item(Key={"pk": "batch", "sk": command["text"]}).get("Item")))


def slack(event, context):
    return handler.handle(event, context)


def poll(event, context):  # noqa: ARG001
    for batch in openai.batches.list(limit=100):
        app.client.chat_postMessage(channel=environ["SLACK_CHANNEL"], text=f"{batch.id} {batch.status}")
