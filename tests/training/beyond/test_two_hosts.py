"""Two hosts: network namespaces that see each other over one cable, each with an agent of torchrun."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

import pytest

import nbdebug
from tests.training.beyond.test_torchrun import TORCHRUN, environment, same, state_of
from tests.training.run import trainings

ADDRESSES = ("10.213.77.1", "10.213.77.2")


def ip(*arguments):
    return subprocess.run(["ip", *arguments], capture_output=True, text=True, check=True)


@pytest.fixture
def hosts():
    """Names of two namespaces; the cable's ends are called like them."""
    names = [f"nbd{os.getpid() % 100000}{letter}" for letter in "ab"]
    if sys.platform != "linux" or shutil.which("ip") is None:
        pytest.skip("network namespaces are Linux's, and are made by ip")
    try:
        for name in names:
            ip("netns", "add", name)
        ip("link", "add", names[0], "netns", names[0], "type", "veth", "peer", "name", names[1], "netns", names[1])
        for name, address in zip(names, ADDRESSES, strict=True):
            ip("-n", name, "address", "add", f"{address}/24", "dev", name)
            ip("-n", name, "link", "set", name, "up")
            ip("-n", name, "link", "set", "lo", "up")
    except subprocess.CalledProcessError as error:
        _remove(names)
        pytest.skip(f"network namespaces are not permitted here: {error.stderr.strip()}")
    yield names
    _remove(names)


def _remove(names):
    for name in names:
        subprocess.run(["ip", "netns", "delete", name], capture_output=True, check=False)


def test_two_hosts_give_the_weights_of_one(tmp_path, hosts):
    run = nbdebug.launch(trainings.setup(), epochs=2, num_processes=2, runs_dir=tmp_path / "runs", wait=True)
    folder = run.export(tmp_path / "exported")
    agents = []
    for number, (name, address) in enumerate(zip(hosts, ADDRESSES, strict=True)):
        meet = ["--nnodes=2", "--nproc-per-node=1", "--rdzv-backend=c10d", f"--rdzv-endpoint={ADDRESSES[0]}:29400", "--rdzv-id=two", f"--rdzv-conf=is_host={1 - number}"]
        call = ["ip", "netns", "exec", name, *TORCHRUN, *meet, f"--local-addr={address}", str(folder / "main.py")]
        told = {**environment(), "GLOO_SOCKET_IFNAME": name}
        agents.append(subprocess.Popen(call, env=told, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True))
    try:
        said = [agent.communicate(timeout=240)[0] for agent in agents]
    finally:
        for agent in agents:
            agent.kill()
    assert [agent.returncode for agent in agents] == [0, 0], said
    assert same(folder / "weights.pt", run.model) and state_of(folder) == "done"
    assert len(nbdebug.attach(folder).ranks) == 2
