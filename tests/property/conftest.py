"""Property tests run without a deadline: a busy machine is no counter-example."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

settings.register_profile("mtv", deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("mtv")
