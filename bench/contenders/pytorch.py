"""Native PyTorch in the bench's protocol: one JSON object a line, as harness/serve.mjs has it for JavaScript."""

import json
import os
import sys
import time

THREADS = int(sys.argv[1]) if len(sys.argv) > 1 else 1
# torch.set_num_threads does not reach OpenBLAS, which reads this when it is loaded.
os.environ["OPENBLAS_NUM_THREADS"] = str(THREADS)

OUT = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)


def say(answer):
    OUT.write(json.dumps(answer) + "\n")
    OUT.flush()


try:
    import torch
except ImportError as error:
    say({"missing": f"{error}: install python3-torch and libopenblas0-pthread"})
    sys.exit(0)

torch.set_num_threads(THREADS)
DTYPES = {"F32": torch.float32, "I32": torch.int32}


def read_tensors(path):
    with open(path, "rb") as file:
        header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
        body = bytearray(file.read())
    whole = {}
    for name, entry in header.items():
        start, end = entry["data_offsets"]
        whole[name] = torch.frombuffer(body[start:end], dtype=DTYPES[entry["dtype"]]).reshape(entry["shape"])
    return whole


def mlp(spec, data):
    widths = spec["widths"]
    modules = []
    for i in range(len(widths) - 1):
        linear = torch.nn.Linear(widths[i], widths[i + 1])
        with torch.no_grad():
            linear.weight.copy_(data[f"{i}.weight"])
            linear.bias.copy_(data[f"{i}.bias"])
        modules += [linear, torch.nn.ReLU()]
    return train(torch.nn.Sequential(*modules[:-1]), data["x"], spec, data)


def train(model, x, spec, data):
    norm = spec.get("norm")
    if norm is None:
        optimizer = torch.optim.Adam(model.parameters(), lr=spec["rate"])
    else:
        optimizer = torch.optim.AdamW(model.parameters(), lr=spec["rate"], weight_decay=spec["lambda"])
    targets = [data[f"classes.{i}"].long().flatten() for i in (0, 1)]
    state = {"count": 0, "loss": None}

    def step():
        loss = torch.nn.functional.cross_entropy(model(x), targets[state["count"] % 2])
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        if norm is not None:
            torch.nn.utils.clip_grad_norm_(model.parameters(), norm)
        optimizer.step()
        state["count"] += 1
        state["loss"] = loss

    return step, lambda: state["loss"].item()


def fill(parameter, values):
    with torch.no_grad():
        parameter.copy_(values)


class Sum(torch.nn.Module):
    def __init__(self, paths, activation):
        super().__init__()
        self.paths = torch.nn.ModuleList(paths)
        self.activation = activation

    def forward(self, x):
        first, second = (path(x) for path in self.paths)
        return self.activation(first + second)


ACTIVATIONS = {None: torch.nn.Identity, "relu": torch.nn.ReLU, "relu6": torch.nn.ReLU6}


def network(layers, data):
    modules = []
    for layer in layers:
        kind, activation = layer["kind"], ACTIVATIONS[layer.get("activation")]()
        if kind == "conv":
            options = {name: layer[name] for name in ("stride", "groups", "bias")}
            module = torch.nn.Conv2d(layer["inputs"], layer["outputs"], layer["kernel"], padding=layer["pad"], **options)
        elif kind == "dense":
            module = torch.nn.Linear(layer["inputs"], layer["outputs"])
        elif kind == "norm":
            module = torch.nn.BatchNorm2d(layer["channels"])
        elif kind == "maxPool":
            module = torch.nn.MaxPool2d(layer["window"])
        elif kind == "mean":
            module = torch.nn.AdaptiveAvgPool2d(1)
        elif kind == "flatten":
            module = torch.nn.Flatten()
        elif kind == "sum":
            module, activation = Sum([network(path, data) for path in layer["paths"]], activation), None
        else:
            raise ValueError(f"no layer {kind}")
        if "name" in layer:
            for part, parameter in module.named_parameters():
                fill(parameter, data[f"{layer['name']}.{part}"])
        modules.append(module)
        if activation is not None and layer.get("activation"):
            modules.append(activation)
    return torch.nn.Sequential(*modules)


