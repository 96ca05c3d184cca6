"""What holds for every test."""

from hypothesis import HealthCheck, settings

# Two cores run tests and the sandboxes under them: how long an example takes says nothing.
settings.register_profile(
    "project", settings(), deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("project")
