"""Makes tests/golden/analysis: what the paper's metric.py and find_hai_indices.py give on seeded data.

    git clone https://github.com/ExplainableML/sae-for-vlm && pip install torch numpy tqdm
    python tests/golden/make_analysis.py --paper sae-for-vlm

Written for commit 69e211dc. activations.pt and embeddings.pt are the inputs; the other files are the programs' own
outputs. Both programs run unchanged, on the CPU (.cuda() does nothing) and without worker processes.
"""
import argparse
import os
import runpy
import shutil
import sys
import tempfile
import types

import torch

parser = argparse.ArgumentParser()
parser.add_argument("--paper", required=True, help="the checkout of sae-for-vlm")
args = parser.parse_args()
here = os.path.join(os.path.dirname(os.path.abspath(__file__)), "analysis")
os.makedirs(here, exist_ok=True)
torch.set_num_threads(1)

N, D = 230, 10
g = torch.Generator().manual_seed(11)
centres = torch.randn(6, D, generator=g)
kind = torch.randint(0, 6, (N,), generator=g)
embeddings = centres[kind] + 0.7 * torch.randn(N, D, generator=g)
embeddings[17] = 0


def uniform(*shape):
    return torch.rand(*shape, generator=g)


columns = []
for c in range(6):  # neurons of one kind of image
    columns.append(uniform(N) * (kind == c))
for c in range(6):  # the same with some noise
    columns.append(uniform(N) * (kind == c) + 0.2 * uniform(N) * (uniform(N) < 0.3))
columns.append(torch.zeros(N))  # dead
columns.append(torch.full((N,), 0.37))  # constant
columns.append((torch.arange(N) == 40) * 2.5)  # one image
columns.append(0.5 - (torch.arange(N) == 41) * 0.5)  # all but one
columns.append(uniform(N) + 0.1)  # always active
columns.append(torch.randn(N, generator=g))  # a raw neuron: negative values too
columns.append(torch.randn(N, generator=g) - 9)  # never above zero
columns.append(1e-6 * uniform(N) * (kind == 2))  # tiny
spike = 1e-6 * uniform(N)
spike[60] = 1
columns.append(spike)  # one image outweighs all others
columns.append((torch.arange(N) % 115 == 3) * 1.0)  # a pair
for _ in range(4):
    columns.append(uniform(N) * (uniform(N) < 0.1))
activations = torch.stack([c.float() for c in columns], dim=1).contiguous()

torch.save(activations, os.path.join(here, "activations.pt"))
torch.save(embeddings, os.path.join(here, "embeddings.pt"))

sys.path.insert(0, args.paper)
torch.Tensor.cuda = lambda self, *a, **k: self
loader = torch.utils.data.DataLoader
torch.utils.data.DataLoader = lambda *a, **k: loader(*a, **{**k, "num_workers": 0})
vision, utils = types.ModuleType("torchvision"), types.ModuleType("utils")  # imported and not used
vision.transforms = utils.get_dataset = None
sys.modules.update({"torchvision": vision, "utils": utils})

with tempfile.TemporaryDirectory() as folder:
    torch.save(activations[:100], os.path.join(folder, "a_part1.pt"))
    torch.save(activations[100:], os.path.join(folder, "a_part2.pt"))
    sys.argv = ["metric.py", "--embeddings_path", os.path.join(here, "embeddings.pt"), "--activations_dir", folder,
                "--output_subdir", "ms"]
    runpy.run_path(os.path.join(args.paper, "metric.py"), run_name="__main__")
    for name in ["all_neurons_scores.pth", "metric_stats_new.txt"]:
        shutil.copy(os.path.join(folder, "ms", name), os.path.join(here, name))
    sys.argv = ["find_hai_indices.py", "--activations_dir", folder, "--k", "16", "--chunk_size", "64"]
    runpy.run_path(os.path.join(args.paper, "find_hai_indices.py"), run_name="__main__")
    for name in ["hai_indices_16.npy", "hai_indices_16_worst.npy"]:
        shutil.copy(os.path.join(folder, name), os.path.join(here, name))
