"""Random models of OpenLLaMA-3B's exact shape, in the forms that people have, for bench/real-size.ts:

    python bench/python/real_size.py write FOLDER [--shape tiny] [--texts DATA] [--only FORM ...]
    python bench/python/real_size.py time FOLDER/safetensors-bfloat16 --batches FILE [--steps 2] [--threads 2]

`write` makes FOLDER/pickle-float16 and FOLDER/safetensors-bfloat16 (folders in Hugging Face form, written by torch.save and by
safetensors) and FOLDER/q8_0.gguf and FOLDER/q4_0.gguf (by the gguf package), all with the same values, rounded. A tensor at a
time is in memory, or a shard. The tokenizer is a SentencePiece of as many words as the model has, trained on the texts of DATA (default:
PLUMB_DATA, else ../shared/data). What is there already is left as it is. The real shape takes 20 GB of disk, and 7 GB more
while it is written.

`time` measures a training step of transformers and PEFT (see baseline.py) with the weights in bfloat16: in float32 such a model
takes 14 GB before the first activation.
"""

import argparse
import hashlib
import json
import os
import sys
import time
from pathlib import Path

import gguf
import numpy as np
import sentencepiece
import torch
from safetensors.torch import save_file
from transformers import LlamaConfig, LlamaForCausalLM

SHAPES = {
    "open-llama-3b": {
        "vocab_size": 32000,
        "hidden_size": 3200,
        "intermediate_size": 8640,
        "num_hidden_layers": 26,
        "num_attention_heads": 32,
    },
    "tiny": {
        "vocab_size": 1000,
        "hidden_size": 128,
        "intermediate_size": 352,
        "num_hidden_layers": 3,
        "num_attention_heads": 4,
    },
}
SHARD_BYTES = 2 << 30
FORMS = ["pickle-float16", "safetensors-bfloat16", "q8_0.gguf", "q4_0.gguf"]
QUANTS = {
    "q8_0.gguf": (gguf.GGMLQuantizationType.Q8_0, gguf.LlamaFileType.MOSTLY_Q8_0),
    "q4_0.gguf": (gguf.GGMLQuantizationType.Q4_0, gguf.LlamaFileType.MOSTLY_Q4_0),
}
# A pass over a matrix that is quantised at once; the package makes several copies of it.
ROWS_AT_ONCE = 1024


def config_of(shape: str) -> LlamaConfig:
    return LlamaConfig(
        **SHAPES[shape],
        max_position_embeddings=2048,
        rms_norm_eps=1e-6,
        bos_token_id=1,
        eos_token_id=2,
        pad_token_id=0,
        tie_word_embeddings=False,
        architectures=["LlamaForCausalLM"],
    )


def shapes_of(config: LlamaConfig) -> dict[str, tuple[int, ...]]:
    with torch.device("meta"):
        model = LlamaForCausalLM(config)
    return {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}


def values_of(name: str, shape: tuple[int, ...]) -> np.ndarray:
    """The same in all forms: drawn from the tensor's name."""
    random = np.random.default_rng(int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "little"))
    if len(shape) == 1:
        return 1 + 0.1 * random.standard_normal(shape, dtype=np.float32)
    return 0.02 * random.standard_normal(shape, dtype=np.float32)


def texts_of(data: Path):
    for file in sorted(data.glob("*/train.jsonl")):
        with file.open(encoding="utf-8", newline="\n") as lines:
            for line in lines:
                yield from json.loads(line)["text"][:2000].splitlines()


def tokenizer_file(folder: Path, words: int, data: Path) -> Path:
    file = folder / f"tokenizer-{words}.model"
    if not file.exists():
        stem = str(folder / "tokenizer-part")
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=texts_of(data),
            model_prefix=stem,
            model_type="bpe",
            vocab_size=words,
            byte_fallback=True,
            normalization_rule_name="identity",
            remove_extra_whitespaces=False,
            split_digits=True,
            character_coverage=0.9995,
            input_sentence_size=100_000,
            shuffle_input_sentence=False,
            num_threads=2,
            minloglevel=1,
        )
        Path(stem + ".vocab").unlink()
        os.replace(stem + ".model", file)
    return file


