"""What to try, by the operator that failed and the reason why."""

from __future__ import annotations

from nbdebug.nonfinite.origin import Origin

FORWARD = {  # operator → what keeps it inside of its domain; the first that fits
    ("div", "div_", "true_divide", "reciprocal", "remainder", "fmod", "floor_divide"): "keep the divisor from 0: clamp(min=1e-6), or + eps",
    ("log", "log_", "log2", "log10"): "log_softmax or logsigmoid for the log of a softmax or sigmoid; else clamp(min=1e-6) before it",
    ("log1p", "logit", "atanh", "erfinv"): "keep the argument inside: clamp(1e-6, 1 - 1e-6), or -1 + 1e-6 to 1 - 1e-6; or use logits",
    ("acos", "asin", "arccos", "arcsin"): "clamp(-1 + 1e-6, 1 - 1e-6) before it: rounding alone leaves -1 to 1",
    ("sqrt", "rsqrt", "sqrt_", "rsqrt_"): "clamp(min=0) and an eps inside of the root: torch.sqrt(x.clamp(min=0) + 1e-8)",
    ("pow", "pow_", "float_power"): "clamp(min=1e-6) before the power, or make the base positive",
    ("mean", "nanmean"): "guard the empty selection: values.sum() / max(1, values.numel()), or leave the term out",
    ("std", "var", "std_mean", "var_mean"): "unbiased=False, or drop_last=True in the loader: one number has no spread",
    ("nll_loss_forward", "nll_loss2d_forward"): 'skip batches without a target, or reduction="sum" divided by max(1, their number)',
    ("native_layer_norm", "native_group_norm", "native_batch_norm", "_native_batch_norm_legit"): "give the norm an eps, such as 1e-5",
    ("_ctc_loss", "_cudnn_ctc_loss"): "zero_infinity=True, or leave out targets that are longer than their inputs",
    ("exp", "exp_", "expm1", "exp2", "cosh", "sinh"): "softmax, logsumexp or softplus, which take the maximum out; or clamp the exponent",
}  # fmt: skip
BACKWARD = {
    ("sqrt", "pow", "norm", "linalg_vector_norm", "hypot", "rsqrt", "float_power"): (
        "an eps inside of the root, (x + 1e-8).sqrt(): its derivative at 0 is infinite. A where() after it does not help"
    ),
    ("div", "reciprocal", "log", "log2", "log10", "log1p", "logit", "xlogy"): (
        "choose before and not after: safe = torch.where(ok, x, 1.0), compute with safe, then torch.where(ok, result, 0.0)"
    ),
    ("acos", "asin", "atanh"): "clamp(-1 + 1e-6, 1 - 1e-6) before it: at the ends of its domain the derivative is infinite",
    ("_linalg_svd", "_linalg_eigh", "linalg_eig", "linalg_qr"): (
        "vectors of equal values have no derivative: add a little noise to the matrix, or let no gradient through the vectors"
    ),
}
DERIVATIVES = ("Backward", "in the backward of", "in a hook on a gradient", "added up")  # in the detail of what autograd computed
LOGARITHMS = ("log", "log_", "log2", "log10")
NEGATIVE = "a logarithm takes what is positive: softplus(x) + 1e-6 or clamp(min=1e-6) before it, or let the model give the logarithm"
MASKED = "let every row see one entry at least (its own), or mask with torch.finfo(scores.dtype).min and zero the row afterwards"
HALF_FORWARD = "this line in float32 (x.float(), with autocast switched off around it), or bfloat16, whose range is that of float32"
HALF_BACKWARD = "a torch.amp.GradScaler, a smaller factor on the loss, or bfloat16, whose range is that of float32"
BRAIN = "this line in float32 (x.float(), with autocast switched off around it): bfloat16 keeps 8 bits of a number"
WEIGHTS = "fill the parameter (torch.empty is memory as it was found), or load another checkpoint"
CARRIED = "look at where the step before wrote that variable, and keep it finite there: detach() it, and clamp or divide what adds up"
WRITTEN = "look at what the loop does between the steps: copied or averaged weights, clipping of weights, a loaded state"
GROWS = "a norm layer between the layers, smaller initial weights, a lower learning rate, or clipped gradients"
DIVERGED = "a lower learning rate (a tenth first), gradients that are clipped, or a warm-up"
OPTIMIZER = {
    "eps": "eps=1e-8 in float32; weights that are float16 need 1e-4, or better stay in float32 under autocast",
    "learning rate": "look at the schedule, and lower the learning rate by a factor of 10",
    "momentum": "a momentum below 1, such as 0.9",
    "weight decay": "a weight decay below 1, such as 0.01",
    "state": "build the optimizer anew, or load the state that belongs to these weights",
    "overflow": "clip the gradients before the step, or divide the loss",
    "low precision": "keep the weights in float32 and use autocast",
    "domain": "an eps beside what the step divides by, or takes the root of",
}


def advice(origin: Origin) -> str | None:
    """What fits this origin; None: what the check says."""
    if origin.phase == "optimizer":
        return OPTIMIZER.get(origin.cause)
    if origin.cause == "learning rate":
        return DIVERGED
    name, met = short(origin.operator), [values for link in origin.chain[:1] for values in link.inputs]
    if origin.cause == "masked row":
        return MASKED
    if origin.cause == "carried":
        return CARRIED
    if origin.cause == "weights":
        return WRITTEN if "wrote it" in origin.detail else WEIGHTS
    if origin.cause == "low precision":
        if any(values.dtype == "bfloat16" for values in met):
            return BRAIN
        return HALF_BACKWARD if origin.phase == "backward" else HALF_FORWARD
    if origin.phase != "backward" and name in LOGARITHMS and any((values.minimum or 0.0) < 0 for values in met):
        return NEGATIVE
    table = BACKWARD if is_derivative(origin) else FORWARD
    fitting = next((text for names, text in table.items() if name in names), None)
    return fitting or (GROWS if origin.cause == "overflow" else None)


def is_derivative(origin: Origin) -> bool:
    """Whether autograd computed it, and no line of the user's between the backward pass and the step."""
    return origin.phase == "backward" and any(said in origin.detail for said in DERIVATIVES)


def short(operator: str) -> str:
    """`aten.div.Tensor` → `div`."""
    parts = operator.split(".")
    return parts[1] if len(parts) > 1 else operator
