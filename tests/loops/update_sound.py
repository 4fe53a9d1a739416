"""Loops that update in unusual ways, and are right."""

from __future__ import annotations

import copy

import torch
from torch import nn
from torch.nn import functional as F

from tests.loops import sound_loop
from tests.loops.update import batches, net


def sgd(model, lr=0.05, **options):
    return torch.optim.SGD(model.parameters(), lr=lr, **options)


# -- parameters that no optimizer holds, on purpose ---------------------------------------------------------------


@sound_loop
def trunk_frozen_by_the_optimizer_only():
    model = net()
    optimizer = torch.optim.Adam(model[2].parameters())
    for x, y in batches():
        model.zero_grad()
        F.cross_entropy(model(x), y).backward()
        optimizer.step()


@sound_loop
def adapters_in_a_large_model():
    class Adapted(nn.Module):
        def __init__(self):
            super().__init__()
            self.down, self.first, self.last, self.up = nn.Linear(6, 2), nn.Linear(6, 40), nn.Linear(40, 3), nn.Linear(2, 3)

        def forward(self, x):
            return self.last(self.first(x).relu()) + self.up(self.down(x))

    model = Adapted()
    optimizer = torch.optim.AdamW([*model.down.parameters(), *model.up.parameters()], lr=1e-3)
    for x, y in batches():
        model.zero_grad()
        F.cross_entropy(model(x), y).backward()
        optimizer.step()


@sound_loop
def prompt_before_a_model():
    model, prompt = net(), nn.Parameter(torch.zeros(6))
    optimizer = torch.optim.Adam([prompt], lr=0.1)
    for x, y in batches():
        optimizer.zero_grad()
        F.cross_entropy(model(x + prompt), y).backward()
        optimizer.step()


@sound_loop
def image_optimised_through_a_network():
    features = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Conv2d(4, 4, 3)).eval()
    image = torch.rand(1, 3, 8, 8, requires_grad=True)
    wanted = features(torch.rand(1, 3, 8, 8)).detach()
    optimizer = torch.optim.LBFGS([image], max_iter=3)
    for _ in range(4):

        def closure():
            optimizer.zero_grad()
            loss = F.mse_loss(features(image), wanted)
            loss.backward()
            return loss

        optimizer.step(closure)


@sound_loop
def temperature_learnt_beside_the_model():
    model, temperature = net(), nn.Parameter(torch.ones(()))
    optimizer = torch.optim.Adam([*model.parameters(), temperature])
    for x, y in batches():
        optimizer.zero_grad()
        F.cross_entropy(model(x) * temperature, y).backward()
        optimizer.step()


@sound_loop
def perceptual_loss_with_a_network_that_is_not_frozen():
    model, judge = net(6, 6), net(6, 4).eval()
    optimizer = torch.optim.Adam(model.parameters())
    for x, _ in batches():
        optimizer.zero_grad()
        F.mse_loss(judge(model(x)), judge(x).detach()).backward()
        optimizer.step()


@sound_loop
def half_of_the_weights_moved_by_hand():
    model = net()
    optimizer = torch.optim.SGD(model[0].parameters(), lr=0.1)
    for x, y in batches():
        model.zero_grad()
        F.cross_entropy(model(x), y).backward()
        optimizer.step()
        for p in model[2].parameters():
            p.data -= 0.1 * p.grad.data


@sound_loop
def an_optimizer_that_is_no_torch_optimizer():
    class Descent:
        def __init__(self, params, lr):
            self.params, self.lr = list(params), lr

        def zero_grad(self):
            for p in self.params:
                p.grad = None

        def step(self):
            for p in self.params:
                p.data.add_(p.grad, alpha=-self.lr)

    model = net()
    optimizer = Descent(model.parameters(), 0.1)
    for x, y in batches():
        optimizer.zero_grad()
        F.cross_entropy(model(x), y).backward()
        optimizer.step()


