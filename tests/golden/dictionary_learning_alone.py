"""dictionary_learning from a checkout, without the language-model tooling that its package pulls in."""
import os
import sys
import types


def use(checkout):
    package = types.ModuleType("dictionary_learning")
    package.__path__ = [os.path.join(checkout, "dictionary_learning")]
    trainers = types.ModuleType("dictionary_learning.trainers")
    trainers.__path__ = [os.path.join(checkout, "dictionary_learning", "trainers")]
    evaluation = types.ModuleType("dictionary_learning.evaluation")
    evaluation.evaluate = None
    sys.modules.update({"dictionary_learning": package, "dictionary_learning.trainers": trainers,
                        "dictionary_learning.evaluation": evaluation, "wandb": types.ModuleType("wandb")})
