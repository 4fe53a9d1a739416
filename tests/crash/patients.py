"""Trainings that raise in forward, loss, backward, optimizer or data. The second half is held out."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset, TensorDataset

from tests.crash import crashes


def pictures(number=8, channels=1, size=28):
    return torch.rand(number, channels, size, size), torch.randint(0, 10, (number,))


def train(model, loss_fn, x, y):
    """One step, as a helper of somebody else's would do it."""
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    optimizer.zero_grad()
    loss = loss_fn(model(x), y)
    loss.backward()
    optimizer.step()


# -- forward: layers that do not fit -----------------------------------------------------------------------------


@crashes("flatten", module="0")
def pictures_into_a_linear_layer(sick):
    x, y = pictures()
    model = nn.Sequential(nn.Linear(784, 32), nn.ReLU(), nn.Linear(32, 10))
    if not sick:
        x = x.flatten(1)
    logits = model(x)  # guilty
    F.cross_entropy(logits, y).backward()


@crashes("permute(0, 3, 1, 2)", module="features.0")
def pictures_with_the_channels_last(sick):
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.features = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1))
            self.head = nn.Linear(8, 10)

        def forward(self, x):
            h = self.features(x)  # guilty
            return self.head(h.flatten(1))

    x, y = pictures(channels=3)
    x = x.permute(0, 2, 3, 1) if sick else x
    loss = F.cross_entropy(Net()(x), y)
    loss.backward()


@crashes("Conv2d(8, 16", module="2")
def channels_between_two_convolutions(sick):
    x, y = pictures()
    second = nn.Conv2d(16, 16, 3) if sick else nn.Conv2d(8, 16, 3)
    model = nn.Sequential(nn.Conv2d(1, 8, 3), nn.ReLU(), second, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(16, 10))
    loss = nn.CrossEntropyLoss()(model(x), y)  # guilty
    loss.backward()


@crashes("[0]", module="head")
def tuple_of_an_lstm_into_the_head(sick):
    class Tagger(nn.Module):
        def __init__(self):
            super().__init__()
            self.rnn = nn.LSTM(6, 16, batch_first=True)
            self.head = nn.Linear(16, 4)

        def forward(self, x):
            out = self.rnn(x)
            if not sick:
                out = out[0]
            return self.head(out)  # guilty

    x, y = torch.randn(5, 7, 6), torch.randint(0, 4, (5, 7))
    model = Tagger()
    logits = model(x)
    F.cross_entropy(logits.transpose(1, 2), y).backward()


@crashes((".T", "transpose"), module="attention")
def padding_mask_of_attention_transposed(sick):
    class Encoder(nn.Module):
        def __init__(self):
            super().__init__()
            self.attention = nn.MultiheadAttention(16, 2, batch_first=True)

        def forward(self, x, mask):
            mixed, _ = self.attention(x, x, x, key_padding_mask=mask)  # guilty
            return mixed.mean(1)

    x, mask = torch.randn(3, 5, 16), torch.zeros(3, 5, dtype=torch.bool)
    out = Encoder()(x, mask.T if sick else mask)
    out.sum().backward()


@crashes(("interpolate", "pad("))
def skip_connection_of_an_odd_size(sick):
    class UNet(nn.Module):
        def __init__(self):
            super().__init__()
            self.down = nn.Conv2d(1, 4, 3, padding=1)
            self.middle = nn.Conv2d(4, 4, 3, padding=1)
            self.up = nn.ConvTranspose2d(4, 4, 2, stride=2)
            self.out = nn.Conv2d(8, 1, 1)

        def forward(self, x):
            skip = self.down(x).relu()
            h = self.up(self.middle(F.max_pool2d(skip, 2)).relu())
            if not sick:
                h = F.interpolate(h, size=skip.shape[2:])
            both = torch.cat([skip, h], dim=1)  # guilty
            return self.out(both)

    x = torch.rand(2, 1, 25, 25)
    model = UNet()
    loss = F.mse_loss(model(x), x)
    loss.backward()