@sound_loop
def thawed_step_by_step():
    model = net()
    optimizer = torch.optim.SGD(model[2].parameters(), lr=0.1)
    for epoch in range(2):
        if epoch:
            optimizer.add_param_group({"params": model[0].parameters()})
        for x, y in batches():
            model.zero_grad()
            F.cross_entropy(model(x), y).backward()
            optimizer.step()


@sound_loop
def reptile():
    model = net()
    for task in range(4):
        fast = copy.deepcopy(model)
        inner = sgd(fast)
        for x in torch.randn(3, 8, 6):
            inner.zero_grad()
            F.mse_loss(fast(x), x[:, :3] * task).backward()
            inner.step()
        with torch.no_grad():
            for p, q in zip(model.parameters(), fast.parameters(), strict=True):
                p += 0.5 * (q - p)


# -- passes without a step, and steps without a pass --------------------------------------------------------------


@sound_loop
def saliency_with_the_optimizer_around():
    model = net().eval()
    optimizer = torch.optim.Adam(model.parameters())
    for x, y in batches():
        optimizer.zero_grad()
        x.requires_grad_(True)
        model(x).gather(1, y[:, None]).sum().backward()
        assert x.grad is not None


@sound_loop
def fisher_information_after_training():
    model = net()
    optimizer = sgd(model)
    fisher = [torch.zeros_like(p) for p in model.parameters()]
    for x, y in batches():
        optimizer.zero_grad()
        F.cross_entropy(model(x), y).backward()
        for total, p in zip(fisher, model.parameters(), strict=True):
            total += p.grad**2


@sound_loop
def gradients_collected_by_a_function():
    def gradient_norm(model):
        return sum(p.grad.norm() for p in model.parameters())

    model = net()
    optimizer = sgd(model)
    norms = []
    for x, y in batches():
        optimizer.zero_grad()
        F.cross_entropy(model(x), y).backward()
        norms.append(gradient_norm(model))


@sound_loop
def moved_by_hand_with_an_idle_optimizer():
    model = net()
    optimizer = sgd(model)
    for x, y in batches():
        optimizer.zero_grad()
        F.cross_entropy(model(x), y).backward()
        with torch.no_grad():
            for p in model.parameters():
                p -= 0.1 * p.grad


@sound_loop
def moved_behind_the_version_counter():
    model = net()
    optimizer = sgd(model)
    for x, y in batches(16 * 30):
        optimizer.zero_grad()
        F.cross_entropy(model(x), y).backward()
        for p in model.parameters():
            p.data.add_(p.grad.data, alpha=-0.1)


@sound_loop
def accumulation_longer_than_what_was_watched():
    model = net()
    optimizer = sgd(model)
    for i, (x, y) in enumerate(batches()):
        (F.cross_entropy(model(x), y) / 64).backward()
        if (i + 1) % 64 == 0:
            optimizer.step()
            optimizer.zero_grad()


@sound_loop
def one_backward_pass_to_look_at_the_gradients():
    model = net()
    optimizer = sgd(model)
    x, y = next(iter(batches()))
    optimizer.zero_grad()
    F.cross_entropy(model(x), y).backward()


@sound_loop
def optimizers_inside_of_the_backward_pass():
    model = net()
    optimizers = {p: torch.optim.SGD([p], lr=0.05) for p in model.parameters()}

    def update(parameter):
        optimizers[parameter].step()
        optimizers[parameter].zero_grad()

    for p in model.parameters():
        p.register_post_accumulate_grad_hook(update)
    for x, y in batches():
        F.cross_entropy(model(x), y).backward()


@sound_loop
def gradients_put_in_by_hand():
    model = net()
    optimizer = torch.optim.Adam(model.parameters())
    for x, y in batches(16 * 30):
        loss = F.cross_entropy(model(x), y)
        for p, gradient in zip(model.parameters(), torch.autograd.grad(loss, list(model.parameters())), strict=True):
            p.grad = gradient
        optimizer.step()


