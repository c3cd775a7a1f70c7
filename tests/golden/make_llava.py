"""Writes tests/golden/models/llama* and llava*: tiny seeded language models and what transformers computes with them.

    python tests/golden/make_llava.py            (needs torch and transformers; written with 2.13.0 and 5.23.0)

expected.safetensors of each folder, in float32: "ids" [1, T], "hidden.N" (transformers' hidden_states: the last one is
normed), "logits" [1, T, V] and "greedy" [1, 32], the tokens that follow, the same with and without a cache. llama*: also
"batch.ids" and "batch.mask" [3, T], padded on the left, "batch.last" [3, V], the logits at the last position, and
"batch.greedy". llava*: also "pixels" and "features" [I, F, D], what the projector gives.
"""

import json

import torch
from make_models import fresh, seeded, write_expected
from safetensors.torch import load_file, save_file
from transformers import (
    CLIPVisionConfig,
    LlamaConfig,
    LlamaForCausalLM,
    LlavaConfig,
    LlavaForConditionalGeneration,
    SiglipVisionConfig,
)

NEW_TOKENS = 32
VOCABULARY = 97
IMAGE = 90  # the token that stands for an image
# Head width 10, which is not hidden / heads; three query heads share a key head.
TEXT = dict(vocab_size=VOCABULARY, hidden_size=48, intermediate_size=56, num_hidden_layers=3, num_attention_heads=6,
            num_key_value_heads=2, head_dim=10, max_position_embeddings=64, rms_norm_eps=1e-5, eos_token_id=None,
            bos_token_id=1, pad_token_id=0)
VISION = dict(hidden_size=36, intermediate_size=50, num_hidden_layers=4, num_attention_heads=4, image_size=28, patch_size=14)


def tokens(seed, *shape):
    return torch.randint(2, IMAGE, shape, generator=torch.Generator().manual_seed(seed))


def greedy(model, ids, use_cache=True, **inputs):
    """The next tokens; every choice has to be a clear one, so that rounding cannot change it."""
    with torch.no_grad():
        result = model.generate(input_ids=ids, max_new_tokens=NEW_TOKENS, min_new_tokens=NEW_TOKENS, do_sample=False,
                                use_cache=use_cache, return_dict_in_generate=True, output_scores=True, **inputs)
    for scores in result.scores:
        best = scores.topk(2).values
        assert (best[:, 0] - best[:, 1]).min() > 1e-3, "another seed is needed"
    return result.sequences[:, ids.shape[1]:]


def greedy_both(model, ids, **inputs):
    found = greedy(model, ids, **inputs)
    assert found.equal(greedy(model, ids, use_cache=False, **inputs))
    return found


def sharper(model):
    """Larger logits, so that the greedy choices are clear ones."""
    with torch.no_grad():
        model.get_output_embeddings().weight.mul_(4)
    return model


def edit_config(folder, change):
    path = folder / "config.json"
    config = json.loads(path.read_text())
    change(config)
    path.write_text(json.dumps(config, indent=2))


def expect(out, model, ids, **inputs):
    out["ids"] = ids
    with torch.no_grad():
        result = model(input_ids=ids, output_hidden_states=True, **inputs)
    for i, h in enumerate(result.hidden_states):
        out[f"hidden.{i}"] = h
    out["logits"] = result.logits
    out["greedy"] = greedy_both(model, ids, **inputs)


def llama(name, seed, dtype, config, old=None, **save):
    folder = fresh(name)
    sharper(seeded(LlamaForCausalLM(LlamaConfig(**config)), seed)).to(dtype).save_pretrained(folder, **save)
    if old:
        edit_config(folder, old)
    model = LlamaForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager").eval()
    out = {}
    expect(out, model, tokens(seed, 1, 21))
    ids, mask = tokens(seed + 50, 3, 9), torch.ones(3, 9, dtype=torch.long)
    for row, padding in enumerate((0, 4, 7)):
        ids[row, :padding], mask[row, :padding] = 0, 0
    out["batch.ids"], out["batch.mask"] = ids, mask
    positions = (mask.cumsum(-1) - 1).clamp_min(0)
    with torch.no_grad():
        out["batch.last"] = model(input_ids=ids, attention_mask=mask, position_ids=positions).logits[:, -1]
    out["batch.greedy"] = greedy_both(model, ids, attention_mask=mask)
    write_expected(folder, out)


