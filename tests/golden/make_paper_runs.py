"""Makes tests/golden/paper_runs: SAEs that the paper's sae_train.py trained, and what its similarity_baseline.py says of
four images.

    git clone https://github.com/ExplainableML/sae-for-vlm
    pip install torch torchvision transformers==4.46.3 einops tqdm pillow
    python tests/golden/make_paper_runs.py --paper sae-for-vlm

Written for commit 69e211dc. Both programs run unchanged but for the device, on tests/golden/pipeline/activations and with
the demo's CLIP in the place of OpenAI's; wandb and nnsight, which training needs for its log alone, are stood in for.
activations_{type}_3_x2/ is the program's own folder, latents.pt what its classes make of the first 20 rows by each of the
files there, by "{type} {file}".
baseline.json: the four images of tests/golden/demo_llava by the names that they were given, and the two figures printed.
"""
import argparse
import contextlib
import glob
import io
import json
import os
import re
import runpy
import shutil
import sys
import tempfile
import types

import torch

parser = argparse.ArgumentParser()
parser.add_argument("--paper", required=True, help="the checkout of sae-for-vlm")
args = parser.parse_args()
paper = os.path.abspath(args.paper)
golden = os.path.dirname(os.path.abspath(__file__))
here = os.path.join(golden, "paper_runs")
demo_clip = os.path.join(golden, "..", "..", "resources", "demo", "clip")
torch.set_num_threads(1)
torch.manual_seed(0)
sys.path.insert(0, paper)
sys.modules["wandb"] = types.ModuleType("wandb")
sys.modules["wandb"].init = sys.modules["wandb"].log = sys.modules["wandb"].finish = lambda *a, **k: None
sys.modules["nnsight"] = types.ModuleType("nnsight")
sys.modules["nnsight"].LanguageModel = object


def train(name, *more):
    activations = os.path.join(golden, "pipeline", "activations")
    sys.argv = ["sae_train.py", "--sae_model", name, "--activations_dir", activations, "--val_activations_dir", activations,
                "--checkpoints_dir", here, "--device", "cpu", "--expansion_factor", "2", "--k", "3", "--batch_size", "20",
                "--steps", "1020", "--save_steps", "1000", "--log_steps", "1000", "--auxk_alpha", "0.03",
                "--decay_start", "1010", *more]
    runpy.run_path(os.path.join(paper, "sae_train.py"), run_name="__main__")
    folder = os.path.join(here, f"activations_{name}_3_x2", "trainer_0")
    os.remove(os.path.join(folder, "checkpoints", "ae_0.pt"))
    return {f"{name} {file}": os.path.join(folder, file) for file in ("ae.pt", "checkpoints/ae_1000.pt")}


def baseline(images):
    with open(os.path.join(paper, "similarity_baseline.py")) as file:
        program = file.read().replace('device = "cuda"', 'device = "cpu"')
    before = os.getcwd()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        os.makedirs("openai")
        os.symlink(os.path.abspath(demo_clip), "openai/clip-vit-base-patch32")
        os.makedirs("images_imagenet")
        for name, image in images.items():
            shutil.copy(os.path.join(golden, "demo_llava", image), os.path.join("images_imagenet", name))
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            exec(compile(program, "similarity_baseline.py", "exec"), {"__name__": "__main__"})
        os.chdir(before)
    mean, deviation = re.search(r"Correct Pairs: Mean = (\S+), Std = (\S+)", out.getvalue()).groups()
    return {"images": images, "mean": float(mean), "std": float(deviation)}


shutil.rmtree(here, ignore_errors=True)
files = train("matroyshka_batch_top_k", "--group_fractions", "0.25", "0.75") | train("top_k")
from dictionary_learning.trainers import MatroyshkaBatchTopKSAE  # noqa: E402
from dictionary_learning.trainers.top_k import AutoEncoderTopK  # noqa: E402

rows = torch.load(glob.glob(os.path.join(golden, "pipeline", "activations", "*_part1.pt"))[0])[:20]
latents = {}
with torch.no_grad():
    for name, file in files.items():
        sae_class = AutoEncoderTopK if name.startswith("top_k") else MatroyshkaBatchTopKSAE
        sae = sae_class.from_pretrained(file, k=3)
        latents[name] = sae.encode(rows)
        print(name, "threshold", sae.threshold.item(), "latents a row", (latents[name] > 0).sum(1).float().mean().item())
torch.save(latents, os.path.join(here, "latents.pt"))
with open(os.path.join(here, "baseline.json"), "w") as file:
    json.dump(baseline({"n01440764_a.png": "000000.png", "n01443537_b.png": "000002.png", "n01443537_c.png": "000005.png",
                        "n01484850_d.png": "000009.png"}), file, indent=1)
