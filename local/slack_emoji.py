"""Emoji: the names that our messages use, and what Slack draws for them."""

EMOJI = {
    ":alarm_clock:": "⏰",
    ":arrow_left:": "⬅️",
    ":arrow_right:": "➡️",
    ":arrows_counterclockwise:": "🔄",
    ":bell:": "🔔",
    ":black_square_for_stop:": "⏹️",
    ":bulb:": "💡",
    ":eyes:": "👀",
    ":grey_question:": "❔",
    ":hourglass:": "⌛",
    ":hourglass_flowing_sand:": "⏳",
    ":key:": "🔑",
    ":mag:": "🔍",
    ":no_entry:": "⛔",
    ":warning:": "⚠️",
    ":white_check_mark:": "✅",
    ":x:": "❌",
}
