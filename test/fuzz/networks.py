"""Holds networks that networks.mjs wrote to PyTorch: networks.py FILE"""
import torch
from torch.nn import functional

from compare import checker, compared, decode
from vision import value_of

ACTIVATIONS = {
    "identity": lambda x: x,
    "relu": torch.relu,
    "tanh": torch.tanh,
    "swish": functional.silu,
    "gelu": functional.gelu,
    "geluTanh": lambda x: functional.gelu(x, approximate="tanh"),
    "leakyrelu": functional.leaky_relu,
    "sigmoid": torch.sigmoid,
    "softplus": functional.softplus,
    "mish": functional.mish,
    "relu6": functional.relu6,
}
HOW = {"add": torch.add, "mul": torch.mul, "maximum": torch.maximum, "concat": lambda a, b: torch.cat([a, b], 1)}
CONVOLUTIONS = ("conv", "convTranspose", "depthwiseConv")
#: Statistics over which axes a norm keeps, and of how many values.
KEPT = ("batchNorm", "instanceNorm")


class Network:
    def __init__(self, leaves, is_training):
        self.leaves, self.is_training, self.stats = iter(leaves), is_training, []

    def take(self, is_there=True):
        return next(self.leaves) if is_there else None

    def weights(self, node):
        """The weight, which may be a direction and lengths, and the bias."""
        weight, bias = self.take(), self.take(node["o"]["bias"])
        if not node.get("isNormed"):
            return weight, bias
        axis = 1 if node["op"] == "convTranspose" else 0
        g = self.take()
        others = [i for i in range(weight.dim()) if i != axis]
        return g.reshape([-1 if i == axis else 1 for i in range(weight.dim())]) * weight / torch.sqrt((weight * weight).sum(others, keepdim=True) + 2.0**-23), bias

    def norm(self, node, x):
        op, o = node["op"], node["o"]
        names, given = [], []
        if o["affine"]:
            # The bias comes first, but where a Scale does it.
            names = ["scale"] if op == "rmsNorm" else ["scale", "bias"] if op == "layerNorm" else ["bias", "scale"]
            given = [self.take() for _ in names]
        is_kept = op in KEPT and o["trackStats"]
        if is_kept:
            old = [torch.tensor(decode(node[name], [x.shape[1]])).to(x.dtype) for name in ("mean", "variance")]
            if self.is_training:
                axes = [i for i in range(x.dim()) if i != 1]
                y = x.detach()
                count = y.numel() / y.shape[1] / (y.shape[0] if op == "instanceNorm" else 1)
                if op == "batchNorm":
                    new = [y.mean(axes), y.var(axes, unbiased=False)]
                else:
                    new = [y.flatten(2).mean(2).mean(0), y.flatten(2).var(2, unbiased=False).mean(0)]
                new[1] = new[1] * count / (count - 1)
                self.stats += [(1 - o["momentum"]) * a + o["momentum"] * b for a, b in zip(old, new)]
            else:
                names, given = [*names, "mean", "variance"], [*given, *old]
                self.stats += old
                op = "batchNorm"
        return value_of(op, [x, *given], {**o, "names": names})

    def __call__(self, node, x):
        return ACTIVATIONS[node.get("act", "identity")](self.layer(node, x))

    def layer(self, node, x):
        op, o = node["op"], node.get("o", {})
        parts = node.get("parts", [])
        if op == "chain":
            for part in parts:
                x = self(part, x)
            return x
        if op == "skip":
            return HOW[node["how"]](self(parts[0], x), x)
        if op == "parallel":
            return HOW[node["how"]](self(parts[0], x), self(parts[1], x))
        if op == "pairwise":
            first = self(parts[0], x)
            return torch.cat([first, self(parts[1], HOW[node["how"]](first, x))], 1)
        if op in CONVOLUTIONS:
            weight, bias = self.weights(node)
            return value_of(op, [x, weight] if bias is None else [x, weight, bias], o)
        if op == "dense":
            return functional.linear(x, *self.weights(node))
        if op == "bilinear":
            weight, bias = self.weights(node)
            y = torch.einsum("ni,oij,nj->no", x, weight, x)
            return y if bias is None else y + bias
        if op == "scale":
            y = x * self.take()
            return y + self.take() if o["bias"] else y
        if op.endswith("Norm"):
            return self.norm(node, x)
        if op == "flatten":
            return x.flatten(1)
        if op == "globalMean":
            return x.mean(list(range(2, x.dim()))) if x.dim() > 2 else x
        return x if op == "dropout" else value_of(op, [x], o)


def results(o, leaves, inputs):
    network = Network(leaves[inputs:], o["isTraining"])
    y = network(o["node"], leaves[0])
    return [y, *network.stats]


if __name__ == "__main__":
    compared(checker(results))