@crashes("num_embeddings", module="embed")
def token_beyond_the_vocabulary(sick):
    class Classifier(nn.Module):
        def __init__(self, vocabulary):
            super().__init__()
            self.embed = nn.Embedding(vocabulary, 8)
            self.head = nn.Linear(8, 2)

        def forward(self, ids):
            return self.head(self.embed(ids).mean(1))  # guilty

    ids, y = torch.randint(0, 50, (4, 9)), torch.randint(0, 2, (4,))
    ids[2, 3] = 50
    model = Classifier(50 if sick else 51)
    loss = F.cross_entropy(model(ids), y)
    loss.backward()


@crashes("LayerNorm(24)", module="blocks.1.norm")
def normalized_shape_of_another_width(sick):
    class Block(nn.Module):
        def __init__(self, width, normed):
            super().__init__()
            self.norm = nn.LayerNorm(normed)
            self.fc = nn.Linear(width, width)

        def forward(self, x):
            normed = self.norm(x)  # guilty
            return x + self.fc(normed).relu()

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.blocks = nn.ModuleList([Block(24, 24), Block(24, 32 if sick else 24)])

        def forward(self, x):
            for block in self.blocks:
                x = block(x)
            return x.mean(1)

    train(Net(), nn.MSELoss(), torch.randn(6, 24), torch.randn(6))


@crashes(("drop_last", "batch"), module="1")
def batch_norm_of_a_single_sample(sick):
    data = TensorDataset(torch.randn(9, 5), torch.randint(0, 3, (9,)))
    loader = DataLoader(data, batch_size=4, drop_last=not sick)
    model = nn.Sequential(nn.Linear(5, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 3))
    optimizer = torch.optim.Adam(model.parameters())
    for x, y in loader:
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), y)  # guilty
        loss.backward()
        optimizer.step()


@crashes(("x.size(0)", "flatten(1)", "x.shape[0]", "view(-1"))
def batch_size_written_into_view(sick):
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(64, 10)

        def forward(self, x):
            n = 8 if sick else x.size(0)
            x = x.view(n, -1, 64)  # guilty
            return self.fc(x).mean(1)

    x, y = torch.rand(5, 64), torch.randint(0, 10, (5,))
    loss = F.cross_entropy(Net()(x), y)
    loss.backward()


@crashes(".float()", module="0")
def numpy_doubles_into_float_weights(sick):
    data = torch.randn(12, 4, dtype=torch.float64 if sick else torch.float32)
    model = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 1))
    prediction = model(data)  # guilty
    loss = ((prediction.squeeze(1) - data.sum(1)) ** 2).mean()
    loss.backward()


@crashes("device")
def mask_made_on_another_device(sick):
    class Masked(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(4, 4)

        def forward(self, x):
            mask = torch.ones(4, device="meta" if sick else "cpu")
            return self.fc(x) + torch.einsum("ij,j->ij", x, mask)  # guilty

    x = torch.randn(3, 4)
    train(Masked(), nn.MSELoss(), x, x)


@crashes(("bij,bjk", "bjk", "->"))
def subscripts_of_einsum_do_not_fit(sick):
    class Mixer(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter(torch.randn(6, 5))

        def forward(self, x):
            if not sick:
                return torch.einsum("bij,jk->bik", x, self.weight)
            return torch.einsum("bij,bjk->bik", x, self.weight)  # guilty

    x = torch.randn(2, 3, 6)
    out = Mixer()(x)
    out.pow(2).mean().backward()


# -- loss ---------------------------------------------------------------------------------------------------------


@crashes("- 1", phase="loss")
def classes_counted_from_one(sick):
    x = torch.randn(16, 4)
    y = x.argmax(1) + (1 if sick else 0)
    model, criterion = nn.Linear(4, 4), nn.CrossEntropyLoss()
    out = model(x)
    loss = criterion(out, y)  # guilty
    loss.backward()


@crashes(".long()", phase="loss")
def classes_that_came_as_floats(sick):
    x = torch.randn(16, 4)
    y = x.argmax(1).float() if sick else x.argmax(1)
    model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 4))
    loss = F.cross_entropy(model(x), y)  # guilty
    loss.backward()


