"""Optimisers by name, at the schedules' present values, as named tensors and back."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from sparring.config import OptimiserConfig
from sparring.soap import SOAP

OURS = {"SOAP": SOAP}
WITH_MOMENTUM = ("SGD", "RMSprop")
NEED_MORE_THAN_GRADIENTS = ("Optimizer", "LBFGS", "SparseAdam", "Muon")


def known_optimisers() -> list[str]:
    """The names that `make_optimiser` knows."""
    return [*OURS, *(name for name in dir(torch.optim) if name[0].isupper() and name not in NEED_MORE_THAN_GRADIENTS)]


def make_optimiser(network: nn.Module, options: OptimiserConfig) -> torch.optim.Optimizer:
    """One by name, fused where it can be."""
    name = options.name or "Adam"
    kind = OURS.get(name) or getattr(torch.optim, name)
    arguments: dict[str, Any] = {"lr": options.learning_rate}
    if has_moments(name):
        arguments["betas"] = (float(options.beta1), float(options.beta2))
    if name in WITH_MOMENTUM:
        arguments["momentum"] = options.momentum
    if name in ("Adam", "AdamW", "SGD", "Adagrad"):
        arguments["fused"] = True
    return kind(network.parameters(), **arguments)


def has_moments(name: str) -> bool:
    """Whether an optimiser divides by second moments, which beta2 is of."""
    return name in OURS or "Adam" in name


def set_rates(optimiser: torch.optim.Optimizer, learning_rate: float, beta2: float) -> None:
    """Bring an optimiser to the schedules' present values; beta2 only where it has one."""
    for group in optimiser.param_groups:
        group["lr"] = learning_rate
        if "betas" in group:
            group["betas"] = (group["betas"][0], beta2)


def flatten_optimiser(optimiser: torch.optim.Optimizer) -> dict[str, Tensor]:
    """An optimiser's moments by weight number and name."""
    state = optimiser.state_dict()["state"]
    return {
        f"{index}.{name}": torch.as_tensor(value)
        for index, named in state.items()
        for name, value in named.items()
        if value is not None
    }


def unflatten_optimiser(optimiser: torch.optim.Optimizer, tensors: Mapping[str, Tensor]) -> None:
    """Take back what `flatten_optimiser` gave; moments lie in memory as their weights do, which `fused` relies on."""
    state: dict[int, dict[str, Tensor]] = {}
    weights = [weight for group in optimiser.param_groups for weight in group["params"]]
    for key, tensor in tensors.items():
        index, _, name = key.partition(".")
        weight = weights[int(index)]
        same = tensor.shape == weight.shape
        state.setdefault(int(index), {})[name] = torch.empty_like(weight).copy_(tensor) if same else tensor
    optimiser.load_state_dict({"state": state, "param_groups": optimiser.state_dict()["param_groups"]})
