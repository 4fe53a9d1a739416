"""Check of models that predict what comes next: they must not see it."""

from __future__ import annotations

from collections.abc import Iterator

from nbdebug.errors import NotChecked
from nbdebug.findings import ERROR, INFO, WARNING, Location
from nbdebug.instruments.base import Seen
from nbdebug.instruments.first_step.instrument import first_step
from nbdebug.instruments.first_step.result import FirstStep, in_loss
from nbdebug.instruments.first_step.wiring_checks import _demand_step

SHIFT = "shift them by one: inputs ids[:, :-1], targets ids[:, 1:]"


@first_step.check("ND302", "the future leaks", severity=ERROR, advice="mask later positions: is_causal=True, a causal mask, padding on the left only")
def future_leak(step: FirstStep) -> Iterator[Seen]:
    """The model sees what it is to predict: an output depends on later positions, or the targets are its own inputs.

    Wrong: the loss falls to almost nothing, because the answer stands in the input; when text is generated there is no
        later position to look at, and the model has learnt nothing.
    Seen: every number that a regression is to give stands in a series of the inputs, at one place in all samples, and the outputs move
        with it. Else only where the targets are the inputs one step on, which is found by comparing the tensors. The inputs from a middle
        position on are exchanged, in eval mode: outputs before it must not move. Where the targets are the inputs at the same
        position, the model reads causally, and its output moves with the input of its own position, it may copy. Taggers, masked
        language models, autoencoders, models that shift by themselves and echoes behind a constant start are not judged.
    Where: the first operation that carries a later input into an earlier output, its module and line; or the loss call.
    Try: a causal mask, is_causal=True, convolutions that are padded on the left only, no bidirectional recurrence.
    Bad:
        class Net(nn.Module):
            def __init__(self):
                super().__init__()
                self.embed, self.head = nn.Embedding(10, 16), nn.Linear(16, 10)
                self.query, self.key, self.value = (nn.Linear(16, 16) for _ in range(3))
            def forward(self, ids):
                x = self.embed(ids)
                x = x + F.scaled_dot_product_attention(self.query(x), self.key(x), self.value(x))
                return self.head(x).mT
        model = Net()
        ids = (torch.arange(256)[:, None] + torch.arange(13)) % 10
        train_loader = DataLoader(TensorDataset(ids[:, :-1], ids[:, 1:]), batch_size=32, shuffle=True)
    Good:
        class Net(nn.Module):
            def __init__(self):
                super().__init__()
                self.embed, self.head = nn.Embedding(10, 16), nn.Linear(16, 10)
                self.query, self.key, self.value = (nn.Linear(16, 16) for _ in range(3))
            def forward(self, ids):
                x = self.embed(ids)
                x = x + F.scaled_dot_product_attention(self.query(x), self.key(x), self.value(x), is_causal=True)
                return self.head(x).mT
        model = Net()
        ids = (torch.arange(256)[:, None] + torch.arange(13)) % 10
        train_loader = DataLoader(TensorDataset(ids[:, :-1], ids[:, 1:]), batch_size=32, shuffle=True)
    Source: our choice: an exchange of later inputs instead of a rule about masks.
    """
    _demand_step(step)
    if step.contained is not None:
        one = step.contained
        what = "the target is" if one.targets == 1 else f"all {one.targets} targets of a sample are"
        yield Seen(
            f"{what} an input, at {list(one.place)} of every sample's {one.shape[1:]} ({one.compared:,} compared): the answer is given with the question",
            Location(detail="train_loader targets"), {"compared": one.compared}, advice="let the inputs end before the target begins",
        )  # fmt: skip
        return
    found = step.future
    if found.not_checked:
        raise NotChecked(found.not_checked)
    evidence = {"compared": found.compared, "position": found.position, "leak": found.leak}
    if found.shift == 1 and found.leak:
        yield Seen(
            f"the targets are the inputs one step on, and with the inputs from position {found.position} on exchanged the outputs of "
            f"{found.moved} of {found.earlier} earlier positions move (by up to {found.leak:.2g} of what the later ones do): "
            f"{found.operator or 'the forward pass'} lets them see it{', and the mask before it does not hide them' if found.masked else ''}",
            found.location or in_loss(step, found.loss_at), evidence,
        )  # fmt: skip
    elif found.shift == 0 and found.leak == 0 and found.context and found.own:
        yield Seen(
            f"the targets are the inputs themselves, at the same position ({found.compared:,} compared), and the model sees them there: "
            "it learns to copy, not to predict the next one",
            in_loss(step, found.loss_at), evidence, advice=SHIFT,
        )  # fmt: skip
    elif found.shift == 0 and (found.own or found.leak):
        yield Seen("the targets are the inputs themselves, nothing of them hidden", in_loss(step, found.loss_at), evidence, INFO, "harmless for an autoencoder")
    elif found.shift == -1 and found.leak == 0 and found.context and not found.padded:
        yield Seen(
            "the targets are the inputs one step back: what is to be predicted has been seen already",
            in_loss(step, found.loss_at), evidence, WARNING, SHIFT,
        )  # fmt: skip