def images(spec, data):
    return train(network(spec["layers"], data), data["x"], spec, data)


def prediction(spec, data):
    model, x, state = network(spec["layers"], data).eval(), data["x"], {}

    def step():
        with torch.no_grad():
            state["y"] = model(x)

    return step, lambda: checksum(state["y"])


class Recurrent(torch.nn.Module):
    def __init__(self, spec, data):
        super().__init__()
        width, vocabulary = spec["width"], len(data["embedding"])
        self.embedding = torch.nn.Embedding(vocabulary, width)
        self.recurrence = torch.nn.LSTM(width, width, batch_first=True)
        self.head = torch.nn.Linear(width, vocabulary)
        fill(self.embedding.weight, data["embedding"])
        for own, name in (("weight_ih", "weightX"), ("weight_hh", "weightH"), ("bias_ih", "bias")):
            fill(getattr(self.recurrence, f"{own}_l0"), data[name])
        # The others have one bias: this one stays zero.
        self.recurrence.bias_hh_l0.requires_grad = False
        fill(self.recurrence.bias_hh_l0, 0 * data["bias"])
        fill(self.head.weight, data["headWeight"])
        fill(self.head.bias, data["headBias"])

    def forward(self, tokens):
        states, _ = self.recurrence(self.embedding(tokens))
        return self.head(states).flatten(0, 1)


class Transformer(torch.nn.Module):
    def __init__(self, spec, data):
        super().__init__()
        self.heads, self.blocks = spec["heads"], spec["blocks"]
        self.embedding = torch.nn.Parameter(data["embedding"].clone())
        self.position = torch.nn.Parameter(data["position"].clone())
        context = len(data["position"])
        self.mask = torch.ones(context, context, dtype=torch.bool).triu(1)
        self.parts = torch.nn.ModuleDict()
        for name in data:
            if name.endswith(".weight"):
                self.parts[name[:-7].replace(".", "_")] = self.dense(data, name[:-7])
            if name.endswith(".scale"):
                self.parts[name[:-6].replace(".", "_")] = self.norm(data, name[:-6])

    @staticmethod
    def dense(data, part):
        outputs, inputs = data[f"{part}.weight"].shape
        linear = torch.nn.Linear(inputs, outputs)
        fill(linear.weight, data[f"{part}.weight"])
        fill(linear.bias, data[f"{part}.bias"])
        return linear

    @staticmethod
    def norm(data, part):
        norm = torch.nn.LayerNorm(len(data[f"{part}.scale"]))
        fill(norm.weight, data[f"{part}.scale"])
        fill(norm.bias, data[f"{part}.shift"])
        return norm

    def attention(self, x, i, cache):
        batch, time, width = x.shape
        q, k, v = (
            each.view(batch, time, self.heads, -1).transpose(1, 2) for each in self.parts[f"{i}_qkv"](x).chunk(3, -1)
        )
        if cache is not None:
            if i in cache:
                k, v = (torch.cat(pair, 2) for pair in zip(cache[i], (k, v)))
            cache[i] = k, v
        scores = (q @ k.transpose(-2, -1)) / (width / self.heads) ** 0.5
        if time > 1:
            scores = scores.masked_fill(self.mask[:time, :time], float("-inf"))
        mixed = scores.softmax(-1) @ v
        return self.parts[f"{i}_out"](mixed.transpose(1, 2).reshape(batch, time, width))

    def forward(self, tokens, start=0, cache=None):
        x = torch.nn.functional.embedding(tokens, self.embedding) + self.position[start : start + tokens.shape[1]]
        for i in range(self.blocks):
            x = x + self.attention(self.parts[f"{i}_before"](x), i, cache)
            hidden = torch.nn.functional.gelu(self.parts[f"{i}_up"](self.parts[f"{i}_between"](x)))
            x = x + self.parts[f"{i}_down"](hidden)
        return self.parts["head"](self.parts["norm"](x)).flatten(0, 1)


