"""The names of metrics: what people call them, and torchmetrics' classes."""

from __future__ import annotations

from typing import Any

from nbdebug.training.config.values import did_you_mean, plain_values, shown

NAMES: dict[str, tuple[str, dict[str, Any]]] = {  # word → class of torchmetrics, options that the word implies
    "accuracy": ("Accuracy", {}), "acc": ("Accuracy", {}), "top5": ("Accuracy", {"top_k": 5}), "top5_accuracy": ("Accuracy", {"top_k": 5}),
    "top3": ("Accuracy", {"top_k": 3}), "balanced_accuracy": ("Accuracy", {"average": "macro"}), "f1": ("F1Score", {}), "f1_score": ("F1Score", {}),
    "f1_macro": ("F1Score", {"average": "macro"}), "f1_micro": ("F1Score", {"average": "micro"}), "f1_weighted": ("F1Score", {"average": "weighted"}),
    "precision": ("Precision", {}), "recall": ("Recall", {}), "sensitivity": ("Recall", {}), "specificity": ("Specificity", {}),
    "auroc": ("AUROC", {}), "auc": ("AUROC", {}), "roc_auc": ("AUROC", {}), "average_precision": ("AveragePrecision", {}),
    "ap": ("AveragePrecision", {}), "auprc": ("AveragePrecision", {}), "mcc": ("MatthewsCorrCoef", {}), "matthews": ("MatthewsCorrCoef", {}),
    "matthews_corrcoef": ("MatthewsCorrCoef", {}), "kappa": ("CohenKappa", {}), "cohen_kappa": ("CohenKappa", {}), "iou": ("JaccardIndex", {}),
    "miou": ("JaccardIndex", {}), "jaccard": ("JaccardIndex", {}), "hamming": ("HammingDistance", {}), "calibration_error": ("CalibrationError", {}),
    "ece": ("CalibrationError", {}), "mae": ("MeanAbsoluteError", {}), "mse": ("MeanSquaredError", {}), "rmse": ("MeanSquaredError", {"squared": False}),
    "r2": ("R2Score", {}), "r2_score": ("R2Score", {}), "mape": ("MeanAbsolutePercentageError", {}),
    "smape": ("SymmetricMeanAbsolutePercentageError", {}), "explained_variance": ("ExplainedVariance", {}), "pearson": ("PearsonCorrCoef", {}),
    "spearman": ("SpearmanCorrCoef", {}), "perplexity": ("Perplexity", {}), "ppl": ("Perplexity", {}),
}  # fmt: skip
FALLING = ("loss", "error", "distance", "perplexity", "divergence", "deviance")  # parts of the names of what is better when it is less


def better(monitor: str) -> str:
    """Which way a monitored value is better, by its name: "max" or "min"; the validation's loss is "min"."""
    kind = NAMES.get(monitor.lower(), (monitor, {}))[0].lower()
    return "min" if any(part in kind for part in FALLING) else "max"


def named_metrics(value: Any) -> Any:
    """Reads names, or names with options: `[accuracy, {f1: {average: macro}}]`, `{top2: {type: accuracy, top_k: 2}}`."""
    value = [] if value is None else [value] if isinstance(value, (str, dict)) else value
    if not isinstance(value, (list, tuple)):
        raise ValueError(f"must be a list of names, or names with their options, got {shown(value)}")
    found: dict[str, Any] = {}
    for entry in value:
        for name, options in entry.items() if isinstance(entry, dict) else [(entry, {})]:
            if not isinstance(name, str) or not isinstance(options, (dict, type(None))):
                raise ValueError(f"must be names of metrics with a mapping of options each, got {shown(name)}: {shown(options)}")
            options = plain_values(options or {})
            _demand_known(str(options.get("type", name)))
            found[name] = options
    return found


def _demand_known(word: str) -> None:
    if word.lower() in NAMES:
        return
    known: list[str] = list(NAMES)
    if word[:1].isupper():
        import torchmetrics  # seconds, for a class that has no word here

        known = [name for name in torchmetrics.__all__ if name[0].isupper()]
        if word in known:
            return
    near = did_you_mean(word, known) or f": there are {', '.join(known[:12])} …"
    raise ValueError(f'names "{word}", which is no metric of torchmetrics{near}')
