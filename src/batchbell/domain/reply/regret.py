"""Regret: what a question is answered with where there is no answer."""

from batchbell.domain.reply.reply import Reply

UNREADABLE = Reply(":warning: The table could not be read just now. Please ask again in a moment.")
BROKEN = Reply(":warning: Something in batchbell broke over this question; its log says where.")

REGRETS = (UNREADABLE, BROKEN)
