"""One crash a mend, in a line or two; what is expected is the code that the report offers first, and that it worked when it was tried."""

# ruff: noqa: RET504  the lines are what is looked at

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader

from nbdebug.crash import Crash, explained

CASES: list[tuple[Callable[[], object], str, bool]] = []


def mended(code: str, *, works: bool = True) -> Callable:
    def register(run: Callable[[], object]) -> Callable[[], object]:
        CASES.append((run, code, works))
        return run

    return register


# -- kinds --------------------------------------------------------------------------------------------------------


@mended("pooled = out[0].mean(1)")
def attribute_of_a_tuple():
    out = nn.GRU(3, 4)(torch.randn(2, 5, 3))
    pooled = out.mean(1)
    return pooled


@mended("out, (h, c) = rnn(torch.randn(2, 5, 3))")
def state_of_an_lstm_unpacked():
    rnn = nn.LSTM(3, 4)
    out, h, c = rnn(torch.randn(2, 5, 3))
    return out, h, c


@mended("y = x @ x.T")
def product_with_itself():
    x = torch.randn(5, 3)
    y = x @ x
    return y


@mended("y = torch.matmul(x, x.T)")
def product_with_itself_as_a_function():
    x = torch.randn(5, 3)
    y = torch.matmul(x, x)
    return y


@mended("y = torch.arange(5).float().mean()")
def mean_of_a_range():
    y = torch.arange(5).mean()
    return y


@mended("optimizer = torch.optim.SGD(layer.parameters(), lr=0.1)")
def parameters_not_called():
    layer = nn.Linear(3, 1)
    optimizer = torch.optim.SGD(layer.parameters, lr=0.1)
    return optimizer


@mended("y = layer(torch.as_tensor(x, dtype=torch.float32))")
def array_into_a_layer():
    layer, x = nn.Linear(3, 1), np.zeros((2, 3))
    y = layer(x)
    return y


@mended("loss = -chances.gather(1, actions.long())")
def actions_as_floats():
    chances, actions = torch.randn(3, 4).log_softmax(1), torch.tensor([[0.0], [1.0], [3.0]])
    loss = -chances.gather(1, actions)
    return loss


@mended("scores = scores.masked_fill(mask.bool(), -1e9)")
def mask_of_floats():
    scores, mask = torch.randn(2, 4, 4), torch.ones(4, 4)
    scores = scores.masked_fill(mask, -1e9)
    return scores


@mended("y = conv(pixels.float())")
def pixels_as_bytes():
    conv, pixels = nn.Conv2d(3, 2, 3), torch.zeros(2, 3, 8, 8, dtype=torch.uint8)
    y = conv(pixels)
    return y


@mended("loss = F.binary_cross_entropy_with_logits(out, F.one_hot(y.long(), 5).float())")
def classes_for_a_binary_loss():
    out, y = torch.randn(6, 5), torch.tensor([0, 1, 2, 3, 4, 0])
    loss = F.binary_cross_entropy_with_logits(out, y)
    return loss


# -- shapes -------------------------------------------------------------------------------------------------------


@mended("y = conv(series.permute(0, 2, 1))")
def series_into_a_convolution():
    conv, series = nn.Conv1d(3, 8, 3), torch.randn(5, 20, 3)
    y = conv(series)
    return y


@mended("y = norm(torch.randn(3, 8))", works=False)
def no_such_mend():
    norm = nn.InstanceNorm2d(8, track_running_stats=True)
    y = norm(torch.randn(2, 4, 3, 3))
    return y


@mended("model[1] = nn.BatchNorm1d(8)")
def batch_norm_of_other_dimensions():
    model = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm2d(8))
    y = model(torch.randn(3, 4))
    return y


@mended("h = h * mask.unsqueeze(2)")
def mask_that_lacks_a_dimension():
    h, mask = torch.randn(2, 6, 4), torch.ones(2, 6)
    h = h * mask
    return h


@mended("h = h + position", works=False)
def position_of_another_length():
    h, position = torch.randn(2, 17, 8), torch.zeros(1, 16, 8)
    h = h + position
    return h


@mended("both = torch.cat([h, context.unsqueeze(1).expand(-1, 5, -1)], -1)")
def context_beside_every_step():
    h, context = torch.randn(2, 5, 16), torch.randn(2, 16)
    both = torch.cat([h, context], -1)
    return both


@mended("batch = nn.utils.rnn.pad_sequence(parts, batch_first=True)")
def stack_of_different_lengths():
    parts = [torch.zeros(2), torch.zeros(3)]
    batch = torch.stack(parts)
    return batch


@mended("p = x.softmax(dim=-1)")
def dimension_that_is_not_there():
    x = torch.randn(3, 4)
    p = x.softmax(dim=2)
    return p


@mended("y = x.reshape(4, -1)")
def view_of_a_transposed_tensor():
    x = torch.randn(4, 6, 5).transpose(1, 2)
    y = x.view(4, -1)
    return y


@mended("loss = F.cross_entropy(out, y.squeeze(1))")
def masks_with_a_channel():
    out, y = torch.randn(2, 5, 8, 8), torch.zeros(2, 1, 8, 8, dtype=torch.long)
    loss = F.cross_entropy(out, y)
    return loss


@mended("loss = F.binary_cross_entropy_with_logits(out, x.flatten(1))")
def pictures_for_flat_outputs():
    out, x = torch.randn(4, 64), torch.rand(4, 1, 8, 8)
    loss = F.binary_cross_entropy_with_logits(out, x)
    return loss


