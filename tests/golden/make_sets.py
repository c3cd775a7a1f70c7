"""Makes tests/golden/analysis/{uniqueness,depths}*: what the paper's uniqueness.py and inat_depth.py say of seeded top images.

    git clone https://github.com/ExplainableML/sae-for-vlm && pip install torch numpy tqdm
    python tests/golden/make_sets.py --paper sae-for-vlm

Written for commit 69e211dc. sets_top.npy and sets_worst.npy are the inputs, sets_classes.txt the class folder of each image; sets.json
what the programs print. Both run unchanged; torchvision and utils, which they import, are stood in for.
"""
import argparse
import contextlib
import io
import json
import os
import re
import runpy
import shutil
import sys
import tempfile
import types

import numpy as np

parser = argparse.ArgumentParser()
parser.add_argument("--paper", required=True)
args = parser.parse_args()
here = os.path.join(os.path.dirname(os.path.abspath(__file__)), "analysis")
rng = np.random.default_rng(4)

F, IMAGES, K = 120, 300, 16
RANKS = ["Animalia Plantae", "Chordata Mollusca Magnoliophyta", "Aves Mammalia Rosids", "Orda Ordb Ordc", "Fama Famb", "Gena Genb Genc", "spa spb spc spd"]
classes = sorted({"_".join(rng.choice(r.split()) for r in RANKS) for _ in range(40)})
classes = [f"{i:05d}_{name}" for i, name in enumerate(classes)]
image_class = np.sort(rng.integers(0, len(classes), IMAGES))
top = np.empty((F, K), dtype=np.int64)
for f in range(F):
    # Neurons of some breadth: images of a stretch of the sorted classes, so that many pairs share several.
    width = [16, 24, 60, 300][f % 4]
    start = rng.integers(0, IMAGES - width + 1)
    top[f] = start + rng.choice(width, K, replace=False)
top[7] = top[3]  # the same set
top[8] = top[3][::-1]
worst = rng.random(F)
worst[rng.choice(F, 15, replace=False)] = 0
np.save(os.path.join(here, "sets_top.npy"), top)
np.save(os.path.join(here, "sets_worst.npy"), worst)
with open(os.path.join(here, "sets_classes.txt"), "w") as file:
    file.writelines(classes[c] + "\n" for c in image_class)


def run(program, *arguments):
    sys.argv = [program, *arguments]
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        runpy.run_path(os.path.join(args.paper, program), run_name="__main__")
    return out.getvalue()


utils = types.ModuleType("utils")
dataset = types.SimpleNamespace(imgs=[(f"/data/train/{classes[c]}/{i}.jpg", c) for i, c in enumerate(image_class)])
utils.get_dataset = lambda *a, **k: (dataset, None)
sys.modules["utils"] = utils
result = {}
with tempfile.TemporaryDirectory() as folder:
    path = os.path.join(folder, "hai_indices_16.npy")
    shutil.copy(os.path.join(here, "sets_top.npy"), path)
    shutil.copy(os.path.join(here, "sets_worst.npy"), path[:-4] + "_worst.npy")
    text = run("uniqueness.py", "--activations_dir", folder)
    result["pairs"] = int(re.search(r"Total pairs: (\d+)", text).group(1))
    result["above"] = [int(n) for n in re.findall(r"Jaccard index > [\d.]+: (\d+)", text)]
    text = run("inat_depth.py", "--activations_dir", folder, "--hai_indices_path", path, "--group_fractions", "0.1", "0.3", "0.6")
    numbers = lambda kind: [float(n) for n in re.findall(r"(?<![\w.])\d+\.\d+(?=[),\]])", re.search(rf"\({kind}\): (.*)", text).group(1))]
    result["depth_mean"], result["depth_majority"] = numbers("mean"), numbers("majority")
with open(os.path.join(here, "sets.json"), "w") as file:
    json.dump(result, file, indent=1)
print(result)
