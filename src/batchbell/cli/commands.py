"""The operator's commands, except doctor."""

# ruff: noqa: PLC0415  A command imports what it needs: the manifest of a known URL needs no library.

import json
import os
import sys
import time
from argparse import Namespace
from collections.abc import Callable, Iterator
from datetime import UTC
from getpass import getpass
from itertools import islice
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit, urlunsplit

from batchbell.cli.output import MARKS, facts_of, print_error, progress, table_of
from batchbell.config import SECRET_HINTS, Secret, invalid_secret_reason, server_from
from batchbell.errors import BatchbellError
from batchbell.models import Accepted, Batch, Row, Status, UnknownOutcome, has_failures
from batchbell.notify.messages import test_message as message_for_test
from batchbell.notify.mrkdwn import counted

if TYPE_CHECKING:
    from batchbell.aws.store import Store
    from batchbell.cli.aws import Deployment
    from batchbell.openai.client import OpenAIClient

_LIST_S, _RETRIEVE_S = 600, 60
_COMMANDS, _INTERACTIONS = "/slack/commands", "/slack/interactions"


def list_batches(chosen: Namespace) -> int:
    """Print the batches as OpenAI lists them, `chosen.limit` at most."""
    found = []
    for row in islice(_rows(chosen), chosen.limit):
        found.append(row)
        if chosen.json:
            print(json.dumps(row.raw))
    if found and not chosen.json:
        print("\n".join(table_of(found, time.time())))
    elif not chosen.json:
        kind = "" if chosen.status == "all" else f" that is {chosen.status}"
        is_known = chosen.status in ("all", "open", *Status)
        known = "" if is_known else f" The documented statuses are {', '.join(Status)}."
        print(f"There is no batch{kind}.{known}", file=sys.stderr)
    last = found[-1].batch if found else None
    if len(found) == chosen.limit and last and sys.stdout.isatty():
        print(f"Older ones: --after {last.id}", file=sys.stderr)
    return 0


def _rows(chosen: Namespace) -> Iterator[Row]:
    """Yield the rows of the status that was chosen, each batch once."""
    shown: set[str] = set()
    read, page_limit = 0, min(chosen.limit, 100) if chosen.status == "all" else 100
    pages = _openai(chosen).paginate(chosen.after, page_limit, deadline_at=time.time() + _LIST_S)
    while True:
        with progress(f"listing batches, {read:,} read" if read else "listing batches"):
            page = next(pages, None)
        if page is None:
            return
        for row in page.rows:
            if _is_wanted(row.batch, chosen.status) and not (row.batch and row.batch.id in shown):
                yield row
        shown.update(batch.id for batch in page.batches)
        read += len(page.rows)


def _is_wanted(batch: Batch | None, status: str) -> bool:
    """Whether a batch is in this status; `failed` includes completed batches with failed requests."""
    if status == "all" or batch is None:
        return status == "all"
    if status == "open":
        return not batch.is_terminal
    return batch.status == status or (status == Status.FAILED and has_failures(batch))


def show_batch(chosen: Namespace) -> int:
    """Print everything about one batch."""
    openai = _openai(chosen)
    with progress("asking for the batch"):
        row = openai.retrieve(chosen.id, deadline_at=time.time() + _RETRIEVE_S)
    if row is None or row.batch is None:
        base_url = openai.server.base_url
        return print_error(f"{base_url} knows no batch {chosen.id}: is it of this key's project?")
    print(json.dumps(row.raw) if chosen.json else "\n".join(facts_of(row.batch, time.time())))
    return 0


def _openai(chosen: Namespace) -> "OpenAIClient":
    """Return the client of the team's key, or of the environment's. Exits with a usage if there is none."""
    if chosen.team:
        deployment = _deployment(chosen)
        return deployment.openai(deployment.secret(Secret.OPENAI_API_KEY))
    from batchbell.openai.client import OpenAIClient

    key = os.environ.get("OPENAI_API_KEY", "").strip()
    if not key:
        chosen.usage("give --team, or set OPENAI_API_KEY")
    version = os.environ.get("OPENAI_API_VERSION", "")
    try:
        server = server_from(os.environ.get("OPENAI_BASE_URL") or "https://api.openai.com/v1", version)
    except ValueError as error:
        chosen.usage(str(error))
    return OpenAIClient(server, lambda _: key)


def _deployment(chosen: Namespace) -> "Deployment":
    from batchbell.cli.aws import deployment_of

    return deployment_of(chosen.team, chosen.stack)


