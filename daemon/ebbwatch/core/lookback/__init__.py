"""Looking back over history: what rules said of it, and what others would have said."""
