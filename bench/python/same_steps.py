"""Does with PyTorch what a run of Plumb does, step by step:

    plumb tune TASK --dump-plan plan.jsonl
    python bench/python/same_steps.py --plan plan.jsonl --model FILE.gguf --out FOLDER [--threads 2]

The plan holds everything that Plumb decides outside the engine: prompt tokens, the examples of each step in tokens,
rates, and how held-out and test part are scored. Model, gradients, AdamW, choosing of the best step, scoring and generation
are PyTorch's and transformers' here, in float32. The prefix is computed once for a batch and the head at answers only, as
Plumb does: otherwise this would take days.

The first losses are computed in float64 besides: from step to step the roundings of float32 grow, and how far
PyTorch's own float32 goes astray is the measure of how far another implementation may. One way of rounding is one draw: with
--repeats N the first losses are computed N times more in float32, each from a prompt whose numbers are moved by one unit in
the last place, up or down at random, and nothing else is done.

Writes predictions.jsonl and held-out.jsonl (as Plumb writes predictions; generated answers as token ids) and, last,
outcome.json (losses, looks at the held-out part, seconds).
"""

import argparse
import json
import sys
import time
from importlib.metadata import version
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "test" / "fixtures"))

import torch
from torch import nn
from transformers import DynamicCache, LlamaForCausalLM

from reference_model import Batch, add_biases, embed, load_gguf, to_float64, tree_mask


class Tuned:
    """The frozen model with its prompt and biases, in float32 or all in float64."""

    def __init__(self, path: str, start: dict, double: bool = False):
        settings = start["settings"]
        model = load_gguf(path)
        self.model: LlamaForCausalLM = to_float64(model) if double else model
        biases = list(add_biases(self.model).values())
        tokens = torch.tensor(start["promptTokens"], dtype=torch.long)
        self.prompt = nn.Parameter(self.model.get_input_embeddings()(tokens).detach().clone())
        self.groups = {"prompt": [self.prompt], "bias": biases}
        if settings["method"] == "prompt":
            self.groups["bias"] = []
        if settings["method"] == "bias":
            self.groups["prompt"] = []
        self.parameters = [parameter for group in self.groups.values() for parameter in group]

    def hidden(self, batch: Batch, rows: list[int]) -> torch.Tensor:
        """Last hidden states of some rows, [rows, hidden]."""
        sees, position = tree_mask(batch.segmentLength, batch.segmentParent)
        inputs = embed(self.model, self.prompt, batch.tokens)
        mask = torch.zeros(sees.shape, dtype=inputs.dtype).masked_fill(~sees, torch.finfo(inputs.dtype).min)
        output = self.model.model(
            inputs_embeds=inputs[None],
            attention_mask=mask[None, None],
            position_ids=position[None],
            use_cache=False,
        )
        return output.last_hidden_state[0][rows]

    def choices(self, batch: Batch) -> torch.Tensor:
        """log P of all candidates, one after the other, each within its choice."""
        rows = self.hidden(batch, batch.choiceRow)
        head = self.model.get_output_embeddings().weight
        scores = []
        for i, row in enumerate(rows):
            candidates = batch.candidates[batch.choiceStart[i] : batch.choiceStart[i + 1]]
            scores.append((head[candidates] @ row).log_softmax(-1))
        return torch.cat(scores)

    def targets(self, batch: Batch) -> torch.Tensor:
        """log P of the targets."""
        logits = self.model.lm_head(self.hidden(batch, batch.targetRow))
        return logits.log_softmax(-1)[range(len(batch.targetToken)), batch.targetToken]

    def loss(self, batch: Batch) -> torch.Tensor:
        loss = self.prompt.new_zeros(())
        if batch.choiceRow:
            answers = [start + answer for start, answer in zip(batch.choiceStart, batch.choiceAnswer)]
            loss = loss - self.choices(batch)[answers] @ loss.new_tensor(batch.choiceWeight)
        if batch.targetRow:
            loss = loss - self.targets(batch) @ loss.new_tensor(batch.targetWeight)
        return loss

    @torch.no_grad()
    def generate(self, prefix: list[int], texts: list[list[int]], count: int, end: int) -> list[list[int]]:
        """Greedy answers of several texts at once, padded at the left, end mark not included."""
        longest = max(len(text) for text in texts)
        # What stands in the padding is seen by none but itself.
        padded = torch.stack([embed(self.model, self.prompt, [end] * (longest - len(t)) + prefix + t) for t in texts])
        mask = torch.ones(padded.shape[:2], dtype=torch.long)
        for row, text in enumerate(texts):
            mask[row, : longest - len(text)] = 0
        cache = DynamicCache(config=self.model.config)
        rows, position = padded, (mask.cumsum(-1) - 1).clamp(min=0)
        answers = torch.empty(len(texts), 0, dtype=torch.long)
        ended = torch.zeros(len(texts), dtype=torch.bool)
        while answers.shape[1] < count and not ended.all():
            output = self.model(
                inputs_embeds=rows,
                attention_mask=mask,
                position_ids=position,
                cache=cache,
                use_cache=True,
                logits_to_keep=1,
            )
            token = output.logits[:, -1].argmax(-1)
            ended |= token == end
            answers = torch.cat([answers, token[:, None]], dim=1)
            mask = torch.cat([mask, torch.ones_like(token)[:, None]], dim=1)
            rows, position = self.model.get_input_embeddings()(token)[:, None], position[:, -1:] + 1
        return [answer[: answer.index(end)] if end in answer else answer for answer in answers.tolist()]


