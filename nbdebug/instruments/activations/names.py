"""The torch functions that matter to units: what bends, what mixes, what passes on, what gates."""

from __future__ import annotations

from nbdebug.listening import RESHAPING

RECTIFIERS = frozenset("relu relu_ relu6 threshold _threshold threshold_ hardshrink softshrink hardswish gelu silu mish elu celu selu softplus".split())
SQUASHERS = frozenset("sigmoid sigmoid_ tanh tanh_ hardtanh hardsigmoid softsign".split())
UNITS_LAST = frozenset("linear bilinear layer_norm rms_norm matmul __matmul__ addmm mm lstm gru rnn_tanh rnn_relu".split())
UNITS_SECOND = frozenset(
    "conv1d conv2d conv3d conv_transpose1d conv_transpose2d conv_transpose3d batch_norm group_norm instance_norm".split()
)
CARRIES = RESHAPING | frozenset(  # what may stand between a non-linearity and the layer or gate that reads it
    "dropout dropout1d dropout2d dropout3d alpha_dropout avg_pool1d avg_pool2d max_pool1d max_pool2d adaptive_avg_pool1d "
    "adaptive_avg_pool2d adaptive_max_pool2d boolean_dispatch mean sum amax cat __rsub__ interpolate".split()
)
MULTIPLIES = frozenset("mul mul_ __mul__ __rmul__ __imul__ multiply".split())
HEARD = RECTIFIERS | SQUASHERS | UNITS_LAST | UNITS_SECOND | CARRIES | MULTIPLIES  # all others pass unlooked at
