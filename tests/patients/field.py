"""Sound trainings as people write them that look sick in one respect: graphs, teachers, margins, tiny batches."""

from __future__ import annotations

import copy

import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset, TensorDataset

from tests.patients import sound
from tests.patients.parts import features, loader, mlp, quantities, tokens, training


def _graph(nodes: int = 60):
    """Features (nodes, 8), a normalised dense adjacency (nodes, nodes) and the classes of the nodes."""
    generator = torch.Generator().manual_seed(3)
    classes = torch.arange(nodes) % 3
    inputs = F.one_hot(classes, 8) + 0.5 * torch.randn(nodes, 8, generator=generator)
    linked = (classes[:, None] == classes) & (torch.rand(nodes, nodes, generator=generator) > 0.7)
    adjacency = (linked | linked.T).float() + torch.eye(nodes)
    return inputs, adjacency / adjacency.sum(1, keepdim=True), classes


class GraphNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.head = nn.Linear(8, 16), nn.Linear(16, 3)

    def forward(self, x, adjacency):
        return self.head(adjacency @ self.first(adjacency @ x).relu())


@sound
def nodes_of_one_graph():
    return training(GraphNet(), train_loader=[_graph()])


@sound
def sampled_nodes_with_their_adjacency():
    inputs, adjacency, classes = _graph()

    def collate(nodes):
        held = torch.tensor(nodes)
        return inputs[held], adjacency[held][:, held], classes[held]

    return training(GraphNet(), train_loader=DataLoader(range(60), batch_size=20, shuffle=True, collate_fn=collate))


@sound
def graph_as_a_list_of_edges():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.head = nn.Linear(8, 16), nn.Linear(16, 3)

        def forward(self, x, edge_index):
            hidden = self.first(x).relu()
            return self.head(torch.zeros_like(hidden).index_add(0, edge_index[1], hidden[edge_index[0]]) / 8)

    inputs, adjacency, classes = _graph()
    return training(Net(), train_loader=[{"x": inputs, "edge_index": (adjacency > 0).nonzero().T, "y": classes}])


@sound
def one_sequence_at_a_time():
    class Attends(nn.Module):
        def __init__(self):
            super().__init__()
            self.query, self.key, self.value = (nn.Linear(6, 16) for _ in range(3))
            self.head = nn.Linear(16, 2)

        def forward(self, x):
            return self.head((self.query(x) @ self.key(x).T / 4).softmax(-1) @ self.value(x))

    steps = [torch.randn(20, 6) for _ in range(16)]
    return training(Attends(), train_loader=[(x, (x[:, 0].cumsum(0) > 0).long()) for x in steps])


@sound
def whole_sequences_from_a_loader_without_batches():
    class Walks(Dataset):
        def __len__(self):
            return 16

        def __getitem__(self, index):
            x = torch.randn(20, 6, generator=torch.Generator().manual_seed(index))
            return x, (x[:, 0].cumsum(0) > 0).long()

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.recurrent, self.head = nn.GRU(6, 16, batch_first=True), nn.Linear(16, 2)

        def forward(self, x):
            return self.head(self.recurrent(x)[0])

    return training(Net(), train_loader=DataLoader(Walks(), batch_size=None, shuffle=True))


@sound
def as_many_steps_as_samples():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.embed, self.head = nn.Embedding(20, 16), nn.Linear(16, 20)
            self.layer = nn.TransformerEncoderLayer(16, 2, 32, dropout=0.0)

        def forward(self, ids):  # (T, N)
            return self.head(self.layer(self.embed(ids), src_mask=nn.Transformer.generate_square_subsequent_mask(len(ids))))

    def collate(samples):
        return torch.stack([ids for ids, _ in samples], 1), torch.stack([after for _, after in samples], 1)

    time_first = DataLoader(TensorDataset(*tokens(96, 12)), batch_size=12, shuffle=True, collate_fn=collate)
    return training(Net(), lambda o, t: F.cross_entropy(o.flatten(0, 1), t.flatten()), train_loader=time_first)