def probabilities(start: dict, line: dict, scores: torch.Tensor) -> list[list[float]]:
    """P(label | text) of each text of a scoring line."""
    scores = scores.double()
    if start["kind"] == "multi":
        return [[scores[at].exp().item() for at in starts] for starts in line["starts"]]
    return [
        [sum(scores[starts[node["branch"]] + node["candidate"]] for node in path).exp().item() for path in start["tree"]["paths"]]
        for starts in line["starts"]
    ]


def answer_loss(answer: dict, scores: list[float]) -> float:
    """-log P(answer), averaged over the labels of a multi-label task."""
    if answer["kind"] == "single":
        chances = [scores[answer["label"]]]
    else:
        chances = [p if applies else 1 - p for p, applies in zip(scores, answer["applies"])]
    return -torch.tensor(chances, dtype=torch.float64).clamp(min=1e-30).log().mean().item()


@torch.no_grad()
def score(tuned: Tuned, start: dict, lines: list[dict]) -> tuple[list[dict], list[float]]:
    """Predictions of one part, and the loss of each text."""
    rows, losses = [], []
    for line in lines:
        batch = Batch(**line["batch"])
        if start["kind"] == "generation":
            targets = tuned.targets(batch)
            losses += [-targets[own].mean().item() for own in line["targets"]]
            rows += [{"id": example["id"]} for example in line["examples"]]
            continue
        for example, scores in zip(line["examples"], probabilities(start, line, tuned.choices(batch))):
            rows.append({"id": example["id"], "scores": scores})
            losses.append(answer_loss(example["answer"], scores))
    return rows, losses


def generate_part(tuned: Tuned, start: dict, lines: list[dict]) -> list[dict]:
    items = [
        (example["id"], prompt) for line in lines for example, prompt in zip(line["examples"], line["prompts"])
    ]
    items.sort(key=lambda item: len(item[1]))
    rows = []
    for at in range(0, len(items), 64):
        group = items[at : at + 64]
        answers = tuned.generate(
            start["prefix"], [text for _, text in group], start["answerRoom"], start["endOfText"]
        )
        rows += [{"id": name, "tokens": answer} for (name, _), answer in zip(group, answers)]
    return rows


def write_lines(path: Path, part: str, rows: list[dict]) -> None:
    path.write_text("".join(json.dumps({"id": row["id"], "part": part, **row}) + "\n" for row in rows))


class Stepper:
    """AdamW over the steps of a plan."""

    def __init__(self, tuned: Tuned, options: dict):
        self.tuned = tuned
        self.names = [name for name, group in tuned.groups.items() if group]
        self.optimiser = torch.optim.AdamW(
            [{"params": tuned.groups[name]} for name in self.names],
            betas=(options["beta1"], options["beta2"]),
            eps=options["epsilon"],
            weight_decay=options["weightDecay"],
        )

    def step(self, step: dict) -> float:
        """One step; the loss before it."""
        total = 0.0
        for batch in step["batches"]:
            loss = self.tuned.loss(Batch(**batch))
            loss.backward()
            total += loss.item()
        options = step["options"]
        nn.utils.clip_grad_norm_(self.tuned.parameters, options["maxNorm"] or float("inf"))
        for group, name in zip(self.optimiser.param_groups, self.names):
            group["lr"] = options["rates"][name]
        self.optimiser.step()
        self.optimiser.zero_grad()
        return total


def float64_losses(path: str, start: dict, steps: list[dict]) -> list[float]:
    """Losses of the first steps without the roundings of float32."""
    if not steps:
        return []
    stepper = Stepper(Tuned(path, start, double=True), steps[0]["options"])
    return [stepper.step(step) for step in steps]