@mended("out = F.scaled_dot_product_attention(q, q, q, attn_mask=mask[:, None, None, :])")
def padding_mask_of_the_function():
    q, mask = torch.randn(2, 4, 5, 8), torch.ones(2, 5, dtype=torch.bool)
    out = F.scaled_dot_product_attention(q, q, q, attn_mask=mask)
    return out


@mended("packed = nn.utils.rnn.pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)")
def lengths_in_no_order():
    x, lengths = torch.randn(3, 5, 2), torch.tensor([2, 5, 3])
    packed = nn.utils.rnn.pack_padded_sequence(x, lengths, batch_first=True)
    return packed


@mended("attention = nn.MultiheadAttention(10, 5)")
def heads_that_do_not_divide_the_width():
    attention = nn.MultiheadAttention(10, 4)
    return attention


@mended("conv = nn.Conv2d(6, 8, 3, groups=3)", works=False)
def groups_that_do_not_divide_the_channels():
    conv = nn.Conv2d(6, 8, 3, groups=4)
    return conv


@mended("centre = ids.float().mean()")
def mean_of_integers():
    ids = torch.arange(4)
    centre = ids.mean()
    return centre


# -- gradients, optimizers, data ----------------------------------------------------------------------------------


@mended("with torch.no_grad():\n    weight += 1")
def weight_written_to():
    weight = nn.Parameter(torch.zeros(3))
    weight += 1


@mended("h = h.detach()\nc = c.detach()")
def two_states_carried():
    cell, h, c = nn.LSTMCell(3, 4), torch.zeros(2, 4), torch.zeros(2, 4)
    for x in torch.randn(3, 2, 3):
        h, c = cell(x, (h, c))
        loss = h.pow(2).mean()
        loss.backward()


@mended("model.requires_grad_(True)", works=False)
def everything_frozen():
    model = nn.Linear(3, 1).requires_grad_(False)
    loss = model(torch.randn(4, 3)).mean()
    loss.backward()


@mended("optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)")
def module_given_to_an_optimizer():
    model = nn.Linear(2, 2)
    optimizer = torch.optim.Adam(model, lr=1e-3)
    return optimizer


@mended("optimizer = torch.optim.SGD(model.parameters(), lr=0.1)")
def filter_that_was_read():
    model = nn.Linear(2, 2)
    wanted = filter(lambda p: p.requires_grad, model.parameters())
    assert len(list(wanted)) == 2
    optimizer = torch.optim.SGD(wanted, lr=0.1)
    return optimizer


@mended("state = {k.removeprefix('module.'): v for k, v in saved.items()}\nmodel.load_state_dict(state)")
def checkpoint_of_data_parallel():
    model = nn.Linear(2, 2)
    saved = {f"module.{name}": tensor for name, tensor in model.state_dict().items()}
    model.load_state_dict(saved)


@mended('image.convert("RGB")', works=False)
def grey_pictures_among_coloured():
    pictures = [{"image": torch.rand(channels, 4, 4)} for channels in (1, 3)]
    return list(DataLoader(pictures, batch_size=2))


def crash_of(run: Callable[[], object]) -> Crash:
    try:
        run()
    except Exception as error:
        return explained(error)
    raise AssertionError("it does not raise")


@pytest.mark.parametrize(("run", "code", "works"), CASES, ids=lambda value: getattr(value, "__name__", ""))
def test_the_mend_is_the_one(run, code, works):
    crash = crash_of(run)
    assert crash.stopped == ""
    if not works and not crash.mends:  # nothing is known to help, and nothing is said to
        assert "no mend was found" in crash.advice()
        return
    first = crash.mends[0]
    assert (first.code, first.works) == (code, works), crash.mends


@pytest.mark.parametrize("run", [run for run, _, _ in CASES], ids=lambda run: run.__name__)
def test_random_states_are_as_they_were(run):
    torch.manual_seed(3)
    try:
        run()
    except Exception as error:
        raised = error
    before = torch.get_rng_state()
    explained(raised)
    assert torch.equal(torch.get_rng_state(), before)


def moved_to_cuda():
    x = torch.ones(2, 3)
    x = x.cuda(torch.cuda.current_device())
    return x


def made_on_cuda():
    x = torch.ones(2, 3, device=torch.device("cuda", torch.cuda.current_device()))
    return x


@pytest.mark.parametrize(
    "run, code", [(moved_to_cuda, 'x = x.to("cpu")'), (made_on_cuda, 'device = "cuda" if torch.cuda.is_available() else "cpu"')]
)  # fmt: skip
def test_without_cuda_it_stays_on_the_cpu(run, code, monkeypatch):
    monkeypatch.setattr(torch.cuda, "_initialized", False)
    monkeypatch.delattr(torch._C, "_cuda_getDeviceCount", raising=False)  # as in a torch that was built without CUDA
    with pytest.raises(AssertionError) as raised:
        run()
    crash = explained(raised.value)
    assert crash.why == "torch has no CUDA here" and 'stay on "cpu"' in crash.mends[0].what and crash.mends[0].code == code


def test_a_mean_has_no_others():
    def share():
        return (torch.ones(3) > 0).mean()

    with pytest.raises(RuntimeError) as raised:
        share()
    crash = explained(raised.value)
    assert "the others" not in crash.why and "mean got" in crash.why and ".float()" in crash.mends[0].code and crash.mends[0].works
