"""The operator's commands, except doctor and manifest."""

import json
import os
import sys
import time
from argparse import Namespace
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import UTC
from getpass import getpass
from itertools import islice
from typing import Any

from batchbell import models
from batchbell.aws.store import Store
from batchbell.cli.aws import Deployment, deployment_of
from batchbell.cli.doctor import Doctor
from batchbell.cli.output import MARKS, STATUSES, facts_of, print_error, progress, say, table_of
from batchbell.config import SECRET_HINTS, Secret, invalid_secret_reason, server_from
from batchbell.errors import BatchbellError, PermanentError, TransientError
from batchbell.models import Accepted, Batch, Failure, Outcome, Row, Status, is_problem, lacks_counts, outcome_of
from batchbell.notify.messages import test_message as message_for_test
from batchbell.notify.mrkdwn import counted
from batchbell.openai.client import OpenAIClient
from batchbell.slack.client import SlackClient

_LIST_S, _RETRIEVE_S, _HISTORY_S = 600, 60, 20


def list_batches(chosen: Namespace) -> int:
    """Print the batches as OpenAI lists them, `chosen.limit` at most."""
    openai, found = _openai(chosen), []
    if chosen.after and not _knows(openai, chosen.after):
        return _unknown(openai, chosen.after)
    for row in islice(_rows(chosen, openai), chosen.limit):
        found.append(row)
        if chosen.json:
            print(json.dumps(row.raw))
    if found and not chosen.json:
        print("\n".join(table_of(found, time.time())))
    elif not chosen.json:
        nothing = {"all": "There is no batch.", "open": "No batch is open.", "problems": "No batch has problems."}
        says = nothing.get(chosen.status, f"No batch has status '{chosen.status}'.")
        known = "" if chosen.status in STATUSES else f" Known: {', '.join(STATUSES)}."
        print(f"{says}{known} The key sees only the batches of its own project.", file=sys.stderr)
    if len(found) == chosen.limit and found[-1].batch and sys.stdout.isatty():
        say(f"Older ones: --after {found[-1].batch.id}", file=sys.stderr)
    return 0


def _unknown(openai: OpenAIClient, batch_id: str) -> int:
    return print_error(f"{openai.server.base_url} knows no batch {batch_id}: is it of this key's project?")


def _knows(openai: OpenAIClient, batch_id: str) -> bool:
    """Whether the server knows the batch. Servers answer anything to a list if `after` names an unknown one."""
    try:
        return openai.retrieve(batch_id, deadline_at=time.time() + _RETRIEVE_S) is not None
    except PermanentError as error:
        if error.status not in (400, 422):  # so some refuse an id that is none of theirs
            raise
        return False


def _confirmed(openai: OpenAIClient, row: Row) -> Row:
    """Return the row with the counts that a list may lack, so that it says what `show` says."""
    with suppress(BatchbellError), progress("asking for the counts that the list lacks"):
        if found := openai.retrieve(row.id, deadline_at=time.time() + _RETRIEVE_S):
            return Row(row.id, found.batch, row.raw)
    return row


def _rows(chosen: Namespace, openai: OpenAIClient) -> Iterator[Row]:
    """Yield the rows of the status that was chosen, each batch once."""
    shown: set[str] = set()
    # Counts matter where the outcome is shown, or decides what is shown. A server that never counts is asked once.
    shows_outcome = chosen.status == "all" and not chosen.json
    confirms = shows_outcome or chosen.status in (Status.COMPLETED, Status.FAILED, "problems")
    read, page_limit = 0, min(chosen.limit, 100) if chosen.status == "all" else 100
    pages = openai.paginate(chosen.after, page_limit, deadline_at=time.time() + _LIST_S)
    while True:
        with progress(f"listing batches, {read:,} read" if read else "listing batches"):
            page = next(pages, None)
        if page is None:
            return
        for listed in page.rows:
            row = listed
            if confirms and listed.batch and lacks_counts(listed.batch):
                row = _confirmed(openai, listed)
                confirms = row.batch is not None and outcome_of(row.batch) is not Outcome.UNKNOWN
            if _is_wanted(row.batch, chosen.status) and not (row.batch and row.batch.id in shown):
                yield row
        shown.update(batch.id for batch in page.batches)
        read += len(page.rows)


def _is_wanted(batch: Batch | None, status: str) -> bool:
    if status == "all" or batch is None:
        return status == "all"
    if status == "open":
        return not batch.is_terminal
    if status == "problems":
        return is_problem(batch)
    return batch.status == status or (status == Status.FAILED and models.has_failures(batch))