@sound_loop
def gradients_copied_in_by_hand():
    model = net()
    optimizer = torch.optim.Adam(model.parameters())
    for p in model.parameters():
        p.grad = torch.zeros_like(p)
    for x, y in batches(16 * 30):
        loss = F.cross_entropy(model(x), y)
        for p, gradient in zip(model.parameters(), torch.autograd.grad(loss, list(model.parameters())), strict=True):
            p.grad.copy_(gradient)
        optimizer.step()


@sound_loop
def the_step_comes_first_in_the_loop():
    model = net()
    optimizer = sgd(model)
    for x, y in batches():
        optimizer.step()
        optimizer.zero_grad()
        F.cross_entropy(model(x), y).backward()


@sound_loop
def a_step_before_training_to_quiet_the_scheduler():
    model = net()
    optimizer = sgd(model)
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: min(1.0, step / 5))
    optimizer.zero_grad()
    optimizer.step()
    for x, y in batches():
        optimizer.zero_grad()
        F.cross_entropy(model(x), y).backward()
        optimizer.step()
        scheduler.step()


@sound_loop
def the_generator_is_trained_alone_at_first():
    generator, discriminator = net(4, 6), net(6, 1)
    g_optimizer, d_optimizer = sgd(generator), sgd(discriminator)
    for i in range(14):
        g_optimizer.zero_grad()
        d_optimizer.zero_grad()
        F.softplus(-discriminator(generator(torch.randn(8, 4)))).mean().backward()
        g_optimizer.step()
        if i > 20:
            d_optimizer.step()


@sound_loop
def an_old_optimizer_is_still_around():
    model = net()
    optimizer = sgd(model)
    optimizer = torch.optim.Adam(model.parameters()), optimizer
    better = optimizer[0]
    for x, y in batches(16 * 12):
        better.zero_grad()
        F.cross_entropy(model(x), y).backward()
        better.step()


@sound_loop
def lbfgs():
    x, y = torch.randn(32, 6), torch.randn(32, 3)
    model = net()
    optimizer = torch.optim.LBFGS(model.parameters(), lr=0.1, max_iter=4)

    def closure():
        optimizer.zero_grad()
        loss = F.mse_loss(model(x), y)
        loss.backward()
        return loss

    for _ in range(5):
        optimizer.step(closure)


@sound_loop
def closure_with_sgd():
    model = net()
    optimizer = sgd(model)
    for x, y in batches():

        def closure(x=x, y=y):
            optimizer.zero_grad()
            loss = F.cross_entropy(model(x), y)
            loss.backward()
            return loss

        optimizer.step(closure)


# -- gradients that are thrown away or added up, on purpose -------------------------------------------------------


@sound_loop
def accumulation_by_a_factor_in_a_sum():
    model = net()
    optimizer = sgd(model)
    for i, (x, y) in enumerate(batches(16 * 16)):
        prediction = model(x)
        loss = F.cross_entropy(prediction, y) / 4 + 0.01 * prediction.square().mean() / 4
        loss.backward()
        if i % 4 == 3:
            optimizer.step()
            optimizer.zero_grad()


@sound_loop
def accumulation_of_sums():
    model = net()
    optimizer = sgd(model, lr=1e-3)
    for i, (x, y) in enumerate(batches(16 * 16)):
        F.cross_entropy(model(x), y, reduction="sum").backward()
        if i % 4 == 3:
            optimizer.step()
            optimizer.zero_grad()


@sound_loop
def accumulation_with_an_adaptive_optimizer():
    model = net()
    optimizer = torch.optim.Adam(model.parameters())
    for i, (x, y) in enumerate(batches(16 * 16)):
        F.cross_entropy(model(x), y).backward()
        if i % 4 == 3:
            optimizer.step()
            optimizer.zero_grad()


@sound_loop
def accumulation_clipped_to_a_norm():
    model = net()
    optimizer = sgd(model)
    for i, (x, y) in enumerate(batches(16 * 16)):
        F.cross_entropy(model(x), y).backward()
        if i % 4 == 3:
            nn.utils.clip_grad_norm_(model.parameters(), 0.1)
            optimizer.step()
            optimizer.zero_grad()


