"""Makes tests/golden/pipeline: a tiny CLIP folder with what transformers computes from it, and activations with what
the paper's own metric.py and find_hai_indices.py compute from them.

    python tests/golden/make_pipeline.py PAPER_CHECKOUT

PAPER_CHECKOUT is a clone of https://github.com/ExplainableML/sae-for-vlm. Needs torch, numpy, Pillow, transformers.
"""

import os
import runpy
import shutil
import sys
import tempfile
import types
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from transformers import CLIPConfig, CLIPImageProcessor, CLIPModel

OUT = Path(__file__).parent / "pipeline"


def make_images(root):
    """Eight PNG files of two classes: odd sizes, both orientations, grey and alpha among them."""
    rng = np.random.default_rng(3)
    for i, (name, size) in enumerate(
        [("first/a", (90, 61)), ("first/b", (57, 83)), ("first/c", (56, 56)), ("first/d", (120, 70)),
         ("second/a", (64, 64)), ("second/b", (40, 44)), ("second/c", (75, 99)), ("second/d", (61, 60))]
    ):
        coarse = rng.integers(0, 256, (6, 6, 3), dtype=np.uint8)
        image = Image.fromarray(coarse).resize(size, Image.Resampling.BICUBIC)
        if i == 2:
            image = image.convert("L")
        if i == 4:
            image.putalpha(Image.linear_gradient("L").resize(size))
        path = root / f"{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        image.save(path, optimize=True)


def make_clip(folder):
    torch.manual_seed(5)
    config = CLIPConfig(
        vision_config=dict(hidden_size=32, intermediate_size=48, num_hidden_layers=3, num_attention_heads=4,
                           image_size=56, patch_size=14, projection_dim=16),
        text_config=dict(hidden_size=16, intermediate_size=16, num_hidden_layers=1, num_attention_heads=2,
                         vocab_size=24, max_position_embeddings=8, projection_dim=16),
        projection_dim=16,
    )
    model = CLIPModel(config).eval()
    with torch.no_grad():  # larger than the usual start, so that a wrong layer shows
        for p in model.parameters():
            p.mul_(3.0) if p.dim() > 1 else p.add_(0.1 * torch.randn_like(p))
    model.save_pretrained(folder)
    CLIPImageProcessor(size={"shortest_edge": 56}, crop_size={"height": 56, "width": 56}).save_pretrained(folder)
    return model


def make_extracted(model, folder, images):
    processor = CLIPImageProcessor.from_pretrained(folder)
    paths = sorted(images.rglob("*.png"))
    pixels = processor([Image.open(p).convert("RGB") for p in paths], return_tensors="pt")["pixel_values"]
    with torch.no_grad():
        vision = model.vision_model(pixel_values=pixels, output_hidden_states=True)
        embeds = model.visual_projection(vision.pooler_output)
    np.save(OUT / "hidden_1.npy", vision.hidden_states[2].numpy())  # output of layer 1: [8, 17, 32]
    np.save(OUT / "embeds.npy", embeds.numpy())


def make_activations(folder):
    """60 rows in two parts, 24 neurons: sparse, dense and signed ones, dead, constant, and active on one image alone."""
    rng = np.random.default_rng(11)
    x = rng.gamma(1.5, 1.0, (60, 24)).astype(np.float32)
    x[:, :12] *= rng.random((60, 12)) < 0.5
    x[:, 12:16] -= 2.0
    x[:, 3] = 0.0
    x[:, 5] = 0.75
    x[:, 7] = 0.0
    x[31, 7] = 2.0
    torch.save(torch.from_numpy(x[:40]), folder / "toy_val_activations_clip_1_post_mlp_residual_part1.pt")
    torch.save(torch.from_numpy(x[40:]), folder / "toy_val_activations_clip_1_post_mlp_residual_part2.pt")
    torch.save(torch.from_numpy(rng.normal(size=(60, 20)).astype(np.float32) + 0.3), OUT / "toy_val_embeddings_dino.pt")


def run_paper(paper, script, arguments):
    """Runs a script of the paper on the CPU; what it imports and does not need here is stood in for."""
    torch.Tensor.cuda = lambda self: self
    plain = torch.utils.data.DataLoader
    torch.utils.data.DataLoader = lambda *a, **k: plain(*a, **{**k, "num_workers": 0})
    for name in ("torchvision", "torchvision.transforms"):
        sys.modules[name] = types.ModuleType(name)
    sys.modules["torchvision"].transforms = sys.modules["torchvision.transforms"]
    sys.modules["utils"] = types.ModuleType("utils")
    sys.modules["utils"].get_dataset = None
    sys.modules.setdefault("tqdm", types.SimpleNamespace(tqdm=lambda x, **k: x))
    sys.path.insert(0, str(paper))
    for name in [m for m in sys.modules if m == "datasets" or m.startswith("datasets.")]:
        del sys.modules[name]
    argv, sys.argv = sys.argv, [script, *map(str, arguments)]
    runpy.run_path(str(paper / script), run_name="__main__")
    sys.argv = argv
    sys.path.pop(0)
    torch.utils.data.DataLoader = plain


def main():
    paper = Path(sys.argv[1]).resolve()
    shutil.rmtree(OUT, ignore_errors=True)
    (OUT / "activations").mkdir(parents=True)
    make_images(OUT / "images")
    make_extracted(make_clip(OUT / "clip"), OUT / "clip", OUT / "images")
    make_activations(OUT / "activations")
    with tempfile.TemporaryDirectory() as scratch:
        work = Path(scratch) / "activations"
        shutil.copytree(OUT / "activations", work)
        run_paper(paper, "metric.py", ["--embeddings_path", OUT / "toy_val_embeddings_dino.pt",
                                       "--activations_dir", work, "--output_subdir", "ms_dino"])
        run_paper(paper, "find_hai_indices.py", ["--activations_dir", work, "--chunk_size", 16])
        shutil.copytree(work / "ms_dino", OUT / "ms_dino")
        for name in ("hai_indices_16.npy", "hai_indices_16_worst.npy"):
            shutil.copy(work / name, OUT / name)
    for path in sorted(p for p in OUT.rglob("*") if p.is_file()):
        print(f"{path.stat().st_size:8d}  {path.relative_to(OUT)}")


if __name__ == "__main__":
    os.environ["OMP_NUM_THREADS"] = "1"
    main()