def show_batch(chosen: Namespace) -> int:
    """Print everything about one batch."""
    openai = _openai(chosen)
    with progress("asking for the batch"):
        row = openai.retrieve(chosen.id, deadline_at=time.time() + _RETRIEVE_S)
    if row is None or row.batch is None:
        return _unknown(openai, chosen.id)
    if chosen.json:
        print(json.dumps(row.raw))
        return 0
    batch = row.batch
    if batch.is_terminal and batch.error_file_id and outcome_of(batch) is not Outcome.SUCCEEDED:
        with progress("reading the error file"):
            summary = openai.error_summary(batch.error_file_id, deadline_at=time.time() + _RETRIEVE_S)
        batch = replace(batch, error_summary=summary)
    print("\n".join(facts_of(batch, time.time(), openai.server.batch_page(batch.id))))
    return 0


def _openai(chosen: Namespace) -> OpenAIClient:
    """Return the client of the team's key, or of the environment's. Exits with a usage if there is none."""
    if chosen.team:
        deployment = deployment_of(chosen.team, chosen.stack)
        return deployment.openai(deployment.secret(Secret.OPENAI_API_KEY))
    key = os.environ.get("OPENAI_API_KEY", "").strip()
    if not key:
        chosen.usage("give --team, or set OPENAI_API_KEY")
    base_url = os.environ.get("OPENAI_BASE_URL") or "https://api.openai.com/v1"
    try:
        server = server_from(base_url, os.environ.get("OPENAI_API_VERSION", ""))
    except ValueError as error:
        chosen.usage(str(error))
    return OpenAIClient(server, lambda _: key)


def _team(chosen: Namespace) -> str:
    """Return the options that choose the same stack again."""
    return f"--team {chosen.team}" + (f" --stack {chosen.stack}" if chosen.stack else "")


def secrets(chosen: Namespace) -> int:
    """Ask for the three secrets, check them and store them."""
    deployment = deployment_of(chosen.team, chosen.stack)
    stored = {each: deployment.aws.secret(chosen.team, each, decrypt=False) for each in Secret}
    refused = [each for each in Secret if not _ask_for(deployment, each, stored[each])]
    print()
    if kept := ", ".join(each for each in refused if stored[each]):
        print(f"Not replaced: {kept}. What was stored before is kept.")
    if missing := ", ".join(each for each in refused if not stored[each]):
        print(f"Not stored: {missing}. Until all three are, batchbell does not work: run this again.")
    if not refused:
        print(f"All three are stored. See whether all is well: batchbell doctor {_team(chosen)}")
    return int(bool(refused))


def _ask_for(deployment: Deployment, secret: Secret, parameter: Any) -> bool:
    """Ask for a secret until it is accepted; return whether it is stored, or `parameter` is to be kept."""
    print(f"{secret}: {SECRET_HINTS[secret]}")
    if parameter:
        at = parameter["LastModifiedDate"].astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")
        print(f"  one is stored since {at}; Enter keeps it")
    is_terminal = sys.stdin.isatty()
    for _ in range(3 if is_terminal else 1):
        value = (getpass(f"  {secret} (not shown): ") if is_terminal else sys.stdin.readline()).strip()
        if not value:
            print("  kept" if parameter else "  skipped")
            return bool(parameter)
        if _is_accepted(deployment, secret, value):
            name = secret.parameter(deployment.config.team)
            request = {"Name": name, "Value": value, "Type": "SecureString", "Overwrite": True}
            deployment.aws.ask("ssm", "PutParameter", name, **request)
            print(f"  stored as {name}{', in the place of the one before' if parameter else ''}")
            return True
    return False


def _is_accepted(deployment: Deployment, secret: Secret, value: str) -> bool:
    """Print why the secret may be stored, or may not; never the secret itself."""
    if reason := invalid_secret_reason(secret, value, is_openai=deployment.config.server.is_openai):
        print(f"  ✗ {reason}")
        return False
    if secret is Secret.SLACK_SIGNING_SECRET:
        print("  ✓ it has the form of one; only `batchbell doctor` and a command typed in Slack can prove it")
        return True
    aws, team = deployment.aws, deployment.config.team
    doctor = Doctor(aws, team, deployment=deployment, openai_api_key=value, slack_bot_token=value)
    checks = ["openai.key"]
    if secret is Secret.SLACK_BOT_TOKEN:  # a scope that it lacks can be added later
        checks = ["slack.token", "slack.chat_write", "slack.commands"]
    with progress("checking it"):
        results = [doctor.result(check) for check in checks]
    for each in results if results[0].standing == "ok" else results[:1]:
        say(f"  {MARKS[each.standing]} {each.says}{f'. {each.advice}' if each.advice else ''}")
    return results[0].standing == "ok"