@sound_loop
def accumulation_divided_afterwards():
    model = net()
    optimizer = sgd(model)
    for i, (x, y) in enumerate(batches(16 * 16)):
        F.cross_entropy(model(x), y).backward()
        if i % 4 == 3:
            for p in model.parameters():
                p.grad /= 4
            optimizer.step()
            optimizer.zero_grad()


@sound_loop
def several_losses_one_after_another():
    def descend(loss):
        loss.backward(retain_graph=True)

    model = net()
    optimizer = sgd(model)
    for x, y in batches():
        optimizer.zero_grad()
        prediction = model(x)
        for loss in (F.cross_entropy(prediction, y), 0.1 * prediction.square().mean(), prediction.abs().mean()):
            descend(loss)
        optimizer.step()


@sound_loop
def several_tasks_with_their_own_loaders():
    trunk = nn.Linear(6, 8)
    heads = nn.ModuleList([nn.Linear(8, 3) for _ in range(3)])
    loaders = [batches() for _ in heads]
    optimizer = sgd(nn.ModuleList([trunk, heads]))
    for several in zip(*loaders, strict=True):
        optimizer.zero_grad()
        for head, (x, y) in zip(heads, several, strict=True):
            F.cross_entropy(head(trunk(x).relu()), y).backward()
        optimizer.step()


@sound_loop
def gan():
    generator, discriminator = net(4, 6), net(6, 1)
    g_optimizer, d_optimizer = sgd(generator), sgd(discriminator)
    one, zero = torch.ones(16, 1), torch.zeros(16, 1)
    for real, _ in batches():
        discriminator.zero_grad()
        F.binary_cross_entropy_with_logits(discriminator(real), one).backward()
        fake = generator(torch.randn(16, 4))
        F.binary_cross_entropy_with_logits(discriminator(fake.detach()), zero).backward()
        d_optimizer.step()
        generator.zero_grad()
        F.binary_cross_entropy_with_logits(discriminator(fake), one).backward()
        g_optimizer.step()


@sound_loop
def gan_with_one_function_for_both():
    def update(loss, optimizer):
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    generator, discriminator = net(4, 6), net(6, 1)
    g_optimizer, d_optimizer = sgd(generator), sgd(discriminator)
    for real, _ in batches():
        fake = generator(torch.randn(16, 4))
        update(F.softplus(discriminator(fake.detach())).mean() + F.softplus(-discriminator(real)).mean(), d_optimizer)
        update(F.softplus(-discriminator(generator(torch.randn(16, 4)))).mean(), g_optimizer)


@sound_loop
def wasserstein_gan_with_a_penalty():
    generator, critic = net(4, 6), net(6, 1)
    g_optimizer, c_optimizer = torch.optim.Adam(generator.parameters()), torch.optim.Adam(critic.parameters())
    for i, (real, _) in enumerate(batches(16 * 12)):
        fake = generator(torch.randn(16, 4)).detach()
        between = (real + torch.rand(16, 1) * (fake - real)).requires_grad_(True)
        slope = torch.autograd.grad(critic(between).sum(), between, create_graph=True)[0]
        c_optimizer.zero_grad()
        (critic(fake).mean() - critic(real).mean() + 10 * (slope.norm(dim=1) - 1).square().mean()).backward()
        c_optimizer.step()
        if i % 5 == 4:
            g_optimizer.zero_grad()
            (-critic(generator(torch.randn(16, 4))).mean()).backward()
            g_optimizer.step()


@sound_loop
def sharpness_aware_minimisation():
    class SAM(torch.optim.Optimizer):
        def __init__(self, params, base, **options):
            super().__init__(params, {"rho": 0.05, **options})
            self.base = base(self.param_groups, **options)

        @torch.no_grad()
        def first_step(self):
            for group in self.param_groups:
                for p in group["params"]:
                    self.state[p]["old"] = p.data.clone()
                    p.add_(p.grad, alpha=group["rho"])
            self.zero_grad()

        @torch.no_grad()
        def second_step(self):
            for group in self.param_groups:
                for p in group["params"]:
                    p.data = self.state[p]["old"]
            self.base.step()
            self.zero_grad()

    def pass_over(x, y):
        F.cross_entropy(model(x), y).backward()

    model = net()
    optimizer = SAM(model.parameters(), torch.optim.SGD, lr=0.05)
    for x, y in batches():
        pass_over(x, y)
        optimizer.first_step()
        pass_over(x, y)
        optimizer.second_step()


