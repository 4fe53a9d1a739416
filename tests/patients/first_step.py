"""Troubles that one guarded step shows: wiring, dependence, loss, modes."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tests.patients import patient
from tests.patients.parts import features, images, loader, mlp, quantities, tokens, training


class Body(nn.Module):
    """Linear, something in between, linear."""

    def __init__(self, between=None, columns=64, hidden=32, outputs=10):
        super().__init__()
        self.body, self.head = nn.Linear(columns, hidden), nn.Linear(hidden, outputs)
        self.between = between or (lambda module, hidden: hidden)

    def forward(self, x):
        return self.head(self.between(self, self.body(x).relu()))


# -- ND203 ----------------------------------------------------------------------------------------------------


@patient("ND203", where="attribute blocks[0]")
def blocks_in_a_list(sick):
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            blocks = [nn.Linear(64, 64) for _ in range(3)]
            self.blocks = blocks if sick else nn.ModuleList(blocks)
            self.head = nn.Linear(64, 10)

        def forward(self, x):
            for block in self.blocks:
                x = x + block(x).relu()
            return self.head(x)

    return training(Net())


@patient("ND203", where="heads['digit']")
def heads_in_a_dict(sick):
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            heads = {"digit": nn.Linear(32, 10)}
            self.body, self.heads = nn.Linear(64, 32), heads if sick else nn.ModuleDict(heads)

        def forward(self, x):
            return self.heads["digit"](self.body(x).relu())

    return training(Net())


@patient("ND203", where="attribute scale")
def scale_is_a_plain_tensor(sick):
    class Net(Body):
        def __init__(self):
            super().__init__()
            scale = torch.ones(32, requires_grad=True)
            self.scale = scale if sick else nn.Parameter(scale.detach())

        def forward(self, x):
            return self.head(self.body(x).relu() * self.scale)

    return training(Net())


# -- ND206 ----------------------------------------------------------------------------------------------------


@patient("ND206", where="middle")
def forgotten_layer(sick):
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.middle, self.last = nn.Linear(64, 32), nn.Linear(32, 32), nn.Linear(32, 10)

    class Forgets(Net):
        def forward(self, x):
            return self.last(self.first(x).relu())

    class Uses(Net):
        def forward(self, x):
            return self.last(self.middle(self.first(x).relu()).relu())

    return training(Forgets() if sick else Uses())


@patient("ND206", where="positions")
def positions_never_added(sick):
    class Tagger(nn.Module):
        def __init__(self):
            super().__init__()
            self.embed, self.head = nn.Embedding(20, 16), nn.Linear(16, 20)
            self.positions = nn.Parameter(torch.randn(12, 16) * 0.02)

    class Forgets(Tagger):
        def forward(self, ids):
            return self.head(self.embed(ids)).mT

    class Adds(Tagger):
        def forward(self, ids):
            return self.head(self.embed(ids) + self.positions).mT

    return training(Forgets() if sick else Adds(), data=tokens())


# -- ND301 ----------------------------------------------------------------------------------------------------


class Attends(nn.Module):
    def __init__(self, batch_first):
        super().__init__()
        self.encoder = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0, batch_first=batch_first)
        self.head = nn.Linear(64, 10)

    def forward(self, x):
        return self.head(self.encoder(x.view(-1, 8, 8)).flatten(1))


@patient("ND301", where="encoder")
def attention_over_the_batch(sick):
    return training(Attends(batch_first=not sick))


@patient("ND301", where="rnn")
def recurrence_over_the_batch(sick):
    class Reads(nn.Module):
        def __init__(self):
            super().__init__()
            self.rnn, self.head = nn.GRU(8, 16, batch_first=not sick), nn.Linear(16, 10)

        def forward(self, x):
            return self.head(self.rnn(x.view(-1, 8, 8))[0][:, -1])

    return training(Reads())


@patient("ND301", where="mean")
def centred_over_the_batch(sick):
    return training(Body(lambda module, hidden: hidden - hidden.mean(0 if sick else 1, keepdim=True)))


@patient("ND301", where="reshape")
def reshape_instead_of_transpose(sick):
    class Convolves(nn.Module):
        def __init__(self):
            super().__init__()
            self.convolve, self.head = nn.Conv1d(8, 8, 3, padding=1), nn.Linear(64, 10)

        def forward(self, x):
            x = x.view(-1, 8, 8)
            x = x.transpose(0, 1).reshape(x.shape) if sick else x.transpose(1, 2)
            return self.head(self.convolve(x).relu().flatten(1))

    return training(Convolves())


# -- ND303 ----------------------------------------------------------------------------------------------------


@patient("ND303", where="zeros_like")
def overwritten_hidden_state(sick):
    return training(Body(lambda module, hidden: torch.zeros_like(hidden) if sick else hidden))


@patient("ND303", where="softmax")
def attention_over_a_single_key(sick):
    class Pools(nn.Module):
        def __init__(self):
            super().__init__()
            self.score, self.value, self.head = nn.Linear(64, 1), nn.Linear(64, 32), nn.Linear(32, 10)
            self.memory = nn.Parameter(torch.randn(1, 32))

        def forward(self, x):
            weights = self.score(x).softmax(dim=-1)  # (N, 1): always 1
            return self.head(weights @ self.memory if sick else self.value(x).relu() + weights @ self.memory)

    return training(Pools())


# -- ND304 ----------------------------------------------------------------------------------------------------


@patient("ND304", where="log_softmax")
def log_softmax_over_the_batch(sick):
    return training(mlp(64, 10, nn.LogSoftmax(dim=0 if sick else 1)), nn.NLLLoss())


@patient("ND304", where="softmax")
def attention_normalised_over_queries(sick):
    class Attention(nn.Module):
        def __init__(self):
            super().__init__()
            self.query, self.key, self.value = (nn.Linear(8, 8) for _ in range(3))
            self.head = nn.Linear(64, 10)

        def forward(self, x):
            x = x.view(-1, 8, 8)
            scores = self.query(x) @ self.key(x).mT / 8**0.5  # (N, T, T)
            weights = torch.softmax(scores, dim=1 if sick else -1)
            return self.head((weights @ self.value(x)).flatten(1))

    return training(Attention())


@patient("ND304", where="log_softmax")
def log_softmax_over_time(sick):
    class Tagger(nn.Module):
        def __init__(self):
            super().__init__()
            self.embed, self.head = nn.Embedding(20, 16), nn.Linear(16, 20)

        def forward(self, ids):
            return F.log_softmax(self.head(self.embed(ids)).mT, dim=2 if sick else 1)  # (N, C, T)

    return training(Tagger(), nn.NLLLoss(), tokens())


# -- ND305 ----------------------------------------------------------------------------------------------------


@patient("ND305", where="relu")
def relu_on_a_signed_target(sick):
    return training(mlp(16, 1, nn.ReLU() if sick else nn.Identity(), nn.Flatten(0)), nn.MSELoss(), quantities())


@patient("ND305", where="sigmoid")
def sigmoid_on_an_unbounded_target(sick):
    tail = nn.Sigmoid() if sick else nn.Identity()
    return training(mlp(16, 1, tail, nn.Flatten(0)), nn.L1Loss(), quantities())


@patient("ND305", where="softmax")
def softmax_over_one_unit(sick):
    inputs, targets = features()
    tail = nn.Softmax(dim=1) if sick else nn.Sigmoid()
    return training(mlp(64, 1, tail, nn.Flatten(0)), nn.BCELoss(), (inputs, (targets > 4).float()))


@patient("ND305", where="relu")
def relu_before_bce_with_logits(sick):
    inputs, targets = features()
    tail = nn.ReLU() if sick else nn.Identity()
    return training(mlp(64, 1, tail, nn.Flatten(0)), nn.BCEWithLogitsLoss(), (inputs, (targets > 4).float()))


# -- ND306 ----------------------------------------------------------------------------------------------------


@patient("ND306", where="dropout")
def dropout_without_training_flag(sick):
    return training(Body(lambda module, hidden: F.dropout(hidden, 0.1, training=sick or module.training)))


@patient("ND306", where="norm")
def statistics_of_other_data(sick):
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.convolve, self.norm, self.head = nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.Linear(144, 10)

        def forward(self, x):
            return self.head(self.norm(self.convolve(x)).relu().flatten(1))

    inputs, targets = images()
    model = Net()
    with torch.no_grad():
        for _ in range(60):  # the statistics were made on pictures in 0..255
            model(inputs * 255 if sick else inputs)
    return training(model, data=(inputs, targets))


# -- ND312 ----------------------------------------------------------------------------------------------------


@patient("ND312", where="2")
def layers_that_do_not_fit(sick):
    return training(nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(16 if sick else 32, 10)))


@patient("ND312", where="first_step.py")
def float_targets_for_classes(sick):
    inputs, targets = features()

    def loss_fn(outputs, targets):
        return F.nll_loss(F.log_softmax(outputs, 1), targets)

    return training(mlp(), loss_fn, (inputs, targets.double() if sick else targets))


@patient("ND312", where="")
def in_place_on_what_backward_needs(sick):
    def between(module, hidden):
        hidden = hidden.exp()
        if sick:
            hidden += 1  # exp() keeps its result for backward
            return hidden
        return hidden + 1

    return training(Body(between))


# -- ND401 ----------------------------------------------------------------------------------------------------


@patient("ND401", where="softmax")
def softmax_before_cross_entropy(sick):
    return training(mlp(64, 10, *([nn.Softmax(dim=1)] if sick else [])))


@patient("ND401", where="first_step.py")
def softmax_in_forward_then_functional(sick):
    class Net(Body):
        def forward(self, x):
            logits = super().forward(x)
            return logits.softmax(dim=-1) if sick else logits

    return training(Net(), F.cross_entropy)


@patient("ND401", where="sigmoid")
def sigmoid_before_bce_with_logits(sick):
    inputs, targets = features()
    tail = [nn.Sigmoid()] if sick else []
    return training(mlp(64, 1, *tail, nn.Flatten(0)), nn.BCEWithLogitsLoss(), (inputs, (targets > 4).float()))


@patient("ND401", where="first_step.py")
def probabilities_in_a_dict(sick):
    class Net(Body):
        def forward(self, x):
            logits = super().forward(x)
            return {"logits": torch.softmax(logits, 1) if sick else logits, "features": x}

    return training(Net())


# -- ND402 ----------------------------------------------------------------------------------------------------


@patient("ND402", where="nll_loss")
def nll_of_raw_logits(sick):
    return training(mlp(64, 10, *([] if sick else [nn.LogSoftmax(1)])), nn.NLLLoss())


@patient("ND402", where="nll_loss")
def nll_of_probabilities(sick):
    return training(mlp(64, 10, nn.Softmax(1) if sick else nn.LogSoftmax(1)), nn.NLLLoss())


@patient("ND402", where="")
def bce_of_raw_outputs(sick):
    inputs, targets = features()
    tail = [] if sick else [nn.Sigmoid()]
    return training(mlp(64, 1, *tail, nn.Flatten(0)), nn.BCELoss(), (inputs, (targets > 4).float()))


# -- ND403 ----------------------------------------------------------------------------------------------------


@patient("ND403", where="mse_loss")
def column_against_row(sick):
    return training(mlp(16, 1, *([] if sick else [nn.Flatten(0)])), nn.MSELoss(), quantities())


@patient("ND403", where="first_step.py")
def column_against_row_by_hand(sick):
    def squared_error(outputs: Tensor, targets: Tensor) -> Tensor:
        return ((outputs - targets) ** 2).mean()

    return training(mlp(16, 1, *([] if sick else [nn.Flatten(0)])), squared_error, quantities())


@patient("ND403", where="l1_loss")
def row_against_column(sick):
    inputs, targets = quantities()
    targets = targets[:, None] if sick else targets
    return training(mlp(16, 1, nn.Flatten(0)), nn.L1Loss(), (inputs, targets))


# -- ND404 ----------------------------------------------------------------------------------------------------


@patient("ND404", where="mse_loss")
def regression_on_class_indices(sick):
    inputs, targets = features()

    def squared_error(outputs, targets):
        return F.mse_loss(outputs.squeeze(1), targets.float())

    return training(mlp(64, 1 if sick else 10), squared_error if sick else nn.CrossEntropyLoss(), (inputs, targets))


@patient("ND404", where="cross_entropy")
def cross_entropy_with_one_output(sick):
    inputs, targets = features()
    if sick:
        return training(mlp(64, 1), nn.CrossEntropyLoss(), (inputs, torch.zeros_like(targets)))
    return training(mlp(64, 1, nn.Flatten(0)), nn.BCEWithLogitsLoss(), (inputs, (targets > 4).float()))


# -- ND406 ----------------------------------------------------------------------------------------------------


@patient("ND112", where="targets")
def regression_far_from_its_mean(sick):
    inputs, targets = quantities()
    return training(mlp(16, 1, nn.Flatten(0)), nn.MSELoss(), (inputs, targets + 50 if sick else targets))


# -- ND501 ----------------------------------------------------------------------------------------------------


@patient("ND501", where="detach")
def detached_features(sick):
    return training(Body(lambda module, hidden: hidden.detach() if sick else hidden))


@patient("ND501", where="data")
def data_attribute(sick):
    return training(Body(lambda module, hidden: hidden.data * 2 if sick else hidden * 2))


@patient("ND501", where="tolist")
def wrapped_anew(sick):
    return training(Body(lambda module, hidden: torch.tensor(hidden.tolist()) if sick else hidden))


@patient("ND501", where="linear")
def forgotten_no_grad(sick):
    class Net(Body):
        def forward(self, x):
            with torch.set_grad_enabled(not sick):
                hidden = self.body(x).relu()
            return self.head(hidden)

    return training(Net())


@patient("ND501", where="argmax")
def loss_on_the_argmax(sick):
    def loss_fn(outputs, targets):
        if sick:
            return F.mse_loss(outputs.argmax(1).float(), targets.float() * 1.5 + 0.25)
        return F.cross_entropy(outputs, targets)

    return training(mlp(), loss_fn)


@patient("ND501", where="")
def everything_frozen(sick):
    return training(mlp().requires_grad_(not sick))


# -- ND601 ----------------------------------------------------------------------------------------------------


@patient("ND601", where="2.weight")
def stale_head(sick):
    model = mlp(64, 5)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    model[2] = nn.Linear(32, 10)
    return training(model, optimizer=optimizer if sick else torch.optim.Adam(model.parameters(), lr=1e-2))


@patient("ND601", where="head")
def head_left_out(sick):
    model = nn.Sequential()
    for name, module in (("body", mlp(64, 32)), ("act", nn.ReLU()), ("head", nn.Linear(32, 10))):
        model.add_module(name, module)
    owned = model.body.parameters() if sick else model.parameters()
    return training(model, optimizer=torch.optim.SGD(owned, lr=0.1))


@patient("ND601", where="0.weight")
def optimizer_of_another_model(sick):
    model = mlp()
    other = mlp() if sick else model
    return training(model, optimizer=torch.optim.SGD(other.parameters(), lr=0.1), train_loader=loader(*features()))
