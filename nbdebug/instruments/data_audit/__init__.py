"""The data look: what the loaders deliver, beside what the loss and the first layers make of it."""

from nbdebug.instruments.data_audit.checks.balance import imbalance
from nbdebug.instruments.data_audit.checks.between import drift, preparation_mismatch, split_overlap
from nbdebug.instruments.data_audit.checks.classes import label_misaligned
from nbdebug.instruments.data_audit.checks.features import missing_or_constant, target_leak
from nbdebug.instruments.data_audit.checks.inputs import loader_raises, nonfinite_input
from nbdebug.instruments.data_audit.checks.integers import columns_wrapped
from nbdebug.instruments.data_audit.checks.labels import label_domain
from nbdebug.instruments.data_audit.checks.noise import label_noise
from nbdebug.instruments.data_audit.checks.order import order_unshuffled
from nbdebug.instruments.data_audit.checks.scales import feature_scale, target_scale
from nbdebug.instruments.data_audit.checks.structure import (
    annotation_wrong,
    emptied,
    padding_scored,
    sample_structure,
    vocabulary_range,
)
from nbdebug.instruments.data_audit.measure import data_audit

__all__ = [
    "annotation_wrong", "columns_wrapped", "data_audit", "drift", "emptied", "feature_scale", "imbalance", "label_domain", "label_misaligned",
    "label_noise", "loader_raises", "missing_or_constant", "nonfinite_input", "order_unshuffled", "padding_scored",
    "preparation_mismatch", "sample_structure", "split_overlap", "target_leak", "target_scale", "vocabulary_range",
]  # fmt: skip
