"""The weight gradients by patches against PyTorch's own."""

import pytest
import torch
from torch import nn

from sparring.networks import patches
from sparring.networks.base import crop

CASES = [
    ((3, 5, 8, 8), 7, (4, 4), (2, 2), (1, 1)),
    ((2, 4, 9, 6), 3, (4, 3), (2, 1), (1, 1)),
    ((2, 4, 7, 7), 6, (1, 1), (1, 1), (0, 0)),
    ((4, 3, 11), 5, (4,), (2,), (1,)),
]


@pytest.mark.parametrize(("shape", "outputs", "kernel", "stride", "padding"), CASES)
@pytest.mark.parametrize("channels_last", [True, False])
def test_patches_give_the_gradient_of_the_weight(shape, outputs, kernel, stride, padding, channels_last):
    stream = torch.Generator().manual_seed(0)
    layer = (nn.Conv1d, nn.Conv2d)[len(kernel) - 1](shape[1], outputs, kernel, stride, padding).double()
    x = torch.randn(shape, generator=stream, dtype=torch.float64)
    if channels_last and len(kernel) == 2:
        x = x.to(memory_format=torch.channels_last)
    y = layer(x)
    g = torch.randn(y.shape, generator=stream, dtype=torch.float64)
    expected = torch.autograd.grad(y, layer.weight, g)[0]
    torch.testing.assert_close(patches.by_patches(x, g, kernel, stride, padding), expected, rtol=1e-12, atol=1e-12)


@pytest.fixture
def always(monkeypatch):
    monkeypatch.setattr(patches, "pays", lambda *_: True)


def test_a_transposed_convolution_has_the_gradients_of_pytorchs(always):
    torch.manual_seed(0)
    ours = patches.TransposedConvolution(6, 4, (4, 3), (2, 1), 1).double()
    plain = nn.ConvTranspose2d(6, 4, (4, 3), (2, 1), 1).double()
    plain.load_state_dict(ours.state_dict())
    x = torch.randn(3, 6, 5, 4, dtype=torch.float64, requires_grad=True)
    found, expected = (crop(layer(x), (9, 4)).square().sum() for layer in (ours, plain))
    mine = torch.autograd.grad(found, [x, *ours.parameters()])
    theirs = torch.autograd.grad(expected, [x, *plain.parameters()])
    torch.testing.assert_close(found, expected)
    torch.testing.assert_close(mine, theirs, rtol=1e-12, atol=1e-12)


def test_without_a_gradient_it_is_pytorchs_to_the_bit(always):
    layer = patches.TransposedConvolution(3, 2, 4, 2, 1)
    x = torch.randn(2, 3, 4, 4)
    with torch.no_grad():
        assert torch.equal(layer(x), nn.functional.conv_transpose2d(x, layer.weight, layer.bias, 2, 1))


def test_patches_pay_for_large_weights_in_bfloat16_alone():
    g, weight = torch.zeros(2, 64, 4, 4), torch.zeros(64, 64, 4, 4)
    assert patches.pays(g.bfloat16(), weight)
    assert not patches.pays(g, weight)
    assert not patches.pays(torch.zeros(256, 64, 16, 16).bfloat16(), weight)


def test_a_crop_keeps_the_memory_format_of_gradients():
    x = torch.randn(2, 8, 8, 8).to(memory_format=torch.channels_last).requires_grad_(True)
    assert crop(x, (8, 8)) is x
    cut = crop(x, (7, 6))
    torch.testing.assert_close(cut, x[..., :7, :6])
    (gradient,) = torch.autograd.grad(cut.square().sum(), x)
    assert gradient.is_contiguous(memory_format=torch.channels_last)