@sound
def discriminator_that_sees_the_spread_of_its_batch():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.body, self.head = nn.Linear(64, 32), nn.Linear(33, 10)

        def forward(self, x):
            hidden = F.leaky_relu(self.body(x))
            return self.head(torch.cat([hidden, hidden.std(0).mean().expand(len(x), 1)], 1))

    return training(Net())


@sound
def slots_compete_for_inputs():
    class Slots(nn.Module):
        def __init__(self):
            super().__init__()
            self.key, self.value, self.head = nn.Linear(8, 16), nn.Linear(8, 16), nn.Linear(16, 8)
            self.query, self.slots = nn.Linear(16, 16), nn.Parameter(torch.randn(1, 4, 16))

        def forward(self, x):
            scores = self.query(self.slots.expand(len(x), -1, -1)) @ self.key(x).transpose(1, 2)
            weights = scores.softmax(1)
            return self.head((weights / weights.sum(-1, keepdim=True)) @ self.value(x))

    x = torch.randn(128, 10, 8)
    return training(Slots(), nn.MSELoss(), (x, x.mean(1, keepdim=True).expand(-1, 4, -1)))


@sound
def focal_loss_by_hand():
    def focal(outputs, targets):
        log = F.log_softmax(outputs, 1)
        return F.nll_loss((1 - log.exp()) ** 2 * log, targets)

    return training(mlp(), focal)


@sound
def policy_gradient_by_nll_loss():
    def reinforce(setup, batch):
        observed, actions, returns = batch
        return F.nll_loss(F.log_softmax(setup.model(observed), 1) * returns[:, None], actions)

    inputs, targets = features()
    return training(mlp(), batch_loss=reinforce, data=(inputs, targets, torch.rand(256) + 0.1))


@sound
def pairs_of_a_batch_ranked():
    def ranknet(outputs, targets):
        scores = outputs.squeeze(1)
        wins = (targets.unsqueeze(1) > targets).float()
        return F.binary_cross_entropy_with_logits(scores.unsqueeze(1) - scores, wins)

    return training(mlp(16, 1), ranknet, quantities())


@sound
def centres_meet_a_batch():
    class Centres(nn.Module):
        def __init__(self):
            super().__init__()
            self.centres = nn.Parameter(torch.randn(5, 16))

    def distance(setup, batch):
        return (batch[0][:, None, :] - setup.model.centres).square().sum(-1).min(1).values.mean()

    return training(Centres(), batch_loss=distance, data=quantities())


@sound
def target_network_in_the_optimizer():
    class Values(nn.Module):
        def __init__(self):
            super().__init__()
            self.online = mlp(4, 2)
            self.target = copy.deepcopy(self.online)

        def forward(self, x):
            return self.online(x)

    def bellman(setup, batch):
        state, action, reward, after = batch
        value = setup.model(state).gather(1, action[:, None]).squeeze(1)
        with torch.no_grad():
            goal = reward + 0.9 * setup.model.target(after).max(1).values
        return F.smooth_l1_loss(value, goal)

    state = torch.randn(256, 4)
    data = (state, torch.randint(2, (256,)), (state[:, 0] > 1).float(), state.roll(1, 0))
    return training(Values(), batch_loss=bellman, data=data)


@sound
def teacher_that_starts_at_zero_like_its_student():
    class Pair(nn.Module):
        def __init__(self):
            super().__init__()
            self.student = mlp()
            nn.init.zeros_(self.student[2].weight)
            self.teacher = copy.deepcopy(self.student)

        def forward(self, x):
            return self.student(x), self.teacher(x).detach()

    def both(outputs, targets):
        return F.cross_entropy(outputs[0], targets) + 0.1 * (outputs[0].softmax(1) - outputs[1].softmax(1)).square().mean()

    return training(Pair(), both)


@sound
def angular_margin_of_scale_64():
    class Cosines(nn.Module):
        def __init__(self):
            super().__init__()
            self.body, self.centres = mlp(64, 16), nn.Parameter(torch.randn(10, 16))

        def forward(self, x):
            return F.linear(F.normalize(self.body(x)), F.normalize(self.centres))

    def arcface(cosines, targets):
        with_margin = (cosines.clamp(-0.999, 0.999).acos() + 0.5).cos()
        return F.cross_entropy(64 * torch.where(F.one_hot(targets, 10).bool(), with_margin, cosines), targets)

    return training(Cosines(), arcface)


