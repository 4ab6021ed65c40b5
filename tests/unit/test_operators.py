"""Gradients of activations: torch's operators, and what stands in where their signature is another."""

from __future__ import annotations

import pytest
import torch

from speechbrain_ext.lobes.kernels import operators


@pytest.fixture(params=["operators of torch", "public functions"])
def way(request, monkeypatch):
    if request.param == "public functions":
        monkeypatch.setattr(operators, "OPERATORS", dict.fromkeys(operators.SIGNATURES))
    else:
        assert all(operator is not None for operator in operators.OPERATORS.values())


@pytest.mark.parametrize("name", ["sigmoid", "tanh"])
@pytest.mark.parametrize("in_place", [True, False])
def test_gradient_of_a_gate(way, name, in_place):
    x = torch.linspace(-4, 4, 23, dtype=torch.float64, requires_grad=True)
    grad = torch.linspace(2, -1, 23, dtype=torch.float64)
    output = getattr(torch, name)(x)
    (wanted,) = torch.autograd.grad(output, x, grad)
    target = grad.clone() if in_place else torch.empty_like(grad)
    getattr(operators, f"{name}_backward")(target if in_place else grad, output.detach(), target)
    torch.testing.assert_close(target, wanted, rtol=1e-12, atol=1e-12)


def test_gradient_of_a_gelu(way):
    x = torch.linspace(-4, 4, 23, dtype=torch.float64, requires_grad=True)
    grad = torch.linspace(2, -1, 23, dtype=torch.float64)
    (wanted,) = torch.autograd.grad(torch.nn.functional.gelu(x), x, grad)
    torch.testing.assert_close(operators.gelu_backward(grad, x.detach()), wanted, rtol=1e-12, atol=1e-12)


def test_another_signature_is_not_used_and_told_once():
    signatures = {
        "sigmoid_backward": "aten::sigmoid_backward.grad_input(Tensor grad_output) -> Tensor",
        "gelu_backward": operators.SIGNATURES["gelu_backward"],
        "no_such_operator": "aten::no_such_operator(Tensor x) -> Tensor",
    }
    with pytest.warns(RuntimeWarning, match="no operator sigmoid_backward, no_such_operator of the known") as warned:
        found = operators.known_operators(signatures)
    assert found["sigmoid_backward"] is None and found["no_such_operator"] is None
    assert found["gelu_backward"] is operators.OPERATORS["gelu_backward"] and len(warned) == 1