@crashes(("squeeze(1)", "unsqueeze(1)", "squeeze(-1)"), phase="loss")
def one_logit_and_flat_targets(sick):
    x = torch.randn(10, 3)
    y = (x[:, 0] > 0).float()
    model = nn.Linear(3, 1)
    criterion = nn.BCEWithLogitsLoss()
    logits = model(x)
    if not sick:
        logits = logits.squeeze(1)
    loss = criterion(logits, y)  # guilty
    loss.backward()


@crashes("ignore_index", phase="loss")
def padding_of_minus_one(sick):
    class LM(nn.Module):
        def __init__(self):
            super().__init__()
            self.embed, self.head = nn.Embedding(12, 8), nn.Linear(8, 12)

        def forward(self, ids):
            return self.head(self.embed(ids))

    ids = torch.randint(0, 12, (3, 6))
    targets = ids.roll(-1, 1).clone()
    targets[:, -1] = -1 if sick else -100
    logits = LM()(ids)
    loss = F.cross_entropy(logits.flatten(0, 1), targets.flatten())  # guilty
    loss.backward()


@crashes(".float()", phase="loss")
def weights_of_a_loss_in_double(sick):
    def weighted(outputs, targets, weights):
        errors = (outputs - targets) ** 2
        return (errors @ weights).mean()  # guilty

    x = torch.randn(8, 3)
    weights = torch.tensor([1.0, 2.0, 3.0], dtype=torch.float64 if sick else torch.float32)
    model = nn.Linear(3, 3)
    loss = weighted(model(x), x, weights)
    loss.backward()


# -- backward, optimizer, data ------------------------------------------------------------------------------------


@crashes(("x = x + 1", "h = h * 2", "h * 2"), phase="backward")
def written_over_what_exp_keeps(sick):
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(5, 5)

        def forward(self, x):
            h = self.fc(x).exp()
            if sick:
                h *= 2  # guilty
            else:
                h = h * 2
            return h

    model = Net()
    x = torch.randn(4, 5)
    loss = model(x).sum()
    loss.backward()


@crashes("detach", phase="backward")
def hidden_state_carried_from_batch_to_batch(sick):
    rnn, head = nn.GRU(3, 8, batch_first=True), nn.Linear(8, 1)
    optimizer = torch.optim.SGD([*rnn.parameters(), *head.parameters()], 0.01)
    hidden = None
    for x in torch.randn(3, 4, 5, 3):
        optimizer.zero_grad()
        out, hidden = rnn(x, hidden)
        if not sick:
            hidden = hidden.detach()
        loss = head(out).pow(2).mean()
        loss.backward()  # guilty
        optimizer.step()


@crashes(("argmax", "requires_grad", "detach"), phase="backward")
def loss_of_the_predicted_classes(sick):
    x = torch.randn(16, 4)
    y = x.argmax(1)
    model = nn.Linear(4, 4)
    logits = model(x)
    if sick:  # noqa: SIM108  one line each
        loss = (logits.argmax(1) - y).float().pow(2).mean()
    else:
        loss = F.cross_entropy(logits, y)
    loss.backward()  # guilty


@crashes(("pad_sequence", "collate_fn"), phase="data")
def sentences_of_different_lengths(sick):
    sentences = [(torch.arange(n), 1.0) for n in ((4, 4, 4, 4) if not sick else (3, 5, 2, 4))]
    loader = DataLoader(sentences, batch_size=2)
    model = nn.Embedding(10, 1)
    for ids, target in loader:  # guilty
        loss = (model(ids).mean((1, 2)) - target).pow(2).mean()
        loss.backward()


@crashes("detach()", phase="operation")
def numpy_of_a_prediction(sick):
    model, x = nn.Linear(3, 1), torch.randn(6, 3)
    prediction = model(x)
    if not sick:
        prediction = prediction.detach()
    values = prediction.numpy()  # guilty
    assert values.shape == (6, 1)


# == held out =====================================================================================================


