"""The bidirectional peephole LSTM as one autograd function with a hand-written backward pass.

The constant 1 and the frame are stored next to the previous output, so one
product per frame yields all gates and one product after the backward pass
yields the gradients of both weights and of the bias. tanh is computed as
2 sigmoid(2x) - 1: PyTorch's sigmoid is several times faster on the CPU, and
the factor 2 on the candidate's weights is exact.

Source
------
Graves, Jaitly and Mohamed 2013, "Hybrid speech recognition with deep
bidirectional LSTM", equations 3 to 7.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from speechbrain_ext.lobes.kernels.operators import sigmoid_backward, tanh_backward
from speechbrain_ext.lobes.kernels.saved import saved_tensors


def peephole_blstm(x: Tensor, weight: Tensor, peephole: Tensor, lengths: Tensor | None = None) -> Tensor:
    """Run both directions of a peephole LSTM over a batch, from a zero state.

    Arguments
    ---------
    x : Tensor
        [batch, time, feature].
    weight : Tensor
        [2, 4 * hidden, hidden + feature + 1]: forward and backward; rows input
        gate, forget gate, candidate, output gate; columns for the previous
        output, the frame, and the bias.
    peephole : Tensor
        [2, 3, hidden]: diagonals for the input gate and the forget gate (on the
        previous cell) and the output gate (on the present cell).
    lengths : Tensor, optional
        [batch], frames of each utterance; without it every frame is real. The
        backward direction starts at each utterance's own last frame.

    Returns
    -------
    Tensor
        [batch, time, 2 * hidden]; frames beyond an utterance's length are 0.
        Only first derivatives are offered.

    Example
    -------
    >>> output = peephole_blstm(torch.rand(2, 5, 3), torch.rand(2, 16, 8), torch.rand(2, 3, 4))
    >>> output.shape
    torch.Size([2, 5, 8])
    """
    with torch.autocast(x.device.type, enabled=False):
        return _PeepholeBLSTM.apply(x.to(weight.dtype), weight, peephole, lengths)


class _PeepholeBLSTM(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, peephole: Tensor, lengths: Tensor | None) -> Tensor:
        batch, time, features = x.shape
        hidden = peephole.shape[2]
        steps, pad = _running_order(x, lengths)
        frames = x.reshape(batch * time, features).index_select(0, _rows_of_batch(steps).flatten())  # [2TB, feature]
        if pad is not None:
            frames.view(2, time, batch, features).masked_fill_(pad.t().unsqueeze(2), 0.0)
        frame_shape = (2, time, batch, hidden)
        z, gates, cells, squashed = _memory(
            x,
            (2, time + 1, batch, hidden + features + 1),
            (2, time, batch, 4, hidden),
            (2, time + 1, batch, hidden),
            frame_shape,
        )
        z[:, 0, :, :hidden] = 0.0
        z[:, :time, :, hidden:-1] = frames.view(2, time, batch, features)
        z[..., -1] = 1.0
        for part in _parts(x):
            _forward_pass(z[part], weight[part], peephole[part], gates[part], cells[part], squashed[part])
        ctx.save_for_backward(weight, peephole, z, gates, cells, squashed, steps, pad)
        return _to_batch(z[:, 1:, :, :hidden], steps, pad)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        weight, peephole, z, gates, cells, squashed, steps, pad = saved_tensors(ctx, "the peephole BLSTM")
        with torch.autocast(grad.device.type, enabled=False):
            grad_out = _to_steps(grad, steps, pad)
            (grad_pre,) = _memory(grad, tuple(gates.shape))
            grad_peephole = torch.empty_like(peephole)
            for part in _parts(grad):
                saved = (weight[part], peephole[part], gates[part], cells[part], squashed[part])
                grad_peephole[part] = _backward_pass(grad_out[part], *saved, grad_pre[part])
            grad_pre = grad_pre.flatten(3)  # [2, time, batch, 4 * hidden]
            grad_weight = torch.stack([_weight_gradient(grad_pre[d], z[d, :-1]) for d in range(2)])
            grad_x = _input_gradient(grad_pre, weight, z, steps) if ctx.needs_input_grad[0] else None
        return grad_x, grad_weight, grad_peephole, None


def _memory(like: Tensor, *shapes: tuple[int, ...]) -> list[Tensor]:
    """Uninitialised tensors of these shapes. `benchmarks/peephole_lstm.py` measures what it costs to allocate them."""
    return [like.new_empty(shape) for shape in shapes]


def _running_order(x: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor | None]:
    """Which frame each direction reads at each step [2, batch, time], and where padding lies [batch, time] or None.

    Reversal within an utterance is its own inverse, so the same indices lead from frames to steps and back.
    Padding comes last in both directions, where it can reach no real frame.
    """
    batch, time, _ = x.shape
    frame = torch.arange(time, device=x.device).expand(batch, time)
    if lengths is None:
        return torch.stack([frame, time - 1 - frame]), None
    pad = frame >= lengths.to(x.device).unsqueeze(1)
    backward = torch.where(pad, frame, lengths.to(x.device).unsqueeze(1) - 1 - frame)
    return torch.stack([frame, backward]), pad if bool(pad.any()) else None


def _rows_of_batch(steps: Tensor) -> Tensor:
    """Row in [batch * time] of what each direction reads, in the order [2, time, batch]."""
    _, batch, time = steps.shape
    return (steps + time * torch.arange(batch, device=steps.device).unsqueeze(1)).transpose(1, 2)


def _to_batch(h: Tensor, steps: Tensor, pad: Tensor | None) -> Tensor:
    """[2, time, batch, hidden] in running order -> [batch, time, 2 * hidden] in the utterance's order."""
    _, batch, time = steps.shape
    rows = steps * batch + torch.arange(batch, device=steps.device).unsqueeze(1)
    halves = [h[d].reshape(time * batch, -1).index_select(0, rows[d].flatten()) for d in range(2)]
    out = torch.cat(halves, dim=1).view(batch, time, -1)  # [batch, time, 2 * hidden]
    return out if pad is None else out.masked_fill_(pad.unsqueeze(2), 0.0)