@sound_loop
def sharpness_aware_behind_the_version_counter():
    model = net()
    optimizer = sgd(model)
    for x, y in batches(16 * 30):
        for ascent in (True, False):
            F.cross_entropy(model(x), y).backward()
            if ascent:
                pushed = [0.05 * p.grad for p in model.parameters()]
            for p, push in zip(model.parameters(), pushed, strict=True):
                p.data.add_(push if ascent else -push)
            if not ascent:
                optimizer.step()
            optimizer.zero_grad()


@sound_loop
def adversarial_training():
    model = net()
    optimizer = sgd(model)
    for x, y in batches():
        attack = torch.zeros_like(x, requires_grad=True)
        for _ in range(3):
            F.cross_entropy(model(x + attack), y).backward()
            attack.data = (attack + 0.1 * attack.grad.sign()).clamp(-0.3, 0.3).data
            attack.grad = None
            model.zero_grad()
        optimizer.zero_grad()
        F.cross_entropy(model(x + attack.detach()), y).backward()
        optimizer.step()


@sound_loop
def adversarial_training_with_one_function():
    def pass_over(x, y):
        optimizer.zero_grad()
        F.cross_entropy(model(x), y).backward()

    model = net()
    optimizer = sgd(model)
    for x, y in batches():
        x.requires_grad_(True)
        pass_over(x, y)
        attacked = (x + 0.1 * x.grad.sign()).detach()
        pass_over(attacked, y)
        optimizer.step()


@sound_loop
def cleared_by_hand():
    model = net()
    optimizer = sgd(model)
    for x, y in batches(16 * 30):
        F.cross_entropy(model(x), y).backward()
        optimizer.step()
        for p in model.parameters():
            p.grad = None


@sound_loop
def cleared_by_hand_behind_the_version_counter():
    model = net()
    optimizer = sgd(model)
    for x, y in batches(16 * 30):
        for p in model.parameters():
            if p.grad is not None:
                p.grad.data.zero_()
        F.cross_entropy(model(x), y).backward()
        optimizer.step()


@sound_loop
def gradients_of_several_tasks_projected():
    model = net()
    optimizer = sgd(model)
    for x, y in batches():
        several = []
        for loss in (lambda out: F.cross_entropy(out, y), lambda out: out.square().mean()):  # noqa: B023
            optimizer.zero_grad()
            loss(model(x)).backward()
            several.append([p.grad.clone() for p in model.parameters()])
        for p, one, other in zip(model.parameters(), *several, strict=True):
            p.grad = one + other - (one * other).sum() / other.square().sum().clamp_min(1e-9) * other
        optimizer.step()


@sound_loop
def clipped_sample_by_sample():
    model = net()
    optimizer = sgd(model)
    for x, y in batches(64):
        totals = [torch.zeros_like(p) for p in model.parameters()]
        for one, label in zip(x, y, strict=True):
            optimizer.zero_grad()
            F.cross_entropy(model(one[None]), label[None]).backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            for total, p in zip(totals, model.parameters(), strict=True):
                total += p.grad
        for total, p in zip(totals, model.parameters(), strict=True):
            p.grad = total / len(x) + 0.01 * torch.randn_like(total)
        optimizer.step()


@sound_loop
def truncated_backpropagation():
    model, head = nn.GRU(6, 8, batch_first=True), nn.Linear(8, 6)
    optimizer = torch.optim.Adam([*model.parameters(), *head.parameters()])
    for sequence in torch.randn(3, 4, 20, 6):
        hidden = None
        for chunk in sequence.split(5, dim=1):
            output, hidden = model(chunk, hidden)
            hidden = hidden.detach()
            optimizer.zero_grad()
            F.mse_loss(head(output), chunk).backward()
            optimizer.step()


