// From an image to a vision model's input, exactly as Hugging Face's image processor does it.
#pragma once

#include <ATen/ATen.h>

#include <array>
#include <filesystem>
#include <span>
#include <string>

#include "core/image/image.h"
#include "core/image/resample.h"

namespace sememe {

// What preprocessor_config.json says, with its class's defaults filled in. The steps run in this order.
struct PreprocessConfig {
  bool resize = true;
  int shortestEdge = 224;  // > 0: the shorter edge becomes this, the longer follows (truncated); 0: resizeHeight x resizeWidth
  int resizeHeight = 0;
  int resizeWidth = 0;
  Resample resample = Resample::Bicubic;

  bool centerCrop = true;  // where the image is smaller than the crop, black (0 before rescaling) fills up
  int cropHeight = 224;
  int cropWidth = 224;

  bool rescale = true;
  double rescaleFactor = 1.0 / 255.0;

  bool normalize = true;
  std::array<double, 3> mean{0.48145466, 0.4578275, 0.40821073};
  std::array<double, 3> std{0.26862954, 0.26130258, 0.27577711};

  // Stable text of everything that changes a pixel, for keys of stored results.
  std::string fingerprint() const;

  // Whether every image comes out at one size, outputHeight() x outputWidth(), so that batches can be made of them.
  bool fixedSize() const { return centerCrop || (resize && shortestEdge == 0); }
  int outputHeight() const { return centerCrop ? cropHeight : resizeHeight; }
  int outputWidth() const { return centerCrop ? cropWidth : resizeWidth; }
};

// Reads the image_processor part of modelFolder/processor_config.json where there is one, else
// modelFolder/preprocessor_config.json. Known are the processors of CLIP (LLaVA's too), SigLIP, DINOv2 (Bit) and ViT, old
// and new forms alike; where the file does not name its kind, config.json's model_type does. Throws Error: NotFound when neither file is
// there, Corrupt for broken JSON or values outside their range, Unsupported for another kind of processor.
PreprocessConfig readPreprocessConfig(const std::filesystem::path& modelFolder);

// float32 [3, H, W], channels red, green, blue. Equal to the processor's PIL form (`use_fast=False`) on the same pixels.
// Throws Error (Invalid) for an empty image, or one that would be resized to nothing or to more than kMaxImagePixels. Any
// thread.
at::Tensor preprocess(const Image& image, const PreprocessConfig& config);

// The picture that is normalised: 8-bit RGB after the resize and the crop, of the size that preprocess() comes out at. What a
// person is shown of what the model sees. Throws as preprocess(). Any thread.
Image resizeAndCrop(const Image& image, const PreprocessConfig& config);

// The same as preprocess() into memory of the caller: 3 * H * W floats, [3, H, W]. Throws Error (Mismatch) too, when `out` has another
// size than the image comes out at.
void preprocessInto(const Image& image, const PreprocessConfig& config, std::span<float> out);

}  // namespace sememe