@crashes("Linear(1152", module="classifier", held_out=True)
def features_miscounted_after_pooling(sick):
    class CNN(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv1, self.conv2 = nn.Conv2d(1, 8, 3, padding=1), nn.Conv2d(8, 32, 3)
            self.pool = nn.MaxPool2d(2)
            self.classifier = nn.Linear(32 * 7 * 7 if sick else 1152, 10)

        def forward(self, x):
            x = self.pool(self.conv1(x).relu())
            x = self.pool(self.conv2(x).relu())
            x = torch.flatten(x, 1)
            return self.classifier(x)  # guilty

    x, y = pictures()
    net = CNN()
    train(net, nn.CrossEntropyLoss(), x, y)


@crashes("unsqueeze(1)", module="stem", held_out=True)
def grey_pictures_without_a_channel(sick):
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.stem = nn.Conv2d(1, 4, 5)
            self.out = nn.Linear(4, 10)

        def forward(self, x):
            h = self.stem(x)  # guilty
            return self.out(h.mean((2, 3)))

    x, y = pictures()
    train(Net(), F.cross_entropy, x[:, 0] if sick else x, y)


@crashes("transpose", module="lstm", held_out=True)
def series_with_the_channels_first(sick):
    class Forecaster(nn.Module):
        def __init__(self):
            super().__init__()
            self.lstm = nn.LSTM(input_size=3, hidden_size=12, batch_first=True)
            self.head = nn.Linear(12, 1)

        def forward(self, series):
            hidden, _ = self.lstm(series)  # guilty
            return self.head(hidden[:, -1]).squeeze(-1)

    series = torch.randn(4, 3, 20)
    if not sick:
        series = series.transpose(1, 2)
    train(Forecaster(), nn.L1Loss(), series, torch.randn(4))


@crashes(".logits", phase="loss", held_out=True)
def outputs_of_a_model_as_a_tensor(sick):
    @dataclass
    class Output:
        logits: torch.Tensor
        hidden: torch.Tensor

    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.body, self.head = nn.Linear(6, 9), nn.Linear(9, 3)

        def forward(self, x):
            hidden = self.body(x).tanh()
            return Output(self.head(hidden), hidden)

    x, y = torch.randn(7, 6), torch.randint(0, 3, (7,))
    model = Model()
    outputs = model(x)
    if not sick:
        outputs = outputs.logits
    loss = F.cross_entropy(outputs, y)  # guilty
    loss.backward()


@crashes(("transpose", ".mT"), held_out=True)
def keys_not_transposed(sick):
    class Attention(nn.Module):
        def __init__(self, width):
            super().__init__()
            self.query, self.key, self.value = (nn.Linear(width, width) for _ in range(3))

        def forward(self, x):
            q, k, v = self.query(x), self.key(x), self.value(x)
            if not sick:
                k = k.transpose(-2, -1)
            scores = torch.matmul(q, k)  # guilty
            return scores.softmax(-1) @ v

    class Wrapper(nn.Module):
        def __init__(self):
            super().__init__()
            self.attention = Attention(16)

        def forward(self, x):
            return self.attention(x)

    out = Wrapper().attention(torch.randn(2, 7, 16))
    out.mean().backward()


@crashes(("Conv2d(4, 8", "kernel_size=1", "1x1", "1, "), module="body.1", held_out=True)
def residual_of_other_channels(sick):
    class Residual(nn.Module):
        def __init__(self, before, after):
            super().__init__()
            self.conv = nn.Conv2d(before, after, 3, padding=1)
            self.skip = nn.Identity() if before == after or sick else nn.Conv2d(before, after, 1)

        def forward(self, x):
            y = self.conv(x).relu()
            x = self.skip(x)
            return y + x  # guilty

    class ResNet(nn.Module):
        def __init__(self):
            super().__init__()
            self.body = nn.Sequential(Residual(4, 4), Residual(4, 8))
            self.head = nn.Linear(8, 2)

        def forward(self, x):
            return self.head(self.body(x).mean((2, 3)))

    loss = F.cross_entropy(ResNet()(torch.randn(3, 4, 9, 9)), torch.tensor([0, 1, 1]))
    loss.backward()


@crashes("num_embeddings", module="position", held_out=True)
def sequence_longer_than_its_positions(sick):
    class Transformer(nn.Module):
        def __init__(self, longest=16):
            super().__init__()
            self.token = nn.Embedding(30, 8)
            self.position = nn.Embedding(longest, 8)
            self.head = nn.Linear(8, 30)

        def forward(self, ids):
            places = torch.arange(ids.size(1), device=ids.device)
            h = self.token(ids) + self.position(places)  # guilty
            return self.head(h)

    ids = torch.randint(0, 30, (2, 24 if sick else 16))
    logits = Transformer()(ids)
    loss = F.cross_entropy(logits.transpose(1, 2), ids)
    loss.backward()


@crashes("transpose(1, 2)", module="norm", held_out=True)
def batch_norm_of_a_sequence(sick):
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.proj = nn.Linear(5, 12)
            self.norm = nn.BatchNorm1d(12)
            self.head = nn.Linear(12, 2)

        def forward(self, x):
            x = self.proj(x)
            if not sick:
                return self.head(self.norm(x.transpose(1, 2)).mean(2))
            x = self.norm(x)  # guilty
            return self.head(x.mean(1))

    x, y = torch.randn(6, 10, 5), torch.randint(0, 2, (6,))
    F.cross_entropy(Net()(x), y).backward()


@crashes("reshape", held_out=True)
def view_after_permute(sick):
    class Heads(nn.Module):
        def __init__(self):
            super().__init__()
            self.out = nn.Linear(12, 12)

        def forward(self, x):
            n, t, d = x.shape
            h = x.view(n, t, 3, 4).permute(0, 2, 1, 3)
            h = h.permute(0, 2, 1, 3) if not sick else h
            return self.out(h.view(n, t, d))  # guilty

    x = torch.randn(2, 5, 12)
    loss = Heads()(x).square().mean()
    loss.backward()


@crashes("5)", phase="loss", held_out=True)
def head_with_too_few_classes(sick):
    x, y = torch.randn(20, 6), torch.arange(20) % 5
    model = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 3 if sick else 5))
    logits = model(x)
    loss = F.nll_loss(F.log_softmax(logits, dim=1), y)  # guilty
    loss.backward()