def redeliver(chosen: Namespace) -> int:
    """Try now what is parked, or waits for a blocked channel, and print what came of it."""
    deployment = deployment_of(chosen.team, chosen.stack)
    result = redelivered(deployment.store(), deployment.config.channel, deployment.run_poll)
    if chosen.json:
        print(json.dumps(result))
    elif not result["delivered"] and not result["left"]:
        print("Nothing is waiting for a person.")
    else:
        print(f"{counted(len(result['delivered']), 'notification')} delivered.")
        for each in result["left"]:
            who = " for a person" if each["is_parked"] else ""
            say(f"still waiting{who}: {each['id']}: {each['reason']}")
    if result["failure"]:
        return print_error(f"the poll function failed ({result['failure']}): see its log, or `batchbell doctor`")
    if result["left"] and not chosen.json:
        print(f"What to do about it: batchbell doctor {_team(chosen)}")
    return int(bool(result["left"]))


def redelivered(store: Store, channel: str, run_poll: Callable[[], str | None]) -> dict[str, Any]:
    """Let the poll function, which alone delivers, try what waits for a person; return what came of it."""
    before = store.outbox(channel)
    if not before.parked and not (before.blocked_reason and before.notifications):
        return {"delivered": [], "left": [], "failure": None}
    store.unpark(channel)
    with progress("the poll function delivers; it may take two minutes"):
        failure = run_poll()
    after, asked = store.outbox(channel), [each.id for each in before.notifications]
    parked = {each.id: each.reason for each in after.parked}
    reason = after.blocked_reason or "it waits for the next run"
    waiting = [each.id for each in after.notifications if each.id in asked]
    left = [{"id": id, "reason": parked.get(id) or reason, "is_parked": id in parked} for id in waiting]
    return {"delivered": [id for id in asked if id not in waiting], "left": left, "failure": failure}


def test_message(chosen: Namespace) -> int:
    """Post a message that only shows that messages arrive, and find it again as a delivery would have to."""
    deployment = deployment_of(chosen.team, chosen.stack)
    channel, token = deployment.config.channel, deployment.secret(Secret.SLACK_BOT_TOKEN)
    slack, message = deployment.slack(token), message_for_test(deployment.config, int(time.time()))
    with progress("posting"):
        posted = slack.post(channel, message)
    if not isinstance(posted, Accepted) and posted.kind is Failure.UNKNOWN:
        doubt = "it may or may not have been posted; look into the channel"
        return print_error(f"{posted.reason}: {doubt} {channel}")
    doctor = Doctor(deployment.aws, chosen.team, deployment=deployment, slack_bot_token=token)
    doctor.result("slack.token")
    if not isinstance(posted, Accepted):
        return print_error(f"not posted to {channel}: {posted.reason}. {doctor.advice_on(posted.reason)}")
    url, problem = str(vars(doctor).get("identity", {}).get("url", "")), None
    link = f"{url}archives/{posted.channel}/p{posted.ts.replace('.', '')}" if url.startswith("https://") else None
    with progress("looking for it in the channel's history"):
        try:
            _find_posted(slack, posted, message.ids[0], chosen.sleep)
        except BatchbellError as error:
            problem = doctor.history_problem(error)
    if chosen.json:
        print(json.dumps({"channel": posted.channel, "ts": posted.ts, "link": link, "found": problem is None}))
    else:
        say(f"Posted to {posted.channel}: {link or f'message {posted.ts}'}")
    if problem:
        return print_error(f"it was not found again in the channel's history. {problem}. {problem.advice}")
    if not chosen.json:
        print("Found again in the channel's history: a message whose reply is lost will not be posted twice.")
    return 0


def _find_posted(slack: SlackClient, posted: Accepted, id: str, sleep: Callable[[float], None]) -> None:
    """Raises: TransientError, PermanentError if the history does not show the message, or cannot be read."""
    for wait_s in (0, 2, 5):  # Slack may take some seconds to show it
        sleep(wait_s)
        if id in slack.posted_ids(posted.channel, time.time() - 600, deadline_at=time.time() + _HISTORY_S):
            return
    raise TransientError("conversations.history: the message is not in it", code="message_not_found")
