"""The data look: what the loaders deliver, beside what the loss and the first layers make of it."""

from nbdebug.instruments.data_audit.checks.balance import imbalance
from nbdebug.instruments.data_audit.checks.inputs import feature_scale, loader_raises, nonfinite_input
from nbdebug.instruments.data_audit.checks.labels import label_domain
from nbdebug.instruments.data_audit.checks.order import order_unshuffled
from nbdebug.instruments.data_audit.measure import data_audit

__all__ = ["data_audit", "feature_scale", "imbalance", "label_domain", "loader_raises", "nonfinite_input", "order_unshuffled"]
