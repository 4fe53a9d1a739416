"""Trainings with a wrong backward, each with its mended twin; and sound ones that a hasty check would accuse.

The class whose backward is meant, or the guilty line, has `# guilty` in it.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.autograd import Function
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint

from nbdebug import TrainingSetup
from tests.patients.parts import features, loader, mlp, quantities, tokens, training

SICK = {}  # name → (build(sick), part of the location, part of the message)
LIKE = {}  # name → build()


def patient(where: str, says: str = ""):
    def register(build):
        SICK[build.__name__] = build, where, says
        return build

    return register


def sound(build):
    LIKE[build.__name__] = build
    return build


class Uses(nn.Module):
    """A small network with something of its own in the middle."""

    def __init__(self, middle, **modules: nn.Module) -> None:
        super().__init__()
        self.first, self.head = nn.Linear(64, 16), nn.Linear(16, 10)
        self.middle = middle
        for name, module in modules.items():
            self.add_module(name, module)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.middle(self, self.first(x)))


def uses(middle, loss_fn=None, **modules: nn.Module) -> TrainingSetup:
    return training(Uses(middle, **modules), loss_fn)


# -- sick, and mended ---------------------------------------------------------------------------------------------


@patient("SineBackward", "0.5 times")
def a_factor(sick):
    class SineBackward(Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return torch.sin(2 * x)

        @staticmethod
        def backward(ctx, grad):
            (x,) = ctx.saved_tensors
            return grad * torch.cos(2 * x) * (1 if sick else 2)

    return uses(lambda net, h: SineBackward.apply(h))


@patient("Decay", "wrong sign")
def a_sign(sick):
    class Decay(Function):
        @staticmethod
        def forward(ctx, x):
            y = torch.exp(-x)
            ctx.save_for_backward(y)
            return y

        @staticmethod
        def backward(ctx, grad):
            (y,) = ctx.saved_tensors
            return grad * y if sick else -grad * y

    return uses(lambda net, h: Decay.apply(h))


@patient("input `gate`", "it is missing")
def a_missing_input_gradient(sick):
    class Gated(Function):
        @staticmethod
        def forward(ctx, x, gate):
            ctx.save_for_backward(x, gate)
            return x * gate

        @staticmethod
        def backward(ctx, grad):
            x, gate = ctx.saved_tensors
            return grad * gate, None if sick else (grad * x).sum(0)

    class Gate(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter(torch.rand(16))

    return uses(lambda net, h: Gated.apply(h, net.gate.weight), gate=Gate())


@patient("input `weight`", "transpose")
def a_transposed_matmul(sick):
    class MatMul(Function):
        @staticmethod
        def forward(ctx, x, weight):
            ctx.save_for_backward(x, weight)
            return x @ weight

        @staticmethod
        def backward(ctx, grad):
            x, weight = ctx.saved_tensors
            return grad @ weight.T, grad.T @ x if sick else x.T @ grad

    return uses(lambda net, h: MatMul.apply(h, net.square.weight), square=nn.Linear(16, 16))


@patient("input `bias`", "times")
def a_broadcast_that_is_averaged(sick):
    class AddBias(Function):
        @staticmethod
        def forward(ctx, x, bias):
            return x + bias

        @staticmethod
        def backward(ctx, grad):
            return grad, grad.mean(0) if sick else grad.sum(0)

    return uses(lambda net, h: AddBias.apply(h, net.extra.bias), extra=nn.Linear(2, 16))


@patient("input `bias`", "the worst element")
def a_broadcast_of_which_one_row_is_kept(sick):
    class AddBias(Function):
        @staticmethod
        def forward(ctx, x, bias):
            return x + bias

        @staticmethod
        def backward(ctx, grad):
            return grad, grad[0] if sick else grad  # autograd sums over what was broadcast

    return uses(lambda net, h: AddBias.apply(h, net.extra.bias), extra=nn.Linear(2, 16))


@patient("gradcheck_patients.py", "saved for its backward")
def a_saved_tensor_written_through_data(sick):
    def middle(net, h):
        y = h.exp()
        z = y * net.scale
        if sick:
            y.data.mul_(0.5)  # guilty
        return z

    setup = uses(middle)
    setup.model.scale = nn.Parameter(torch.rand(16))
    return setup


@patient("Remembers", "right on its own")
def a_value_kept_on_the_class(sick):
    class Remembers(Function):
        @staticmethod
        def forward(ctx, x):
            Remembers.x = ctx.x = x
            return x**3

        @staticmethod
        def backward(ctx, grad):
            return 3 * grad * (Remembers.x if sick else ctx.x) ** 2

    return uses(lambda net, h: Remembers.apply(torch.tanh(Remembers.apply(h))))


@patient("hook halve", "multiplies the gradient by 0.5")
def a_hook_that_scales(sick):
    def halve(gradient):
        return gradient * (0.5 if sick else 1.0)

    setup = uses(lambda net, h: h.tanh())
    setup.model.first.weight.register_hook(halve)
    return setup


@patient("hook double", "multiplies the gradient by 2")
def a_hook_in_the_forward(sick):
    def double(gradient):
        return gradient * 2

    def middle(net, h):
        y = h.tanh()
        if sick:
            y.register_hook(double)
        return y

    return uses(middle)


@patient("hook grow", "multiplies the gradient by 1.5")
def a_module_hook_that_scales(sick):
    def grow(module, given, output):
        return tuple(None if g is None else g * 1.5 for g in given) if sick else None

    setup = uses(lambda net, h: net.act(h), act=nn.Tanh())
    setup.model.act.register_full_backward_hook(grow)
    return setup


@patient("LogCosh", "")
def a_wrong_closed_form(sick):
    class LogCosh(Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return torch.log(torch.cosh(x))

        @staticmethod
        @torch.autograd.function.once_differentiable
        def backward(ctx, grad):
            (x,) = ctx.saved_tensors
            return grad * (torch.sigmoid(x) if sick else torch.tanh(x))

    return uses(lambda net, h: LogCosh.apply(h))


@patient("FusedCrossEntropy", "")
def a_fused_loss(sick):
    class FusedCrossEntropy(Function):
        @staticmethod
        def forward(ctx, logits, target):
            p = logits.softmax(1)
            ctx.save_for_backward(p, target)
            return -p[torch.arange(len(target)), target].log().mean()

        @staticmethod
        def backward(ctx, grad):
            p, target = ctx.saved_tensors
            d = p.clone()
            d[torch.arange(len(target)), target] -= 0.9 if sick else 1.0
            return grad * d / len(target), None

    return training(mlp(), FusedCrossEntropy.apply)


@patient("Cube", "0.6667 times")
def one_function_used_twice(sick):
    class Cube(Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x**3 / 10

        @staticmethod
        def backward(ctx, grad):
            (x,) = ctx.saved_tensors
            return grad * x**2 * (0.2 if sick else 0.3)

    return uses(lambda net, h: Cube.apply(h + Cube.apply(h)))


@patient("Swish", "")
def with_a_separate_context(sick):
    class Swish(Function):
        @staticmethod
        def forward(x):
            return x * torch.sigmoid(x)

        @staticmethod
        def setup_context(ctx, inputs, output):
            ctx.save_for_backward(inputs[0])

        @staticmethod
        def backward(ctx, grad):
            (x,) = ctx.saved_tensors
            s = torch.sigmoid(x)
            return grad * s if sick else grad * (s + x * s * (1 - s))

    return uses(lambda net, h: Swish.apply(h))


@patient("Normalise", "")
def a_normalisation_that_takes_its_mean_for_a_constant(sick):
    class Normalise(Function):
        @staticmethod
        def forward(ctx, x):
            return x - x.mean(1, keepdim=True)

        @staticmethod
        def backward(ctx, grad):
            return grad if sick else grad - grad.mean(1, keepdim=True)

    return uses(lambda net, h: Normalise.apply(h).tanh())


@patient("Halves", "2 times")
def inside_a_checkpoint(sick):
    class Halves(Function):
        @staticmethod
        def forward(ctx, x):
            return x / 2

        @staticmethod
        def backward(ctx, grad):
            return grad if sick else grad / 2

    return uses(lambda net, h: checkpoint(lambda t: Halves.apply(t).tanh(), h, use_reentrant=False))


@patient("Halves", "2 times")
def inside_a_reentrant_checkpoint(sick):
    class Halves(Function):
        @staticmethod
        def forward(ctx, x):
            return x / 2

        @staticmethod
        def backward(ctx, grad):
            return grad if sick else grad / 2

    return uses(lambda net, h: checkpoint(lambda t: Halves.apply(t).tanh(), h, use_reentrant=True))


@patient("Phase", "")
def of_complex_numbers(sick):
    class Phase(Function):
        @staticmethod
        def forward(ctx, z, w):
            ctx.save_for_backward(z, w)
            return z * w

        @staticmethod
        def backward(ctx, grad):
            z, w = ctx.saved_tensors
            return (grad * w if sick else grad * w.conj()), grad * z.conj()

    def middle(net, h):
        z = torch.complex(h, h.roll(1, 1))
        return Phase.apply(z, net.turn).abs()

    setup = uses(middle)
    setup.model.turn = nn.Parameter(torch.randn(16, dtype=torch.cfloat))
    return setup


@patient("gradcheck_patients::sick.backward", "`gradcheck_patients::sick.backward` returns for its input `x`")
def a_custom_operator(sick):
    name = f"gradcheck_patients::{'sick' if sick else 'mended'}"
    if name not in _OPERATORS:
        operator = torch.library.custom_op(name, lambda x: x.sin(), mutates_args=(), schema="(Tensor x) -> Tensor")

        def backward(ctx, grad):
            return grad * (ctx.x.sin() if sick else ctx.x.cos())

        operator.register_autograd(backward, setup_context=lambda ctx, inputs, output: setattr(ctx, "x", inputs[0]))
        _OPERATORS[name] = operator
    return uses(lambda net, h: _OPERATORS[name](h))


_OPERATORS: dict[str, object] = {}


@patient("first", "no Function, hook or hidden write")
def a_hook_on_a_node_of_the_graph(sick):
    def middle(net, h):
        y = h.tanh()
        y.grad_fn.register_hook(lambda given, arrived: tuple(g * (2 if sick else 1) for g in given))
        return y

    return uses(middle)


# -- sound --------------------------------------------------------------------------------------------------------


class Round(Function):
    @staticmethod
    def forward(ctx, x):
        return x.round()

    @staticmethod
    def backward(ctx, grad):
        return grad


class Reverse(Function):
    @staticmethod
    def forward(ctx, x, strength):
        ctx.strength = strength
        return x.view_as(x)

    @staticmethod
    def backward(ctx, grad):
        return -ctx.strength * grad, None


class ClipGradient(Function):
    @staticmethod
    def forward(ctx, x):
        return x.clone()

    @staticmethod
    def backward(ctx, grad):
        return grad.clamp(-1e-4, 1e-4)


class ClampThrough(Function):
    @staticmethod
    def forward(ctx, x):
        return x.clamp(-0.3, 0.3)

    @staticmethod
    def backward(ctx, grad):
        return grad


class LearnedStep(Function):
    """Learned step size quantisation (Esser et al., 2020)."""

    @staticmethod
    def forward(ctx, x, step):
        ctx.save_for_backward(x, step)
        return (x / step).round() * step

    @staticmethod
    def backward(ctx, grad):
        x, step = ctx.saved_tensors
        return grad, (grad * ((x / step).round() - x / step)).sum()


class Spike(Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return (x > 0).to(x.dtype)

    @staticmethod
    def backward(ctx, grad):
        (x,) = ctx.saved_tensors
        return grad / (1 + 10 * x.abs()) ** 2


class OwnReLU(Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x.clamp(min=0)

    @staticmethod
    def backward(ctx, grad):
        (x,) = ctx.saved_tensors
        return grad * (x > 0)


@sound
def straight_through_function():
    return uses(lambda net, h: Round.apply(3 * h) / 3)


@sound
def straight_through_by_detach():
    return uses(lambda net, h: h + ((3 * h).round() / 3 - h).detach())


@sound
def gradient_reversal():
    return uses(lambda net, h: Reverse.apply(h, 0.3))


@sound
def clipped_gradient():
    return uses(lambda net, h: ClipGradient.apply(h))


@sound
def clamp_passed_through():
    return uses(lambda net, h: ClampThrough.apply(h))


@sound
def learned_step_quantisation():
    setup = uses(lambda net, h: LearnedStep.apply(h, net.step))
    setup.model.step = nn.Parameter(torch.tensor(0.3))
    return setup


@sound
def spiking_neuron():
    return uses(lambda net, h: Spike.apply(h))


@sound
def own_relu_at_zero():
    setup = uses(lambda net, h: OwnReLU.apply(h))
    nn.init.zeros_(setup.model.first.weight), nn.init.zeros_(setup.model.first.bias)
    return setup


@sound
def relu_at_zero():
    setup = uses(lambda net, h: h.relu() - (-h).relu())
    nn.init.zeros_(setup.model.first.weight), nn.init.zeros_(setup.model.first.bias)
    return setup


@sound
def max_pool_with_ties():
    inputs, targets = features(128)
    images = (inputs > 0.8).float().view(-1, 1, 8, 8)
    net = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(36, 10))
    return training(net, data=(images, targets))


@sound
def checkpointed():
    return uses(lambda net, h: checkpoint(lambda t: F.dropout(t.tanh(), 0.3), h, use_reentrant=False))


@sound
def checkpointed_with_a_stopped_gradient():
    def part(t):
        with torch.no_grad():
            size = t.norm(dim=1, keepdim=True)
        return (t / size) * t.detach().mean()

    return uses(lambda net, h: checkpoint(part, h, use_reentrant=True) + checkpoint(part, h, use_reentrant=False))


@sound
def stopped_gradients():
    def middle(net, h):
        with torch.no_grad():
            target = net.first.weight.abs().mean() * h.softmax(1)
        weight = 1 / (1 + h.detach() ** 2)
        return (h - target) * weight * float(h.abs().max()) + h.data.mean() + torch.tensor(h.sum().item() / 1e3)

    return uses(middle)


@sound
def byol():
    class Byol(nn.Module):
        def __init__(self):
            super().__init__()
            self.online, self.target, self.predict = nn.Linear(64, 16), nn.Linear(64, 16), nn.Linear(16, 16)

        def forward(self, x):
            with torch.no_grad():
                for old, new in zip(self.target.parameters(), self.online.parameters(), strict=True):
                    old.mul_(0.99).add_(new, alpha=0.01)
                aim = F.normalize(self.target(x.roll(1, 1)), dim=1)
            return 2 - 2 * (F.normalize(self.predict(self.online(x)), dim=1) * aim).sum(1)

    model = Byol()
    return TrainingSetup(model=model, batch_loss=lambda setup, batch: setup.model(batch[0]).mean(), train_loader=loader(*features()))


@sound
def weights_clipped_in_the_forward():
    def middle(net, h):
        net.first.weight.data.clamp_(-0.1, 0.1)
        with torch.no_grad():
            net.head.weight.clamp_(-0.1, 0.1)
        net.head.bias.data = net.head.bias.data / 2
        return h.tanh()

    return uses(middle)


@sound
def vector_quantised():
    class Codes(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.book, self.head = nn.Linear(64, 8), nn.Embedding(5, 8), nn.Linear(8, 10)

        def forward(self, x):
            h = self.first(x)
            nearest = torch.cdist(h, self.book.weight).argmin(1)
            code = self.book(nearest)
            self.commitment = F.mse_loss(h, code.detach()) + F.mse_loss(code, h.detach())
            return self.head(h + (code - h).detach())

    model = Codes()

    def loss(setup, batch):
        return F.cross_entropy(setup.model(batch[0]), batch[1]) + setup.model.commitment

    return TrainingSetup(model=model, batch_loss=loss, train_loader=loader(*features()))


@sound
def gumbel_hard():
    return uses(lambda net, h: F.gumbel_softmax(h, hard=True))


@sound
def routed_by_topk():
    def middle(net, h):
        gate, chosen = net.gate(h).softmax(1).topk(2, dim=1)
        return h.gather(1, chosen).mul(gate).sum(1, keepdim=True) * h

    return uses(middle, gate=nn.Linear(16, 16))


@sound
def branches_on_values():
    return uses(lambda net, h: h.tanh() if h.mean() > 0 else h.sin())


@sound
def masks_by_comparison():
    return uses(lambda net, h: torch.where(h > 0, h, 0.1 * h) * (h.abs() < 2))


@sound
def tied_weights():
    class Language(nn.Module):
        def __init__(self):
            super().__init__()
            self.embed, self.head = nn.Embedding(20, 16), nn.Linear(16, 20, bias=False)
            self.head.weight = self.embed.weight

        def forward(self, ids):
            return self.head(self.embed(ids)).transpose(1, 2)

    return training(Language(), data=tokens())


@sound
def frozen_trunk():
    net = mlp()
    net[0].requires_grad_(False)
    return training(net)


@sound
def a_layer_that_is_not_used():
    return uses(lambda net, h: h.tanh(), idle=nn.Linear(3, 3))


@sound
def zero_head():
    net = mlp()
    nn.init.zeros_(net[2].weight), nn.init.zeros_(net[2].bias)
    return training(net)


@sound
def masked_and_clipped_by_hooks():
    setup = uses(lambda net, h: h.tanh())
    mask = (torch.rand(16, 64) > 0.5).double()
    setup.model.first.weight.register_hook(lambda g: g * mask)
    setup.model.head.weight.register_hook(lambda g: g.clamp(-1e-5, 1e-5))
    return setup


@sound
def custom_mean_squared_error_in_float():
    class Squared(nn.Module):
        def forward(self, outputs, targets):
            return ((outputs.squeeze(1).float() - targets.to(torch.float32)) ** 2).mean()

    return training(mlp(16, 1), Squared(), data=quantities())


@sound
def constants_in_closures():
    weights = torch.linspace(0.5, 1.5, 16)
    table = torch.eye(16)
    return uses(lambda net, h: (h * weights) @ table + torch.zeros(16, dtype=torch.float32))


@sound
def positions_in_plain_attributes():
    class Positions(nn.Module):
        def __init__(self):
            super().__init__()
            self.table = [torch.randn(64, 8)]
            self.shift = torch.randn(8)
            self.average = torch.zeros(8)
            self.head = nn.Linear(8, 10)

        def forward(self, x):
            h = x @ self.table[0] + self.shift
            self.average.lerp_(h.detach().mean(0), 0.1)
            return self.head(h - self.average)

    return training(Positions())


@sound
def gradient_penalty():
    model = mlp(64, 1)

    def loss(setup, batch):
        x = batch[0].clone().requires_grad_()
        out = setup.model(x).tanh().square()
        (slope,) = torch.autograd.grad(out.sum(), x, create_graph=True)
        return out.mean() + (slope.norm(dim=1) - 1).square().mean()

    return TrainingSetup(model=model, batch_loss=loss, train_loader=loader(*features()))


@sound
def loss_weighted_by_its_own_gradient():
    def loss(setup, batch):
        out = setup.model(batch[0])
        one, two = F.cross_entropy(out, batch[1]), out.square().mean()
        weights = setup.model[2].weight
        ratio = torch.autograd.grad(one, weights, retain_graph=True)[0].norm() / torch.autograd.grad(two, weights, retain_graph=True)[0].norm()
        return one + ratio * two

    return TrainingSetup(model=mlp(), batch_loss=loss, train_loader=loader(*features()))


@sound
def per_sample_gradients_by_vmap():
    def loss(setup, batch):
        model = setup.model
        per_sample = torch.func.vmap(lambda x: torch.func.functional_call(model, dict(model.named_parameters()), (x,)))(batch[0])
        return F.cross_entropy(per_sample, batch[1])

    return TrainingSetup(model=mlp(), batch_loss=loss, train_loader=loader(*features()))


@sound
def dictionaries_in_and_out():
    class Named(nn.Module):
        def __init__(self):
            super().__init__()
            self.net = mlp()

        def forward(self, image, scale):
            return {"logits": self.net(image) * scale}

    inputs, targets = features(32)
    return TrainingSetup(
        model=Named(), loss_fn=nn.CrossEntropyLoss(),
        train_loader=[{"image": inputs, "scale": torch.ones(32, 1), "labels": targets}],
    )  # fmt: skip


@sound
def written_in_place():
    def middle(net, h):
        out = torch.zeros(len(h), 16)
        out[:, :8] = h[:, :8].tanh()
        out[:, 8:] += h[:, 8:].sigmoid()
        view = out[:, 4]
        view.mul_(h[:, 4])
        return F.relu(out, inplace=True) + h.clone().add_(1)

    return uses(middle)


@sound
def compiled():
    setup = uses(lambda net, h: h.tanh())
    return TrainingSetup(model=torch.compile(setup.model, backend="eager"), loss_fn=setup.loss_fn, train_loader=setup.train_loader)


@sound
def autocast_inside():
    def middle(net, h):
        with torch.autocast("cpu", dtype=torch.bfloat16):
            return net.mid(h).float()

    return uses(middle, mid=nn.Linear(16, 16))


@sound
def mixed_precision():
    setup = uses(lambda net, h: h.tanh())
    return TrainingSetup(
        model=setup.model, loss_fn=setup.loss_fn, train_loader=setup.train_loader, precision="16-mixed",
        scaler=torch.amp.GradScaler("cpu"),
    )  # fmt: skip


@sound
def exploding_scale():
    setup = uses(lambda net, h: (30 * h).tanh())
    nn.init.normal_(setup.model.first.weight, std=10.0)
    return setup


@sound
def tiny_loss():
    return training(mlp(16, 1), lambda o, y: 1e-12 * F.mse_loss(o.squeeze(1), y), data=quantities())


@sound
def large_loss():
    return training(mlp(16, 1), lambda o, y: 1e6 + F.mse_loss(o.squeeze(1), y), data=quantities())


@sound
def detached_inside_a_traced_function():
    traced = torch.jit.trace(lambda h: h.tanh() * h.detach(), torch.randn(4, 16))
    return uses(lambda net, h: traced(h))


@sound
def detached_inside_the_kernel_of_an_operator():
    if "kernel" not in _OPERATORS:
        library = torch.library.Library("gradcheck_kernels", "FRAGMENT")
        library.define("stops(Tensor x) -> Tensor")
        library.impl("stops", lambda x: x.sin() + (x.cos() - x.cos().detach()), "CompositeImplicitAutograd")
        _OPERATORS["kernel"] = library
    return uses(lambda net, h: torch.ops.gradcheck_kernels.stops(h))


@sound
def detached_inside_vmap():
    return uses(lambda net, h: torch.func.vmap(lambda x: x * x.detach())(h))


@sound
def fast_fourier():
    setup = uses(lambda net, h: torch.fft.irfft(torch.fft.rfft(h) * net.filter, n=16))
    setup.model.filter = nn.Parameter(torch.randn(9, dtype=torch.cfloat))
    return setup


@sound
def deep_relu():
    layers = [layer for _ in range(8) for layer in (nn.Linear(64, 64), nn.BatchNorm1d(64), nn.ReLU(), nn.Dropout(0.2))]
    return training(nn.Sequential(*layers, nn.Linear(64, 10)))


@sound
def sorted_and_ranked():
    return uses(lambda net, h: h.sort(dim=1).values.cumsum(1) / math.sqrt(16) + h.median(1, keepdim=True).values)


@sound
def fake_quantised_by_torch():
    return uses(lambda net, h: torch.fake_quantize_per_tensor_affine(h, 0.005, 0, -128, 127))


@sound
def fake_quantised_by_channel():
    zeros = torch.zeros(16, dtype=torch.int32)
    return uses(lambda net, h: torch.fake_quantize_per_channel_affine(h, torch.full((16,), 0.05), zeros, 1, -128, 127))


@sound
def through_eight_bits():
    return uses(lambda net, h: h.to(torch.float8_e4m3fn).to(h.dtype))


@sound
def rows_masked_with_the_lowest_number():
    """The mask swallows the scores of its rows: their softmax stands still, its derivative does not."""
    lowest = torch.finfo(torch.float32).min
    return uses(lambda net, h: (h + torch.where(torch.arange(len(h))[:, None] < 2, lowest, 0.0)).softmax(-1))


@sound
def an_ensemble_over_a_skeleton():
    skeleton = nn.Linear(16, 16).to("meta")

    class Members(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight, self.bias = nn.Parameter(torch.randn(3, 16, 16) / 4), nn.Parameter(torch.zeros(3, 16))

        def forward(self, h):
            one = lambda w, b: torch.func.functional_call(skeleton, {"weight": w, "bias": b}, (h,))  # noqa: E731
            return torch.func.vmap(one)(self.weight, self.bias).mean(0)

    return uses(lambda net, h: net.members(h), members=Members())
