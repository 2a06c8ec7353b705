"""What the desk answers: how rules stand, why, and what expressions come to."""
