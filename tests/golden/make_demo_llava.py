"""Writes tests/golden/demo_llava: what transformers answers with the LLaVA of resources/demo/llava.

    sememe-cli demo --out demo --images 100
    python tests/golden/make_demo_llava.py demo/world      (needs torch, transformers, pillow; written with 2.13.0 and 5.23.0)

Four images of the demo world as PNG, and answers.json: by image and question the prompt's ids as AutoProcessor makes
them from the chat template (the image's token once for each of its patches), and the ids and the text of the greedy answer.
"""

import json
import pathlib
import sys

import torch
from PIL import Image
from transformers import AutoProcessor, LlavaForConditionalGeneration

HERE = pathlib.Path(__file__).parent
MODEL = HERE.parent.parent / "resources" / "demo" / "llava"
OUT = HERE / "demo_llava"
IMAGES = (0, 2, 5, 9)
QUESTIONS = ("What is shown in this image? Use exactly one word!", "Describe the image.", "what COLOR is the background")


def main():
    processor = AutoProcessor.from_pretrained(MODEL, backend="pil")
    model, loading = LlavaForConditionalGeneration.from_pretrained(MODEL, dtype=torch.float32, output_loading_info=True)
    assert not any(loading[key] for key in ("missing_keys", "unexpected_keys", "mismatched_keys")), loading
    OUT.mkdir(exist_ok=True)
    answers = []
    for index in IMAGES:
        (path,) = pathlib.Path(sys.argv[1]).glob(f"**/{index:06d}.*")
        image = Image.open(path).convert("RGB")
        image.save(OUT / f"{index:06d}.png")  # whoever decodes it gets these pixels
        for question in QUESTIONS:
            talk = [{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": question}]}]
            text = processor.apply_chat_template(talk, add_generation_prompt=True)
            inputs = processor(images=image, text=text, return_tensors="pt")
            with torch.no_grad():
                result = model.eval().generate(**inputs, max_new_tokens=32, do_sample=False, return_dict_in_generate=True, output_scores=True)
            for scores in result.scores:
                best = scores[0].topk(2).values
                assert best[0] - best[1] > 1e-2, "too close a choice for rounding; take another image"
            ids = result.sequences[0, inputs["input_ids"].shape[1]:].tolist()
            assert ids[-1] == model.generation_config.eos_token_id
            answers.append({"image": f"{index:06d}.png", "question": question, "prompt": inputs["input_ids"][0].tolist(),
                            "answer": ids[:-1], "text": processor.decode(ids, skip_special_tokens=True).strip()})
            print(index, question, "->", answers[-1]["text"])
    (OUT / "answers.json").write_text(json.dumps(answers) + "\n")


if __name__ == "__main__":
    main()