def manifest(chosen: Namespace) -> int:
    """Print the Slack app of a team, and a link that creates it."""
    url, command = chosen.url, chosen.command
    if url is None:
        from batchbell.cli.aws import signed_in

        aws = signed_in()
        with progress("looking for the stack"):
            stack = aws.stack(chosen.team, chosen.stack)
        url, command = stack.output("SlackRequestUrl"), command or stack.parameters.get("SlashCommand")
    try:
        app = _manifest_for(chosen.team, command or "/batches", url)
    except ValueError as error:
        chosen.usage(str(error))
    packed = json.dumps(app, ensure_ascii=False, separators=(",", ":"))
    link = f"https://api.slack.com/apps?new_app=1&manifest_json={quote(packed, safe='')}"
    if chosen.json:
        print(json.dumps({"manifest": app, "link": link}))
    else:
        print(json.dumps(app, indent=2, ensure_ascii=False))
        print(f"\nOpen this link, choose a workspace and press Create:\n\n{link}")
    return 0


def _manifest_for(team: str, command: str, request_url: str) -> dict[str, Any]:
    """Return the app; `request_url` is the stack's SlackRequestUrl. Raises: ValueError for another."""
    url = urlsplit(request_url)
    if url.scheme != "https" or not url.netloc or not url.path.endswith(_COMMANDS):
        raise ValueError(f"the request URL must begin with https:// and end in {_COMMANDS}")
    interactions = urlunsplit(url._replace(path=url.path.removesuffix(_COMMANDS) + _INTERACTIONS))
    name = f"batchbell {team}"
    slash_command = {"command": command, "url": request_url, "description": f"The OpenAI batches of {team}"}
    hint = {"usage_hint": "[failed] [25] | batch_… | status | help [--share]", "should_escape": False}
    return {
        "display_information": {
            "name": name[:35],
            "description": f"Says how each OpenAI batch of {team} ended, and why.",
            "background_color": "#1d1c1d",
        },
        "features": {
            "bot_user": {"display_name": name[:80], "always_online": True},
            "slash_commands": [slash_command | hint],
        },
        "oauth_config": {"scopes": {"bot": ["chat:write", "commands", "channels:history", "groups:history"]}},
        "settings": {
            "interactivity": {"is_enabled": True, "request_url": interactions},
            "org_deploy_enabled": False,
            "socket_mode_enabled": False,
            "token_rotation_enabled": False,
        },
    }


def secrets(chosen: Namespace) -> int:
    """Ask for the three secrets, check them and store them."""
    deployment = _deployment(chosen)
    stored = {each: deployment.aws.secret(chosen.team, each, decrypt=False) for each in Secret}
    refused = [each for each in Secret if not _ask_for(deployment, each, stored[each])]
    print()
    if kept := ", ".join(each for each in refused if stored[each]):
        print(f"Not replaced: {kept}. What was stored before is kept.")
    if missing := ", ".join(each for each in refused if not stored[each]):
        print(f"Not stored: {missing}. Until all three are, batchbell does not work.")
    if refused:
        return 1
    print(f"All three are stored. See whether all is well: batchbell doctor --team {chosen.team}")
    return 0


def _ask_for(deployment: "Deployment", secret: Secret, parameter: Any) -> bool:
    """Ask for a secret until it is accepted; return whether it is stored, or `parameter` is to be kept."""
    print(f"{secret}: {SECRET_HINTS[secret]}")
    if parameter:
        at = parameter["LastModifiedDate"].astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")
        print(f"  one is stored since {at}; Enter keeps it")
    for _ in range(3 if sys.stdin.isatty() else 1):
        value = _read(f"  {secret} (not shown): ")
        if not value:
            print("  kept" if parameter else "  skipped")
            return bool(parameter)
        if _is_accepted(deployment, secret, value):
            name = deployment.config.secret_name(secret)
            request = {"Name": name, "Value": value, "Type": "SecureString", "Overwrite": True}
            deployment.aws.ask("ssm", "PutParameter", name, **request)
            print(f"  stored as {name}{', in the place of the one before' if parameter else ''}")
            return True
    return False