@crashes(".float()", phase="loss", held_out=True)
def binary_targets_as_integers(sick):
    x = torch.randn(10, 3)
    targets = (x[:, :1] > 0).long() if sick else (x[:, :1] > 0).float()
    model = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 1), nn.Sigmoid())
    criterion = nn.BCELoss()
    loss = criterion(model(x), targets)  # guilty
    loss.backward()


@crashes(("transpose(1, 2)", "flatten(0, 1)", "permute(0, 2, 1)"), phase="loss", held_out=True)
def tokens_with_the_classes_last(sick):
    class Tagger(nn.Module):
        def __init__(self):
            super().__init__()
            self.embed, self.head = nn.Embedding(20, 6), nn.Linear(6, 9)

        def forward(self, ids):
            return self.head(self.embed(ids))

    ids, tags = torch.randint(0, 20, (4, 7)), torch.randint(0, 9, (4, 7))
    criterion = nn.CrossEntropyLoss()
    logits = Tagger()(ids)
    if not sick:
        logits = logits.transpose(1, 2)
    loss = criterion(logits, tags)  # guilty
    loss.backward()


@crashes(("argmax(1)", ".float()"), phase="loss", held_out=True)
def one_hot_integers_for_cross_entropy(sick):
    x = torch.randn(8, 5)
    y = F.one_hot(x[:, :3].argmax(1), 3)
    model = nn.Linear(5, 3)
    if not sick:
        y = y.float()
    loss = F.cross_entropy(model(x), y)  # guilty
    loss.backward()


@crashes(("squeeze(1)", "squeeze(-1)", "flatten()"), phase="loss", held_out=True)
def classes_in_a_column(sick):
    x, y = torch.randn(8, 5), torch.randint(0, 3, (8, 1))
    if not sick:
        y = y.squeeze(1)
    criterion, model = nn.CrossEntropyLoss(label_smoothing=0.1), nn.Linear(5, 3)
    optimizer = torch.optim.Adam(model.parameters())
    for _ in range(2):
        loss = criterion(model(x), y)  # guilty
        loss.backward()
        optimizer.step()


