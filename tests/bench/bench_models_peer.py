"""What transformers needs for the work that bench_models times: called by it with --peer PYTHON.

    python bench_models_peer.py FOLDER THREADS DTYPE WORK COUNT LENGTH REPEATS

WORK "vision": images/s of the tower in FOLDER on batches of COUNT; LENGTH is not read. "early": the same, hidden states up
to layer LENGTH alone. "prefill": tokens/s of prompts of LENGTH tokens, COUNT at once. "decode": tokens/s of COUNT rows
behind such a prompt, 32 steps. Prints the best of REPEATS runs after a warm one.
"""

import sys
import time

import torch
from transformers import AutoModel, AutoModelForCausalLM

DECODED = 32


def main():
    folder, threads, dtype, work, count, length, repeats = sys.argv[1:8]
    count, length, repeats = int(count), int(length), int(repeats)
    torch.set_num_threads(int(threads))
    dtype = {"f32": torch.float32, "bf16": torch.bfloat16}[dtype]
    device = "cuda" if torch.cuda.is_available() else "cpu"
    kind = AutoModel if work in ("vision", "early") else AutoModelForCausalLM
    model = kind.from_pretrained(folder, dtype=dtype).to(device).eval()

    def vision():
        model(pixels)
        return count

    def early():
        # What transformers offers: a hook that ends the pass.
        class Stop(Exception):
            pass

        def end(*_):
            raise Stop

        layers = model.encoder.layers if hasattr(model.encoder, "layers") else model.encoder.layer
        handle = layers[length].register_forward_hook(end)
        try:
            model(pixels)
        except Stop:
            pass
        handle.remove()
        return count

    def prefill():
        model(ids, use_cache=True, logits_to_keep=1)
        return count * length

    def decode():
        cache, last = prompt()
        start = time.perf_counter()
        for _ in range(DECODED):
            result = model(last, past_key_values=cache, use_cache=True)
            last = result.logits[:, -1:].argmax(-1)
        if device == "cuda":
            torch.cuda.synchronize()
        return time.perf_counter() - start

    def prompt():
        result = model(ids, use_cache=True, logits_to_keep=1)
        return result.past_key_values, result.logits[:, -1:].argmax(-1)

    with torch.inference_mode():
        if work in ("vision", "early"):
            side = model.config.image_size
            pixels = torch.randn(count, 3, side, side, device=device, dtype=dtype)
        else:
            ids = torch.randint(model.config.vocab_size, (count, length), device=device)
        best = 0.0
        for attempt in range(repeats + 1):
            if work == "decode":
                rate = count * DECODED / decode()
            else:
                start = time.perf_counter()
                done = {"vision": vision, "early": early, "prefill": prefill}[work]()
                if device == "cuda":
                    torch.cuda.synchronize()
                rate = done / (time.perf_counter() - start)
            if attempt > 0:
                best = max(best, rate)
    print(best)


if __name__ == "__main__":
    main()
