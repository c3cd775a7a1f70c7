"""What transformers needs for the work that bench_steering times: called by it with --peer PYTHON.

    python bench_steering_peer.py CONFIG THREADS DTYPE BEFORE AFTER TOKENS REPEATS

A LLaVA of the shape in CONFIG with random weights; a prompt of BEFORE tokens, an image, AFTER tokens. Prints the medians of
REPEATS runs after a warm one: seconds of `generate` for one new token, and for each of TOKENS further ones.
"""

import json
import statistics
import sys
import time

import torch
from transformers import LlavaConfig, LlavaForConditionalGeneration


def main():
    path, threads, dtype, before, after, tokens, repeats = sys.argv[1:8]
    before, after, tokens, repeats = int(before), int(after), int(tokens), int(repeats)
    torch.set_num_threads(int(threads))
    torch.manual_seed(1)
    dtype = {"f32": torch.float32, "bf16": torch.bfloat16, "f16": torch.float16}[dtype]
    device = "cuda" if torch.cuda.is_available() else "cpu"
    config = LlavaConfig(**json.load(open(path)))
    torch.set_default_dtype(dtype)
    with torch.device(device):
        model = LlavaForConditionalGeneration(config).eval()
    vision = config.vision_config
    count = (vision.image_size // vision.patch_size) ** 2
    ids = torch.tensor([[*range(3, 3 + before), *[config.image_token_index] * count, *range(10, 10 + after)]], device=device)
    pixels = torch.randn(1, 3, vision.image_size, vision.image_size, device=device)

    def generate(new):
        start = time.perf_counter()
        model.generate(input_ids=ids, attention_mask=torch.ones_like(ids), pixel_values=pixels, max_new_tokens=new,
                       min_new_tokens=new, do_sample=False, pad_token_id=0)
        if device == "cuda":
            torch.cuda.synchronize()
        return time.perf_counter() - start

    with torch.inference_mode():
        generate(2)
        first = statistics.median(generate(1) for _ in range(repeats))
        whole = statistics.median(generate(1 + tokens) for _ in range(max(1, repeats // 2)))
    print(first, (whole - first) / tokens)


main()
