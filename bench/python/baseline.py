"""Time of a training step with the usual Python stack, for `npm run bench` and by hand:

    python bench/python/baseline.py --model SmolLM2-135M-Instruct.Q4_1.gguf [--batches FILE] [--steps 7] [--threads 2] [--full]

The stack: transformers' LLaMA with the dequantised weights in float32, PEFT's prompt tuning, a trainable bias on every
linear map besides; texts padded to the longest of the batch, each with its own copy of the prompt, logits at all
positions, cross-entropy on the answer's tokens. A step is forward, backward, clipping and AdamW. With --full, all
parameters train instead, and tokens stand where the prompt's vectors do.

FILE is JSON, so that both sides compute the same batches:

    {"NAME": [[{"tokens": [1, 2, 3], "answer": 1}, ...], ...]}

a list of batches for each name; the last `answer` tokens of a sequence carry the loss. Without FILE, two made-up sets
stand in: 8 short texts and 4 of 512 tokens. Prints one JSON object.
"""

import argparse
import json
import platform
import statistics
import sys
import time
from importlib.metadata import version
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "test" / "fixtures"))

import torch
from peft import PromptTuningConfig, get_peft_model
from torch import nn

from reference_model import linear_maps, load_gguf

# Token counts of eight texts that are typical of darkpattern-en with the template around them.
SHORT = [9, 11, 12, 14, 15, 18, 22, 31]


def made_up() -> dict:
    generator = torch.Generator().manual_seed(0)

    def batch(lengths: list[int]) -> list[dict]:
        return [
            {"tokens": torch.randint(100, 40000, (length,), generator=generator).tolist(), "answer": 1}
            for length in lengths
        ]

    return {"short": [batch(SHORT) for _ in range(4)], "512 tokens": [batch([512] * 4)]}


def collate(batch: list[dict]) -> dict[str, torch.Tensor]:
    """Right-padded; labels of -100 carry no loss."""
    longest = max(len(item["tokens"]) for item in batch)
    ids = torch.zeros(len(batch), longest, dtype=torch.long)
    mask = torch.zeros_like(ids)
    labels = torch.full_like(ids, -100)
    for row, item in enumerate(batch):
        tokens = torch.tensor(item["tokens"])
        ids[row, : len(tokens)] = tokens
        mask[row, : len(tokens)] = 1
        labels[row, len(tokens) - item["answer"] : len(tokens)] = tokens[len(tokens) - item["answer"] :]
    return {"input_ids": ids, "attention_mask": mask, "labels": labels}


def build(path: str, prompt_length: int) -> tuple[nn.Module, list[dict]]:
    """The model, and what trains at which rate."""
    base = load_gguf(path)
    model = get_peft_model(base, PromptTuningConfig(task_type="CAUSAL_LM", num_virtual_tokens=prompt_length))
    prompt = [parameter for parameter in model.parameters() if parameter.requires_grad]
    biases = []
    for _, linear in linear_maps(base):
        linear.bias = nn.Parameter(torch.zeros(linear.out_features))
        biases.append(linear.bias)
    return model.train(), [{"params": prompt, "lr": 5e-3}, {"params": biases, "lr": 2e-3}]


def build_full(path: str) -> tuple[nn.Module, list[dict]]:
    base = load_gguf(path).requires_grad_(True)
    return base.train(), [{"params": list(base.parameters()), "lr": 1e-4}]


def trained_of(groups: list[dict]) -> list[nn.Parameter]:
    return [parameter for group in groups for parameter in group["params"]]


def behind_tokens(batches: list[list[dict]], count: int) -> list[list[dict]]:
    """The same batches with tokens in the place of a prompt."""
    prompt = list(range(1000, 1000 + count))
    return [[{**item, "tokens": [*prompt, *item["tokens"]]} for item in batch] for batch in batches]


def memory(key: str) -> int:
    """VmRSS or VmHWM of this process in bytes."""
    status = Path("/proc/self/status").read_text()
    return int(status.split(f"{key}:")[1].split()[0]) * 1024


def measure(model, groups: list[dict], batches: list[list[dict]], steps: int) -> dict:
    optimiser = torch.optim.AdamW(groups, weight_decay=0.0)
    trained = trained_of(groups)
    # Forgets the peak of loading.
    Path("/proc/self/clear_refs").write_text("5")
    seconds, losses = [], []
    for step in range(steps + 2):
        batch = collate(batches[step % len(batches)])
        start = time.perf_counter()
        loss = model(**batch).loss
        loss.backward()
        nn.utils.clip_grad_norm_(trained, 1.0)
        optimiser.step()
        optimiser.zero_grad()
        seconds.append(time.perf_counter() - start)
        losses.append(loss.item())
    shape = collate(batches[0])["input_ids"].shape
    return {
        "texts": shape[0],
        "paddedLength": shape[1],
        "tokens": [sum(len(item["tokens"]) for item in batch) for batch in batches],
        "seconds": seconds[2:],
        "median": statistics.median(seconds[2:]),
        "losses": losses,
        "peakBytes": memory("VmHWM"),
    }


def processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.processor()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True)
    parser.add_argument("--batches", type=Path)
    parser.add_argument("--steps", type=int, default=7, help="timed steps of each set, after two that warm up")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--prompt", type=int, default=20, help="prompt vectors")
    parser.add_argument("--full", action="store_true", help="train all parameters")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    sets = made_up() if options.batches is None else json.loads(options.batches.read_text())
    if options.full:
        sets = {name: behind_tokens(batches, options.prompt) for name, batches in sets.items()}
    model, groups = build_full(options.model) if options.full else build(options.model, options.prompt)
    result = {
        "processor": processor(),
        "capability": torch.backends.cpu.get_cpu_capability(),
        "threads": options.threads,
        "promptLength": options.prompt,
        "trainedParameters": sum(parameter.numel() for parameter in trained_of(groups)),
        "versions": {name: version(name) for name in ("torch", "transformers", "peft")},
        "sets": {name: measure(model, groups, batches, options.steps) for name, batches in sets.items()},
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
