"""Chat commands and buttons."""
