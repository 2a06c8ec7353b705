"""From readings to alerts: ladders, waits, levels and transitions."""