def rename(folder, rules):
    """transformers saves language_model.model.*, language_model.lm_head.*, vision_tower.*, multi_modal_projector.*."""
    path = folder / "model.safetensors"
    weights = {}
    for key, value in load_file(path).items():
        for before, after in rules:
            if key.startswith(before):
                key = after + key[len(before):]
                break
        weights[key] = value
    save_file(weights, path, {"format": "pt"})


def llava(name, seed, dtype, vision, text, images, rules, **config):
    folder = fresh(name)
    config = LlavaConfig(vision_config=vision, text_config=LlamaConfig(**text), image_token_index=IMAGE, **config)
    model = sharper(seeded(LlavaForConditionalGeneration(config), seed)).to(dtype)
    model.save_pretrained(folder)
    rename(folder, rules)
    model = LlavaForConditionalGeneration.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager").eval()
    out = {"pixels": torch.randn(images, 3, 28, 28, generator=torch.Generator().manual_seed(seed))}
    with torch.no_grad():
        out["features"] = torch.stack(list(model.get_image_features(out["pixels"], return_dict=True).pooler_output))
    count = out["features"].shape[1]
    parts = [tokens(seed, 1, 3)]
    for i in range(images):
        parts += [torch.full((1, count), IMAGE), tokens(seed + 1 + i, 1, 4)]
    expect(out, model, torch.cat(parts, 1), pixel_values=out["pixels"])
    write_expected(folder, out)


def main():
    # Everything that Llama 3 brought, in the new spelling (rope_parameters), and tied weights.
    llama("llama", 21, torch.float32,
          dict(TEXT, num_hidden_layers=2, tie_word_embeddings=True, attention_bias=True, mlp_bias=True,
               rope_parameters=dict(rope_type="llama3", rope_theta=5000.0, factor=4.0, low_freq_factor=1.0,
                                    high_freq_factor=4.0, original_max_position_embeddings=16)))

    # As Llama 2's time wrote it: rope_theta and rope_scaling apart; no grouping; float16 in shards.
    def old(config):
        del config["rope_parameters"]
        config.update(rope_theta=700.0, rope_scaling={"type": "linear", "factor": 2.5})

    plain = {k: v for k, v in TEXT.items() if k not in ("num_key_value_heads", "head_dim")}
    llama("llama_linear", 22, torch.float16,
          dict(plain, rope_parameters=dict(rope_type="linear", rope_theta=700.0, factor=2.5)), old, max_shard_size="40KB")

    # The scheme of llava-1.5-7b-hf as published first, CLIP's tower, two images.
    llava("llava", 23, torch.float16, CLIPVisionConfig(**VISION, projection_dim=10), TEXT, 2,
          [("vision_tower.", "vision_tower.vision_model.")])

    # The newer scheme, SigLIP's tower, several layers read, all tokens, no bias in the projector.
    llava("llava_siglip", 24, torch.bfloat16, SiglipVisionConfig(**VISION, vision_use_head=False),
          dict(plain, num_hidden_layers=2), 1,
          [("language_model.model.", "model.language_model."), ("language_model.lm_head.", "lm_head."),
           ("vision_tower.", "model.vision_tower."), ("multi_modal", "model.multi_modal")],
          vision_feature_layer=[-1, 0, 2], vision_feature_select_strategy="full", multimodal_projector_bias=False,
          projector_hidden_act="gelu_pytorch_tanh")


if __name__ == "__main__":
    main()
