"""Makes tests/golden/analysis/degenerate.json: what the paper's metric.py, find_hai_indices.py, uniqueness.py and
inat_depth.py give on degenerate inputs: all neurons dead, one image, ties, NaN and infinity.

    git clone https://github.com/ExplainableML/sae-for-vlm && pip install torch numpy tqdm
    python tests/golden/make_degenerate.py --paper sae-for-vlm

Written for commit 69e211dc. The programs run unchanged, on the CPU; torchvision and utils, which they import, are stood in
for. A number that JSON does not have is written as "nan", "inf" or "-inf". "failed" is the error a program ended with; what
it had written by then is there all the same.
"""
import argparse
import contextlib
import io
import json
import math
import os
import re
import runpy
import shutil
import sys
import tempfile
import types
import warnings

import numpy as np
import torch

parser = argparse.ArgumentParser()
parser.add_argument("--paper", required=True, help="the checkout of sae-for-vlm")
args = parser.parse_args()
here = os.path.join(os.path.dirname(os.path.abspath(__file__)), "analysis")
torch.set_num_threads(1)
warnings.simplefilter("ignore")
rng = np.random.default_rng(8)

sys.path.insert(0, args.paper)
torch.Tensor.cuda = lambda self, *a, **k: self
loader = torch.utils.data.DataLoader
torch.utils.data.DataLoader = lambda *a, **k: loader(*a, **{**k, "num_workers": 0})
vision, utils = types.ModuleType("torchvision"), types.ModuleType("utils")
vision.transforms = utils.get_dataset = None
sys.modules.update({"torchvision": vision, "utils": utils})


def run(program, *arguments):
    """What it prints, and the error that it ends with."""
    sys.argv = [program, *map(str, arguments)]
    out = io.StringIO()
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(io.StringIO()):
            runpy.run_path(os.path.join(args.paper, program), run_name="__main__")
    except Exception as error:
        return out.getvalue(), f"{type(error).__name__}: {error}"
    return out.getvalue(), None


def plain(values):
    if isinstance(values, list):
        return [plain(v) for v in values]
    return values if isinstance(values, int) or math.isfinite(values) else str(values)


def score_and_index(activations, embeddings):
    result = {"activations": plain(activations.tolist()), "embeddings": plain(embeddings.tolist())}
    with tempfile.TemporaryDirectory() as folder:
        torch.save(torch.tensor(embeddings, dtype=torch.float32), os.path.join(folder, "embeddings.bin"))
        torch.save(torch.tensor(activations, dtype=torch.float32), os.path.join(folder, "a_part1.pt"))
        _, failed = run("metric.py", "--embeddings_path", os.path.join(folder, "embeddings.bin"), "--activations_dir", folder,
                        "--output_subdir", "ms")
        scores = torch.load(os.path.join(folder, "ms", "all_neurons_scores.pth"))
        stats = os.path.join(folder, "ms", "metric_stats_new.txt")
        result["metric"] = {"failed": failed, "scores": plain([float(f"{s:.9g}") for s in scores.tolist()]),
                            "stats": open(stats).read() if os.path.exists(stats) else None}
        _, failed = run("find_hai_indices.py", "--activations_dir", folder, "--k", 16, "--chunk_size", 64)
        result["top"] = {"failed": failed, "indices": np.load(os.path.join(folder, "hai_indices_16.npy")).tolist(),
                         "worst": plain(np.load(os.path.join(folder, "hai_indices_16_worst.npy")).tolist())}
    return result


