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
    model = torch.nn.Sequential(*modules[:-1])
    optimizer = torch.optim.Adam(model.parameters(), lr=spec["rate"])
    targets = [data[f"classes.{i}"].long() for i in (0, 1)]
    state = {"count": 0, "loss": None}

    def step():
        loss = torch.nn.functional.cross_entropy(model(data["x"]), targets[state["count"] % 2])
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        state["count"] += 1
        state["loss"] = loss

    return step, lambda: state["loss"].item()


def gemm(spec, data):
    a = data["a"].t() if spec["transposeA"] else data["a"]
    b = data["b"].t() if spec["transposeB"] else data["b"]
    state = {}

    def step():
        state["c"] = torch.matmul(a, b)

    def value():
        flat = state["c"].double().flatten()
        return float((flat * (1 + torch.arange(flat.numel()) % 7)).sum())

    return step, value


FAMILIES = {"mlp": mlp, "gemm": gemm}


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