def lstm(spec, data):
    return train(Recurrent(spec, data), data["tokens"].long(), spec, data)


def gpt(spec, data):
    return train(Transformer(spec, data), data["tokens"].long(), spec, data)


def generation(spec, data):
    model, state, prompt = Transformer(spec, data).eval(), {}, spec["prompt"]
    tokens = data["tokens"].long()
    pieces = [(0, tokens[:, :prompt])] + [(at, tokens[:, at : at + 1]) for at in range(prompt, prompt + spec["tokens"])]

    def step():
        cache = {}
        with torch.no_grad():
            for start, piece in pieces:
                state["y"] = model(piece, start, cache)

    return step, lambda: checksum(state["y"])


def checksum(values):
    flat = values.double().flatten()
    return float((flat * (1 + torch.arange(flat.numel()) % 7)).sum())


def gemm(spec, data):
    a = data["a"].t() if spec["transposeA"] else data["a"]
    b = data["b"].t() if spec["transposeB"] else data["b"]
    state = {}

    def step():
        state["c"] = torch.matmul(a, b)

    return step, lambda: checksum(state["c"])


FAMILIES = {"mlp": mlp, "mlp-chain": mlp, "images": images, "prediction": prediction, "lstm": lstm, "gpt": gpt, "generation": generation, "gemm": gemm}


def repeat(step, budget):
    start = time.perf_counter()
    steps, chunk, elapsed = 0, 1, 0.0
    while True:
        for _ in range(chunk):
            step()
        steps += chunk
        elapsed = 1000 * (time.perf_counter() - start)
        if elapsed >= budget:
            return elapsed / 1000 / steps, steps
        chunk = max(1, min(chunk * 2, int(steps / elapsed)))


def own_gemm():
    """GFLOP/s of a 1024 product: what tells OpenBLAS from the reference BLAS."""
    a, b = torch.rand(1024, 1024), torch.rand(1024, 1024)
    repeat(lambda: torch.matmul(a, b), 200)
    best = min(repeat(lambda: torch.matmul(a, b), 60)[0] for _ in range(5))
    return 2 * 1024**3 / best / 1e9


def answer(request):
    global step, value
    if "load" in request:
        family = FAMILIES.get(request["family"])
        if family is None:
            return {"missing": f"no {request['family']}"}
        step, value = family(request["spec"], read_tensors(request["file"]))
        return {"ready": True}
    if "verify" in request:
        found = []
        for count in range(1, max(request["steps"]) + 1):
            step()
            if count in request["steps"]:
                found.append(value())
        return {"values": found}
    if "warm" in request:
        seconds, steps = repeat(step, request["budget"])
        return {"seconds": seconds, "steps": steps}
    if "run" in request:
        if request["settle"] > 0:
            repeat(step, request["settle"])
        seconds, steps = repeat(step, request["budget"])
        return {"seconds per step": seconds, "steps": steps}
    if "unload" in request:
        step = value = None
        return {"ready": True}
    raise ValueError(f"unknown request: {request}")


step = value = None
say(
    {
        "ready": True,
        "versions": {"pytorch": torch.__version__, "python": sys.version.split()[0]},
        "gemm1024": own_gemm(),
        "environment": {name: os.environ[name] for name in sorted(os.environ) if name.startswith(("OPENBLAS_", "OMP_"))},
    }
)
for line in sys.stdin:
    try:
        say(answer(json.loads(line)))
    except Exception as error:  # whatever it is, the bench prints it and goes on
        say({"missing": str(error).split("\n")[0]})