def sets(top, worst, classes, fractions):
    top, worst = np.array(top, dtype=np.int64), np.array(worst, dtype=np.float64)
    k = top.shape[1]
    result = {"top": top.tolist(), "worst": plain(worst.tolist()), "classes": classes, "fractions": fractions}
    dataset = types.SimpleNamespace(imgs=[(f"/data/train/{c}/{i}.jpg", 0) for i, c in enumerate(classes)])
    utils.get_dataset = lambda *a, **kw: (dataset, None)
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, f"hai_indices_{k}.npy")
        np.save(path, top)
        np.save(path[:-4] + "_worst.npy", worst)
        text, failed = run("uniqueness.py", "--activations_dir", folder, "--k", k)
        result["uniqueness"] = {"failed": failed, "pairs": int(re.search(r"Total pairs: (\d+)", text).group(1)),
                                "above": [int(n) for n in re.findall(r"Jaccard index > [\d.]+: (\d+)", text)]}
        text, failed = run("inat_depth.py", "--activations_dir", folder, "--hai_indices_path", path, "--k", k, "--group_fractions", *fractions)
        depths = {"failed": failed, "excluded": [float(n) for n in re.findall(r"([\d.]+)% neurons excluded", text)]}
        for kind in ("mean", "majority") if failed is None else ():
            line = re.search(rf"\({kind}\): \[(.*)\]", text).group(1)
            depths[kind] = plain([float(n) for n in re.findall(r"nan|(?<![\w.])\d+\.\d+", line)])
        result["depths"] = depths
    return result


def uniform(*shape):
    return np.round(rng.random(shape), 3)


def directions(n):
    return np.round(rng.normal(size=(n, 4)), 2)


def changed(values, *changes):
    for row, column, value in changes:
        values[row, column] = value
    return values


N, F = 24, 12
cases = {
    "all dead": score_and_index(np.zeros((N, F)), directions(N)),
    "one image": score_and_index(uniform(1, F), directions(1)),
    "two images": score_and_index(uniform(2, F), directions(2)),
    "ties": score_and_index(np.floor(3 * uniform(N, F)) / 2, directions(N)),
    "every image the same": score_and_index(uniform(N, F), np.tile(directions(1), (N, 1))),
    "no embedding has a direction": score_and_index(uniform(N, F), np.zeros((N, 4))),
    "a range beyond float32": score_and_index(changed(uniform(N, F), (2, 1, 3e38), (5, 1, -3e38)), directions(N)),
    "NaN": score_and_index(changed(uniform(N, F), (7, 3, math.nan)), directions(N)),
    "infinity": score_and_index(changed(uniform(N, F), (4, 2, math.inf)), directions(N)),
    "minus infinity": score_and_index(changed(uniform(N, F), (9, 5, -math.inf)), directions(N)),
    "NaN in an embedding": score_and_index(uniform(N, F), changed(directions(N), (6, 1, math.nan))),
}
birds = ["00000_a_b_c", "00001_a_b_d", "00002_a_e_f", "00003_g_h_i"]
images = [birds[i // 8] for i in range(32)]
some = [rng.choice(32, 16, replace=False).tolist() for _ in range(6)]
c, d, f, i = 0, 8, 16, 24  # the first image of each class; c and d share two ranks, with f one, with i none
set_cases = {
    "all dead": sets(some, [0] * 6, images, [0.5, 0.5]),
    "one alive": sets(some, [0, 0, 0.5, 0, 0, 0], images, [0.5, 0.5]),
    "one image": sets([[3]] * 6, [0.5] * 6, images, [0.5, 0.5]),
    # Means of 1.5 and 2.5 round to the even number; of two depths that are as common the one met first counts.
    "ties": sets([[c, d, f, f + 1], [c, c + 1, c + 2, d], [c, c + 1, c + 2, i], [i, c, c + 1, c + 2], [c, i, c + 1, c + 2],
                  [c, c + 1, d, i]], [1] * 6, images, [0.17, 0.17, 0.17, 0.17, 0.32]),
    "two images": sets([[c, d], [c, f], [c, i], [c, c + 1], [c, d], [f, i]], [1] * 6, images, [0.5, 0.5]),
    "all the same": sets([some[0]] * 6, [1] * 6, images, [0.5, 0.5]),
    "NaN": sets(some, [1, 1, 1, 1, math.nan, 1], images, [0.5, 0.5]),
}
lines = lambda cases: ",\n".join(f"  {json.dumps(name)}: {json.dumps(case)}" for name, case in cases.items())
with open(os.path.join(here, "degenerate.json"), "w") as file:
    file.write('{"activations": {\n' + lines(cases) + '\n },\n "sets": {\n' + lines(set_cases) + "\n }\n}\n")
for name, case in {**cases, **{"sets " + n: c for n, c in set_cases.items()}}.items():
    print(name, {k: v for k, v in case.items() if isinstance(v, dict)})