def _is_accepted(deployment: "Deployment", secret: Secret, value: str) -> bool:
    """Print why the secret may be stored, or may not; never the secret itself."""
    from batchbell.cli.doctor import Doctor

    if reason := invalid_secret_reason(secret, value, is_openai=deployment.config.server.is_openai):
        print(f"  ✗ {reason}")
        return False
    if secret is Secret.SLACK_SIGNING_SECRET:
        print("  ✓ it has the form of one; only `batchbell doctor` and a command typed in Slack can prove it")
        return True
    doctor = Doctor(deployment.aws, deployment.config.team)
    doctor.deployment, doctor.openai_api_key, doctor.slack_bot_token = deployment, value, value
    checks = ["openai.key"]
    if secret is Secret.SLACK_BOT_TOKEN:  # a scope that it lacks can be added later
        checks = ["slack.token", "slack.chat_write", "slack.commands"]
    with progress("checking it"):
        results = [doctor.result(check) for check in checks]
    for each in results if results[0].status == "ok" else results[:1]:
        print(f"  {MARKS[each.status]} {each.says}{f'. {each.advice}' if each.advice else ''}")
    return results[0].status == "ok"


def _read(prompt: str) -> str:
    """Return a secret, trimmed; empty for none."""
    if not sys.stdin.isatty():
        return sys.stdin.readline().strip()
    try:
        return getpass(prompt).strip()
    except EOFError:
        raise BatchbellError("the input ended") from None


def redeliver(chosen: Namespace) -> int:
    """Try now what is parked, or waits for a blocked channel, and print what came of it."""
    deployment = _deployment(chosen)
    result = redelivered(deployment.store(), deployment.config.channel, deployment.run_poll)
    if chosen.json:
        print(json.dumps(result or {"delivered": [], "left": [], "failure": None}))
    elif result is None:
        print("Nothing is parked.")
    else:
        print(f"{counted(len(result['delivered']), 'notification')} delivered.")
        for each in result["left"]:
            state = "still parked" if each["is_parked"] else "still waiting"
            print(f"{state}: {each['id']}: {each['reason']}")
    if result and result["failure"]:
        reason = f"the poll function failed ({result['failure']})"
        return print_error(f"{reason}: see its log, or `batchbell doctor`")
    return int(bool(result and result["left"]))


def redelivered(store: "Store", channel: str, run_poll: Callable[[], str | None]) -> dict[str, Any] | None:
    """Make due what waits for a person, run the poll function, and return what came of it.

    None if nothing waits. Only the poll function delivers: a delivery under way is not disturbed.
    """
    before = store.outbox(channel)
    if not before.parked and not (before.blocked_reason and before.notifications):
        return None
    store.unpark(channel)
    with progress("the poll function delivers; it may take two minutes"):
        failure = run_poll()
    after = store.outbox(channel)
    waits = after.blocked_reason or "it waits for the next run"
    asked = [each.id for each in before.notifications]
    parked = {each.id: each.reason for each in after.parked}
    left = [
        {"id": each.id, "reason": parked.get(each.id) or waits, "is_parked": each.id in parked}
        for each in after.notifications
        if each.id in asked
    ]
    delivered = [id for id in asked if id not in {each.id for each in after.notifications}]
    return {"delivered": delivered, "left": left, "failure": failure}


def test_message(chosen: Namespace) -> int:
    """Post a message that only shows that messages arrive."""
    from batchbell.cli.doctor import Doctor, slack_error_in

    deployment = _deployment(chosen)
    channel, token = deployment.config.channel, deployment.secret(Secret.SLACK_BOT_TOKEN)
    with progress("posting"):
        posted = deployment.slack(token).post(channel, message_for_test(deployment.config, int(time.time())))
    if isinstance(posted, UnknownOutcome):
        doubt = "it may or may not have been posted; look into the channel"
        return print_error(f"{posted.reason}: {doubt} {channel}")
    doctor = Doctor(deployment.aws, deployment.config.team)
    doctor.deployment, doctor.slack_bot_token = deployment, token
    doctor.result("slack.token")
    if not isinstance(posted, Accepted):
        code, needed = slack_error_in(posted.reason)
        advice = doctor.slack_advice(code, needed) if code else ""
        return print_error(f"not posted to {channel}: {posted.reason}. {advice}")
    url = str(doctor.identity.get("url", "")) if "identity" in vars(doctor) else ""
    is_link = url.startswith("https://")
    link = f"{url}archives/{posted.channel}/p{posted.ts.replace('.', '')}" if is_link else None
    if chosen.json:
        print(json.dumps({"channel": posted.channel, "ts": posted.ts, "link": link}))
    else:
        print(f"Posted to {posted.channel}: {link or f'message {posted.ts}'}")
    return 0
