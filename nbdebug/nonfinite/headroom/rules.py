"""What each operator guarantees of its result: the rules of the interval arithmetic."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from nbdebug.listening import RESHAPING, Call

SAME = RESHAPING | frozenset(
    "detach detach_ max min amax amin gather index_select take_along_dim take masked_select sort topk median kthvalue roll flip "
    "repeat repeat_interleave mean nanmean checkpoint diagonal diag_embed cummax cummin maximum minimum where stack cat concat "
    "vstack hstack broadcast_to broadcast_tensors atleast_1d atleast_2d meshgrid avg_pool1d avg_pool2d adaptive_avg_pool1d "
    "adaptive_avg_pool2d max_pool1d max_pool2d adaptive_max_pool1d adaptive_max_pool2d grad cuda cpu data swapdims moveaxis "
    "tensor_split hsplit vsplit dsplit item new_tensor quantile movedim ravel squeeze_copy unsqueeze_copy lerp real".split()
)
WITH_ZERO = frozenset("dropout dropout_ tril triu pad diag scatter scatter_ index_add index_add_ scatter_add scatter_add_ index_put".split())
CONSTANTS = frozenset("ones zeros full ones_like zeros_like full_like new_ones new_zeros new_full arange linspace eye one_hot tensor as_tensor".split())
RANDOM_NOT_NEGATIVE = frozenset("rand rand_like uniform_ bernoulli bernoulli_ exponential_ poisson randint randint_like geometric_ randperm".split())
RANDOM = RANDOM_NOT_NEGATIVE | frozenset("randn randn_like normal normal_ cauchy_ log_normal_ empty_like new_empty empty".split())
SUMS = frozenset("sum nansum cumsum logcumsumexp trace".split())
PRODUCTS = frozenset("matmul bmm mm mv dot einsum __matmul__ __rmatmul__ inner outer prod cumprod".split())
UNIT = frozenset("sigmoid sigmoid_ softmax softmin gumbel_softmax hardsigmoid special_expit".split())
NOT_NEGATIVE = frozenset(
    "relu relu_ abs abs_ absolute square square_ norm linalg_norm linalg_vector_norm vector_norm matrix_norm var std "
    "cdist pairwise_distance pdist mse_loss l1_loss smooth_l1_loss huber_loss cross_entropy binary_cross_entropy hypot "
    "binary_cross_entropy_with_logits sqrt sqrt_ count_nonzero bincount relu6 var_mean std_mean svdvals acos arccos".split()
)
POSITIVE = frozenset("exp exp_ exp2 softplus cosh".split())  # 0 only by underflow
UNBOUNDED = frozenset(  # what comes out can be anything, and nothing else is left out of these lists knowingly
    "linear bilinear conv1d conv2d conv3d conv_transpose1d conv_transpose2d conv_transpose3d addmm baddbmm addbmm addmv embedding "
    "embedding_bag layer_norm batch_norm group_norm instance_norm rms_norm leaky_relu gelu silu mish selu celu prelu lstm gru rnn_tanh "
    "multi_head_attention_forward scaled_dot_product_attention logsumexp logit cumprod "
    "tan log2 log10 irfft addcmul addcdiv interpolate grid_sample unfold fold upsample pixel_shuffle".split()
)
ALIGNED = frozenset("broadcast_tensors meshgrid".split())  # the first of the results is the first argument, and so on
WITHIN_ONE = frozenset("tanh tanh_ sin cos sign sgn cosine_similarity normalize erf hardtanh softsign".split())


@dataclass(frozen=True)
class Range:
    """All the values that a tensor can take."""

    low: float = -math.inf
    high: float = math.inf
    positive: bool = False  # above 0 but for underflow: an exponential, a probability
    learns: bool = False  # a weight had a part in it
    guessed: bool = False  # an operator had a part in it of which nothing is known here

    def joined(self, other: Range) -> Range:
        return Range(
            min(self.low, other.low), max(self.high, other.high), self.positive and other.positive, self.learns or other.learns,
            self.guessed or other.guessed,
        )  # fmt: skip


def as_held(number: float, call: Call) -> float:
    """The number as the precision of the result holds it: in float16 an epsilon of 1e-8 is 0."""
    made = next((t for t in call.outputs() if t.is_floating_point()), None)
    return float(torch.tensor(number, dtype=made.dtype)) if made is not None and math.isfinite(number) else number


# -- what two operands become -------------------------------------------------------------------------------------

ARITHMETIC = {
    "add": "add", "add_": "add", "__add__": "add", "__radd__": "add", "__iadd__": "add", "sub": "sub", "sub_": "sub", "subtract": "sub",
    "__sub__": "sub", "__isub__": "sub", "__rsub__": "rsub", "rsub": "rsub", "mul": "mul", "mul_": "mul", "multiply": "mul", "__mul__": "mul",
    "__rmul__": "mul", "__imul__": "mul", "div": "div", "div_": "div", "true_divide": "div", "divide": "div", "__truediv__": "div",
    "__itruediv__": "div", "__rdiv__": "rdiv", "__rtruediv__": "rdiv",
}  # fmt: skip


def _add(a: Range, b: Range) -> Range:
    return Range(a.low + b.low, a.high + b.high, (a.positive and b.low >= 0) or (b.positive and a.low >= 0))


def _sub(a: Range, b: Range) -> Range:
    low, high = a.low - b.high, a.high - b.low
    return Range(-math.inf if math.isnan(low) else low, math.inf if math.isnan(high) else high, low == 0 and a.low == 1 and b.positive)


def _mul(a: Range, b: Range) -> Range:
    ends = [x * y if x and y else 0.0 for x in (a.low, a.high) for y in (b.low, b.high)]
    return Range(min(ends), max(ends), a.positive and b.positive)


def _div(a: Range, b: Range) -> Range:
    if b.low > 0 or (b.positive and b.low >= 0):
        return _mul(a, Range(0.0 if math.isinf(b.high) else 1 / b.high, math.inf if b.low == 0 else 1 / b.low, positive=True))
    return Range(0.0) if a.low >= 0 and b.low >= 0 else Range()


COMBINED: dict[str, Callable[[Range, Range], Range]] = {"add": _add, "sub": _sub, "mul": _mul, "div": _div}


# -- operators with a rule of their own --------------------------------------------------------------------------


def _clamped(call: Call, given: list[Range]) -> Range:
    least, most = _limits(call)
    low, high = max(given[0].low, least), min(given[0].high, most)
    return Range(low, max(low, high), low > 0 or (given[0].positive and low >= 0))


def _limits(call: Call) -> tuple[float, float]:
    name = call.name.rstrip("_")
    if name == "clamp_min":
        return _number(call.argument(1, "min"), -math.inf, call), math.inf
    if name == "clamp_max":
        return -math.inf, _number(call.argument(1, "max"), math.inf, call)
    return _number(call.argument(1, "min"), -math.inf, call), _number(call.argument(2, "max"), math.inf, call)


def _number(value: object, default: float, call: Call) -> float:
    if isinstance(value, Tensor):
        return float(value) if value.numel() == 1 and not value.requires_grad else default
    return default if value is None else as_held(float(value), call)  # type: ignore[arg-type]


def _power(call: Call, given: list[Range]) -> Range:
    exponent = call.argument(1, "exponent")
    if not isinstance(exponent, (int, float)):
        return Range(0.0, positive=True) if given[0].positive else Range()
    if exponent % 2 == 0:
        floor = max(given[0].low, 0.0) ** exponent if exponent > 0 else 0.0
        return Range(floor, math.inf, given[0].positive)
    return Range(0.0, math.inf, given[0].positive) if given[0].low >= 0 or exponent % 1 else Range()


def _filled(call: Call, given: list[Range]) -> Range:
    number = _number(call.argument(2, "value"), math.nan, call)
    return Range() if math.isnan(number) else given[0].joined(Range(number, number, number > 0))


def exponential(given: Range) -> Range:
    """Of exp: what is held from below comes out held from below."""
    low, high = (math.exp(end) if end < 700 else math.inf for end in (given.low, given.high))
    return Range(low, high, positive=True)


def _less_one(call: Call, given: list[Range]) -> Range:
    """Of expm1, at both ends."""
    low, high = (math.expm1(end) if end < 700 else math.inf for end in (given[0].low, given[0].high))
    return Range(low, high, low > 0)


def _monotone(function: Callable[[float], float]) -> Callable[[Call, list[Range]], Range]:
    def rule(call: Call, given: list[Range]) -> Range:
        try:
            low = function(given[0].low)
        except (ValueError, OverflowError):
            low = -math.inf
        return Range(low, math.inf, low > 0)

    return rule


SPECIAL: dict[str, Callable[[Call, list[Range]], Range]] = {
    **dict.fromkeys(("clamp", "clamp_", "clip", "clip_", "clamp_min", "clamp_min_", "clamp_max", "clamp_max_"), _clamped),
    **dict.fromkeys(("pow", "pow_", "__pow__"), _power),
    **dict.fromkeys(("masked_fill", "masked_fill_"), _filled),
    **dict.fromkeys(("neg", "neg_", "__neg__"), lambda call, given: Range(-given[0].high, -given[0].low)),
    **dict.fromkeys(("log_softmax", "logsigmoid"), lambda call, given: Range(-math.inf, 0.0)),
    "log1p": _monotone(math.log1p),
    "expm1": _less_one,
    "log": _monotone(lambda low: math.log(low) if low > 0 else -math.inf),
    "elu": lambda call, given: Range(-1.0),
    "rsqrt": lambda call, given: Range(0.0, positive=True),
    "reciprocal": lambda call, given: Range(0.0, positive=True) if given[0].low >= 0 else Range(),
    "nan_to_num": lambda call, given: given[0],
}


def summed(given: Range, call: Call) -> Range:
    made = call.outputs()
    count = call.given[0].numel() // max(1, made[0].numel()) if made and call.name == "sum" else 1
    low = given.low * (count if given.low > 0 else math.inf if given.low < 0 else 0)
    high = given.high * (math.inf if given.high > 0 else count if given.high < 0 else 0)
    return Range(-math.inf if math.isnan(low) else low, math.inf if math.isnan(high) else high, given.positive)