def _to_steps(grad: Tensor, steps: Tensor, pad: Tensor | None) -> Tensor:
    """[batch, time, 2 * hidden] -> [2, time, batch, hidden] in running order; padding gives no gradient."""
    _, batch, time = steps.shape
    rows = _rows_of_batch(steps)
    halves = grad.reshape(batch * time, -1).chunk(2, dim=1)
    parts = [halves[d].index_select(0, rows[d].flatten()).view(time, batch, -1) for d in range(2)]
    out = torch.stack(parts)  # [2, time, batch, hidden]
    return out if pad is None else out.masked_fill_(pad.t().unsqueeze(2), 0.0)


def _parts(x: Tensor) -> list[slice]:
    """Directions that run together: one on the CPU (its weights stay in cache), both on a GPU (half the launches)."""
    return [slice(0, 1), slice(1, 2)] if x.device.type == "cpu" else [slice(0, 2)]


def _forward_pass(z: Tensor, weight: Tensor, peephole: Tensor, gates: Tensor, cells: Tensor, squashed: Tensor) -> None:
    """Fill z's outputs, the activated gates, the cells and tanh of the cells, frame by frame."""
    part, hidden = len(gates), gates.shape[-1]
    scaled = weight.clone()
    scaled[:, 2 * hidden : 3 * hidden] *= 2.0
    transposed = scaled.transpose(1, 2)  # [part, hidden + feature + 1, 4 * hidden]
    peep_io = peephole[:, None, :2]  # [part, 1, 2, hidden]
    peep_o = peephole[:, None, 2]  # [part, 1, hidden]
    cells[:, 0] = 0.0
    inputs, outputs, cell = z.unbind(1), z[..., :hidden].unbind(1), cells.unbind(1)
    first = gates[..., :3, :].unbind(1)
    i, f, g, o = (gates[..., n, :].unbind(1) for n in range(4))
    tanh_c = squashed.unbind(1)
    for t in range(len(first)):
        pre = torch.bmm(inputs[t], transposed).view(part, -1, 4, hidden)  # [part, batch, 4, hidden]
        pre_ifg, pre_o = pre[:, :, :3], pre[:, :, 3]
        pre[:, :, :2].addcmul_(peep_io, cell[t].unsqueeze(2))
        torch.sigmoid(pre_ifg, out=first[t])
        g[t].mul_(2.0).sub_(1.0)
        torch.mul(f[t], cell[t], out=cell[t + 1]).addcmul_(i[t], g[t])
        torch.sigmoid(pre_o.addcmul_(peep_o, cell[t + 1]), out=o[t])
        torch.add(cell[t + 1], cell[t + 1], out=tanh_c[t]).sigmoid_().mul_(2.0).sub_(1.0)
        torch.mul(o[t], tanh_c[t], out=outputs[t + 1])


