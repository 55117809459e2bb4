"""The discriminator's gradient, penalties on its slopes included, in four passes instead of seven.

A discriminator made of linear layers and LeakyReLUs is linear around each item. Write `a` for what enters a
layer, `g` for the gradient of the item's logit with respect to what leaves it, and `W` for its weight. Then

- the logit's gradient with respect to `W` is the outer product of `g` and `a`;
- the slope's component along a direction `v`, that is the logit's change along `v`, has with respect to `W` the
  outer product of the *same* `g` and of `u`, the change of `a` along `v`: a LeakyReLU's own slope does not change.

So a loss whose derivative with respect to the logit is `c`, plus a price of the slopes whose derivative with
respect to them is `v`, has the gradient g (c a + u)^T, summed over items and places. It takes a pass forward for
`a`, one back for `g`, one forward for `u`, and one product; the usual way differentiates the pass back once more.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from sparring.networks.patches import weight_gradient

LINEAR: tuple[Callable[..., Tensor], ...] = (functional.linear, functional.conv1d, functional.conv2d)


@dataclass
class Layer:
    """One call of a linear layer.

    Attributes:
        call: the function, `linear` or a convolution.
        weight: its weight.
        bias: its bias.
        options: stride, padding, dilation and groups of a convolution.
        entered: `a`, (batch, ...).
        left: the output, (batch, ...), with the graph behind it.
    """

    call: Callable[..., Tensor]
    weight: Tensor
    bias: Tensor | None
    options: tuple[Any, ...]
    entered: Tensor
    left: Tensor


@dataclass(eq=False)
class Tape(TorchFunctionMode):
    """Remembers the linear layers and the LeakyReLUs that run while it is entered, in their order.

    Attributes:
        layers: the linear layers.
        kinks: what entered each LeakyReLU.
        back: `g` of every layer, once `slopes` has run.
    """

    layers: list[Layer] = field(default_factory=list)
    kinks: list[Tensor] = field(default_factory=list)
    back: list[Tensor] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        out = func(*args, **(kwargs or {}))
        if func in LINEAR:
            entered, weight, bias, *options = args
            self.layers.append(Layer(func, weight, bias, tuple(options), entered, out))
        elif func is functional.leaky_relu:
            self.kinks.append(args[0])
        return out

    def slopes(self, logits: Tensor, items: Tensor) -> Tensor:
        """Gradient of each logit with respect to its own item, (batch, *shape); keeps `g` of every layer.

        Args:
            logits: (batch,), from `items` while the tape was entered.
            items: (batch, *shape), requiring a gradient.
        """
        slopes, *self.back = torch.autograd.grad(logits.sum(), [items, *(layer.left for layer in self.layers)])
        return slopes

    @torch.no_grad()
    def changes(self, network: nn.Module, direction: Tensor) -> list[Tensor]:
        """`u` of every layer, when the items move along `direction`, (batch, *shape)."""
        with Replay(self.kinks) as replay:
            network(direction)
        return replay.entered

    @torch.no_grad()
    def gradients(
        self, weights: Sequence[nn.Parameter], by_logit: Tensor, changes: Sequence[Tensor] | None
    ) -> list[Tensor]:
        """The gradient of a loss with respect to every weight.

        Args:
            weights: of the network that ran, all of them in linear layers.
            by_logit: `c`, the loss's derivative with respect to each logit, (batch,).
            changes: `u` of every layer, along the loss's derivative with respect to the slopes; nothing where
                slopes have no price.
        """
        found: dict[Tensor, Tensor] = {}
        for place, (layer, g) in enumerate(zip(self.layers, self.back, strict=True)):
            entered, by_item = layer.entered.to(g.dtype), by_logit.to(g.dtype).view(-1, *[1] * (g.dim() - 1))
            if changes is None:
                weighed = entered * by_item
            else:
                weighed = torch.addcmul(changes[place].to(g.dtype), entered, by_item)
            found[layer.weight] = _product(layer, weighed, g)
            if layer.bias is not None:
                places = tuple(range(2, g.dim()))
                found[layer.bias] = by_logit @ (g.sum(places) if places else g).to(by_logit.dtype)
        return [found[weight].to(weight.dtype) for weight in weights]


class Replay(TorchFunctionMode):
    """Sends a change of the items along the same way, each LeakyReLU bent as it was; layers lose their bias."""

    def __init__(self, kinks: Sequence[Tensor]) -> None:
        super().__init__()
        self.kinks = iter(kinks)
        self.entered: list[Tensor] = []

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        if func in LINEAR:
            change, weight, _, *options = args
            self.entered.append(change)
            return func(change, weight, None, *options)
        if func is functional.leaky_relu:
            return self._bend(*args, **(kwargs or {}))
        return func(*args, **(kwargs or {}))

    def _bend(self, change: Tensor, negative_slope: float = 0.01, inplace: bool = False) -> Tensor:
        return torch.ops.aten.leaky_relu_backward(change, next(self.kinks), negative_slope, False)


def _product(layer: Layer, entered: Tensor, g: Tensor) -> Tensor:
    """The sum over items and places of the outer products of `g` and `entered`, shaped as the weight."""
    if layer.call is functional.linear:
        return g.T @ entered
    return weight_gradient(entered, g, layer.weight, *layer.options)
