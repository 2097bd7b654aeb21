"""Diagnose: from the account to the channel, one check after the other."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from batchbell.domain.deployment import Function, Schedule, Stack, chosen
from batchbell.domain.diagnosis import bot as bot_checks
from batchbell.domain.diagnosis import door as door_checks
from batchbell.domain.diagnosis import openai as openai_checks
from batchbell.domain.diagnosis import slack as slack_checks
from batchbell.domain.diagnosis import stack as stack_checks
from batchbell.domain.diagnosis.finding import Finding, good, skipped, unanswered
from batchbell.domain.errors import BatchbellError
from batchbell.domain.refusal import Refusal
from batchbell.domain.secret import Slot, parameter_name
from batchbell.flows.examine import Aws, Bot, Knock, all_skipped, asked

_NO_SETTINGS = "the bot's settings are not known"


def diagnose(
    aws: Aws,
    connect: Callable[[Stack, Function], Bot],
    knock: Knock,
    team: str,
    stack_name: str | None,
    clock: Callable[[], float],
) -> Iterator[Finding]:
    """A finding for each check, as soon as it is made.

    A check that fails stops only those that need what it could not find; they are skipped.
    """
    yield from _Diagnosis(aws, connect, knock, team, stack_name, clock).run()


@dataclass(slots=True)
class _Diagnosis:
    """One examination, and what it knows so far."""

    aws: Aws
    connect: Callable[[Stack, Function], Bot]
    knock: Knock
    team: str
    stack_name: str | None
    clock: Callable[[], float]
    stack: Stack | None = None
    function: Function | None = None
    schedule: Schedule | None = None
    bot: Bot | None = None
    bot_name: str = slack_checks.ANY_BOT
    is_signed_in: bool = False
    secrets: dict[Slot, str] = field(default_factory=dict)

    def run(self) -> Iterator[Finding]:
        yield from self._deployment()
        yield from self._secrets()
        yield from self._openai()
        yield from self._slack()
        yield from self._table()
        yield from self._door()

    def _deployment(self) -> Iterator[Finding]:
        account = yield from asked(
            stack_checks.ACCOUNT, self.aws.account, lambda it: [stack_checks.account_finding(it)]
        )
        if account is None:
            yield skipped(stack_checks.STACK, "AWS does not answer")
        else:
            self.is_signed_in = True
            self.stack = yield from asked(
                stack_checks.STACK,
                lambda: chosen(self.aws.stacks(), self.team, self.stack_name, account.region),
                lambda it: [stack_checks.stack_finding(it)],
                "Check --team and AWS_REGION, or deploy it: `sam deploy`.",
            )
        stack = self.stack
        if stack is None:
            checks = (stack_checks.FUNCTION, stack_checks.SCHEDULE, stack_checks.LAST_RUN)
            yield from all_skipped("no stack was found", *checks, stack_checks.SETTINGS)
            return
        self.function = yield from asked(
            stack_checks.FUNCTION,
            lambda: self.aws.function(stack.output("PollFunctionName")),
            lambda it: [stack_checks.function_finding(it)],
        )
        self.schedule = yield from asked(
            stack_checks.SCHEDULE,
            lambda: self.aws.schedule(stack.schedule_name),
            lambda it: [stack_checks.schedule_finding(it, stack.schedule_name)],
        )
        yield self._last_run()
        yield from self._settings(stack)

    def _settings(self, stack: Stack) -> Iterator[Finding]:
        check, function = stack_checks.SETTINGS, self.function
        if function is None:
            yield skipped(check, "the poll function was not found")
            return
        self.bot = yield from asked(
            check,
            lambda: self.connect(stack, function),
            lambda it: [good(check, f"What ends at {it.openai_base_url} is told in {it.channel}")],
        )

    def _last_run(self) -> Finding:
        if self.function is None:
            return skipped(stack_checks.LAST_RUN, "the poll function was not found")
        now = self.clock()
        try:
            lines = self.aws.log(self.function, now - stack_checks.LOG_S)
        except BatchbellError as error:
            return stack_checks.unread_log(str(error))
        return stack_checks.last_run_finding(lines, self.schedule, now)

    def _secrets(self) -> Iterator[Finding]:
        is_openai = self.bot is None or self.bot.is_openai
        for slot in Slot:
            check = stack_checks.secret_check(slot)
            if not self.is_signed_in:
                yield skipped(check, "AWS does not answer")
                continue
            try:
                secret = self.aws.secret(parameter_name(self.team, slot))
            except BatchbellError as error:
                yield unanswered(check, error)
                continue
            if secret:
                self.secrets[slot] = secret
            yield stack_checks.secret_finding(slot, self.team, secret, is_openai=is_openai)

    def _openai(self) -> Iterator[Finding]:
        bot, key = self.bot, self.secrets.get(Slot.OPENAI_API_KEY)
        if bot is None or key is None:
            yield skipped(openai_checks.CHECK, self._why_untried("key", key))
            return
        yield from asked(
            openai_checks.CHECK,
            lambda: bot.list_answer(key),
            lambda it: [openai_checks.key_finding(it, bot.openai_base_url)],
        )

    def _slack(self) -> Iterator[Finding]:
        scopes = (slack_checks.CHAT_WRITE, slack_checks.COMMANDS)
        rest = (*scopes, slack_checks.CHANNEL, slack_checks.HISTORY)
        bot, token = self.bot, self.secrets.get(Slot.SLACK_BOT_TOKEN)
        if bot is None or token is None:
            yield from all_skipped(self._why_untried("token", token), slack_checks.TOKEN, *rest)
            return
        who = bot.identity(token)
        yield slack_checks.token_finding(who)
        if isinstance(who, Refusal):
            yield from all_skipped("the token is not accepted", *rest)
            return
        self.bot_name = who.name
        yield from slack_checks.scope_findings(who)
        channel, newest = bot.seen(token)
        yield slack_checks.channel_finding(bot.channel, who.name, channel, newest)
        yield slack_checks.history_finding(newest)

    def _why_untried(self, noun: str, secret: str | None) -> str:
        return f"there is no {noun} to try" if secret is None else _NO_SETTINGS

    def _table(self) -> Iterator[Finding]:
        outbox_checks = (bot_checks.UNDELIVERED, bot_checks.PARKED, bot_checks.LANE)
        bot, function = self.bot, self.function
        if bot is None or function is None:
            checks = (stack_checks.TABLE, bot_checks.LAST_GOOD, *outbox_checks)
            yield from all_skipped(_NO_SETTINGS, *checks)
            return
        name = function.environ.get("TABLE_NAME", "")
        try:
            self.aws.check_table(name)
        except BatchbellError as error:
            yield unanswered(stack_checks.TABLE, error)
            yield from all_skipped("the table was not found", bot_checks.LAST_GOOD, *outbox_checks)
            return
        yield good(stack_checks.TABLE, f"{name} can be read")
        rate_s = stack_checks.rate_s(self.schedule.expression if self.schedule else "")
        yield from asked(
            bot_checks.LAST_GOOD,
            bot.watch,
            lambda it: [bot_checks.last_good_finding(it, bot.openai_base_url, rate_s, self.clock())],
        )
        outbox = yield from asked(
            bot_checks.UNDELIVERED,
            bot.outbox,
            lambda it: [
                bot_checks.undelivered_finding(it, self.clock()),
                bot_checks.parked_finding(it, bot.channel, self.bot_name),
                bot_checks.lane_finding(it, bot.channel, self.bot_name, self.clock()),
            ],
        )
        if outbox is None:
            yield from all_skipped("the outbox could not be read", bot_checks.PARKED, bot_checks.LANE)

    def _door(self) -> Iterator[Finding]:
        url = self.stack.outputs.get("SlackRequestUrl") if self.stack else None
        if self.stack is None or url is None:
            checks = (door_checks.FORGED, door_checks.SIGNED, door_checks.APP)
            yield from all_skipped("no stack was found", *checks)
            return
        yield door_checks.forged_finding(self.knock(url, None), url)
        secret = self.secrets.get(Slot.SLACK_SIGNING_SECRET)
        if secret is None:
            yield skipped(door_checks.SIGNED, "there is no secret to sign with")
        else:
            yield door_checks.signed_finding(self.knock(url, secret), url)
        yield door_checks.app_finding(url, self.stack.parameters.get("SlashCommand", "/batches"))
