"""batchbell: says in Slack how each OpenAI batch ended, and why."""

__version__ = "0.1.0"