def moved_losses(path: str, start: dict, steps: list[dict], seed: int) -> list[float]:
    """Losses of the first steps in float32, from a prompt that is moved by what float32 rounds away."""
    tuned = Tuned(path, start)
    generator = torch.Generator().manual_seed(seed)
    up = torch.randint(0, 2, tuned.prompt.shape, generator=generator).bool()
    with torch.no_grad():
        ends = [torch.nextafter(tuned.prompt, torch.full_like(tuned.prompt, end)) for end in (torch.inf, -torch.inf)]
        tuned.prompt.copy_(torch.where(up, *ends))
    stepper = Stepper(tuned, steps[0]["options"])
    return [stepper.step(step) for step in steps]


def chosen(looks: list[dict]) -> dict:
    """The last look whose losses are higher than the best one's by no more than a standard error of the difference."""
    losses = torch.tensor([look["losses"] for look in looks], dtype=torch.float64)
    difference = losses - losses[losses.mean(1).argmin()]
    error = difference.std(1) / losses.shape[1] ** 0.5
    return looks[(difference.mean(1) <= error).nonzero().max()]


def tune(tuned: Tuned, start: dict, steps: list[dict], held_out: list[dict]) -> dict:
    """All steps, or as many as the held-out part asks for; the model is left at the best. Chooses as Plumb does."""
    settings = start["settings"]
    stepper = Stepper(tuned, steps[0]["options"])
    assert sum(len(line["examples"]) for line in held_out) < 200, "Plumb chooses by macro-F1 from 200 on"
    losses, looks = [], []
    best, best_values = None, None

    def look() -> None:
        nonlocal best, best_values
        if not held_out or (looks and looks[-1]["step"] == len(losses)):
            return
        _, each = score(tuned, start, held_out)
        looks.append({"step": len(losses), "losses": each})
        if chosen(looks) is looks[-1]:
            best = looks[-1]
            best_values = [parameter.detach().clone() for parameter in tuned.parameters]

    for step in steps:
        if len(losses) % settings["evaluateEvery"] == 0:
            look()
            if best is not None and sum(seen["step"] > best["step"] for seen in looks) >= settings["patience"]:
                break
        losses.append(stepper.step(step))
        if len(losses) % 20 == 0:
            print(f"step {len(losses)} of {len(steps)}: loss {losses[-1]:.4f}", file=sys.stderr, flush=True)
    look()
    if best_values is not None:
        for parameter, value in zip(tuned.parameters, best_values):
            parameter.data = value
    return {"losses": losses, "looks": looks, "bestStep": len(losses) if best is None else best["step"]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--plan", type=Path, required=True)
    parser.add_argument("--model", required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--float64-steps", type=int, default=20, help="steps whose losses are computed in float64 too")
    parser.add_argument("--repeats", type=int, default=0, help="only the first losses in float32, this often")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    with options.plan.open() as lines:
        plan = [json.loads(line) for line in lines]
    start = next(line for line in plan if line["type"] == "start")
    steps = [line for line in plan if line["type"] == "step"]
    held_out = [line for line in plan if line["type"] == "score" and line["part"] == "held-out"]
    test = [line for line in plan if line["type"] == "score" and line["part"] == "test"]

    if options.repeats > 0:
        first = steps[: options.float64_steps]
        repeats = [moved_losses(options.model, start, first, seed) for seed in range(options.repeats)]
        print(json.dumps(repeats))
        return
    exact = float64_losses(options.model, start, steps[: options.float64_steps])
    begun = time.perf_counter()
    tuned = Tuned(options.model, start)
    outcome = tune(tuned, start, steps, held_out)
    tune_seconds = time.perf_counter() - begun
    options.out.mkdir(parents=True, exist_ok=True)
    for part, lines, name in (("held-out", held_out, "held-out.jsonl"), ("test", test, "predictions.jsonl")):
        if start["kind"] == "generation":
            rows = generate_part(tuned, start, lines)
        else:
            rows, _ = score(tuned, start, lines)
        write_lines(options.out / name, part, rows)
    outcome |= {
        "float64Losses": exact,
        "tuneSeconds": tune_seconds,
        "seconds": time.perf_counter() - begun,
        "threads": options.threads,
        "trainedParameters": sum(parameter.numel() for parameter in tuned.parameters),
        "versions": {name: version(name) for name in ("torch", "transformers")},
    }
    temporary = options.out / "outcome.json.tmp"
    temporary.write_text(json.dumps(outcome) + "\n")
    temporary.replace(options.out / "outcome.json")


if __name__ == "__main__":
    main()