def _backward_pass(
    grad_out: Tensor, weight: Tensor, peephole: Tensor, gates: Tensor, cells: Tensor, squashed: Tensor, grad_pre: Tensor
) -> Tensor:
    """Fill the gradient of the gates' sums, from the last frame to the first; return that of the peepholes."""
    part, time, batch, _, hidden = gates.shape
    recurrent = weight[:, :, :hidden]  # [part, 4 * hidden, hidden]
    peep_i, peep_f, peep_o = (peephole[:, None, n] for n in range(3))  # [part, 1, hidden]
    i, f, g, o = (gates[..., n, :].unbind(1) for n in range(4))
    gate_if = gates[..., :2, :].unbind(1)
    d_i, d_f, d_g, d_o = (grad_pre[..., n, :].unbind(1) for n in range(4))
    d_if, d_all = grad_pre[..., :2, :].unbind(1), grad_pre.flatten(3).unbind(1)
    cell, tanh_c, d_out = cells.unbind(1), squashed.unbind(1), grad_out.unbind(1)
    d_cell = grad_out.new_zeros(part, batch, hidden)
    d_h, work = torch.zeros_like(d_cell), torch.empty_like(d_cell)
    pair = grad_out.new_empty(part, batch, 2, hidden)
    sum_if, sum_o = torch.zeros_like(pair), torch.zeros_like(d_cell)
    for t in range(time - 1, -1, -1):
        d_h.add_(d_out[t])
        torch.mul(d_h, tanh_c[t], out=work)
        sigmoid_backward(work, o[t], d_o[t])
        torch.mul(d_h, o[t], out=work)
        tanh_backward(work, tanh_c[t], work)
        d_cell.add_(work).addcmul_(peep_o, d_o[t])
        torch.mul(d_cell, g[t], out=pair[:, :, 0])
        torch.mul(d_cell, cell[t], out=pair[:, :, 1])
        sigmoid_backward(pair, gate_if[t], d_if[t])
        torch.mul(d_cell, i[t], out=work)
        tanh_backward(work, g[t], d_g[t])
        sum_if.addcmul_(d_if[t], cell[t].unsqueeze(2))
        sum_o.addcmul_(d_o[t], cell[t + 1])
        d_cell.mul_(f[t]).addcmul_(peep_i, d_i[t]).addcmul_(peep_f, d_f[t])
        d_h = torch.bmm(d_all[t], recurrent)
    return torch.cat([sum_if.sum(1), sum_o.sum(1, keepdim=True)], dim=1)  # [part, 3, hidden]


def _weight_gradient(grad_pre: Tensor, z: Tensor) -> Tensor:
    """Sum over frames and utterances of [time, batch, out] outer [time, batch, in] -> [out, in], as one product."""
    return torch.mm(grad_pre.flatten(0, 1).t(), z.flatten(0, 1))


def _input_gradient(grad_pre: Tensor, weight: Tensor, z: Tensor, steps: Tensor) -> Tensor:
    """[2, time, batch, 4 * hidden] -> [batch, time, feature]."""
    _, batch, time = steps.shape
    hidden = grad_pre.shape[3] // 4
    rows = steps * batch + torch.arange(batch, device=steps.device).unsqueeze(1)
    frames = torch.bmm(grad_pre.flatten(1, 2), weight[:, :, hidden:-1])  # [2, time * batch, feature]
    parts = [frames[d].index_select(0, rows[d].flatten()) for d in range(2)]
    return (parts[0] + parts[1]).view(batch, time, -1)  # [batch, time, feature]
