"""The gradients of convolutions as products of matrices.

Processors with matrix units (AMX) multiply large bfloat16 matrices several times as fast as they find the weight
gradient of a convolution (benchmarks/LOG.md). Cutting the input into patches costs time of its own, so it pays
where the weight is large beside the places that it is heard at.
"""

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

WEIGHTS_PER_ROW = 16
TRANSPOSED_WEIGHTS_PER_ROW = 4  # here both gradients share the patches


def weight_gradient(
    entered: Tensor,
    g: Tensor,
    weight: Tensor,
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    groups: int,
) -> Tensor:
    """The gradient of a convolution's weight, the faster way.

    Args:
        entered: what the convolution reads, (batch, inputs, *size).
        g: the gradient with respect to what it gives, (batch, outputs, *smaller).
        weight: (outputs, inputs / groups, *kernel).
        stride: per axis.
        padding: per axis.
        dilation: per axis.
        groups: of channels.
    """
    if groups == 1 and max(dilation) == 1 and pays(g, weight):
        return by_patches(entered, g, weight.shape[2:], stride, padding)
    none, mask = [0] * len(stride), (False, True, False)
    form = torch.empty_like(weight, dtype=g.dtype)  # its values play no part
    return torch.ops.aten.convolution_backward(
        g, entered, form, None, stride, padding, dilation, False, none, groups, mask
    )[1]


def pays(g: Tensor, weight: Tensor, weights_per_row: int = WEIGHTS_PER_ROW) -> bool:
    """Whether patches are faster: bfloat16 on a CPU, with that many weights for each item and place of `g`."""
    rows = g.numel() // g.shape[1]
    return g.dtype == torch.bfloat16 and g.device.type == "cpu" and weight.numel() >= weights_per_row * rows


def by_patches(
    entered: Tensor, g: Tensor, kernel: Sequence[int], stride: Sequence[int], padding: Sequence[int]
) -> Tensor:
    """The same by cutting `entered` into patches, (outputs, inputs, *kernel) in channels-last memory."""
    return _weight_of(_cut(entered, g.shape[2:], kernel, stride, padding), g, kernel)


def _cut(
    x: Tensor, size: Sequence[int], kernel: Sequence[int], stride: Sequence[int], padding: Sequence[int]
) -> Tensor:
    """The patches that a convolution sees, a row for each item and place of `size`: (rows, prod(kernel) * channels)."""
    channels = x.shape[1]
    margins = [margin for axis in reversed(padding) for margin in (axis, axis)]
    padded = functional.pad(x.movedim(1, -1), [0, 0, *margins]).contiguous()
    steps = padded.stride()
    # the last axis of the kernel and the channels lie side by side: one run of numbers in memory
    shape = (len(x), *size, *kernel[:-1], kernel[-1] * channels)
    strides = (steps[0], *(step * s for step, s in zip(steps[1:-1], stride, strict=True)), *steps[1:-2], 1)
    return padded.as_strided(shape, strides).reshape(-1, math.prod(kernel) * channels)


def _weight_of(patches: Tensor, g: Tensor, kernel: Sequence[int]) -> Tensor:
    product = _rows(g).T @ patches
    return product.view(g.shape[1], *kernel, -1).movedim(-1, 1)


def _rows(x: Tensor) -> Tensor:
    """A row of channels for each item and place."""
    return x.movedim(1, -1).reshape(-1, x.shape[1])


class _Transposed(torch.autograd.Function):
    """A transposed convolution whose gradients are products of one matrix of patches."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, module: nn.ConvTranspose2d) -> Tensor:
        ctx.save_for_backward(x, weight)
        assert isinstance(module.padding, tuple)  # a word is for plain convolutions alone
        ctx.stride, ctx.padding = module.stride, module.padding
        return functional.conv_transpose2d(x, weight, bias, ctx.stride, ctx.padding)

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> tuple[Tensor | None, ...]:
        (g,), (x, weight) = gradients, ctx.saved_tensors
        inputs, _, *kernel = weight.shape
        # it reads where a plain convolution writes: `g` and `x` change places
        patches = _cut(g, x.shape[2:], kernel, ctx.stride, ctx.padding)
        by_x = patches @ weight.movedim(1, -1).reshape(inputs, -1).T
        by_x = by_x.view(len(x), *x.shape[2:], inputs).movedim(-1, 1)
        return by_x, _weight_of(patches, x, kernel), g.sum((0, 2, 3)), None


class TransposedConvolution(nn.ConvTranspose2d):
    """`nn.ConvTranspose2d` with a bias, without groups, dilation or output padding; its gradients the faster way."""

    def forward(self, input: Tensor, output_size: list[int] | None = None) -> Tensor:
        if not torch.is_grad_enabled() or not pays(input, self.weight, TRANSPOSED_WEIGHTS_PER_ROW):
            return super().forward(input, output_size)
        assert self.bias is not None
        return _Transposed.apply(input, self.weight.to(input.dtype), self.bias.to(input.dtype), self)
