"""Figures as they became known: admitted, dated, kept by series, and expected next."""