def write_folder(folder: Path, config: LlamaConfig, dtype: str, tokenizer: Path) -> None:
    folder.mkdir()
    config.dtype = dtype
    config.save_pretrained(folder)
    (folder / "tokenizer.model").write_bytes(tokenizer.read_bytes())
    settings = {"add_bos_token": True, "add_eos_token": False, "tokenizer_class": "LlamaTokenizer", "legacy": True}
    (folder / "tokenizer_config.json").write_text(json.dumps(settings, indent=2) + "\n")


def write_pickle(folder: Path, shapes: dict[str, tuple[int, ...]]) -> None:
    """One file, as open_llama_3b has it. torch.save reads the tensors from a scratch file, so that memory holds only one."""
    scratch = folder / "scratch"
    state, offset = {}, 0
    total = sum(int(np.prod(shape)) for shape in shapes.values()) * 2
    with scratch.open("wb") as file:
        file.truncate(total)
    for name, shape in shapes.items():
        mapped = np.memmap(scratch, dtype=np.float16, mode="r+", offset=offset, shape=shape)
        mapped[...] = values_of(name, shape).astype(np.float16)
        mapped.flush()
        state[name] = torch.from_numpy(mapped)
        offset += mapped.nbytes
    torch.save(state, folder / "pytorch_model.bin")
    scratch.unlink()


def write_safetensors(folder: Path, shapes: dict[str, tuple[int, ...]]) -> None:
    shards: list[dict[str, tuple[int, ...]]] = [{}]
    size = 0
    for name, shape in shapes.items():
        size += int(np.prod(shape)) * 2
        if size > SHARD_BYTES and shards[-1]:
            shards.append({})
            size = int(np.prod(shape)) * 2
        shards[-1][name] = shape
    index = {}
    for number, shard in enumerate(shards, 1):
        file = f"model-{number:05}-of-{len(shards):05}.safetensors" if len(shards) > 1 else "model.safetensors"
        tensors = {name: torch.from_numpy(values_of(name, shape)).to(torch.bfloat16) for name, shape in shard.items()}
        save_file(tensors, folder / file, metadata={"format": "pt"})
        index |= dict.fromkeys(shard, file)
    if len(shards) > 1:
        content = {"metadata": {"total_size": sum(int(np.prod(s)) * 2 for s in shapes.values())}, "weight_map": index}
        (folder / "model.safetensors.index.json").write_text(json.dumps(content, indent=2) + "\n")


