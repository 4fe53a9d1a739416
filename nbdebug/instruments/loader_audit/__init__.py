"""The loader as it runs."""

from nbdebug.instruments.loader_audit.checks.integers import integer_wrap
from nbdebug.instruments.loader_audit.checks.starving import loader_starved
from nbdebug.instruments.loader_audit.checks.transforms import transform_wrong
from nbdebug.instruments.loader_audit.checks.workers import loader_raises, worker_rng
from nbdebug.instruments.loader_audit.measure import loader_audit

__all__ = ["integer_wrap", "loader_audit", "loader_raises", "loader_starved", "transform_wrong", "worker_rng"]