@sound_loop
def chunks_of_a_sequence_summed_up():
    model = nn.RNN(6, 6, batch_first=True)
    optimizer = sgd(model)
    for sequence in torch.randn(6, 4, 20, 6):
        hidden = None
        optimizer.zero_grad()
        for chunk in sequence.split(5, dim=1):
            output, hidden = model(chunk, hidden)
            hidden = hidden.detach()
            F.mse_loss(output, chunk).backward()
        optimizer.step()


@sound_loop
def lookahead_around_another_optimizer():
    class Lookahead(torch.optim.Optimizer):
        def __init__(self, base):
            self.base, self.count = base, 0
            super().__init__(base.param_groups, {})
            self.slow = [p.detach().clone() for group in self.param_groups for p in group["params"]]

        def step(self, closure=None):
            self.base.step()
            self.count += 1
            if self.count % 3 == 0:
                for slow, p in zip(self.slow, (p for group in self.param_groups for p in group["params"]), strict=True):
                    slow += 0.5 * (p.detach() - slow)
                    p.data.copy_(slow)

    model = net()
    optimizer = Lookahead(sgd(model))
    for x, y in batches():
        optimizer.zero_grad()
        F.cross_entropy(model(x), y).backward()
        optimizer.step()


@sound_loop
def bad_batches_are_left_out():
    model = net()
    optimizer = sgd(model)
    for i, (x, y) in enumerate(batches(16 * 12)):
        F.cross_entropy(model(x), y).backward()
        if i % 5 == 2:
            optimizer.zero_grad()
            continue
        optimizer.step()
        optimizer.zero_grad()


@sound_loop
def actor_and_critic_share_an_encoder():
    encoder, actor, critic = nn.Linear(6, 8), nn.Linear(8, 3), nn.Linear(8, 1)
    critic_optimizer = torch.optim.Adam([*encoder.parameters(), *critic.parameters()])
    actor_optimizer = torch.optim.Adam(actor.parameters())
    for x in torch.randn(12, 8, 6):
        critic_optimizer.zero_grad()
        F.mse_loss(critic(encoder(x)).squeeze(1), x.sum(1)).backward()
        critic_optimizer.step()
        actor_optimizer.zero_grad()
        (-critic(encoder(x)).detach() * actor(encoder(x)).log_softmax(1)[:, :1]).mean().backward()
        actor_optimizer.step()


@sound_loop
def momentum_kept_in_the_gradients():
    model = net()
    optimizer = sgd(model)
    for x, y in batches(16 * 12):
        F.cross_entropy(model(x), y).backward()
        optimizer.step()
        for p in model.parameters():
            p.grad.mul_(0.9)


@sound_loop
def policy_gradient_over_episodes():
    policy = net()
    optimizer = torch.optim.Adam(policy.parameters(), lr=1e-2)
    for _ in range(6):
        log_probs, rewards = [], []
        state = torch.randn(6)
        for _ in range(5):
            distribution = torch.distributions.Categorical(logits=policy(state))
            action = distribution.sample()
            log_probs.append(distribution.log_prob(action))
            state = torch.randn(6)
            rewards.append(float(action == 1))
        optimizer.zero_grad()
        (-torch.stack(log_probs) * torch.tensor(rewards)).sum().backward()
        optimizer.step()


@sound_loop
def mean_teacher():
    student = net()
    teacher = copy.deepcopy(student)
    optimizer = sgd(student)
    for x, y in batches():
        with torch.no_grad():
            wanted = teacher(x + 0.1 * torch.randn_like(x)).softmax(1)
        prediction = student(x)
        optimizer.zero_grad()
        (F.cross_entropy(prediction, y) + F.mse_loss(prediction.softmax(1), wanted)).backward()
        optimizer.step()
        for slow, p in zip(teacher.parameters(), student.parameters(), strict=True):
            slow.data.mul_(0.99).add_(p.data, alpha=0.01)
