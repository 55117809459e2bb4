"""Adam in a basis in which a layer's gradients hang together less: SOAP, without a first moment.

Each axis of a weight (its outputs; its inputs) keeps the mean of its gradients' outer products, whose eigenvectors turn
it. Second moments are kept, and steps scaled by them, where all axes are turned, and the step is turned back. So units
that move together are told apart, at the price of a few small products a step (Vyas et al. 2024, arXiv 2409.11321,
algorithm 3). The eigenvectors are followed by a QR decomposition every few steps, as there; the bases start at the
identity here, so the first steps are Adam's.
"""

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

LARGEST_AXIS = 512  # a longer axis stays as it is: its eigenvectors would cost more than the step
OUTER_DECAY = 0.95  # of the mean of outer products
EVERY = 10  # steps from one QR decomposition to the next


class SOAP(Optimizer):
    """Shampoo's eigenvectors, Adam's second moments, no momentum.

    Args:
        params: weights; biases, and axes of one place or of more than 512, are not turned. The inputs of a convolution
            and the places of its kernel are one axis where these are at most 512, else two.
        lr: length of a step, as of Adam.
        betas: the first must be 0; the second is the decay of second moments, corrected for their start at zero.
        eps: added to the root of the second moments.
    """

    def __init__(
        self, params: Iterable[nn.Parameter], lr: float, betas: tuple[float, float] = (0.0, 0.9), eps: float = 1e-8
    ) -> None:
        super().__init__(params, {"lr": lr, "betas": betas, "eps": eps})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Move every weight that has a gradient, in the weights' own precision also where networks compute in less."""
        for group in self.param_groups:
            weights = [weight for weight in group["params"] if weight.grad is not None]
            with torch.autocast(group["params"][0].device.type, enabled=False):
                for weight in weights:
                    _move(weight, self.state[weight], group)


def _move(weight: nn.Parameter, state: dict[str, Any], options: Mapping[str, Any]) -> None:
    gradient, decay = _axes(weight.grad), options["betas"][1]  # type: ignore[arg-type]
    turned = [axis for axis, size in enumerate(gradient.shape) if gradient.dim() > 1 and 1 < size <= LARGEST_AXIS]
    if not state:
        state["step"] = torch.zeros(())
        state["second"] = torch.zeros_like(gradient, memory_format=torch.contiguous_format)
        for axis in turned:
            size = gradient.shape[axis]
            state[f"outer_{axis}"] = gradient.new_zeros(size, size)
            state[f"basis_{axis}"] = torch.eye(size, device=weight.device, dtype=weight.dtype)
    state["step"] += 1
    step, bases = int(state["step"]), {axis: state[f"basis_{axis}"] for axis in turned}
    for axis in turned:
        rows = gradient.movedim(axis, 0).flatten(1)
        state[f"outer_{axis}"].addmm_(rows, rows.T, beta=OUTER_DECAY, alpha=1.0 - OUTER_DECAY)
    seen = _turn(gradient, bases)
    second = state["second"].mul_(decay).addcmul_(seen, seen, value=1.0 - decay)
    young = math.sqrt(1.0 - decay**step)  # the second moment began at zero
    scaled = seen.div(second.sqrt().add_(young * options["eps"]))
    back = _turn(scaled, {axis: basis.T for axis, basis in bases.items()})
    weight.add_(back.view(weight.shape), alpha=-young * options["lr"])
    if step % EVERY == 0:
        for axis, basis in bases.items():
            basis.copy_(torch.linalg.qr(state[f"outer_{axis}"] @ basis)[0])


def _axes(gradient: Tensor) -> Tensor:
    """(outputs, inputs, places of the kernel) of a convolution; the last two as one where they are not too many."""
    if gradient.dim() <= 2:
        return gradient
    return gradient.flatten(1 if gradient[0].numel() <= LARGEST_AXIS else 2)


def _turn(x: Tensor, bases: Mapping[int, Tensor]) -> Tensor:
    """Every axis multiplied by its matrix from behind."""
    for axis, basis in bases.items():
        last = x.movedim(axis, -1)
        x = (last.reshape(-1, len(basis)) @ basis).view(last.shape).movedim(-1, axis)
    return x.contiguous()