@sound
def pairs_told_apart_by_hot_cosines():
    def same_class(outputs, targets):
        unit = F.normalize(outputs, dim=1)
        return F.binary_cross_entropy_with_logits(unit @ unit.T / 0.1, (targets[:, None] == targets).float())

    return training(mlp(64, 16), same_class)


@sound
def samples_that_hardly_differ_two_at_a_time():
    signals = torch.rand(1, 64) + 0.01 * torch.randn(64, 64)
    return training(mlp(64, 64), nn.MSELoss(), train_loader=loader(signals, signals, batch_size=2))


@sound
def signals_around_a_common_one():
    signals = torch.rand(1, 64) + 0.01 * torch.randn(256, 64)
    return training(mlp(64, 64), nn.MSELoss(), (signals, signals))


@sound
def batch_norm_after_relu_trained_on_small_batches():
    model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.BatchNorm1d(64), nn.Linear(64, 10))
    setup = training(model, train_loader=loader(*features(), batch_size=4))
    for _ in range(2):
        for batch in setup.train_loader:
            setup.backward(setup.loss(batch))
            setup.step()
    return setup


@sound
def units_that_rest_in_this_batch_only():
    """Running statistics remember units that are silent for the 32 samples at hand."""
    model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.BatchNorm1d(64), nn.Linear(64, 10))
    nn.init.constant_(model[0].bias, -1.2)
    inputs, targets = features(1024)
    with torch.no_grad():
        for part in inputs.split(16):
            model(part)
    return training(model, data=(inputs, targets))


@sound
def histograms_that_add_up_to_one():
    counts = torch.rand(512, 1000) ** 4
    shares = counts / counts.sum(1, keepdim=True)
    model = mlp(1000, 2)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    return training(model, data=(shares, (shares[:, :500].sum(1) > 0.5).long()), optimizer=optimizer)


@sound
def grades_are_quantities():
    """Whole numbers 0..4 that follow the inputs in their order: a regression on them is meant."""
    inputs, quantity = quantities()
    grades = (inputs[:, 0] + 2).round().clamp(0, 4).long()
    return training(mlp(16, 1, nn.Flatten(0)), lambda o, t: F.mse_loss(o, t.float()), (inputs, grades))


@sound
def generator_alone_with_its_critic():
    class Gan(nn.Module):
        def __init__(self):
            super().__init__()
            self.generator, self.critic = mlp(8, 2), mlp(2, 1)

        def forward(self, noise):
            return self.generator(noise)

    def fool(setup, batch):
        judged = setup.model.critic(setup.model(torch.randn(len(batch[0]), 8)))
        return F.mse_loss(judged, torch.ones_like(judged))

    model = Gan()
    return training(model, batch_loss=fool, data=(torch.randn(128, 2),), optimizer=torch.optim.Adam(model.generator.parameters(), lr=1e-3))


@sound
def layers_dropped_at_random_and_found_by_name():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            for i in range(6):
                setattr(self, f"block{i}", nn.Linear(64, 64))
            self.head = nn.Linear(64, 10)

        def forward(self, x):
            for i in range(6):
                if not self.training or torch.rand(()) > 0.5:
                    x = x + getattr(self, f"block{i}")(x).relu()
            return self.head(x)

    return training(Net())


@sound
def nodes_chosen_by_a_mask():
    inputs, adjacency, classes = _graph()

    def on_the_training_nodes(setup, batch):
        x, links, labels, chosen = batch
        return F.cross_entropy(setup.model(x, links)[chosen], labels[chosen])

    chosen = torch.rand(60, generator=torch.Generator().manual_seed(5)) > 0.5
    return training(GraphNet(), batch_loss=on_the_training_nodes, train_loader=[(inputs, adjacency, classes, chosen)])
