// Loading Hugging Face model folders: what one asks for and what is reported, whatever the family.
#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <stop_token>
#include <string>
#include <vector>

#include "core/base/progress.h"

namespace sememe {

// Every model_type that this program reads, for messages: "clip, clip_vision_model, …".
extern const char* const kModelTypes;

struct LoadOptions {
  at::Device device = at::kCPU;
  at::ScalarType dtype = at::kFloat;  // float32, bfloat16 or float16; weights are cast one by one
  // Whether the matrices of a language model's layers are kept in 8 bits (LinearImpl::toEightBits()), each as soon as it is
  // read; embedding and head stay in `dtype`.
  bool eightBits = false;
  ProgressFn progress;                // in bytes of the checkpoint; may be empty
  std::stop_token stop;               // asked between two weights
};

// What a folder held against what the model needed. Keys are spelt as in the checkpoint where they are from it, and as
// the module spells them where they are missing.
struct LoadReport {
  std::vector<std::string> missing;     // weights that the folder lacks
  std::vector<std::string> unused;      // keys that no part of the model knows
  std::vector<std::string> otherParts;  // keys of the folder's other tower, known and not wanted here
  std::string dtype;                    // of the stored weights: "float32", "float16", "bfloat16"; "mixed"
  int64_t parameters = 0;               // numbers in the model
  int64_t eightBitParameters = 0;       // of them, those that LoadOptions::eightBits is about
  int64_t bytes = 0;                    // of the checkpoint's tensors
  std::string fingerprint;              // of config.json and the weights
};

// Bytes of memory for the weights.
int64_t weightBytes(const LoadReport& report, at::ScalarType dtype, bool eightBits);

// Whether the weights find room where they are to go. Throws Error (Invalid) that says how much they need, as wanted and
// in 8 bits, and how much is free. `free`: bytes.
void checkRoom(const LoadReport& report, const LoadOptions& options, int64_t free);
// The same with what is free on the device; the CPU's memory is not asked, since it can be swapped.
void checkRoom(const LoadReport& report, const LoadOptions& options);

// What all loaders have in common. They read each weight from the mapped files straight to where it goes, so that
// beside the model there is one weight at a time in memory, and they throw
//   Error NotFound     a file; weights that are missing (all named, with the unused ones)
//         Corrupt      config.json, the weight files, a weight that is not finite (file and key named)
//         Unsupported  model_type (with the supported ones listed) or a setting of config.json
//         Mismatch     a weight's shape or type: file, key, expected and found
//         Invalid      a value of config.json; a weight beyond the range of the wanted dtype
//   Cancelled          a stop was asked for; nothing is left behind

}  // namespace sememe