def permute_rows(weight: np.ndarray, heads: int) -> np.ndarray:
    """Hugging Face's order of a head's rows to GGUF's, in which the two halves are interleaved."""
    rows, columns = weight.shape
    return weight.reshape(heads, 2, rows // heads // 2, columns).swapaxes(1, 2).reshape(rows, columns)


def quantize(values: np.ndarray, kind: gguf.GGMLQuantizationType) -> np.ndarray:
    pieces = [
        gguf.quants.quantize(values[first : first + ROWS_AT_ONCE], kind)
        for first in range(0, len(values), ROWS_AT_ONCE)
    ]
    return np.concatenate(pieces)


def write_gguf(path: Path, form: str, config: LlamaConfig, shapes: dict[str, tuple[int, ...]], tokenizer: Path) -> None:
    kind, file_type = QUANTS[form]
    float32 = gguf.GGMLQuantizationType.F32
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_name("Random model of OpenLLaMA-3B's shape")
    writer.add_file_type(file_type)
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_rope_dimension_count(config.hidden_size // config.num_attention_heads)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_vocab_size(config.vocab_size)
    model = sentencepiece.SentencePieceProcessor(model_file=str(tokenizer))
    ids = range(model.vocab_size())
    types = gguf.TokenType
    writer.add_tokenizer_model("llama")
    writer.add_tokenizer_pre("default")
    writer.add_token_list([model.id_to_piece(i) for i in ids])
    writer.add_token_scores([model.get_score(i) for i in ids])
    writer.add_token_types(
        [
            types.UNKNOWN if model.is_unknown(i)
            else types.CONTROL if model.is_control(i)
            else types.BYTE if model.is_byte(i)
            else types.NORMAL
            for i in ids
        ]
    )
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)

    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.LLAMA, config.num_hidden_layers)
    kinds = {name: float32 if len(shape) == 1 else kind for name, shape in shapes.items()}
    for name, shape in shapes.items():
        ours = names.get_name(name, try_suffixes=(".weight",))
        if kinds[name] == float32:
            writer.add_tensor_info(ours, shape, np.dtype(np.float32), int(np.prod(shape)) * 4)
        else:
            block, block_bytes = gguf.GGML_QUANT_SIZES[kind]
            row = shape[1] // block * block_bytes
            writer.add_tensor_info(ours, (shape[0], row), np.dtype(np.uint8), shape[0] * row, raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_ti_data_to_file()
    for name, shape in shapes.items():
        values = values_of(name, shape)
        if "q_proj" in name or "k_proj" in name:
            values = permute_rows(values, config.num_attention_heads)
        writer.write_tensor_data(values if kinds[name] == float32 else quantize(values, kinds[name]))
    writer.close()


def write(options: argparse.Namespace) -> None:
    folder: Path = options.folder
    folder.mkdir(parents=True, exist_ok=True)
    config = config_of(options.shape)
    shapes = shapes_of(config)
    tokenizer = tokenizer_file(folder, config.vocab_size, options.texts)
    for form in options.only:
        place = folder / form
        if place.exists():
            continue
        part = folder / f"part-{form}"
        if part.is_dir():
            for file in part.iterdir():
                file.unlink()
            part.rmdir()
        print(f"writing {place}", file=sys.stderr, flush=True)
        if form in QUANTS:
            write_gguf(part, form, config, shapes, tokenizer)
        else:
            kind, dtype = form.split("-")
            write_folder(part, config, dtype, tokenizer)
            (write_pickle if kind == "pickle" else write_safetensors)(part, shapes)
        part.rename(place)


def time_steps(options: argparse.Namespace) -> None:
    from peft import PromptTuningConfig, get_peft_model
    from torch import nn

    from baseline import collate, memory, processor

    sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "test" / "fixtures"))
    from reference_model import linear_maps

    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    base = LlamaForCausalLM.from_pretrained(options.model, dtype=torch.bfloat16)
    model = get_peft_model(base, PromptTuningConfig(task_type="CAUSAL_LM", num_virtual_tokens=20))
    prompt = [parameter for parameter in model.parameters() if parameter.requires_grad]
    biases = []
    for _, linear in linear_maps(base):
        linear.bias = nn.Parameter(torch.zeros(linear.out_features, dtype=torch.bfloat16))
        biases.append(linear.bias)
    model.train()
    optimiser = torch.optim.AdamW([{"params": prompt, "lr": 5e-3}, {"params": biases, "lr": 2e-3}], weight_decay=0.0)
    [batch] = json.loads(options.batches.read_text())["step"]
    Path("/proc/self/clear_refs").write_text("5")  # forgets the peak of loading
    seconds, computed = [], []
    for step in range(options.steps + 1):
        start, before = time.perf_counter(), time.process_time()
        model(**collate(batch)).loss.backward()
        nn.utils.clip_grad_norm_([*prompt, *biases], 1.0)
        optimiser.step()
        optimiser.zero_grad()
        seconds.append(time.perf_counter() - start)
        computed.append(time.process_time() - before)
        print(f"step {step} took {seconds[-1]:.1f} s, computed {computed[-1]:.1f} s", file=sys.stderr, flush=True)
    found = {"seconds": seconds[1:], "computed": computed[1:], "peakBytes": memory("VmHWM")}
    print(json.dumps({"processor": processor(), "torch": torch.__version__, **found}))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True)
    writing = commands.add_parser("write")
    writing.add_argument("folder", type=Path)
    writing.add_argument("--shape", choices=SHAPES, default="open-llama-3b")
    data = os.environ.get("PLUMB_DATA") or Path(__file__).resolve().parents[3] / "shared" / "data"
    writing.add_argument("--texts", type=Path, default=Path(data))
    writing.add_argument("--only", choices=FORMS, nargs="+", default=FORMS)
    writing.set_defaults(run=write)
    timing = commands.add_parser("time")
    timing.add_argument("model", type=Path)
    timing.add_argument("--batches", type=Path, required=True)
    timing.add_argument("--steps", type=int, default=2, help="timed steps, after one that warms up")
    timing.add_argument("--threads", type=int, default=2)
    timing.set_defaults(run=time_steps)
    options = parser.parse_args()
    options.run(options)


if __name__ == "__main__":
    main()
