"""How hard the random tests look: quickly by default, longer with HYPOTHESIS_PROFILE=deep."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

_QUIET = (HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large)

settings.register_profile(
    "quick", max_examples=60, deadline=None, derandomize=True, suppress_health_check=_QUIET
)
settings.register_profile("deep", max_examples=3000, deadline=None, suppress_health_check=_QUIET)

#: Put on every random test of the engine.
searched = settings.get_profile(os.environ.get("HYPOTHESIS_PROFILE", "quick"))
#: The same for whole pipelines, of which one example costs as much as many readings.
driven = settings(searched, max_examples=max(15, searched.max_examples // 10))
