"""Time of training steps of transformers and PEFT on a GPU, for bench/gpu.ts:

    python bench/python/gpu.py CONFIG JOBS [--steps 10]

CONFIG is a shape as JSON (bench/lib/random-model.ts); JOBS a list of {"lengths": [...], "usual": false}. The model is transformers' LLaMA
with random weights in bfloat16 and its attention by PyTorch's scaled_dot_product_attention; PEFT's prompt tuning; a trainable bias on every
linear map; each text with its own copy of the prompt. "usual": texts padded to the longest of their micro-batch, labels, logits at all
positions, as such a training is written; else the head computes the last position alone. A step is forward, backward, clipping and
AdamW. A batch that does not fit is halved into micro-batches until it does. Prints a JSON list.
"""

import argparse
import json
import time
from importlib.metadata import version

import torch
from peft import PromptTuningConfig, get_peft_model
from torch import nn
from transformers import LlamaConfig, LlamaForCausalLM

PROMPT = 20


def build(shape: dict) -> tuple[nn.Module, list[nn.Parameter]]:
    config = LlamaConfig(
        vocab_size=shape["vocabularySize"],
        hidden_size=shape["hiddenSize"],
        intermediate_size=shape["intermediateSize"],
        num_hidden_layers=shape["layerCount"],
        num_attention_heads=shape["headCount"],
        num_key_value_heads=shape["kvHeadCount"],
        head_dim=shape["headSize"],
        max_position_embeddings=4096,
        rms_norm_eps=shape["normEpsilon"],
        tie_word_embeddings=shape["tiedHead"],
        attn_implementation="sdpa",
    )
    torch.set_default_dtype(torch.bfloat16)
    with torch.device("cuda"):
        base = LlamaForCausalLM(config)
    model = get_peft_model(base, PromptTuningConfig(task_type="CAUSAL_LM", num_virtual_tokens=PROMPT)).cuda()
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    for layer in base.model.layers:
        for part in (layer.self_attn, layer.mlp):
            for linear in part.children():
                if isinstance(linear, nn.Linear):
                    linear.bias = nn.Parameter(torch.zeros(linear.out_features, device="cuda"))
                    trained.append(linear.bias)
    return model.train(), trained


def micro_batches(lengths: list[int], vocabulary: int, usual: bool, size: int):
    """Ids, mask and the answer's token of each text, `size` texts at a time."""
    generator = torch.Generator(device="cuda").manual_seed(0)
    for first in range(0, len(lengths), size):
        part = lengths[first : first + size]
        longest = max(part)
        ids = torch.randint(300, vocabulary, (len(part), longest + usual), device="cuda", generator=generator)
        ends = torch.tensor(part, device="cuda")
        mask = (torch.arange(ids.shape[1], device="cuda") < ends[:, None] + usual).long()
        yield ids, mask, ends


def step(model, trained, optimiser, batches, texts: int, usual: bool) -> None:
    for ids, mask, ends in batches:
        if usual:
            labels = torch.full_like(ids, -100)
            labels.scatter_(1, ends[:, None], ids.gather(1, ends[:, None]))
            loss = model(input_ids=ids, attention_mask=mask, labels=labels).loss * (len(ids) / texts)
        else:
            logits = model(input_ids=ids, attention_mask=mask, logits_to_keep=1).logits[:, -1]
            loss = nn.functional.cross_entropy(logits.float(), ids[:, 0], reduction="sum") / texts
        loss.backward()
    nn.utils.clip_grad_norm_(trained, 1.0)
    optimiser.step()
    optimiser.zero_grad()


def measure(model, trained, vocabulary: int, lengths: list[int], usual: bool, steps: int) -> dict:
    optimiser = torch.optim.AdamW(trained, lr=2e-3, weight_decay=0.0, fused=True)
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()
    size = len(lengths)
    batches = list(micro_batches(lengths, vocabulary, usual, size))
    seconds: list[float] = []
    while len(seconds) < steps + 3:
        torch.cuda.synchronize()
        start = time.perf_counter()
        try:
            step(model, trained, optimiser, batches, len(lengths), usual)
        except torch.cuda.OutOfMemoryError:
            if size == 1:
                raise
            size = (size + 1) // 2
            batches = list(micro_batches(lengths, vocabulary, usual, size))
            optimiser.zero_grad()
            seconds.clear()
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats()
            continue
        torch.cuda.synchronize()
        seconds.append(time.perf_counter() - start)
    versions = ", ".join(f"{name} {version(name)}" for name in ("torch", "transformers", "peft"))
    return {
        "seconds": seconds[3:],
        "bytes": torch.cuda.max_memory_reserved(),
        "versions": versions if size == len(lengths) else f"{versions} in micro-batches of {size}",
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("config")
    parser.add_argument("jobs")
    parser.add_argument("--steps", type=int, default=10)
    options = parser.parse_args()
    torch.manual_seed(0)
    shape = json.loads(options.config)
    model, trained = build(shape)
    found = [
        measure(model, trained, shape["vocabularySize"], job["lengths"], job["usual"], options.steps)
        for job in json.loads(options.jobs)
    ]
    print(json.dumps(found))


if __name__ == "__main__":
    main()
