"""Alarms in a rank: what is looked at while it trains, and what is said when something trips.

    batch → beginnings → passes → tripwire → (search → capsule, finding, error) → update → spikes → pace → digests

Each rank looks at its own numbers. What the ranks must decide together is decided by numbers that are the same on all of them, or told by each.
"""

from nbdebug.training.trainer.alarms.alarms import Alarms

__all__ = ["Alarms"]