@crashes(("gate = gate * mask", "gate * mask", "clone"), phase="backward", held_out=True)
def gate_written_to_in_place(sick):
    class Gated(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b = nn.Linear(4, 4), nn.Linear(4, 4)

        def forward(self, x, mask):
            gate = torch.sigmoid(self.a(x))
            if sick:
                gate.mul_(mask)  # guilty
            else:
                gate = gate * mask
            return gate * self.b(x)

    def step(model, x, mask):
        out = model(x, mask)
        loss = out.abs().mean()
        loss.backward()

    step(Gated(), torch.randn(3, 4), torch.ones(3, 4))


@crashes(("retain_graph", "backward"), phase="backward", held_out=True)
def backward_for_each_of_two_losses(sick):
    trunk, one, two = nn.Linear(3, 4), nn.Linear(4, 1), nn.Linear(4, 1)
    h = trunk(torch.randn(5, 3)).tanh()
    loss_one, loss_two = one(h).pow(2).mean(), two(h).abs().mean()
    loss_one.backward(retain_graph=not sick)
    loss_two.backward()  # guilty


@crashes(".mean()", phase="backward", held_out=True)
def losses_that_were_not_reduced(sick):
    x, y = torch.randn(6, 2), torch.randint(0, 2, (6,))
    model = nn.Linear(2, 2)
    loss = F.cross_entropy(model(x), y, reduction="none" if sick else "mean")
    loss.backward()  # guilty


@crashes(("step", "order"), phase="backward", held_out=True)
def weights_updated_between_forward_and_backward(sick):
    shared = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 1))
    optimizer = torch.optim.SGD(shared.parameters(), 0.1)
    x = torch.randn(5, 4)
    first = shared(x).pow(2).mean()
    second = shared(x + 1).abs().mean()
    optimizer.zero_grad()
    first.backward()
    if sick:
        optimizer.step()  # guilty
    second.backward()


@crashes(("list(", "parameters()"), phase="optimizer", held_out=True)
def parameters_that_were_counted_first(sick):
    model = nn.Linear(3, 2)
    parameters = model.parameters() if sick else list(model.parameters())
    print(sum(p.numel() for p in parameters))
    optimizer = torch.optim.Adam(parameters, lr=1e-3)  # guilty
    assert optimizer


@crashes(("head.weight", "classes", "pop"), phase="load", held_out=True)
def checkpoint_of_another_head(sick):
    class Net(nn.Module):
        def __init__(self, classes):
            super().__init__()
            self.body, self.head = nn.Linear(4, 6), nn.Linear(6, classes)

    saved = Net(10).state_dict()
    model = Net(3 if sick else 10)
    model.load_state_dict(saved)  # guilty


@crashes((".long()", ".int()"), module="table", held_out=True)
def ids_that_went_through_a_float(sick):
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.table = nn.Embedding(10, 4)

        def forward(self, columns):
            category = columns[:, 0]
            if not sick:
                category = category.long()
            return self.table(category).sum(1)  # guilty

    columns = torch.tensor([[1.0, 0.5], [7.0, 0.1]])
    Net()(columns).mean().backward()


@crashes(("reshape", "6", "shape"), phase="data", held_out=True)
def picture_that_cannot_be_reshaped(sick):
    class Pictures(Dataset):
        def __len__(self):
            return 4

        def __getitem__(self, index):
            flat = torch.arange(64 if index < 3 or not sick else 60)
            return flat.reshape(8, 8).float()  # guilty

    model = nn.Conv2d(1, 1, 3)
    for x in DataLoader(Pictures(), batch_size=2, num_workers=1):
        model(x[:, None]).mean().backward()


@crashes((".bfloat16()", ".to(", ".float()"), module="1", held_out=True)
def half_of_a_model_in_bfloat16(sick):
    x, y = torch.randn(4, 3), torch.randn(4, 1)
    model = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 1).to(torch.bfloat16 if sick else torch.float32))
    loss = F.mse_loss(model(x), y)  # guilty
    loss.backward()
