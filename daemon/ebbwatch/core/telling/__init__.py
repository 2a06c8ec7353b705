"""Who hears of a change of an alert, when, with which others, and what else is said with it."""
