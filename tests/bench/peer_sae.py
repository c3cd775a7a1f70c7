"""What bench_sae compares with: training steps of dictionary_learning on the same batches from the same weights.

    python peer_sae.py LIBRARY FOLDER TYPE THREADS

FOLDER holds batches.pt [steps, rows, d] and initial/ae.pt. Prints one line of JSON: seconds and loss of each step, and the
process's largest memory in bytes.
"""
import json
import os
import resource
import sys
import time
import types

import torch

library, folder, kind, threads = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])
package = types.ModuleType("dictionary_learning")  # its __init__ pulls in language-model tooling
package.__path__ = [os.path.join(library, "dictionary_learning")]
trainers = types.ModuleType("dictionary_learning.trainers")
trainers.__path__ = [os.path.join(library, "dictionary_learning", "trainers")]
sys.modules.update({"dictionary_learning": package, "dictionary_learning.trainers": trainers})
from dictionary_learning.trainers.batch_top_k import BatchTopKTrainer  # noqa: E402
from dictionary_learning.trainers.matryoshka_batch_top_k import MatryoshkaBatchTopKTrainer  # noqa: E402
from dictionary_learning.trainers.standard import StandardTrainer  # noqa: E402

torch.set_num_threads(threads)
batches = torch.load(os.path.join(folder, "batches.pt"))
initial = torch.load(os.path.join(folder, "initial", "ae.pt"))
d = batches.shape[2]
common = dict(steps=1000, activation_dim=d, layer=0, lm_name="", lr=1e-3, warmup_steps=1, seed=0, device="cpu")
if kind == "standard":
    trainer = StandardTrainer(dict_size=initial["encoder.weight"].shape[0], sparsity_warmup_steps=0, **common)
elif kind == "batch_topk":
    trainer = BatchTopKTrainer(dict_size=initial["encoder.weight"].shape[0], k=int(initial["k"]), **common)
else:
    size = initial["W_enc"].shape[1]
    fractions = [int(n) / size for n in initial["group_sizes"]]
    trainer = MatryoshkaBatchTopKTrainer(dict_size=size, k=int(initial["k"]), group_fractions=fractions, **common)
trainer.ae.load_state_dict(initial)
seconds, losses = [], []
for step, batch in enumerate(batches):
    if kind == "standard":  # its update() keeps the loss to itself
        losses.append(trainer.loss(batch, step=step).item())
    start = time.perf_counter()
    loss = trainer.update(step, batch)
    seconds.append(time.perf_counter() - start)
    if kind != "standard":
        losses.append(loss)
memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
print(json.dumps({"seconds": seconds, "losses": losses, "memory": memory}))
