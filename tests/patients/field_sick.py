"""Troubles as they come in the field: attention by einsum, NumPy in the middle, Hugging Face models, layers that nobody owns."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset

from tests.patients import patient, sound
from tests.patients.parts import features, loader, mlp, quantities, tokens, training


class Records(Dataset):
    """Samples as dicts, which is how Hugging Face loaders give them."""

    def __init__(self, **columns: torch.Tensor):
        self.columns = columns

    def __len__(self) -> int:
        return len(next(iter(self.columns.values())))

    def __getitem__(self, index):
        return {name: column[index] for name, column in self.columns.items()}


def records(**columns: torch.Tensor) -> DataLoader:
    return DataLoader(Records(**columns), batch_size=32, shuffle=True)


def texts(samples: int = 256) -> tuple[torch.Tensor, torch.Tensor]:
    """Token ids (samples, 14) below 50, and the class 0..3 that the first token tells; no other is one of those four."""
    generator = torch.Generator().manual_seed(4)
    ids = torch.randint(5, 50, (samples, 14), generator=generator)
    classes = torch.randint(0, 4, (samples,), generator=generator)
    ids[:, 0] = classes + 1
    return ids, classes


class Attention(nn.Module):
    """Two heads, written with einsum."""

    def __init__(self, dim: int):
        super().__init__()
        self.embed, self.project, self.head = nn.Embedding(50, 16), nn.Linear(16, 48), nn.Linear(16, 4)
        self.dim = dim

    def forward(self, ids):
        samples, length = ids.shape
        queries, keys, values = self.project(self.embed(ids)).view(samples, length, 3, 2, 8).permute(2, 0, 3, 1, 4)
        weights = torch.einsum("nhqd,nhkd->nhqk", queries, keys).div(8**0.5).softmax(self.dim)
        mixed = torch.einsum("nhqk,nhkd->nhqd", weights, values)
        return self.head(mixed.transpose(1, 2).flatten(2).mean(1))


@patient("ND304", where="softmax")
def heads_compete_instead_of_keys(sick):
    return training(Attention(1 if sick else -1), data=texts())


@patient("ND306", where="scaled_dot_product_attention")
def attention_dropout_in_evaluation(sick):
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.embed, self.query, self.head = nn.Embedding(50, 16), nn.Linear(16, 16), nn.Linear(16, 4)

        def forward(self, ids):
            hidden = self.embed(ids)[:, None]
            dropped = 0.3 if sick or self.training else 0.0
            return self.head(F.scaled_dot_product_attention(self.query(hidden), hidden, hidden, dropout_p=dropped)[:, 0].mean(1))

    return training(Net(), data=texts())


@patient("ND501", where="field_sick.py")
def scaled_in_numpy(sick):
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.body, self.head = nn.Sequential(nn.Linear(64, 32), nn.Tanh()), nn.Linear(32, 10)

        def forward(self, x):
            hidden = self.body(x)
            if sick:
                values = hidden.detach().numpy()
                return self.head(torch.as_tensor(values - values.mean(1, keepdims=True)))
            return self.head(hidden - hidden.mean(1, keepdim=True))

    return training(Net())


@patient("ND501", where="bert.embeddings.word_embeddings.weight")
def encoder_under_no_grad_though_it_is_trained(sick):
    from transformers import BertConfig, BertModel

    config = BertConfig(
        vocab_size=50, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32, max_position_embeddings=16
    )

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.bert, self.head = BertModel(config, add_pooling_layer=False), nn.Linear(16, 4)

        def forward(self, input_ids):
            with torch.set_grad_enabled(not sick):
                hidden = self.bert(input_ids).last_hidden_state
            return self.head(hidden[:, 0])

    ids, classes = texts()
    return training(Net(), train_loader=records(input_ids=ids, labels=classes))


@patient("ND203", where="field_sick.py")
def layer_made_in_every_forward(sick):
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.body, self.middle, self.head = nn.Linear(64, 32), None if sick else nn.Linear(32, 16), nn.Linear(16, 10)

        def forward(self, x):
            middle = self.middle or nn.Linear(32, 16)
            return self.head(middle(self.body(x).relu()).relu())

    return training(Net())


@patient("ND203", where="attribute parts.enter.weight")
def layers_in_an_object_that_is_no_module(sick):
    class Parts:
        def __init__(self):
            self.enter, self.leave = nn.Linear(64, 32), nn.Linear(32, 32)

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.parts, self.head = Parts(), nn.Linear(32, 10)
            if not sick:
                self.known = nn.ModuleList(vars(self.parts).values())

        def forward(self, x):
            return self.head(self.parts.leave(self.parts.enter(x).relu()).relu())

    return training(Net())


@patient("ND601", where="0.bias")
def norms_and_biases_in_no_group(sick):
    model = nn.Sequential(nn.Linear(64, 32), nn.LayerNorm(32), nn.ReLU(), nn.Linear(32, 32), nn.LayerNorm(32), nn.ReLU(), nn.Linear(32, 10))
    decayed = [p for p in model.parameters() if p.ndim > 1]
    rest = [] if sick else [{"params": [p for p in model.parameters() if p.ndim <= 1], "weight_decay": 0.0}]
    return training(model, optimizer=torch.optim.AdamW([{"params": decayed, "weight_decay": 0.1}, *rest], lr=1e-2))


@patient("ND312", where="field_sick.py")
def logits_of_tokens_with_the_classes_last(sick):
    class Tagger(nn.Module):
        def __init__(self):
            super().__init__()
            self.embed, self.head = nn.Embedding(20, 16), nn.Linear(16, 20)

        def forward(self, ids):
            return self.head(self.embed(ids))

    def loss_fn(outputs, targets):
        return F.cross_entropy(outputs if sick else outputs.mT, targets)

    return training(Tagger(), loss_fn, tokens())


@patient("ND102", where="column 0")
def timestamps_beside_fractions(sick):
    """So large that a GRU sees nothing else: that no output moves is only the symptom."""
    inputs = torch.rand(256, 12, 4, generator=torch.Generator().manual_seed(5))
    targets = (inputs[:, :, 1].mean(1) > 0.5).long()
    inputs[:, :, 0] = 1.6e9 + 1e6 * inputs[:, :, 0] if sick else inputs[:, :, 0]

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.rnn, self.head = nn.GRU(4, 16, batch_first=True), nn.Linear(16, 2)

        def forward(self, x):
            return self.head(self.rnn(x)[1][-1])

    return training(Net(), data=(inputs, targets))


@patient("ND308", where="log")
def logarithm_of_negative_inputs(sick):
    """The place is the operation where NaN is born; units that only see NaN are not dead."""

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.body = mlp()

        def forward(self, x):
            return self.body(x.log() if sick else x.abs().log1p())

    return training(Net())


@patient("ND403", where="field_sick.py")
def likelihood_of_a_column_against_a_row(sick):
    def loss_fn(outputs, targets):
        mean, log_std = outputs[:, :1], outputs[:, 1:]
        targets = targets if sick else targets[:, None]
        return (log_std + ((targets - mean) / log_std.exp()) ** 2 / 2).mean()

    return training(mlp(16, 2), loss_fn, quantities())


@sound
def slot_attention():
    """Slots compete for the inputs, and each slot's weights are then made to add up to one."""

    class Slots(nn.Module):
        def __init__(self):
            super().__init__()
            self.queries, self.keys = nn.Parameter(torch.randn(4, 8)), nn.Linear(8, 8)
            self.values, self.head = nn.Linear(8, 8), nn.Linear(32, 10)

        def forward(self, x):
            parts = x.view(-1, 8, 8)
            weights = (self.queries @ self.keys(parts).mT / 8**0.5).softmax(1) + 1e-8
            weights = weights / weights.sum(-1, keepdim=True)
            return self.head((weights @ self.values(parts)).flatten(1))

    return training(Slots())


@sound
def probe_that_is_only_logged():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.body, self.probe, self.head, self.log = nn.Linear(64, 32), nn.Linear(32, 3), nn.Linear(32, 10), []

        def forward(self, x):
            hidden = self.body(x).relu()
            self.log.append(float(self.probe(hidden).detach().numpy().mean()))
            return self.head(hidden)

    return training(Net())


@sound
def rounded_with_a_straight_through_gradient():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.body = mlp()

        def forward(self, x):
            logits = self.body(x) / 8
            return logits + (logits.round() - logits).detach()

    return training(Net())


@sound
def layer_mapped_over_samples():
    """torch.vmap inside the forward pass."""

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.body, self.head = nn.Linear(64, 32), nn.Linear(32, 10)

        def forward(self, x):
            return self.head(torch.vmap(self.body)(x).relu())

    return training(Net())


@sound
def model_that_writes_to_its_inputs():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.body = mlp()

        def forward(self, x):
            return self.body(x.mul_(0.5))

    return training(Net(), train_loader=[tuple(batch) for batch in loader(*features())])
