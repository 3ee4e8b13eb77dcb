"""PyTorch's side of a comparison: transformers + PEFT, and TRL where a case asks for it.

Speaks the lines of protocol.ts. `peer.py train CONFIG.json` trains, `peer.py gemm CONFIG.json`
measures matrix products with torch.mm.
"""

import json
import os
import sys
import time

# The replies' channel must carry nothing else.
REPLIES = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)


def since_start_ms():
    """Milliseconds since this process began, from the kernel's own record (10 ms ticks)."""
    with open("/proc/self/stat") as file:
        start_ticks = int(file.read().rsplit(")", 1)[1].split()[19])
    with open("/proc/uptime") as file:
        uptime = float(file.read().split()[0])
    return (uptime - start_ticks / os.sysconf("SC_CLK_TCK")) * 1e3


def peak_mb():
    with open("/proc/self/status") as file:
        line = next(line for line in file if line.startswith("VmHWM:"))
    return int(line.split()[1]) / 1024


def reply(message):
    print(json.dumps(message), file=REPLIES, flush=True)


def serve(ready, step):
    reply({"ready": since_start_ms(), **ready})
    for line in sys.stdin:
        if line.strip() == "step":
            reply(step())


def half_weights(config):
    """Base and adapter in bfloat16: autocast has nothing to do."""
    return config.get("peer", {}).get("weights") == "bfloat16"


def load_model(config):
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    options = config.get("peer", {})
    model = AutoModelForCausalLM.from_pretrained(
        config["modelDir"],
        dtype=torch.bfloat16 if half_weights(config) else torch.float32,
        attn_implementation="sdpa",
    )
    model.config.use_cache = False
    if options.get("trlLoss"):
        # Before PEFT, as SFTTrainer does it. The trainer also asks for entropy and accuracy, which
        # cost a little; here only what the loss needs.
        from trl.trainer.utils import add_fused_lm_head

        add_fused_lm_head(model)
    torch.manual_seed(1)
    lora = LoraConfig(
        r=config["rank"],
        lora_alpha=config["alpha"],
        target_modules="all-linear",
        lora_dropout=0.0,
        task_type="CAUSAL_LM",
    )
    # PEFT would hold the adapter of a bfloat16 base in float32, which is slower (1.13 times).
    model = get_peft_model(model, lora, autocast_adapter_dtype=not half_weights(config))
    if options.get("gradientCheckpointing"):
        model.gradient_checkpointing_enable({"use_reentrant": False})
        model.enable_input_require_grads()
    model.train()
    return torch.compile(model) if options.get("compile") else model


def label_rows(data):
    """Labels as SFTTrainer prepares them: -100 where a token is no target."""
    return [
        {
            "input_ids": row["ids"],
            "labels": [token if flag else -100 for token, flag in zip(row["ids"], row["counted"])],
        }
        for row in data["rows"]
    ]


def exact_batches(data):
    """The same positions as ours: a row's last token is only a label, given through shift_labels."""
    import torch

    all_rows = label_rows(data)
    for step in data["steps"]:
        rows = [all_rows[row] for row in step]
        ids = torch.tensor([row["input_ids"][:-1] for row in rows])
        labels = torch.tensor([row["labels"][1:] for row in rows])
        yield {"input_ids": ids, "labels": labels, "shift_labels": labels}


def padded_batches(data):
    """Batches padded to their longest row, by TRL's collator, as the Trainer feeds them."""
    from trl.trainer.sft_trainer import DataCollatorForLanguageModeling

    collate = DataCollatorForLanguageModeling(pad_token_id=0)
    rows = label_rows(data)
    for step in data["steps"]:
        yield collate([rows[row] for row in step])


def packed_batches(data, packing):
    """TRL's own packing and padding-free collator (SFTConfig packing=True, strategy bfd).

    The batch is one sequence whose position_ids begin anew with every row. Without flash attention
    transformers makes a block-diagonal causal mask of them (masking_utils,
    find_packed_sequence_indices), so rows do not see each other on a CPU either; the masked
    positions are computed all the same.
    """
    from datasets import Dataset
    from trl.data_utils import pack_dataset
    from trl.trainer.sft_trainer import DataCollatorForLanguageModeling

    packed = list(pack_dataset(Dataset.from_list(label_rows(data)), packing["length"], "bfd"))
    collate = DataCollatorForLanguageModeling(pad_token_id=0, padding_free=True)
    size = packing["sequencesPerStep"]
    for start in range(0, len(packed), size):
        yield collate(packed[start : start + size])


def batches_of(config):
    with open(config["dataFile"]) as file:
        data = json.load(file)
    packing = config.get("peer", {}).get("packing")
    if packing:
        return list(packed_batches(data, packing))
    if data["lastTokenIsLabelOnly"]:
        return list(exact_batches(data))
    return list(padded_batches(data))


def useful_tokens(batch):
    labels = batch["shift_labels"] if "shift_labels" in batch else batch["labels"][:, 1:]
    return int((labels != -100).sum())


def train(config):
    import torch

    torch.set_num_threads(config["threads"])
    begun = time.perf_counter()
    model = load_model(config)
    open_ms = (time.perf_counter() - begun) * 1e3
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=config["learningRate"], weight_decay=0.0)
    batches = batches_of(config)
    extra = {"fused_lm_head": True} if config.get("peer", {}).get("trlLoss") else {}
    state = {"at": 0}
    # As Trainer(bf16=True) has it: the forward pass and the loss, not what follows from them.
    is_mixed = config["precision"] == "bfloat16" and not half_weights(config)
    autocast = torch.autocast("cpu", torch.bfloat16, enabled=is_mixed)

    def step():
        batch = batches[state["at"] % len(batches)]
        state["at"] += 1
        useful = useful_tokens(batch)
        begun = time.perf_counter()
        with autocast:
            if extra:
                loss = -model(**batch, **extra).log_probs.sum() / useful
            else:
                loss = model(**batch, use_cache=False).loss
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        value = loss.item()
        ms = (time.perf_counter() - begun) * 1e3
        return {
            "ms": ms,
            "loss": value,
            "tokens": batch["input_ids"].numel(),
            "usefulTokens": useful,
            "peakMb": peak_mb(),
        }

    serve({"openMs": open_ms, "stepsPerPass": len(batches)}, step)


REPEATS = 5


def gemm(config):
    import torch

    torch.set_num_threads(config["threads"])
    generator = torch.Generator().manual_seed(1)
    dtype = {"float32": torch.float32, "bfloat16": torch.bfloat16}[config["precision"]]
    products = []
    for inner, outer in config["shapes"]:
        left = torch.randn(config["tokens"], inner, generator=generator).to(dtype)
        right = torch.randn(inner, outer, generator=generator).to(dtype)
        out = torch.empty(config["tokens"], outer, dtype=dtype)
        products.append((left, right, out))
        # As a linear layer stores its weight: the one or the other is faster.
        products.append((left, right.T.contiguous().T, out))

    def step():
        begun = time.perf_counter()
        best = 0.0
        for left, right, out in products:
            for _ in range(REPEATS):
                start = time.perf_counter()
                torch.mm(left, right, out=out)
                seconds = time.perf_counter() - start
                best = max(best, 2 * left.numel() * right.shape[1] / seconds / 1e9)
        return {"ms": (time.perf_counter() - begun) * 1e3, "gflops": best}

    serve({"openMs": 0, "stepsPerPass": 1}, step)


if __name__ == "__main__":
    command, path = sys.argv[1:3]
    with open(path) as file:
        {"train": train, "gemm": gemm}[command](json.load(file))
