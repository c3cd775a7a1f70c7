"""Makes tests/golden/sae/validation.json: what the validation() of the paper's training says of the dictionaries beside it.

    git clone https://github.com/ExplainableML/sae-for-vlm
    git clone https://github.com/saprmarks/dictionary_learning && pip install torch einops tqdm
    python tests/golden/make_validation.py --paper sae-for-vlm --library dictionary_learning

Written for commits 69e211d and 60ec6bf5. Rows: the first 100 of batches.pt, in batches of 37.
"""
import argparse
import ast
import json
import os
import types

import dictionary_learning_alone
import torch as t

parser = argparse.ArgumentParser()
parser.add_argument("--paper", required=True)
parser.add_argument("--library", required=True)
args = parser.parse_args()
here = os.path.join(os.path.dirname(os.path.abspath(__file__)), "sae")

# The function alone: its file imports what it does not need.
source = open(os.path.join(args.paper, "dictionary_learning", "training.py")).read()
function = next(node for node in ast.parse(source).body if isinstance(node, ast.FunctionDef) and node.name == "validation")
scope = {"t": t}
exec(compile(ast.Module([function], []), "validation", "exec"), scope)

dictionary_learning_alone.use(args.library)
from dictionary_learning.trainers.batch_top_k import BatchTopKSAE  # noqa: E402
from dictionary_learning.trainers.matryoshka_batch_top_k import MatryoshkaBatchTopKSAE  # noqa: E402
from dictionary_learning.trainers.top_k import AutoEncoderTopK  # noqa: E402


class Queue(dict):
    put = dict.update


result = {}
rows = t.load(os.path.join(here, "batches.pt")).flatten(0, 1)[:100]
for name, kind in [("topk", AutoEncoderTopK), ("batch_topk", BatchTopKSAE), ("matryoshka_batch_topk", MatryoshkaBatchTopKSAE)]:
    ae = kind.from_pretrained(os.path.join(here, f"{name}_final", "ae.pt"))
    norm_factor = t.load(os.path.join(here, f"{name}.pt"))["norm_factor"].item()
    ae.scale_biases(1 / norm_factor)
    queue = Queue()
    scope["validation"](rows.split(37), t.float32, types.SimpleNamespace(ae=ae), queue, norm_factor)
    result[name] = queue
with open(os.path.join(here, "validation.json"), "w") as file:
    json.dump(result, file, indent=1)
